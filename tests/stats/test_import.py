"""The floor stays cheap to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import heldout.stats

FOLDER = Path(heldout.stats.__file__).parent


def test_no_file_pulls_in_scipy_or_the_rest_of_the_package() -> None:
    names = [f"heldout.stats.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER.parents[1])!r}); import heldout; before = set(sys.modules);"
        f"import {', '.join(names)};"
        "print([m for m in set(sys.modules) - before if m.split('.')[0] in ('scipy', 'matplotlib')"
        " or (m.startswith('heldout.') and not m.startswith('heldout.stats'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(names) > 10
    assert out.stdout.strip() == "[]"


def test_the_front_page_names_every_file() -> None:
    page = heldout.stats.__doc__ or ""
    assert [path.stem for path in FOLDER.glob("[a-z]*.py") if f"`{path.stem}`" not in page] == []

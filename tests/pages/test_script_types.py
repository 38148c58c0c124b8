"""Scripts of pages keep to the types that they state; asked of TypeScript where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from heldout import pages

STRICT = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable"]


def test_shared_scripts_are_typed() -> None:
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip(
            "no TypeScript on this machine, so the types of scripts were not checked; npm install -g typescript"
        )
    folder = resources.files("heldout.pages").joinpath("assets")
    ours = [str(folder.joinpath(name)) for name in pages.SCRIPTS if "/" not in name]
    command = [tsc, *STRICT, str(Path(__file__).with_name("page.d.ts")), *ours]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == ""

"""What an earlier report left in a folder, so that the next one does not stand beside what is no longer true."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import orjson

from heldout.charts.spec import KINDS

PAGES = ("report.html", "report.md", "report.json")
INDEX = "index.html"
_SCHEMA = "heldout.report/"
_OF_AN_INDEX = "Reports · heldout</title>".encode()


def written_before(folder: Path) -> set[str]:
    """Return the names of files that heldout wrote into a folder: pages, and figures as its report.json names them."""
    names: set[str] = set()
    with suppress(OSError):
        if _OF_AN_INDEX in (folder / INDEX).read_bytes()[:2000]:
            names.add(INDEX)
    try:
        report = orjson.loads((folder / "report.json").read_bytes())
    except (OSError, ValueError):
        return names
    if not isinstance(report, dict) or not str(report.get("schema")).startswith(_SCHEMA):
        return names
    listed = report.get("figures")
    figures = [name for files in listed.values() for name in files] if isinstance(listed, dict) else []
    names |= {name for name in figures if isinstance(name, str) and Path(name).name == name}
    return {name for name in names if name == INDEX or Path(name).suffix[1:] in KINDS} | {*PAGES}


def remove(folder: Path, names: set[str]) -> None:
    """Remove files from a folder; what cannot be removed is left."""
    for name in names:
        path = folder / name
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()

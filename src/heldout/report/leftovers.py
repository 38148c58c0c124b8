"""What an earlier report left in a folder, so that the next one does not stand beside what is no longer true."""

from __future__ import annotations

import re
from contextlib import suppress
from html import unescape
from pathlib import Path

import orjson

from heldout.charts.spec import KINDS

PAGES = ("report.html", "report.md", "report.json")
INDEX = "index.html"
_SCHEMA = "heldout.report/"
_LINK = re.compile(r'<a href="([^"/\\]+)/report\.html">')
_OF_AN_INDEX = "Reports · heldout</title>".encode()


def written_before(folder: Path) -> set[str]:
    """Return the names of files that heldout wrote into a folder: pages, and figures as its report.json names them."""
    names = {INDEX} if _index(folder) else set[str]()
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


def reports_before(folder: Path) -> set[str]:
    """Return the names of folders beside an index that heldout wrote: those of the reports that it leads to."""
    return {unescape(name) for name in _LINK.findall(_index(folder))} - {".", ".."}


def remove_reports(folder: Path, names: set[str]) -> None:
    """Remove reports of runs: what heldout wrote into these folders, and the folders where nothing else is left."""
    for name in names:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            remove(path, written_before(path))
            with suppress(OSError):
                path.rmdir()


def _index(folder: Path) -> str:
    """Return the text of the index that heldout wrote into a folder; empty where there is none."""
    try:
        text = (folder / INDEX).read_bytes()
    except OSError:
        return ""
    return text.decode("utf-8", "replace") if _OF_AN_INDEX in text[:2000] else ""


def remove(folder: Path, names: set[str]) -> None:
    """Remove files from a folder; what cannot be removed is left."""
    for name in names:
        path = folder / name
        if path.is_file() and not path.is_symlink():
            with suppress(OSError):
                path.unlink()

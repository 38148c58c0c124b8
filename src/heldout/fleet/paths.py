"""From what a person types to the places of runs: folders, patterns, files of paths."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from heldout.errors import ReadError, UsageError
from heldout.fleet.places import DEPTH, Places, places_in
from heldout.readers.elsewhere import local, look
from heldout.remote.address import address_of
from heldout.remote.index import shown

_OF_PATHS = "@"  # before the name of a file that lists paths
_REMARK = "#"


def places_of(paths: Sequence[str | Path], depth: int = DEPTH) -> Places:
    """Return the places of all runs under these paths, each once, and what was left with the reason.

    A path is a folder, a log, an address such as ``s3://bucket/runs``, a pattern such as ``runs/*/seed-*``, or
    ``@runs.txt``: a file with a path on each line.
    Links are followed. A UsageError where a file of paths cannot be read.
    """
    places, roots = Places(), dict[Path, Path]()  # resolved, as it was given
    for path in _listed(paths):
        try:
            those = matched(path)
        except ReadError as error:
            places.left[shown(path)] = str(error)
            continue
        if not those:
            places.left[path] = f"{path}: there is no such file or folder, and no name fits it as a pattern."
        for one in those:
            roots.setdefault(one.resolve(), one)
    found = places_in(list(roots), depth, anywhere=True)
    places.left |= found.left
    places.found = list({one.path.resolve(): one for one in reversed(found.found)}.values())[::-1]
    return places


def since(text: str) -> float:
    """Return a date, such as 2026-11-01 or 2026-11-01T12:00, in seconds of the epoch; a UsageError for none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise UsageError(f"--since is {text!r}; it must be a date such as 2026-11-01, or 2026-11-01T12:00.") from None


def _listed(paths: Sequence[str | Path]) -> Iterator[str]:
    """Yield every path, those in files of paths as well."""
    for path in map(str, paths):
        if not path.startswith(_OF_PATHS) or Path(path).exists():
            yield path
            continue
        try:
            lines = Path(path[1:]).expanduser().read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise UsageError(f"{path[1:]}: the list of paths cannot be read ({error.strerror or error}).") from error
        yield from (line.strip() for line in lines if line.strip() and not line.strip().startswith(_REMARK))


def matched(path: str) -> list[Path]:
    """Return what is there under a path; of a pattern, all that fits."""
    if address_of(path) is not None:
        where = local(path)
        look(where)
        return [where]
    try:
        where = Path(path).expanduser()
        return [where] if where.exists() else [Path(one) for one in sorted(glob.glob(str(where), recursive=True))]
    except (OSError, ValueError, RuntimeError):  # a name that is too long, or holds a null
        return []

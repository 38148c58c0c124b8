"""Files that were rotated: ``train.log``, ``train.log.1``, ``train.log.2.gz`` are one log, the newest part last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from heldout.readers.packing import bare

# As logrotate and the handlers of Python's logging name them: by number, the highest the oldest, or by date.
_NUMBERED = re.compile(r"(.+\.(?:log|txt|out|err|jsonl|ndjson|json))\.(\d{1,4})", re.IGNORECASE)
_DATED = re.compile(
    r"(.+\.(?:log|txt|out|err|jsonl|ndjson|json))[.-](\d{4}-?\d\d-?\d\d(?:[-_T]?\d\d){0,3})",
    re.IGNORECASE,
)


def rotated(paths: Iterable[Path]) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Yield each file with the older parts of it, the oldest first; the parts are not given on their own."""
    paths = list(paths)
    there = set(paths)
    older: dict[Path, list[tuple[tuple[int, str], Path]]] = {}
    for path in paths:
        base, age = _base(path)
        if base is not None and base in there:
            older.setdefault(base, []).append((age, path))
    parts = {path for found in older.values() for _, path in found}
    for path in paths:
        if path not in parts:
            yield path, tuple(part for _, part in sorted(older.get(path, [])))


def _base(path: Path) -> tuple[Path | None, tuple[int, str]]:
    """Return the file that a part was split off from, and what orders the parts by age."""
    if found := _NUMBERED.fullmatch(bare(path).name):
        return path.with_name(found.group(1)), (-int(found.group(2)), "")
    if found := _DATED.fullmatch(bare(path).name):
        return path.with_name(found.group(1)), (-10_000, re.sub(r"\D", "", found.group(2)).ljust(14, "0"))
    return None, (0, "")

"""The checkpoints of a run: folders named after a step, in its own folder and in those that only keep checkpoints.

What stands in other folders may be of another run, whose steps are not those of the log, and is left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.found import Found
from heldout.readers.folders.walk import is_second_name
from heldout.run import Note, NoteKind

_CHECKPOINT = re.compile(r"(?:checkpoint[-_]|step-|global_step_?)(\d{1,18})")
# Folders whose name says that they keep what a training writes.
_KEEPING = re.compile(
    r"(?:saved?|best|all|hf|model|policy|actor|train)?[-_]?"
    r"(?:checkpoints?|ckpts?|weights|models?|outputs?|outs?|results?|saves?|saved|artifacts|policy|actor)",
    re.IGNORECASE,
)
_DEEPEST = 3  # folders below that of the run


def with_checkpoints(root: Path, found: list[Found]) -> list[Found]:
    """Give each run that is alone in its folder the checkpoints which are its own."""
    holds = Counter(one.folder for one in found)
    runs = Counter(above for folder in holds for above in (folder, *folder.parents))
    there = {folder: _own(_home(root, folder, runs), folder, runs) for folder, held in holds.items() if held == 1}
    return [_with(one, there.get(one.folder, [])) for one in found]


def _home(root: Path, folder: Path, runs: Counter[Path]) -> Path:
    """Return the highest folder that holds the run of a folder, and no other one."""
    while folder != root and runs[folder.parent] == 1:
        folder = folder.parent
    return folder


def _with(one: Found, families: list[dict[int, Path]]) -> Found:
    """Add the checkpoints; where several folders keep some, those of the training cannot be told."""
    if len(families) > 1:
        kept = ", ".join(sorted(str(next(iter(family.values())).parent) for family in families)[:4])
        text = (
            f"Checkpoints are in several folders ({kept}), which may be of several trainings; none of them was taken."
        )
        return one.said(Note(NoteKind.IGNORED, text, sum(map(len, families))))
    own = {step: str(path) for family in families for step, path in family.items()}
    return replace(one, log=replace(one.log, checkpoints={**own, **one.log.checkpoints}))


def _own(home: Path, folder: Path, runs: Counter[Path]) -> list[dict[int, Path]]:
    """Return the checkpoints of the run of a folder, those of each folder that keeps some together.

    Those that stand beside the log, or in a folder above that holds no other run, go first.
    """
    on_the_way = sorted({home, *(one for one in (folder, *folder.parents) if home in one.parents)})
    direct = {step: path for one in on_the_way for step, path in _numbered(one)}
    if direct:
        return [direct]
    return [dict(family) for one in on_the_way for family in _kept(one, runs, 0)]


def _kept(folder: Path, runs: Counter[Path], depth: int) -> Iterator[list[tuple[int, Path]]]:
    """Yield the checkpoints in each folder below one that keeps what a training writes."""
    for entry in _folders(folder):
        if runs[entry] or (depth == 0 and not _KEEPING.fullmatch(entry.name)):
            continue
        if found := list(_numbered(entry)):
            yield found
        elif depth + 1 < _DEEPEST:
            yield from _kept(entry, runs, depth + 1)


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the folders in a folder that are named after a step and hold something."""
    for entry in _folders(folder):
        named = _CHECKPOINT.fullmatch(entry.name)
        if named is not None and any(entry.iterdir()):
            yield int(named.group(1)), entry


def _folders(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        entry for entry in entries if not entry.name.startswith(".") and not is_second_name(entry) and entry.is_dir()
    ]

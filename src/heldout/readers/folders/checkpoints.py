"""The checkpoints of a run: folders named after a step, in its own folder and in those that only keep checkpoints.

What stands in other folders may be of another run, whose steps are not those of the log, and is left alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from heldout.readers.folders.found import Found
from heldout.readers.folders.walk import is_second_name
from heldout.readers.log import some
from heldout.run import Note, NoteKind

_CHECKPOINT = re.compile(r"(?:checkpoint[-_]|step-|global_step_?)(\d{1,18})")
# Folders whose name says that they keep what a training writes.
_KEEPING = re.compile(
    r"(?:saved?|best|all|hf|model|policy|actor|train)?[-_]?"
    r"(?:checkpoints?|ckpts?|weights|models?|outputs?|outs?|results?|saves?|saved|artifacts|policy|actor)",
    re.IGNORECASE,
)
_DEEPEST = 3  # folders below that of the run


@dataclass(frozen=True, slots=True)
class _Family:
    """Checkpoints that stand together."""

    below: Path  # the folder beside the log in which they are
    folder: Path  # their own
    checkpoints: dict[int, Path]


def with_checkpoints(root: Path, found: list[Found]) -> list[Found]:
    """Give each run that is alone in its folder the checkpoints which are its own."""
    holds = Counter(one.folder for one in found)
    runs = Counter(above for folder in holds for above in (folder, *folder.parents))
    return [_with(root, one, runs) if holds[one.folder] == 1 else one for one in found]


def _home(root: Path, folder: Path, runs: Counter[Path]) -> Path:
    """Return the highest folder that holds the run of a folder, and no other one."""
    while folder != root and runs[folder.parent] == 1:
        folder = folder.parent
    return folder


def _with(root: Path, one: Found, runs: Counter[Path]) -> Found:
    """Add the checkpoints of a run; where several folders keep some, those of the training cannot be told."""
    home = _home(root, one.folder, runs)
    on_the_way = sorted({home, *(at for at in (one.folder, *one.folder.parents) if home in at.parents)})
    own = {step: path for at in on_the_way for step, path in _numbered(at)}
    if not own:
        families = [family for at in on_the_way for family in _kept(at, runs)]
        keeping = [family for family in families if _KEEPING.fullmatch(family.below.name)]
        named = [family for family in keeping if family.folder.name == one.log.name]
        if len(named or keeping) == 1:
            own = (named or keeping)[0].checkpoints
        elif families:
            where = some([str(family.folder.relative_to(root)) for family in keeping or families], 4)
            text = f"Checkpoints were left alone, since nothing says that they are of this run: {where}."
            return one.said(Note(NoteKind.IGNORED, text, len(families)))
    known = {**{step: str(path) for step, path in own.items()}, **one.log.checkpoints}
    return replace(one, log=replace(one.log, checkpoints=known))


def _kept(folder: Path, runs: Counter[Path]) -> Iterator[_Family]:
    """Yield the checkpoints of each folder below one that hold no run."""
    for below in _folders(folder):
        level = [] if runs[below] else [below]
        for _ in range(_DEEPEST):
            deeper = []
            for at in level:
                if found := dict(_numbered(at)):
                    yield _Family(below, at, found)
                else:
                    deeper += [entry for entry in _folders(at) if not runs[entry]]
            level = deeper


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

"""What two judges say of the answers that a run directory keeps: asked again and again while a run goes on.

So each file is read once: what is known of it holds until it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from heldout.errors import UsageError
from heldout.judged import Judged
from heldout.rollouts.files import first_keys
from heldout.rollouts.reading import rollouts_of
from heldout.run import Note, NoteKind
from heldout.store.layout import HIDDEN, ROLLOUTS

_Stamp = tuple[str, int, int]  # name, time and size of a file
_MOST_FILES = 200_000  # that are remembered


class _Part(NamedTuple):
    """What one file, or a whole directory, says."""

    judged: Judged | None
    notes: tuple[Note, ...] = ()
    alone: bool = True  # whether it says itself what was rewarded, so that the other files are not needed for that


def judged_of(folder: Path) -> tuple[Judged | None, list[Note]]:
    """Return what two judges say of the answers that a run directory keeps, and what of them could not be used.

    None where no hidden test was run. Steps that a resumed run has not come to again are still among them.
    """
    files = sorted((folder / ROLLOUTS).glob("[!.]*")) if (folder / ROLLOUTS).is_dir() else []
    later = (folder / HIDDEN).exists()
    if not files or not (later or _has_outcomes(files[-1])):
        return None, []
    parts = [] if later else [_in_file(file, stamp) for file in files if (stamp := _stamp(file)) is not None]
    if later or not all(part.alone for part in parts):
        stamps = tuple(stamp for file in (*files, folder / HIDDEN) if (stamp := _stamp(file)) is not None)
        parts = [_in_folder(folder, stamps)]
    judged = Judged.last_told(_in_groups_of_their_own([part.judged for part in parts if part.judged is not None]))
    known = judged is not None and not np.isnan(judged.failed).all()
    return (judged if known else None), [note for part in parts for note in part.notes]


def _in_groups_of_their_own(parts: Sequence[Judged]) -> list[Judged]:
    """Number the groups of each part behind those of the parts before it."""
    found, begin = [], 0
    for part in parts:
        found.append(Judged(part.step, part.group + begin, *(getattr(part, name) for name in Judged.__slots__[2:])))
        begin += int(part.group.max(initial=-1)) + 1
    return found


def _has_outcomes(newest: Path) -> bool:
    try:
        return "hidden" in (first_keys(newest) or ())
    except (OSError, EOFError, pl.exceptions.PolarsError):
        return True  # it is said when all are read


def _stamp(file: Path) -> _Stamp | None:
    try:
        about = file.stat()
    except OSError:
        return None
    return file.name, about.st_mtime_ns, about.st_size


@lru_cache(maxsize=_MOST_FILES)
def _in_file(file: Path, stamp: _Stamp) -> _Part:
    return _read(file)


@lru_cache(maxsize=8)
def _in_folder(folder: Path, stamps: tuple[_Stamp, ...]) -> _Part:
    return _read(folder)


def _read(path: Path) -> _Part:
    try:
        found = rollouts_of(path)
        judged = found.judged
    except (UsageError, OSError):
        return _Part(None)
    lost = tuple(note for note in found.notes if note.kind is NoteKind.DROPPED)
    return _Part(judged if len(judged) else None, lost, found.paid is not None)

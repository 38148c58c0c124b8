"""Held-out outcomes in files of their own: each belongs to the run above it, else to one of its own."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

from heldout.readers.benchmarks import under_one_name
from heldout.readers.folders.found import Found
from heldout.readers.folders.places import owner
from heldout.readers.log import Log, attached, log_of, noted
from heldout.run import Evaluation, Note, NoteKind
from heldout.text import counted


def with_outcomes(root: Path, found: list[Found], outcomes: list[Found]) -> list[Found]:
    """Give held-out outcomes to the run they belong to: the only one, or the only one of a folder above them.

    Where there is none, they are a run of their own.
    """
    of_folder: dict[Path, list[int]] = {}
    for number, one in enumerate(found):
        of_folder.setdefault(one.folder, []).append(number)
    of_run: dict[int, list[Found]] = {}
    left: dict[Path, list[Found]] = {}
    for one in outcomes:
        above = owner(one.path, root)
        run = 0 if len(found) == 1 else _run_above(above, root, of_folder)
        if run is None:
            left.setdefault(above, []).append(one)
        else:
            of_run.setdefault(run, []).append(one)
    given = [_with(one, of_run.get(number, [])) for number, one in enumerate(found)]
    for folder, those in left.items():
        logs = [one.log for one in those]
        measured, said = under_one_name(_measured(logs))
        own = log_of(measured, logs[0].format, [*_notes(logs), *said])
        given.append(Found(tuple(one.path for one in those), folder, own))
    return given


def _run_above(owner: Path, root: Path, of_folder: dict[Path, list[int]]) -> int | None:
    for above in (owner, *owner.parents):
        here = of_folder.get(above, [])
        if here or above == root:
            return here[0] if len(here) == 1 else None
    return None


def _with(one: Found, outcomes: list[Found]) -> Found:
    if not outcomes:
        return one
    sure = [other for other in outcomes if not other.log.maybe_training]
    log = with_measured(one.log, [other.log for other in outcomes])
    return replace(one, log=log, files=(*one.files, *(other.path for other in sure)))


def with_measured(log: Log, outcomes: list[Log]) -> Log:
    """Add held-out outcomes to a log, but those of which nothing says that they are held out."""
    sure = [other for other in outcomes if not other.maybe_training]
    unsure = len(outcomes) - len(sure)
    text = (
        f"{counted(unsure, 'file')} of judged samples left alone, since no folder says that they are held-out; rename "
        "the folder to val if they are."
    )
    notes = _notes(sure) + noted(NoteKind.IGNORED, unsure, text)
    measured, said = under_one_name(_measured(sure))
    whole = attached(log, measured)
    return replace(whole, notes=(*whole.notes, *notes, *said))


def _measured(logs: list[Log]) -> list[Evaluation]:
    """The measurements of several files in order of steps: each file holds one step, in whatever order they come."""
    return sorted(chain.from_iterable(log.measured for log in logs), key=lambda evaluation: evaluation.step)


def _notes(logs: list[Log]) -> list[Note]:
    return list(dict.fromkeys(chain.from_iterable(log.notes for log in logs)))

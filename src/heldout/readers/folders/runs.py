"""Which of the logs in one folder are runs, and which are the same run again or complete it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.beside import beside, has_reward, is_of_training, why_not
from heldout.readers.folders.found import Found, also
from heldout.readers.folders.places import words_of_run
from heldout.readers.formats import format_of
from heldout.run import Note, NoteKind


def by_folder(found: list[Found]) -> Iterator[Found]:
    folders: dict[Path, list[Found]] = {}
    for one in found:
        folders.setdefault(one.folder, []).append(one)
    for those in folders.values():
        yield from _runs_of(those)


def _runs_of(found: list[Found]) -> list[Found]:
    """Choose among the logs of one folder those that are read; say of the others why not."""
    read = _chosen(found)
    runs = {id(run): run for run in read}
    others = [other for other in found if id(other) not in runs]
    used: set[int] = set()
    for run in read:
        mine = [other for other in others if len(read) == 1 or _is_of(run, other, read)]
        runs[id(run)], joined = _completed(run, mine)
        used |= joined
    rank = format_of(read[0].log).rank
    left = [other for other in others if id(other) not in used]
    runs |= {id(other): other for other in left if _is_a_run(other, rank)}  # of one rank: not the same run again
    again = list(dict.fromkeys(Path(other.path.name) for other in left if not _is_a_run(other, rank)))
    in_order = [runs[id(one)] for one in found if id(one) in runs]
    in_order = [replace(run, alone=len(in_order) == 1) for run in in_order]
    return [run.said(also(again)) if again else run for run in in_order]


def _is_a_run(one: Found, rank: int) -> bool:
    return format_of(one.log).rank == rank and not one.held_out


def _chosen(found: list[Found]) -> list[Found]:
    """Return the logs that others may complete: those with the reward, else of the training, that lose least."""
    own = [one for one in found if not one.held_out] or found
    best = [one for one in own if has_reward(one.log)] or [one for one in own if is_of_training(one.log)] or own
    rank = min(format_of(one.log).rank for one in best)
    return [one for one in best if format_of(one.log).rank == rank]


def _is_of(run: Found, other: Found, runs: list[Found]) -> bool:
    """Whether a file beside several runs is of one of them, by the name of the run or of the file."""
    if run.log.name is not None or other.log.name is not None:
        return run.log.name == other.log.name
    words = words_of_run(other.path.stem)
    return words == words_of_run(run.path.stem) and sum(words == words_of_run(one.path.stem) for one in runs) == 1


def _completed(run: Found, others: list[Found]) -> tuple[Found, set[int]]:
    """Join held-out scores that were written to files of their own, by step; return which ones were."""
    used: set[int] = set()
    several = {other.path for other in others if sum(other.path == one.path for one in others) > 1}
    for other in others:
        if other.path in several and other.log.name != run.log.name:
            continue
        why = why_not(run.log, other.log, held_out=other.held_out)
        called = other.path.name if len(other.files) == 1 else f"{len(other.files)} files of scores"
        if why is None:
            used.add(id(other))
            log = beside(run.log, other.log, called, held_out=other.held_out)
            run = replace(run, log=log, files=(*run.files, *other.files))
        elif why:
            run = run.said(Note(NoteKind.IGNORED, f"{called} was not joined to the run: {why} (--join joins them)."))
    return run, used

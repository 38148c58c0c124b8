"""Which of the logs in one folder are runs, and which are the same run again or complete it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.companions import Place, beside, has_reward, is_of_training, why_not
from heldout.readers.folders.found import Found, also
from heldout.readers.folders.pieces import EVENTS
from heldout.readers.folders.places import is_held_out, is_held_out_file, words_of_run
from heldout.readers.formats import format_of
from heldout.readers.packing import bare
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
    joined, told = set[int](), set[int]()
    for run in read:
        mine = [other for other in others if len(read) == 1 or _is_of(run, other, read)]
        runs[id(run)] = _completed(run, mine, joined, told)
    rank = format_of(read[0].log).rank
    left = [other for other in others if id(other) not in joined]
    runs |= {id(other): other for other in left if _is_a_run(other, rank)}  # of one rank: not the same run again
    again = [Path(other.path.name) for other in left if not (_is_a_run(other, rank) or id(other) in told)]
    again = list(dict.fromkeys(again))
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


def _completed(run: Found, others: list[Found], joined: set[int], told: set[int]) -> Found:
    """Join held-out scores in files of their own, by step; tell which were joined, and of which it is said why not."""
    several = Counter(other.path for other in others)
    shared = Counter(key for other in others if other.held_out for key in other.log.columns)
    labels = Counter(_words(other.path) for other in others)
    for other in others:
        of_set = several[other.path] > 1 and is_held_out_file(other.log.name or "")  # {"gsm8k": [rows], "mbpp": [rows]}
        if several[other.path] > 1 and other.log.name != run.log.name and not of_set:
            continue
        place = _place(run, other, frozenset(key for key, times in shared.items() if times > 1), labels)
        if of_set:
            place = Place(place.called, True, str(other.log.name), frozenset(other.log.columns))
        why = why_not(run.log, other.log, place)
        if why is None:
            log = beside(run.log, other.log, place)
            run = replace(run, log=log, files=(*run.files, *other.files))
            joined.add(id(other))
        elif why:
            text = f"{place.called} was not joined to the run: {why} (--join joins them)."
            run = run.said(Note(NoteKind.IGNORED, text))
            told.add(id(other))
    return run


def _words(path: Path) -> str:
    """Return the words of a file's name that may name a set of problems."""
    return "" if path.name.startswith(EVENTS) else "_".join(words_of_run(bare(path).stem))


def _place(run: Found, one: Found, shared: frozenset[str], labels: Counter[str]) -> Place:
    """Return what the names of a file and of its folder say of it."""
    called = str(one.path.relative_to(run.folder)) if run.folder in one.path.parents else one.path.name
    called = called if len(one.files) == 1 else f"A curve of {len(one.files)} files"
    label, above = _words(one.path), one.path.parent.name
    if is_held_out(above) and labels[label] > 1:  # such as val/metrics.csv and test/metrics.csv
        label = above
    return Place(called, one.held_out, label, shared)

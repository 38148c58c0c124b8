"""Several writers of one run: a trainer and an evaluator beside it, or the ranks of one training.

Their files overlap in time, which those of a run that is taken up again do not: none of them supersedes another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from heldout.readers.log import CLOCK, Column, Log, some
from heldout.readers.restarts import joined, sessions_of
from heldout.run import Note, NoteKind
from heldout.text import counted

# Of the shorter of two times of writing. Below it a clock that was set back, or differs from that of the machine on
# which the run was taken up again, makes one file seem to begin before the other ended.
_OVERLAP = 0.05

_Span = tuple[float, float]


def merged_writers(logs: Sequence[Log]) -> list[Log]:
    """Return the logs of one run, given in the order of their files' names, in order of time.

    Those that were written at the same time are merged by tag. Where two hold one tag at one step, the first file's
    value is kept: that of rank 0, as files are named.
    """
    spans = [written(log) for log in logs]
    order = sorted(range(len(logs)), key=lambda number: spans[number][0])
    clusters: list[list[int]] = []
    last = (0.0, 0.0)  # of those in the last cluster, the one that was written longest
    for number in order:
        span = spans[number]
        if clusters and _at_the_same_time(last, span):
            clusters[-1].append(number)
            last = max(last, span, key=lambda one: one[1])
        else:
            clusters.append([number])
            last = span
    return [_merged([logs[number] for number in sorted(cluster)]) for cluster in clusters]


def written(log: Log) -> _Span:
    """Return when a log was begun and ended, in seconds; zeros where it does not say."""
    clock = log.columns.get(CLOCK)
    times = clock.value[np.isfinite(clock.value)] if clock is not None else np.empty(0)
    return (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)


def _at_the_same_time(one: _Span, later: _Span) -> bool:
    shorter = min(one[1] - one[0], later[1] - later[0])
    overlap = min(one[1], later[1]) - later[0]
    return later[0] < one[1] and overlap >= _OVERLAP * shorter


def _merged(logs: list[Log]) -> Log:
    if len(logs) == 1:
        return logs[0]
    held: dict[str, set[int]] = {}  # the steps of each tag in the files so far
    twice: Counter[str] = Counter()
    whole = joined([_without(held, log, twice) for log in logs])
    session = np.concatenate([sessions_of(log) for log in logs])
    purged: dict[int, int] = {}
    for number, step in chain.from_iterable(log.purged.items() for log in logs):
        purged[number] = min(step, purged.get(number, step))
    text = f"{counted(len(logs), 'file')} were written at the same time; they were merged by tag."
    if twice:
        text += f" Of values that several hold at one step, the first file's were kept ({some(list(twice), 4)})."
    note = Note(NoteKind.REPAIRED, text, max(twice.total(), 1))
    return replace(whole, session=session, purged=purged, notes=(*whole.notes, note))


def _without(held: dict[str, set[int]], log: Log, twice: Counter[str]) -> Log:
    """Leave out the values of tags at steps that are held already; what is new is held from then on."""
    columns = {}
    for key, column in log.columns.items():
        steps = log.step[column.row].tolist()
        known = held.setdefault(key, set())
        new = np.fromiter((step not in known for step in steps), dtype=bool, count=len(steps))
        known.update(steps)
        if new.any():
            columns[key] = Column(column.row[new], column.value[new])
        if key != CLOCK and not new.all():
            twice[key] += int(np.count_nonzero(~new))
    return replace(log, columns=columns)

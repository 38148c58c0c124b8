"""Restarts: which rows of a log still hold. Reading, following and the guard ask here, so that they agree.

`GrowingLog` is the log of a run that goes on, put in order by the same rules as one that is read afterwards.

A log is written in sessions: a run that is taken up again, at a step that it had passed, begins a new one. A later
session that begins at step s supersedes what an earlier one logged at s or later, if the two log some of the same
metrics. Only rows of training begin a session: an evaluation that is written when it is done, long after its step,
takes nothing back, nor do evaluation rows that follow all training rows in one file.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from heldout.judged import Judged
from heldout.metrics import means
from heldout.readers.log import Column, Log, numbers_of
from heldout.run import NO_STEPS, Evaluation, Note, NoteKind
from heldout.stats.arrays import BoolArray, IntArray
from heldout.store.lines import number_of
from heldout.text import counted

# A run is restarted now and then. Where more than a quarter of the rows jump back, as with rows in random order (half
# of them), or from workers that write when they are done, the rows were written in no order; a few rows prove nothing.
_IN_NO_ORDER = 0.25
_FEWEST_JUMPS = 9
_NEWEST_FIRST = 2  # a table that was sorted from its end: no run is restarted after every row of it, each time earlier
_NEARLY_EVERY = 0.8  # step is repeated where several processes write side by side; a restart repeats the end of a run
_FAR = 4  # such jumps are the whole log
_MOST_SUPERSEDED = 1000  # rows kept of a log that is followed, although they hold no longer
_NEVER = np.iinfo(np.int64).max
_NO_METRICS = ("step", "time")  # keys of a line of the record that are no metrics
_CLOCKS = frozenset({"time", "progress", "tokens", "evaluation_size"})
# A row that logs nothing else says nothing of the training at its step, so it may come late.
_NOT_OF_TRAINING = _CLOCKS | {"held_out", "score", "held_out_length", "evaluation_detail", "spread_of_another"}


def is_clock(key: str) -> bool:
    """Whether a metric only says when and where: rows of training and of evaluation both carry it."""
    return means(key, _CLOCKS)


def without_superseded(log: Log) -> tuple[Log, list[Note]]:
    """Return a log without the values that hold no longer, and what was done about restarts."""
    if log.session is None and _in_no_order(log):
        back = int(np.count_nonzero(np.diff(log.step) < 0))
        return log, [Note(NoteKind.REPAIRED, "Rows were not in order of their steps; they were sorted.", back)]
    keep, restarts = _still_holding(log)
    lost = int(np.count_nonzero(~keep))
    if not lost:
        return log, []
    columns = {}
    for key, column in log.columns.items():
        held = keep[column.row]
        columns[key] = Column(column.row[held], column.value[held])
    log = replace(log, judged=_judged_again(log, keep))
    text = (
        f"The run restarted {counted(restarts, 'time')}; {counted(lost, 'row')} at steps that were logged again "
        "afterwards were superseded (the last write wins)."
    )
    return replace(log, columns=columns), [Note(NoteKind.REPAIRED, text, lost)]


def _judged_again(log: Log, keep: BoolArray) -> Judged | None:
    """Return the judged answers without those of steps that were superseded and that the run has not come to again."""
    if log.judged is None:
        return None
    reached, left = log.step[keep].max(initial=-1), log.step[~keep].max(initial=-1)
    return log.judged.where((log.judged.step <= reached) | (log.judged.step > left))


def sessions_of(log: Log) -> IntArray:
    """Return the session of every row, shape (R,): as the format tells, or else a new one at each step back.

    Rows of evaluations alone do not begin one, unless the log holds nothing else.
    """
    if log.session is not None:
        return log.session
    trains = np.zeros(len(log.step), dtype=bool)
    for key, column in log.columns.items():
        if not means(key, _NOT_OF_TRAINING):
            trains[column.row] = True
    if not trains.any() or not np.any(np.diff(log.step) < 0):
        return _numbered(log.step)
    session = np.zeros(len(log.step), dtype=np.int64)
    session[trains], main = _of_writers(log, trains)
    if trains.all():
        return session
    # That of the last row of training before each row.
    trained, rows = session[trains][main], np.flatnonzero(trains)[main]
    before = np.searchsorted(rows, np.flatnonzero(~trains)) - 1
    begins = first_steps(log.step[rows], trained, int(trained[-1]) + 1)
    during = trained[np.maximum(before, 0)]
    session[~trains] = sessions_of_evaluations(log.step[~trains], during, begins)
    return session


def _of_writers(log: Log, trains: BoolArray) -> tuple[IntArray, BoolArray]:
    """Return the session of every row of training, and which of these rows the main writer wrote.

    Two processes that write side by side, such as a trainer and an evaluator that lags behind, have no key in common.
    Where the steps of one are behind those of the other, that is no restart: each has sessions of its own, those of
    the main writer first.
    """
    step = log.step[trains]
    writer = _writers(log, trains)
    order = np.argsort(writer, kind="stable")
    own = np.zeros(len(step), dtype=bool)  # whether a row is behind the last one of its writer
    own[order[1:]] = (np.diff(step[order]) < 0) & (np.diff(writer[order]) == 0)
    back = np.diff(step, prepend=step[:1]) < 0
    if not np.any(back & ~own):
        return _numbered(step), np.ones(len(step), dtype=bool)
    session = np.zeros(len(step), dtype=np.int64)
    names, sizes = np.unique(writer, return_counts=True)
    for name in names[np.argsort(-sizes, kind="stable")]:
        rows = writer == name
        session[rows] = _numbered(step[rows]) + (int(session.max()) + 1 if session.any() or name != names[0] else 0)
    return session, writer == names[np.argmax(sizes)]


def _writers(log: Log, trains: BoolArray) -> IntArray:
    """Return a number for the writer of every row of training: rows that share a metric have one writer."""
    columns = [column.row for key, column in log.columns.items() if not means(key, _NOT_OF_TRAINING)]
    writer = np.arange(len(log.step))
    if any(len(rows) == np.count_nonzero(trains) for rows in columns):
        return np.zeros(int(np.count_nonzero(trains)), dtype=np.int64)
    changed = True
    while changed:  # a few times: each joins all that is one key apart
        changed = False
        for rows in columns:
            least = writer[rows].min() if len(rows) else 0
            changed = changed or bool(np.any(writer[rows] != least))
            writer[rows] = least
    return writer[trains]


def _numbered(step: IntArray) -> IntArray:
    """Number the pieces in which steps do not go back, shape (R,)."""
    piece: IntArray = np.cumsum(np.diff(step, prepend=step[:1]) < 0)
    return piece


def sessions_of_evaluations(step: IntArray, during: IntArray, begins: IntArray) -> IntArray:
    """Return the session to which each evaluation belongs.

    An older checkpoint that is measured later, at a step before the one at which the training of its session began,
    belongs to an earlier session: it takes nothing back. `step` is that of the checkpoint, `during` the session of
    training in which it was measured, both of shape (n,); `begins` is the first step of training of each session.
    """
    session = during.copy()
    for row in np.flatnonzero(session):
        while session[row] > 0 and begins[session[row]] > step[row]:
            session[row] -= 1
    return session


def first_steps(step: IntArray, session: IntArray, count: int) -> IntArray:
    """Return the first step of each of so many sessions, shape (S,); the largest integer for one without rows."""
    first = np.full(count, _NEVER)
    np.minimum.at(first, session, step)
    return first


def joined(logs: Sequence[Log]) -> Log:
    """Join the files of one run, earliest first: each goes on after the one before, or is a restart of it.

    Where no format tells its sessions, they are found afterwards in the whole, as in one file that holds all rows.
    """
    first = np.cumsum([0, *(len(log.step) for log in logs)])
    columns: dict[str, list[Column]] = {}
    for log, row in zip(logs, first, strict=False):
        for key, column in log.columns.items():
            columns.setdefault(key, []).append(Column(column.row + row, column.value))
    last = logs[-1]
    return replace(
        last,
        step=np.concatenate([log.step for log in logs]),
        columns={key: _one(parts) for key, parts in columns.items()},
        session=_joined_sessions(logs),
        purged=_joined_purges(logs),
        name=next((log.name for log in logs if log.name), None),
        config={key: value for log in logs for key, value in log.config.items()},
        roles={role: key for log in logs for role, key in log.roles.items()},
        measured=tuple(evaluation for log in logs for evaluation in log.measured),
        judged=Judged.last_told([log.judged for log in logs if log.judged is not None]),
        notes=tuple(dict.fromkeys(note for log in logs for note in log.notes)),
    )


def compacted(log: Log) -> Log:
    """Return a log without its superseded rows once they are many: a file may be written anew ten thousand times."""
    if log.session is None and _in_no_order(log):
        return log
    keep, _ = _still_holding(log)
    held = int(np.count_nonzero(keep))
    if len(keep) - held <= max(_MOST_SUPERSEDED, held):
        return log
    _, session = np.unique(sessions_of(log)[keep], return_inverse=True)
    return replace(log.only(keep), session=session, purged={})


def _in_no_order(log: Log) -> bool:
    jump = -np.diff(log.step)
    back = jump > 0
    if back.all() and len(back) >= _NEWEST_FIRST:
        return True
    if len(back) < _FEWEST_JUMPS or not back.any():
        return False
    return bool(back.mean() > _IN_NO_ORDER) or _by_several(log, jump[back])


def _by_several(log: Log, jumps: IntArray) -> bool:
    """Whether several processes write the same metrics side by side: nearly every step is there more than once.

    They are a little behind each other, many times; a run that begins anew goes back far.
    """
    most = max((column for key, column in log.columns.items() if not is_clock(key)), key=_cells, default=None)
    if most is None or len(jumps) < _FEWEST_JUMPS or np.median(jumps) * _FAR > np.ptp(log.step):
        return False
    times = np.unique(log.step[most.row], return_counts=True)[1]
    return bool(np.mean(times > 1) >= _NEARLY_EVERY)


def _cells(column: Column) -> int:
    return len(column.row)


def _still_holding(log: Log) -> tuple[BoolArray, int]:
    """Return which rows hold, shape (R,), and how many sessions superseded some."""
    session = sessions_of(log)
    count = _count(session, log)
    if count < 2:
        return np.ones(len(log.step), dtype=bool), 0
    first = first_steps(log.step, session, count)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, session, log.step)
    purge, purged = np.full(count, _NEVER), np.array(sorted(log.purged), dtype=np.int64)
    purge[purged] = [log.purged[number] for number in purged.tolist()]
    cutoff = np.full(count, _NEVER)
    restarted = np.zeros(count, dtype=bool)
    for key, column in log.columns.items():
        if is_clock(key):
            continue
        logging = np.bincount(session[column.row], minlength=count) > 0
        # Only the sessions that say something of this metric, so that very many sessions cost no more than their rows.
        number = np.union1d(np.flatnonzero(logging), purged)
        logs = logging[number]
        begins = np.minimum(np.where(logs, first[number], _NEVER), purge[number])
        later = np.append(np.minimum.accumulate(begins[::-1])[::-1][1:], _NEVER)  # where all that come after it begin
        cutoff[number[logs]] = np.minimum(cutoff[number[logs]], later[logs])
        before = np.maximum.accumulate(np.where(logs, np.arange(len(number)), -1))[:-1]  # the last one that logs it
        reached = np.where(before >= 0, last[number[before]], -1)
        restarted[number[1:]] |= reached >= begins[1:]
    return log.step < cutoff[session], int(np.count_nonzero(restarted))


def _joined_sessions(logs: Sequence[Log]) -> IntArray | None:
    if all(log.session is None for log in logs):
        return None
    sessions: list[IntArray] = []
    base = 0
    for log in logs:
        own = sessions_of(log)
        sessions.append(own + base)
        base += _count(own, log)
    return np.concatenate(sessions).astype(np.int64)


def _joined_purges(logs: Sequence[Log]) -> dict[int, int]:
    purged, base = dict[int, int](), 0
    for log in logs:
        purged |= {number + base: step for number, step in log.purged.items()}
        base += _count(sessions_of(log), log)
    return purged


def _count(session: IntArray, log: Log) -> int:
    """Return how many sessions a log has, with one at its end that has said only what it purges."""
    return max(int(session.max(initial=-1)), *log.purged, -1) + 1


def _one(parts: Sequence[Column]) -> Column:
    return Column(np.concatenate([part.row for part in parts]), np.concatenate([part.value for part in parts]))


class GrowingLog:
    """What one process logs, after what earlier ones did.

    What is in `before` counts as superseded from the step on at which this process begins. Roles (role → key) are as
    the earlier processes said them, if not given.
    """

    def __init__(self, before: Log | None = None, roles: Mapping[str, str] | None = None) -> None:
        self._before = before or Log("run-directory", NO_STEPS, {}, session=NO_STEPS)
        self.roles = dict(self._before.roles if roles is None else roles)
        self._step, self._piece = array("q"), array("q")
        self._columns: dict[str, tuple[array[int], array[float]]] = {}
        self._measured: list[tuple[int, Evaluation]] = []  # each with its row
        self._judged = [self._before.judged] if self._before.judged is not None else []
        self._pieces, self._begins = 1, True

    def __len__(self) -> int:
        return len(self._step)

    def add(self, step: int, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Take in the metrics of a step; return those that are numbers."""
        numbers = {
            key: float(number)
            for key, value in metrics.items()
            if (number := number_of(value)) is not None and key not in _NO_METRICS
        }
        if not all(means(key, _NOT_OF_TRAINING) for key in numbers):
            self._begin(step)
        self._row(step, numbers)
        return numbers

    def judge(self, judged: Judged) -> None:
        """Take in training answers that hidden tests judged too; a step that is told again supersedes what was told."""
        for step in np.unique(judged.step).tolist():
            self._begin(step)
            self._row(step, {})
        self._judged.append(judged)

    @property
    def judged(self) -> Judged | None:
        """All judged answers that hold, in order of steps."""
        return Judged.last_told(self._judged)

    def measure(self, evaluation: Evaluation, also: Mapping[str, Any]) -> dict[str, float]:
        """Take in a held-out measurement, and what else is known of it; return those of the latter that are numbers."""
        self._measured.append((len(self._step), evaluation))
        more = {f"eval/{evaluation.benchmark}/{key}": value for key, value in numbers_of(also)}
        self._row(evaluation.step, {evaluation.key: evaluation.rate, **more})
        return more

    def rewind(self) -> None:
        """Begin a new piece: it supersedes what it repeats."""
        self._pieces, self._begins = self._pieces + 1, True

    def log(self) -> Log:
        """Return everything so far, as a reader of it would."""
        measured = [row for row, _ in self._measured]
        by_problem = {evaluation.key for _, evaluation in self._measured}
        columns = {}
        for key, (row, value) in self._columns.items():
            columns[key] = Column(np.array(row, dtype=np.int64), np.array(value, dtype=np.float64))
            if key in by_problem:  # logged as a metric too: as for a reader, what the evaluations say is kept
                kept = np.isin(row, measured)
                columns[key] = Column(columns[key].row[kept], columns[key].value[kept])
        evaluations = tuple(evaluation for _, evaluation in self._measured)
        step, session = np.array(self._step, dtype=np.int64), np.array(self._piece, dtype=np.int64)
        config = self._before.config
        own = Log("run-directory", step, columns, session=session, config=config, measured=evaluations)
        whole = joined([self._before, own]) if len(self._before.step) else own
        return replace(whole, session=self._sessions(), judged=self.judged, roles=self.roles, name=None, notes=())

    def _begin(self, step: int) -> None:
        """Forget the judged answers from the step on with which a piece of training begins."""
        if self._begins:
            self._judged = [part for one in self._judged if (part := one.between(-1, step - 1)) is not None]
        self._begins = False

    def _row(self, step: int, numbers: Mapping[str, float]) -> None:
        row = len(self._step)
        self._step.append(step)
        self._piece.append(self._pieces - 1)
        for key, value in numbers.items():
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = array("q"), array("d")
            column[0].append(row)
            column[1].append(value)

    def _sessions(self) -> IntArray:
        """Return the session of every row; an evaluation belongs to the one whose training it measures."""
        before, known = self._before, sessions_of(self._before)
        step = np.array(self._step, dtype=np.int64)
        session = np.array(self._piece, dtype=np.int64) + known.max(initial=-1) + 1
        measured = np.array([row for row, _ in self._measured], dtype=np.int64)
        trained = np.delete(np.arange(len(step)), measured)
        sessions = np.concatenate([known, session[trained]])
        count = int(session.max(initial=known.max(initial=-1))) + 1
        begins = first_steps(np.concatenate([before.step, step[trained]]), sessions, count)
        session[measured] = sessions_of_evaluations(step[measured], session[measured], begins)
        return np.concatenate([known, session])

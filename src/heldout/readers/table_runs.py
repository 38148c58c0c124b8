"""Which rows of a table are of which run.

A table holds several runs where its steps repeat and some columns make them unique again. Columns whose names say that
they name runs (``run``, ``seed`` …) are taken as they are. Any other names runs by evidence: it stays the same while
the steps run on and changes only where they begin anew, or, where runs are written side by side, the same values stand
at every step in the same order. A metric does neither. Where no column names them, blocks of rows that begin at the
same first step and end at the same last one are runs all the same; a restart goes back to a step inside and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from heldout.errors import NoRun
from heldout.metrics import meaning_of
from heldout.readers.log import Log, Table, layouts_of
from heldout.readers.restarts import is_clock
from heldout.readers.step_keys import counts_within_steps, is_of_a_problem, run_rank, words
from heldout.stats.arrays import BoolArray, IntArray
from heldout.text import word_set

Run = tuple[str, BoolArray]  # the name of a run, and its rows

_LOOKED_AT = 400  # rows
_FEWEST_STEPS = 3  # at which the same values show that they are names
_LEAST_SHARE = 0.1  # of the rows that a column holds; one that is rarer, among very many, costs more time than it names
_MOST_RUNS = 200  # more values than that in a column are no names of runs
_FEWER_REPEATS = 20  # times; a run that was restarted within the table repeats some of its own steps
_NEARLY_ALL = 0.95  # of the steps at which runs written side by side stand in the same order; the others were cut short
_NO_RUN = word_set("time date timestamp datetime created updated started")
_FEWEST_RUNS = 3  # rows of a table of runs that has a column of steps, of which every one has another name
_ALL_DIFFER = 0.9
_BEGIN = 0.8  # of the runs, at the first step of all
_LONG = (("key",), ("metric",), ("tag",), ("variable",), ("series",))  # columns that name metrics
_CHANGES = 0.5  # of the rows begin with another name: each is a thing of its own


def refuse_table_of_runs(table: Table, step: IntArray | None) -> None:
    """Raise `NoRun` where each row is a finished run, or a problem: it has a name, and nothing numbers the rows.

    `step` is what a column says that would number them; where it runs on, it does.
    """
    if step is not None and (table.rows < _FEWEST_RUNS or _runs_on(step)):
        return
    for key in _things(table):
        code = _codes(table, key)
        if len(code) < 2 or np.mean(np.diff(code) != 0) < _CHANGES:
            continue
        # Several runs in no order have steps in common, and each of their names in many rows.
        apart = max(len(np.unique(code)), 0 if step is None else len(np.unique(step))) >= _ALL_DIFFER * len(code)
        if step is not None and (counts_within_steps(key) or not apart):
            continue
        if counts_within_steps(key):
            raise NoRun(
                f"Each of the {table.rows} rows is about one {key!r}, and no column numbers steps: this is a table of "
                "single results, not a run; give one row per evaluation with its 'step'."
            )
        raise NoRun(
            f"Each of the {table.rows} rows is a run of its own, named by {key!r}, and no column numbers steps: this "
            "is a table of runs, not a run; give the logs of the runs themselves."
        )


def _runs_on(step: IntArray) -> bool:
    known = step[step >= 0]
    return len(known) > 0 and bool(np.any(known != known[0])) and bool(np.mean(np.diff(known) < 0) < _CHANGES / 2)


def _things(table: Table) -> Iterator[str]:
    """Columns whose names say that their values name things."""
    for key in (*table.text, *table.columns):
        last = words(key)[-1:]
        if _NO_RUN & set(words(key)):
            continue
        named = key in table.text and last in (("id",), ("uuid",), ("name",))
        if run_rank(key) is not None or named or is_of_a_problem(key):
            yield key


def runs_in(table: Table, log: Log, *, growing: bool = False, but: str = "") -> list[Run]:
    """Return the runs of a table, or none where it holds one; the log has all rows of the table.

    In a table that is still being written, a run that was begun anew will be as long as the first one for a moment:
    there, runs that no column names are not taken apart. `but` is a column that says something else.
    """
    used = log.step >= 0
    step = log.step[used]
    if len(step) < 2 or np.all(np.diff(step) > 0):
        return []
    layout = layouts_of({key: column for key, column in log.columns.items() if not is_clock(key)}, table.rows)[used]
    named = _naming(table, used, step)
    named.pop(but, None)
    chosen = _fewest(named, step, layout)
    if chosen:
        return _labelled({key: named[key] for key in chosen}, table, used)
    if growing or are_parts_of_steps(table, log):
        return []
    blocks = _equal_blocks(step, layout)
    blocks = _begun_anew(step, log) if blocks is None else blocks
    if blocks is None:
        return []
    return [(f"run {number + 1}", _spread(blocks == number, used)) for number in range(int(blocks.max()) + 1)]


def are_parts_of_steps(table: Table, log: Log) -> bool:
    """Whether a column such as the rank tells apart rows that otherwise have one step: they are parts of it."""
    used = log.step >= 0
    step = log.step[used]
    if not _repeats(step):
        return False
    parts = (_codes(table, key)[used] for key in (*table.text, *table.columns) if counts_within_steps(key))
    return any(_repeats(_joint([step, part])) * _FEWER_REPEATS <= _repeats(step) for part in parts)


def _naming(table: Table, used: BoolArray, step: IntArray) -> dict[str, IntArray]:
    """Columns that may name runs with the number of the name in each row, the most likely ones first."""
    begins = np.diff(step) <= 0
    found: dict[str, tuple[tuple[int, int], IntArray]] = {}
    for place, key in enumerate(dict.fromkeys((*table.text, *table.columns))):
        rank = run_rank(key)
        if _is_measured(table, key) or (rank is None and (counts_within_steps(key) or _is_sparse(table, key))):
            continue
        code = _codes(table, key)[used]
        different = len(np.unique(code))
        if not 2 <= different <= _MOST_RUNS:
            continue
        evident = rank is not None or (not _is_metric(key) and _all_begin(code, step))
        if evident and rank is None:
            evident = _stays(code, step, begins) or (_side_by_side(code, step) and not _merely_counts(table, key))
        if evident:
            kind = (0, rank) if rank is not None else (1 if key in table.text else 2, place)
            found[key] = kind, code
    return {key: code for key, (_, code) in sorted(found.items(), key=lambda item: item[1][0])}


def _is_sparse(table: Table, key: str) -> bool:
    labels, column = table.text.get(key), table.columns.get(key)
    cells = (0 if labels is None else len(labels.row)) + (0 if column is None else len(column.row))
    return cells < _LEAST_SHARE * table.rows


def _is_metric(key: str) -> bool:
    """Whether its name says what a column measures, or that it names what is; a learning rate is a setting as well."""
    match = meaning_of(key)
    return words(key)[-1:] in _LONG or (match is not None and match.meaning.name != "learning_rate")


def _all_begin(code: IntArray, step: IntArray) -> bool:
    """Whether nearly all that a column may name begins at the first step, as runs do, and the rest of one does not."""
    first = np.full(int(code.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, code, step)
    return bool(np.mean(first[np.unique(code)] == step.min()) >= _BEGIN)


def _merely_counts(table: Table, key: str) -> bool:
    """Whether a column holds 0, 1, 2 … or 1, 2, 3 …, as what numbers the rows of a step does."""
    values = table.columns[key].value if key in table.columns else np.empty(0)
    if not len(values) or values.min() not in (0.0, 1.0) or np.any(values != np.floor(values)):
        return False  # most columns, without sorting them
    values = np.unique(values)
    return bool(np.all(np.diff(values) == 1))


def _is_measured(table: Table, key: str) -> bool:
    """Whether most of the first values differ: a quick look for what no name is worth its time."""
    column = table.columns.get(key)
    first = np.empty(0) if column is None else column.value[:_LOOKED_AT]
    return len(first) == _LOOKED_AT and 2 * len(np.unique(first)) > _LOOKED_AT


def _codes(table: Table, key: str) -> IntArray:
    """Return the number of the value in each row, 0 where there is none."""
    code = np.zeros(table.rows, dtype=np.int64)
    if key in table.text:
        labels = table.text[key]
        code[labels.row] = labels.code + 1
    if key in table.columns:
        column = table.columns[key]
        _, number = np.unique(column.value, return_inverse=True)
        code[column.row] = number + 1 + int(code.max(initial=0))
    return code


def _stays(code: IntArray, step: IntArray, begins: BoolArray) -> bool:
    """Whether it changes only where steps begin anew, and they do go back."""
    changes = np.diff(code) != 0
    return bool(np.any(np.diff(step) < 0)) and not np.any(changes & ~begins)


def _side_by_side(code: IntArray, step: IntArray) -> bool:
    """Whether the same values stand at nearly every step in the same order."""
    order = np.argsort(step, kind="stable")
    code = code[order]
    starts = np.flatnonzero(np.diff(step[order], prepend=step[order][:1] - 1))
    size = np.diff(np.append(starts, len(code)))
    most = int(np.bincount(size).argmax())
    full = starts[size == most]
    if most < 2 or len(full) < _NEARLY_ALL * len(starts) or len(full) < _FEWEST_STEPS:
        return False
    rows = code[full[:, None] + np.arange(most)]
    return bool(np.mean(np.all(rows == rows[0], axis=1)) >= _NEARLY_ALL)


def _fewest(named: Mapping[str, IntArray], step: IntArray, layout: IntArray) -> list[str]:
    """Return as few columns as make the steps unique, the less likely ones left out first; none where all do not.

    Rows of training and of evaluation at one step, which have different keys, do not repeat each other; nor do they
    prove that a column without a telling name, such as the kind of row, names runs.
    """
    sure = any(run_rank(key) is not None for key in named)
    before = _repeats(step if sure else _joint([step, layout]))
    keys = list(named)
    if not before or not keys or _repeats(_joint([step, layout, *named.values()])) * _FEWER_REPEATS > before:
        return _of_one_piece(named, step)
    floor = _repeats(_joint([step, *named.values()]))
    for key in reversed(keys):
        without = [other for other in keys if other != key]
        after = _repeats(_joint([step, *(named[other] for other in without)]))
        named_still = np.any([named[other] > 0 for other in without], axis=0) if without else np.zeros(1, dtype=bool)
        if named_still.all() and (after - floor) * _FEWER_REPEATS <= before:
            keys = without
    return keys


def _of_one_piece(named: Mapping[str, IntArray], step: IntArray) -> list[str]:
    """Return the first column with a name for runs in which each run is one piece, whatever it repeats itself, or
    changes only where the steps begin anew: of one run the rows may stand there twice.
    """
    for key, code in named.items():
        changes = int(np.count_nonzero(np.diff(code)))
        whole = changes == len(np.unique(code)) - 1
        if run_rank(key) is not None and (whole or _stays(code, step, np.diff(step) <= 0)):
            return [key]
    return []


def _labelled(named: Mapping[str, IntArray], table: Table, used: BoolArray) -> list[Run]:
    code = _joint(list(named.values()))
    values, first = np.unique(code, return_index=True)
    place = np.flatnonzero(used)
    return [
        (_label(table, list(named), int(place[first[number]])), _spread(code == values[number], used))
        for number in np.argsort(first, kind="stable")
    ]


def _label(table: Table, keys: Sequence[str], row: int) -> str:
    """The name of the run of a row, such as "lr=1e-06, seed=0"."""
    said = {key: cell for key in keys if (cell := _cell(table, key, row))}
    return ", ".join(f"{key}={cell}" for key, cell in said.items()) or f"without {keys[0]}"


def _cell(table: Table, key: str, row: int) -> str:
    if key in table.text:
        labels = table.text[key]
        place = int(np.searchsorted(labels.row, row))
        if place < len(labels.row) and labels.row[place] == row:
            return labels.names[int(labels.code[place])].strip()
    if key in table.columns:
        column = table.columns[key]
        place = int(np.searchsorted(column.row, row))
        if place < len(column.row) and column.row[place] == row:
            return f"{column.value[place]:g}"
    return ""


def _equal_blocks(step: IntArray, layout: IntArray) -> IntArray | None:
    """Return the block of every row where blocks of the same steps and keys follow each other.

    The last of three or more may be shorter: it is still being written, or was cut.
    """
    back = np.flatnonzero(np.diff(step) < 0) + 1
    if not 1 <= len(back) < _MOST_RUNS or np.any(step[back] != step[0]):
        return None
    parts = [np.unique(part) for part in np.split(step, back)]
    whole = parts if len(parts) == 2 else parts[:-1]
    if len(whole[0]) < 2 or any(not np.array_equal(part, whole[0]) for part in whole):
        return None
    if not np.array_equal(parts[-1], whole[0][: len(parts[-1])]):
        return None
    if any(not np.isin(part, layout[: back[0]]).any() for part in np.split(layout, back)):
        return None
    return np.searchsorted(back, np.arange(len(step)), side="right").astype(np.int64)


def _begun_anew(step: IntArray, log: Log) -> IntArray | None:
    """Return the block of every row where three runs or more were begun at the same first step, one after the other.

    Each goes as far as it came along the steps of the longest one. Where the longest is the last one, the others are
    its false starts: there the last write wins, and nothing of them is left.
    """
    back = np.flatnonzero(np.diff(step) <= 0) + 1
    if not 2 <= len(back) < _MOST_RUNS or np.any(step[back] != step[0]):
        return None
    parts = np.split(step, back)
    longest = max(parts, key=len)
    if len(parts[-1]) == len(longest) or any(not np.array_equal(part, longest[: len(part)]) for part in parts):
        return None
    if not any(len(column.row) == len(log.step) and not is_clock(key) for key, column in log.columns.items()):
        return None  # rows of training and of evaluations, one after the other
    return np.searchsorted(back, np.arange(len(step)), side="right").astype(np.int64)


def _joint(parts: Sequence[IntArray]) -> IntArray:
    """Return a number for each combination of values, shape (R,)."""
    joint = parts[0]
    for part in parts[1:]:
        _, left = np.unique(joint, return_inverse=True)
        _, right = np.unique(part, return_inverse=True)
        joint = left.astype(np.int64) * (int(right.max()) + 1) + right
    return joint


def _repeats(at: IntArray) -> int:
    """Count the rows whose value was there before."""
    return 0 if np.all(at[1:] > at[:-1]) else len(at) - len(np.unique(at))


def _spread(rows: BoolArray, used: BoolArray) -> BoolArray:
    """Return a mask of the used rows as one of all rows."""
    mask = np.zeros(len(used), dtype=bool)
    mask[np.flatnonzero(used)[rows]] = True
    return mask

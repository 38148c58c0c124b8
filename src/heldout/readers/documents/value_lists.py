"""An object of lists, ``{"step": [0, 1], "reward": [0.1, 0.2], "eval_step": [0], "eval_reward": [0.3]}``, as rows.

Lists belong to the steps that are as long as they are; where several are, to those whose name begins alike. Rows that
stand beside them (``"losses": [{"step": 0, "loss": 1.2}]``) are joined to them, by step. What has no steps of its
length is left out, and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from heldout.metrics import means
from heldout.readers.phases import is_phase
from heldout.readers.step_keys import is_step_key, words

_SAME_COUNT = 2.0  # times the last step of the one, that of the other may be where both count the same thing
_FEWEST_BY_STEP = 2  # values of an object with a step for each
_FEWEST = 5  # values of a list that is worth a word where it is left out; a shorter one may be a setting

Row = Mapping[str, Any]


class Lists(NamedTuple):
    """The rows in an object of lists."""

    rows: list[Row]
    left: list[str]  # lists of values that belong to no steps


def rows_of_lists(document: Row, steps_of: str = "step") -> Lists:
    """Return the rows in an object of lists, none where no list numbers the others.

    Where there are steps of several lengths, all rows have theirs as `steps_of`.
    """
    lists = {key: value for key, value in document.items() if isinstance(value, list) and value}
    lists |= {key: rows for key, value in document.items() if (rows := _by_step(key, value, steps_of))}
    flat = {key: value for key, value in lists.items() if not _are_rows(value)}
    numbers = [key for key in flat if not any(isinstance(cell, (dict, list)) for cell in flat[key])]
    steps = [key for key in numbers if is_step_key(key)] + [key for key in numbers if _is_step_of_part(key)]
    if not steps:
        return Lists([], [])
    main = steps[0]
    axes = [main, *(key for key in steps if key != main and _is_own_axis(key, main, flat))]
    members = {axis: [axis] for axis in axes}
    for key in flat:
        if key not in axes and (axis := _axis_for(key, axes, flat)):
            members[axis].append(key)
    parts = {axis: _rows(members[axis], flat) for axis in axes if axis == main or len(members[axis]) > 1}
    beside = {key: value for key, value in lists.items() if key not in flat and _go_with(value, flat[main])}
    left = _left(lists, {key for axis in parts for key in members[axis]} | beside.keys())
    if len(parts) == 1 and not beside:
        return Lists(parts[main], left)
    rows = [_under(row, axis, steps_of) for axis in parts for row in parts[axis]]
    known = {key for axis in parts for key in members[axis]}
    return Lists(_in_order([*rows, *_joined(beside, known, steps_of)], steps_of), left)


def _by_step(key: str, value: Any, steps_of: str) -> list[Any]:
    """Return the rows of values by their steps, ``{"10": 38.4, "20": 36.0}``; none where it is something else."""
    if not isinstance(value, dict) or len(value) < _FEWEST_BY_STEP or not all(map(str.isdecimal, value)):
        return []
    if not all(isinstance(cell, (int, float)) or cell is None for cell in value.values()):
        return []
    return [{steps_of: int(step), key: cell} for step, cell in value.items()]


def rows_to_count(document: Row) -> Lists:
    """Return the rows of lists that nothing numbers, where one of them is a reward: the longest lists of one length."""
    lists = {key: value for key, value in document.items() if isinstance(value, list) and len(value) >= _FEWEST}
    flat = {key: value for key, value in lists.items() if _holds_numbers(value) and not isinstance(value[0], dict)}
    rewards = [key for key in flat if means(key, ("reward", "held_out"))]
    if not rewards:
        return Lists([], [])
    length = max(len(flat[key]) for key in rewards)
    same = [key for key in flat if len(flat[key]) == length]
    return Lists(_rows(same, flat), _left(lists, set(same)))


def _left(lists: Mapping[str, list[Any]], placed: set[str]) -> list[str]:
    return [key for key, one in lists.items() if key not in placed and len(one) >= _FEWEST and _holds_numbers(one)]


def _under(row: Row, axis: str, steps_of: str) -> Row:
    return {steps_of: row[axis], **{key: value for key, value in row.items() if key != axis}}


def _is_step_of_part(key: str) -> bool:
    """Whether a name is one of the steps of a part: "eval_timesteps", "val/steps"."""
    first, *rest = words(key) or ("",)
    return bool(rest) and is_phase(first) and is_step_key("_".join(rest))


def _is_own_axis(key: str, main: str, flat: Mapping[str, list[Any]]) -> bool:
    """Whether steps are not only another count of the same rows, and count what the main ones count."""
    other = len(flat[key]) != len(flat[main]) or (_is_step_of_part(key) and flat[key] != flat[main])
    return other and _counts_the_same(flat[key][-1], flat[main][-1])


def _counts_the_same(last: Any, of_main: Any) -> bool:
    if not isinstance(last, (int, float)) or not isinstance(of_main, (int, float)):
        return False
    return 0 <= last <= _SAME_COUNT * of_main and of_main <= _SAME_COUNT * last


def _axis_for(key: str, axes: Sequence[str], flat: Mapping[str, list[Any]]) -> str:
    """Return the steps that a list belongs to: as long as it is, and called alike."""
    fitting = [axis for axis in axes if len(flat[axis]) == len(flat[key])]
    alike = [axis for axis in fitting if words(axis)[0] == words(key)[:1][0]] if words(key) else []
    return next(iter(alike or fitting), "")


def _rows(keys: Sequence[str], flat: Mapping[str, list[Any]]) -> list[Row]:
    return [dict(zip(keys, cells, strict=True)) for cells in zip(*(flat[key] for key in keys), strict=True)]


def _are_rows(value: list[Any]) -> bool:
    return all(isinstance(row, dict) for row in value) and any(map(is_step_key, value[0]))


def _go_with(rows: list[Row], steps: list[Any]) -> bool:
    """Whether rows have steps that count what the others count."""
    return _counts_the_same(rows[-1].get(next(filter(is_step_key, rows[0]))), steps[-1])


def _joined(beside: Mapping[str, list[Row]], known: set[str], steps_of: str) -> list[Row]:
    """Return rows that stand beside the lists, with the name of their list where a name is taken."""
    rows = list[Row]()
    for name, own in beside.items():
        step = next(filter(is_step_key, own[0]))
        renamed = {key: f"{name}/{key}" if key in known else key for row in own for key in row if key != step}
        rows += [
            {steps_of: row.get(step), **{to: row[key] for key, to in renamed.items() if key in row}} for row in own
        ]
        known = known | {*renamed.values()}
    return rows


def _in_order(rows: list[Row], steps_of: str) -> list[Row]:
    """Sort the rows by step where each part runs on; where one goes back, it was begun anew, and order is evidence."""
    steps = [row[steps_of] for row in rows]
    if not all(isinstance(step, (int, float)) for step in steps):
        return rows
    parts = 1 + sum(after < before for before, after in pairwise(steps))
    return sorted(rows, key=lambda row: row[steps_of]) if parts <= len({frozenset(row) for row in rows}) else rows


def _holds_numbers(value: list[Any]) -> bool:
    return all(isinstance(cell, (int, float)) or cell is None for cell in value) or all(
        isinstance(cell, dict) for cell in value
    )

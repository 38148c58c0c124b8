"""Whose samples are these: which problem of a task each row of a file belongs to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from heldout.errors import UsageError
from heldout.tasks import Problem, Task
from heldout.tasks.answer_text import ID_KEYS, PLACE_KEYS, PROMPT_KEYS
from heldout.text import counted, sentence_list

_SHOWN = 5  # names in a sentence
_TEMPLATES = 4  # different prompts in which the prompt of one problem may stand, and tell it

Row = Mapping[str, Any]
Names = list[str | None]  # one of each row, None where there is none


def problems_of(path: Path, rows: Sequence[Row], task: Task, problems: Sequence[Problem]) -> tuple[Names, list[str]]:
    """Which problem does each row belong to?

    By the id key that names most problems of the task: as it stands, or, where none does so, with other signs
    (``HumanEval_0`` for ``HumanEval/0``) or by its number (``Mbpp/2`` for ``2``). ``doc_id``, ``index`` and ``idx`` may
    be places in the set. Rows whose ids say nothing go by their prompt; those without an id or a known prompt by order.

    Returns
    -------
    names, notes
        A name for each row, also of problems that the task left out; how they were found, where that is no id as it
        stands.

    Raises
    ------
    UsageError
        When no row belongs to the task, or there are more rows without an id than problems.
    """
    order = task.order or tuple(problem.id for problem in task.problems)
    ids = {key: values for key in ID_KEYS if any(values := [_id(row, key) for row in rows])}
    if not ids:
        return _by_prompt(rows, task) or _by_order(path, len(rows), order, _split_of(order, problems, task))
    proper = {key: values for key, values in ids.items() if key not in PLACE_KEYS}
    found = _by_name(proper or ids, order)
    if found and (proper or (found[0] != "doc_id" and None not in found[1])):
        return found[1], found[2]
    key, values = next(iter((proper or ids).items()))
    placed = None if proper else _by_place(values, _split_of(order, problems, task), order)
    if placed:
        return placed[0], [f"{key!r} was taken to count the problems from 0; 0 is {placed[1]}."]
    asked = _by_prompt(rows, task)  # such a key may name the sample, or the model
    if asked:
        return asked
    raise UsageError(
        f"{path} holds no sample of a problem of {task.name}: {key!r} says "
        f"{shown(dict.fromkeys(value for value in values if value))}, and the problems are {shown(order)}."
    )


def shown(names: Iterable[str]) -> str:
    """Name the first few of many.

    >>> shown("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    several = list(names)
    more = [f"{len(several) - _SHOWN} more"] if len(several) > _SHOWN else []
    return sentence_list([*several[:_SHOWN], *more])


def called(row: Row) -> str:
    """Say what a row calls its problem, by the first id that it has; for messages.

    >>> called({"task_id": 3, "completion": ""}), called({"completion": ""})
    ('3', 'one without an id')
    """
    return next(filter(None, (_id(row, key) for key in ID_KEYS)), "one without an id")


def _id(row: Row, key: str) -> str | None:
    """Return an id of a row, or of the problem that is quoted in it, as lm-eval does under `doc`."""
    for holder in (row, row.get("doc")):
        value = holder.get(key) if isinstance(holder, Mapping) else None
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return None


def _by_name(ids: Mapping[str, Names], order: Sequence[str]) -> tuple[str, Names, list[str]] | None:
    """Return the key whose ids name most problems, the names, and a note on how they were read."""
    bare = all(map(str.isdecimal, order))
    other = {
        key: values for key, values in ids.items() if all(one is None or one.isdecimal() for one in values) != bare
    }
    for read, keys, how in (
        (str, ids, ""),
        (_folded, ids, "with other signs or letters"),
        (_numbered, other, "by their numbers"),  # two different prefixes are two different sets
    ):
        key, names = _best(keys, order, read)
        if any(names):
            first = next(place for place, name in enumerate(names) if name is not None)
            said = f"{key!r} names the problems {how}: {keys[key][first]} was taken for {names[first]}."
            return key, names, [said] if how else []
    return None


def _best(ids: Mapping[str, Names], order: Sequence[str], read: Callable[[str], str]) -> tuple[str, Names]:
    times = Counter(map(read, order))
    known = {read(name): name for name in order if times[read(name)] == 1}
    found = {key: [known.get(read(value)) if value else None for value in values] for key, values in ids.items()}
    return max(found.items(), key=lambda one: len(one[1]) - one[1].count(None), default=("", []))  # first of equals


def _folded(name: str) -> str:
    return re.sub(r"[/\\ -]", "_", name.casefold())


def _numbered(name: str) -> str:
    found = re.fullmatch(r"(?:.*\D)?0*(\d+)", name, re.S)
    return found[1] if found else name


def _by_place(values: Names, *orders: Sequence[str]) -> tuple[Names, str] | None:
    """Read ids as places in the first of these orders that is long enough for all of them; return its first, too."""
    if not all(value is None or value.isdecimal() for value in values):
        return None
    places = [None if value is None else int(value) for value in values]
    last = max(place for place in places if place is not None)
    taken = next((order for order in orders if last < len(order)), None)
    return None if taken is None else ([None if place is None else taken[place] for place in places], taken[0])


def _split_of(order: Sequence[str], problems: Sequence[Problem], task: Task) -> list[str]:
    """Return the ids of the split that is evaluated, with those of the problems that were left out, in order."""
    split = problems[0].split
    others = {problem.id for problem in task.problems if problem.split != split}
    return [name for name in order if name not in others]


def _by_prompt(rows: Sequence[Row], task: Task) -> tuple[Names, list[str]] | None:
    """Find the problems whose prompts stand in those of the rows; None where there are none."""
    prompts = [_prompt(row) for row in rows]
    found = {prompt: _holding(prompt, task.problems) for prompt in set(prompts) if prompt}
    times = Counter(name for name in found.values() if name)
    vague = {name: count for name, count in times.items() if count > _TEMPLATES}
    names = [None if (name := found.get(prompt)) in vague else name for prompt in prompts]
    notes = [
        f"The prompt of {name} stands in {count} different prompts: it tells no problem, and those were left out."
        for name, count in vague.items()
    ]
    how = "No id names a problem; they were found by their prompts."
    return (names, [how, *notes[:_SHOWN]]) if any(names) else None


def _holding(prompt: str, problems: Sequence[Problem]) -> str | None:
    """Return the problem with the longest prompt that stands in this one: templates put text around it."""
    inside = [problem for problem in problems if (asked := problem.prompt.strip()) and asked in prompt]
    return max(inside, key=lambda problem: len(problem.prompt)).id if inside else None


def _prompt(row: Row) -> str:
    value = next((row[key] for key in PROMPT_KEYS if row.get(key)), "")
    if isinstance(value, list):
        asked = [one for one in value if isinstance(one, Mapping) and one.get("role") == "user"]
        value = asked[-1].get("content") if asked else ""
    return value if isinstance(value, str) else ""


def _by_order(path: Path, count: int, order: Sequence[str], split: Sequence[str]) -> tuple[Names, list[str]]:
    taken = order if count == len(order) else split
    if count > len(taken):
        raise UsageError(
            f"{path} holds {counted(count, 'row')} without an id, and there are {counted(len(taken), 'problem')} in "
            f"the split ({len(order)} in all); give each row the id of its problem."
        )
    which = "the first problems" if count < len(taken) else "the problems"
    return list(taken[:count]), [f"The rows name no problem; they were taken as {which} in order, from {taken[0]} on."]

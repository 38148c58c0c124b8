"""APPS and TACO: contest problems whose tests are one JSON object, or a Python literal, in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from heldout.sandbox.base import Limits
from heldout.sandbox.compare import json_or_item
from heldout.sandbox.printed import Tokens
from heldout.tasks.formats.contests import (
    LIMITS,
    PRELUDE,
    Cases,
    first_solution,
    limits,
    nothing,
    pairs,
    posed,
    value_of,
)
from heldout.tasks.formats.reading import Reading, hashed_name, text_or
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "APPS and TACO: what is printed is compared word by word, numbers within 1e-5; their own comparison also passes "
    "wrong orders and rounded numbers."
)
_SECONDS = {"ms": 0.001, "millisecond": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "minute": 60.0}


def read(row: Row) -> Reading:
    """Read ``question``, ``input_output``, ``starter_code``, and TACO's limits, which are words such as "2.0 seconds".

    The id is APPS's ``problem_id`` (with "train/" before it in the split for training, for both splits count from 0),
    or a hash of the question and the address.
    """
    question, packed = row.text("question"), row.data.get("input_output")
    try:
        found = value_of(packed) if isinstance(packed, str) and packed.strip() else packed
        why = ""
    except ValueError as error:
        found, why = None, f"of its tests: {error}"
    function = str(found.get("fn_name") or "") if isinstance(found, dict) else ""
    solution = first_solution(row.data.get("solutions"))
    problem = Problem(_name(row), question, "", (), limits=_limits(row), prelude=PRELUDE, solution=solution)
    problem = posed(problem, function, text_or(row, "starter_code"))
    both = pairs(found)
    if both is None:
        return nothing(problem, why or "it has no tests")
    return tested(problem, both, Cases(Tokens(), json_or_item))


def tested(problem: Problem, both: Sequence[tuple[Any, Any]], cases: Cases) -> Reading:
    """Return a problem with tests: calls where it has an entry point, else on stdin."""
    for given, expected in both:
        if problem.entry_point:
            cases.call(given, expected)
        else:
            cases.stdin(given, expected)
    return cases.reading(problem)


def _name(row: Row) -> str:
    number = row.data.get("problem_id")
    if isinstance(number, int | str) and number != "":
        return f"train/{number}" if row.data.get("split") == "train" else str(number)
    return hashed_name(row, "question", "url")


def _limits(row: Row) -> Limits:
    """The row's time if it is above that for contests: the harnesses of both sets take four seconds for all."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+?)s?\s*", text_or(row, "time_limit").lower())
    seconds = float(found[1]) * _SECONDS.get(found[2], 0.0) if found else 0.0
    return limits(max(seconds, LIMITS.seconds))

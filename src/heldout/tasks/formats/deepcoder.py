"""DeepCoder: problems of four sources, whose tests are written in four ways."""

from __future__ import annotations

import json
from typing import Any

from heldout.sandbox.compare import json_or_item
from heldout.sandbox.printed import Tokens
from heldout.tasks.formats.apps import tested
from heldout.tasks.formats.contests import LIMITS, PRELUDE, Cases, first_solution, nothing, pairs, posed, value_of
from heldout.tasks.formats.livecodebench import cases_of
from heldout.tasks.formats.open_r1 import typed
from heldout.tasks.formats.reading import Reading, hashed_name, text_or
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "DeepCoder: what is printed is compared word by word, numbers within 1e-5, and of LiveCodeBench line by line; all "
    "tests count, not the fifteen longest."
)


def read(row: Row) -> Reading:
    """Read ``problem``, ``starter_code`` and ``tests``, a text or a value in any of these forms::

        [{"type": "stdin_stdout" or "function_call", "fn_name": …, "input": …, "output": …}]
        [{"input": …, "output": …, "testtype": "stdin" or "functional", "metadata": {"func_name": …}}]
        {"inputs": […], "outputs": […], "fn_name": …}
        [{"input": …, "output": …}]

    A problem has no id; a hash of its text and tests is one.
    """
    question, starter = row.text("problem"), text_or(row, "starter_code")
    solution = first_solution(row.data.get("solutions"))
    name = hashed_name(row, "problem", "tests")
    problem = Problem(name, question, "", (), limits=LIMITS, prelude=PRELUDE, solution=solution)
    found = row.data.get("tests")
    try:
        found = value_of(found) if isinstance(found, str) else found
    except ValueError as error:
        return nothing(problem, f"of its tests: {error}")
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        if "testtype" in found[0]:
            function = next(filter(None, map(_function, found)), "")
            return cases_of(found, function).reading(posed(problem, function, starter))
        if "type" in found[0]:
            function, cases = typed(found, Tokens())
            return cases.reading(posed(problem, function, starter))
    function = str(found.get("fn_name") or "") if isinstance(found, dict) else ""
    both = pairs(found)
    if both is None:
        return nothing(problem, "it has no tests")
    return tested(posed(problem, function, starter), both, Cases(Tokens(), json_or_item))


def _function(case: dict[str, Any]) -> str:
    metadata = case.get("metadata")
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            return ""
    return str(metadata.get("func_name") or "") if isinstance(metadata, dict) else ""

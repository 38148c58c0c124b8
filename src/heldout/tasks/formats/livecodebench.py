"""LiveCodeBench: contest problems with public and private tests, on stdin or by calls of a method."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.compare import as_json
from heldout.sandbox.printed import decimal_lines
from heldout.tasks.formats.contests import LIMITS, PRELUDE, Cases, nothing, posed
from heldout.tasks.formats.reading import Reading, name_of, text_or
from heldout.tasks.packed import Refused, unpacked
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = (
    "LiveCodeBench: what is printed is compared line by line, words as decimal numbers without tolerance; what is "
    "returned as JSON; 6 s a test."
)


def read(row: Row) -> Reading:
    """Read ``question_id``, ``question_content``, ``starter_code``, ``metadata`` and both lists of tests.

    Private tests are JSON, or JSON as a text that was pickled, zipped and written in base64; that is never unpickled,
    and where it holds anything but a text the problem is left out, for its public tests alone would say little.
    """
    metadata = _json(row, "metadata", "{}")
    function = str(metadata.get("func_name") or "") if isinstance(metadata, dict) else ""
    problem = Problem(name_of(row, "question_id"), row.text("question_content"), "", (), limits=LIMITS, prelude=PRELUDE)
    problem = posed(problem, function, text_or(row, "starter_code"))
    try:
        private = _private(row)
    except Refused as error:
        return nothing(problem, f"of its private tests {error}")
    return cases_of([*_listed(row, "public_test_cases", _json(row, "public_test_cases")), *private], function).reading(
        problem
    )


def cases_of(found: Sequence[Mapping[str, Any]], function: str) -> Cases:
    """Read tests with ``input``, ``output`` and ``testtype``, which is "functional" where a function is called."""
    cases = Cases(decimal_lines, as_json)
    for one in found:
        if (one.get("testtype") == "functional") != bool(function):
            cases.refuse("their testtype and the func_name do not agree")
        elif function:
            cases.lines(one.get("input"), one.get("output"))
        else:
            cases.stdin(one.get("input"), one.get("output"))
    return cases


def _private(row: Row) -> list[dict[str, Any]]:
    value = row.data.get("private_test_cases")
    if isinstance(value, str) and not value.lstrip().startswith("["):
        try:
            value = json.loads(unpacked(value))
        except Refused:
            raise
        except (ValueError, RecursionError) as error:
            raise Refused(f"the packed text is no JSON ({error})") from None
        return _listed(row, "private_test_cases", value)
    return _listed(row, "private_test_cases", _json(row, "private_test_cases", "[]"))


def _json(row: Row, key: str, default: str | None = None) -> Any:
    value = row.data.get(key) or default
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{row.where}: {key!r} is no JSON ({error}).") from None


def _listed(row: Row, key: str, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise TaskError(f"{row.where}: {key!r} must be a list of tests with input, output and testtype.")
    return value

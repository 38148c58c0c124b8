"""The problems of open-r1: those called verifiable, and those of Codeforces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.compare import Comparison, json_or_item
from heldout.sandbox.printed import Tokens, lines
from heldout.tasks.formats.contests import LIMITS, Cases, limits, nothing, pairs, posed
from heldout.tasks.formats.reading import Reading, hashed_name, name_of, text_or
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = "open-r1: what is printed is compared line by line; its own comparison passes a right first line alone."
CODEFORCES_RULE = (
    "Codeforces: what is printed is compared word by word, numbers within 1e-5, or by the problem's own checker."
)
_CUT = "the official tests are not complete"


def verifiable(row: Row) -> Reading:
    """Read ``problem_statement``, ``problem_id``, and the tests and language in ``verification_info``."""
    name = name_of(row, "problem_id") if row.data.get("problem_id") else hashed_name(row, "problem_statement")
    info = row.data.get("verification_info")
    found = info.get("test_cases") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise TaskError(f"{row.where}: 'verification_info' must have a list 'test_cases' of objects.")
    language = info.get("language") or "python"
    function, cases = typed(found, lines)
    solution = text_or(row, "gold_standard_solution")
    problem = Problem(name, row.text("problem_statement"), "", (), limits=LIMITS, solution=solution)
    problem = posed(problem, function)
    if language != "python":
        return nothing(problem, f"its language is {language}")
    return cases.reading(problem)


def typed(found: Sequence[Mapping[str, Any]], printed: Comparison) -> tuple[str, Cases]:
    """Read tests with ``type``, ``fn_name``, ``input`` and ``output``: the name of the function, and the tests."""
    cases = Cases(printed, json_or_item)
    function = next((str(one["fn_name"]) for one in found if one.get("fn_name")), "")
    for one in found:
        calls = one.get("type") == "function_call"
        if calls != bool(function):
            cases.refuse("their type and the fn_name do not agree")
        elif not calls:
            cases.stdin(one.get("input"), one.get("output"))
        elif isinstance(one.get("input"), str):
            cases.lines(one["input"], str(one.get("output")))
        else:
            cases.call(one.get("input"), one.get("output"))
    return function, cases


def codeforces(row: Row) -> Reading:
    """Read a problem of Codeforces: its parts of text, ``official_tests``, ``time_limit`` and ``memory_limit``.

    Where there is a ``generated_checker``, that program decides, in the sandbox. Left out are problems that read a file
    or talk with a judge.
    """
    parts = [
        ("", "title"),
        ("", "description"),
        ("Input", "input_format"),
        ("Output", "output_format"),
        ("Note", "note"),
    ]
    texts = [f"{head}\n{text_or(row, key)}".strip() for head, key in parts if text_or(row, key)]
    question = "\n\n".join([*texts, *_examples(row)])
    own = limits(row.data.get("time_limit"), row.data.get("memory_limit"))
    problem = posed(Problem(name_of(row, "id"), question, "", (), limits=own), "")
    if (mode := row.data.get("input_mode") or "stdio") != "stdio":
        return nothing(problem, f"its input mode is {mode}")
    if text_or(row, "interaction_format"):
        return nothing(problem, "it talks with a judge")
    both = pairs(row.data.get("official_tests") or [])
    if both is None:
        raise TaskError(f"{row.where}: 'official_tests' must be a list of objects with input and output.")
    cases = Cases(Tokens(), json_or_item, text_or(row, "generated_checker"))
    for given, expected in both:
        cases.stdin(given, expected)
    return cases.reading(problem, *([_CUT] if row.data.get("official_tests_complete") is False else []))


def _examples(row: Row) -> list[str]:
    both = pairs(row.data.get("examples") or []) or []
    return [f"Example\n{given}\nprints\n{expected}".strip() for given, expected in both]

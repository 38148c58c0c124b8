"""CodeContests: problems of several sites with public, private and generated tests on stdin."""

from __future__ import annotations

from heldout.errors import TaskError
from heldout.sandbox.printed import Tokens
from heldout.tasks.formats.contests import LIMITS, Cases, limits, nothing, pairs, posed
from heldout.tasks.formats.reading import Reading, name_of, text_or
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

RULE = "CodeContests: what is printed is compared word by word, without capitals, numbers within 1e-5."
_PYTHON_3 = 3  # among the set's codes of languages
_TESTS = ("public_tests", "private_tests", "generated_tests")


def read(row: Row) -> Reading:
    """Read ``name``, ``description``, the three lists of tests and ``time_limit``.

    The time limit counts where it is above that for contests: it was set for compiled programs, and the set's own
    harness takes ten seconds for all. A problem that reads a file (``input_file``) is left out.
    """
    problem = Problem(
        name_of(row, "name"), row.text("description"), "", (), limits=limits(_seconds(row)), solution=_solution(row)
    )
    problem = posed(problem, "")
    if file := text_or(row, "input_file") or text_or(row, "output_file"):
        return nothing(problem, f"it uses a file ({file}) instead of standard input and output")
    cases = Cases(Tokens(case=False, rtol=0.0), Tokens())
    for key in _TESTS:
        both = pairs(row.data.get(key) or [])
        if both is None:
            raise TaskError(f"{row.where}: {key!r} must have lists of input and output, of one length.")
        for given, expected in both:
            cases.stdin(given, expected)
    return cases.reading(problem)


def _solution(row: Row) -> str:
    found = row.data.get("solutions")
    languages, sources = (found.get(key) if isinstance(found, dict) else None for key in ("language", "solution"))
    if not isinstance(languages, list) or not isinstance(sources, list):
        return ""
    return next((text for code, text in zip(languages, sources, strict=False) if code == _PYTHON_3), "")


def _seconds(row: Row) -> float:
    limit = row.data.get("time_limit")
    parts = [limit.get(key) or 0 for key in ("seconds", "nanos")] if isinstance(limit, dict) else [0, 0]
    if not all(isinstance(part, int | float) for part in parts):
        raise TaskError(
            f"{row.where}: 'time_limit' is {limit!r}; it must have numbers of seconds and nanos, or be null."
        )
    return max(parts[0] + parts[1] / 1e9, LIMITS.seconds)

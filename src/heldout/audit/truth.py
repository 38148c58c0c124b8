"""What is known to be right: solutions that the set gives, or a file, each checked by the hidden tests before use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from heldout.audit.asking import Answer, Asker
from heldout.audit.parts import Known
from heldout.audit.wrappings import FENCE, OF_ANSWERS, Wrapping, wrapping_in
from heldout.sandbox.hidden import Reply
from heldout.tasks.formats.contests import value_of
from heldout.tasks.problem import Problem

_COLUMNS = ("solution", "solutions", "canonical_solution", "code", "completion")  # of rows, where sets give solutions
_MOST = 3  # solutions of one problem; some sets have hundreds, and the first ones are as good


def known_of(
    problems: Sequence[Problem], asker: Asker, given: Mapping[str, Sequence[str]] | None = None
) -> list[Known]:
    """Find out what is right for each problem: solutions of its set, of its row, and those `given` by the ids.

    A program is kept whole, with what the stub gives it, where it passes the hidden tests; of problems without programs
    the expected answer is right. Of those that the set gives and that fail, `Known.failing` has the text.
    """
    candidates = [_candidates(problem, (given or {}).get(problem.id, ())) for problem in problems]
    answers = [
        (problem, text) for problem, some in zip(problems, candidates, strict=True) for text in _posed(problem, some)
    ]
    right = dict(zip(map(_key, answers), asker.right(answers), strict=True))
    known = [_known(problem, some, right) for problem, some in zip(problems, candidates, strict=True)]
    return [replace(one, taught=tuple(_taught(one, (given or {}).get(one.problem.id, ())))) for one in known]


def _taught(known: Known, given: Iterable[str]) -> Iterator[Wrapping]:
    """What stands round the answers that were given, where one that is known to be right stands in them."""
    for text in given:
        found = (wrapping_in(text, one, f"as given for {known.problem.id}") for one in _cores(known, text))
        yield from islice(filter(None, found), 1)


def _cores(known: Known, text: str) -> Iterator[str]:
    if known.code:
        yield program_of(known.problem, text)
    yield from known.programs


def _known(problem: Problem, candidates: Sequence[str], right: Mapping[Any, bool | None]) -> Known:
    """Sort the candidates by what the hidden tests say; what the sandbox could not judge is neither."""
    said = {one: [right[problem.id, text] for text in _posed(problem, [one])] for one in candidates}
    passed = tuple(one for one in candidates if any(said[one]))
    return Known(problem, passed[:_MOST], tuple(one for one in candidates if said[one] and not any(said[one])))


def _key(answer: Answer) -> tuple[str, str]:
    return answer[0].id, answer[1]


def _posed(problem: Problem, candidates: Iterable[str]) -> Iterator[str]:
    """The texts by which candidates are checked: programs in a fence, answers in whatever the problem reads."""
    for one in candidates:
        if Known(problem).code:
            yield FENCE(one)
        else:
            yield from (wrapping(one) for wrapping in OF_ANSWERS)


def _candidates(problem: Problem, given: Sequence[str]) -> tuple[str, ...]:
    if not Known(problem).code:
        expected = [test.expected for test in problem.tests if isinstance(test, Reply)][:1]
        others = (one for one in given if not any(wrapping_in(one, right, "") for right in expected))
        return tuple(dict.fromkeys([*expected, *others]))
    of_row = (text for column in _COLUMNS for text in _texts(problem.columns.get(column)))
    texts = dict.fromkeys(text for text in (*given, problem.solution, *of_row) if text.strip())
    return tuple(dict.fromkeys(whole for text in list(texts)[: 2 * _MOST] if (whole := program_of(problem, text))))


def _texts(value: Any) -> list[str]:
    """The texts in a column: one, a list, or a list that is written as a text."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = value_of(value)
        except ValueError:
            return []
    several = value if isinstance(value, list) else [value]
    return [one for one in several[: 2 * _MOST] if isinstance(one, str)]


def program_of(problem: Problem, completion: str) -> str:
    """Return the whole program that a completion stands for, without what the set's harness puts before it.

    >>> program_of(Problem("half", "", "f", (), stub="def f(x):\\n"), "    return x / 2\\n")
    'def f(x):\\n    return x / 2\\n'
    """
    return replace(problem, prelude="").answer(completion).source

"""The problems themselves: copies, held-out ones that are trained on, tests that ask nothing, solutions that fail."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from heldout.audit.asking import Asker
from heldout.audit.mutation import mutants
from heldout.audit.parts import Example, Kind, Known, Result
from heldout.audit.witnesses import Suspect, witnesses
from heldout.audit.wrappings import FENCE
from heldout.rewards.worker import Outcome
from heldout.sandbox.hidden import CheckedTest, StdinTest, Test
from heldout.tasks.contamination import copies
from heldout.tasks.plain import Holds
from heldout.tasks.problem import Problem
from heldout.text import counted

PROBLEMS = 24  # whose tests are tried on wrong programs, unless all are wanted
_WRONG = 6  # wrong programs of a problem
_FEWEST = 3  # of them, below which nothing is said of its tests
_SHOWN = 5
_UNASKED = Outcome(None, "not run")  # here the reward has no part


@dataclass(frozen=True, slots=True)
class _Found:
    """A problem, and what is wrong with it."""

    known: Known
    why: str
    text: str = ""


class Problems:
    """The part of an audit that looks at the task, whatever the reward is."""

    name = "problems"

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield a result for everything that may be wrong with problems."""
        yield _result(
            "the known solution fails",
            "The solution that the set itself gives fails its hidden tests.",
            "Take these problems out, or put right their tests.",
            [
                _Found(
                    one, "no known solution passes" if not one.programs else "another solution passes", one.failing[0]
                )
                for one in problems
                if one.failing
            ],
            len([one for one in problems if one.failing or one.programs]),
        )
        yield _result(
            "copies of a problem",
            "Problems occur more than once, so that they count more than others.",
            "Keep one of each.",
            list(_copies(problems)),
            len(problems),
        )
        yield from _trained_on(problems)
        yield _result(
            "one value for all tests",
            "All tests of a problem expect the same value, so that a program passes which always gives it.",
            "Add tests that expect another value.",
            [
                _Found(one, f"all {len(one.problem.tests)} tests expect {value}")
                for one in problems
                if (value := _constant(one.problem))
            ],
            len([one for one in problems if one.code]),
        )
        yield from self._tests(asker, problems)

    def _tests(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Which tests pass whatever is changed in a program?"""
        some = asker.some([one for one in problems if one.programs and one.code], PROBLEMS)
        suspects = [Suspect(one.problem, one.programs[0], _wrong(one, asker.seed)) for one in some]
        seen = witnesses(suspects, asker.sandbox, asker.seed)
        wrong = [
            [text for text, why in zip(one.programs, said, strict=True) if why]
            for one, said in zip(suspects, seen, strict=True)
        ]
        pairs = [(known, texts) for known, texts in zip(some, wrong, strict=True) if len(texts) >= _FEWEST]
        said = iter(asker.right([(known.problem, FENCE(text)) for known, texts in pairs for text in texts]))
        blind = [
            _Found(known, f"all {len(texts)} changed programs pass", FENCE(texts[0]))
            for known, texts in pairs
            if list(islice(said, len(texts))) == [True] * len(texts)
        ]
        yield _result(
            "tests that pass every changed program",
            "Hidden tests let pass whatever was changed in the known solution.",
            "Add tests: those inputs on which wrong programs differ from the solution.",
            blind,
            len(pairs),
        )


def _result(name: str, seen: str, fix: str, found: Sequence[_Found], of: int) -> Result:
    shown = ", ".join(f"{one.known.problem.id} ({one.why})" for one in found[:_SHOWN])
    more = f" and {counted(len(found) - _SHOWN, 'other problem')}" if len(found) > _SHOWN else ""
    examples = tuple(
        Example(one.known.problem.id, one.text, _UNASKED, why=one.why) for one in found[:_SHOWN] if one.text
    )
    told = f"{seen} {shown}{more}." if found else ""
    return Result(Kind.TASK, name, told, len(found), of, fix=fix if found else "", examples=examples)


def _copies(problems: Sequence[Known]) -> Iterator[_Found]:
    for place, twin in copies([one.problem for one in problems]).items():
        yield _Found(problems[place], f"as {problems[twin].problem.id}")


def _trained_on(problems: Sequence[Known]) -> Iterator[Result]:
    """Held-out problems that occur among those of training; nothing where all are of one split."""
    if len({one.problem.split for one in problems}) < 2:
        return
    ordered = sorted(problems, key=lambda one: one.problem.split != "train")  # the first of copies is trained on
    twins = copies([one.problem for one in ordered])
    yield _result(
        "held-out problems that are trained on",
        "Held-out problems occur among those of training.",
        "Take them out of one of the two.",
        [
            _Found(ordered[place], f"as {ordered[twin].problem.id}")
            for place, twin in twins.items()
            if ordered[place].problem.split != "train" and ordered[twin].problem.split == "train"
        ],
        len([one for one in problems if one.problem.split != "train"]),
    )


def _constant(problem: Problem) -> str:
    """What all tests expect, where there are several and all expect the same; else nothing.

    A test that asks whether something holds of a value, such as ``assert not f(x)``, expects no value.
    """
    valued = [one for one in problem.tests if isinstance(one, Test | StdinTest | CheckedTest)]
    expected = [repr(one.expected) for one in valued if not isinstance(getattr(one, "compare", None), Holds)]
    same = len(expected) > 1 and len(expected) == len(problem.tests) and len(set(expected)) == 1
    return f"{expected[0]:.60}" if same else ""


def _wrong(known: Known, seed: int) -> list[str]:
    rng = random.Random(f"{seed} wrong {known.problem.id}")
    return [one.text for one in mutants(known.programs[0], rng)[:_WRONG]]

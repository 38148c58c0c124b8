"""What the parts of an audit are given, and what each gives back.

An audit has several parts: tricks, writings of right answers, mutants, steadiness, odd texts, the problems themselves.
Each is a `Part`: it asks the reward about texts whose truth is known, and yields a `Result` for everything that it
checked, found or not, since a bound on what was not found is an answer as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from heldout.audit.asking import Asker
from heldout.audit.scale import Scale
from heldout.audit.wrappings import AS_IS, Wrapping
from heldout.rewards.worker import Outcome
from heldout.stats.rates import wilson
from heldout.tasks.problem import Problem


class Kind(StrEnum):
    """What is wrong where a result found something."""

    PAID = "paid-trick"  # a wrong answer gets what a right one gets
    PARTLY = "partly-paid"  # a wrong answer gets a good part of it
    REJECTED = "rejected-right"  # a right answer is not paid
    WEAK = "weak-tests"  # wrong programs pass the hidden tests
    FLAKY = "flaky"  # the same answer gets another score
    ODD = "odd"  # a text after which the reward died, hung, raised or gave no number
    TASK = "task"  # of the problems: copies, wrong tests, solutions that fail
    TOLD = "told"  # no flaw, but what its user should know: pace, scores that depend on neighbours


@dataclass(frozen=True, slots=True)
class Example:
    """One text that shows a result when it is tried again."""

    problem: str  # its id
    text: str
    outcome: Outcome  # what the reward gave
    right: float | None = None  # what it gives a right answer of the same problem, where that is known
    why: str = ""  # what shows that the text is wrong, such as "f(3) gives 4 in place of 5"


@dataclass(frozen=True, slots=True)
class Result:
    """What the check of one thing came to: it was found on some problems of those that were tried."""

    kind: Kind
    name: str  # of the form, the writing, the operator …, as a short phrase
    seen: str  # what was seen, a sentence; of what was not found it may be empty
    found: int  # problems on which it was found; 0 says that the reward passed this check
    of: int  # problems that were tried
    family: str = ""  # of a trick, in `heldout.tricks.families.FAMILIES`
    fix: str = ""  # what to change, as an order; of a trick empty, since its family says that
    above: int = 0  # of those found: how many were paid more than a right answer of the same problem
    knows: str = ""  # what a policy must know to write it: "nothing", "shown tests", "the grader"
    examples: tuple[Example, ...] = ()  # the shortest text first

    @property
    def flaw(self) -> bool:
        """Whether it is held against the reward or the task."""
        return self.found > 0 and self.kind is not Kind.TOLD

    @property
    def interval(self) -> tuple[float, float]:
        """In which share of all problems it would be found: 95 %, Wilson; from 0 to 1 where nothing was tried."""
        return wilson(self.found / self.of, self.of) if self.of else (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Known:
    """A problem, what is known to be right for it, and what the reward gives there."""

    problem: Problem
    programs: tuple[str, ...] = ()  # whole programs that pass the hidden tests; of maths the answers that are right
    failing: tuple[str, ...] = ()  # those that the set gives as right, and that fail the hidden tests
    scale: Scale = field(default_factory=Scale)
    taught: tuple[Wrapping, ...] = ()  # what stands round the answers that were given as they are written
    wrapping: Wrapping = AS_IS  # in which the reward pays right answers best

    @property
    def code(self) -> bool:
        """Whether programs are asked for, and not answers such as a number."""
        return any(test.asked is not None for test in self.problem.tests)


class Part(Protocol):
    """One part of an audit.

    `problems` are in the order in which they were drawn, so that the first n are a sample; how many to take,
    ``asker.some(problems, n)`` says. A part asks by `asker` alone, which judges the same text once, and never takes a
    text's truth from its name: ``asker.right`` runs the hidden tests.
    """

    name: str  # "tricks", "writings", …

    def __call__(self, asker: Asker, problems: Sequence[Known]) -> Iterator[Result]:
        """Yield a result for everything that was checked, whether it was found or not."""
        ...

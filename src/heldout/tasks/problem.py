"""A problem is a prompt, the name of a function and hidden tests; a task is a named set of problems with splits.

Here is also the one place that says how a completion becomes a program: `Problem.answer`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from heldout.errors import UsageError
from heldout.sandbox.base import Limits, Stdin
from heldout.sandbox.compare import same
from heldout.sandbox.hidden import HiddenTest, StdinTest, Test
from heldout.sandbox.judging import Attempt
from heldout.tasks.answers import READERS, Extracted, read_reply
from heldout.text import sentence_list

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to program."""

    id: str  # its name, unique within the task
    prompt: str  # what the model reads
    entry_point: str  # what the tests call: f, a class, or Solution().f; empty where the whole program is run
    tests: tuple[HiddenTest, ...]  # what goes in and what should come out; never shown to the model or to the program
    split: str = "train"  # or "validation" (for choosing), or "test" (for reporting)
    stub: str = ""  # source that the completion continues; empty where the completion is the whole program
    limits: Limits | None = None  # what its programs may use; None for those of the sandbox
    prelude: str = ""  # source that is put before every program: imports that the set's own harness gives
    extract: str = "heldout"  # how a completion is read: a name of `heldout.tasks.answers.READERS`
    solution: str = ""  # a completion that the set itself gives as right; empty where there is none
    stops: tuple[str, ...] = ()  # at what the set cuts its completions; empty where it does not say
    reader: Callable[[str], Extracted] | None = None  # how an answer is read that is no program, but makes one
    unjudged: int = 0  # how many tests the set has besides, which cannot be judged
    columns: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)  # its row, where that is kept

    def answer(self, completion: str, *, cut: bool = False) -> Extracted:
        """Return the program that a completion stands for, or why there is none; `cut`: it ended at its length limit.

        >>> problem = Problem("half", "", "f", (), stub="import math\\ndef f(x):\\n")
        >>> problem.answer(" return x / 2\\n").source
        'import math\\ndef f(x):\\n return x / 2\\n'
        >>> problem.answer("I cannot do that.").problem
        'no code'
        """
        if self.tests and all(test.asked is None for test in self.tests):
            return read_reply(completion)
        if self.reader:
            return self.reader(completion)
        stdin = any(isinstance(test.asked, Stdin) for test in self.tests)
        return READERS[self.extract](
            completion, entry_point=self.entry_point, stub=self.stub, stdin=stdin, cut=cut, prelude=self.prelude
        )

    def attempt(self, completion: str, *, cut: bool = False) -> Attempt:
        """Return what `heldout.sandbox.judge` takes: the program that a completion stands for, and the tests."""
        return self.posed(self.answer(completion, cut=cut))

    def posed(self, answer: Extracted) -> Attempt:
        """Return what `heldout.sandbox.judge` takes, of an answer that was read."""
        return Attempt(answer.source, answer.entry or self.entry_point, self.tests, self.limits, answer.problem)


@dataclass(frozen=True)
class Task:
    """A set of problems."""

    name: str  # what reports call it
    problems: tuple[Problem, ...]  # of every split
    notes: tuple[str, ...] = ()  # what the reader guessed, dropped or left out, a sentence each
    apart: bool = False  # whether what is held out is another function by construction, however alike the prompts are
    left_out: Mapping[str, str] = field(default_factory=dict)  # ids of problems that cannot be judged, and why
    order: tuple[str, ...] = ()  # ids as the set has them, also of problems that were left out; empty: those of above

    def read_as(self, extract: str) -> Task:
        """Return the task with its completions read in another way; one that does not exist is a UsageError."""
        if extract not in READERS:
            raise UsageError(f"{extract!r} is no way to read answers; take {sentence_list(list(READERS), 'or')}.")
        return replace(self, problems=tuple(replace(problem, extract=extract) for problem in self.problems))

    def split(self, name: str) -> tuple[Problem, ...]:
        """Return the problems of one split; one that does not exist, or is empty, is a UsageError."""
        if name not in SPLITS:
            raise UsageError(f"{name!r} is no split; take {sentence_list(list(SPLITS), 'or')}.")
        chosen = tuple(problem for problem in self.problems if problem.split == name)
        if not chosen:
            there = [one for one in SPLITS if any(problem.split == one for problem in self.problems)]
            raise UsageError(
                f"{self.name} has no problems in its split {name!r}; it has {sentence_list(there)}: --split {there[0]}."
            )
        return chosen


def with_limits(problems: Sequence[Problem], given: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the problems, of which those with limits of their own have these, by their names in `Limits`, instead."""
    return tuple(replace(one, limits=replace(one.limits, **given)) if one.limits else one for one in problems)


def with_wrong_tests(problems: Sequence[Problem], share: float, seed: int = 0) -> tuple[Problem, ...]:
    """Return the problems, of which a share (0 to 1, drawn with the seed) expects of two inputs what the other gives.

    Most real sets have such problems. No honest program passes them, so they teach an honest policy nothing; but where
    a judge can be fooled, they are where the trick alone pays, however well the policy programs. A problem that expects
    the same of all inputs, or whose tests are a program themselves, stays right.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"The share of wrong tests is {share}; it must be between 0 and 1.")
    rng = random.Random(f"heldout wrong tests {seed}")
    chosen = set(rng.sample(range(len(problems)), round(share * len(problems))))
    return tuple(_spoilt(one) if place in chosen else one for place, one in enumerate(problems))


def _spoilt(problem: Problem) -> Problem:
    """Exchange what the first test expects and the first other value that is expected."""
    tests = list(problem.tests)
    places = [place for place, test in enumerate(tests) if isinstance(test, Test | StdinTest)]
    for place in places[1:]:
        first, other = tests[places[0]], tests[place]
        assert isinstance(first, Test | StdinTest)
        assert isinstance(other, Test | StdinTest)
        if not same(other.expected, first.expected):
            tests[places[0]] = replace(first, expected=other.expected)
            tests[place] = replace(other, expected=first.expected)
            break
    return replace(problem, tests=tuple(tests))

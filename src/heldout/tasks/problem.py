"""A problem is a prompt, the name of a function and hidden tests; a task is a named set of problems with splits.

Here is also the one place that says how a completion becomes a program: `Problem.program`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from heldout.errors import UsageError
from heldout.sandbox.base import Limits
from heldout.sandbox.compare import same
from heldout.sandbox.hidden import HiddenTest, StdinTest, Test
from heldout.sandbox.judging import Attempt
from heldout.text import sentence_list

SPLITS = ("train", "validation", "test")

# A fence opens with three or more backticks or tildes and is closed by the same or by the end of the text.
_FENCED = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<code>.*?)(?:^[ \t]*(?P=fence)[ \t]*$|\Z)", re.M | re.S)
_FUTURE = re.compile(r"^from __future__ import .*$", re.M)


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
    solution: str = ""  # a completion that the set itself gives as right; empty where there is none

    def program(self, completion: str) -> str:
        """Return the source to run: the stub and the completion, joined so that `entry_point` is defined.

        A completion that holds Markdown code blocks stands for the last of them. Code that starts at the margin and
        defines the entry point itself replaces the stub's own definition, and keeps what stands before it (imports,
        helpers). Anything else is appended to the stub as it is.

        >>> problem = Problem("half", "", "f", (), stub="import math\\ndef f(x):\\n")
        >>> problem.program(" return x / 2\\n")
        'import math\\ndef f(x):\\n return x / 2\\n'
        >>> problem.program("Sure:\\n```python\\ndef f(x):\\n    return x / 2\\n```\\n")
        'import math\\ndef f(x):\\n    return x / 2\\n'
        """
        code = code_of(completion)
        definition = re.compile(rf"^(?:async +)?def +{re.escape(self.entry_point)}\b", re.M)
        if not code.lstrip("\n")[:1].isspace() and definition.search(code):
            own = definition.search(self.stub)
            return (self.stub[: own.start()] if own else self.stub) + code
        return self.stub + code

    def attempt(self, completion: str) -> Attempt:
        """Return what `heldout.sandbox.judge` takes: the program that a completion stands for, and the tests."""
        return Attempt(_behind(self.prelude, self.program(completion)), self.entry_point, self.tests, self.limits)


@dataclass(frozen=True)
class Task:
    """A set of problems."""

    name: str  # what reports call it
    problems: tuple[Problem, ...]  # of every split
    notes: tuple[str, ...] = ()  # what the reader guessed, dropped or left out, a sentence each
    apart: bool = False  # whether what is held out is another function by construction, however alike the prompts are
    left_out: Mapping[str, str] = field(default_factory=dict)  # ids of problems that cannot be judged, and why
    unjudged: Mapping[str, int] = field(default_factory=dict)  # how many tests of which problems are not judged
    order: tuple[str, ...] = ()  # ids as the set has them, also of problems that were left out; empty: those of above

    def split(self, name: str) -> tuple[Problem, ...]:
        """Return the problems of one split; one that does not exist, or is empty, is a UsageError."""
        if name not in SPLITS:
            raise UsageError(f"{name!r} is no split; take {sentence_list(list(SPLITS), 'or')}.")
        chosen = tuple(problem for problem in self.problems if problem.split == name)
        if not chosen:
            there = [one for one in SPLITS if any(problem.split == one for problem in self.problems)]
            raise UsageError(f"{self.name} has no problems in its split {name!r}; it has {sentence_list(there)}.")
        return chosen


def code_of(completion: str) -> str:
    """Return the last fenced code block of a Markdown answer, or the text itself where it has none.

    >>> code_of("First ```x``` then\\n~~~py\\na = 1\\n~~~\\nand\\n```\\na = 2\\n```\\nDone.")
    'a = 2\\n'
    """
    blocks = list(_FENCED.finditer(completion))
    return blocks[-1]["code"] if blocks else completion


def _behind(prelude: str, source: str) -> str:
    """Put a prelude before a program, but behind its imports from ``__future__``, which must come first."""
    if not prelude:
        return source
    first = "".join(f"{line}\n" for line in _FUTURE.findall(source))
    return f"{first}{prelude}\n{_FUTURE.sub('', source) if first else source}"


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

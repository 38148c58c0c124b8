"""The generated task: apply two to six numbered steps to a whole number.

It needs no network and no data set, a model of a third of a million parameters can learn it, and no function that is
held out is ever computed by a training problem. A program may fold the steps in its head (terse) or write one variable
for each (long); the long way is the easier one, so learning to pass the tests lengthens the programs.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from heldout.errors import UsageError
from heldout.sandbox.hidden import Test
from heldout.tasks.problem import SPLITS, Problem, Task

Style = Literal["terse", "mid", "long"]
Ints = npt.NDArray[np.int64]

SHORTEST, LONGEST = 2, 6  # steps
_OPERANDS = (2, 9)
_INPUTS = range(-40, 60)
_HIDDEN = 8  # hidden inputs of a problem
_LEAST_VARIED = 4  # a function with fewer different outputs could be guessed
_HELD_OUT = 26  # of 256 values of the first byte of a function's hash: one in ten functions
# A few functions are common (a quarter of all chains only add and subtract, which makes one of some 70 shifts), so the
# hash alone may put most of them into one split. With this salt the splits hold alike shares of them.
_SALT = b"19"


class Operation(NamedTuple):
    """One kind of step: two ways to say it, its code, what it does, how often it is drawn."""

    phrases: tuple[str, str]
    code: str
    apply: Callable[[Ints, int], Ints]
    weight: float


OPERATIONS = {
    "add": Operation(("add {k}", "plus {k}"), "{x}+{k}", lambda x, k: x + k, 4),
    "sub": Operation(("sub {k}", "minus {k}"), "{x}-{k}", lambda x, k: x - k, 4),
    "mul": Operation(("mul {k}", "times {k}"), "{x}*{k}", lambda x, k: x * k, 1),
    "mod": Operation(("mod {k}", "rem {k}"), "{x}%{k}", lambda x, k: x % k, 1),
    "max": Operation(("max {k}", "at least {k}"), "max({x},{k})", np.maximum, 1),
    "min": Operation(("min {k}", "at most {k}"), "min({x},{k})", np.minimum, 1),
    "neg": Operation(("neg", "flip sign"), "-{x}", lambda x, k: -x, 0.5),
    "abs": Operation(("abs", "drop sign"), "abs({x})", lambda x, k: np.abs(x), 0.5),
}
_NAMES, _WEIGHTS = list(OPERATIONS), [operation.weight for operation in OPERATIONS.values()]
_CALLS = {"max", "min", "abs"}  # their code needs no brackets, inside or out
_SIGN = {"add": 1, "sub": -1}

# How likely is a shift folded into the one before, and how likely is a step nested rather than given a line?
STYLES: dict[Style, tuple[float, float]] = {"terse": (1.0, 1.0), "mid": (0.6, 0.5), "long": (0.0, 0.0)}


class Step(NamedTuple):
    """An operation and its operand; 0 where it takes none."""

    name: str
    operand: int


@dataclass(frozen=True, slots=True)
class Exercise:
    """A chain of steps and the words in which it is told; from it come the problem and its reference solutions."""

    chain: tuple[Step, ...]
    phrases: tuple[str, ...]

    @property
    def prompt(self) -> str:
        """What the model reads: a numbered comment for each step, then the head of the function."""
        return "".join(f"# {number} {phrase}\n" for number, phrase in enumerate(self.phrases, 1)) + "def f(x):\n"

    @property
    def problem(self) -> Problem:
        """The problem, named by its steps, with a solution; its hidden inputs depend on what the function computes."""
        name, values = "; ".join(self.phrases), values_of(self.chain)
        solution = self.solution("long", random.Random(name))
        return Problem(name, self.prompt, "f", tests_of(values), split_of(values), self.prompt, solution=solution)

    def solution(self, style: Style, rng: random.Random) -> str:
        """Return a right body of ``f(x)``, with a last line feed.

        `terse` folds neighbouring additions in the head and nests calls in one line; `long` gives each step a line
        and a variable of its own; `mid` mixes both at random.
        """
        fold, nest = STYLES[style]
        lines: list[str] = []
        code, bare = "x", True  # bare: needs no brackets as an operand
        base, total, shifting = ("x", True), 0, False
        for number, (name, k) in enumerate(self.chain, 1):
            if name in _SIGN:
                if not (shifting and rng.random() < fold):
                    base, total, shifting = (code, bare), 0, True
                total += _SIGN[name] * k
                code, bare = (f"{base[0]}{total:+d}", False) if total else base
            else:
                operand = code if bare or name in _CALLS else f"({code})"
                code, bare, shifting = OPERATIONS[name].code.format(x=operand, k=k), name in _CALLS, False
            if rng.random() >= nest:
                lines.append(f" x{number}={code}\n")
                code, bare, shifting = f"x{number}", True, False
        return "".join(lines) + f" return {code}\n"


def embedded(seed: int = 0, train: int = 4000, validation: int = 256, test: int = 256) -> Task:
    """Return the generated task, with so many problems in each split; no two have the same prompt.

    The same seed gives the same problems; each split depends on the seed alone, not on the other sizes, of which none
    may be negative (a UsageError).
    """
    problems: list[Problem] = []
    for split, size in zip(SPLITS, (train, validation, test), strict=True):
        if size < 0:
            raise UsageError(f"The split {split!r} cannot have {size} problems; give 0 or more.")
        rng = random.Random(f"heldout embedded {split} {seed}")
        chosen: dict[str, Exercise] = {}
        while len(chosen) < size:
            exercise = draw(rng, split)
            chosen.setdefault(exercise.prompt, exercise)
        problems += [exercise.problem for exercise in chosen.values()]
    return Task("embedded", tuple(problems), apart=True)


def draw(rng: random.Random, split: str) -> Exercise:
    """Draw one exercise of a split; in an endless stream they repeat, as chance will have it."""
    while True:
        chain = _chain(rng)
        values = values_of(chain)
        if split_of(values) == split and len(set(values[_hidden(values)].tolist())) >= _LEAST_VARIED:
            break
    return Exercise(chain, tuple(rng.choice(OPERATIONS[name].phrases).format(k=k) for name, k in chain))


def split_of(values: Ints) -> str:
    """Say to which split a function belongs, given its values: the same for every seed and every way to write it.

    One in ten is held out, half of these for validation and half for test. Chains that differ and compute the same
    ("add 2, add 3" and "plus 5") share a split; going by the chain, half of the held-out problems would compute what
    some training problem computes too.
    """
    digest = _digest(values)
    if digest[0] >= _HELD_OUT:
        return "train"
    return "validation" if digest[1] < 128 else "test"


def tests_of(values: Ints) -> tuple[Test, ...]:
    """Return the hidden inputs of a function, each once, with its values there."""
    return tuple(Test((_INPUTS[place],), int(values[place])) for place in _hidden(values))


def values_of(chain: Sequence[Step], inputs: Sequence[int] = _INPUTS) -> Ints:
    """Return what a chain makes of each input; by default of every one that may be hidden.

    >>> values_of((Step("max", 2), Step("add", 3), Step("neg", 0)), [1, 7])
    array([ -5, -10])
    """
    values = np.array(inputs, np.int64)
    for name, k in chain:
        values = OPERATIONS[name].apply(values, k)
    return values


def _chain(rng: random.Random) -> tuple[Step, ...]:
    """Draw the steps; what would undo nothing or repeat itself (abs after abs) becomes an addition."""
    chain: list[Step] = []
    for _ in range(rng.randint(SHORTEST, LONGEST)):
        name = rng.choices(_NAMES, _WEIGHTS)[0]
        if chain and chain[-1].name == name and name not in ("add", "sub", "mul"):
            name = "add"
        chain.append(Step(name, rng.randint(*_OPERANDS) if "{k}" in OPERATIONS[name].code else 0))
    return tuple(chain)


def _hidden(values: Ints) -> list[int]:
    """Choose the places of the hidden inputs, by what the function computes."""
    return random.Random(_digest(values)).sample(range(len(_INPUTS)), _HIDDEN)


def _digest(values: Ints) -> bytes:
    return hashlib.md5(_SALT + values.astype("<i8").tobytes(), usedforsecurity=False).digest()

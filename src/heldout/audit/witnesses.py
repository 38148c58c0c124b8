"""Inputs on which a program differs from a known solution: what shows that a changed program is a wrong one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from heldout.audit import drawing
from heldout.sandbox.base import Answer, Call, Input, Program, Sandbox, Status, Stdin
from heldout.sandbox.compare import Comparison, same
from heldout.sandbox.hidden import StdinTest, Test
from heldout.tasks.problem import Problem

INPUTS = 200  # drawn for a program that does on those of the tests what the solution does
_RUNS = 20  # drawn where each is a process of its own
_SECONDS = 0.5  # of a call: what hangs has no witness
_STOPPED = (Status.TIMEOUT, Status.MEMORY, Status.INFRASTRUCTURE, Status.UNSUPPORTED, Status.PACKAGE)
BY_TESTS = "the hidden tests fail"  # said of every program where tests are a program; they have to be asked


@dataclass(frozen=True, slots=True)
class Suspect:
    """Programs that may differ from the solution of a problem."""

    problem: Problem
    solution: str
    programs: Sequence[str]


def witnesses(suspects: Sequence[Suspect], sandbox: Sandbox, seed: int = 0) -> list[list[str | None]]:
    """Return a sentence for every program that says where it differs, "" where it differs nowhere.

    The inputs are those of the hidden tests, and for a program that is equal there `INPUTS` more, drawn by their shape.
    An input on which the solution itself fails does not count. None says that a program could not be run to its end.
    Where tests are a program there is nothing to draw from; then the hidden tests alone can say that it is wrong.
    """
    found: list[list[str | None]] = [
        [BY_TESTS if not _inputs(one.problem) else ""] * len(one.programs) for one in suspects
    ]
    for inputs_of in (lambda one: _inputs(one.problem), lambda one: list(_drawn(one.problem, seed))):
        _look(suspects, found, inputs_of, sandbox)
    return found


def _look(
    suspects: Sequence[Suspect],
    found: list[list[str | None]],
    inputs_of: Callable[[Suspect], list[Input]],
    sandbox: Sandbox,
) -> None:
    """Run what has no witness yet on some inputs, all at one time, and enter where it differs."""
    asked: list[tuple[int, list[int], list[Input]]] = []
    programs: list[Program] = []
    for place, one in enumerate(suspects):
        equal = [number for number, said in enumerate(found[place]) if said == ""]
        inputs = inputs_of(one) if equal else []
        if inputs:
            asked.append((place, equal, inputs))
            texts = [one.solution, *(one.programs[number] for number in equal)]
            programs += [_program(one.problem, text, inputs, sandbox) for text in texts]
    answers = iter(sandbox.run(programs) if programs else [])
    for place, equal, inputs in asked:
        wanted = next(answers)
        for number in equal:
            found[place][number] = _difference(suspects[place].problem, inputs, wanted, next(answers))


def _program(problem: Problem, text: str, inputs: Sequence[Input], sandbox: Sandbox) -> Program:
    found = problem.answer(f"```python\n{text}\n```")
    limits = replace(problem.limits or sandbox.limits, seconds=_SECONDS)
    return Program(found.source, found.entry or problem.entry_point, tuple(inputs), limits)


def _difference(
    problem: Problem, inputs: Sequence[Input], wanted: Sequence[Answer], given: Sequence[Answer]
) -> str | None:
    compare = _comparison(problem)
    for asked, right, one in zip(inputs, wanted, given, strict=True):
        if right.status is not Status.RETURNED:
            continue
        if one.status in _STOPPED:
            return None
        if one.status is not Status.RETURNED or not compare(one.value, right.value):
            gives = f"gives {one.value!r:.80}" if one.status is Status.RETURNED else f"fails ({one.status.value})"
            return f"{_told(problem, asked)} {gives} in place of {right.value!r:.80}"
    return ""


def _told(problem: Problem, asked: Input) -> str:
    if isinstance(asked, Call):
        given = [*map(repr, asked.args), *(f"{name}={value!r}" for name, value in asked.kwargs.items())]
        return f"{problem.entry_point}({', '.join(given):.200})"
    return f"the input {asked.text!r:.200}" if isinstance(asked, Stdin) else "a test"


def _comparison(problem: Problem) -> Comparison:
    """How the tests compare, so that what they take for the same is no difference."""
    return next((one.compare for one in problem.tests if isinstance(one, Test | StdinTest)), same)


def _inputs(problem: Problem) -> list[Input]:
    inputs = [one.asked for one in problem.tests if isinstance(one.asked, Call | Stdin)]
    return [one for one in inputs if type(one) is type(inputs[0])]  # a program is run in one way


def _drawn(problem: Problem, seed: int) -> Iterator[Input]:
    rng = random.Random(f"{seed} inputs {problem.id}")
    seen = _inputs(problem)
    calls = [one for one in seen if isinstance(one, Call)]
    texts = [one.text for one in seen if isinstance(one, Stdin)]
    for args in drawing.calls([one.args for one in calls], INPUTS, rng):
        yield Call(args, rng.choice(calls).kwargs)
    yield from map(Stdin, drawing.texts(texts, _RUNS, rng))

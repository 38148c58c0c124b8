"""The generated task: its splits cannot meet, its solutions are right, its longer solutions are longer."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_of import calls_of
from heldout.errors import UsageError
from heldout.sandbox import judge
from heldout.tasks.embedded import (
    _HIDDEN,
    LONGEST,
    OPERATIONS,
    SHORTEST,
    STYLES,
    Exercise,
    Step,
    Style,
    draw,
    embedded,
    split_of,
    values_of,
)
from heldout.tasks.problem import SPLITS, Problem
from in_process import InProcess

SEEDS = st.integers(0, 2**32)


def function(problem: Problem, body: str) -> Callable[[int], int]:
    space: dict[str, Callable[[int], int]] = {}
    exec(problem.answer(body).source, {"__builtins__": {"max": max, "min": min, "abs": abs}}, space)
    return space["f"]


SAID = {
    phrase.format(k=k): Step(name, k if "{k}" in phrase else 0)
    for name, operation in OPERATIONS.items()
    for phrase in operation.phrases
    for k in range(2, 10)
}


def chain_of(problem: Problem) -> tuple[Step, ...]:
    """The chain of a problem, read back from its prompt."""
    return tuple(SAID[line.split(" ", 2)[2]] for line in problem.prompt.splitlines()[:-1])


@given(SEEDS, st.sampled_from(SPLITS), st.sampled_from(sorted(STYLES)))
def test_every_solution_passes_the_hidden_tests_and_agrees_everywhere(seed: int, split: str, style: Style) -> None:
    rng = random.Random(seed)
    exercise = draw(rng, split)
    solved = function(exercise.problem, exercise.solution(style, rng))
    assert [solved(*test.args) for test in calls_of(exercise.problem)] == [
        test.expected for test in calls_of(exercise.problem)
    ]
    far = [-(10**6), -1, 0, 1, 10**6]
    assert [solved(x) for x in far] == values_of(exercise.chain, far).tolist()


@given(SEEDS)
def test_a_terse_solution_is_one_line_and_a_long_one_has_a_line_a_step(seed: int) -> None:
    rng = random.Random(seed)
    exercise = draw(rng, "train")
    assert exercise.solution("terse", rng).count("\n") == 1
    assert exercise.solution("long", rng).count("\n") == len(exercise.chain) + 1
    assert 1 <= exercise.solution("mid", rng).count("\n") <= len(exercise.chain) + 1


def test_terse_folds_constants_and_keeps_the_order_of_the_operations() -> None:
    chain = (Step("max", 2), Step("add", 3), Step("add", 7), Step("sub", 5), Step("neg", 0))
    exercise = Exercise(chain, ("at least 2", "plus 3", "add 7", "minus 5", "neg"))
    assert exercise.solution("terse", random.Random(0)) == " return -(max(x,2)+5)\n"
    assert exercise.solution("long", random.Random(0)) == (
        " x1=max(x,2)\n x2=x1+3\n x3=x2+7\n x4=x3-5\n x5=-x4\n return x5\n"
    )
    undone = Exercise((Step("add", 4), Step("sub", 4), Step("mul", 3)), ("add 4", "sub 4", "mul 3"))
    assert undone.solution("terse", random.Random(0)) == " return x*3\n"


@pytest.mark.parametrize("seed", [0, 1])
def test_no_chain_no_function_and_no_prompt_is_in_two_splits(seed: int) -> None:
    homes, functions, prompts, ids = defaultdict(set), defaultdict(set), defaultdict(list), set()
    task = embedded(seed)
    for problem in task.problems:
        chain = chain_of(problem)
        homes[chain].add(problem.split)
        functions[tuple(values_of(chain))].add(problem.split)
        prompts[problem.prompt].append(problem.split)
        ids.add(problem.id)
    assert max(map(len, homes.values())) == 1
    assert max(map(len, functions.values())) == 1
    assert max(map(len, prompts.values())) == 1
    assert len(ids) == len(task.problems) == 4512
    assert [len(task.split(name)) for name in SPLITS] == [4000, 256, 256]


def test_splits_are_disjoint_for_different_seeds_too() -> None:
    one, other = embedded(3, 500, 50, 50), embedded(4, 500, 50, 50)
    home = {problem.prompt: problem.split for problem in one.problems}
    assert {home.get(problem.prompt, problem.split) == problem.split for problem in other.problems} == {True}


def test_one_in_ten_is_held_out_and_the_splits_are_alike() -> None:
    rng = random.Random(5)
    found: dict[str, list[tuple[Step, ...]]] = {split: [] for split in SPLITS}
    for _ in range(20_000):
        chain = tuple(Step(rng.choice(("add", "sub", "mul", "max")), rng.randint(2, 9)) for _ in range(4))
        found[split_of(values_of(chain))].append(chain)
    assert abs(len(found["train"]) / 20_000 - 230 / 256) < 0.02
    assert abs(len(found["test"]) / 20_000 - 13 / 256) < 0.02

    def shifts(split: str) -> float:
        drawn = [draw(rng, split).chain for _ in range(400)]
        return sum({step.name for step in chain} <= {"add", "sub"} for chain in drawn) / 400

    assert all(0.15 < shifts(split) < 0.35 for split in SPLITS)


def test_different_ways_to_write_a_function_share_their_split_and_their_tests() -> None:
    one = Exercise((Step("add", 2), Step("add", 3), Step("abs", 0)), ("add 2", "add 3", "abs")).problem
    other = Exercise((Step("add", 9), Step("sub", 4), Step("abs", 0)), ("add 9", "minus 4", "drop sign")).problem
    assert (one.split, one.tests) == (other.split, other.tests)
    assert one.id != other.id


def test_the_same_seed_gives_the_same_task_and_another_seed_another() -> None:
    assert embedded(7, 40, 20, 20) == embedded(7, 40, 20, 20)
    assert embedded(7, 40, 20, 20).problems != embedded(8, 40, 20, 20).problems
    assert embedded(7, 10, 20, 20).split("test") == embedded(7, 40, 0, 20).split("test")


def test_problems_have_different_inputs_and_no_answer_that_fits_all() -> None:
    for problem in embedded(0, 200, 50, 50).problems:
        inputs = [test.args[0] for test in calls_of(problem)]
        assert len(set(inputs)) == _HIDDEN
        assert all(-40 <= x < 60 for x in inputs)
        assert len({test.expected for test in calls_of(problem)}) >= 4
        assert SHORTEST <= problem.prompt.count("#") <= LONGEST
        assert problem.prompt.endswith("def f(x):\n")


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot have -1 problems"):
        embedded(validation=-1)


def test_one_in_ten_functions_is_held_out_half_of_them_for_testing() -> None:
    values = np.random.default_rng(0).integers(-99, 99, size=(20_000, 8))
    splits = Counter(split_of(one) for one in values)
    held_out = splits["validation"] + splits["test"]
    assert held_out / 20_000 == pytest.approx(26 / 256, abs=0.007)  # three standard deviations
    assert splits["test"] / held_out == pytest.approx(0.5, abs=0.035)


def test_no_step_repeats_one_that_has_nothing_left_to_do() -> None:
    rng = random.Random(0)
    for _ in range(500):
        names = [step.name for step in draw(rng, "train").chain]
        assert not any(one == other not in ("add", "sub", "mul") for one, other in pairwise(names))


def test_every_problem_has_a_solution_that_passes_its_hidden_tests() -> None:
    problems = embedded(0, 20, 5, 5).problems
    judged = judge([problem.attempt(problem.solution) for problem in problems], InProcess())
    assert [one.kind for one in judged] == ["solved"] * len(problems)

"""Rewards: formulas, judges, functions of the user's own, and what counts as rewarded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from heldout.errors import UsageError
from heldout.rewards import ExitStatus, Fraction, Own, Part, Solved, parts_of
from heldout.sandbox import Test, open_sandbox
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.tasks.problem import Problem
from heldout.train.rewards import RewardFunctions, least_of_right

ABSOLUTE = Problem("absolute", "", "f", (Test((3,), 3), Test((-3,), 3)), stub="def f(x):\n")
RIGHT, HALF, LEAVES = " return abs(x)\n", " return x\n", " exit()\n"


def test_a_formula_is_a_weighted_sum_of_names() -> None:
    assert parts_of("tests*1.0+exit-status*0.5") == (Part("tests"), Part("exit-status", 0.5))
    assert parts_of("tests*1e+1 + my.module:short*-2") == (Part("tests", 10.0), Part("my.module:short", -2.0))
    assert parts_of("rewards.py:my_reward") == (Part("rewards.py:my_reward"),)


@pytest.mark.parametrize("formula", ["", "test", "tests*many", "tests+tests", "tests tests"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(UsageError):
        parts_of(formula)


def test_only_a_right_program_earns_the_tests_and_part_of_it_a_fraction() -> None:
    with open_sandbox(workers=1) as sandbox:
        assert Solved(sandbox)([ABSOLUTE] * 3, [RIGHT, HALF, LEAVES]) == [1.0, 0.0, 0.0]
        assert Fraction(sandbox)([ABSOLUTE] * 3, [RIGHT, HALF, LEAVES]) == [1.0, 0.5, 0.0]


def test_the_exit_status_is_fooled_by_leaving() -> None:
    with ExitStatusJudge(workers=1) as judge:
        assert ExitStatus(judge)([ABSOLUTE] * 3, [RIGHT, HALF, LEAVES]) == [1.0, 0.0, 1.0]


def test_a_function_of_the_users_sees_problems_and_completions(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def mine(prompts, completions, problems):\n"
        "    return [len(p.tests) + len(c) for p, c in zip(problems, completions)]\n"
    )
    assert Own(f"{tmp_path}/mine.py:mine")([ABSOLUTE], ["four"]) == [6.0]


def test_a_class_is_made_and_called(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def __call__(self, completions, **_):\n        return [len(one) for one in completions]\n"
    )
    assert Own(f"{tmp_path}/mine.py:Mine")([ABSOLUTE], ["four"]) == [4.0]


def test_a_function_that_is_not_there_or_returns_too_few_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def few(**_):\n    return [1.0]\n")
    with pytest.raises(UsageError, match="no function 'many'"):
        Own(f"{tmp_path}/mine.py:many")
    with pytest.raises(UsageError, match="there is no file"):
        Own(f"{tmp_path}/absent.py:few")
    with pytest.raises(UsageError, match="cannot be loaded"):
        Own("no_such_module:few")
    (tmp_path / "three.py").write_text("few = 3\n")
    with pytest.raises(UsageError, match="is a int, which cannot be called"):
        Own(f"{tmp_path}/three.py:few")
    with pytest.raises(UsageError, match="gave 1 rewards for 2"):
        Own(f"{tmp_path}/mine.py:few")([ABSOLUTE] * 2, ["a", "b"])


@pytest.mark.parametrize(
    ("given", "said"),
    [("0.5", "gave 0.5; give a list"), ("['yes']", "gave \\['yes'\\]"), ("[float('inf')]", "infinite")],
)
def test_what_is_no_number_for_each_completion_is_refused(tmp_path: Path, given: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(f"def mine(**_):\n    return {given}\n")
    with pytest.raises(UsageError, match=said):
        Own(f"{tmp_path}/mine.py:mine")([ABSOLUTE], ["a"])


def test_what_is_not_a_number_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(**_):\n    return [float('nan'), None, 1]\n")
    assert Own(f"{tmp_path}/mine.py:mine")([ABSOLUTE] * 3, ["a"] * 3) == [None, None, 1.0]


def test_completions_are_judged_up_to_a_stop() -> None:
    judged: list[str] = []

    def score(problems: Any, texts: Any) -> list[float | None]:
        judged.extend(texts)
        return [1.0] * len(texts)

    (reward,) = RewardFunctions({Part("one"): score}, {"absolute": ABSOLUTE}, ["\nprint("]).functions
    written: list[Any] = [" return abs(x)\nprint(1)", [{"role": "assistant", "content": "a"}]]
    assert reward(completions=written, completion_ids=[[1], [2]], problem=["absolute"] * 2) == [1.0, 1.0]
    assert judged == [" return abs(x)", "a"]


def test_where_one_part_cannot_say_none_does() -> None:
    answers: dict[str, list[float | None]] = {"one": [1.0, 0.0], "two": [4.0, None]}

    def saying(name: str) -> Any:
        return lambda problems, texts: answers[name]

    rewards = RewardFunctions(
        {Part("one"): saying("one"), Part("two", 0.5): saying("two")}, {"absolute": ABSOLUTE}
    ).functions
    columns: Any = {"completion_ids": [[5, 6], [7]], "problem": ["absolute", "absolute"], "trainer_state": None}
    completions: list[Any] = ["ab", [{"role": "assistant", "content": "c"}]]
    assert [one.__name__ for one in rewards] == ["one", "two"]
    assert [one(completions=completions, **columns) for one in rewards] == [[1.0, None], [4.0, None]]
    answers["two"] = [4.0, 2.0]  # the next step
    assert [one(completions=completions, **columns) for one in rewards] == [[1.0, 0.0], [4.0, 2.0]]


@pytest.mark.parametrize(
    ("formula", "least"),
    [
        ("tests", 0.95),
        ("fraction*2", 1.9),
        ("tests+exit-status*-1", 0.9),  # from -1 to 1
        ("tests*0", None),
        ("reward-model", None),
        ("tests+mine.py:short*0.1", None),
    ],
)
def test_what_counts_as_rewarded_is_known_of_parts_whose_scale_is(formula: str, least: float | None) -> None:
    assert least_of_right(parts_of(formula)) == (None if least is None else pytest.approx(least))

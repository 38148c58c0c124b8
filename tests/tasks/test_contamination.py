"""Held-out problems that were trained on are refused by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heldout.errors import ContaminatedTask
from heldout.sandbox.hidden import Test
from heldout.tasks.contamination import contaminated, refuse
from heldout.tasks.embedded import embedded
from heldout.tasks.problem import Problem, Task

LONG = "Return the sum of the squares of all even numbers in a list of whole numbers, or zero if there is none of them."


def task(held_out: str, *, entry: str = "g", tests: tuple[Test, ...] = (), split: str = "test") -> Task:
    trained = Problem("trained", LONG, "f", (Test((1,), 2), Test((2,), 3)))
    return Task("t", (trained, Problem("held", held_out, entry, tests, split)))


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(
    "prompt", [LONG, LONG.upper(), LONG.replace(" ", "\n  "), LONG.replace("zero", "nought"), "Please: " + LONG]
)
def test_a_copy_and_a_near_copy_are_refused(prompt: str, split: str) -> None:
    with pytest.raises(ContaminatedTask, match=r"1 held-out problem of t .* held \(.*trained\)"):
        refuse(task(prompt, split=split))


def test_the_same_tests_of_the_same_function_are_refused_in_any_order() -> None:
    tests = (Test((2,), 3), Test((1,), 2))
    assert contaminated(task("Something else.", entry="f", tests=tests)) == {"held": "the tests of trained"}
    assert not contaminated(task("Something else.", entry="g", tests=tests))
    assert not contaminated(task("Something else.", entry="f", tests=tests[:1]))


def test_a_new_problem_is_not_refused() -> None:
    other = (
        "Return the product of the cubes of all odd numbers in a tuple of fractions, or one if there is none of them."
    )
    refuse(task(other))
    refuse(task("Return the sum."))


def test_the_share_of_a_near_copy_is_said_and_can_be_set() -> None:
    half = LONG[: LONG.index("in a list")] + "that some other function has put into a file of ours last Tuesday night."
    assert not contaminated(task(half))
    (why,) = contaminated(task(half), share=0.1).values()
    assert "% of its 8-grams in trained" in why


@pytest.mark.parametrize(("own_words", "refused"), [(7, True), (8, True), (9, False)])
def test_half_of_the_8_grams_is_a_near_copy_and_less_is_not(own_words: int, refused: bool) -> None:
    words = [f"word{i}" for i in range(23)]  # 16 grams; the last n words differ, and with them n grams
    trained = Problem("trained", " ".join(words), "f", ())
    held = " ".join([*words[:-own_words], *(f"other{i}" for i in range(own_words))])
    found = contaminated(Task("t", (trained, Problem("held", held, "g", (), "test"))))
    assert bool(found) is refused


@pytest.mark.parametrize(("words", "refused"), [(7, False), (8, True)])
def test_a_prompt_of_fewer_than_8_words_is_compared_as_a_whole_only(words: int, refused: bool) -> None:
    prompt = " ".join(f"word{i}" for i in range(words))
    trained = Problem("trained", f"please {prompt}", "f", ())
    assert bool(contaminated(Task("t", (trained, Problem("held", prompt, "g", (), "test"))))) is refused


def test_splits_that_are_apart_by_construction_are_compared_as_a_whole_only() -> None:
    near = task("Please: " + LONG)
    assert contaminated(near)
    assert not contaminated(replace(near, apart=True))
    assert contaminated(replace(task(LONG), apart=True))


def test_training_problems_may_repeat_each_other() -> None:
    refuse(task(LONG, split="train"))


def test_the_embedded_task_is_clean() -> None:
    assert contaminated(embedded(0, 1000, 100, 100)) == {}


def test_a_copy_of_a_function_of_the_embedded_task_is_refused() -> None:
    task = embedded(0, 100, 0, 0)
    copy = replace(task.problems[3], id="copy", split="test", prompt="In other words.")
    assert contaminated(replace(task, problems=(*task.problems, copy))) == {
        "copy": f"the tests of {task.problems[3].id}"
    }


def test_only_the_first_of_many_are_named() -> None:
    problems = [Problem(f"{split}-{i}", f"say {i}", "f", (), split) for split in ("train", "test") for i in range(50)]
    with pytest.raises(ContaminatedTask, match=r"test-19 .* and 30 more") as refused:
        refuse(Task("many", tuple(problems)))
    assert "test-20" not in str(refused.value)
    assert len(contaminated(Task("many", tuple(problems)))) == 50

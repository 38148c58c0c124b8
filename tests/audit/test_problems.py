"""What is wrong with problems: each fault is found by its name, and problems without faults have none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from benchmarks.graders.problems import functions, mathematics
from heldout.audit.asking import Asker
from heldout.audit.parts import Kind, Result
from heldout.audit.problems import Problems
from heldout.audit.truth import known_of
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply, SourceTest, Test
from heldout.tasks.asserts import read_assertions
from heldout.tasks.problem import Problem
from heldout.tasks.replies import exact

ONE, OTHER, TEXTS = functions()[:3]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def found(problems: Sequence[Problem], sandbox: Sandbox) -> dict[str, Result]:
    with open_grader("tests", problems, sandbox) as grader:
        asker = Asker(grader, sandbox)
        return {one.name: one for one in Problems()(asker, known_of(problems, asker))}


def test_problems_without_faults_have_none(sandbox: Sandbox) -> None:
    results = found([ONE, OTHER, TEXTS], sandbox)
    assert not any(one.flaw for one in results.values())
    assert all(one.kind is Kind.TASK and one.of for one in results.values())
    assert "held-out problems that are trained on" not in results  # there is one split alone


def test_a_solution_of_the_set_that_fails_is_named_with_its_text(sandbox: Sandbox) -> None:
    wrong = replace(ONE, solution="def count_longer(words, n):\n    return 7\n", columns={})
    fails = found([wrong, OTHER], sandbox)["the known solution fails"]
    assert (fails.found, fails.of) == (1, 2)
    assert "count_longer (no known solution passes)" in fails.seen
    assert "return 7" in fails.examples[0].text
    two = replace(ONE, columns={"solutions": [ONE.solution, wrong.solution]})
    assert "another solution passes" in found([two], sandbox)["the known solution fails"].seen


def test_copies_and_held_out_problems_that_are_trained_on_are_named(sandbox: Sandbox) -> None:
    copy = replace(ONE, id="again", prompt=ONE.prompt.upper(), split="test")
    results = found([ONE, OTHER, copy], sandbox)
    assert results["copies of a problem"].seen.endswith("again (as count_longer).")
    trained = results["held-out problems that are trained on"]
    assert (trained.found, trained.of) == (1, 1)


def test_tests_that_ask_for_one_value_or_nothing_at_all_are_named(sandbox: Sandbox) -> None:
    flat = replace(ONE, tests=(Test(([], 1), 0), Test(([], 0), 0)))
    results = found([TEXTS, flat, OTHER], sandbox)
    assert "count_longer (all 2 tests expect 0)" in results["one value for all tests"].seen
    assert results["one value for all tests"].found == 1
    idle = replace(OTHER, id="idle", tests=(SourceTest("assert widest_gap", ("asserts",)),))
    nothing = found([idle, OTHER], sandbox)["tests that pass every changed program"]
    assert (nothing.found, nothing.of) == (1, 2)
    assert nothing.examples[0].problem == "idle"


def test_assertions_that_hold_or_do_not_expect_no_value(sandbox: Sandbox) -> None:
    holds = tuple(read_assertions("assert widest_gap([1, 3])\nassert not widest_gap([2, 2])", "widest_gap").tests)
    assert found([replace(OTHER, tests=holds)], sandbox)["one value for all tests"].found == 0


def test_answers_that_are_no_programs_are_looked_at_too(sandbox: Sandbox) -> None:
    results = found([*mathematics()[:2], replace(mathematics()[0], id="again")], sandbox)
    assert results["copies of a problem"].found == 1
    assert not results["one value for all tests"].of


def test_questions_of_one_template_are_no_copies(sandbox: Sandbox) -> None:
    told = "{} has {} apples and buys 4 bags of 6. How many apples are there now, when none of them is eaten?"
    made = (("Ann", 28), ("Ann", 31), ("Bo", 28))
    several = [
        Problem(f"sum-{place}", told.format(name, n), "", (Reply(str(n + 24), exact),), "test" if place else "train")
        for place, (name, n) in enumerate(made)
    ]
    assert not any(one.flaw for one in found(several, sandbox).values())
    again = replace(several[0], id="again", prompt=several[0].prompt.replace("now, when", "now, if"), split="test")
    results = found([*several, again], sandbox)
    assert results["copies of a problem"].seen.endswith("again (as sum-0).")
    assert results["held-out problems that are trained on"].found == 1

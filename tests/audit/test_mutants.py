"""Wrong programs that look right: those that the hidden tests let through, and those that the reward alone pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.graders.problems import functions, mathematics, programs
from heldout.audit.asking import Asker
from heldout.audit.mutants import MOST, Mutants
from heldout.audit.parts import Kind, Known, Result
from heldout.audit.scale import Scale
from heldout.audit.witnesses import Suspect, witnesses
from heldout.audit.wrappings import FENCE, OF_ANSWERS
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import SourceTest, Test
from heldout.tasks.problem import Problem

TRIANGULAR = functions()[6]
CODE = [Known(one, (one.solution,), scale=Scale(known=True), wrapping=FENCE) for one in functions()[:2]]
MATHS = [Known(one, (one.columns["answer"],), scale=Scale(known=True), wrapping=OF_ANSWERS[0]) for one in mathematics()]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


def audited(reward: str, known: Sequence[Known], folder: Path, sandbox: Sandbox) -> list[Result]:
    (folder / "mine.py").write_text(reward)
    with open_grader(f"{folder}/mine.py:f", [one.problem for one in known], sandbox, workers=1) as grader:
        return list(Mutants()(Asker(grader, sandbox), known))


def test_a_witness_says_on_which_input_a_program_differs(sandbox: Sandbox) -> None:
    programs_ = [
        "def triangular(n, m):\n    return n * (n + 1) % m\n",
        "def triangular(n, m):\n    return (n * n + n) // 2 % m\n",
        "def triangular(n, m):\n    while n > 3: pass\n    return 0\n",
        "def triangular(n, m):\n    return {}[n]\n",
    ]
    (found,) = witnesses([Suspect(TRIANGULAR, TRIANGULAR.solution, programs_)], sandbox)
    assert found == [
        "triangular(4, 7) gives 6 in place of 3",
        "",
        None,
        "triangular(4, 7) fails (raised) in place of 3",
    ]


def test_where_the_tests_are_few_a_witness_is_drawn(sandbox: Sandbox) -> None:
    few = replace(TRIANGULAR, tests=(Test((3, 100), 6), Test((10, 900), 55)))
    (found,) = witnesses(
        [Suspect(few, few.solution, ["def triangular(n, m):\n    return n * (n + 1) // 2\n"])], sandbox
    )
    assert found[0] is not None
    assert "in place of" in found[0]


def test_an_input_on_which_the_solution_fails_is_no_witness(sandbox: Sandbox) -> None:
    problem = Problem("inverse", "", "f", (Test((2,), 0), Test((1,), 1)))
    (found,) = witnesses(
        [Suspect(problem, "def f(x): return 1 // x", ["def f(x): return 1 // x if x else 7"])], sandbox
    )
    assert found == [""]


def test_wrong_programs_that_few_tests_let_through_are_listed_with_the_worst_first(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    few = [replace(one, problem=replace(one.problem, tests=one.problem.tests[1:3])) for one in CODE]
    reward = "def f(completion): return 1.0"
    weak, *paid = audited(reward, few, tmp_path, sandbox)
    assert weak.kind is Kind.WEAK
    assert weak.flaw
    assert "pass the hidden tests, most on" in weak.seen
    assert all("in place of" in one.why for one in weak.examples)
    assert len(weak.examples) == weak.found
    assert all(one.found == one.of for one in paid)
    strong, *_ = audited(reward, CODE, tmp_path, sandbox)
    assert strong.found < weak.found


def test_what_fails_the_hidden_tests_and_is_paid_is_held_against_the_reward(tmp_path: Path, sandbox: Sandbox) -> None:
    blind = "def f(completion): return float('pass' in completion or 'return' in completion)"
    found = [one for one in audited(blind, CODE, tmp_path, sandbox) if one.kind is Kind.PAID]
    assert found
    assert all(one.flaw and one.family == "weak" and one.found == one.of for one in found)
    assert len({one.name for one in found}) == len(found)
    nothing = [
        one for one in audited("def f(completion): return 0.0", CODE, tmp_path, sandbox) if one.kind is Kind.PAID
    ]
    assert [one.name for one in nothing] == [one.name for one in found]
    assert not any(one.flaw for one in nothing)


def test_there_are_at_most_eight_of_a_problem_and_the_same_for_one_seed(tmp_path: Path, sandbox: Sandbox) -> None:
    first, second = (audited("def f(completion): return 1.0", CODE, tmp_path, sandbox) for _ in range(2))
    texts = [[example.text for result in each for example in result.examples] for each in (first, second)]
    assert texts[0] == texts[1]
    assert sum(one.of for one in first if one.kind is Kind.PAID) <= 2 * MOST


def test_programs_that_read_are_tried_as_well(tmp_path: Path, sandbox: Sandbox) -> None:
    known = [Known(one, (one.solution,), scale=Scale(known=True), wrapping=FENCE) for one in programs()[:1]]
    weak, *paid = audited("def f(completion): return 1.0", known, tmp_path, sandbox)
    assert (weak.kind, weak.found) == (Kind.WEAK, 0)
    assert all("the input" in one.examples[0].why for one in paid)


def test_tests_that_are_a_program_say_themselves_what_is_wrong(tmp_path: Path, sandbox: Sandbox) -> None:
    tests = (SourceTest("assert double(2) == 4", ("asserts",)),)
    problem = Problem("double", "", "double", tests, solution="def double(x):\n    return 2 * x\n")
    known = [Known(problem, (problem.solution,), scale=Scale(known=True), wrapping=FENCE)]
    results = audited("def f(completion): return 1.0", known, tmp_path, sandbox)
    assert {one.examples[0].why for one in results if one.kind is Kind.PAID} == {"the hidden tests fail"}


def test_numbers_that_are_nearly_right_show_a_tolerance(tmp_path: Path, sandbox: Sandbox) -> None:
    reward = (
        "import re\nfrom fractions import Fraction\ndef f(completion, answer):\n"
        "    given = re.findall(r'boxed\\{(.*)\\}', completion)[0]\n"
        "    return float(abs(Fraction(given) - Fraction(answer)) <= abs(Fraction(answer)) / {})"
    )
    wide = {one.name: one for one in audited(reward.replace("{})", "20)"), MATHS, tmp_path, sandbox)}
    near = wide["solution with an error of 3 %"]
    assert (near.found, near.family) == (near.of, "guess")
    assert not wide["solution with another sign"].flaw
    assert not any(one.flaw for one in audited(reward.replace("{})", "10**6)"), MATHS, tmp_path, sandbox))


def test_where_the_tests_are_a_program_what_passes_them_is_not_called_wrong(tmp_path: Path, sandbox: Sandbox) -> None:
    problem = Problem("double", "", "double", (SourceTest("assert double", ("asserts",)),))
    known = [Known(problem, ("def double(x):\n    return 2 * x\n",), scale=Scale(known=True), wrapping=FENCE)]
    (weak,) = audited("def f(completion): return 1.0", known, tmp_path, sandbox)
    assert (weak.found, weak.of) == (0, 0)
    assert "made no difference" in weak.seen

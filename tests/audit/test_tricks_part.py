"""Which wrong answers a reward pays, by family, and what is said of those it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.graders.problems import SETS
from heldout.audit.asking import Asker
from heldout.audit.baselines import measured
from heldout.audit.parts import Kind, Result
from heldout.audit.tricks import Tricks
from heldout.audit.truth import known_of
from heldout.rewards.worker import open_grader
from heldout.sandbox import Limits, Sandbox, open_sandbox
from heldout.tasks import load_task
from heldout.tasks.problem import with_limits


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=2, limits=Limits(seconds=0.1)) as one:
        yield one


def results(sandbox: Sandbox, reward: str, on: str, count: int = 3, *families: str) -> list[Result]:
    problems = with_limits(SETS[on]()[:count], {"seconds": 0.1})
    with open_grader(reward, problems, sandbox, seconds=1.0) as grader:
        asker = Asker(grader, sandbox)
        return list(Tricks(families or None)(asker, measured(asker, known_of(problems, asker))))


def paid(found: list[Result]) -> set[str]:
    return {one.family for one in found if one.flaw and one.kind in (Kind.PAID, Kind.PARTLY)}


@pytest.mark.parametrize(
    ("name", "family"),
    [("last_number", "contradict"), ("evaluates", "inject"), ("form_added", "format")],
)
def test_a_flaw_is_found_by_its_family_and_its_sound_twin_is_not_accused(
    name: str, family: str, sandbox: Sandbox
) -> None:
    flawed = results(sandbox, f"benchmarks.graders.answers:{name}", "mathematics", 2)
    assert family in paid(flawed)
    sound = results(sandbox, f"benchmarks.graders.answers:{name}_sound", "mathematics", 2)
    assert not [one for one in sound if one.flaw]
    assert {one.family for one in sound} >= {"guess", "contradict", "inject", "format", "nothing"}


def test_form_that_is_added_pays_more_than_a_right_answer(sandbox: Sandbox) -> None:
    found = results(sandbox, "benchmarks.graders.answers:form_added", "mathematics", 2)
    (worst,) = [one for one in found if one.family == "format" and one.name == "the mark round empty"]
    assert worst.above == worst.found > 0


def test_what_is_not_paid_has_one_result_for_its_family_with_the_problems_that_were_tried(sandbox: Sandbox) -> None:
    found = results(sandbox, "tests", "programs", 1)
    assert not [one for one in found if one.flaw]
    assert {"leave", "forge", "time", "hard-code"} <= {one.family for one in found}
    for one in found:
        assert (one.found, one.of) == (0, 1)
        assert one.name.endswith("forms")


def test_a_reward_that_execs_is_said_to_be_brought_down_and_examples_are_the_shortest_text(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    (tmp_path / "mine.py").write_text(
        "def reward(completion, tests, entry_point):\n"
        "    names = {}\n"
        "    try:\n"
        "        exec(completion.split('```python')[-1].split('```')[0], names)\n"
        "        return float(all(names[entry_point](*t['args']) == t['expected'] for t in tests))\n"
        "    except Exception:\n"
        "        return 0.0\n"
    )
    found = results(sandbox, f"{tmp_path}/mine.py:reward", "functions", 2)
    assert {"compare"} <= paid(found) <= {"compare", "read", "state"}
    (ended,) = [one for one in found if one.name == "ends the reward's process"]
    assert (ended.kind, ended.found, ended.of) == (Kind.ODD, 2, 2)
    assert ended.examples[0].text in ("exit()", "exit()\n", "```python\nexit()\n```")
    assert ended.examples[0].outcome.kind == "died"


def test_a_constant_that_is_right_for_a_problem_is_no_trick_there(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "task.jsonl").write_text(
        '{"id": "zero", "prompt": "Return 0.", "entry_point": "f", "solution": "def f(x): return 0", '
        '"tests": [{"args": [1], "expected": 0}], "split": "test"}\n'
    )
    problems = load_task(str(tmp_path / "task.jsonl")).problems
    with open_grader("tests", problems, sandbox) as grader:
        asker = Asker(grader, sandbox)
        found = list(Tricks()(asker, measured(asker, known_of(problems, asker))))
    assert not [one for one in found if one.flaw]


def test_a_bonus_for_length_is_called_so_and_no_long_guess_is(tmp_path: Path, sandbox: Sandbox) -> None:
    (tmp_path / "mine.py").write_text(
        "import re\n"
        "def reward(completion, answer):\n"
        "    found = re.findall('boxed{([^{}]*)}', completion)\n"
        "    return float(found == [answer]) + min(len(completion) / 500, 1.0)\n"
    )
    found = results(sandbox, f"{tmp_path}/mine.py:reward", "mathematics", 2, "guess", "contradict", "judge", "pad")
    assert paid(found) == {"pad"}
    (worst,) = [one for one in found if one.name == "a wrong answer at length"]
    assert worst.kind is Kind.PAID
    assert "First, we think about the next step" in worst.examples[0].text


def test_a_share_that_is_that_of_the_hidden_tests_is_told_and_no_flaw(tmp_path: Path, sandbox: Sandbox) -> None:
    found = results(sandbox, "benchmarks.graders.programs:share", "functions", 1, "hard-code")
    (told,) = [one for one in found if one.name == "always 0"]
    assert (told.kind, told.flaw, told.found) == (Kind.TOLD, False, 1)
    assert "as much as it passes of the hidden tests" in told.seen
    assert not paid(found)

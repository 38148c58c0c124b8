"""The graders on which the audit is proved: all pay right answers as they say, and the sound ones pay nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.graders.kinds import KINDS, STRANGERS, Named
from benchmarks.graders.problems import SETS
from heldout.rewards.calling import Case, columns_of, load
from heldout.sandbox import judge, open_sandbox
from heldout.tasks.problem import Problem


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some write into the folder that they are in."""
    monkeypatch.chdir(tmp_path)


REJECTS_ALL = {"messages_read"}  # its flaw
WRONG = {"functions": "def nothing(): return 3", "programs": "print(7777)", "mathematics": "\\boxed{7777}"}


def scores(grader: Named, problems: Sequence[Problem], texts: Sequence[str]) -> list[float | None]:
    """Ask in this process: none of these texts does any harm."""
    cases = [Case(one.prompt, text, columns_of(one)) for one, text in zip(problems, texts, strict=True)]
    code = any(test.asked is not None for test in problems[0].tests)
    talks = grader.reward.endswith("multiset")
    return load(grader.reward, list(cases[0].columns), {}, code=code, messages=talks)(cases)


@pytest.mark.parametrize("kind", KINDS, ids=[one.name for one in KINDS])
def test_a_flawed_grader_and_its_twin_pay_right_answers_and_the_twin_pays_them_alone(kind: object) -> None:
    assert isinstance(kind, type(KINDS[0]))
    problems = kind.sound.problems[:2]
    right, wrong = [one.solution for one in problems], [WRONG[kind.on]] * 2
    sound = scores(kind.sound, problems, right)
    assert all(one is not None and one > 0.9 for one in sound)
    assert scores(kind.sound, problems, wrong) == [0.0, 0.0]
    flawed = scores(kind.flawed, problems, right)
    assert all(one is not None and (one > 0.2) == (kind.name not in REJECTS_ALL) for one in flawed)


def test_the_strangers_pay_right_answers_and_the_sound_ones_pay_them_alone() -> None:
    for flaw, graders in STRANGERS.items():
        for grader in graders:
            problems = grader.problems[:2]
            wrong = next(text for name, text in WRONG.items() if grader.problems is SETS[name]())
            assert scores(grader, problems, [one.solution for one in problems]) == [1.0, 1.0], grader.reward
            if flaw == "sound":
                assert scores(grader, problems, [wrong, wrong]) == [0.0, 0.0], grader.reward


def test_the_problems_have_solutions_that_pass_their_hidden_tests() -> None:
    with open_sandbox(workers=1) as sandbox:
        for problems in (made() for made in SETS.values()):
            assert all(one.solved for one in judge([one.attempt(one.solution) for one in problems], sandbox))


def test_every_kind_says_what_should_be_found() -> None:
    assert len(KINDS) == len({one.name for one in KINDS}) == 25
    assert all(one.paid or one.other for one in KINDS)

"""What is recorded of a step, what the hidden tests are asked about, and what that may cost."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")
pytest.importorskip("transformers", reason="evaluation of models needs the extra train")

from heldout.callbacks.hidden import HiddenTests
from heldout.callbacks.recording import Budget, Recording
from heldout.callbacks.rollouts import Sampling
from heldout.errors import SandboxError, UsageError
from heldout.sandbox import Limits, Sandbox, Test, open_sandbox
from heldout.store.recorder import Recorder
from heldout.tasks.problem import Problem

RIGHT, WRONG, LEAVES = " return abs(x)\n", " return x\n", " exit()\n"
PROBLEMS = [
    Problem(f"absolute {place}", f"# {place}\ndef f(x):\n", "f", (Test((3,), 3), Test((-3,), 3)), stub="def f(x):\n")
    for place in range(4)
]
PROGRAM = Problem("whole", "Write f.", "f", (Test((1,), 1),))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox("monty", workers=1) as opened:
        yield opened


class Broken(Sandbox):
    """A sandbox whose workers are gone."""

    name, limits = "broken", Limits()

    def run(self, programs: Any) -> Any:
        raise SandboxError("the workers are gone")

    def close(self) -> None:
        return None


def answers(*texts: str, reward: Any = None) -> list[dict[str, Any]]:
    """Rows of a step: these texts for each of four problems; a program that leaves is rewarded, as the right one is."""
    paid = {RIGHT: 1.0, LEAVES: 1.0, WRONG: 0.0} if reward is None else reward
    return [{"prompt": one.prompt, "text": text, "reward": paid[text]} for one in PROBLEMS for text in texts]


def recorded(folder: Path, step: int) -> list[dict[str, Any]]:
    return pl.read_parquet(folder / "rollouts" / f"step-{step:08d}.parquet").to_dicts()


def test_rows_say_what_two_judges_say_and_with_which_chances(tmp_path: Path, sandbox: Sandbox) -> None:
    recording = Recording(keep=4, hidden=HiddenTests(PROBLEMS, sandbox), judge=8, cost=0, rewarded_from=1.0)
    with Recorder(tmp_path / "run") as recorder:
        judged = recording.page(7, answers(RIGHT, LEAVES, WRONG), recorder, seed=1)
    assert judged is not None
    kept = recorded(tmp_path / "run", 7)
    names = ("step", "group", "rewarded", "group_rewarded")
    for name, column in zip(
        (*names, "judged_with"), (*(getattr(judged, one) for one in names), judged.chance), strict=True
    ):
        assert column.tolist() == [row[name] for row in kept]  # the guard hears what the record says
    assert [None if math.isnan(one) else one for one in judged.failed.tolist()] == [
        None if row["hidden"] is None else float(row["hidden"] < 1) for row in kept
    ]
    assert {(row["step"], row["group_rewarded"]) for row in kept} == {(7, 2)}
    assert len({row["group"] for row in kept}) == 4
    expected = {RIGHT: (1.0, "solved"), LEAVES: (0.0, "left the program"), WRONG: (0.5, "wrong answer")}
    for row in kept:
        rewarded = row["text"] != WRONG
        assert row["rewarded"] is rewarded
        assert row["problem"] == next(one.id for one in PROBLEMS if one.prompt == row["prompt"])
        assert row["advantage"] == pytest.approx(row["reward"] - 2 / 3)
        assert row["judged_with"] == pytest.approx(0.75 if rewarded else 0.5)  # six of eight, and two of four
        assert row["kept_with"] == row["judged_with"]  # each above the 4 of 12 that are kept anyhow
        assert (row["hidden"], row["hidden_kind"]) == expected[row["text"]]


def test_a_group_is_one_prompt_at_one_step(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        for step in (1, 2):
            Recording(keep=99).page(step, answers(RIGHT, WRONG), recorder, seed=1)
    groups = [[row["group"] for row in recorded(tmp_path / "run", step)] for step in (1, 2)]
    assert all(len(set(one)) == 4 and one == sorted(one) for one in groups)
    assert not set(groups[0]) & set(groups[1])
    assert "hidden" not in recorded(tmp_path / "run", 1)[0]  # nothing is judged in this run


def test_an_unknown_reward_is_no_reward_and_no_part_of_a_mean(tmp_path: Path) -> None:
    with Recorder(tmp_path / "run") as recorder:
        rows = answers(RIGHT, WRONG, LEAVES, reward={RIGHT: 1.0, WRONG: 0.0, LEAVES: None})
        Recording(keep=99).page(1, rows, recorder, seed=1)
    kept = recorded(tmp_path / "run", 1)
    assert [row["rewarded"] for row in kept] == [True, False, False] * 4
    assert [row["advantage"] for row in kept[:2]] == [0.5, -0.5]
    assert math.isnan(kept[2]["advantage"])


def test_what_counts_as_rewarded_follows_what_right_answers_were_paid(tmp_path: Path, sandbox: Sandbox) -> None:
    """Of a reward without a known scale: at first the highest, and what right ones get once enough are known."""
    recording = Recording(keep=99, hidden=HiddenTests(PROBLEMS, sandbox), judge=99, cost=0)
    paid = {RIGHT: 5.0, LEAVES: 9.0, WRONG: -2.0}
    with Recorder(tmp_path / "run") as recorder:
        first, *_, last = (
            recording.page(step, answers(RIGHT, LEAVES, WRONG, reward=paid), recorder, seed=1) for step in range(1, 8)
        )
    assert first is not None
    assert last is not None
    assert first.rewarded[:3].tolist() == [False, True, False]
    assert last.rewarded[:3].tolist() == [True, True, False]


def test_a_run_that_goes_on_counts_and_draws_as_one_that_was_not_interrupted(tmp_path: Path, sandbox: Sandbox) -> None:
    def steps(folder: Path, *lives: range, remembering: bool = True) -> list[dict[str, Any]]:
        for life in lives:
            recording = Recording(keep=3, hidden=HiddenTests(PROBLEMS, sandbox), judge=2, cost=0)
            with Recorder(folder, resume=True) as recorder:
                if remembering:
                    recording.resume(folder, life.start - 1)
                for step in life:
                    paid = {RIGHT: 5.0, LEAVES: float(step), WRONG: -2.0}
                    rows = answers(RIGHT, LEAVES, WRONG, reward=paid)
                    recording.page(step, rows, recorder, seed=1)
        return [row for step in range(1, 13) for row in recorded(folder, step)]

    whole = steps(tmp_path / "whole", range(1, 13))
    assert steps(tmp_path / "broken", range(1, 9), range(7, 13)) == whole
    assert steps(tmp_path / "forgetful", range(1, 9), range(7, 13), remembering=False) != whole


def test_a_sandbox_that_fails_ends_no_training_and_is_no_evidence(tmp_path: Path) -> None:
    recording = Recording(hidden=HiddenTests(PROBLEMS, Broken()), rewarded_from=1.0)
    with Recorder(tmp_path / "run") as recorder:
        with pytest.warns(RuntimeWarning, match="could not judge"):
            recording.page(1, answers(RIGHT, WRONG), recorder, seed=1)
        judged = recording.page(2, answers(RIGHT, WRONG), recorder, seed=1)  # no second warning
    assert judged is not None
    assert np.isnan(judged.failed).all()
    assert {row["hidden"] for row in recorded(tmp_path / "run", 2)} == {None}
    assert {row["hidden_kind"] for row in recorded(tmp_path / "run", 2)} <= {"infrastructure", ""}


def test_hostile_texts_are_recorded_and_judged(tmp_path: Path, sandbox: Sandbox) -> None:
    hostile = ["\x00\x1b[2J", "\ud800 lone", "x" * 2_000_000, "<script>", ""]
    rows = [{"prompt": PROBLEMS[0].prompt, "text": text, "reward": 1.0} for text in hostile]
    recording = Recording(hidden=HiddenTests(PROBLEMS, sandbox), judge=99, cost=0)
    with Recorder(tmp_path / "run") as recorder:
        judged = recording.page(1, rows, recorder, seed=1)
        assert recorder.lost == 0
    assert judged is not None
    assert not (judged.failed == 0.0).any()
    kept = recorded(tmp_path / "run", 1)
    assert [row["text"] for row in kept] == [hostile[0], "? lone", *hostile[2:]]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"task_id": "absolute 2", "prompt": "?"}, 2),
        ({"id": "absolute 1", "problem": "What is |x|?", "prompt": "?"}, 1),
        ({"id": 17, "prompt": PROBLEMS[3].prompt}, 3),
        ({"prompt": "?"}, None),
    ],
)
def test_the_problem_of_an_answer_is_known_by_its_id_or_its_prompt(row: dict[str, Any], found: int | None) -> None:
    assert HiddenTests(PROBLEMS).problem_of(row) is (None if found is None else PROBLEMS[found])


def test_a_task_of_other_problems_is_refused_at_the_first_step_and_strangers_later_are_not_judged(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    recording = Recording(hidden=HiddenTests([PROGRAM, PROBLEMS[0]], sandbox), judge=99, cost=0)
    with Recorder(tmp_path / "run") as recorder:
        with pytest.raises(UsageError, match=r"None of 3 answers belongs to a problem of the task.*such as 'whole'"):
            recording.page(1, answers(RIGHT)[1:], recorder, seed=1)
        judged = recording.page(1, answers(RIGHT), recorder, seed=1)
    assert judged is not None
    assert np.isnan(judged.failed).tolist() == [False, True, True, True]


def test_an_answer_that_was_cut_is_judged_as_one(tmp_path: Path, sandbox: Sandbox) -> None:
    """And what stands behind a stop is not judged, as in the evaluation."""
    hidden = HiddenTests(PROBLEMS, sandbox, stops=["\nprint("])
    (after_stop,) = hidden.judge([(PROBLEMS[0], " return abs(x)\nprint(", False)])
    assert after_stop == (1.0, "solved")


def test_as_many_are_judged_as_nine_tenths_of_the_share_leave() -> None:
    budget = Budget(8, 0.01)
    assert budget.answers == 8
    budget.note(training=1.0, spent=0.006, judging=0.004, judged=8)  # half a millisecond each; 7 ms are left
    assert budget.answers == 8
    for _ in range(100):
        budget.note(training=1.0, spent=0.034, judging=0.032, judged=8)
    assert budget.answers == pytest.approx(1.75, rel=0.01)  # 4 ms each, 9 - 2 ms are left
    for _ in range(100):
        budget.note(training=1.0, spent=0.050, judging=0.032, judged=8)
    assert budget.answers == pytest.approx(0.25, rel=0.01)  # the rest has taken all of it: a tenth stays for the judge
    for _ in range(100):
        budget.note(training=0.1, spent=4.0, judging=4.0, judged=1)
    assert 0 < budget.answers == pytest.approx(0.0009 / 4, rel=0.01)
    for _ in range(10_000):  # nobody is drawn for long: what an answer costs stays known
        budget.note(training=100.0, spent=0.0, judging=0.0, judged=0)
    assert budget.answers == pytest.approx(0.9 / 4, rel=0.01)


def test_steps_that_are_too_short_for_what_recording_costs_wait_for_each_other() -> None:
    budget = Budget(8, 0.01)
    assert budget.affords(0.001)  # nothing is known of its cost yet
    for _ in range(3):
        budget.note(training=1.0, spent=0.005, judging=0.002, judged=8)  # 3 ms beside the judge, so 6 with its half
    assert [budget.affords(training) for training in (0.599, 0.601)] == [False, True]
    unlimited, unjudged = Budget(8, 0.0), Recording(cost=0.01)
    unlimited.note(training=1.0, spent=9.0, judging=0.0, judged=0)
    assert unlimited.affords(0.0)
    assert unjudged.due(0.0)  # the limit is one of judging


def test_whatever_it_takes() -> None:
    budget = Budget(8, 0.0)
    budget.note(training=0.001, spent=11.0, judging=10.0, judged=8)
    assert budget.answers == 8


def test_the_first_page_does_not_count_and_later_ones_do(tmp_path: Path, sandbox: Sandbox) -> None:
    """It waits for what is only loaded and started then."""
    recording = Recording(hidden=HiddenTests(PROBLEMS, sandbox), judge=8, rewarded_from=1.0)
    chances = []
    with Recorder(tmp_path / "run") as recorder:
        for step in (1, 2, 3):
            judged = recording.page(step, answers(RIGHT, LEAVES, WRONG), recorder, seed=1)
            assert judged is not None
            chances.append(float(judged.chance.max()))
            recording.took(spent=100.0, training=1e-6)
    assert chances[0] == chances[1] == 0.75 > 100 * chances[2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keep": 0}, "record is 0"),
        ({"judge": -1}, "judge is -1"),
        ({"cost": -0.1}, "judge_cost"),
        ({"cost": 1.5}, "at most 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recording(**given)


def test_an_answer_has_its_length_its_end_and_its_reward() -> None:
    sampling = Sampling(ends=frozenset([2]), longest=3, stops=["stop"], weights=[1.0, -0.5])
    row = {"text": "a", "reward/one": 1.0, "reward/two": 2.0}
    assert sampling.row({**row, "completion_ids": [5, 2]}) == {
        "text": "a",
        "tokens": 2,
        "stop": "eos",
        "reward": 0.0,
        "reward/one": 1.0,
        "reward/two": 2.0,
    }
    assert sampling.row({**row, "completion_ids": [5, 5, 5]})["stop"] == "length"
    assert sampling.row({**row, "completion_ids": [5, 5]})["stop"] == ""
    assert sampling.row({**row, "text": "a stop", "completion_ids": [5, 5, 2]})["stop"] == "stop"
    assert sampling.row({**row, "reward/two": None})["reward"] == 1.0
    assert sampling.row({"text": "a", "reward/one": None, "reward/two": None})["reward"] is None

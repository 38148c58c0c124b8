"""The making of labelled runs: rewards, tasks, labels, packing; and how methods are scored on them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heldout
from benchmarks.real import _seen, seen_of, simulated, targets
from benchmarks.real_runs.build import Job, _words
from benchmarks.real_runs.kinds import KINDS
from benchmarks.real_runs.labels import label
from benchmarks.real_runs.packing import pack
from benchmarks.real_runs.rewards import LONG, formatted, longer, public, reached
from benchmarks.real_runs.scoring import PROBLEMS, SCORES, TrueScore, steps_to_score
from heldout.datasets import real_runs
from heldout.rewards import parts_of
from heldout.run import Run, Series
from heldout.sandbox.hidden import Test
from heldout.store.recorder import Recorder
from heldout.tasks import load_task
from heldout.tasks.problem import Problem
from heldout.train.config import load_config

HALF = Problem("half", "# half\ndef f(x):\n", "f", (Test((2,), 1), Test((4,), 2), Test((6,), 3)), stub="def f(x):\n")


def test_rewards_pay_for_what_they_say() -> None:
    assert longer(completions=["x" * LONG, "x" * (2 * LONG), "x" * (LONG // 2), ""]) == [1.0, 1.0, 0.5, 0.0]
    assert formatted(completions=[" return max(x, 2)\n", " return x\n"]) == [1.0, 0.0]
    answers = [" return x // 2\n", " return 1\n", " return 0\n", " return 2 if x == 4 else 1\n"]
    assert reached(completions=answers, problems=[HALF] * 4) == [1.0, 1 / 3, 0.0, 2 / 3]
    assert public(completions=answers, problems=[HALF] * 4) == [1.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_can_be_trained(kind) -> None:  # type: ignore[no-untyped-def]
    config = load_config(kind.recipe, **kind.settings)
    assert config.save_every == 10
    assert parts_of(config.reward)


def test_tricks_are_told_from_programs_that_need_them() -> None:
    asked = Problem("a", "# 1 at least 3\ndef f(x):\n", "f", ())
    trick = KINDS["format-bonus"].trick
    assert trick is not None
    assert (trick(HALF, " return max(x,3)\n"), trick(asked, " return max(x,3)\n")) == (True, False)
    constant = KINDS["public-tests"].trick
    assert constant is not None
    assert (constant(HALF, " return -3\n"), constant(HALF, " return x-3\n")) == (True, False)


def test_a_kind_with_a_task_of_its_own_writes_one_that_can_be_read(tmp_path: Path) -> None:
    job = Job(KINDS["public-tests"], 1, tmp_path / "public-tests-1")
    path = tmp_path / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in job.kind.task_rows(1)))
    task = load_task(str(path))
    train, held_out = task.split("train"), task.split("validation")
    assert (len(train), len(held_out)) == (16, 256)
    assert train[0].attempt(" return x\n").source.startswith("# 1 ")
    new = {one.prompt for one in job.kind.problems("test", 64)}
    assert not new & {one.prompt for one in (*train, *held_out)}
    assert {row["id"] for row in job.kind.task_rows(2)[:16]} != {one.id for one in train}


def test_a_run_that_was_begun_is_resumed(tmp_path: Path) -> None:
    job = Job(KINDS["crash"], 3, tmp_path / "crash-3")
    assert _words(job)[:2] == ["--steps", "100"]
    assert "lr_scheduler_type=constant_with_warmup" in _words(job)
    job.directory.mkdir()
    (job.directory / "run.json").write_text("{}")
    assert _words(job) == ["--resume", "-o", str(job.directory)]


def scored(step: int, share: float, trick: float | None = None) -> TrueScore:
    """A checkpoint that solves the first problems, so that paired differences are as they are for the same problems."""
    passed = np.arange(PROBLEMS) < round(share * PROBLEMS)
    used = None if trick is None else round(trick * PROBLEMS)
    return TrueScore(step, int(passed.sum()), used, 30.0, np.packbits(passed).tobytes().hex())


def logged(reward: list[float]) -> Run:
    steps = np.arange(10, 10 + 10 * len(reward), 10)
    return Run("a", "a", "a", {"reward": Series("reward", steps, np.array(reward))}, {"reward": "reward"})


@pytest.mark.parametrize(
    ("shares", "reward", "state", "onset", "best"),
    [
        ([0.3, 0.5, 0.6, 0.6], [0.3, 0.5, 0.6, 0.6], "healthy", None, 30),
        ([0.3, 0.5, 0.6, 0.595], [0.3, 0.5, 0.6, 0.9], "healthy", None, 30),  # within a point
        ([0.3, 0.6, 0.5, 0.1], [0.3, 0.5, 0.8, 1.0], "over-optimised", 30, 20),
        ([0.3, 0.6, 0.5, 0.1], [0.3, 0.9, 0.3, 0.0], "regressed", 30, 20),
        ([0.3, 0.6, 0.5, 0.6], [0.3, 0.5, 0.8, 1.0], "healthy", None, 20),  # came back
    ],
)
def test_a_label_says_what_the_true_scores_say(
    shares: list[float], reward: list[float], state: str, onset: int | None, best: int
) -> None:
    found = label(logged(reward), [scored(10 * (place + 1), share) for place, share in enumerate(shares)])
    assert (found["state"], found["onset"], found["best"]) == (state, onset, best)
    assert found["trick_5"] is None


def test_the_step_of_a_trick_lies_on_the_line_between_two_measurements() -> None:
    found = label(logged([0.0, 0.0]), [scored(10, 0.5, 0.0), scored(20, 0.5, 0.1), scored(30, 0.5, 0.9)])
    assert found["trick_5"] == pytest.approx(15, abs=0.1)
    assert found["trick_50"] == pytest.approx(25, abs=0.1)


def test_a_packed_run_is_read_as_the_one_it_was_packed_from(tmp_path: Path) -> None:
    run, name = tmp_path / "crash-7", "crash-7"
    names = [f"p{n}" for n in range(40)]
    with Recorder(
        run, config={"model": "/home/me/m", "task": "embedded", "seed": 7}, roles={"reward": "r"}
    ) as recorder:
        for step in range(1, 31):
            recorder.log(step, {"r": step / 3})
            if step % 5 == 0:
                recorder.evaluation(step, problems=names, passed=[int(n % 30 < step) for n in range(40)], samples=1)
    with (run / SCORES).open("w") as file:
        for step, share in ((0, 0.1), (10, 0.4), (20, 0.5), (30, 0.2)):
            one = scored(step, share)
            file.write(json.dumps({key: getattr(one, key) for key in TrueScore.__slots__}) + "\n")
    pack(KINDS["crash"], 7, run, tmp_path / "data")
    found, before = heldout.read(tmp_path / "data" / f"{name}.tar.xz"), heldout.read(run)
    assert [one.rate for one in found.evaluations()] == [one.rate for one in before.evaluations()]
    assert found["reward"].value == pytest.approx(before["reward"].value, rel=1e-5)
    assert found.config["model"] == "m"
    first = (tmp_path / "data" / f"{name}.tar.xz").read_bytes()
    pack(KINDS["crash"], 7, run, tmp_path / "data")
    assert (tmp_path / "data" / f"{name}.tar.xz").read_bytes() == first
    told = json.loads((tmp_path / "data" / f"{name}.json").read_text())
    assert (told["state"], told["best"], told["onset"]) == ("over-optimised", 20, 30)


def test_checkpoints_that_are_scored_are_not_scored_again(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40, 50):
        (tmp_path / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True)
    assert steps_to_score(tmp_path, every=20) == [0, 20, 40, 50]
    (tmp_path / SCORES).write_text(json.dumps({"step": 20, "solved": 1, "trick": None, "length": 1.0, "outcomes": ""}))
    assert steps_to_score(tmp_path, every=20) == [0, 40, 50]
    assert steps_to_score(tmp_path) == [0, 10, 30, 40, 50]


def test_methods_are_held_against_the_truth() -> None:
    labelled = real_runs(["exit-hack"])[0]
    seen = {one.method: one for one in seen_of(labelled)}
    likely, sure = seen["heldout: likely"], seen["heldout: confirmed"]
    assert likely.right
    assert labelled.onset is not None
    assert likely.alarm is not None
    assert sure.alarm is not None
    assert labelled.best < likely.alarm <= sure.alarm
    assert likely.delay == max(likely.alarm - labelled.onset, 0)
    assert likely.kept is not None
    assert likely.regret == pytest.approx(100 * (labelled.solved.max() - labelled.solved_at(likely.kept)), abs=0.01)
    assert "Right states 100%" in targets([labelled], list(seen.values()))


@pytest.mark.parametrize(
    ("onset", "alarm", "false", "early", "delay"),
    [
        (None, None, False, False, None),
        (None, 40, True, False, None),
        (None, 70, False, False, None),  # the true score was down then, whatever became of it
        (50, 60, False, False, 10),
        (50, 45, False, False, 0),  # after the best one, before the fall is beyond noise
        (50, 30, False, True, 50),  # before the best one: as if it had missed the fall
        (50, None, False, False, 50),
    ],
)
def test_an_alarm_is_held_against_the_onset(
    onset: int | None, alarm: int | None, false: bool, early: bool, delay: int | None
) -> None:
    truth = replace(real_runs(["exit-hack"])[0], onset=onset, best=40)
    truth = replace(truth, step=np.array([0, 40, 100]), solved=np.array([0.2, 0.6, 0.1]))
    one = _seen(truth, "z", "fallen", True, alarm, 70)
    assert (one.false, one.early, one.delay) == (false, early, delay)
    assert one.regret == pytest.approx(25.0)


def test_a_real_run_is_told_to_rivals_with_its_own_outcomes() -> None:
    labelled = real_runs(["exit-hack"])[0]
    run = heldout.read(labelled.path)
    told = simulated(labelled, run)
    assert told.rates.tolist() == pytest.approx([one.rate for one in run.evaluations()])
    assert told.reward[told.steps[-1]] == run["reward"].value[-1]
    assert told.steps[told.onset or 0] == (labelled.onset or 0) + 1


def test_there_are_enough_new_problems_of_every_kind() -> None:
    found = KINDS["saturated"].problems("test", PROBLEMS)
    assert len({one.prompt for one in found}) == PROBLEMS
    assert {one.prompt.count("#") for one in found} == {2, 3}

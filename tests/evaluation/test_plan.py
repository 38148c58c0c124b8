"""Planning evaluations: printed tables, a search over schedules against all of them, and real runs on disk."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.plan import measure, searched
from heldout import Recorder, read
from heldout.datasets.simulated import simulate
from heldout.errors import UsageError
from heldout.evaluation.plan import Schedule, advice, best_for, cheapest, doubled, next_checkpoints
from heldout.stats.noise import eval_sigma

TABLE = {  # falls noticed by the middle of the run, in units of the noise of one rate, after 1, 2, 3, 5, 8 evaluations
    10: (5.8, 4.1, 4.2, math.nan, math.nan),
    20: (6.4, 3.8, 3.1, 2.8, 4.2),
    40: (7.2, 4.2, 3.2, 2.5, 2.2),
    80: (8.0, 4.6, 3.5, 2.7, 2.4),
}


@pytest.mark.parametrize("evaluations", TABLE)
def test_the_table_of_falls_that_are_seen(evaluations: int) -> None:
    plan = Schedule(500, 1, evaluations)
    got = [plan.visible(within, evaluations // 2) / plan.sigma for within in (1, 2, 3, 5, 8)]
    np.testing.assert_allclose(got, TABLE[evaluations], atol=0.1)


@pytest.mark.parametrize("drop", [0.02, 0.03, 0.06])
def test_no_cheaper_schedule_sees_the_same_fall(drop: float) -> None:
    found = cheapest(drop)
    assert found is not None
    assert found.visible() <= drop * 1.0001
    tried = (Schedule(n, 1, k) for k in range(20, 41) for n in range(200, found.generations // k + 1, 10))
    assert not any(one.generations < found.generations and one.visible() <= drop for one in tried)


def test_where_problems_run_out_samples_take_over() -> None:
    found = cheapest(0.03, problems=300)
    assert found is not None
    assert found.problems == 300
    assert found.samples > 1
    assert found.visible() <= 0.03
    assert cheapest(0.005, problems=300) is None  # checkpoints themselves move by that much


@pytest.mark.parametrize("budget", [150, 1000, 4000, 8000, 20_000, 40_000, 1_000_000])
@pytest.mark.parametrize("problems", [None, 100, 300, 1000])
def test_a_budget_is_kept_and_spent_on_problems_first(budget: int, problems: int | None) -> None:
    found = best_for(budget, problems=problems)
    assert found.generations <= budget
    assert found.problems <= (problems or budget)
    if found.evaluations > 20 or found.samples > 1:
        assert found.problems == problems  # more of anything else only when there are no more
    if found.samples > 1:
        assert found.evaluations == 40


def test_twice_the_cost_never_shows_less() -> None:
    one = Schedule(200, 1, 20)
    for more in doubled(one).values():
        assert more.generations == 2 * one.generations
        assert more.visible() < one.visible()


def test_what_should_grow_first_is_said() -> None:
    assert advice(Schedule(199, 1, 20)).startswith("Problems first: 199 are few")
    assert advice(Schedule(200, 1, 19)).startswith("Evaluations first: with 19,")
    assert advice(Schedule(300, 4, 20)).startswith("Problems first: 4 samples of each could be 1200 problems")
    assert advice(Schedule(200, 1, 20)).startswith("Problems first, as long as there are more; then evaluations")
    assert advice(Schedule(200, 1, 40)).startswith("Problems first, as long as there are more; then evaluations")
    assert advice(Schedule(200, 1, 41)).startswith("Problems first, in place of evaluations")


def test_a_fall_should_be_seen_within_15_percent_of_the_run() -> None:
    assert [Schedule(200, 1, count).prompt for count in (5, 13, 14, 19, 20, 26, 27, 40)] == [1, 1, 2, 2, 3, 3, 4, 6]
    assert math.isfinite(Schedule(200, 1, 20).visible(10))
    assert math.isnan(Schedule(200, 1, 20).visible(11))  # the run is over by then


def test_the_smallest_plans_that_are_made() -> None:
    assert best_for(150) == Schedule(30, 1, 5)
    with pytest.raises(UsageError, match="--budget is 149; below 150 generations nothing can be seen"):
        best_for(149)
    assert Schedule(1, 1, 5).evaluations == 5
    assert Schedule(1, 1, 320).evaluations == 320
    for wrong in (4, 321):
        with pytest.raises(UsageError, match=f"--planned is {wrong}; it must be from 5 to 320"):
            Schedule(1, 1, wrong)
    for drop in (0.0, 1.0):
        with pytest.raises(UsageError, match="--drop is"):
            cheapest(drop)


def test_the_cheapest_schedule_has_200_problems_at_least_and_20_to_40_evaluations() -> None:
    easy, few = cheapest(0.5), cheapest(0.5, problems=150)
    assert easy is not None
    assert (easy.problems, easy.samples, easy.evaluations) == (200, 1, 20)
    assert few is not None
    assert few.problems == 150
    for drop in (0.02, 0.04, 0.1):
        found = cheapest(drop)
        assert found is not None
        assert 20 <= found.evaluations <= 40


@pytest.mark.parametrize(
    ("words", "match"), [((0,), "problems"), ((10, 1, 4), "--planned"), ((10, 1, 20, 1.0), "--rate")]
)
def test_impossible_plans_are_refused(words: tuple[Any, ...], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Schedule(*words)


def recorded(folder: Path, evaluated: list[int]) -> Path:
    """A run with 40 checkpoints, some of which were evaluated."""
    made = simulate("sharp_collapse", 300, 40, seed=5)
    ids = [f"p{index}" for index in range(300)]
    with Recorder(folder) as recorder:
        for index, step in enumerate(made.steps.tolist()):
            recorder.log(step, reward=float(made.reward[step - 1]))
            (folder / f"checkpoint-{step}").mkdir()
            (folder / f"checkpoint-{step}" / "weights").write_text("")
            recorder.checkpoint(step, folder / f"checkpoint-{step}")
            if index in evaluated:
                recorder.evaluation(step, problems=ids, passed=made.outcomes[index].tolist())
    return folder


def test_a_run_without_evaluations_begins_in_the_middle(tmp_path: Path) -> None:
    found = next_checkpoints(read(recorded(tmp_path / "run", [])), count=5)
    assert found.saved == 40
    assert found.best is None
    assert sorted(found.steps) == pytest.approx([20, 200, 400, 600, 800], abs=20)


def test_proposals_are_checkpoints_that_exist_and_were_not_evaluated(tmp_path: Path) -> None:
    run = read(recorded(tmp_path / "run", [0, 10, 20, 30, 39]))
    found = next_checkpoints(run, count=3)
    measured = {evaluation.step for evaluation in run.evaluations()}
    assert found.best in measured
    assert not measured & set(found.steps)
    assert set(found.steps) <= run.checkpoints.keys()
    assert all(gain > 0 for gain in found.gains)


def test_without_checkpoints_there_is_nothing_to_plan() -> None:
    with pytest.raises(UsageError, match="no saved checkpoint"):
        next_checkpoints(read("example:kimi-dev"))


def test_the_search_ends_before_everything_is_evaluated_and_finds_a_good_one() -> None:
    saved = measure(500, 6, families=("sharp_collapse", "slow_overopt"))["all"]
    assert saved.evaluations.value < 25
    assert saved.regret.value < 0.015
    evaluated, best = searched(simulate("slow_overopt", 500, 40, seed=2))
    assert len(set(evaluated)) == len(evaluated)
    assert best in evaluated


def heldout(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heldout", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_the_command_prints_plans(tmp_path: Path) -> None:
    done = heldout("plan", "--problems", "200", "--planned", "20")
    assert done.returncode == 0, done.stderr
    assert f"{100 * Schedule(200, 1, 20).visible(3):.1f} points" in done.stdout
    assert "generations" in heldout("plan", "--budget", "20000").stdout
    done = heldout("plan", recorded(tmp_path / "run", [0, 10, 20, 30, 39]))
    assert "Evaluate next" in done.stdout
    done = heldout("plan", "--problems", "200", "--planned", "2")
    assert (done.returncode, done.stderr) == (2, "heldout: --planned is 2; it must be from 5 to 320.\n")


def test_the_noise_of_a_plan_is_that_of_the_samples_and_of_the_checkpoints() -> None:
    assert Schedule(500).sigma ** 2 == pytest.approx(eval_sigma(0.35, 500) ** 2 + 0.003**2)

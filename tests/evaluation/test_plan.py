"""Planning evaluations: printed tables, a search over schedules against all of them, and real runs on disk."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.plan import measure, searched
from heldout import Recorder, read
from heldout.datasets.simulated import simulate
from heldout.errors import UsageError
from heldout.evaluation.next_checkpoints import next_checkpoints
from heldout.evaluation.schedule import Schedule, advice, best_for, cheapest, doubled
from heldout.stats.power import eval_sigma

TABLE = {  # falls noticed by the middle of the run, in units of the noise of one rate, after 1, 2, 3, 5, 8 evaluations
    10: (5.8, 4.1, 4.2, math.nan, math.nan),
    20: (6.4, 3.8, 3.1, 2.8, 4.2),
    40: (7.2, 4.2, 3.2, 2.5, 2.2),
    80: (8.0, 4.6, 3.5, 2.7, 2.4),
}


@pytest.mark.parametrize("evaluations", TABLE)
def test_the_table_of_falls_that_are_seen(evaluations):
    plan = Schedule(500, 1, evaluations)
    got = [plan.visible(within, evaluations // 2) / plan.sigma for within in (1, 2, 3, 5, 8)]
    np.testing.assert_allclose(got, TABLE[evaluations], atol=0.1)


@pytest.mark.parametrize("drop", [0.02, 0.03, 0.06])
def test_no_cheaper_schedule_sees_the_same_fall(drop):
    found = cheapest(drop)
    assert found.visible() <= drop * 1.0001
    tried = (Schedule(n, 1, k) for k in range(20, 41) for n in range(200, found.generations // k + 1, 10))
    assert not any(one.generations < found.generations and one.visible() <= drop for one in tried)


def test_where_problems_run_out_samples_take_over():
    found = cheapest(0.03, problems=300)
    assert found.problems == 300
    assert found.samples > 1
    assert found.visible() <= 0.03
    assert cheapest(0.005, problems=300) is None  # checkpoints themselves move by that much


@pytest.mark.parametrize("budget", [150, 1000, 4000, 8000, 20_000, 40_000, 1_000_000])
@pytest.mark.parametrize("problems", [None, 100, 300, 1000])
def test_a_budget_is_kept_and_spent_on_problems_first(budget, problems):
    found = best_for(budget, problems=problems)
    assert found.generations <= budget
    assert found.problems <= (problems or budget)
    if found.evaluations > 20 or found.samples > 1:
        assert found.problems == problems  # more of anything else only when there are no more
    if found.samples > 1:
        assert found.evaluations == 40


def test_twice_the_cost_never_shows_less():
    one = Schedule(200, 1, 20)
    for more in doubled(one).values():
        assert more.generations == 2 * one.generations
        assert more.visible() < one.visible()


def test_what_should_grow_first_is_said():
    assert advice(Schedule(100, 1, 20)).startswith("Problems first: 100 are few")
    assert advice(Schedule(200, 1, 10)).startswith("Evaluations first")
    assert advice(Schedule(300, 4, 20)).startswith("Problems first: 4 samples of each could be 1200 problems")


@pytest.mark.parametrize(
    ("words", "match"), [((0,), "problems"), ((10, 1, 4), "--evals"), ((10, 1, 20, 1.0), "--rate")]
)
def test_impossible_plans_are_refused(words, match):
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


def test_a_run_without_evaluations_begins_in_the_middle(tmp_path):
    found = next_checkpoints(read(recorded(tmp_path / "run", [])), count=5)
    assert found.saved == 40
    assert found.best is None
    assert sorted(found.steps) == pytest.approx([20, 200, 400, 600, 800], abs=20)


def test_proposals_are_checkpoints_that_exist_and_were_not_evaluated(tmp_path):
    run = read(recorded(tmp_path / "run", [0, 10, 20, 30, 39]))
    found = next_checkpoints(run, count=3)
    measured = {evaluation.step for evaluation in run.evaluations()}
    assert found.best in measured
    assert not measured & set(found.steps)
    assert set(found.steps) <= run.checkpoints.keys()
    assert all(gain > 0 for gain in found.gains)


def test_without_checkpoints_there_is_nothing_to_plan():
    with pytest.raises(UsageError, match="no saved checkpoint"):
        next_checkpoints(read("example:kimi-dev"))


def test_the_search_ends_before_everything_is_evaluated_and_finds_a_good_one():
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


def test_the_command_prints_plans(tmp_path):
    done = heldout("plan", "--problems", "200", "--evals", "20")
    assert done.returncode == 0, done.stderr
    assert f"{100 * Schedule(200, 1, 20).visible(3):.1f} points" in done.stdout
    assert "generations" in heldout("plan", "--budget", "20000").stdout
    done = heldout("plan", recorded(tmp_path / "run", [0, 10, 20, 30, 39]))
    assert "Evaluate next" in done.stdout
    done = heldout("plan", "--problems", "200", "--evals", "2")
    assert (done.returncode, done.stderr) == (2, "heldout: --evals is 2; it must be from 5 to 320.\n")


def test_the_noise_of_a_plan_is_that_of_the_samples_and_of_the_checkpoints():
    assert Schedule(500).sigma ** 2 == pytest.approx(eval_sigma(0.35, 500) ** 2 + 0.003**2)

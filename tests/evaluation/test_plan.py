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
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.levels import HELPFUL_SAMPLES
from heldout.stats.scan import smallest_visible_drop

# at 40 % solved: problems, samples, white noise of one rate and what its problems do for a while, both in points, and
# the 95 % interval of the level
GOLDEN = [
    (10, 40, 3.00, 3.46, 0.1939, 0.6489),
    (30, 32, 1.80, 2.00, 0.2667, 0.5499),
    (164, 1, 2.77, 0.86, 0.3281, 0.4764),
    (500, 4, 0.85, 0.49, 0.3629, 0.4383),
]


@pytest.mark.parametrize(("problems", "samples", "white", "lasting", "low", "high"), GOLDEN)
def test_problems_and_samples_make_noise_of_their_own(
    problems: int, samples: int, white: float, lasting: float, low: float, high: float
) -> None:
    plan = Schedule(problems, samples, 20, rate=0.4)
    assert 100 * math.sqrt(plan.sigma**2 - 0.003**2) == pytest.approx(white, abs=0.005)
    assert plan.level == pytest.approx((low, high), abs=1e-4)
    one = np.zeros(20)
    noise = EvalNoise.of_rates(np.full(20, 0.4), problems, samples)
    assert 100 * math.sqrt(noise.covariance[0, 1] * noise.variance / math.exp(-1 / 6)) == pytest.approx(
        lasting, abs=0.005
    )
    one[[0, 19]] = 1.0, -1.0
    true = noise.of_contrasts(one) + 2 * 0.003**2
    expected = smallest_visible_drop(20, 13, 3, plan.sigma**2)
    assert true / (2 * plan.sigma**2) > 1.0 + 0.02 * (samples > 1)
    assert plan.visible() > expected * math.sqrt(1.0 + 0.02 * (samples > 1))


def test_no_number_of_samples_stands_for_problems() -> None:
    many, few = Schedule(400, 1, 20), Schedule(10, 40, 20)
    assert few.generations == many.generations
    assert few.visible() > 2.5 * many.visible()
    assert Schedule(10, 100_000, 20).visible() > 0.9 * few.visible()
    assert few.level[1] - few.level[0] > 4 * (many.level[1] - many.level[0])
    assert Schedule(10, 100_000, 20).sigma > 0.02


@pytest.mark.parametrize("drop", [0.02, 0.03, 0.06])
def test_no_cheaper_schedule_sees_the_same_fall(drop: float) -> None:
    found = cheapest(drop)
    assert found is not None
    assert found.visible() <= drop * 1.0001
    tried = (Schedule(n, 1, k) for k in range(20, 41) for n in range(200, found.generations // k + 1, 10))
    assert not any(one.generations < found.generations and one.visible() <= drop for one in tried)


def test_where_problems_run_out_samples_take_over_as_far_as_they_help() -> None:
    found = cheapest(0.04, problems=300)
    assert found is not None
    assert found.problems == 300
    assert found.samples > 1
    assert found.visible() <= 0.04
    assert cheapest(0.04, problems=20) is None  # of which no number of samples makes more
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
        assert found.samples <= HELPFUL_SAMPLES


def test_twice_the_cost_never_shows_less() -> None:
    one = Schedule(200, 1, 20)
    for more in doubled(one).values():
        assert more.generations == 2 * one.generations
        assert more.visible() < one.visible()


def test_what_should_grow_first_is_said() -> None:
    assert advice(Schedule(199, 1, 20)).startswith("Problems first: 199 are few")
    assert advice(Schedule(200, 1, 19)).startswith("Evaluations first: with 19,")
    assert advice(Schedule(300, 4, 20)).startswith("Problems first, if there are more than 300. Where there are no")
    assert advice(Schedule(200, 1, 20)).startswith("Problems first, as long as there are more; then evaluations")
    assert advice(Schedule(200, 1, 40)).startswith("Problems first, as long as there are more; then evaluations")
    assert advice(Schedule(200, 1, 41)).startswith("Problems first, in place of evaluations")


def test_when_more_samples_help_is_said() -> None:
    assert advice(Schedule(100, 1, 20)).endswith("Where there are no more, up to 7 samples of each help.")
    few = advice(Schedule(10, 40, 20, rate=0.4))
    assert "Below 30 a fall is likely at most, and on these problems. Beyond 7 samples of each" in few
    assert few.endswith("precise, not the score of problems like them (19 to 65 %).")
    assert "likely at most" not in advice(Schedule(30, 40, 20))
    r, c = 0.5, 0.05
    assert (1 - r) / HELPFUL_SAMPLES < c * r + 0.1 * r < (1 - r) / (HELPFUL_SAMPLES - 1)


def test_what_few_evaluations_confirm_is_asked_of_the_judge(tmp_path: Path) -> None:
    one = Schedule(164, 1, 10)
    early, late, small = one.confirmed(0.12, 5), one.confirmed(0.12, 8), one.confirmed(0.06, 8)
    assert early > 0.9
    assert early > late + 0.1
    assert late > small + 0.2
    assert one.confirmed(0.0, 5) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)  # of runs that never fall
    assert Schedule(40, 1, 10).confirmed(0.12, 5) < early - 0.2
    assert Schedule(164, 16, 10).confirmed(0.06, 5) > one.confirmed(0.06, 5)
    text = heldout("plan", "--problems", "164", "--planned", "10").stdout.replace("\n", " ")
    also = 100 * one.confirmed(0.12, 7)
    assert f"one of 12.0 points is confirmed by the end in {100 * early:.0f} and {also:.0f} % of 200" in text
    for words in (("--problems", "29", "--planned", "10"), ("--problems", "164", "--planned", "13")):
        assert "confirmed by the end" not in heldout("plan", *words).stdout


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


def scored(folder: Path, key: str, scores: list[float | None]) -> Path:
    """A run whose held-out score is known as numbers alone, at some of its checkpoints."""
    with Recorder(folder, roles={"held_out": key}) as recorder:
        for index, score in enumerate(scores):
            (folder / f"checkpoint-{index}").mkdir()
            (folder / f"checkpoint-{index}" / "weights").write_text("")
            recorder.checkpoint(index, folder / f"checkpoint-{index}")
            recorder.log(index, {"reward": 0.1 * index} | ({} if score is None else {key: score}))
    return folder


def printed(run: Path) -> str:
    done = heldout("plan", run)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_return_is_searched_in_its_own_unit(tmp_path: Path) -> None:
    shape = [-200 + 900 * math.exp(-(((k - 14) / 6) ** 2)) + 12 * math.sin(9 * k) for k in range(24)]
    known = [value if k in (0, 4, 8, 12, 16, 19, 23) else None for k, value in enumerate(shape)]
    (one := tmp_path / "one").mkdir()
    returns = next_checkpoints(read(scored(one / "run", "eval/return", known)), count=2)
    assert returns.best is not None
    assert known[returns.best] is not None
    (other := tmp_path / "other").mkdir()
    unlike = [None if value is None else 0.001 * value - 7 for value in known]
    small = next_checkpoints(read(scored(other / "run", "eval/return", unlike)), count=2)
    assert (small.steps, small.best) == (returns.steps, returns.best)
    assert small.gains == pytest.approx([0.001 * gain for gain in returns.gains], rel=1e-6)
    text = printed(one / "run")
    assert "%" not in text
    assert ", points" not in text
    assert f"estimated at {returns.estimate:.0f}" in text


@pytest.mark.parametrize("known", [{}, {0: 31.5}, {0: 31.5, 23: 12.25}])
def test_before_the_noise_of_a_score_is_known_the_grid_is_proposed(tmp_path: Path, known: dict[int, float]) -> None:
    run = read(scored(tmp_path / "run", "eval/return", [known.get(k) for k in range(24)]))
    found = next_checkpoints(run, count=2)
    assert len(found.steps) == 2
    assert all(math.isnan(gain) for gain in found.gains)
    assert found.best == (0 if known else None)


def test_an_error_rate_is_kept_where_it_is_lowest(tmp_path: Path) -> None:
    values = [0.2 + 0.015 * abs(step - 8) if step % 2 == 0 else None for step in range(21)]
    run = scored(tmp_path / "run", "eval/error_rate", values)
    found = next_checkpoints(read(run))
    assert found.best in (6, 8, 10)
    assert 0.2 < found.estimate < 0.25
    assert f"estimated at {100 * found.estimate:.1f} %" in printed(run)


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

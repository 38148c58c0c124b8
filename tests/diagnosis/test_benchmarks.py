"""Several held-out scores: each benchmark is paid for once, however many columns it has."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.report.tables import benchmarks
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray

STEP = np.arange(1, 31) * 10
FALL = np.concatenate([np.full(15, 0.6), np.linspace(0.6, 0.45, 15)])


def run_of(scores: dict[str, FloatArray], problems: float | None = 500.0) -> Run:
    sizes = None if problems is None else np.full(30, problems)
    metrics = {key: Series(key, STEP, value, problems=sizes) for key, value in scores.items()}
    return Run("made", "memory", "test", metrics, {"held_out": next(iter(scores))})


def sampled(truth: FloatArray, seed: int) -> FloatArray:
    return np.random.default_rng(seed).binomial(500, truth) / 500


def adjusted(run: Run) -> dict[str, float]:
    return {fall.key: fall.adjusted_p for fall in heldout.diagnose(run).benchmarks}


SCORES = {
    "val/humaneval_acc": sampled(np.full(30, 0.4), 1),
    "val/mbpp_acc": sampled(FALL, 2),
    "val/lcb_acc": sampled(np.full(30, 0.3), 3),
}


@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("of", list(SCORES))
def test_copies_leave_what_the_others_pay(copies: int, of: str) -> None:
    before, rng = adjusted(run_of(SCORES)), np.random.default_rng(7)
    near = [np.clip(SCORES[of] + rng.normal(0.0, 0.001, 30), 0.0, 1.0), np.round(SCORES[of], 2), 0.9 * SCORES[of]]
    near += [sampled(SCORES[of], 11)]  # as another seed
    names = ["val/alike_acc", "val/rounded_acc", "val/scaled_acc", f"{of.replace('_acc', '_seed2_acc')}"]
    more = dict(zip(names[:copies], near[:copies], strict=True))
    after = adjusted(run_of({**SCORES, **more}))
    assert {key: after[key] for key in SCORES} == before
    assert all(after[key] == before[of] for key in more)


def test_seeds_of_one_benchmark_are_one() -> None:
    seeds = {f"eval/math/seed{k}/acc": sampled(FALL, k) for k in range(4)}
    other = {"eval/aime_acc": sampled(np.full(30, 0.2), 9)}
    verdict = heldout.diagnose(run_of({**seeds, **other}))
    first, others = "eval/math/seed0/acc", {f"eval/math/seed{k}/acc" for k in (1, 2, 3)}
    assert {fall.key for fall in verdict.benchmarks if fall.copy_of == first} == others
    table = benchmarks(verdict)
    assert table is not None
    assert table.title == "Every held-out score (5 columns, 2 benchmarks)"
    assert {row[0] for row in table.rows if row[-1] == f"as {first}"} == others
    assert verdict.benchmarks[0].adjusted_p == pytest.approx(2.0 * verdict.benchmarks[0].p)


def test_a_score_of_unknown_size_costs_the_others_nothing() -> None:
    run = run_of(SCORES)
    bare = Series("val/bare_acc", STEP, sampled(np.full(30, 0.5), 5))
    assert adjusted(run).items() <= adjusted(Run("made", "m", "t", {**run.metrics, bare.name: bare}, run.roles)).items()


def test_different_benchmarks_are_each_paid_for() -> None:
    falls = {fall.key: fall for fall in heldout.diagnose(run_of(SCORES)).benchmarks}
    assert all(fall.copy_of == "" for fall in falls.values())
    assert falls["val/mbpp_acc"].adjusted_p == pytest.approx(min(1.0, 3.0 * falls["val/mbpp_acc"].p))

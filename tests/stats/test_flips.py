"""How many problems flip by chance alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from heldout.stats.arrays import FloatArray
from heldout.stats.flips import SOLVED, flips_by_chance, log_betabinomial


@pytest.mark.parametrize(("a", "b"), [(0.02, 0.3), (2.0, 5.0), (40.0, 1e-3)])
@pytest.mark.parametrize("trials", [1, 2, 60])
def test_counts_are_as_likely_as_scipy_says(a: float, b: float, trials: int) -> None:
    ours = log_betabinomial(trials, np.array(a), np.array(b))
    assert ours == pytest.approx(stats.betabinom(trials, a, b).logpmf(np.arange(trials + 1)), rel=1e-9, abs=1e-9)


def chances(kind: str, count: int, rng: np.random.Generator) -> FloatArray:
    if kind == "some are sure":
        luck = rng.random(count)
        return np.where(luck < 0.3, 0.0, np.where(luck < 0.7, 1.0, rng.random(count)))
    return np.asarray(1.0 / (1.0 + np.exp(-rng.normal(1.0, {"close": 1.5, "apart": 4.0}[kind], count))))


@pytest.mark.parametrize("kind", ["some are sure", "close", "apart"])
@pytest.mark.parametrize(("evaluations", "samples"), [(2, 1), (4, 1), (2, 4)])
def test_the_interval_holds_what_chance_makes_of_an_unchanged_policy(kind: str, evaluations: int, samples: int) -> None:
    rng = np.random.default_rng(5)
    held, errors = [], []
    for _ in range(30):
        chance = chances(kind, 256, rng)
        before = rng.binomial(samples, chance, (evaluations, 256))
        solved, after = before[0] >= SOLVED * samples, rng.binomial(samples, chance) >= SOLVED * samples
        sizes = np.full(256, samples)
        found = flips_by_chance(before.sum(axis=0), evaluations * sizes, solved, sizes)
        for one, truth in zip(found, ((solved & ~after).sum(), (~solved & after).sum()), strict=True):
            held.append(one.low <= truth <= one.high)
            errors.append(one.expected - truth)
    assert np.mean(held) >= 0.88  # of 60; larger simulations give 0.93 to 0.98
    assert abs(np.mean(errors)) < 2.0


def test_problems_that_never_vary_hardly_flip() -> None:
    solved = np.arange(200) < 120
    lost, gained = flips_by_chance(5.0 * solved, np.full(200, 5.0), solved, np.ones(200))
    assert lost.high < 5.0
    assert gained.high < 5.0


def test_a_problem_that_was_not_solved_cannot_be_lost() -> None:
    lost, gained = flips_by_chance(np.zeros(50), np.full(50, 3), np.zeros(50, dtype=bool), np.ones(50))
    assert lost == (0.0, 0.0, 0.0)
    assert gained.low == 0.0
    assert gained.high <= 50.0

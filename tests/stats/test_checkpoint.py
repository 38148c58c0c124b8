"""Which checkpoint: against the posterior it is read from, against the raw maximum, and with little data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from heldout.stats.checkpoint import choose
from heldout.stats.cliffs import cliff_posterior
from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gram import Gram

GOLDEN = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])


def simulated(runs: Any, sd: Any, seed: int) -> Any:
    """Runs that rise and fall, with jitter: truth and what the evals show."""
    rng = np.random.default_rng(seed)
    for _ in range(runs):
        top = rng.uniform(8, 22)
        truth = np.interp(np.arange(30), [0, top, 29], rng.uniform([0.25, 0.36, 0.30], [0.3, 0.40, 0.36]))
        truth = truth + rng.normal(0.0, 0.003, 30)
        yield truth, truth + rng.normal(0.0, sd, 30)


def test_it_reads_the_posterior_of_checkpoint_quality() -> None:
    got = choose(GOLDEN, 2e-4, set_variance=1e-4)
    posterior = cliff_posterior(GOLDEN, EvalNoise.white(2e-4, 12))
    mean = posterior.mean(jitter=True)
    assert got.means.tolist() == mean.tolist()
    assert got.best == int(np.argmax(mean >= mean.max() - 0.0001))
    assert got.estimate == mean[got.best]
    half = norm.ppf(0.975) * math.sqrt(posterior.variance(got.best) + 1e-4)
    assert (got.low, got.high) == pytest.approx((got.estimate - half, got.estimate + half))


def test_choosing_is_better_than_the_raw_maximum_and_honest_about_the_level() -> None:
    regret, raw_regret, bias, raw_bias, covered, in_tied, sizes = [], [], [], [], [], [], []
    for truth, value in simulated(150, 0.015, 0):
        got = choose(value, 0.015**2)
        raw = int(value.argmax())
        regret.append(truth.max() - truth[got.best])
        raw_regret.append(truth.max() - truth[raw])
        bias.append(got.estimate - truth[got.best])
        raw_bias.append(value[raw] - truth[raw])
        covered.append(got.low <= truth[got.best] <= got.high)
        in_tied.append(int(truth.argmax()) in got.tied)
        sizes.append(len(got.tied))
    assert np.mean(regret) < 0.85 * np.mean(raw_regret)
    assert abs(np.mean(bias)) < 0.3 * np.mean(raw_bias)
    assert np.mean(covered) >= 0.90
    assert np.mean(in_tied) >= 0.93
    assert np.mean(sizes) < 20


def test_ties_go_to_the_earliest() -> None:
    got = choose(np.full(8, 0.4), 1e-4)
    assert got.best == 0
    assert got.tied == tuple(range(8))
    np.testing.assert_allclose(got.means, 0.4)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_saturated_evals_are_all_tied(level: float) -> None:
    gram = Gram.of(np.full((8, 25), level))
    got = choose(gram.rates, gram.s2(8), gram.set_variance()[0])
    assert got.tied == tuple(range(8))


def test_only_checkpoints_that_exist_are_chosen() -> None:
    every = choose(GOLDEN, 1e-5)
    some = choose(GOLDEN, 1e-5, available=[9, 2, 8])
    assert every.best == 6
    assert some.best == 8
    assert set(some.tied) <= {2, 8, 9}
    assert some.means.tolist() == every.means.tolist()
    assert choose(GOLDEN, 1e-5, available=np.isin(np.arange(12), [2, 8, 9])) == choose_like(some)


def choose_like(choice: Any) -> Any:
    """Equal to any choice with the same answers."""

    class Like:
        def __eq__(self, other: Any) -> Any:
            return (other.best, other.tied) == (choice.best, choice.tied)

    return Like()


@pytest.mark.parametrize("k", [1, 2, 4, 5, 12])
@pytest.mark.parametrize("variance", [0.0, 1e-6, 2e-4, math.nan])
def test_the_sets_hold_the_best_and_the_interval_its_estimate(k: int, variance: float) -> None:
    got = choose(GOLDEN[:k], variance)
    assert got.best in got.tied
    assert math.isnan(variance) == math.isnan(got.low)
    assert math.isnan(variance) or got.low <= got.estimate <= got.high
    assert got.means.shape == (k,)


@given(st.integers(1, 14), st.integers(0, 10_000))
def test_the_same_input_gives_the_same_choice_and_a_constant_only_shifts_it(k: int, seed: int) -> None:
    value = np.random.default_rng(seed).normal(0.4, 0.02, k)
    one, again, shifted = choose(value, 3e-4), choose(value, 3e-4), choose(value + 10.0, 3e-4)
    assert (one.best, one.tied) == (again.best, again.tied)
    assert shifted.best == one.best
    assert shifted.estimate == pytest.approx(one.estimate + 10.0)


def test_without_noise_the_values_decide() -> None:
    got = choose(GOLDEN, 0.0)
    assert (got.best, got.tied, got.estimate) == (6, (6,), 0.36)


def test_few_evals_are_taken_as_they_are_with_bonferroni_over_the_others() -> None:
    value, sd = np.array([0.30, 0.36, 0.40, 0.37]), 0.02
    got = choose(value, sd**2, set_variance=0.01**2)
    crossing = norm.ppf(1.0 - 0.05 / 3.0) * math.sqrt(2.0) * sd
    assert got.best == 2
    assert got.tied == tuple(np.flatnonzero(0.40 - value <= crossing)) == (1, 2, 3)
    assert got.estimate == 0.40
    assert got.high - got.estimate == pytest.approx(norm.ppf(0.975) * math.hypot(sd, 0.01))


def test_few_evals_use_paired_comparisons_where_outcomes_are_known() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.2, 0.3, 400)  # most problems are always or never solved: differences are well known
    x = (rng.random((4, 400)) < np.clip(p + np.array([0.0, 0.05, 0.1, 0.2])[:, None], 0, 1)).astype(float)
    gram = Gram.of(x)
    loose = choose(gram.rates, float(np.mean(gram.rates * (1 - gram.rates))) / 400)
    tight = choose(gram.rates, EvalNoise.of_outcomes(gram), gram.set_variance()[3])
    assert set(tight.tied) < set(loose.tied)
    assert tight.best == 3


def test_few_evals_seldom_drop_the_best() -> None:
    rng = np.random.default_rng(1)
    kept = [0 in choose(rng.normal(0.4, 0.02, 4), 0.02**2).tied for _ in range(1000)]
    assert np.mean(kept) >= 0.95 - 0.02


@pytest.mark.parametrize("k", [4, 12])
def test_unknown_noise_drops_nothing(k: int) -> None:
    got = choose(GOLDEN[:k], math.nan, tie=math.nan)
    assert got.tied == tuple(range(k))
    assert got.best == int(GOLDEN[:k].argmax())


def test_nothing_to_choose_from_is_said() -> None:
    for value, available in (([], None), (GOLDEN, []), (GOLDEN, np.zeros(12, dtype=bool))):
        with pytest.raises(ValueError, match="there is no checkpoint to choose from"):
            choose(value, 1e-4, available=available)
    with pytest.raises(ValueError, match="available names checkpoint 12; there are 12"):
        choose(GOLDEN, 1e-4, available=[3, 12])
    with pytest.raises(ValueError, match=r"available has shape \(2,\)"):
        choose(GOLDEN, 1e-4, available=[True, False])


def test_four_evals_are_taken_as_they_are_and_five_are_smoothed() -> None:
    assert choose(GOLDEN[:4], 2e-4).means.tolist() == GOLDEN[:4].tolist()
    five = choose(GOLDEN[:5], 2e-4)
    assert five.means.tolist() == cliff_posterior(GOLDEN[:5], EvalNoise.white(2e-4, 5)).mean(jitter=True).tolist()


@pytest.mark.parametrize(("ahead", "best"), [(0.00009, 1), (0.00011, 5)])
def test_a_hundredth_of_a_point_decides_between_checkpoints(ahead: float, best: int) -> None:
    value = np.array([0.30, 0.36, 0.33, 0.32, 0.31, 0.36 + ahead, 0.30])
    assert choose(value, 0.0).best == best


def test_tied_is_what_holds_98_percent_of_a_posterior_of_1_3_times_the_variance() -> None:
    """With two checkpoints the second is tied until it is the better one in fewer than 2 % of the draws."""
    shape = np.array([0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 0.0])
    last = []
    for seed in range(12):
        for height in np.arange(0.8, 1.8, 0.02):
            value = 0.4 + 0.01 * height * shape
            if choose(value, 0.01**2, available=[3, 7], seed=seed).tied == (3,):
                draws = cliff_posterior(value, EvalNoise.white(0.01**2, 8)).draw(20_000, jitter=True, wider=1.3)
                last.append(np.mean(draws[:, 7] > draws[:, 3]))
                break
    assert len(last) == 12
    assert np.mean(last) == pytest.approx(0.02, abs=0.003)


@pytest.mark.parametrize("others", [1, 2, 3])
@pytest.mark.parametrize(("times", "tied"), [(0.999, True), (1.001, False)])
def test_a_raw_comparison_pays_for_the_number_of_others(others: int, times: float, tied: bool) -> None:
    crossing = norm.ppf(1.0 - 0.05 / others) * math.sqrt(2.0) * 0.02
    value = np.array([0.40 - times * crossing, 0.40, 0.10, 0.10])[: others + 1]
    assert choose(value, 0.02**2).tied == ((0, 1) if tied else (1,))
    assert choose(value, EvalNoise.white(0.02**2, others + 1)).tied[0] == 1 - tied


def test_one_checkpoint_is_the_best_and_its_interval_its_noise() -> None:
    got = choose([0.4, 0.5], 0.02**2, set_variance=[0.01**2, 0.5], available=[0])
    assert (got.best, got.tied, got.estimate) == (0, (0,), 0.4)
    half = norm.ppf(0.975) * math.hypot(0.02, 0.01)
    assert (got.low, got.high) == pytest.approx((0.4 - half, 0.4 + half))


def test_a_checkpoint_before_the_first_is_refused() -> None:
    with pytest.raises(ValueError, match="available names checkpoint -1; there are 12"):
        choose(GOLDEN, 1e-4, available=[-1, 3])
    assert choose(GOLDEN, 0.0, available=[0]).best == 0
    assert choose(GOLDEN, 0.0, available=[11]).best == 11


def test_without_a_size_the_checkpoint_before_a_cliff_is_kept() -> None:
    rng, regret, raw, held = np.random.default_rng(4), [], [], []
    for _ in range(40):
        place = int(rng.integers(8, 16))
        index = np.arange(20)
        truth = 40.0 + 8.0 * np.minimum(index / place, 1.0) - 30.0 * (index > place) + rng.normal(0.0, 0.2, 20)
        value = truth + rng.normal(0.0, 1.2, 20)
        got = choose(value, EvalNoise.of_scatter(value, float(np.var(value))), tie=0.01)
        regret.append(truth.max() - truth[got.best])
        raw.append(truth.max() - truth[int(value.argmax())])
        held.append(int(truth.argmax()) in got.tied)
    assert np.mean(regret) <= np.mean(raw)
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(("count", "as_it_is"), [(7, True), (8, False)])
def test_scores_without_a_size_are_smoothed_from_eight_on(count: int, as_it_is: bool) -> None:
    got = choose(GOLDEN[:count], EvalNoise.of_scatter(GOLDEN[:count], 2e-4))
    assert (got.means.tolist() == GOLDEN[:count].tolist()) is as_it_is


@given(st.integers(5, 24), st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(-100.0, 100.0), st.booleans())
def test_a_score_in_another_unit_has_the_same_choice(k: int, seed: int, a: float, b: float, sized: bool) -> None:
    value = np.random.default_rng(seed).normal(0.4, 0.02, k)
    known = [EvalNoise.white(4e-4, k), EvalNoise.white(4e-4 * a * a, k)]
    unknown = [EvalNoise.of_scatter(value, 4e-4), EvalNoise.of_scatter(a * value + b, 4e-4 * a * a)]
    noise = known if sized else unknown
    one, other = choose(value, noise[0], tie=1e-4), choose(a * value + b, noise[1], tie=1e-4 * a)
    assert (other.best, other.tied) == (one.best, one.tied)
    ends = [[got.low, got.estimate, got.high] for got in (one, other)]
    np.testing.assert_allclose(ends[1], a * np.array(ends[0]) + b, rtol=1e-7, atol=1e-9 * a)

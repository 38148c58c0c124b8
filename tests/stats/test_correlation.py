"""Correlation intervals: oracles, coverage on autocorrelated series, and alignment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.special import ndtr
from scipy.stats import norm, pearsonr

from heldout.stats.correlation import align, co_movement, correlate, effective_n, lead_lag, pearson


def ar1(rng: np.random.Generator, n: Any, phi: Any) -> Any:
    return lfilter([1.0], [1.0, -phi], rng.normal(size=n + 600))[600:]


def plain_effective_n(x: Any, y: Any) -> Any:
    n = x.size
    x, y = x - x.mean(), y - y.mean()
    total = 1.0
    for lag in range(1, int(min(n / 4, 12 * math.sqrt(n / 100) + 2)) + 1):
        rx = np.mean(x[lag:] * x[:-lag]) / np.mean(x * x)
        ry = np.mean(y[lag:] * y[:-lag]) / np.mean(y * y)
        if rx * ry <= 0.0:
            break
        total += 2.0 * (1.0 - lag / n) * rx * ry
    return min(max(n / total, 4.0), n)


@pytest.mark.parametrize(("n", "phi"), [(5, 0.5), (20, 0.9), (40, 0.0), (400, 0.97)])
def test_effective_n_is_the_plain_sum(n: int, phi: Any) -> None:
    rng = np.random.default_rng(n)
    x, y = ar1(rng, n, phi), ar1(rng, n, phi)
    assert effective_n(x, y) == pytest.approx(plain_effective_n(x, y))


def test_effective_n_of_white_noise_is_n_and_of_slow_series_far_less() -> None:
    rng = np.random.default_rng(0)
    assert effective_n(ar1(rng, 400, 0.0), ar1(rng, 400, 0.0)) > 380.0
    assert effective_n(ar1(rng, 400, 0.97), ar1(rng, 400, 0.97)) < 80.0


def test_correlate_is_pearson_with_fishers_interval_at_the_effective_size() -> None:
    rng = np.random.default_rng(4)
    x = ar1(rng, 60, 0.6)
    y = x + ar1(rng, 60, 0.6)
    got = correlate(x, y)
    assert got.r == pytest.approx(pearsonr(x, y).statistic)
    assert got.n == 60
    assert got.n_eff == pytest.approx(plain_effective_n(x, y))
    half = 1.959963984540054 / math.sqrt(got.n_eff - 3.0)
    assert math.atanh(got.low) == pytest.approx(math.atanh(got.r) - half)
    assert math.atanh(got.high) == pytest.approx(math.atanh(got.r) + half)
    wider = correlate(x, y, level=0.99)
    assert wider.low < got.low < got.r < got.high < wider.high


def test_alternating_pairs_give_the_ordinary_interval() -> None:
    # one series alternates and the other is smooth: the first product is negative, so every pair counts
    x = np.tile([1.0, -1.0], 20)
    y = np.sin(np.arange(40.0) / 5.0)
    got, oracle = correlate(x, y), pearsonr(x, y).confidence_interval()
    assert got.n_eff == 40.0
    assert (got.low, got.high) == pytest.approx((oracle.low, oracle.high))


@given(st.integers(4, 40), st.floats(0.1, 100.0), st.floats(-100.0, 100.0), st.integers(0, 999))
def test_correlation_does_not_depend_on_units_or_order_of_arguments(
    n: int, scale: float, shift: Any, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), rng.normal(size=n)
    one = correlate(x, y)
    assert correlate(scale * x + shift, y).r == pytest.approx(one.r, abs=1e-9)
    assert correlate(-x, y).r == pytest.approx(-one.r)
    assert correlate(y, x) == one
    assert -1.0 <= one.low <= one.r <= one.high <= 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_pairs_have_no_correlation(n: int) -> None:
    got = correlate(np.arange(float(n)), np.arange(float(n)))
    assert got.n == n
    assert math.isnan(got.r)
    assert math.isnan(got.low)


def test_a_constant_has_no_correlation() -> None:
    assert math.isnan(correlate(np.full(9, 0.1), np.arange(9.0)).r)
    assert math.isnan(co_movement(np.arange(9.0), np.full(9, 0.1), np.arange(9.0)).detrended.r)


def test_perfect_correlation_is_one() -> None:
    got = correlate(np.arange(9.0) ** 2, 3.0 * np.arange(9.0) ** 2)
    assert got.r == pytest.approx(1.0)
    assert got.low > 0.99


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="x has 3 values and y has 4"):
        correlate(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match=r"level is 95; it must be between 0 and 1"):
        correlate(np.ones(3), np.ones(3), level=95)


@pytest.mark.parametrize(("n", "phi"), [(20, 0.9), (40, 0.5), (40, 0.9), (40, 0.97), (400, 0.9), (400, 0.97)])
def test_interval_covers_zero_for_independent_autocorrelated_series(n: int, phi: Any) -> None:
    rng = np.random.default_rng(11)
    runs = 300
    found = [correlate(ar1(rng, n, phi), ar1(rng, n, phi)) for _ in range(runs)]
    covered = np.mean([c.low <= 0.0 <= c.high for c in found])
    assert covered >= 0.90 - 3.0 * math.sqrt(0.9 * 0.1 / runs)
    # the interval that takes the pairs for independent does not cover, or this test could not fail
    naive = np.mean([abs(math.atanh(c.r)) < 1.96 / math.sqrt(n - 3.0) for c in found])
    assert naive < 0.90


def test_differences_and_detrended_values_seldom_find_co_movement_that_is_not_there() -> None:
    rng = np.random.default_rng(2)
    runs = 400
    step = np.arange(40.0)
    wrong = np.zeros(4)
    for _ in range(runs):
        x, y = (ar1(rng, 40, 0.8) + 0.3 * step for _ in range(2))
        got = co_movement(step, x, y)
        wrong += [not c.low <= 0.0 <= c.high for c in (got.differences, got.detrended, got.levels)] + [
            lead_lag(x, y).p < 0.05
        ]
    slack = 3.0 * math.sqrt(0.08 * 0.92 / runs)
    assert wrong[0] / runs <= 0.08 + slack
    assert wrong[1] / runs <= 0.08 + slack
    assert wrong[2] / runs > 0.25  # which is why levels are never called significant
    assert wrong[3] / runs <= 0.08 + slack


def test_detrended_intervals_allow_for_what_the_trend_took_with_it() -> None:
    rng = np.random.default_rng(3)
    runs, step = 800, np.arange(20.0)
    found = [co_movement(step, ar1(rng, 20, 0.8), ar1(rng, 20, 0.8)).detrended for _ in range(runs)]
    wrong = np.mean([not c.low <= 0.0 <= c.high for c in found])
    assert wrong <= 0.09  # 0.066 in long simulations; 0.115 if the bias of the AR(1) coefficient is left in


def test_levels_of_two_trends_are_called_trend_dominated() -> None:
    rng = np.random.default_rng(0)
    step = np.arange(50.0)
    x, y = step + rng.normal(size=50), -step + rng.normal(size=50)
    assert co_movement(step, x, y).levels_are == "trend-dominated"
    assert co_movement(step, rng.normal(size=50), y).levels_are == "not trend-dominated"
    assert co_movement(step[:4], x[:4], y[:4]).levels_are == "unknown"


def test_detrending_takes_a_parabola_out_on_uneven_steps() -> None:
    rng = np.random.default_rng(0)
    step = np.cumsum(rng.exponential(1.0, 60))
    x, y = rng.normal(size=60), rng.normal(size=60)
    plain = co_movement(step, x, y).detrended
    bent = co_movement(step, x + 3.0 * step - 0.2 * step**2, y + step**2).detrended
    assert bent.r == pytest.approx(plain.r)
    assert math.isnan(co_movement(step, step**2, y).detrended.r)


def test_token_length_and_pass_rate_of_a_real_run(kimi: Any) -> None:
    got = co_movement(kimi.step, kimi.tokens, kimi.rate)
    assert got.levels_are == "trend-dominated"
    assert got.levels.r == pytest.approx(0.858, abs=0.001)
    assert got.differences.r == pytest.approx(0.553, abs=0.001)
    assert got.detrended.r == pytest.approx(0.531, abs=0.001)
    assert 0.0 < got.detrended.low < got.detrended.high < 1.0
    assert lead_lag(kimi.tokens, kimi.rate).lag == 0


@pytest.mark.parametrize("lag", [-4, -1, 0, 3])
def test_lead_lag_finds_the_lag_and_its_sign(lag: int) -> None:
    rng = np.random.default_rng(7)
    base = ar1(rng, 220, 0.8)
    x = base[10:210]
    y = base[10 - lag : 210 - lag] + 0.1 * rng.normal(size=200)  # y at t is x at t - lag: x leads by `lag`
    got = lead_lag(x, y)
    assert got.lag == lag
    assert got.r > 0.8
    assert got.p < 1e-6
    assert got.lags == tuple(range(-5, 6))
    assert got.correlations[got.lags.index(lag)] == got.r
    assert lead_lag(y, x).lag == -lag


def test_lead_lag_tries_fewer_lags_on_short_series() -> None:
    rng = np.random.default_rng(0)
    assert lead_lag(rng.normal(size=11), rng.normal(size=11)).lags == (-2, -1, 0, 1, 2)
    for n in range(9):
        assert lead_lag(rng.normal(size=n), rng.normal(size=n)).lags == ()
    assert math.isnan(lead_lag(np.ones(50), rng.normal(size=50)).p)


def test_sidak_pays_for_every_lag() -> None:
    rng = np.random.default_rng(1)
    strongest = lead_lag(rng.normal(size=100), rng.normal(size=100))
    pairs = 99 - abs(strongest.lag)
    alone = 2.0 * ndtr(-math.atanh(abs(strongest.r)) * math.sqrt(pairs - 3))
    assert strongest.p == pytest.approx(1.0 - (1.0 - alone) ** 11)


def test_align_on_the_same_steps_is_exact() -> None:
    got = align(np.array([0.0, 10.0, 20.0]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 10.0, 30.0]), np.arange(3.0))
    assert got.how == "exact"
    assert (got.step.tolist(), got.a.tolist(), got.b.tolist()) == ([0.0, 10.0], [1.0, 2.0], [0.0, 1.0])


def test_align_averages_a_dense_series_since_the_previous_point() -> None:
    dense = np.arange(1.0, 31.0)
    got = align(dense, dense, np.array([10.0, 20.0, 30.0]), np.array([0.3, 0.4, 0.5]))
    assert got.how == "interval mean"
    assert got.a.tolist() == [5.5, 15.5, 25.5]
    assert got.b.tolist() == [0.3, 0.4, 0.5]
    swapped = align(np.array([10.0, 20.0, 30.0]), np.array([0.3, 0.4, 0.5]), dense, dense)
    assert swapped.b.tolist() == got.a.tolist()


def test_align_can_be_told() -> None:
    dense = np.arange(1.0, 31.0)
    got = align(dense, dense, np.array([10.0, 20.0]), np.array([0.3, 0.4]), how="exact")
    assert (got.how, got.a.tolist()) == ("exact", [10.0, 20.0])


def test_align_leaves_out_intervals_without_any_value() -> None:
    got = align(np.array([1.0, 2.0, 31.0, 90.0]), np.arange(4.0), np.array([5.0, 10.0, 40.0]), np.arange(3.0))
    assert got.step.tolist() == [5.0, 40.0]
    assert got.a.tolist() == [0.5, 2.0]


def test_align_of_uneven_evals_and_rewards(deepseek: Any) -> None:
    got = align(deepseek.reward_step, deepseek.reward, deepseek.rate_step, deepseek.rate)
    assert got.how == "interval mean"
    assert got.step.tolist() == deepseek.rate_step.tolist()
    assert got.a.tolist() == [3.52, 3.55, 4.00, 4.15, 4.05, 4.10, 4.45, pytest.approx(4.475)]


@pytest.mark.parametrize("n", [0, 1])
def test_align_of_little(n: int) -> None:
    got = align(np.arange(float(n)), np.ones(n), np.array([5.0, 6.0]), np.ones(2))
    assert got.step.size == got.a.size == got.b.size <= 1


def fisher(r: float, n_eff: float) -> tuple[float, float]:
    half = norm.ppf(0.975) / math.sqrt(n_eff - 3.0)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def first_autocorrelation(x: npt.NDArray[np.float64]) -> float:
    """AR(1) coefficient with its bias of about 2 (1 + phi) / n put back, at most 0.99."""
    centred = x - x.mean()
    phi = min(float(centred[1:] @ centred[:-1]) / float(centred @ centred), 1.0)
    return min(phi + 2.0 * (1.0 + phi) / x.size, 0.99)


@pytest.mark.parametrize(("n", "phi"), [(5, 0.0), (12, 0.9), (60, 0.8), (200, 0.99)])
def test_detrended_values_are_residuals_of_parabolas_and_count_as_ar1_pairs(n: int, phi: float) -> None:
    rng = np.random.default_rng(n)
    step = np.cumsum(rng.uniform(1.0, 3.0, n))
    x, y = ar1(rng, n, phi) + 0.1 * step, ar1(rng, n, phi) - 0.1 * step
    rest_x, rest_y = (v - np.polyval(np.polyfit(step, v, 2), step) for v in (x, y))
    product = first_autocorrelation(rest_x) * first_autocorrelation(rest_y)
    got = co_movement(step, x, y).detrended
    assert got.n_eff == pytest.approx(min(max(n * (1.0 - product) / (1.0 + product), 4.0), n))
    assert got.r == pytest.approx(pearsonr(rest_x, rest_y).statistic)
    assert (got.low, got.high) == pytest.approx(fisher(got.r, got.n_eff))


def test_detrended_pairs_are_never_fewer_than_four_nor_more_than_there_are() -> None:
    t = np.arange(12.0)
    slow = np.sin(t / 2.0)
    assert co_movement(t, slow, slow).detrended.n_eff == 4.0
    fast = (-1.0) ** t
    assert co_movement(t, fast, slow).detrended.n_eff == 12.0


@pytest.mark.parametrize(("share", "called"), [(0.49, "not trend-dominated"), (0.51, "trend-dominated")])
def test_a_trend_dominates_from_half_of_the_variance_of_both(share: float, called: str) -> None:
    t = np.arange(8.0) - 3.5
    parabola = t * t - np.mean(t * t)
    wave = np.array([1.0, -3.0, 3.0, -1.0, -1.0, 3.0, -3.0, 1.0])
    wave -= np.polyval(np.polyfit(t, wave, 2), t)
    mixed = math.sqrt(share) * parabola / np.linalg.norm(parabola)
    mixed = mixed + math.sqrt(1.0 - share) * wave / np.linalg.norm(wave)
    assert co_movement(t, mixed, parabola + 0.1 * wave).levels_are == called
    assert co_movement(t, t, mixed).levels_are == called


def test_five_points_are_the_fewest_for_a_trend_and_four_for_a_correlation() -> None:
    t, x, y = np.arange(5.0), np.array([1.0, 3.0, 2.0, 5.0, 4.0]), np.array([2.0, 1.0, 4.0, 3.0, 3.0])
    five, four = co_movement(t, x, y), co_movement(t[:4], x[:4], y[:4])
    assert five.levels_are != "unknown"
    assert five.detrended.n == five.levels.n == 5
    assert not math.isnan(five.detrended.r)
    assert four.levels_are == "unknown"
    assert math.isnan(four.detrended.r)
    assert four.levels.n_eff == 4.0
    assert four.levels.r == pytest.approx(pearsonr(x[:4], y[:4]).statistic)
    assert math.isnan(four.differences.r)
    assert five.differences.r == pytest.approx(pearsonr(np.diff(x), np.diff(y)).statistic)


def test_very_slow_series_are_worth_four_pairs() -> None:
    assert effective_n(np.arange(30.0), np.arange(30.0)) == pytest.approx(plain_effective_n(*[np.arange(30.0)] * 2))
    assert effective_n(np.arange(8.0), np.arange(8.0)) == 4.0


def plain_lead_lag(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], most: int
) -> tuple[int, list[float], list[float]]:
    """The strongest lag, and correlation and p-value at each, by scipy on AR(1) innovations."""
    white = []
    for v in (x, y):
        centred = v - v.mean()
        white.append(centred[1:] - linregress_through_origin(centred[:-1], centred[1:]) * centred[:-1])
    r, p = [], []
    for lag in range(-most, most + 1):
        pairs = [(i, i + lag) for i in range(x.size - 1) if 0 <= i + lag < x.size - 1]
        r.append(float(pearsonr([white[0][i] for i, _ in pairs], [white[1][j] for _, j in pairs]).statistic))
        p.append(2.0 * norm.sf(math.atanh(abs(r[-1])) * math.sqrt(len(pairs) - 3)))
    return int(np.argmin(p)) - most, r, p


def linregress_through_origin(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    return float(np.linalg.lstsq(x[:, None], y, rcond=None)[0][0])


@pytest.mark.parametrize(("n", "most"), [(9, 0), (10, 1), (13, 4), (14, 5), (40, 5)])
def test_lead_lag_is_the_best_correlation_of_innovations_with_sidaks_price(n: int, most: int) -> None:
    rng = np.random.default_rng(n)
    x, y = ar1(rng, n, 0.7), ar1(rng, n, 0.4)
    lag, r, p = plain_lead_lag(x, y, most)
    got = lead_lag(x, y)
    assert got.lags == tuple(range(-most, most + 1))
    assert got.lag == lag
    assert got.correlations == pytest.approx(r)
    assert got.r == pytest.approx(r[lag + most])
    assert got.p == pytest.approx(1.0 - (1.0 - min(p)) ** (2 * most + 1))


def test_a_lag_at_which_one_series_stands_still_has_no_correlation() -> None:
    x = np.zeros(12)
    x[-1] = 1.0
    got = lead_lag(x, np.random.default_rng(0).normal(size=12), max_lag=2)
    assert got.lags == (-2, -1, 0, 1, 2)
    assert got.correlations[3:] == (0.0, 0.0)
    assert got.correlations[0] != 0.0


EXACT, MEANS = "exact", "interval mean"


@pytest.mark.parametrize(("shared", "how"), [(2, MEANS), (3, EXACT)])
def test_series_are_paired_exactly_if_more_than_half_of_the_steps_are_shared(shared: int, how: str) -> None:
    sparse = np.array([10.0, 20.0, 30.0, 40.0])
    dense = np.where(np.arange(4) < shared, sparse, sparse - 1.0)
    assert align(sparse, sparse, dense, dense).how == how
    assert align(dense, dense, sparse, sparse).how == how


@pytest.mark.parametrize(("inside", "how"), [(8, EXACT), (9, MEANS)])
def test_series_are_averaged_if_one_has_more_than_two_points_for_each_of_the_other(inside: int, how: str) -> None:
    sparse = np.array([10.0, 20.0, 30.0, 40.0])
    dense = np.unique([*sparse, *np.linspace(31.0, 39.0, inside - 4)])
    outside = np.concatenate([np.arange(10.0), dense, np.arange(41.0, 60.0)])
    assert dense.size == inside
    assert align(sparse, sparse, outside, outside).how == how
    assert align(outside, outside, sparse, sparse).how == how


def test_intervals_of_equally_long_series_follow_the_first() -> None:
    got = align(
        np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 7.0]), np.array([0.5, 1.0, 2.5]), np.array([1.0, 3.0, 8.0])
    )
    assert (got.how, got.step.tolist()) == (MEANS, [1.0, 3.0])
    assert (got.a.tolist(), got.b.tolist()) == ([5.0, 7.0], [2.0, 8.0])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_perfect_correlation_has_limits_at_both_ends(sign: float) -> None:
    x = np.array([1.0, -1.0, -1.0, 1.0, 2.0, -2.0])
    got = correlate(x, sign * x)
    assert sign * got.r == pytest.approx(1.0)
    assert sign * min(got.low, got.high, key=abs) > 0.999
    assert lead_lag(np.tile(x, 4), sign * np.tile(x, 4)).p < 1e-12
    exact = correlate(x[:4], sign * x[:4])  # no rounding in these
    assert (sign * exact.r, exact.n_eff) == (1.0, 4.0)


def test_a_series_that_never_moves_is_correlated_with_nothing() -> None:
    x = np.arange(5.0)
    assert (pearson(x, -2.0 * x), pearson(x, np.ones(5)), pearson(np.ones(5), x)) == (pytest.approx(-1.0), 0.0, 0.0)


def test_the_p_value_of_a_correlation_is_that_of_its_interval() -> None:
    x, y = np.random.default_rng(3).normal(size=(2, 60))
    found = correlate(x, x + 3.0 * y)
    assert found.p == pytest.approx(2.0 * norm.sf(abs(math.atanh(found.r)) * math.sqrt(found.n_eff - 3.0)))
    end = correlate(x, x + 3.0 * y, 1.0 - found.p)  # the interval whose coverage p leaves out ends at no correlation
    assert min(abs(end.low), abs(end.high)) == pytest.approx(0.0, abs=1e-12)

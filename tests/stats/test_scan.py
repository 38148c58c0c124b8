"""The scan for a fall: golden numbers, its guarantee, the boundary by simulation, and how small a fall is seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from benchmarks.scan import scan
from heldout.stats.arrays import FloatArray
from heldout.stats.gram import Gram
from heldout.stats.local_level import smoother
from heldout.stats.scan import (
    ALPHAS,
    EPOCHS,
    HISTORIES,
    HORIZONS,
    LEARNED,
    boundary,
    contrasts,
    epochs,
    error_of,
    last_look,
    look_back,
    run_p,
    smallest_visible_drop,
)

GOLDEN = np.array([0.300, 0.322, 0.331, 0.350, 0.356, 0.352, 0.360, 0.349, 0.333, 0.327, 0.310, 0.305])
STATISTIC = [-0.4884, -0.4415, -0.2488, -0.3152, -0.0415, 0.2780, 0.6346, 1.3254, 1.9485]
seeds = st.integers(0, 10_000)


def drawn(seed: int, k: Any = 16) -> Any:
    rng = np.random.default_rng(seed)
    return rng, rng.normal(0.4, 0.02, k), np.cumsum(rng.uniform(0.2, 5.0, k)), rng.uniform(1e-4, 9e-4, k)


def one_at_a_time(values: Any, variance: Any, step: Any, q: Any = 0.1, delta: Any = 0.0) -> Any:
    """The last statistic by loops over the definition."""
    s, p = smoother(values.size, q, step, variance)
    z = []
    for j in range(values.size - 1):
        d = s[j] - s[-1]
        z.append((d @ values - delta) / math.sqrt(variance.mean() * (p[j, j] + p[-1, -1] - 2 * p[j, -1])))
    return max(z), int(np.argmax(z))


def test_golden_vector() -> None:
    got = scan(GOLDEN, 0.014**2)
    assert np.all(np.isnan(got.statistic[:3]))
    np.testing.assert_allclose(got.statistic[3:], STATISTIC, atol=5.1e-5)
    assert got.peak[-1] == 6
    assert got.peak[:3].tolist() == [-1, -1, -1]
    assert got.contrasts.max() == got.statistic[-1]
    assert np.all(got.inflation[3:] == 1.0)
    # with a plan for 12 evals and a noise that is known the fall is confirmed at the twelfth, and not before
    assert np.flatnonzero(got.statistic >= boundary(12, 0.05, 1.0)).tolist() == [11]


@given(seeds)
def test_it_is_the_definition(seed: int) -> None:
    _, values, step, variance = drawn(seed)
    got = scan(values, variance, step, q=0.3, delta=0.01, per_eval=True)
    for k in (4, 9, 16):
        z, j = one_at_a_time(values[:k], variance[:k], step[:k], 0.3, 0.01)
        assert got.statistic[k - 1] == pytest.approx(z, abs=1e-9)
        assert got.peak[k - 1] == j


def s2s(gram: Gram) -> FloatArray:
    """The sampling noise of one eval, as known at each look."""
    return np.array([gram.s2(k) for k in range(1, gram.rates.size + 1)])


@given(seeds, st.booleans())
def test_online_is_offline(seed: int, per_eval: Any) -> None:
    _, values, step, variance = drawn(seed)
    whole = scan(values, variance, step, per_eval=per_eval)
    for k in range(4, 17):
        part = scan(values[:k], variance[:k], step[:k], per_eval=per_eval)
        np.testing.assert_allclose(part.statistic, whole.statistic[:k], atol=1e-9)
        assert part.peak.tolist() == whole.peak[:k].tolist()


def test_online_is_offline_with_inflation_from_outcomes() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((20, 100)) < rng.beta(0.4, 0.7, 100)
    whole = Gram.of(x)
    offline = scan(whole.rates, s2s(whole), inflation=whole.inflation)
    gram = Gram(100)
    for k, row in enumerate(x, start=1):
        gram.add(row)
        online = scan(gram.rates, s2s(gram), inflation=gram.inflation)
        np.testing.assert_allclose(online.statistic, offline.statistic[:k], atol=1e-9)
    assert np.nanmin(offline.inflation) >= 1.0


@given(seeds, st.booleans(), st.booleans())
def test_a_rising_truth_never_raises_the_statistic(seed: int, even: Any, equal: Any) -> None:
    rng, values, step, variance = drawn(seed)
    args = (4e-4 if equal else variance, None if even else step)
    rising = np.cumsum(rng.exponential(0.02, 16) * rng.integers(0, 2, 16))
    noise, both = scan(values, *args, per_eval=True), scan(values + rising, *args, per_eval=True)
    assert np.all(both.statistic[3:] <= noise.statistic[3:] + 1e-9)


@given(seeds, st.floats(-100.0, 100.0))
def test_a_constant_changes_nothing(seed: int, shift: Any) -> None:
    _, values, step, variance = drawn(seed)
    one, other = scan(values, variance, step), scan(values + shift, variance, step)
    np.testing.assert_allclose(other.statistic, one.statistic, atol=1e-8)


def test_units_do_not_matter() -> None:
    one, other = scan(GOLDEN, 2e-4, delta=0.005), scan(100.0 * GOLDEN, 2.0, steps=25.0 * np.arange(12), delta=0.5)
    np.testing.assert_allclose(other.statistic, one.statistic)


def test_variance_of_each_look_is_used_at_that_look() -> None:
    path = np.linspace(1e-4, 4e-4, 12)
    got = scan(GOLDEN, path)
    np.testing.assert_allclose(got.statistic, scan(GOLDEN, 1.0).statistic / np.sqrt(path))
    equal = scan(GOLDEN, np.full(12, 2e-4), per_eval=True)
    np.testing.assert_allclose(equal.statistic, scan(GOLDEN, 2e-4).statistic)


def test_inflation_divides_each_contrast() -> None:
    twice = scan(GOLDEN, 2e-4, inflation=lambda d: np.full(len(d), 4.0))
    np.testing.assert_allclose(twice.statistic, scan(GOLDEN, 2e-4).statistic / 2.0)
    assert np.all(twice.inflation[3:] == 4.0)


def test_a_margin_lowers_the_statistic() -> None:
    assert np.all(scan(GOLDEN, 2e-4, delta=0.01).statistic[3:] < scan(GOLDEN, 2e-4).statistic[3:])


@pytest.mark.parametrize("k", range(4))
def test_fewer_than_four_evals_have_no_statistic(k: int) -> None:
    got = scan(GOLDEN[:k], 2e-4)
    assert np.all(np.isnan(got.statistic))
    assert got.statistic.shape == got.peak.shape == (k,)
    assert got.contrasts.size == 0


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_equal_values_have_no_fall(level: float) -> None:
    gram = Gram.of(np.full((9, 25), level))
    got = scan(gram.rates, s2s(gram), inflation=gram.inflation)
    np.testing.assert_allclose(got.statistic[3:], 0.0, atol=1e-9)


@pytest.mark.parametrize("noise", [0.0, math.nan, -1.0])
def test_no_alarm_without_a_known_noise(noise: float) -> None:
    got = scan(GOLDEN, noise)
    assert np.all(np.isnan(got.statistic))
    assert np.all(got.peak == -1)
    path = np.full(12, 2e-4)
    path[:6] = noise
    assert np.isnan(scan(GOLDEN, path).statistic).tolist() == [True] * 6 + [False] * 6


def test_false_alarms_of_small_evals_stay_near_the_error_rate() -> None:
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(300):
        p = rng.beta(0.3, 0.6, 60)
        gram = Gram.of(rng.random((20, 60)) < p)
        alarms += bool(np.nanmax(scan(gram.rates, s2s(gram), inflation=gram.inflation).statistic) >= boundary(20, 0.05))
    assert alarms / 300 <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 300)


def test_a_true_fall_is_found() -> None:
    rng = np.random.default_rng(5)
    truth = np.interp(np.arange(40), [0, 20, 28, 39], [0.3, 0.4, 0.3, 0.3])
    u = rng.random((40, 500))
    gram = Gram.of(u < np.clip(rng.normal(0.0, 0.1, 500) + truth[:, None], 0, 1))
    got = scan(gram.rates, s2s(gram), inflation=gram.inflation)
    first = int(np.argmax(got.statistic >= boundary(40, 0.05)))
    assert 20 < first < 32
    assert 15 <= got.peak[-1] <= 24


def worst_of_flat_runs(size: int, paths: int, seed: int) -> dict[int, FloatArray]:
    """Running maximum of the statistic in flat runs, all paths at once: of the whole run and of shorter histories."""
    seen = np.random.default_rng(seed).standard_normal((paths, size))
    run, worst = np.full(paths, -np.inf), {}
    for k in range(4, size + 1):
        for length in [k, *(length for length in HISTORIES if length < k)]:
            against = contrasts(length)
            z = seen[:, k - length : k] @ (against.weight / against.factor[:, None]).T
            np.maximum(run, z.max(axis=1), out=run)
        worst[k] = run.copy()
    return worst


def test_the_table_is_what_flat_runs_do() -> None:
    paths = 20_000
    worst = worst_of_flat_runs(40, paths, 99)
    for horizon in (5, 10, 20, 40):
        for alpha in (0.2, 0.05, 0.0125, 0.005):
            beyond = np.mean(worst[horizon] >= boundary(horizon, alpha, 1.0))
            # two simulations of 20 000 runs each
            assert beyond == pytest.approx(alpha, abs=3.5 * math.sqrt(2.0 * alpha * (1.0 - alpha) / paths))


def test_between_rows_the_boundary_is_still_what_flat_runs_do() -> None:
    worst = worst_of_flat_runs(35, 20_000, 7)
    for horizon in (7, 17, 35):
        for alpha in (0.07, 0.03):
            assert np.mean(worst[horizon] >= boundary(horizon, alpha, 1.0)) == pytest.approx(alpha, rel=0.12)


def test_boundary_grows_with_the_horizon_and_with_certainty() -> None:
    table = np.array([[boundary(K, alpha, 1.0) for alpha in ALPHAS] for K in HORIZONS])
    assert np.all(np.diff(table, axis=0) > 0.0)
    assert np.all(np.diff(table, axis=1) > 0.0)
    assert boundary(45, 0.05, 1.0) == pytest.approx(np.interp(math.log(45), np.log([40, 50]), [2.422, 2.536]))
    assert boundary(40, math.sqrt(0.1 * 0.05), 1.0) == pytest.approx((2.234 + 2.422) / 2.0)


@pytest.mark.parametrize("K", [4, 0, 321])
def test_horizons_outside_the_table_are_refused(K: int) -> None:
    with pytest.raises(ValueError, match=f"K is {K}; it must be from 5 to 320 evals"):
        boundary(K, 0.05)
    with pytest.raises(ValueError, match=f"K is {K}; it must be from 5 to 320 evals"):
        run_p(2.0, K)


@pytest.mark.parametrize("alpha", [0.0, 0.0005, 0.21, 5.0, math.nan])
def test_error_rates_outside_the_table_are_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=r"alpha is .*; it must be from 0.000625 to 0.2"):
        boundary(40, alpha)


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"steps has shape \(3,\); it must have one entry for each of 12 evals"):
        scan(GOLDEN, 2e-4, steps=[1, 2, 3])
    with pytest.raises(ValueError, match=r"variance has shape \(3,\)"):
        scan(GOLDEN, [1, 2, 3])


def test_run_p_is_the_smallest_alpha_that_is_reached() -> None:
    for alpha in ALPHAS:
        assert run_p(boundary(33, alpha), 33) == alpha
        assert run_p(boundary(33, alpha, 1.25), 33, 1.25) == alpha
    assert run_p(boundary(33, 0.2) - 1e-9, 33) == 1.0
    assert run_p(99.0, 33) == ALPHAS[-1]
    assert math.isnan(run_p(math.nan, 33))


def test_epochs_spend_no_more_than_alpha() -> None:
    spent = [epochs(end, factor=1.0) for end in EPOCHS]
    assert [(e.horizon, e.alpha) for e in spent] == [(40, 0.025), (80, 0.0125), (160, 0.00625), (320, 0.003125)]
    assert [e.boundary for e in spent[:3]] == [2.578, 3.057, 3.43]
    assert sum(e.alpha for e in spent) < 0.05
    assert epochs(1, factor=1.0) == spent[0]
    assert epochs(41, factor=1.0) == spent[1]
    assert epochs(41).boundary == pytest.approx(LEARNED * spent[1].boundary)
    assert epochs(200, alpha=0.01).alpha == 0.000625
    for k in (0, 321):
        with pytest.raises(ValueError, match=f"k is {k}; it must be from 1 to 320 evals"):
            epochs(k)
    for alpha in (0.005, 0.5):
        with pytest.raises(ValueError, match=r"alpha is .*; it must be from 0.01 to 0.4"):
            epochs(1, alpha)


def test_the_inflation_of_a_look_is_the_median_of_its_contrasts() -> None:
    each = np.array([1.0, 1.0, 2.0, 5.0, 9.0])

    def inflation(d: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return each[: len(d)]

    got = scan(GOLDEN[:6], 2e-4, inflation=inflation)
    assert got.inflation[3:].tolist() == [1.0, 1.5, 2.0]
    z, extra = last_look(GOLDEN[:6], None, None, inflation)
    assert extra.tolist() == each.tolist()
    plain = last_look(GOLDEN[:6])
    np.testing.assert_allclose(z, plain[0] / np.sqrt(each))
    assert plain[1].tolist() == [1.0] * 5


def by_definition(
    values: npt.NDArray[np.float64],
    noise: npt.NDArray[np.float64],
    step: npt.NDArray[np.float64] | None,
    q: float,
    delta: float,
) -> list[float]:
    s, p = smoother(values.size, q, step, noise if noise.size > 1 else None)
    last = values.size - 1
    spread = [p[j, j] + p[last, last] - 2.0 * p[j, last] for j in range(last)]
    return [((s[j] - s[last]) @ values - delta) / math.sqrt(noise.mean() * v) for j, v in enumerate(spread)]


@pytest.mark.parametrize("k", [4, 5, 12])
@pytest.mark.parametrize("uneven", [None, "steps", "noise", "both"])
def test_a_look_is_each_contrast_with_the_last_eval(k: int, uneven: str | None) -> None:
    step = np.array([0.0, 1.0, 4.0, 5.0, 9.0, 10.0, 14.0, 15.0, 16.0, 20.0, 22.0, 23.0])[:k]
    variance = np.linspace(1.0, 3.0, k) if uneven in ("noise", "both") else np.array([1.0])
    asked = (variance / variance.mean(), step if uneven in ("steps", "both") else None)
    u, _ = last_look(GOLDEN[:k], asked[0] if variance.size > 1 else None, asked[1], None, 0.4, 0.003)
    assert u.tolist() == pytest.approx(by_definition(GOLDEN[:k], *asked, 0.4, 0.003))
    even = last_look(GOLDEN[:k], np.ones(k), 7.0 * np.arange(float(k)), None, 0.4, 0.003)[0]
    assert even.tolist() == pytest.approx(by_definition(GOLDEN[:k], np.ones(1), None, 0.4, 0.003))


def test_no_number_of_the_table_leaves_its_curve() -> None:
    """It is smooth in log K and log alpha up to the noise of its simulations: a slip of a digit would stand out.

    In log K it bends beyond 8 evals, from which on more than one history is asked.
    """
    table = np.array([[boundary(K, alpha, 1.0) for alpha in ALPHAS] for K in HORIZONS])
    for numbers, place, degree, noise in ((table.T, ALPHAS, 2, 0.026), (table, HORIZONS, 4, 0.034)):
        x = np.log(place) - np.mean(np.log(place))
        curve = np.vander(x, degree + 1) @ np.polyfit(x, numbers, degree)
        assert np.max(np.abs(numbers - curve)) < noise


@pytest.mark.parametrize(("K", "alpha", "expected"), [
    (5, 0.2, 0.515),
    (5, 0.000625, 1.451),
    (320, 0.2, 2.974),
    (320, 0.000625, 4.02),
    (40, 0.05, 2.422),
    (12, 0.05, 1.555),
])  # fmt: skip
def test_corners_of_the_table(K: int, alpha: float, expected: float) -> None:
    assert boundary(K, alpha, 1.0) == pytest.approx(expected, abs=1e-12)
    assert boundary(K, alpha) == pytest.approx(LEARNED * expected)


def test_between_entries_the_boundary_is_linear_in_both_logarithms() -> None:
    K, alpha = 13, 0.007
    w = math.log(13 / 12) / math.log(15 / 12)
    row = [(1.0 - w) * boundary(12, a) + w * boundary(15, a) for a in (0.01, 0.00625)]
    share = math.log(0.01 / alpha) / math.log(0.01 / 0.00625)
    assert boundary(K, alpha) == pytest.approx((1.0 - share) * row[0] + share * row[1])


@pytest.mark.parametrize(("K", "k", "h"), [(20, 4, 1), (20, 4, 3), (40, 20, 3), (320, 30, 29)])
@pytest.mark.parametrize(("alpha", "power", "q"), [(0.05, 0.8, 0.1), (0.01, 0.05, 0.3)])
def test_the_smallest_fall_that_is_seen_by_its_definition(
    K: int, k: int, h: int, alpha: float, power: float, q: float
) -> None:
    s, p = smoother(k, q)
    answers = []
    for j in range(k - 1):
        d = s[j] - s[-1]
        moved = -d[k - h :].sum()
        sd = math.sqrt(p[j, j] + p[-1, -1] - 2.0 * p[j, -1])
        if moved > 1e-9:
            answers.append((boundary(K, alpha) * sd + norm.ppf(power) * np.linalg.norm(d)) / moved)
    got = smallest_visible_drop(K, k, h, 4.0, alpha=alpha, power=power, q=q)
    assert got == pytest.approx(2.0 * min(answers))
    if (alpha, power, q) == (0.05, 0.8, 0.1):
        assert smallest_visible_drop(K, k, h) == pytest.approx(min(answers))


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_a_fall_that_is_never_or_always_seen_has_no_size(power: float) -> None:
    with pytest.raises(ValueError, match=f"power is {power}; it must be between 0 and 1"):
        smallest_visible_drop(40, 20, 3, power=power)


@pytest.mark.parametrize(
    ("k", "horizon"), [(40, 40), (41, 80), (80, 80), (81, 160), (160, 160), (161, 320), (320, 320)]
)
def test_an_epoch_ends_at_its_eval(k: int, horizon: int) -> None:
    assert epochs(k).horizon == horizon


def test_the_error_rates_of_epochs_at_their_ends() -> None:
    assert epochs(1, 0.4).alpha == 0.2
    assert epochs(320, 0.01).alpha == 0.000625
    assert epochs(320, 0.01, 1.0).boundary == 4.02


@pytest.mark.parametrize(("known", "p"), [(2.422, 0.05), (2.4219, 0.1), (2.014, 0.2), (2.0139, 1.0), (3.387, 0.000625)])
def test_a_statistic_that_reaches_a_boundary_has_its_error_rate(known: float, p: float) -> None:
    assert run_p(known, 40, 1.0) == p
    assert run_p(LEARNED * known, 40) == p


VISIBLE = {  # a fall at mid-run, noticed with half of the evals seen; in units of the noise of one eval
    10: (6.1, 4.4, 4.4, math.nan, math.nan),
    20: (6.8, 4.1, 3.3, 2.9, 4.4),
    40: (7.6, 4.4, 3.4, 2.7, 2.4),
    80: (8.5, 4.9, 3.8, 2.9, 2.5),
}


@pytest.mark.parametrize("K", VISIBLE)
def test_the_falls_that_are_seen_are_those_printed(K: int) -> None:
    """They are of one history; that several are asked costs up to 4 %."""
    got = np.array([smallest_visible_drop(K, K // 2, h) for h in (1, 2, 3, 5, 8)])
    told = ~np.isnan(VISIBLE[K])
    assert (np.isnan(got) == ~told).all()
    assert np.all(got[told] > np.array(VISIBLE[K])[told] - 0.1)
    assert np.all(got[told] < 1.04 * np.array(VISIBLE[K])[told] + 0.1)


def flat_looks(K: int, runs: int, seed: int) -> FloatArray:
    """The largest that each of so many flat runs of white noise ever gets to, by the looks of every history."""
    values = np.random.default_rng(seed).standard_normal((runs, K))
    return np.array([max(look_back(one[:k])[0].max() for k in range(4, K + 1)) for one in values])


@pytest.mark.parametrize("K", [8, 20])
def test_a_flat_run_is_called_no_oftener_because_every_history_is_asked(K: int) -> None:
    largest, runs = flat_looks(K, 1500, 5), 1500
    for alpha in (0.1, 0.05):
        assert np.mean(largest >= boundary(K, alpha, 1.0)) <= alpha + 3.0 * math.sqrt(alpha / runs)
    assert np.mean(largest >= boundary(K, 0.05, 1.0)) >= 0.02  # nor is it much too careful


def test_a_fall_after_a_steep_rise_is_not_hidden_by_it() -> None:
    truth = np.array([0.30, 0.38, 0.58, 0.72, 0.73, 0.75, *[0.66] * 10])
    noise = np.random.default_rng(2).normal(0.0, 0.02, (200, 16))
    bound, one = boundary(16, 0.05, 1.0), boundary(16, 0.05, 1.0)
    found = [max(look_back((truth + e)[:k])[0].max() for k in range(8, 17)) >= 0.02 * bound for e in noise]
    before = [max(last_look((truth + e)[:k])[0].max() for k in range(8, 17)) >= 0.02 * one for e in noise]
    assert np.mean(found) > 0.9
    assert np.mean(before) < 0.6


@given(seeds)
def test_a_history_is_that_of_its_evals_alone(seed: int) -> None:
    _, values, _, variance = drawn(seed)
    relative = variance / variance.mean()
    got, extra = look_back(values, relative)
    whole, of_whole = last_look(values, relative)
    assert np.array_equal(extra, of_whole)
    assert np.all(got >= whole)
    own = relative[-8:]
    alone = last_look(values[-8:], own / own.mean())[0] / math.sqrt(own.mean())
    assert np.all(got[-7:] >= alone - 1e-12)
    histories = [whole, *(_padded(values, relative, length) for length in (12, 8))]
    assert got.tolist() == pytest.approx(np.max(histories, axis=0).tolist())


def _padded(values: FloatArray, relative: FloatArray, length: int) -> FloatArray:
    own = relative[-length:]
    u = last_look(values[-length:], own / own.mean())[0] / math.sqrt(own.mean())
    return np.concatenate([np.full(values.size - length, -np.inf), u])


def test_the_unit_of_the_smallest_fall_is_that_of_the_noise() -> None:
    assert smallest_visible_drop(40, 20, 3, 0.014**2) == pytest.approx(0.014 * smallest_visible_drop(40, 20, 3))


def test_a_fall_of_that_size_is_seen_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    size, runs = smallest_visible_drop(40, 20, 3), 400
    truth = np.zeros(20)
    truth[-3:] = -size
    crossing = boundary(40, 0.05)
    seen = [np.nanmax(scan(truth + rng.normal(size=20), 1.0).statistic[-1:]) >= crossing for _ in range(runs)]
    assert np.mean(seen) >= 0.8 - 3.0 * math.sqrt(0.16 / runs)
    assert np.mean(seen) <= 0.95  # other contrasts help, but not so much that the size would be far too large


def test_more_power_or_fewer_false_alarms_need_a_larger_fall() -> None:
    plain = smallest_visible_drop(40, 20, 3)
    assert smallest_visible_drop(40, 20, 3, power=0.95) > plain
    assert smallest_visible_drop(40, 20, 3, alpha=0.01) > plain
    assert smallest_visible_drop(80, 20, 3) > plain


def test_no_answer_without_evals_before_the_fall() -> None:
    for k, h in ((3, 1), (5, 5), (5, 8)):
        assert math.isnan(smallest_visible_drop(40, k, h))
    assert smallest_visible_drop(40, 4, 3) > 0.0


def test_wrong_arguments_of_the_smallest_fall_are_named() -> None:
    with pytest.raises(ValueError, match="h is 0; it must be at least 1"):
        smallest_visible_drop(40, 20, 0)
    with pytest.raises(ValueError, match=r"power is 80; it must be between 0 and 1"):
        smallest_visible_drop(40, 20, 3, power=80)
    with pytest.raises(ValueError, match="K is 400; it must be from 5 to 320"):
        smallest_visible_drop(400, 20, 3)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_error_is_the_inverse_of_the_boundary_and_falls_beyond_the_table(horizon: int) -> None:
    for alpha in (0.2, 0.07, 0.05, 0.011, 0.002, ALPHAS[-1]):
        assert error_of(boundary(horizon, alpha), horizon) == pytest.approx(alpha)
    last = boundary(horizon, ALPHAS[-1])
    errors = [error_of(last + beyond, horizon) for beyond in (0.0, 1e-9, 0.1, 0.5, 1.0, 2.0, 50.0)]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] == pytest.approx(ALPHAS[-1])
    assert errors[-1] == 1e-6
    assert error_of(boundary(horizon, 0.2) - 0.01, horizon) == 1.0
    assert math.isnan(error_of(math.nan, horizon))


@pytest.mark.parametrize("horizon", HORIZONS)
def test_beyond_the_table_the_error_is_a_bound_wherever_the_table_could_have_ended(horizon: int) -> None:
    """From any entry on, the normal tail bounds what was simulated for all smaller errors."""
    bounds = [boundary(horizon, alpha, 1.0) for alpha in ALPHAS]
    for at, alpha in enumerate(ALPHAS):
        for beyond, smaller in zip(bounds[at + 1 :], ALPHAS[at + 1 :], strict=True):
            assert norm.sf(norm.isf(alpha) + beyond - bounds[at]) >= smaller

"""Bands that hold all differences at once: against every turn of signs there is, and with scipy's t."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from heldout.stats.levels import TWO_SIDED_95
from heldout.stats.simultaneous import band, by_group, largest, reach, share_above

stats = pytest.importorskip("scipy.stats")


def noise(j: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, (j, n)).clip(-1, 1)


def test_draws_agree_with_all_turns_of_twelve_problems() -> None:
    each = noise(3, 12)
    rest = each - each.mean(axis=1, keepdims=True)
    size = np.sqrt((rest**2).sum(axis=1))
    exact = np.sort([np.abs(rest @ np.array(signs) / size).max() for signs in product((-1, 1), repeat=12)])
    drawn = largest(each, draws=20_000)
    for chance in (0.5, 0.8, 0.95):
        assert np.quantile(drawn, chance) == pytest.approx(np.quantile(exact, chance), abs=0.04)


def test_one_difference_is_the_paired_test() -> None:
    each = noise(1, 400, 3)
    got, oracle = band(each), stats.ttest_1samp(each[0], 0.0)
    assert got.z == pytest.approx(TWO_SIDED_95, abs=0.08)
    assert (got.value[0], got.se[0]) == pytest.approx((each.mean(), stats.sem(each[0])))
    assert got.p[0] == pytest.approx(oracle.pvalue, abs=0.03)


def test_copies_of_one_difference_are_paid_for_once_and_others_each() -> None:
    each = noise(1, 400)
    copies, apart = band(np.repeat(each, 20, axis=0)), band(noise(20, 400))
    assert copies.z == band(each).z
    assert apart.z == pytest.approx(stats.norm.ppf(1 - 0.025 / 20), abs=0.15)  # near Bonferroni where independent


def test_an_interval_leaves_zero_out_exactly_where_p_is_below_five_hundredths() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for seed in range(40):
        each = noise(6, 120, seed) + rng.normal(0, 0.04, (6, 1))
        got = band(each, seed=seed)
        outside = (got.low > 0.0) | (got.high < 0.0)
        assert (outside == (got.p < 0.05)).all()
        seen |= set(outside.tolist())
    assert seen == {True, False}


def test_the_order_of_differences_moves_them_and_their_signs_turn_the_band() -> None:
    each = noise(5, 80, 2)
    got, moved, turned = band(each), band(each[::-1]), band(-each)
    assert moved.low == pytest.approx(got.low[::-1])
    assert turned.low == pytest.approx(-got.high)
    assert turned.p == pytest.approx(got.p)


def test_with_few_degrees_of_freedom_the_band_is_that_of_student() -> None:
    each = noise(4, 100)
    got = band(each, se=[0.1, 0.1, 0.1, 0.0], df=[3.0, 30.0, 1e6, 3.0])
    chance = 2 * stats.norm.sf(got.z)
    assert got.high[:3] - got.value[:3] == pytest.approx(0.1 * stats.t.isf(chance / 2, [3.0, 30.0, 1e6]))
    assert got.high[3] == got.value[3]
    assert math.isnan(got.p[3])


def test_problems_that_stand_together_turn_together() -> None:
    each, groups = noise(3, 60), np.repeat(np.arange(60), 2)
    doubled = band(np.repeat(each, 2, axis=1), groups)
    single = band(each)
    assert (doubled.low, doubled.z) == (pytest.approx(single.low), pytest.approx(single.z))
    assert by_group(np.repeat(each, 2, axis=1), groups).shape == (3, 60)


def test_differences_without_scatter_have_no_width_and_no_part() -> None:
    each = np.vstack([noise(2, 50), np.zeros((1, 50)), np.full((1, 50), 0.5)])
    got = band(each)
    assert (got.low[2], got.high[2], got.p[2]) == (0.0, 0.0, 1.0)
    assert math.isnan(got.p[3])
    assert got.z == band(each[:2]).z
    nothing = band(np.zeros((2, 50)))
    assert (nothing.z, list(nothing.p)) == (TWO_SIDED_95, [1.0, 1.0])


@pytest.mark.parametrize(("error", "rank"), [(0.05, 95), (0.5, 50), (0.001, 99)])
def test_the_reach_is_exceeded_as_often_as_said(error: float, rank: int) -> None:
    null = np.arange(99.0)
    assert reach(null, error) == null[min(rank, 99) - 1]
    assert share_above(null, reach(null, error) + 0.5) <= error or error == 0.001
    assert share_above(null, 1e9) == 0.01

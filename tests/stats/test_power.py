"""How small a fall can be seen: printed tables, and a simulation of the promise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.scan import scan
from heldout.stats.noise import eval_sigma
from heldout.stats.scan import boundary, smallest_visible_drop

TABLE = {  # a fall at mid-run, noticed with half of the evals seen; in units of the noise of one eval
    10: (5.8, 4.1, 4.2, math.nan, math.nan),
    20: (6.4, 3.8, 3.1, 2.8, 4.2),
    40: (7.2, 4.2, 3.2, 2.5, 2.2),
    80: (8.0, 4.6, 3.5, 2.7, 2.4),
}


@pytest.mark.parametrize("K", TABLE)
def test_the_table(K: int) -> None:
    got = [smallest_visible_drop(K, K // 2, h) for h in (1, 2, 3, 5, 8)]
    np.testing.assert_allclose(got, TABLE[K], atol=0.1)


def test_the_unit_is_that_of_the_noise() -> None:
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


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="h is 0; it must be at least 1"):
        smallest_visible_drop(40, 20, 0)
    with pytest.raises(ValueError, match=r"power is 80; it must be between 0 and 1"):
        smallest_visible_drop(40, 20, 3, power=80)
    with pytest.raises(ValueError, match="K is 400; it must be from 5 to 320"):
        smallest_visible_drop(400, 20, 3)


@pytest.mark.parametrize(("n", "low", "high"), [(100, 2.3, 3.7), (200, 1.6, 2.6), (500, 1.0, 1.65), (1000, 0.72, 1.17)])
def test_noise_of_an_eval(n: int, low: float, high: float) -> None:
    got = [100.0 * eval_sigma(0.35, n, 1, spread) for spread in (0.3, 1.5)]
    assert got == pytest.approx([low, high], abs=0.05)


def test_noise_of_an_eval_is_what_beta_problems_do() -> None:
    rng = np.random.default_rng(0)
    spread, theta, m = 0.7, 0.4, 4
    p = rng.beta(theta * spread, (1 - theta) * spread, 200_000)
    assert eval_sigma(theta, 1, m, spread) == pytest.approx(math.sqrt(np.mean(p * (1 - p)) / m), rel=0.01)
    assert eval_sigma(0.0, 10) == eval_sigma(1.0, 10) == 0.0


@pytest.mark.parametrize(("arguments", "message"), [
    ((1.5, 10), r"theta is 1.5; it must be from 0 to 1"),
    ((0.5, 0), "n is 0; it must be at least 1"),
    ((0.5, 10, 0), "m is 0; it must be at least 1"),
    ((0.5, 10, 1, 0.0), r"concentration is 0.0; it must be above 0"),
])  # fmt: skip
def test_impossible_evals_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eval_sigma(*arguments)

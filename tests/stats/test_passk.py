"""pass@k: the counting formula, a simulation, and the clustered standard error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.passk import Estimate, mean_pass_at_k, pass_at_k


@given(st.integers(1, 60), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n: int, data: Any) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    exact = 1.0 - math.comb(n - c, k) / math.comb(n, k)
    assert float(pass_at_k(n, c, k)) == pytest.approx(exact, abs=1e-14)


def test_large_counts_neither_overflow_nor_vanish() -> None:
    exact = 1.0 - (100_000 - 300) / 100_000
    assert float(pass_at_k(100_000, 1, 300)) == pytest.approx(300 / 100_000, rel=1e-10)
    assert float(pass_at_k(100_000, 300, 1)) == pytest.approx(exact, rel=1e-10)
    assert float(pass_at_k(10**12, 1, 1)) == pytest.approx(1e-12, rel=1e-9)


def test_it_is_unbiased_and_the_plug_in_formula_is_not() -> None:
    rng = np.random.default_rng(0)
    p, n, k = 0.1, 10, 5
    c = rng.binomial(n, p, 200_000)
    truth = 1.0 - (1.0 - p) ** k
    assert pass_at_k(n, c, k).mean() == pytest.approx(truth, abs=0.003)
    assert np.mean(1.0 - (1.0 - c / n) ** k) < truth - 0.01


def test_shapes_broadcast_and_pass_at_1_is_the_rate() -> None:
    got = pass_at_k(np.array([[4], [8]]), np.array([0, 1, 2]), 1)
    np.testing.assert_allclose(got, [[0.0, 0.25, 0.5], [0.0, 0.125, 0.25]], atol=1e-15)


def test_too_few_samples_have_no_pass_at_k() -> None:
    assert np.isnan(pass_at_k([3, 4], [3, 3], 4)).tolist() == [True, False]
    assert np.isnan(pass_at_k(0, 0, 1))


@pytest.mark.parametrize(("samples", "correct", "k", "message"), [
    (4, 2, 0, "k is 0; it must be at least 1"),
    (4, 5, 1, "between 0 and the number of samples"),
    (4, -1, 1, "between 0 and the number of samples"),
    (4, math.nan, 1, "between 0 and the number of samples"),
])  # fmt: skip
def test_impossible_counts_are_refused(samples: int, correct: Any, k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pass_at_k(samples, correct, k)


def test_standard_error_without_groups_is_that_of_a_mean() -> None:
    c = np.random.default_rng(1).binomial(8, 0.3, 50)
    got = mean_pass_at_k(8, c, 3)
    each = pass_at_k(8, c, 3)
    assert got.value == pytest.approx(each.mean())
    assert got.se == pytest.approx(each.std(ddof=1) / math.sqrt(50))
    assert got.n == 50
    assert mean_pass_at_k(8, c, 3, groups=np.arange(50)) == got


def test_copies_of_a_problem_add_nothing() -> None:
    c = np.random.default_rng(2).binomial(8, 0.3, 40)
    one = mean_pass_at_k(8, c, 2)
    four = mean_pass_at_k(8, np.repeat(c, 4), 2, groups=np.repeat(np.arange(40), 4))
    assert four.value == pytest.approx(one.value)
    assert four.se == pytest.approx(one.se)
    assert mean_pass_at_k(8, np.repeat(c, 4), 2).se < 0.6 * one.se


def test_clustered_standard_error_is_the_spread_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 8, 60)
    groups = np.repeat(np.arange(60), sizes)
    runs = [mean_pass_at_k(4, rng.binomial(4, rng.beta(1, 2, 60)[groups]), 1, groups) for _ in range(600)]
    spread = np.std([run.value for run in runs])
    assert np.mean([run.se for run in runs]) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize(("correct", "groups", "n"), [([2], None, 1), ([1, 2, 3], ["a", "a", "a"], 3)])
def test_one_cluster_has_no_standard_error(correct: Any, groups: Any, n: int) -> None:
    got = mean_pass_at_k(4, correct, 1, groups)
    assert math.isnan(got.se)
    assert got.n == n


def test_problems_with_too_few_samples_are_left_out_and_counted() -> None:
    assert mean_pass_at_k([4, 4, 1], [4, 0, 1], 2, groups=[1, 2, 3]) == Estimate(0.5, 0.5, 2)
    empty = mean_pass_at_k([1, 1], [1, 0], 2)
    assert empty.n == 0
    assert math.isnan(empty.value)
    assert mean_pass_at_k([], [], 1).n == 0


def test_groups_must_fit() -> None:
    with pytest.raises(ValueError, match=r"groups has shape \(2,\); it must have one entry for each of the 3 problems"):
        mean_pass_at_k(4, [1, 2, 3], 1, groups=[0, 1])


def test_the_ends_are_certain() -> None:
    assert float(pass_at_k(3, 3, 1)) == 1.0
    assert float(pass_at_k(3, 1, 3)) == 1.0
    assert float(pass_at_k(3, 0, 3)) == 0.0
    assert float(pass_at_k(5, 3, 2)) == pytest.approx(0.9)  # one of ten pairs holds no correct one
    assert float(pass_at_k(5, 4, 2)) == 1.0

"""The covariance of the noise: what it is made of, from outcomes and from sizes."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.stats.eval_noise import EvalNoise
from heldout.stats.gram import Gram


@pytest.mark.parametrize(("problems", "samples", "white", "wander"), [
    (10, 40, 3.00, 3.46),
    (30, 32, 1.80, 2.00),
    (164, 1, 2.77, 0.86),
    (500, 4, 0.85, 0.49),
])  # fmt: skip
def test_of_rates_there_is_a_white_part_and_one_that_lasts(
    problems: int, samples: int, white: float, wander: float
) -> None:
    noise = EvalNoise.of_rates(np.full(20, 0.4), problems, samples)
    assert 100 * noise.variance**0.5 == pytest.approx(white, abs=0.005)
    lasting = noise.covariance * noise.variance - noise.variance * np.eye(20)
    assert 100 * lasting[3, 3] ** 0.5 == pytest.approx(wander, abs=0.006)
    assert lasting[3, 9] / lasting[3, 3] == pytest.approx(np.exp(-6 / (0.3 * 20)))


def test_samples_do_not_take_the_noise_away() -> None:
    few, many = (EvalNoise.of_rates(np.full(8, 0.4), 100.0, samples) for samples in (1.0, 1e9))
    assert many.variance == pytest.approx(few.variance * 0.025 / 0.525)
    assert many.variance > 0.0


def test_evals_of_different_sizes_have_different_noise() -> None:
    noise = EvalNoise.of_rates(np.full(4, 0.4), [100, 100, 400, 400])
    own = noise.covariance.diagonal() * noise.variance
    assert own[0] == pytest.approx(4.0 * own[2])
    assert noise.variance == pytest.approx(0.525 * 0.24 * (1 / 100 + 1 / 400) / 2)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_at_the_end_of_the_scale_have_noise_of_half_a_problem(rate: float) -> None:
    assert EvalNoise.of_rates(np.full(5, rate), 10.0).variance == pytest.approx(0.525 * 0.25 / 100)


def churning(count: int, n: int = 300, seed: int = 0) -> Gram:
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.0, 2.0, n)
    rows = []
    for _ in range(count):
        logit = logit + rng.normal(0.0, 0.5, n)
        rows.append((rng.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(float))
    return Gram.of(np.array(rows))


@pytest.mark.parametrize("count", [4, 5, 8, 13])
def test_of_outcomes_it_is_the_mean_along_each_diagonal_less_what_all_share(count: int) -> None:
    gram = churning(count)
    noise = EvalNoise.of_outcomes(gram)
    known = [lag for lag in range(count) if lag < 0.75 * count]
    means = [np.mean([gram.covariance[i, i + lag] for i in range(count - lag)]) for lag in known]
    means += [means[-1]] * (count - len(known))
    expected = np.array([[means[abs(i - j)] - min(means) for j in range(count)] for i in range(count)])
    scale, direction = np.linalg.eigh(expected)
    floored = direction @ np.diag(np.maximum(scale, 1e-3 * expected[0, 0])) @ direction.T
    np.testing.assert_allclose(noise.covariance * noise.variance, floored, atol=1e-12)
    assert noise.variance == gram.s2(count)


def test_evals_that_agree_on_all_problems_have_noise_of_half_a_problem() -> None:
    noise = EvalNoise.of_outcomes(Gram.of(np.tile([0.0, 1.0, 1.0, 1.0], (6, 1))))
    assert noise.variance == 0.25 / 16
    np.testing.assert_allclose(noise.covariance, 1e-3 * np.eye(6), atol=1e-9)


def test_problems_that_stay_learned_make_neighbours_alike() -> None:
    noise = EvalNoise.of_outcomes(churning(12))
    row = noise.covariance[0]
    assert 1.0 < row[0] < 1.2
    assert row[1:4].mean() > 2.0 * row[6:].mean() >= 0.0


def test_means_over_blocks_have_the_noise_of_means() -> None:
    noise = EvalNoise.of_rates(np.full(8, 0.4), 200.0)
    starts = np.array([0, 2, 5])
    means = np.zeros((3, 8))
    means[0, :2], means[1, 2:5], means[2, 5:] = 0.5, 1 / 3, 1 / 3
    averaged = noise.averaged(starts)
    expected = noise.variance * means @ noise.covariance @ means.T
    np.testing.assert_allclose(averaged.covariance * averaged.variance, expected)
    assert averaged.covariance[-1, -1] == pytest.approx(1.0)
    assert noise.averaged(np.arange(8)) is noise


def test_a_comparison_has_the_variance_of_its_covariance() -> None:
    noise = EvalNoise.of_rates(np.full(5, 0.4), 200.0)
    d = np.array([[1.0, 0.0, 0.0, 0.0, -1.0], [0.5, 0.5, -1.0, 0.0, 0.0]])
    expected = [noise.variance * float(row @ noise.covariance @ row) for row in d]
    np.testing.assert_allclose(noise.of_contrasts(d), expected)


def test_a_cliff_is_no_noise_once_there_are_eight_scores() -> None:
    values = np.random.default_rng(0).normal(0.0, 1.0, 300)
    cliff = values + np.where(np.arange(300) >= 200, -50.0, 0.0)
    level, fallen = (EvalNoise.of_scatter(each, float(np.var(each))) for each in (values, cliff))
    assert 0.7 < level.variance < 1.4
    assert fallen.variance < 1.1 * level.variance
    assert not fallen.sized
    assert EvalNoise.of_scatter(cliff[-7:], 3.0).variance == 3.0
    assert EvalNoise.of_scatter(np.r_[np.zeros(9), 1.0], 4.0).variance == 4.0  # equal scores are not without noise
    assert EvalNoise.of_scatter(np.arange(9) / 10.0, 4.0).variance == 4.0


def test_the_unit_of_scores_is_that_of_their_scatter() -> None:
    values = np.random.default_rng(1).normal(0.0, 1.0, 12)
    one, other = (EvalNoise.of_scatter(each, float(np.var(each))) for each in (values, 700.0 * values - 3.0))
    assert other.variance == pytest.approx(700.0**2 * one.variance)


def test_a_share_that_has_fallen_to_nothing_has_the_noise_of_its_upper_half() -> None:
    alive = 0.4 + np.random.default_rng(2).normal(0.0, 0.02, 12)
    noise = EvalNoise.of_scatter(np.r_[alive, np.zeros(10)], 0.04)
    assert 0.01**2 < noise.variance < 0.04**2


def test_where_nothing_is_floored_errors_depend_on_the_lag_alone() -> None:
    outcomes = np.random.default_rng(3).random((20, 400)) < np.linspace(0.2, 0.8, 400)
    assert EvalNoise.of_outcomes(Gram.of(outcomes)).depends_on_lag
    assert EvalNoise.white(1e-4, 9).depends_on_lag
    assert EvalNoise.of_rates(np.full(9, 0.4), 100).depends_on_lag
    assert not EvalNoise.of_rates(np.full(9, 0.4), np.linspace(50, 100, 9)).depends_on_lag

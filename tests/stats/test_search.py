"""The search for the best checkpoint: it agrees with the posterior of the report, and looks where it pays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import multivariate_normal, norm

from heldout.datasets.simulated import simulate
from heldout.stats.gp import GRID, matern32
from heldout.stats.search import FIRST, search

STEPS = np.arange(41) * 20.0  # so that one evaluation is one of the forty that the lengths are meant for


def test_with_everything_evaluated_it_is_the_process_in_the_index_of_the_evaluation() -> None:
    rates = simulate("slow_overopt", 300, 41, seed=1).rates
    found = search(STEPS, np.arange(41), rates, 0.015**2)
    apart = np.abs(np.subtract.outer(np.arange(41.0), np.arange(41.0)))
    parts = []
    for length, signal, shake in GRID:
        prior = 0.015**2 * (signal * matern32(apart, length) + 1e4 + shake * np.eye(41))
        seen, centred = prior + 0.015**2 * np.eye(41), rates - rates.mean()
        gain = np.linalg.solve(seen, prior).T
        weight = multivariate_normal(np.zeros(41), seen).logpdf(centred)
        parts.append((weight, rates.mean() + gain @ centred, np.diag(prior - gain @ prior)))
    weight = np.exp(np.array([part[0] for part in parts]) - max(part[0] for part in parts))
    weight /= weight.sum()
    means = np.array([part[1] for part in parts])
    mean = weight @ means
    spread = weight @ (np.array([part[2] for part in parts]) + (means - mean) ** 2)
    np.testing.assert_allclose(found.mean, mean, atol=1e-6)
    np.testing.assert_allclose(found.sd, np.sqrt(spread), rtol=1e-3)
    assert found.next is None


def test_it_begins_with_an_even_grid() -> None:
    evaluated: list[int] = []
    for _ in range(FIRST):
        found = search(STEPS, evaluated, np.full(len(evaluated), 0.4), 0.01**2)
        assert found.next is not None
        evaluated.append(found.next)
    assert sorted(evaluated) == [0, 10, 20, 30, 40]


def test_then_it_looks_around_the_peak() -> None:
    at = [0, 10, 20, 30, 40]
    found = search(STEPS, at, [0.30, 0.36, 0.41, 0.36, 0.30], 0.005**2)
    assert found.best == 20
    assert found.next is not None
    assert 10 < found.next < 30


def test_the_gain_is_what_evaluating_brings_on_average() -> None:
    """Drawn from the posterior of a smaller problem, and reckoned by brute force."""
    position, at, rates, noise = np.arange(6.0), np.array([0, 2, 5]), np.array([0.30, 0.34, 0.31]), 0.01**2
    found = search(position, at, rates, noise, first=0, worth=0.0)
    rng = np.random.default_rng(0)
    for candidate in (1, 3, 4):
        after = np.append(at, candidate)
        best = []
        for z in rng.standard_normal(300):
            result = found.mean[candidate] + z * np.hypot(found.sd[candidate], np.sqrt(noise))
            best.append(search(position, after, np.append(rates, result), noise).mean[after].max())
        brought = np.mean(best) - found.mean[at].max()
        # the grid of smoothness is weighted anew after each result, which one step ahead leaves out
        assert found.gain[candidate] == pytest.approx(brought, abs=0.0015)


def test_nothing_is_worth_it_where_all_is_known_to_be_flat() -> None:
    at = np.arange(0, 41, 4)
    found = search(STEPS, at, np.full(len(at), 0.4) + 1e-4 * (-1.0) ** at, 0.003**2)
    assert found.next is None
    assert np.all(found.gain >= 0.0)


def test_a_checkpoint_that_is_gone_is_neither_proposed_nor_kept() -> None:
    exists = np.ones(41, dtype=bool)
    exists[15:26] = False
    found = search(STEPS, [0, 10, 20, 30, 40], [0.30, 0.36, 0.41, 0.36, 0.30], 0.005**2, exists)
    assert found.best in (10, 30)
    assert exists[found.next]
    alone = search(STEPS, [20], [0.41], 0.005**2, exists)
    assert alone.best is None
    assert exists[alone.next]


@pytest.mark.parametrize(
    ("position", "evaluated", "value", "variance"),
    [([], [], [], 0.1), ([1.0, 2.0], [0, 0], [0.1, 0.2], 0.1), ([1.0], [3], [0.1], 0.1), ([1.0, 2.0], [0], [0.1], 0.0)],
)
def test_what_cannot_be_meant_is_refused(position: Any, evaluated: Any, value: float, variance: float) -> None:
    with pytest.raises(ValueError, match=r"checkpoint|variance"):
        search(position, evaluated, value, variance)


def by_definition(
    position: npt.NDArray[np.float64], at: list[int], rate: list[float], noise: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and covariance of all checkpoints: one grid point at a time, weighted by scipy's likelihood."""
    unit, centre = float(noise.mean()), float(np.mean(rate))
    apart = np.abs(np.subtract.outer(position, position)) * 40.0 / (position[-1] - position[0])
    log_weight, means, covariances = [], [], []
    for length, signal, shake in GRID:
        prior = unit * (signal * matern32(apart, length) + 1e4 + shake * np.eye(position.size))
        seen = prior[np.ix_(at, at)] + np.diag(noise)
        off = np.array(rate) - centre
        log_weight.append(multivariate_normal(np.zeros(len(at)), seen).logpdf(off))
        means.append(centre + prior[:, at] @ np.linalg.solve(seen, off))
        covariances.append(prior - prior[:, at] @ np.linalg.solve(seen, prior[at]))
    weight = np.exp(np.array(log_weight) - max(log_weight))
    weight /= weight.sum()
    mean = weight @ np.array(means)
    spread = [c + np.outer(m - mean, m - mean) for m, c in zip(means, covariances, strict=True)]
    return mean, np.einsum("h,hij->ij", weight, np.array(spread))


def test_a_few_uneven_evaluations_by_the_textbook() -> None:
    position, at, rate = np.array([0.0, 10.0, 30.0, 40.0, 70.0, 90.0]), [4, 0, 2], [0.36, 0.30, 0.38]
    noise = np.array([1e-4, 3e-4, 2e-4])
    exists = np.array([True, True, False, True, True, True])
    mean, covariance = by_definition(position, at, rate, noise)
    found = search(position, at, rate, noise, exists, first=0, worth=0.0)
    np.testing.assert_allclose(found.mean, mean, atol=1e-7)
    np.testing.assert_allclose(found.sd, np.sqrt(covariance.diagonal()), rtol=1e-5)
    assert found.best == 4  # the third is higher, and gone
    for candidate in (1, 3, 5):
        kept = [0, 4, candidate]
        moved = covariance[kept, candidate] / math.sqrt(covariance[candidate, candidate] + 2e-4)
        z = np.linspace(-6.0, 6.0, 4001)
        highest = (mean[kept] + z[:, None] * moved).max(axis=1)
        gain = np.sum(highest * norm.pdf(z)) / np.sum(norm.pdf(z)) - mean[[0, 4]].max()
        assert found.gain[candidate] == pytest.approx(gain, rel=0.05)
    assert [found.gain[k] for k in at] == [0.0, 0.0, 0.0]
    assert found.next == int(found.gain.argmax())


@pytest.mark.parametrize("times", [0.99, 1.01])
def test_an_evaluation_must_promise_what_it_is_worth(times: float) -> None:
    at, rate = [0, 10, 20, 30, 40], [0.30, 0.36, 0.41, 0.36, 0.30]
    most = search(STEPS, at, rate, 0.01**2).gain.max()
    found = search(STEPS, at, rate, 0.01**2, worth=times * most)
    assert (found.next is None) == (times > 1.0)
    exact = search(STEPS, at, rate, 0.01**2, worth=most)
    assert exact.next is not None
    standard = search(STEPS, at, rate, 0.01**2)
    assert standard.next == search(STEPS, at, rate, 0.01**2, worth=0.0005, first=5).next


@pytest.mark.parametrize(("done", "next_"), [(4, "grid"), (5, "gain")])
def test_four_evaluations_still_fill_the_grid_and_five_are_the_whole_of_it(done: int, next_: str) -> None:
    at, rate = [20, 0, 40, 10, 30][:done], [0.41, 0.30, 0.30, 0.36, 0.36][:done]
    found = search(STEPS, at, rate, 0.005**2)
    assert found.next == (30 if next_ == "grid" else int(found.gain.argmax()))
    assert int(found.gain.argmax()) != 30


def test_the_grid_fills_the_widest_gap_by_steps_and_leaves_out_what_is_gone() -> None:
    position = np.array([0.0, 1.0, 2.0, 3.0, 10.0, 100.0])
    nothing: list[int] = []
    first = search(position, nothing, nothing, 1e-4)
    assert first.next == 4  # 50 is the middle
    assert np.isnan(first.mean).all()
    assert np.isnan(first.sd).all()
    assert first.gain.tolist() == [0.0] * 6
    assert first.best is None
    assert search(position, [4], [0.4], 1e-4).next == 5
    assert search(position, [4, 5], [0.4, 0.4], 1e-4).next == 0
    exists = np.array([True, True, True, True, False, True])
    assert search(position, nothing, nothing, 1e-4, exists).next == 3
    only = np.array([False, False, False, False, True, False])
    done = search(position, [4], [0.4], 1e-4, only)
    assert (done.best, done.next) == (4, None)
    assert search(np.array([7.0]), [0], [0.4], 1e-4).best == 0


@pytest.mark.parametrize(("evaluated", "value", "variance", "exists", "message"), [
    ([0], [0.1], 0.1, [True], "there is no checkpoint to evaluate"),
    ([0], [0.1], 0.1, [False, False], "there is no checkpoint to evaluate"),
    ([0, 0], [0.1, 0.2], 0.1, None, "2 checkpoints and 2 rates; each checkpoint must have one rate"),
    ([0], [0.1, 0.2], 0.1, None, "1 checkpoints and 2 rates"),
    ([2], [0.1], 0.1, None, "evaluated names checkpoint 2; there are 2"),
    ([-1, 1], [0.1, 0.2], 0.1, None, "evaluated names checkpoint -1; there are 2"),
    ([0, 3], [0.1, 0.2], 0.1, None, "evaluated names checkpoint 3; there are 2"),
    ([0], [0.1], 0.0, None, "the variance of a rate must be above 0"),
    ([0], [0.1], math.nan, None, "the variance of a rate must be above 0"),
    ([0, 1], [0.1, 0.2], [0.1, 0.0], None, "the variance of a rate must be above 0"),
])  # fmt: skip
def test_what_is_wrong_is_said(
    evaluated: list[int], value: list[float], variance: float | list[float], exists: list[bool] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        search([1.0, 2.0], evaluated, value, variance, exists)

"""The search for the best checkpoint: it agrees with the posterior of the report, and looks where it pays."""

import numpy as np
import pytest

from heldout.datasets.simulated import simulate
from heldout.stats.gp import gp_posterior
from heldout.stats.search import FIRST, search

STEPS = np.arange(41) * 20.0  # so that one evaluation is one of the forty that the lengths are meant for


def test_with_everything_evaluated_it_is_the_posterior_of_the_report():
    rates = simulate("slow_overopt", 300, 41, seed=1).rates
    found = search(STEPS, np.arange(41), rates, 0.015**2)
    known = gp_posterior(rates, 0.015**2, jitter=True)
    np.testing.assert_allclose(found.mean, known.mean, atol=1e-6)
    np.testing.assert_allclose(found.sd, np.sqrt(np.diag(known.covariance)), rtol=1e-3)
    assert found.next is None


def test_it_begins_with_an_even_grid():
    evaluated: list[int] = []
    for _ in range(FIRST):
        found = search(STEPS, evaluated, np.full(len(evaluated), 0.4), 0.01**2)
        evaluated.append(found.next)
    assert sorted(evaluated) == [0, 10, 20, 30, 40]


def test_then_it_looks_around_the_peak():
    at = [0, 10, 20, 30, 40]
    found = search(STEPS, at, [0.30, 0.36, 0.41, 0.36, 0.30], 0.005**2)
    assert found.best == 20
    assert 10 < found.next < 30


def test_the_gain_is_what_evaluating_brings_on_average():
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


def test_nothing_is_worth_it_where_all_is_known_to_be_flat():
    at = np.arange(0, 41, 4)
    found = search(STEPS, at, np.full(len(at), 0.4) + 1e-4 * (-1.0) ** at, 0.003**2)
    assert found.next is None
    assert np.all(found.gain >= 0.0)


def test_a_checkpoint_that_is_gone_is_neither_proposed_nor_kept():
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
def test_what_cannot_be_meant_is_refused(position, evaluated, value, variance):
    with pytest.raises(ValueError, match=r"checkpoint|variance"):
        search(position, evaluated, value, variance)

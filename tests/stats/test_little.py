"""Every function answers for tiny and for constant series, without a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from heldout.stats import (
    correlation,
    course,
    gp,
    local_level,
    noise,
    noise_posterior,
    rates,
    smoothing,
    trend,
)

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "local_linear": lambda x, y: smoothing.local_linear(x, y, 3.0).size == y.size,
    "suggest_window": lambda x, y: np.isnan(smoothing.suggest_window(x, y)) == (y.size < 3),
    "block_means": lambda x, y: smoothing.block_means(x, y, 2)[0].size == min(y.size, 2),
    "bounded": lambda x, y: smoothing.bounded(x, y, 1.0, 2)[0].size == min(y.size, 2),
    "difference_noise": lambda x, y: np.isnan(noise.difference_noise(y, x)) == (y.size < 3),
    "typical_noise": lambda x, y: np.isnan(noise.typical_noise(y)) == (y.size < 3),
    "noise_of_rates": lambda x, y: np.isnan(noise_posterior.noise_of_rates(y, 10.0).variance) == (y.size == 0),
    "noise_of_scores": lambda x, y: np.isnan(noise_posterior.noise_of_rates(y).variance) == (y.size < 3),
    "binomial_se": lambda x, y: rates.binomial_se(y, 10.0).size == y.size,
    "volatility": lambda x, y: np.isnan(noise.volatility(x, y).noise_sd) == (y.size < 4),
    "gp_posterior": lambda x, y: gp.gp_posterior(y, 0.01).means.shape == (40, y.size),
    "p_drop": lambda x, y: np.isnan(gp.gp_posterior(y, 0.01).p_drop()) == (y.size < 4),
    "smoother": lambda x, y: local_level.smoother(y.size, 0.1, x, np.ones(y.size))[0].shape == (y.size, y.size),
    "effective_n": lambda x, y: np.isnan(correlation.effective_n(y, y)) or y.size >= 4,
    "correlate": lambda x, y: correlation.correlate(x, y).n == y.size,
    "co_movement": lambda x, y: correlation.co_movement(x, y, y).levels.n == y.size,
    "lead_lag": lambda x, y: correlation.lead_lag(x, y).lags == (),
    "align": lambda x, y: correlation.align(x, y, x, y).step.size == y.size,
    "course": lambda x, y: y.size == 0 or course.course(x, y).way in ("too few", "level"),
    "late_surge": lambda x, y: trend.late_surge(x, y, 0.01) is None,
}


@pytest.mark.parametrize("shape", ["constant", "zero", "rising", "noisy"])
@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("name", CALLS)
def test_little_is_enough_for_an_answer(name: str, n: int, shape: Any) -> None:
    step = np.array([3.0, 4.0, 10.0, 11.0, 50.0])[:n]
    noisy = np.array([0.1, 0.9, 0.3, 0.8, 0.2])
    value = {"constant": np.full(5, 0.3), "zero": np.zeros(5), "rising": np.linspace(0.1, 0.9, 5), "noisy": noisy}
    assert CALLS[name](step, value[shape][: step.size])

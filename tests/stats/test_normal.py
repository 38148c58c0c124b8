"""The normal distribution agrees with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from heldout.stats.levels import cdf, quantile, two_sided_p


def test_cdf_agrees_with_scipy_also_far_out() -> None:
    z = np.linspace(-35.0, 8.0, 500).reshape(20, 25)
    np.testing.assert_allclose(cdf(z), ndtr(z), rtol=1e-11)


def test_cdf_takes_a_number() -> None:
    assert float(cdf(0.0)) == 0.5


def test_quantile_agrees_with_scipy() -> None:
    for p in (1e-9, 0.025, 0.5, 0.9, 0.975):
        assert quantile(p) == pytest.approx(ndtri(p), rel=1e-12, abs=1e-15)


def test_two_sided_p_counts_both_tails() -> None:
    assert two_sided_p(-1.959963984540054) == pytest.approx(0.05)
    assert two_sided_p(math.inf) == 0.0

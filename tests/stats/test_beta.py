"""The beta distribution against scipy's."""

from __future__ import annotations

import pytest

from heldout.stats.beta import beta_cdf, beta_quantile

special = pytest.importorskip("scipy.special")
SHAPES = [(0.01, 3.0), (0.3, 0.7), (1.0, 1.0), (1.0, 6.0), (2.5, 40.0), (300.0, 1.0), (1000.0, 1500.0), (3.0, 1e5)]


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_probabilities_are_those_of_scipy(a: float, b: float) -> None:
    for x in (1e-9, 0.001, 0.1, 0.4, 0.5, 0.9, 0.999):
        assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-14)
    assert (beta_cdf(0.0, a, b), beta_cdf(1.0, a, b)) == (0.0, 1.0)


@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_a_quantile_is_where_the_probability_is_reached(a: float, b: float) -> None:
    for p in (0.01, 0.025, 0.5, 0.975, 0.99):
        assert beta_quantile(p, a, b) == pytest.approx(float(special.betaincinv(a, b, p)), rel=1e-6, abs=1e-12)

"""Student's t against scipy's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats import student

special = pytest.importorskip("scipy.special")
DEGREES = [0.5, 0.7, 1.0, 1.5, 2.0, 2.37, 3.6, 9.9, 39.9, 40.1, 100.0, 1e3, 123456.7, 1e6]


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("t", [1e-3, 0.1, 0.5, 1.0, 1.7, 3.0, 10.0, 30.0])
def test_tails_are_those_of_scipy(t: float, df: float) -> None:
    assert student.tail(t, df) == pytest.approx(special.stdtr(df, -t), rel=1e-10)
    assert student.tail(-t, df) == pytest.approx(special.stdtr(df, t), rel=1e-10)


@pytest.mark.parametrize("df", DEGREES)
@pytest.mark.parametrize("p", [0.501, 0.6, 0.9, 0.975, 0.995, 0.9999, 1 - 1e-9])
def test_quantiles_are_those_of_scipy(p: float, df: float) -> None:
    assert student.quantile(p, df) == pytest.approx(special.stdtrit(df, p), rel=1e-10)
    assert student.quantile(1.0 - p, df) == pytest.approx(special.stdtrit(df, 1.0 - p), rel=1e-10)


@given(st.floats(0.5, 1e6), st.floats(1e-6, 1.0 - 1e-6))
def test_above_a_quantile_lies_what_is_left(df: float, p: float) -> None:
    assert student.tail(student.quantile(p, df), df) == pytest.approx(1.0 - p, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("t", [0.0, 1e-300, -1e-300])
def test_half_lies_above_zero(t: float) -> None:
    assert student.tail(t, 3.0) == 0.5
    assert student.quantile(0.5, 3.0) == 0.0


def test_the_far_ends_are_numbers() -> None:
    assert 0.0 < student.tail(1e200, 0.5) < 1e-70
    assert student.tail(math.inf, 3.0) < 1e-100
    assert student.tail(-math.inf, 3.0) == 1.0
    assert math.isnan(student.tail(math.nan, 3.0))


def test_without_end_the_degrees_are_those_of_the_normal_distribution() -> None:
    assert student.quantile(0.975, math.inf) == pytest.approx(1.959963984540054)
    assert student.tail(1.0, math.inf) == pytest.approx(special.ndtr(-1.0))
    assert student.tail(1.0, 1e6) == pytest.approx(student.tail(1.0, math.inf), rel=1e-5)


@pytest.mark.parametrize("df", [0.49, 0.0, -1.0, math.nan])
def test_too_few_degrees_are_refused(df: float) -> None:
    with pytest.raises(ValueError, match=r"degrees of freedom must be at least 0\.5"):
        student.tail(1.0, df)
    with pytest.raises(ValueError, match=r"degrees of freedom must be at least 0\.5"):
        student.quantile(0.9, df)


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, math.nan])
def test_a_chance_outside_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p is"):
        student.quantile(p, 3.0)


def test_an_unknown_error_reaches_everywhere() -> None:
    assert student.margin(math.nan, 3.0) == math.inf
    assert student.margin(0.0, 3.0) == 0.0
    assert student.margin(2.0, 4.0) == pytest.approx(2.0 * 2.7764451)
    assert student.margin(2.0, 4.0, 0.9) == pytest.approx(2.0 * 2.1318468)
    assert (student.two_sided_of(0.0, math.nan, 3.0), student.two_sided_of(-1.0, 1.0, 1.0)) == (1.0, pytest.approx(0.5))
    assert math.isnan(student.two_sided_of(1.0, 0.0, 3.0))

"""Arrays in units of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.arrays import floats, scaled, union

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=8))
def test_scaled_values_have_squares(values: list[float]) -> None:
    given_ = floats(values)
    found, unit = scaled(given_)
    assert np.all(np.abs(found) <= 1.0 if unit < 2.0**1023 else np.abs(found) < 2.0)
    assert np.isfinite(found @ found)
    if given_.any():
        assert found @ found >= 0.0625 if np.abs(given_).max() > 1e-300 else True


@given(st.lists(st.floats(1e-200, 1e200), min_size=1, max_size=8))
def test_scaled_values_have_the_same_digits(values: list[float]) -> None:
    found, unit = scaled(floats(values))
    assert (found * unit).tolist() == pytest.approx(values, rel=0, abs=0) or np.abs(found).min() < 1e-300
    assert 0.5 <= np.abs(found).max() < 1.0


def test_zeros_and_nothing_stay_as_they_are() -> None:
    assert scaled(floats([0.0, -0.0]))[0].tolist() == [0.0, -0.0]
    assert scaled(floats([]))[1] == 1.0


@given(st.lists(st.lists(st.integers(-5, 30), max_size=6), max_size=14))
def test_a_union_has_every_number_once_however_often_an_array_is_repeated(several: list[list[int]]) -> None:
    arrays = [np.array(sorted(set(one)), np.int64) for one in (*several, *several[:2])]
    got = union(arrays)
    assert got.tolist() == sorted({number for one in several for number in one})
    assert got.dtype == np.int64

"""The course that never falls and fits best: against what defines it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.isotonic import rising

POINTS = st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 5)), min_size=1, max_size=12)


@given(POINTS)
def test_weights_count_as_so_many_equal_values_in_a_row(points: list[tuple[int, int]]) -> None:
    value, weight = (np.array(one, dtype=float) for one in zip(*points, strict=True))
    times = weight.astype(int)
    fit, misfit = rising(value, weight)
    alone, single = rising(np.repeat(value, times))
    np.testing.assert_allclose(np.repeat(fit, times), alone)
    np.testing.assert_allclose(misfit[-1], single[-1], atol=1e-9)


@given(POINTS)
def test_the_course_never_falls_and_no_other_fits_better(points: list[tuple[int, int]]) -> None:
    value, weight = (np.array(one, dtype=float) for one in zip(*points, strict=True))
    fit, misfit = rising(value, weight)
    assert np.all(np.diff(fit) >= 0)
    assert (
        misfit[-1] == np.float64(weight @ (value - fit) ** 2).round(9)
        or abs(misfit[-1] - weight @ (value - fit) ** 2) < 1e-9
    )
    for shift in np.random.default_rng(0).normal(size=(20, len(value))):
        other = np.maximum.accumulate(fit + 0.5 * shift)
        assert weight @ (value - other) ** 2 >= misfit[-1] - 1e-9

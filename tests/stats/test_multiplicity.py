"""Holm's procedure against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.levels import holm


def rejected(p: list[float], level: float) -> set[int]:
    """The procedure as Holm wrote it: step down from the smallest, stop at the first that stands."""
    found: set[int] = set()
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] > level / (len(p) - rank):
            break
        found.add(index)
    return found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_what_is_below_the_level_is_what_stepping_down_rejects(p: list[float], level: float) -> None:
    adjusted = holm(p)
    clear = np.abs(adjusted - level) > 1e-9
    assert {i for i in range(len(p)) if adjusted[i] <= level and clear[i]} == {
        i for i in rejected(p, level) if clear[i]
    }


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusted_values_are_no_smaller_and_keep_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert np.all(adjusted >= np.array(p))
    assert np.all(adjusted <= 1)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)


def test_one_test_pays_nothing() -> None:
    assert holm([0.03]) == pytest.approx([0.03])


@pytest.mark.parametrize(("p", "adjusted"), [
    ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
    ([0.04, 0.01, 0.02, 0.9], [0.08, 0.04, 0.06, 0.9]),
    ([0.6, 0.5], [1.0, 1.0]),
    ([], []),
])  # fmt: skip
def test_holm_by_hand(p: list[float], adjusted: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(adjusted)

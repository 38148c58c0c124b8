"""Margins are in the unit of the score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.stats.levels import DROP, LEVEL, ONSET
from heldout.stats.margins import Margins, free_margins


def test_margins_of_a_share_are_those_of_every_room() -> None:
    share = Margins()
    assert (share.level, share.drop, share.onset(0.5)) == (LEVEL, DROP, ONSET)


@given(st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_margins_of_a_score_follow_its_unit(scale: float, shift: float) -> None:
    scores = np.array([1.0, 2.0, 2.5, 3.0, 4.0, 6.0, 5.0])
    plain, other = free_margins(scores, 0.25), free_margins(scale * scores + shift, scale**2 * 0.25)
    assert (other.level, other.drop, other.tie, other.onset(8.0 * scale)) == pytest.approx(
        tuple(scale * margin for margin in (plain.level, plain.drop, plain.tie, plain.onset(8.0)))
    )


def test_margins_grow_with_the_noise_or_the_gain() -> None:
    rising = np.arange(20.0)
    assert free_margins(rising, 1.0).level == pytest.approx(16.0 / 10.0)
    assert free_margins(rising, 4.0).level == pytest.approx(3.0)
    assert free_margins(-rising, 1.0).level == pytest.approx(1.5)  # a loss is no gain
    assert free_margins(rising, 1.0).onset(4.0) == pytest.approx(0.5)
    assert free_margins(rising, 1.0).onset(7.0) == pytest.approx(0.7)

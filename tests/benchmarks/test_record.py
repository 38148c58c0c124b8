"""What the benchmark of recording says of its measurements."""

from __future__ import annotations

import pytest

from benchmarks.children.stopwatch import WARM_UP
from benchmarks.record import summary


def told(wall: float, recording: float, judging: float) -> dict[str, float]:
    return {"cpu": wall, "wall": wall, "recording": recording, "judging": judging, "kept": 160.0, "judged": 40.0}


def test_shares_are_of_the_time_of_their_own_turn_and_counts_of_a_step() -> None:
    runs = [told(1.0, 0.01, 0.005), told(9.0, 0.18, 0.09), told(2.0, 0.06, 0.02)]  # a busy machine: 1, 2 and 3 %
    found = summary("honest", runs, steps=WARM_UP + 10)
    assert (found.wall, found.recording, found.judging) == pytest.approx((2.0 / 9, 0.02, 0.01))
    assert (found.kept, found.judged) == (16.0, 4.0)

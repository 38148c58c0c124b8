"""What `heldout bench hack` counts: runs by design and kind, delays from 5 % on, and designs with their chances."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.hack import DESIGNS, HONEST, delays_of_trick, false_alarms, growing
from heldout.datasets.simulated_answers import simulate_answers
from heldout.stats.hacking import hacked_share


def test_what_is_counted_are_runs_by_design_truth_and_kind() -> None:
    counted = false_alarms(2, 0)
    assert len(counted) == 4 * len(DESIGNS) * len(HONEST)
    assert {one.runs for one in counted} == {2}
    assert sum(one.found for one in counted if not one.kind) <= 2  # of 20, where one in a hundred is wrong
    for first in range(0, len(counted), 4):
        any_kind, *kinds = counted[first : first + 4]
        assert any_kind.found <= sum(one.found for one in kinds)
    assert false_alarms(2, 0) == counted


@pytest.mark.parametrize("name", DESIGNS)
def test_what_is_drawn_shows_the_share_of_all(name: str) -> None:
    judged = simulate_answers(np.full(400, 0.2), seed=1, **DESIGNS[name].shape)
    found = hacked_share(judged.rewarded, judged.failed, judged.group, judged.chance)
    assert found.low < 0.2 < found.high
    assert found.high - found.low < 0.15


def test_a_trick_grows_from_its_base_after_a_level_start() -> None:
    shares = growing(0.003, 30.0)
    np.testing.assert_allclose(shares[:100], 0.003)
    assert np.all(np.diff(shares[99:]) > 0.0)
    assert shares[-1] > 0.99


def test_the_alarm_speaks_before_a_score_that_loses_little_of_it() -> None:
    by = {one.what: one for one in delays_of_trick((0.003, 15.0, 2, 0))}
    assert by["answers, either"].delay.value <= by["answers, against 5 %"].delay.value
    assert by["answers, either"].delay.value < by["held-out score, 0.25 of it lost"].delay.value
    assert by["answers, either"].missed == 0.0

"""A rise and a fall that stand out from what scatters about them."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.stats.turning import FEWEST_FOR_TURN, turn

TENT = np.concatenate([np.linspace(0.4, 0.7, 10), np.linspace(0.69, 0.45, 10)])
CLIFF = np.concatenate([np.linspace(0.4, 0.7, 10), np.full(10, 0.45)])
NOISE = 0.01 * np.random.default_rng(3).normal(size=20)


@pytest.mark.parametrize("course", [TENT, CLIFF, np.linspace(0.7, 0.45, 20), np.repeat([0.7, 0.45], 10)])
def test_a_clear_fall_of_25_points_stands_out_whatever_its_shape(course: np.ndarray) -> None:
    found = turn(course + NOISE)
    assert found is not None
    assert found.stands_out()
    assert found.fall == pytest.approx(0.25, abs=0.04)
    assert found.noise < 0.03


@pytest.mark.parametrize(
    "course",
    [np.zeros(20), np.linspace(0.3, 0.9, 20), 1.0 - np.exp(-np.arange(20) / 3.0), np.repeat([0.2, 0.4, 0.6, 0.8], 5)],
)
def test_a_course_that_never_falls_does_not(course: np.ndarray) -> None:
    found = turn(course + NOISE)
    assert found is not None
    assert not found.stands_out()


def test_scores_that_are_all_alike_have_no_fall() -> None:
    found = turn(np.full(12, 0.3))
    assert found is not None
    assert found.fall == pytest.approx(0.0, abs=1e-12)
    assert not found.stands_out()


def test_white_noise_seldom_stands_out() -> None:
    rng = np.random.default_rng(17)
    found = [turn(rng.normal(size=count)) for count in (8, 12, 20, 40) for _ in range(100)]
    assert sum(one is not None and one.stands_out() for one in found) <= 8  # 2 % of 400


def test_one_score_alone_is_no_peak_and_no_fall() -> None:
    low = np.linspace(0.3, 0.7, 20) + NOISE
    low[-1] = 0.2
    high = np.full(20, 0.3) + NOISE
    high[10] = 0.8
    for value in (low, high):
        found = turn(value)
        assert found is not None
        assert not found.stands_out()


def test_a_fall_is_asked_for_beyond_another() -> None:
    found = turn(TENT + NOISE)
    assert found is not None
    assert found.stands_out(0.1)
    assert not found.stands_out(0.25)


def test_units_change_nothing() -> None:
    one, other = turn(TENT + NOISE), turn(700.0 * (TENT + NOISE) - 300.0)
    assert one is not None
    assert other is not None
    assert one.peak == other.peak
    assert other.fall / other.noise == pytest.approx(one.fall / one.noise)


def test_what_is_rounded_coarsely_is_not_precise() -> None:
    value = np.array([0.5, 0.5, 0.5, 0.5, 0.52, 0.52, 0.5, 0.5, 0.5, 0.5])
    found = turn(value)
    assert found is not None
    assert not found.stands_out()


def test_fewer_than_eight_scores_have_none() -> None:
    assert turn(TENT[7 : 7 + FEWEST_FOR_TURN - 1]) is None
    assert turn(TENT[7 : 7 + FEWEST_FOR_TURN]) is not None


def test_a_last_score_that_is_far_below_ends_low_though_it_is_no_lasting_fall() -> None:
    value = np.linspace(0.3, 0.7, 20) + NOISE
    before = turn(value)
    value[-1] = 0.2
    found = turn(value)
    assert before is not None
    assert found is not None
    assert (before.ends_low, found.ends_low, found.stands_out()) == (False, True, False)
    assert found.fall == pytest.approx(0.48, abs=0.03)

"""The shared parts: the beginning and the bins of a metric, the latch, the slope."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from heldout.detectors.base import Points
from heldout.detectors.signal import Bins, Latch, Line, Track, in_order_before, median, slope


def points(values: Sequence[float], first: int = 0) -> Points:
    return Points(np.arange(first, first + len(values)), np.array(values, dtype=float))


def rows(bins: Bins) -> list[tuple[float, ...]]:
    return list(zip(bins.first, bins.last, bins.value, bins.low, bins.high, bins.mean, strict=True))


def test_the_beginning_comes_first_and_bins_after_it() -> None:
    track = Track(start=3, width=2)
    bins = track.update(points([1.0, 2.0, 9.0, 4.0, np.nan, 6.0, 7.0]))
    assert (track.level, track.first) == (2.0, 0)
    assert track.noise == pytest.approx(1.4826)
    assert rows(bins) == [(3, 5, 5.0, 4.0, 6.0, 5.0)]
    assert track.count == 1
    assert rows(track.update(points([1.0], first=9))) == [(6, 9, 4.0, 1.0, 7.0, 4.0)]


def test_a_latch_fires_once_per_episode() -> None:
    latch = Latch(patience=2)
    signal = [1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1]
    assert [i for i, on in enumerate(signal) if latch.update(i, bool(on), not on)] == [3, 10]
    assert latch.since == 9


@given(
    patience=st.integers(1, 4),
    state=st.lists(st.sampled_from(["on", "unsure", "between", "off"]), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_a_latch_that_is_told_of_many_bins_passes_over_those_that_change_nothing(
    patience: int, state: list[str], cuts: list[int]
) -> None:
    one, many, asked, found, fired = Latch(patience), Latch(patience), 0, list[tuple[int, int]](), list[bool]()
    for place, said in enumerate(state):
        if one.update(place, said == "on", said == "off"):
            found.append((place, one.since))
        fired.append(one.fired)
    begins, after = list[tuple[int, int]](), list[bool]()
    for start, end in itertools.pairwise([0, *sorted(min(cut, len(state)) for cut in cuts), len(state)]):
        here = np.array(state[start:end], dtype=object)

        def sure(place: int, here: Any = here) -> bool:
            nonlocal asked
            asked += 1
            return bool(here[place] == "on")

        maybe = (here == "on") | (here == "unsure")
        episodes = many.update_all(np.arange(start, end), maybe, here == "off", sure)
        begins += [(start + place, since) for place, since in episodes.begins]
        after += episodes.fired.tolist()
    assert (begins, after) == (found, fired)
    assert (many.fired, many.count, many.episodes) == (one.fired, one.count, one.episodes)
    assert asked <= sum(said in ("on", "unsure") for said in state)


def test_the_last_values_before_a_place_come_in_order_of_size_and_those_of_few_alone() -> None:
    found = list(in_order_before(np.array([3.0, 1.0, 2.0, 5.0]), np.array([1, 2, 3, 4]), 3))
    assert [one.tolist() for one in found] == [[[3.0]], [[1.0, 3.0]], [[1.0, 2.0, 3.0], [1.0, 2.0, 5.0]]]


def test_the_slope_of_a_line_is_sure_and_autocorrelation_widens_its_error() -> None:
    step = list(range(40))
    assert slope(step, [3.0 - 2.0 * one for one in step])[0] == pytest.approx(-2.0)
    rng = np.random.default_rng(0)
    white = rng.normal(size=40)
    wave = np.convolve(white, np.ones(6) / 6**0.5, "same")
    plain = np.std(wave - np.polyval(np.polyfit(step, wave, 1), step)) / np.sqrt(np.sum((np.arange(40) - 19.5) ** 2))
    assert slope(step, wave.tolist())[1] > 1.5 * plain


def test_a_slope_and_its_error_are_those_of_least_squares_where_residuals_change_sign() -> None:
    step = [2.0, 3.0, 5.0, 8.0, 9.0, 12.0]
    value = [1.0, -1.0, 4.0, 1.0, 7.0, 3.0]
    line = linregress(step, value)
    assert slope(step, value) == pytest.approx((line.slope, line.stderr))


@pytest.mark.parametrize(("waves", "strength"), [(1.5, 0.9), (12.0, None)])
def test_the_error_grows_with_the_autocorrelation_of_residuals_up_to_nine_tenths(
    waves: float, strength: float | None
) -> None:
    step = np.arange(100.0)
    value = np.cos(2.0 * np.pi * waves * step / 100.0)
    line = linregress(step, value)
    rest = value - line.intercept - line.slope * step
    seen = float(rest[1:] @ rest[:-1] / (rest @ rest))
    assert strength is None or seen > strength
    shared = min(seen, 0.9)
    assert shared > 0.5
    assert slope(step, value)[1] == pytest.approx(line.stderr * math.sqrt((1.0 + shared) / (1.0 - shared)))


def test_fewer_than_four_points_and_points_at_one_step_have_no_slope() -> None:
    assert slope([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == (0.0, math.inf)
    assert slope([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]) == pytest.approx((1.0, 0.0))
    assert slope([3.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]) == (0.0, math.inf)
    assert slope([1.0, 2.0, 3.0, 4.0], [7.0] * 4) == (0.0, 0.0)


def line_of(values: Sequence[float], most: int = 20) -> Line:
    line = Line(most)
    for step, value in enumerate(values):
        line.add(np.array([step]), np.array([float(value)]))
    return line


def test_a_line_is_through_its_last_points_and_level_is_no_rise() -> None:
    assert line_of([9.0, 8.0, 7.0, 1.0, 2.0, 3.0, 4.0], most=4).rises(6, 1.96)
    assert not line_of([9.0, 8.0, 7.0, 1.0, 2.0, 3.0, 4.0]).rises(6, 1.96)
    assert not line_of([2.0] * 9).rises(8, 0.0)
    assert [one.tolist() for one in Line().until(9)] == [[], []]
    assert line_of(range(30)).until(29)[0].tolist() == list(range(10, 30))


def test_a_line_up_to_a_step_knows_nothing_of_what_came_later() -> None:
    line = Line(4)
    line.add(np.arange(3), np.array([1.0, 2.0, 3.0]))
    line.add(np.arange(3, 40), np.linspace(9.0, -9.0, 37))
    assert [one.tolist() for one in line.until(3)] == [[0, 1, 2, 3], [1.0, 2.0, 3.0, 9.0]]
    assert line.scatter(2) == math.inf
    assert line.scatter(3) == line_of([1.0, 2.0, 3.0, 9.0]).scatter(3)


@pytest.mark.parametrize("errors", [0.999, 1.001])
def test_a_rise_is_clear_beyond_so_many_errors(errors: float) -> None:
    line = line_of([1.0, -1.0, 4.0, 1.0, 7.0, 3.0])
    rise, error = slope(*line.until(5))
    assert line.rises(5, errors * rise / error) == (errors < 1.0)


def begun(*values: float) -> Track:
    track = Track(start=len(values), width=1)
    track.update(points(values))
    return track


def test_what_is_far_from_the_start_is_measured_in_its_relative_noise_on_a_log_scale() -> None:
    track = begun(1.8, 2.0, 2.2)  # level 2, noise 0.29652: twice that over the level is log 1.3452
    times = np.array([1.344, 1.346])
    assert track.far_above(2.0 * times, 2.0).tolist() == [False, True]
    assert track.far_below(2.0 / times, 2.0).tolist() == [False, True]


def test_nothing_is_far_from_a_start_of_zero_and_zero_is_far_below_any_other() -> None:
    nothing, some = begun(0.0, 0.0, 0.0), begun(1.0, 1.0, 1.0)
    values = np.array([5.0, 1.0, 0.0, -1.0])
    assert not nothing.far_above(values, 0.0).any()
    assert not nothing.far_below(values, 0.0).any()
    assert some.far_above(values, 0.0).tolist() == [True, False, False, False]
    assert some.far_below(values, 100.0).tolist() == [False, False, True, True]
    assert not some.far_below(np.array([1.0]), 0.0).any()


def test_until_the_beginning_is_complete_its_level_and_noise_are_zero() -> None:
    track = Track(start=3, width=1)
    assert rows(track.update(points([4.0, 6.0], first=5))) == []
    assert (track.level, track.noise, track.first) == (0.0, 0.0, 5)
    assert rows(track.update(None)) == []
    bins = track.update(points([8.0, 9.0], first=7))
    assert (track.level, track.first, bins.last.tolist()) == (6.0, 5, [8])


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([5.0, 1.0, 3.0]) == 3.0
    assert median([8.0, 1.0, 3.0, 4.0]) == 3.5
    assert median([2.0]) == 2.0


def test_an_episode_ends_after_as_many_bins_in_a_row_that_are_off() -> None:
    latch = Latch(patience=2)
    assert [latch.update(step, on=True, off=False) for step in range(3)] == [False, True, False]
    latch.update(3, on=False, off=True)
    latch.update(4, on=True, off=False)  # starts the count of those that are off anew
    latch.update(5, on=False, off=True)
    assert latch.fired
    latch.update(6, on=False, off=True)
    assert not latch.fired
    assert [latch.update(step, on=True, off=False) for step in (7, 8)] == [False, True]
    assert latch.since == 7


def test_each_episode_needs_twice_as_many_bins_that_are_off_before_it() -> None:
    latch = Latch(patience=1)
    assert latch.update(0, on=True, off=False)
    for rest in (1, 2, 4, 8):
        assert not any(latch.update(step, on=False, off=True) for step in range(rest - 1))
        assert latch.fired
        latch.update(0, on=False, off=True)
        assert latch.update(9, on=True, off=False)

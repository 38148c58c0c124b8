"""One curve in words: each sentence on a curve that was made for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from heldout.diagnosis.courses import describe_series, difference, written
from heldout.diagnosis.curves import curves_of
from heldout.diagnosis.model import Curve, Point, SeriesDescription
from heldout.findings import State, Verdict
from heldout.run import Run, Series

NOISE = Verdict(state=State.CANNOT_TELL, label="given", sentence="")


def curve_of(values: list[float] | np.ndarray, role: str = "reward", key: str = "", problems: int = 0) -> Curve:
    value = np.array(values, dtype=float)
    key = key or {"held_out": "pass@1"}.get(role, role)
    series = Series(
        key, np.arange(len(value)), value, problems=np.full(len(value), float(problems)) if problems else None
    )
    (found,) = curves_of(Run("made", "memory", "test", {key: series}, {role: key}))
    return found


def told(values: list[float] | np.ndarray, role: str = "reward", key: str = "", problems: int = 0) -> SeriesDescription:
    return describe_series(curve_of(values, role, key, problems), NOISE)


def test_a_value_is_written_with_its_unit_and_a_difference_of_percentages_in_points() -> None:
    percent, plain = curve_of([10, 40], "held_out", "pass@1"), curve_of([0.1, 0.4], "held_out")
    assert (written(percent, 12.34), difference(percent, 12.34)) == ("12.3 %", "12.3 points")
    assert (written(plain, 0.1234), difference(plain, 0.1234)) == ("12.3 %", "12.3 points")
    assert written(curve_of([0.1, 0.4], "held_out", "eval_return"), 0.1234) == "0.123"
    assert written(curve_of([3.0]), 3.0) == "3.00"


def test_the_four_marked_points_are_the_first_last_highest_and_lowest() -> None:
    one = told([2.0, 5.0, 1.0, 3.0])
    marked = (one.start, one.end, one.peak, one.trough)
    assert marked == (Point(0, 2.0), Point(3, 3.0), Point(1, 5.0), Point(2, 1.0))
    assert (one.count, one.window, one.label, one.key, one.role, one.unit) == (
        4,
        None,
        "reward",
        "reward",
        "reward",
        "",
    )


@pytest.mark.parametrize(("count", "points"), [(27, 27), (28, 9)])
def test_a_table_holds_every_value_of_a_short_curve_and_nine_of_a_longer_one(count: int, points: int) -> None:
    one = told(np.arange(float(count)))
    assert len(one.key_points) == points
    assert [point.step for point in one.key_points] == sorted({point.step for point in one.key_points})


def test_a_smoothed_curve_is_shown_by_evenly_spaced_points_and_its_extremes() -> None:
    value = np.sin(np.arange(101) / 9.0)
    one = told(value)
    assert one.window is not None
    steps = {point.step for point in one.key_points}
    assert {round(100 * part / 8) for part in range(9) if part % 2 == 0} <= steps
    assert {one.peak.step, one.trough.step} <= steps
    assert len(steps) <= 11


WIGGLE = 0.1 * np.random.default_rng(2).normal(size=60)
RAMP = np.linspace(0.0, 1.0, 60) + WIGGLE


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([0.5], "A single value, 0.50 at step 0."),
        ([0.5, 0.5], "Constant at 0.50 throughout."),
        ([0.0, 1.0], "From 0 to 1.00: 2 values, too few to say more. Highest value 1.00 at step 1, lowest 0 at"),
        ([0.653, 0.642], "From 0.6530 to 0.6420: 2 values, too few to say more."),
        (np.arange(7.0), "From 0 to 6.0: 7 values, too few to say more."),
        (WIGGLE, "No course that can be told from slow noise: "),
        (RAMP, "Rises from "),
        (-RAMP, "Falls from "),
        (np.concatenate([RAMP, RAMP[::-1]]), ["Rises", " then falls"][0] + " from "),
    ],
)  # fmt: skip
def test_a_word_is_said_where_a_test_has_one(values: list[float] | np.ndarray, trend: str) -> None:
    assert told(values).trend.startswith(trend)


def test_two_legs_are_told_with_the_level_between() -> None:
    trend = told(np.concatenate([RAMP, RAMP[::-1]])).trend
    assert trend.startswith("Rises from ")
    assert " around step " in trend
    assert ", then falls to " in trend


def test_a_rise_at_once_or_late_is_told_with_its_step() -> None:
    jump = told(np.repeat([0.0, 1.0], 30) + WIGGLE).trend
    assert ", at once near step 30 (" in jump
    late = told(np.maximum(np.linspace(-2.0, 1.0, 60), 0.0) + 3.0 * WIGGLE).trend
    assert ", mostly after step " in late


def test_levels_and_changes_are_told_with_their_intervals() -> None:
    one = told(RAMP)
    assert one.start_level.value == pytest.approx(float(RAMP[:7].mean()))
    assert one.end_level.half > 0.0
    assert one.course is not None
    flat = told(WIGGLE)
    assert flat.course is not None
    assert ", a change of " in flat.trend
    assert abs(flat.course.change) < flat.course.change_half


def test_that_a_score_is_exactly_level_since_a_step_is_told() -> None:
    rate = np.concatenate([np.linspace(0.3, 0.01, 6), np.zeros(19)])
    one = told(rate, "held_out")
    assert one.trend.endswith("Exactly 0 % at the last 19 values, since step 6.")
    assert "Exactly" not in told(rate[:13], "held_out").trend


@pytest.mark.parametrize(
    ("state", "higher", "lower"),
    [
        (State.IMPROVING, "Has risen: ", "Has got better: "),
        (State.PLATEAU, "Is level at its end: ", "Is level at its end: "),
        (State.OVER_OPTIMISED, "Has fallen: ", "Has got worse: "),
        (State.REGRESSED, "Has fallen: ", "Has got worse: "),
        (State.RECOVERED, "Fell and came back: ", "Got worse and came back: "),
        (State.CANNOT_TELL, "No course can be told: ", "No course can be told: "),
    ],
)
def test_the_held_out_score_is_told_in_the_verdict_s_words_whatever_it_looks_like(
    state: State, higher: str, lower: str
) -> None:
    verdict = replace(NOISE, state=state)
    for values in (RAMP, -RAMP, WIGGLE):
        one = describe_series(curve_of(values, "held_out", "eval_return"), verdict)
        assert one.trend.startswith(higher)
        assert one.course is None
        assert describe_series(curve_of(values, "held_out", "eval_error"), verdict).trend.startswith(lower)


def test_noise_is_no_share_of_the_movement_of_what_moves_with_another_curve() -> None:
    one = describe_series(curve_of(WIGGLE), NOISE, linked=True)
    assert math.isnan(one.noise_share)
    assert "noise, the rest is drift" not in one.noise


ZIGZAG = np.tile([0.0, 1.0], 10)


def test_the_noise_of_values_is_told_with_its_source_and_share() -> None:
    sd = math.sqrt(2 / 3)  # each value lies 1 from the line between its neighbours, and that has 1.5 variances
    assert told(ZIGZAG).noise_sd == pytest.approx(sd)
    assert told(ZIGZAG).noise == (
        "Neighbouring values scatter by 0.82 (one standard deviation, from the series itself); about 100% of the "
        "movement from value to value is noise, the rest is drift."
    )
    assert told([0.0, 1.0, 0.0]).noise == "Too few values to tell noise from drift."
    assert told([0.0, 1.0, 0.0, 1.0]).noise.startswith("Neighbouring values scatter by 0.82")
    assert told([1.0] * 9).noise == ""


def test_the_noise_of_an_evaluation_comes_from_its_size() -> None:
    one = told([0.5, 0.6, 0.5, 0.6, 0.5, 0.6], "held_out", problems=100)
    sd = f"{100 * one.noise_sd:.1f} points (one standard deviation"
    assert one.noise.startswith(f"The noise of one evaluation is {sd}, from its size")
    assert one.noise_share < 1.0  # the rates scatter more than that: the rest is not the evaluation's noise
    assert told([0.5, 0.6, 0.5, 0.6, 0.5, 0.6], "held_out").noise_share == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "between"), [(60, "value to value"), (62, "block to block")])
def test_of_more_than_sixty_values_the_movement_is_that_of_blocks(count: int, between: str) -> None:
    value = np.random.default_rng(0).normal(size=count)
    assert f"% of the movement from {between} is noise" in told(value).noise
    assert told(value).noise.startswith("Single values scatter by")

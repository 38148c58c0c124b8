"""One curve in words: each sentence on a curve that was made for it, and from both sides of its thresholds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from heldout.diagnosis.courses import describe_series, difference, written
from heldout.diagnosis.curves import curves_of
from heldout.diagnosis.model import Curve, Point, Seen, SeriesDescription, may_tell
from heldout.findings import State, Verdict
from heldout.run import Run, Series

NOISE = Verdict(state=State.CANNOT_TELL, label="given", sentence="")
FELL = replace(NOISE, state=State.REGRESSED)


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


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([0.5], "A single value, 0.50 at step 0."),
        ([0.5, 0.5], "Constant at 0.50 throughout."),
        (
            [0.0, 1.0],
            "Starts at 0 (step 0) and ends at 1.00 (step 1); peak 1.00 at step 1, trough 0 at step 0.",
        ),
        (
            [0.0, 0.5, 1.0],
            "Starts at 0 (step 0) and ends at 1.00 (step 2); peak 1.00 at step 2, trough 0 at step 0. The fitted trend "
            "starts at 0, rises to 1.00 by step 2.",
        ),
        (
            [*np.arange(8.0), *np.arange(6.0, 2.0, -1.0)],
            "Starts at 0 (step 0) and ends at 3.0 (step 11); peak 7.0 at step 7, trough 0 at step 0. The end lies "
            "4.0 below the peak. The fitted trend starts at 0, rises to 7.0 by step 7 and then falls to 3.0 by step "
            "11.",
        ),
        (
            [5.0, 3.0, 1.0, 0.0],
            "Starts at 5.0 (step 0) and ends at 0 (step 3); peak 5.0 at step 0, trough 0 at step 3. The fitted trend "
            "starts at 4.8, falls to -0.3 by step 3.",
        ),
    ],
)  # fmt: skip
def test_a_trend_is_told_from_its_start_to_its_end(values: list[float], trend: str) -> None:
    assert told(values).trend.split(" Turns beyond")[0] == trend


def test_the_pieces_of_the_held_out_score_are_told_without_a_direction() -> None:
    one = told([*np.arange(8.0), *np.arange(6.0, 2.0, -1.0)], "held_out", "pass@1")
    assert "The fitted trend starts at 0 %, goes to 7.0 % by step 7 and then to 3.0 % by step 11." in one.trend
    assert [stretch.direction for stretch in one.stretches] == ["rising", "falling"]


HILLS = [0.0, 8.0, 1.0, 7.0, 0.0, 9.0, 2.0, 6.5, 0.5, 9.5, 0.0]


def test_turns_are_told_of_the_held_out_score_where_the_verdict_has_found_a_fall() -> None:
    steps = np.interp(np.arange(101), np.arange(0, 101, 10), HILLS)
    curve = replace(curve_of(steps), window=None, step=np.arange(101.0), value=steps, variance=0.01, line_variance=0.01)
    one = describe_series(curve, NOISE)
    assert len(one.turns) == 6  # of nine; the largest
    assert [turn.z for turn in one.turns] == sorted((turn.z for turn in one.turns), reverse=True)
    assert {(turn.kind, turn.step) for turn in one.turns} >= {("peak", 50), ("peak", 90)}
    listed = one.trend.split("Turns beyond the noise: ")[1]
    steps_told = [int(part.split()[0]) for part in listed.split("at step ")[1:]]
    assert steps_told == sorted(steps_told)
    score = replace(curve, role="held_out")
    assert describe_series(score, NOISE).turns == ()
    assert describe_series(score, FELL).turns == one.turns


@pytest.mark.parametrize(("count", "turns"), [(4, 0), (5, 1)])
def test_a_turn_needs_five_values(count: int, turns: int) -> None:
    value = np.array([0.0, 5.0, 10.0, 5.0, 0.0][-count:])
    curve = replace(curve_of(value), variance=0.01, line_variance=0.01)
    assert len(describe_series(curve, NOISE).turns) == turns
    assert describe_series(replace(curve, line_variance=0.0), NOISE).turns == ()


def test_turns_of_a_smoothed_line_are_held_against_the_noise_of_two_points() -> None:
    value = np.concatenate([np.linspace(0, 1, 30), np.linspace(1, 0, 30)])
    curve = replace(curve_of(value), window=12.0, step=np.arange(60.0), value=value)
    for least, turns in ((0.499, 1), (0.501, 0)):  # 1 = 2 deviations of a difference of two points
        assert len(describe_series(replace(curve, line_variance=least**2 / 2), NOISE).turns) == turns


@pytest.mark.parametrize(
    ("values", "key", "state", "recent"),
    [
        (np.arange(20.0), "reward", "improving", "Over its last quarter (steps 14 to 19) it rises (4.6, pro"),
        (-np.arange(20.0), "reward", "declining", "it falls (-4.6, probability 1.00)."),
        (np.arange(20.0), "eval_loss", "declining", "it rises"),
        (-np.arange(20.0), "eval_loss", "improving", "it falls"),
        (np.arange(4.0), "reward", "undetermined", ""),
        (np.full(20, 0.3), "train_accuracy", "plateau", "quarter (steps 14 to 19) it is level (0 points)."),
    ],
)  # fmt: skip
def test_the_last_quarter_is_told_as_better_or_worse(values: np.ndarray, key: str, state: str, recent: str) -> None:
    curve = replace(curve_of(values, "reward", key), variance=1e-6)
    one = describe_series(curve, NOISE)
    assert one.state == state
    assert recent in one.recent
    assert bool(recent) == bool(one.recent)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize(
    ("key", "noise", "state"),
    [
        ("train_accuracy", 0.02, "plateau"),
        ("train_accuracy", 0.03, "undetermined"),
        ("reward", 0.03, "plateau"),
    ],
)
def test_a_rate_is_level_within_two_points_and_another_value_within_two_deviations(
    key: str, noise: float, state: str, scale: float
) -> None:
    value = 0.5 + noise * np.random.default_rng(3).normal(size=20)
    one = describe_series(replace(curve_of(scale * value, "reward", key), variance=(noise * scale) ** 2), NOISE)
    assert one.state == state
    over = "Over its last quarter (steps 14 to 19) it "
    says = "is level (" if state == "plateau" else "cannot be told whether it rises, falls or is level."
    assert one.recent.startswith(over + says)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.IMPROVING, "improving"),
        (State.PLATEAU, "plateau"),
        (State.OVER_OPTIMISED, "declining"),
        (State.REGRESSED, "declining"),
        (State.RECOVERED, "undetermined"),
        (State.CANNOT_TELL, "undetermined"),
    ],
)
def test_the_held_out_score_goes_where_the_verdict_says(state: State, word: str) -> None:
    one = describe_series(curve_of(np.arange(20.0), "held_out"), replace(NOISE, state=state))
    assert (one.state, one.recent) == (word, "")


@pytest.mark.parametrize(
    ("state", "falls", "rises"),
    [
        (State.REGRESSED, True, False),
        (State.OVER_OPTIMISED, True, False),
        (State.RECOVERED, True, True),
        (State.IMPROVING, False, True),
        (State.PLATEAU, False, False),
        (State.CANNOT_TELL, False, False),
    ],
)
def test_only_what_the_verdict_has_found_is_told_of_the_held_out_score(state: State, falls: bool, rises: bool) -> None:
    verdict = replace(NOISE, state=state)
    assert (may_tell(verdict, -1.0), may_tell(verdict, 1.0)) == (falls, rises)
    score, error = curve_of([0.0, 1.0], "held_out"), curve_of([0.0, 1.0], "held_out", "eval_error")
    seen = Seen(verdict, (score,), (), ())
    assert (seen.told(score, -1.0), seen.told(score, 1.0)) == (falls, rises)
    assert (seen.told(error, 1.0), seen.told(error, -1.0)) == (falls, rises)
    assert seen.told(curve_of([0.0, 1.0]), -1.0)
    assert seen.curve("held_out") is score
    assert seen.curve("reward") is None


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


@pytest.mark.parametrize(
    ("values", "smoothed", "logged"),
    [
        ([-1.4, -2.4, -2.0, -2.5, -2.0, -1.2, -2.6, -1.6, -2.2, -0.1, 0.6, 0.1], 3, 2),
        ([-1.1, -0.4, 0.8, 1.5, 3.0, 3.0, 1.5, 1.5, 2.0, 2.4, 1.8, -0.3], 4, 3),
    ],
)
def test_a_corner_costs_more_where_the_values_are_as_logged(values: list[float], smoothed: int, logged: int) -> None:
    curve = curve_of(values)
    assert len(describe_series(curve, NOISE).stretches) == logged
    assert len(describe_series(replace(curve, window=3.0), NOISE).stretches) == smoothed

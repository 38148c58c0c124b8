"""Each observer on a small case worked out by hand, and just below and above what it takes for worth telling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heldout.diagnosis import observations
from heldout.diagnosis.courses import describe_series
from heldout.diagnosis.curves import curves_of, pairs_of
from heldout.diagnosis.model import Observation, Seen
from heldout.findings import State, Verdict
from heldout.run import Run, Series
from heldout.stats.correlation import CoMovement, Correlation

NOISE = Verdict(state=State.CANNOT_TELL, label="given", sentence="")
NEAR = replace(NOISE, peak_step=3)
FELL, ROSE = (replace(NOISE, state=state) for state in (State.REGRESSED, State.IMPROVING))
KEYS = {"reward": "reward", "held_out": "pass@1", "error": "eval_error", "length": "length"}
WAVE = [0.0, 0.02]


def seen(verdict: Verdict = NOISE, problems: float | None = None, **columns: Any) -> Seen:
    """What is made of these columns, each of which plays its part from step 0 on; `error` is a held-out score too."""
    metrics = {}
    for role, values in columns.items():
        value = np.array(values, dtype=float)
        sizes = None if problems is None or role != "held_out" else np.full(len(value), problems)
        metrics[KEYS[role]] = Series(KEYS[role], np.arange(len(value)), value, problems=sizes)
    roles = {"held_out" if role == "error" else role: KEYS[role] for role in columns}
    curves = curves_of(Run("made", "memory", "test", metrics, roles))
    return Seen(verdict, curves, tuple(describe_series(curve, verdict) for curve in curves), pairs_of(curves))


def near(expected: dict[str, float]) -> Any:
    return pytest.approx(expected, rel=1e-9)


def test_a_curve_that_never_moves_is_told_with_its_level() -> None:
    assert list(observations.constant(seen(reward=[0.25] * 3, length=[1, 2, 3]))) == [
        Observation("constant", "Reward is 0.250 at all 3 steps.", 0.9, evidence={"value": 0.25})
    ]
    assert not list(observations.constant(seen(reward=[0.25])))


@pytest.mark.parametrize(
    ("reward", "held_out", "common"),
    [
        ([1, 2, 3], [1, 2, 3], 3),
        ([1, 2], [1, 2], 0),
        ([1, 2, 3, 4], [1, 2, 3], 3),
        ([1, 2, 3], [1, 2, 3.1], 0),
        ([1, 1, 1], [1, 1, 1], 0),
    ],
)
def test_a_score_is_the_reward_itself_where_three_steps_agree(
    reward: list[float], held_out: list[float], common: int
) -> None:
    told = list(observations.same_measure(seen(reward=reward, held_out=held_out)))
    text = (
        "Held-out pass@1 (pass@1) equals reward (reward) at all 3 common steps: it is the reward itself, not an "
        "independent judge of it; choose another with --eval KEY."
    )
    assert told == ([Observation("same_measure", text, 1.0, evidence={"steps": 3.0})] if common else [])


REWARD, SCORE = [0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.3, 0.5, 0.6, 0.5, 0.3, 0.1]


@pytest.mark.parametrize(
    ("verdict", "goes", "weight"),
    [
        (FELL, "falls from 50 % to 10 %", 1.0),
        (NEAR, "goes from 50 % to 10 %, which may be a fall and may be noise", 0.75),
    ],
)
def test_the_reward_stays_high_on_the_last_way_down(verdict: Verdict, goes: str, weight: float) -> None:
    (told,) = observations.parts_at_the_end(seen(verdict, reward=REWARD, held_out=SCORE))
    text = f"After step 3 reward stays above 0.50 (0.60 to 1.00) while held-out pass@1 {goes}."
    assert (told.kind, told.text, told.weight, told.steps) == ("parts_at_the_end", text, weight, (3, 5))
    assert told.evidence == near({"drop": 0.4, "reward_low": 0.6, "reward_high": 1.0})


def test_an_error_rate_that_rises_parts_from_the_reward_too() -> None:
    (told,) = observations.parts_at_the_end(seen(FELL, reward=REWARD, error=[1 - score for score in SCORE]))
    assert "rises from 0.50 to 0.90" in told.text
    assert told.evidence["drop"] == pytest.approx(0.4)


@pytest.mark.parametrize(("held", "start"), [(0.499, 2), (0.501, 3)])
def test_the_last_way_down_begins_where_four_fifths_of_the_height_are_left(held: float, start: int) -> None:
    (told,) = observations.parts_at_the_end(seen(FELL, reward=REWARD, held_out=[0.3, 0.5, 0.6, held, 0.3, 0.1]))
    assert told.steps == (start, 5)


@pytest.mark.parametrize(
    ("inside", "how"),
    [
        ([0.51, 1.0, 0.9], "stays above 0.50 (0.51 to 1.00)"),
        ([0.49, 1.0, 0.98], None),
        ([0.49, 1.0, 1.0], "rises from 0.49 to 1.00"),
        ([0.3, 0.2, 0.1], None),
    ],
)
def test_the_reward_holds_in_its_upper_half_or_by_rising_half_its_range(inside: list[float], how: str | None) -> None:
    told = list(observations.parts_at_the_end(seen(FELL, reward=[0, 1.0, 0.5, *inside], held_out=SCORE)))
    assert [f"After step 3 reward {how} while" in one.text for one in told] == ([] if how is None else [True])


@pytest.mark.parametrize(
    ("low", "span", "floor"),
    [
        (63, 95, "50"),
        (63, 91, "60"),
        (6.3, 9.0, "6.0"),
        (0.63, 1.0, "0.50"),
        (0.19, 0.22, "0.175"),
        (0.33, 0.4, "0.30"),
    ],
)
def test_the_floor_of_a_reward_is_a_round_number_of_its_axis(low: float, span: float, floor: str) -> None:
    (told,) = observations.parts_at_the_end(
        seen(FELL, reward=[0, span / 2, span, span, low, span], held_out=[0.3, 0.5, 0.6, 0.5, 0.3, 0.1])
    )
    assert f"reward stays above {floor} (" in told.text


@pytest.mark.parametrize(("verdict", "weight"), [(FELL, 0.8), (NOISE, 0.3)])
def test_peaks_are_told_with_their_distance_or_together(verdict: Verdict, weight: float) -> None:
    told = list(observations.peaks_apart(seen(verdict, reward=REWARD, held_out=SCORE, length=[1, 2, 3, 3, 2, 1])))
    apart, together = told
    text = "Reward peaks at step 5 (1.00), 3 steps after held-out pass@1 (step 2, 60 %)."
    assert apart == Observation(
        "peaks_apart", text, weight, (2, 5), {"left_step": 5.0, "right_step": 2.0, "apart": 3.0}
    )
    text = "Held-out pass@1 and response length both peak at step 2 (60 %; 3.00)."
    numbers = {"left_step": 2.0, "right_step": 2.0, "apart": 0.0}
    assert together == Observation("peaks_together", text, 0.6, (2, 2), numbers)


def test_a_peak_before_the_other_is_told_so_and_a_constant_curve_has_none() -> None:
    (told,) = observations.peaks_apart(seen(reward=SCORE, held_out=REWARD))
    assert told.text == "Reward peaks at step 2 (0.60), 3 steps before held-out pass@1 (step 5, 100 %)."
    assert told.evidence["apart"] == 3.0
    assert not list(observations.peaks_apart(seen(reward=[0.5] * 6, held_out=SCORE)))


@pytest.mark.parametrize(("peak", "told"), [(25, True), (24, False), (20, False), (16, False), (15, True)])
@pytest.mark.parametrize("counts", [(42, 30), (30, 42)])
def test_peaks_are_apart_from_a_tenth_of_the_run(peak: int, told: bool, counts: tuple[int, int]) -> None:
    reward, score = (1 - np.abs(np.arange(n) - top) / 50 for n, top in zip(counts, (peak, 20), strict=True))
    apart = [one for one in observations.peaks_apart(seen(reward=reward, held_out=score)) if one.kind == "peaks_apart"]
    assert bool(apart) is told  # a tenth of the 41 steps from the first value of either to the last one of either


def moving(levels: float, changes: tuple[float, float, float], detrended: tuple[float, float, float]) -> CoMovement:
    of = [Correlation(r, low, high, 6, 6.0) for r, low, high in ((levels, -1.0, 1.0), changes, detrended)]
    return CoMovement(of[0], of[1], of[2], "not trend-dominated")


UNSURE = (0.3, -0.1, 0.6)


@pytest.mark.parametrize(
    ("movement", "roles", "word", "weight"),
    [
        (moving(0.69, UNSURE, UNSURE), ("reward", "held_out"), None, 0.0),
        (moving(0.70, UNSURE, UNSURE), ("reward", "held_out"), "strong positive", 0.4),
        (moving(-0.7, UNSURE, UNSURE), ("reward", "held_out"), "strong negative", 0.4),
        (moving(0.69, (0.5, 0.1, 0.8), UNSURE), ("reward", "held_out"), "positive", 0.6),
        (moving(0.70, (0.5, 0.1, 0.8), UNSURE), ("reward", "held_out"), "strong positive", 0.9),
        (moving(0.70, (0.5, 0.1, 0.8), UNSURE), ("reward", "length"), "strong positive", 0.4),
        (moving(0.2, (-0.5, -0.8, -0.1), UNSURE), ("reward", "held_out"), "negative", 0.6),
        (moving(0.2, UNSURE, (0.5, 0.1, 0.8)), ("reward", "held_out"), "positive", 0.6),
        (moving(0.2, (0.5, 0.0, 0.8), UNSURE), ("reward", "held_out"), None, 0.0),
        (moving(0.2, (-0.5, -0.8, 0.0), UNSURE), ("reward", "held_out"), None, 0.0),
        (moving(0.9, (float("nan"),) * 3, UNSURE), ("reward", "held_out"), None, 0.0),
        (moving(float("nan"), UNSURE, (0.5, 0.1, 0.8)), ("reward", "held_out"), None, 0.0),
    ],
)
def test_two_curves_move_together_where_levels_are_strong_or_changes_clear(
    movement: CoMovement, roles: tuple[str, str], word: str | None, weight: float
) -> None:
    of = seen(reward=REWARD, held_out=SCORE, length=REWARD)
    pair = replace(of.pairs[0], left=roles[0], right=roles[1], movement=movement)
    told = list(observations.moves_together(replace(of, pairs=(pair,))))
    assert [one.weight for one in told] == ([weight] if word else [])
    for one in told:
        assert f" have a {word} correlation: r = " in one.text
        clear = movement.differences.low > 0 or movement.differences.high < 0 or movement.detrended.low > 0
        assert one.text.endswith("levels.") is not clear
        assert one.evidence["levels"] == movement.levels.r
        assert "(trend-dominated)" not in one.text
        trending = replace(of, pairs=(replace(pair, movement=replace(movement, levels_are="trend-dominated")),))
        assert " for levels (trend-dominated), " in next(observations.moves_together(trending)).text


def test_a_late_surge_is_told_with_the_levels_before_and_after() -> None:
    reward = WAVE * 8 + [1 + noise for noise in WAVE * 3]
    (told,) = observations.surges_late(seen(reward=reward, length=[1 - value for value in reward]))
    text = "Reward surges late, after step 15: 0.01 on average in the stretch before, 1.01 from step 16 on (z = 13.2)."
    assert (told.text, told.weight, told.steps) == (text, 0.55, (15, 21))
    assert told.evidence == near({"after_step": 15.0, "before": 0.012, "after": 1.01, "z": told.evidence["z"]})


@pytest.mark.parametrize(("verdict", "told"), [(ROSE, 1), (NOISE, 0), (FELL, 0)])
@pytest.mark.parametrize("lower", [False, True])
def test_a_held_out_score_surges_where_the_verdict_has_found_a_rise(verdict: Verdict, told: int, lower: bool) -> None:
    score = [0.1 + value for value in WAVE * 8 + [0.5 + noise for noise in WAVE * 3]]
    of = seen(verdict, error=[1 - value for value in score]) if lower else seen(verdict, held_out=score)
    surges = list(observations.surges_late(of))
    assert [surge.weight for surge in surges] == [0.65] * told
    if surges:
        assert "A rule that stops" not in surges[0].text  # each crest equals the best: patience is not out
        before, after = (0.112, 0.61) if not lower else (0.888, 0.39)
        assert surges[0].evidence["before"] == pytest.approx(before)
        assert surges[0].evidence["after"] == pytest.approx(after)


@pytest.mark.parametrize(("best", "stop"), [(12, "15."), (13, None)])
def test_patience_runs_out_at_the_third_evaluation_without_a_new_best(best: int, stop: str | None) -> None:
    rising = [0.001 * place for place in range(best + 1)]
    flat = [rising[-1] - 0.01] * (16 - len(rising))
    (surge,) = observations.surges_late(seen(ROSE, held_out=[*rising, *flat, *[0.5, 0.52] * 3]))
    assert surge.text.endswith(f"would have stopped at step {stop}" if stop else f"(z = {surge.evidence['z']:.1f}).")


def turning(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two curves that move together but at step 20, where the first goes up by 2 and the second down."""
    left = np.random.default_rng(0).normal(0.0, 1.0, count).cumsum().round(1)
    right = left.copy()
    left[20] += 2.0
    right[20] -= 2.0
    return left, right


def test_curves_that_usually_move_together_turn_against_each_other_at_a_step() -> None:
    left, right = turning(60)
    (told,) = observations.turns_against(seen(reward=left, length=right * 100))
    assert (told.kind, told.weight, told.steps) == ("opposite_turn", 0.5, (20,))
    assert told.text == (
        "At step 20 reward has a local peak (-1.8) where response length has a local trough (-580): single values, "
        "which noise moves too."
    )
    told = next(iter(observations.turns_against(seen(reward=right, length=left * 100))))
    assert "length has a local peak (-180) where reward has a local trough (-5.8)" in told.text


@pytest.mark.parametrize(("count", "told"), [(200, ["opposite_turn"]), (201, [])])
def test_a_single_point_is_named_among_at_most_200(count: int, told: list[str]) -> None:
    left, right = turning(count)
    assert [one.kind for one in observations.turns_against(seen(reward=left, length=right))] == told


@pytest.mark.parametrize(("left", "weight"), [("reward", 0.6), ("held_out", 0.4)])
def test_a_window_in_which_one_rises_and_the_other_falls_is_told(left: str, weight: float) -> None:
    common = np.tile([0.0, 1.0, 0.3, 0.8, 0.1, 0.6], 10)
    apart = np.concatenate([np.zeros(36), np.arange(1, 25) / 8])
    columns = {left: common + apart, "length": common - apart}
    told = list(observations.turns_against(seen(ROSE, **columns)))
    windows = [one for one in told if one.kind == "divergence_window"]
    assert windows
    for window in windows:
        start, end = window.steps
        name = "reward" if left == "reward" else "held-out pass@1"
        assert window.text == (
            f"From step {start} to {end} {name} rises while response length falls "
            "(exploratory: many windows were looked at)."
        )
        assert (window.weight, window.evidence["left_z"] > 0, window.evidence["right_z"] < 0) == (weight, True, True)
    if left == "held_out":
        told = list(observations.turns_against(seen(NOISE, **columns)))
        assert not any(one.kind == "divergence_window" for one in told)


@pytest.mark.parametrize(("verdict", "weight"), [(FELL, 0.7), (NOISE, 0.35)])
def test_the_end_is_told_by_its_distance_from_the_best(verdict: Verdict, weight: float) -> None:
    (told,) = observations.ends_below_best(seen(verdict, held_out=SCORE))
    text = (
        "Held-out pass@1 ends at 10 %, 50 points from its best, 60 % at step 2; the best of several noisy values is "
        "flattered by chance."
    )
    assert told == Observation("ends_below_best", text, weight, (2, 5), {"gap": 0.5})
    (told,) = observations.ends_below_best(seen(verdict, error=[1 - score for score in SCORE]))
    assert "ends at 0.90, 0.50 from its best, 0.40 at step 2" in told.text


@pytest.mark.parametrize(("last", "told"), [(0.951, False), (0.949, True)])
def test_a_gap_below_the_best_is_told_from_a_twentieth_of_the_range(last: float, told: bool) -> None:
    assert bool(list(observations.ends_below_best(seen(held_out=[0.0, 0.4, 1.0, 0.97, last])))) is told


@pytest.mark.parametrize(
    ("score", "told"), [([0.5, 0.1], 0), ([0.5, 0.4, 0.1], 1), ([0.1, 0.2, 0.3], 0), ([1, 1, 1], 0)]
)
def test_three_evaluations_show_whether_the_last_is_below_the_best(score: list[float], told: int) -> None:
    assert len(list(observations.ends_below_best(seen(held_out=score)))) == told


def test_a_level_that_shifts_at_once_is_told_where_the_verdict_allows_it() -> None:
    stairs = [level + noise for level in (0, 1) for noise in WAVE * 5]
    (told,) = observations.shifts_level(seen(reward=stairs))
    assert told == Observation("level_shift", "Reward shifts its level at step 10 (0.01 to 1.01).", 0.3, (10,))
    down = [1 - value for value in stairs]
    for verdict, up in ((ROSE, True), (FELL, False)):
        assert len(list(observations.shifts_level(seen(verdict, held_out=stairs)))) == up
        assert len(list(observations.shifts_level(seen(verdict, held_out=down)))) == (not up)
        assert len(list(observations.shifts_level(seen(verdict, error=down)))) == up


@pytest.mark.parametrize(("each", "count"), [(4, 1), (3, 0)])
def test_shifts_are_looked_for_from_eight_values_on(each: int, count: int) -> None:
    stairs = [level + noise for level in (0, 5) for noise in (0.0, 0.002, 0.001, 0.0)[:each]]
    assert len(list(observations.shifts_level(seen(reward=stairs)))) == count


@pytest.mark.parametrize(
    ("count", "share", "told"), [(8, 0.51, True), (7, 0.51, False), (8, 0.5, False), (8, float("nan"), False)]
)
def test_a_curve_is_volatile_where_noise_is_more_than_half_of_its_movement(
    count: int, share: float, told: bool
) -> None:
    of = seen(reward=[0, 1] * 4)
    described = replace(of.described[0], count=count, noise_share=share, noise_sd=0.25)
    text = "Reward is volatile: about 51% of its point-to-point movement is noise (standard deviation 0.25)."
    expected = [Observation("volatile", text, 0.25, evidence={"noise_share": 0.51, "sd": 0.25})]
    assert list(observations.volatile(replace(of, described=(described,)))) == (expected if told else [])


@pytest.mark.parametrize(("problems", "score", "told"), [(100, [0.5] * 2, 1), (None, [0.5] * 2, 0), (100, [0.5], 0)])
def test_the_resolution_is_told_of_two_evaluations_of_known_size(
    problems: float | None, score: list[float], told: int
) -> None:
    assert [one.weight for one in observations.resolves(seen(problems=problems, held_out=score))] == [0.2] * told


def test_observations_of_equal_weight_keep_the_order_of_the_observers() -> None:
    told = observations.observe(seen(FELL, reward=REWARD, held_out=SCORE))
    assert [one.kind for one in told[:3]] == ["parts_at_the_end", "peaks_apart", "ends_below_best"]
    kinds = [observer.__name__ for observer in observations.OBSERVERS]
    assert kinds.index("peaks_apart") < kinds.index("surges_late") < kinds.index("volatile")

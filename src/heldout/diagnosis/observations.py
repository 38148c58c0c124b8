"""Key observations: each is one function over the curves, and `OBSERVERS` lists them all.

An observer looks for one thing and returns observations with a weight, none where there is nothing to say. All of them
describe a finished log; none is an alarm, and their z values are not corrected for having looked in many places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from heldout.diagnosis.courses import difference, written
from heldout.diagnosis.curves import blocks
from heldout.diagnosis.model import Curve, Observation, Pair, SeriesDescription
from heldout.diagnosis.pairs import together, written_r
from heldout.metrics import Better, heading_of
from heldout.run import FloatArray
from heldout.stats.divergence import divergence_windows, opposite_turns
from heldout.stats.shifts import level_shifts
from heldout.stats.surge import Surge, late_surge, surge_start
from heldout.text import counted, number

_CLEAR = 2.0  # a difference of so many standard deviations is spoken of as real


@dataclass(frozen=True, slots=True)
class Seen:
    """What the observers look at."""

    curves: tuple[Curve, ...]
    described: tuple[SeriesDescription, ...]
    pairs: tuple[Pair, ...]

    def curve(self, role: str) -> Curve | None:
        """Return the curve that plays a part."""
        return next((curve for curve in self.curves if curve.role == role), None)


Observer = Callable[[Seen], Iterator[Observation]]


def observe(seen: Seen) -> tuple[Observation, ...]:
    """Return all observations, the weightiest first."""
    found = [observation for observer in OBSERVERS for observation in observer(seen)]
    return tuple(sorted(found, key=lambda observation: -observation.weight))


def constant(seen: Seen) -> Iterator[Observation]:
    """A curve that never moves."""
    for curve in seen.curves:
        if curve.range == 0 and len(curve.series) > 1:
            text = (
                f"{_name(curve)} is {written(curve, float(curve.value[0]))} at all "
                f"{counted(len(curve.series), 'step')}."
            )
            yield Observation("constant", text, 0.9, evidence={"value": float(curve.value[0])})


def parts_at_the_end(seen: Seen) -> Iterator[Observation]:
    """The reward holds while the held-out score falls from its last high to the end."""
    reward, held_out = seen.curve("reward"), seen.curve("held_out")
    if reward is None or held_out is None:
        return
    fall = _final_fall(held_out)
    if fall is None:
        return
    start, drop, z = fall
    inside = reward.value[reward.step >= start]
    if len(inside) < 2 or z < 1.5:
        return
    how = _holds(reward, inside)
    if how is None:
        return
    last = float(held_out.value[-1])
    text = (
        f"After step {start:.0f} {_name(reward, False)} {how} while {_name(held_out, False)} falls from "
        f"{written(held_out, last + drop * _sign(held_out))} to {written(held_out, last)}, {z:.1f} times the "
        "noise of a "
        "difference."
    )
    evidence = {"drop": drop, "z": z, "reward_low": float(inside.min()), "reward_high": float(inside.max())}
    yield Observation("parts_at_the_end", text, 1.0, (int(start), int(held_out.step[-1])), evidence)


def _holds(reward: Curve, inside: FloatArray) -> str | None:
    """Say that the reward stayed high over a stretch, or that it rose; None where it did neither."""
    low, high = float(inside.min()), float(inside.max())
    middle = reward.value[0] + 0.5 * (reward.value.max() - reward.value[0])
    if low >= middle and high > reward.value[0]:
        floor = number(_round_below(low, reward.range), reward.range)
        return f"stays above {floor} ({written(reward, low)} to {written(reward, high)})"
    if inside[-1] - inside[0] >= 0.5 * reward.range:
        return f"rises from {written(reward, float(inside[0]))} to {written(reward, float(inside[-1]))}"
    return None


def same_measure(seen: Seen) -> Iterator[Observation]:
    """A held-out score that is the reward itself, under another name."""
    reward, held_out = seen.curve("reward"), seen.curve("held_out")
    if reward is None or held_out is None or not held_out.range:
        return
    common, at, other = np.intersect1d(reward.series.step, held_out.series.step, return_indices=True)
    if len(common) >= 3 and np.array_equal(reward.series.value[at], held_out.series.value[other]):
        text = (
            f"{_name(held_out)} ({held_out.series.name}) equals {_name(reward, False)} ({reward.series.name}) at all "
            f"{counted(len(common), 'common step')}: it is the reward itself, not an independent judge of it; "
            "choose another "
            "with --eval KEY."
        )
        yield Observation("same_measure", text, 1.0, evidence={"steps": float(len(common))})


def peaks_apart(seen: Seen) -> Iterator[Observation]:
    """Two curves that peak far apart, or at the same step."""
    for pair in seen.pairs:
        left, right = seen.curve(pair.left), seen.curve(pair.right)
        if (
            left is None
            or right is None
            or not (left.range and right.range)
            or "held_out" not in (left.role, right.role)
        ):
            continue
        first, second = (float(c.step[_best(c)]) for c in (left, right))
        span = max(left.step[-1], right.step[-1]) - min(left.step[0], right.step[0])
        values = [written(c, float((c.value * _sign(c)).max() * _sign(c))) for c in (left, right)]
        evidence = {"left_step": first, "right_step": second, "apart": abs(first - second)}
        steps = (int(min(first, second)), int(max(first, second)))
        if first == second:
            text = f"{_name(left)} and {_name(right, False)} both peak at step {first:.0f} ({values[0]}; {values[1]})."
            yield Observation("peaks_together", text, 0.6, steps, evidence)
        elif abs(first - second) >= 0.1 * span:
            later = "after" if first > second else "before"
            text = (
                f"{_name(left)} peaks at step {first:.0f} ({values[0]}), {abs(first - second):.0f} steps {later} "
                f"{_name(right, False)} (step {second:.0f}, {values[1]})."
            )
            held_out = left if left.role == "held_out" else right
            flat = _z(float(abs(held_out.value[_best(held_out)] - held_out.value[-1])), held_out) < _CLEAR
            if flat:
                text += f" The last {held_out.label} is within its noise of that peak."
            yield Observation("peaks_apart", text, 0.3 if flat else 0.8, steps, evidence)


def moves_together(seen: Seen) -> Iterator[Observation]:
    """Two curves that rise and fall together, or against each other."""
    for pair in seen.pairs:
        left, right = seen.curve(pair.left), seen.curve(pair.right)
        change = pair.movement.differences
        levels = pair.movement.levels
        if left is None or right is None or not math.isfinite(levels.r) or not math.isfinite(change.r):
            continue
        clear = any(found.low > 0 or found.high < 0 for found in (change, pair.movement.detrended))
        strong = abs(levels.r) >= 0.7
        if not clear and not strong:
            continue
        word = ("strong " if strong else "") + ("positive" if (change.r if clear else levels.r) > 0 else "negative")
        text = (
            f"{_name(left)} and {_name(right, False)} have a {word} correlation: r = {written_r(levels)} for levels"
            f"{' (trend-dominated)' if pair.movement.levels_are == 'trend-dominated' else ''}, {written_r(change)} for "
            f"changes from one point to the next, {written_r(pair.movement.detrended)} without the trend "
            f"(95 % intervals that allow for autocorrelation, {counted(pair.count, 'point')})."
        )
        if not clear:
            text += " The changes do not settle it: common trends alone give such levels."
        weight = 0.4 if not clear or "held_out" not in (pair.left, pair.right) else 0.9 if strong else 0.6
        yield Observation(
            "moves_together",
            text,
            weight,
            evidence={"levels": levels.r, "differences": change.r, "detrended": pair.movement.detrended.r},
        )


def surges_late(seen: Seen) -> Iterator[Observation]:
    """Most of the gain comes late, after a calm."""
    for curve in seen.curves:
        step, value, variance = blocks(curve)
        surge = _surge(step, value * _sign(curve), variance) if len(step) >= 8 and curve.range else None
        if surge is None:
            continue
        before, after = surge.before * _sign(curve), surge.after * _sign(curve)
        last_calm = float(step[step < surge.start_step][-1])
        text = (
            f"{_name(curve)} surges late, after step {last_calm:.0f}: {written(curve, before)} on average in the "
            "stretch before, "
            f"{written(curve, after)} from step {surge.start_step:.0f} on (z = {surge.z:.1f})."
        )
        stop = _patience_stop(curve) if curve.role == "held_out" else None
        if stop is not None and stop < surge.start_step:
            text += (
                f" A rule that stops after three evaluations without a new best would have stopped at step {stop:.0f}."
            )
        evidence = {"after_step": last_calm, "before": before, "after": after, "z": surge.z}
        weight = 0.65 if curve.role == "held_out" else 0.55
        yield Observation("late_surge", text, weight, (int(last_calm), int(step[-1])), evidence)


def _surge(step: FloatArray, value: FloatArray, variance: float) -> Surge | None:
    """Return a surge found by looking back, or else one that is going on."""
    return surge_start(step, value, variance) or late_surge(step, value, variance)


def _patience_stop(curve: Curve, patience: int = 3) -> float | None:
    """Return the step at which patience runs out: so many values in a row without a new best."""
    value = curve.series.value * _sign(curve)
    since_best = np.arange(len(value)) - np.maximum.accumulate(
        np.where(value >= np.maximum.accumulate(value), np.arange(len(value)), 0)
    )
    late = np.flatnonzero(since_best >= patience)
    return float(curve.series.step[late[0]]) if len(late) else None


def turns_against(seen: Seen) -> Iterator[Observation]:
    """Curves that usually move together part: at one step, or over a window."""
    for pair in seen.pairs:
        left, right = seen.curve(pair.left), seen.curve(pair.right)
        usually_together = pair.movement.differences.low > 0 or pair.movement.detrended.low > 0
        if left is None or right is None or not usually_together:
            continue
        common = together(left, right)
        turns = opposite_turns(common.step, common.a, common.b) if len(common.step) <= 200 else ()
        if turns and turns[0].score >= 0.5:
            turn = turns[0]
            high, low = (left, right) if turn.x_deviation > 0 else (right, left)
            values = {left.role: turn.x_value, right.role: turn.y_value}
            text = (
                f"At step {turn.step:.0f} they part most: {_name(high, False)} has a local peak "
                f"({written(high, values[high.role])}) where {_name(low, False)} has a local trough "
                f"({written(low, values[low.role])})."
            )
            yield Observation(
                "opposite_turn",
                text.replace("they part", f"{_name(left, False)} and {_name(right, False)} part"),
                0.5,
                (int(turn.step),),
                {"score": turn.score},
            )
        yield from _windows(left, right, common.step, common.a, common.b)


def _windows(left: Curve, right: Curve, step: FloatArray, x: FloatArray, y: FloatArray) -> Iterator[Observation]:
    for window in divergence_windows(step, x, y):
        text = (
            f"From step {window.start:.0f} to {window.end:.0f} {_name(left, False)} rises while {_name(right, False)} "
            "falls (exploratory: many windows were looked at)."
        )
        yield Observation(
            "divergence_window",
            text,
            0.6 if left.role == "reward" else 0.4,
            (int(window.start), int(window.end)),
            {"left_z": window.x_slope_z, "right_z": window.y_slope_z},
        )


def ends_below_best(seen: Seen) -> Iterator[Observation]:
    """The last held-out score is worse than the best one."""
    curve = seen.curve("held_out")
    if curve is None or len(curve.step) < 3 or not curve.range:
        return
    sign = _sign(curve)
    best = _best(curve)
    gap = float((curve.value[best] - curve.value[-1]) * sign)
    if best == len(curve.value) - 1 or gap < 0.05 * curve.range:
        return
    z = _z(gap, curve)
    worth = "within the noise of a single difference" if z < _CLEAR else f"{z:.1f} times the noise of a difference"
    text = (
        f"{_name(curve)} ends at {written(curve, float(curve.value[-1]))}, a regression of "
        f"{difference(curve, gap)} from its "
        f"best, {written(curve, float(curve.value[best]))} at step {curve.step[best]:.0f} ({worth}; the best of "
        "several "
        "noisy values is flattered by chance)."
    )
    yield Observation(
        "ends_below_best",
        text,
        0.7 if z >= _CLEAR else 0.35,
        (int(curve.step[best]), int(curve.step[-1])),
        {"gap": gap, "z": z},
    )


def shifts_level(seen: Seen) -> Iterator[Observation]:
    """A curve that changes its level at once."""
    for curve in seen.curves:
        step, value, variance = blocks(curve)
        if len(step) < 8 or not curve.range or not variance > 0:
            continue
        shifts = level_shifts(step, value, variance)
        if shifts:
            listed = "; ".join(
                f"step {s.step:.0f} ({written(curve, s.before)} to {written(curve, s.after)})" for s in shifts
            )
            text = f"{_name(curve)} shifts its level at {listed}."
            yield Observation("level_shift", text, 0.3, tuple(int(s.step) for s in shifts))


def volatile(seen: Seen) -> Iterator[Observation]:
    """Noise hides the movement."""
    noisy = [d for d in seen.described if d.noise_share > 0.5 and d.count >= 8]
    for described in noisy:
        curve = seen.curve(described.role)
        if curve is None or not curve.range:
            continue
        text = (
            f"{_name(curve)} is volatile: about {described.noise_share:.0%} of its point-to-point movement is noise "
            f"(standard deviation {difference(curve, described.noise_sd)})."
        )
        yield Observation(
            "volatile", text, 0.25, evidence={"noise_share": described.noise_share, "sd": described.noise_sd}
        )


def resolves(seen: Seen) -> Iterator[Observation]:
    """What difference the evaluation could show."""
    curve = seen.curve("held_out")
    if curve is None or curve.series.problems is None or len(curve.series) < 2:
        return
    smallest = 1.96 * math.sqrt(2 * curve.variance)
    text = (
        f"With evaluations of this size two of them must differ by {difference(curve, smallest)} or more to be told "
        "from noise (95 %)."
    )
    yield Observation("resolution", text, 0.2, evidence={"smallest_difference": smallest})


OBSERVERS: tuple[Observer, ...] = (
    constant,
    same_measure,
    parts_at_the_end,
    peaks_apart,
    moves_together,
    surges_late,
    turns_against,
    ends_below_best,
    shifts_level,
    volatile,
    resolves,
)


def _name(curve: Curve, first: bool = True) -> str:
    """Name a curve at the start of a sentence or inside it."""
    return heading_of(curve.series.name) if first else curve.label


def _best(curve: Curve) -> int:
    """Return the index of the best value of the line."""
    return int(np.argmax(curve.value * _sign(curve)))


def _sign(curve: Curve) -> float:
    return -1.0 if curve.better is Better.LOWER else 1.0


def _z(difference: float, curve: Curve) -> float:
    """Return a difference of two points of the line in units of its noise."""
    sd = math.sqrt(2 * curve.line_variance) if curve.line_variance >= 0 else math.nan
    return difference / sd if sd > 0 else math.inf if difference else 0.0


def _final_fall(curve: Curve) -> tuple[float, float, float] | None:
    """Return where the last fall begins, how deep it is at the end, and its z.

    It begins at the last point that holds four fifths of the way down from the highest one: later points are on the
    way down, earlier ones are a plateau.
    """
    value = curve.value * _sign(curve)
    if len(value) < 3:
        return None
    below = value - value[-1]
    best = float(below.max())
    if best <= 0:
        return None
    start = int(np.flatnonzero(below >= 0.8 * best)[-1])
    return float(curve.step[start]), float(below[start]), _z(float(below[start]), curve)


def _round_below(value: float, span: float) -> float:
    """Return the round number just below a value, on the grid that an axis of this span would have."""
    if not span:
        return value
    power = 10.0 ** math.floor(math.log10(span / 10))
    grid = next(power * factor for factor in (1, 2.5, 5, 10, 25) if power * factor * 9.2 >= span)
    return math.floor(value / grid + 1e-9) * grid

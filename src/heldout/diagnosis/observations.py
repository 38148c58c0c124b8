"""Key observations: each is one function over the curves, and `OBSERVERS` lists them all.

An observer looks for one thing and returns observations with a weight, none where there is nothing to say. All of them
describe a finished log; none is an alarm, and their z values are not corrected for having looked in many places. That
the held-out score rose or fell is the verdict's claim: an observer repeats it (`Seen.told`) and makes none of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from heldout.diagnosis.courses import difference, written
from heldout.diagnosis.curves import blocks, together, written_r
from heldout.diagnosis.model import Curve, Observation, Pair, Seen
from heldout.metrics import heading_of
from heldout.metrics.phrasing import bare
from heldout.stats.arrays import FloatArray
from heldout.stats.correlation import Aligned
from heldout.stats.divergence import divergence_windows, opposite_turns
from heldout.stats.levels import quantile
from heldout.stats.shifts import level_shifts
from heldout.stats.trend import late_surge, surge_start
from heldout.text import counted

_APART = 0.1  # of the run: extremes nearer to each other than that are not spoken of
_VISIBLE = 0.05  # of the range: a smaller gap is not seen in the figure
_STRONG = 0.7  # a correlation that explains half of the variance
_PATIENCE = 3  # evaluations without a new best after which early stopping customarily stops
_CLEAR_TURN = 0.5  # score of a turn against the other curve, from 0 to 1
_FEW = 200  # points up to which a single one that turns is worth naming

Observer = Callable[[Seen], Iterator[Observation]]


def observe(seen: Seen) -> tuple[Observation, ...]:
    """Return all observations, the weightiest first."""
    found = [observation for observer in OBSERVERS for observation in observer(seen)]
    return tuple(sorted(found, key=lambda observation: -observation.weight))


def constant(seen: Seen) -> Iterator[Observation]:
    """A curve that never moves."""
    for curve in seen.curves:
        if curve.range == 0 and len(curve.series) > 1:
            level = float(curve.value[0])
            text = f"{_name(curve)} is {written(curve, level)} at all {counted(len(curve.series), 'step')}."
            yield Observation("constant", text, 0.9, evidence={"value": level})


def same_measure(seen: Seen) -> Iterator[Observation]:
    """A held-out score that is the reward itself, under another name."""
    reward, held_out = seen.curve("reward"), seen.curve("held_out")
    if reward is None or held_out is None or not held_out.range:
        return
    common, at, other = np.intersect1d(reward.series.step, held_out.series.step, return_indices=True)
    if len(common) >= 3 and np.array_equal(reward.series.value[at], held_out.series.value[other]):
        text = (
            f"{_name(held_out)} ({held_out.series.name}) equals {_name(reward, False)} ({reward.series.name}) at all "
            f"{counted(len(common), 'common step')}: it is the reward itself, not an independent judge of it; choose "
            "another with --eval KEY."
        )
        yield Observation("same_measure", text, 1.0, evidence={"steps": float(len(common))})


def parts_at_the_end(seen: Seen) -> Iterator[Observation]:
    """What the reward does on the last way down of a held-out score that has fallen, or may have."""
    reward, held_out = seen.curve("reward"), seen.curve("held_out")
    if reward is None or held_out is None or not (seen.verdict.fell or seen.verdict.suspected):
        return
    start = _last_high(held_out)
    inside = reward.value[reward.step >= held_out.step[start]]
    how = _holds(reward, inside) if len(inside) >= 2 else None
    if how is None:
        return
    first, last = float(held_out.value[start]), float(held_out.value[-1])
    falls = "falls" if held_out.sign > 0 else "rises"
    verb, doubt = (falls, "") if seen.verdict.fell else ("goes", ", which may be a fall and may be noise")
    text = (
        f"After step {held_out.step[start]:.0f} {_name(reward, False)} {how} while {_name(held_out, False)} {verb} "
        f"from {written(held_out, first)} to {written(held_out, last)}{doubt}."
    )
    evidence = {
        "drop": (first - last) * held_out.sign,
        "reward_low": float(inside.min()),
        "reward_high": float(inside.max()),
    }
    steps = (int(held_out.step[start]), int(held_out.step[-1]))
    yield Observation("parts_at_the_end", text, 1.0 if seen.verdict.fell else 0.75, steps, evidence)


def _last_high(curve: Curve) -> int:
    """Where the last way down begins: the last point that holds four fifths of the way from the highest to the end.

    Later points are on the way down, earlier ones are a plateau.
    """
    above = (curve.value - curve.value[-1]) * curve.sign
    return int(np.flatnonzero(above >= 0.8 * above.max())[-1])


def _holds(reward: Curve, inside: FloatArray) -> str | None:
    """Say that the reward stayed high over a stretch, or that it rose; None where it did neither."""
    low, high = float(inside.min()), float(inside.max())
    middle = reward.value[0] + 0.5 * (reward.value.max() - reward.value[0])
    if low >= middle and high > reward.value[0]:
        floor = bare(reward.scale, _round_below(low, reward.range), reward.range)
        return f"stays above {floor} ({written(reward, low)} to {written(reward, high)})"
    if inside[-1] - inside[0] >= 0.5 * reward.range:
        return f"rises from {written(reward, float(inside[0]))} to {written(reward, float(inside[-1]))}"
    return None


def peaks_apart(seen: Seen) -> Iterator[Observation]:
    """The held-out score and another curve that peak far apart, or at the same step."""
    for pair, left, right in _pairs(seen):
        if not (left.range and right.range) or "held_out" not in (pair.left, pair.right):
            continue
        first, second = (float(c.step[_best(c)]) for c in (left, right))
        span = max(left.step[-1], right.step[-1]) - min(left.step[0], right.step[0])
        values = [written(c, float(c.value[_best(c)])) for c in (left, right)]
        evidence = {"left_step": first, "right_step": second, "apart": abs(first - second)}
        steps = (int(min(first, second)), int(max(first, second)))
        if first == second:
            text = f"{_name(left)} and {_name(right, False)} both peak at step {first:.0f} ({values[0]}; {values[1]})."
            yield Observation("peaks_together", text, 0.6, steps, evidence)
        elif abs(first - second) >= _APART * span:
            later = "after" if first > second else "before"
            text = (
                f"{_name(left)} peaks at step {first:.0f} ({values[0]}), {abs(first - second):.0f} steps {later} "
                f"{_name(right, False)} (step {second:.0f}, {values[1]})."
            )
            yield Observation("peaks_apart", text, 0.8 if seen.verdict.fell else 0.3, steps, evidence)


def moves_together(seen: Seen) -> Iterator[Observation]:
    """Two curves that rise and fall together, or against each other."""
    for pair, left, right in _pairs(seen):
        levels, change, detrended = pair.movement.levels, pair.movement.differences, pair.movement.detrended
        if not math.isfinite(levels.r) or not math.isfinite(change.r):
            continue
        clear = any(found.low > 0 or found.high < 0 for found in (change, detrended))
        strong = abs(levels.r) >= _STRONG
        if not clear and not strong:
            continue
        word = ("strong " if strong else "") + ("positive" if (change.r if clear else levels.r) > 0 else "negative")
        dominated = " (trend-dominated)" if pair.movement.levels_are == "trend-dominated" else ""
        text = (
            f"{_name(left)} and {_name(right, False)} have a {word} correlation: r = {written_r(levels)} for levels"
            f"{dominated}, {written_r(change)} for changes from one point to the next, {written_r(detrended)} without "
            f"the trend (95 % intervals that allow for autocorrelation, {counted(pair.count, 'point')})."
        )
        if not clear:
            text += " The changes do not settle it: common trends alone give such levels."
        weight = 0.4 if not clear or "held_out" not in (pair.left, pair.right) else 0.9 if strong else 0.6
        evidence = {"levels": levels.r, "differences": change.r, "detrended": detrended.r}
        yield Observation("moves_together", text, weight, evidence=evidence)


def surges_late(seen: Seen) -> Iterator[Observation]:
    """Most of the gain comes late, after a calm."""
    for curve in seen.curves:
        step, value, variance = blocks(curve)
        if len(step) < 8 or not curve.range or not seen.told(curve, curve.sign):
            continue
        rising = value * curve.sign
        surge = surge_start(step, rising, variance) or late_surge(step, rising, variance)  # over, or still going on
        if surge is None:
            continue
        before, after = surge.before * curve.sign, surge.after * curve.sign
        last_calm = float(step[step < surge.start_step][-1])
        text = (
            f"{_name(curve)} surges late, after step {last_calm:.0f}: {written(curve, before)} on average in the "
            f"stretch before, {written(curve, after)} from step {surge.start_step:.0f} on (z = {surge.z:.1f})."
        )
        stop = _patience_stop(curve) if curve.role == "held_out" else None
        if stop is not None and stop < surge.start_step:
            rule = "A rule that stops after three evaluations without a new best"
            text += f" {rule} would have stopped at step {stop:.0f}."
        evidence = {"after_step": last_calm, "before": before, "after": after, "z": surge.z}
        weight = 0.65 if curve.role == "held_out" else 0.55
        yield Observation("late_surge", text, weight, (int(last_calm), int(step[-1])), evidence)


def _patience_stop(curve: Curve) -> float | None:
    """Return the step at which patience runs out: so many values in a row without a new best."""
    value = curve.series.value * curve.sign
    index = np.arange(len(value))
    best = np.maximum.accumulate(np.where(value >= np.maximum.accumulate(value), index, 0))
    late = np.flatnonzero(index - best >= _PATIENCE)
    return float(curve.series.step[late[0]]) if len(late) else None


def turns_against(seen: Seen) -> Iterator[Observation]:
    """Curves that usually move together differ: at one step, or over a window."""
    for pair, left, right in _pairs(seen):
        if pair.movement.differences.low > 0 or pair.movement.detrended.low > 0:
            common = together(left, right)
            yield from _opposite(left, right, common)
            if seen.told(left, 1.0) and seen.told(right, -1.0):
                yield from _windows(left, right, common)


def _opposite(left: Curve, right: Curve, common: Aligned) -> Iterator[Observation]:
    turns = opposite_turns(common.step, common.a, common.b) if len(common.step) <= _FEW else ()
    if turns and turns[0].score >= _CLEAR_TURN:
        turn = turns[0]
        high, low = (left, right) if turn.x_deviation > 0 else (right, left)
        values = {left.role: turn.x_value, right.role: turn.y_value}
        text = (
            f"At step {turn.step:.0f} {_name(high, False)} has a local peak ({written(high, values[high.role])}) where "
            f"{_name(low, False)} has a local trough ({written(low, values[low.role])}): single values, which noise "
            "moves too."
        )
        yield Observation("opposite_turn", text, 0.5, (int(turn.step),), {"score": turn.score})


def _windows(left: Curve, right: Curve, common: Aligned) -> Iterator[Observation]:
    for window in divergence_windows(common.step, common.a, common.b):
        text = (
            f"From step {window.start:.0f} to {window.end:.0f} {_name(left, False)} rises while {_name(right, False)} "
            "falls (exploratory: many windows were looked at)."
        )
        weight = 0.6 if left.role == "reward" else 0.4
        evidence = {"left_z": window.x_slope_z, "right_z": window.y_slope_z}
        yield Observation("divergence_window", text, weight, (int(window.start), int(window.end)), evidence)


def ends_below_best(seen: Seen) -> Iterator[Observation]:
    """The last held-out score is worse than the best one."""
    curve = seen.curve("held_out")
    if curve is None or len(curve.step) < 3:
        return
    best = _best(curve)
    gap = float((curve.value[best] - curve.value[-1]) * curve.sign)
    if gap <= 0 or gap < _VISIBLE * curve.range:
        return
    text = (
        f"{_name(curve)} ends at {written(curve, float(curve.value[-1]))}, {difference(curve, gap)} from its best, "
        f"{written(curve, float(curve.value[best]))} at step {curve.step[best]:.0f}; the best of several noisy values "
        "is flattered by chance."
    )
    steps = (int(curve.step[best]), int(curve.step[-1]))
    yield Observation("ends_below_best", text, 0.7 if seen.verdict.fell else 0.35, steps, {"gap": gap})


def shifts_level(seen: Seen) -> Iterator[Observation]:
    """A curve that changes its level at once."""
    for curve in seen.curves:
        step, value, variance = blocks(curve)
        shifts = level_shifts(step, value, variance) if len(step) >= 8 and curve.range else ()
        shifts = tuple(shift for shift in shifts if seen.told(curve, shift.z))
        if shifts:
            moves = (f"step {s.step:.0f} ({written(curve, s.before)} to {written(curve, s.after)})" for s in shifts)
            text = f"{_name(curve)} shifts its level at {'; '.join(moves)}."
            yield Observation("level_shift", text, 0.3, tuple(int(s.step) for s in shifts))


def volatile(seen: Seen) -> Iterator[Observation]:
    """Noise hides the movement."""
    for curve, described in zip(seen.curves, seen.described, strict=True):
        if curve.range and described.count >= 8 and described.noise_share > 0.5:
            text = (
                f"{_name(curve)} is volatile: about {described.noise_share:.0%} of its point-to-point movement is "
                f"noise (standard deviation {difference(curve, described.noise_sd)})."
            )
            evidence = {"noise_share": described.noise_share, "sd": described.noise_sd}
            yield Observation("volatile", text, 0.25, evidence=evidence)


def resolves(seen: Seen) -> Iterator[Observation]:
    """What difference the evaluation could show."""
    curve = seen.curve("held_out")
    if curve is None or curve.series.problems is None or len(curve.series) < 2:
        return
    smallest = quantile(0.975) * math.sqrt(2 * curve.variance)
    text = (
        f"With evaluations of this size two of them must differ by {difference(curve, smallest)} or more to be told "
        "from noise (95 %)."
    )
    yield Observation("resolution", text, 0.2, evidence={"smallest_difference": smallest})


OBSERVERS: tuple[Observer, ...] = (  # their order decides between observations of equal weight
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


def _pairs(seen: Seen) -> Iterator[tuple[Pair, Curve, Curve]]:
    """Every pair with its two curves."""
    curves = {curve.role: curve for curve in seen.curves}
    return ((pair, curves[pair.left], curves[pair.right]) for pair in seen.pairs)


def _name(curve: Curve, first: bool = True) -> str:
    """Name a curve at the start of a sentence or inside it."""
    return heading_of(curve.series.name) if first else curve.label


def _best(curve: Curve) -> int:
    """Return the index of the best value of the line."""
    return int(np.argmax(curve.value * curve.sign))


def _round_below(value: float, span: float) -> float:
    """Return the round number just below a value, on the grid that an axis of this span would have."""
    if not span:
        return value
    power = 10.0 ** math.floor(math.log10(span / 10))
    grid = next(power * factor for factor in (1, 2.5, 5, 10, 25) if power * factor * 9.2 >= span)
    return math.floor(value / grid + 1e-9) * grid

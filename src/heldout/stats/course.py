"""Does a series rise, fall, turn or jump by more than slow noise explains? One test, with one error for all its words.

A word is stated where the test of it exceeds a value that series without a course, of independent or autocorrelated
noise, exceed in at most 5 % of cases, all words together. Where none does, nothing is said of a course.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from heldout.stats.arrays import FloatArray, IntArray, floats, scaled
from heldout.stats.autoregressive import (
    LONG,
    ROUNDING,
    clipped,
    left_over,
    phi_of_blocks,
    phi_of_residuals,
    quadratic,
    t_values,
    times,
)
from heldout.stats.levels import TWO_SIDED_95, quantile

FEWEST = 8  # values, below which noise and a course cannot be told apart
MOST_BLOCKS = 64  # more tell slow noise no better, and the cost is then the same for every length
_KNOTS, _LEG = (1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4), 4  # where two legs may meet, and the fewest blocks on each
_BENDS, _LATE = (1 / 2, 5 / 8, 3 / 4, 7 / 8), 3.0  # where a late change may begin, and how much more of it is late

# What a random walk does not do either: in the blocks and in 16 of them, over the whole, over a part, over two legs. A
# leap is one change so many times as large as the others.
_WALK_BLOCKS, _LEAP = 16, 8.0
_WALK_LINE, _WALK_PART, _WALK_LEG = (quantile(1.0 - p) for p in (0.003, 0.0005, 0.01))

# Simulated 5 % points for blocks of AR(1) noise: from so many blocks on, base and slope in phi squared.
_LINE = (
    *((8, 8.0, 0.0), (12, 7.2, 0.0), (16, 7.0, 0.0), (20, 4.6, 30.0)),
    *((24, 3.2, 30.0), (32, 2.2, 20.0), (40, 2.2, 18.0), (64, 2.2, 12.0)),
)
_LEGS = ((8, 3.8, 3.0), (12, 3.4, 4.0), (20, 3.0, 10.0), (24, 2.2, 12.0), (32, 1.85, 12.0), (40, 1.85, 6.0))
_SHIFT = ((24, 4.9, 12.0), (32, 3.9, 12.0))
_BEND = ((8, 2.6, 12.0),)


class Way(StrEnum):
    """What a series does from its first to its last value."""

    TOO_FEW = "too few"
    LEVEL = "level"  # exactly: every value is the same
    UNKNOWN = "unknown"  # no course beyond the noise
    RISES = "rises"
    FALLS = "falls"
    PEAKS = "rises, then falls"
    DIPS = "falls, then rises"


@dataclass(frozen=True, slots=True)
class Around:
    """The mean of the values around a step."""

    step: float
    value: float
    half: float  # half width of its 95 % interval; `nan` where that is unknown


@dataclass(frozen=True, slots=True)
class Jump:
    """A change of the level at once."""

    step: float  # the first one on the new level
    before: float  # mean level before it, and since then
    after: float
    t: float  # of the jump beside a curve that bends


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a series does, and the numbers behind the word."""

    way: Way
    start: Around
    end: Around
    phi: float = math.nan  # autocorrelation of neighbouring blocks
    line: float = math.nan  # t of the slope of a line, and of the weaker leg of a rise and a fall, a fall and a rise
    up: float = math.nan
    down: float = math.nan
    jump: Jump | None = None  # a rise or fall that comes at once
    turn: Around | None = None  # the highest level of a rise and a fall, the lowest of a fall and a rise
    late: float | None = None  # the step after which most of a rise or fall comes
    ends: int = 0  # 1 or -1 where the last of few values lies clearly higher or lower than the first

    @property
    def change(self) -> float:
        """How much the end lies above the start."""
        return self.end.value - self.start.value

    @property
    def change_half(self) -> float:
        """Half width of the 95 % interval of the change."""
        return math.hypot(self.start.half, self.end.half)


def course(step: FloatArray, value: FloatArray, variance: float = math.nan) -> Course:
    """Does the series rise, fall, rise and then fall, jump, or has it no course beyond its noise?

    The series is averaged to 64 blocks at most, and lines, pairs of lines and steps are fitted to them by generalised
    least squares for AR(1) noise of the measured autocorrelation. Values count as evenly spaced.

    `step`, strictly increasing, and `value`: shape (N,), N at least 1. `variance`: noise variance of one value where it
    is known; fewer than eight values are then told apart by it.
    Returns `Way.TOO_FEW` below eight values, `Way.UNKNOWN` where nothing exceeds the noise. The cost is O(N).
    Raises ValueError without a value.

    All words together are false in at most 5 % of series of white or AR(1) noise (phi up to 0.95) of every length from
    3 to 100 000. A ramp of 1.5 noise standard deviations is told in 46 % at 32 values, 93 % at 100; fewer than 24
    values show only what is far beyond their noise. Where a curve is so far beyond its noise that its own bends look
    like a slow wander, the second test asks what a random walk does not do: drift, two opposite legs, or one leap eight
    times as large as all other changes. What it cannot see: white noise over a slow wander of half its variance gets a
    word in 41 % at 50 values, 11 % at 300, 2 % at 1000: the level does wander there.

    Source: Prais, Winsten 1954 (lines through AR(1) noise); critical values by simulation.
    """
    step, value = floats(step), floats(value)
    if not value.size:
        raise ValueError("the series has no value; give at least one.")
    value, power = scaled(value)
    if value.size > 1 and float(np.ptp(value)) <= 1e-12 * float(np.max(np.abs(value))):
        level = power * float(value.mean())
        return Course(way=Way.LEVEL, start=Around(float(step[0]), level, 0.0), end=Around(float(step[-1]), level, 0.0))
    if value.size < FEWEST:
        return _few(step, power * value, variance)
    return _in_unit(_tested(step, value), power)


def constant_since(step: FloatArray, value: FloatArray) -> tuple[float, int]:
    """Since which step are all values exactly the last one, and how many are they?"""
    other = np.flatnonzero(value != value[-1])
    first = int(other[-1]) + 1 if other.size else 0
    return float(step[first]), value.size - first


def _few(step: FloatArray, value: FloatArray, variance: float) -> Course:
    """The numbers of a series that is too short for a word."""
    half = TWO_SIDED_95 * math.sqrt(variance) if variance >= 0.0 else math.nan
    start, end = (Around(float(step[at]), float(value[at]), half) for at in (0, -1))
    change = end.value - start.value
    ends = int(np.sign(change)) if abs(change) > math.sqrt(2.0) * half else 0
    return Course(way=Way.TOO_FEW, start=start, end=end, ends=ends)


def _in_unit(found: Course, power: float) -> Course:
    """The course of a series that was divided by `power`."""

    def around(one: Around) -> Around:
        return Around(one.step, power * one.value, power * one.half)

    jump, turn = found.jump, found.turn
    return replace(
        found,
        start=around(found.start),
        end=around(found.end),
        jump=jump and replace(jump, before=power * jump.before, after=power * jump.after),
        turn=turn and around(turn),
    )


def _tested(step: FloatArray, value: FloatArray) -> Course:
    """Test line, legs and jump, in the order in which they are said."""
    blocks = min(value.size, MOST_BLOCKS)
    at, mean = (_averaged(array, blocks) for array in (step, value))
    first = step[_edges(value.size, blocks)[:-1]]
    phi = phi_of_blocks(value, mean)
    line, up, down = _line(mean, phi), *_legs(mean, phi)
    jump, near = _jump(first, mean, phi, long=value.size >= LONG)
    beyond, (leap, legs) = _beyond_a_walk(mean), _leap(first, mean)
    jump = jump or leap
    near = near if beyond is legs is Way.UNKNOWN and leap is None else 0.0
    start = _around(at, mean, near, slice(None, _ends(blocks)))
    end = _around(at, mean, near, slice(blocks - _ends(blocks), None))
    way = _way((_noise_way(blocks, phi, line, up, down), beyond, legs), jump, end.value - start.value)
    turn = late = None
    if way in (Way.PEAKS, Way.DIPS):
        turn, jump = _turn(at, mean, near, 1.0 if way is Way.PEAKS else -1.0), None
    elif way is not Way.UNKNOWN and jump is None:
        late = _late(first, mean, phi, 1.0 if way is Way.RISES else -1.0)
    return Course(
        way=way,
        start=start,
        end=end,
        phi=phi,
        line=line,
        up=up,
        down=down,
        jump=jump,
        turn=turn,
        late=late,
    )


def _way(tested: Sequence[Way], jump: Jump | None, change: float) -> Way:
    """The word: two legs before anything else, a jump before a line.

    A jump against the `change` from start to end is the second of two legs, for the first one went further.
    """
    for way in tested:
        if way in (Way.PEAKS, Way.DIPS):
            return way
    if jump is not None:
        up, undone = jump.after > jump.before, (jump.after - jump.before) * change < 0.0
        return (Way.DIPS if undone else Way.RISES) if up else (Way.PEAKS if undone else Way.FALLS)
    return next((way for way in tested if way is not Way.UNKNOWN), Way.UNKNOWN)


def _noise_way(blocks: int, phi: float, line: float, up: float, down: float) -> Way:
    """What autocorrelated noise around a level does not do."""
    if max(up, down) > _critical(_LEGS, blocks, phi):
        return Way.PEAKS if up >= down else Way.DIPS
    if abs(line) > _critical(_LINE, blocks, phi):
        return Way.RISES if line > 0.0 else Way.FALLS
    return Way.UNKNOWN


def _beyond_a_walk(mean: FloatArray) -> Way:
    """What a random walk does not do.

    A curve far beyond its noise that no quadratic fits leaves residuals as autocorrelated as a slow wander, and no line
    is then clear. But the changes of a wander from block to block have no direction.
    """
    surest = 0.0
    for blocks in (mean.size, min(mean.size, _WALK_BLOCKS)):
        few = _averaged(mean, blocks)
        change = np.diff(few)
        legs = [(_drift(change[: at - 1]), _drift(change[at:])) for at in _knots(blocks)]
        way = _two_legs(legs)
        if way is not Way.UNKNOWN:
            return way
        width = _ends(blocks)
        sign = 1.0 if few[-width:].mean() > few[:width].mean() else -1.0
        along = [sorted((sign * left, sign * right)) for left, right in legs]
        parts = [most for least, most in along if least > -1.0]  # a part that the other does not undo
        surest = max(surest, _drift(change) / _WALK_LINE, *(sign * z / _WALK_PART for z in parts), key=abs)
    return Way.UNKNOWN if abs(surest) <= 1.0 else Way.RISES if surest > 0.0 else Way.FALLS


def _two_legs(legs: Sequence[tuple[float, float]]) -> Way:
    """Whether both of two legs are clear at some knot, one upwards and one downwards."""
    for way, sign in ((Way.PEAKS, 1.0), (Way.DIPS, -1.0)):
        if max((min(sign * left, -sign * right) for left, right in legs), default=0.0) > _WALK_LEG:
            return way
    return Way.UNKNOWN


def _leap(first: FloatArray, mean: FloatArray) -> tuple[Jump | None, Way]:
    """The one change that is far larger than all others, where the level stays on its other side.

    Where the level moved the other way before it or does so after it, that is two legs and no leap.
    """
    change = np.diff(mean)
    at = int(np.argmax(np.abs(change))) + 1
    if min(at, mean.size - at) < _ends(mean.size):
        return None, Way.UNKNOWN
    leap, others = float(change[at - 1]), np.delete(change, at - 1)
    size = max(math.sqrt(float(np.mean(others**2))), ROUNDING * abs(leap))
    before, after = float(mean[:at].mean()), float(mean[at:].mean())
    if abs(leap) < _LEAP * size or (after - before) / leap < 0.5:
        return None, Way.UNKNOWN
    far = math.copysign(math.inf, leap)
    legs = _two_legs([(_drift(change[: at - 1]), far), (far, _drift(change[at:]))])
    return (Jump(float(first[at]), before, after, leap / size), Way.UNKNOWN) if legs is Way.UNKNOWN else (None, legs)


def _edges(count: int, blocks: int) -> IntArray:
    """Where blocks of values begin and end, alike from either end of the series."""
    return np.rint(np.arange(blocks + 1) * count / blocks).astype(np.int64)


def _averaged(values: FloatArray, blocks: int) -> FloatArray:
    edges = _edges(values.size, blocks)
    return floats(np.add.reduceat(values, edges[:-1]) / np.diff(edges))


def _drift(change: FloatArray) -> float:
    """How far the mean change is from none, as the standard normal value that is as rare (Wallace 1959)."""
    free = change.size - 1
    spread = max(float(change.std(ddof=1)), ROUNDING * float(np.max(np.abs(change)))) / math.sqrt(change.size)
    if spread == 0.0:
        return 0.0
    t = float(change.mean()) / spread
    return math.copysign(math.sqrt(free * math.log1p(t * t / free)) * (8.0 * free + 1.0) / (8.0 * free + 3.0), t)


def _knots(blocks: int) -> list[int]:
    """Where two legs may meet."""
    places = [round(knot * blocks) for knot in _KNOTS]
    return [at for at in places if min(at, blocks - at) >= _LEG]


def _critical(table: Sequence[tuple[int, float, float]], blocks: int, phi: float) -> float:
    base, add = next((base, add) for least, base, add in reversed(table) if blocks >= least)
    return base + add * phi * phi


def _line(mean: FloatArray, phi: float) -> float:
    return float(t_values(quadratic(mean.size)[:, :2], mean, phi)[1][1])


def _legs(mean: FloatArray, phi: float) -> tuple[float, float]:
    """How clear the weaker leg of a rise and a fall is, and of a fall and a rise, at the best place of each."""
    t, index = times(mean.size), np.arange(mean.size)
    pairs = []
    for at in _knots(mean.size):
        left = (index < at).astype(np.float64)
        columns = np.stack([left, left * t, 1.0 - left, (1.0 - left) * t], axis=1)
        found = t_values(columns, mean, phi)[1]
        pairs.append((found[1], found[3]))
    up, down = (max(min(way * a, -way * b) for a, b in pairs) for way in (1.0, -1.0))
    return float(up), float(down)


def _jump(first: FloatArray, mean: FloatArray, phi: float, long: bool) -> tuple[Jump | None, float]:
    """The one place where the level jumps beside a curve that bends, if it does and a jump alone fits better.

    Behind it the autocorrelation that is left with a jump, or else `phi`.
    """
    count = mean.size
    if count < _SHIFT[0][0]:
        return None, phi
    parabola = quadratic(count)
    base = np.linalg.qr(parabola)[0]
    rest = mean - base @ (base.T @ mean)
    least = max(3, count // 8)
    places = np.arange(least, count - least + 1)
    steps = (np.arange(count)[:, None] >= places).astype(np.float64)
    inner = steps - base @ (base.T @ steps)
    saved = (rest @ inner) ** 2 / np.sum(inner * inner, axis=0)
    best = int(np.argmax(saved))
    columns = np.column_stack([parabola, steps[:, best]])
    own = clipped((phi_of_residuals(left_over(columns, mean)) + 4.0 / count) / (1.0 - 6.0 / count))
    own = min(own, phi) if long else own
    t = float(t_values(columns, mean, own)[1][3])
    alone = left_over(np.stack([np.ones(count), steps[:, best]], axis=1), mean)
    if not (abs(t) > _critical(_SHIFT, count, own) and float(alone @ alone) < float(rest @ rest)):
        return None, phi
    at = int(places[best])
    before, after = float(mean[:at].mean()), float(mean[at:].mean())
    return Jump(float(first[at]), before, after, t), own


def _late(first: FloatArray, mean: FloatArray, phi: float, sign: float) -> float | None:
    """Where a rise (or, for a sign of -1, a fall) bends such that most of it comes after."""
    t, best = times(mean.size), (0.0, 0)
    for part in _BENDS:
        place = 2.0 * part - 1.0
        columns = np.stack([np.ones(mean.size), t, np.maximum(t - place, 0.0)], axis=1)
        beta, found = t_values(columns, mean, phi)
        before, after = sign * beta[1] * (place + 1.0), sign * (beta[1] + beta[2]) * (1.0 - place)
        clear = sign * float(found[2])
        if clear > _critical(_BEND, mean.size, phi) and after > _LATE * before and clear > best[0]:
            best = (clear, round(part * mean.size))
    return float(first[min(best[1], mean.size - 1)]) if best[1] else None


def _ends(blocks: int) -> int:
    """How many blocks the level at an end is the mean of."""
    return max(3, blocks // 8)


def end_values(count: int) -> float:
    """How many of so many values the level at the start is the mean of, and the level at the end."""
    blocks = min(count, MOST_BLOCKS)
    return _ends(blocks) * count / blocks


def _around(at: FloatArray, mean: FloatArray, phi: float, part: slice) -> Around:
    """The mean level of some neighbouring blocks, with its interval."""
    inside = mean[part]
    width, lag = inside.size, np.arange(1, inside.size)
    inflation = 1.0 + 2.0 * float(np.sum((1.0 - lag / width) * phi**lag))
    variance = float(np.mean(np.diff(mean) ** 2)) / (2.0 * max(1.0 - phi, 0.02))
    wide = min(0.9 * _critical(_LINE, mean.size, phi), 5.0)
    return Around(float(at[part].mean()), float(inside.mean()), wide * math.sqrt(variance * inflation / width))


def _turn(at: FloatArray, mean: FloatArray, phi: float, sign: float) -> Around:
    """The highest (or, for a sign of -1, lowest) level between the two ends."""
    width = _ends(mean.size)
    level = np.convolve(sign * mean, np.full(width, 1.0 / width), mode="valid")
    best = int(np.argmax(level))
    return _around(at, mean, phi, slice(best, best + width))

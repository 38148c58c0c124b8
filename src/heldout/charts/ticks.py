"""Round ticks for one axis, and for two axes that share a grid. Pure arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

ROUND_STEPS = (1.0, 2.0, 2.5, 5.0)  # times a power of ten
FEWEST, MOST = 5, 9  # ticks on an axis
SOME_SLACK = 1e-9  # of a step: what rounding may cost before a value counts as beyond a tick
NEARLY_THERE = 0.03  # of the range: steps 0 … 199 deserve a tick at 200

_NARROWEST = 1e-280  # of a range that is drawn; the power of ten that tells its ticks apart is still a number
_SCALES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_FROM_HERE_SCALED = 1e4
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class _Ladder:
    """Equally spaced ticks: ``(first + i) * step``, with `step` = `figure` x 10^`exponent`."""

    first: int
    count: int
    figure: float
    exponent: int

    @cached_property
    def ticks(self) -> tuple[float, ...]:
        return tuple(self._tick(self.first + i) for i in range(self.count))

    def _tick(self, index: int) -> float:
        # 29 / 100 is the double nearest to 0.29, 29 * 0.01 is not
        tenths = index * round(self.figure * 10)
        power = self.exponent - 1
        return tenths * 10.0**power if power >= 0 else tenths / 10.0**-power

    @property
    def step(self) -> float:
        return self.figure * 10.0**self.exponent

    @property
    def span(self) -> float:
        return (self.count - 1) * self.step


def round_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """Which `count` round numbers, at least 2, cover this range most closely? A range of no width is widened.

    They are 1, 2, 2.5 or 5 times a power of ten apart, the first at or below `low`, the last at or above `high`.

    >>> round_ticks(0.29, 0.348, 7)
    (0.29, 0.3, 0.31, 0.32, 0.33, 0.34, 0.35)
    """
    return min(_ladders(*_widened(low, high), count), key=lambda ladder: _waste(ladder, low, high)).ticks


def paired_ticks(left: tuple[float, float], right: tuple[float, float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Which round ticks let one grid serve two axes, given the lowest and the highest value of each?

    Both axes get the same number of ticks, 5 to 9, chosen to leave as little as possible of either axis empty.

    >>> left, right = paired_ticks((3.52, 4.65), (0.29, 0.348))
    >>> left
    (3.25, 3.5, 3.75, 4.0, 4.25, 4.5, 4.75)
    >>> right
    (0.29, 0.3, 0.31, 0.32, 0.33, 0.34, 0.35)
    """
    left, right = _apart(left, right)
    pairs = [(round_ticks(*left, count), round_ticks(*right, count)) for count in range(FEWEST, MOST + 1)]
    return min(pairs, key=lambda pair: _empty(pair[0], left) + _empty(pair[1], right))


def single_ticks(low: float, high: float) -> tuple[float, ...]:
    """Which 5 to 9 round ticks cover this range most closely?"""
    options = [round_ticks(low, high, count) for count in range(FEWEST, MOST + 1)]
    return min(options, key=lambda ticks: _empty(ticks, (low, high)))


def spaced_ticks(first: float, last: float, step: float) -> tuple[float, ...]:
    """Which ticks stand from `first` to `last`, one every `step`?

    >>> spaced_ticks(0.28, 0.36, 0.02)
    (0.28, 0.3, 0.32, 0.34, 0.36)
    """
    count = math.floor((last - first) / step + 1e-6) + 1
    digits = 12 - math.floor(math.log10(max(abs(first), abs(last))))  # what is left of rounding errors is cut off
    return tuple(round(first + i * step, digits) for i in range(count))


def step_ticks(last: float, first: float = 0.0) -> tuple[float, ...]:
    """Where do ticks go on an axis of training steps?

    At most nine whole multiples of a round whole number. An axis that would be less than a third empty starts at 0.

    >>> step_ticks(700)
    (0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0)
    >>> step_ticks(200)
    (0.0, 25.0, 50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0)
    """
    start = step_start(last, first)
    if last <= start:
        return (float(start),)
    return whole_multiples(start, last + NEARLY_THERE * (last - start), MOST)


def whole_multiples(low: float, high: float, most: int) -> tuple[float, ...]:
    """Which multiples of a round whole number lie in a range, as many as there may be at most?

    >>> whole_multiples(1, 200, 12)
    (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0, 200.0)
    """
    for figure, exponent in _from_step(max((high - low) / (most + 1), 0.5)):
        step = figure * 10.0**exponent
        begin, end = math.ceil(low / step - SOME_SLACK), math.floor(high / step + SOME_SLACK)
        if step == round(step) and end - begin < most:
            return tuple(index * step for index in range(begin, end + 1))
    raise AssertionError("steps of growing size end the loop")


def spread_ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Which round numbers lie within these limits, as many as there may be at most? None, perhaps.

    >>> spread_ticks(0.1, 2.3, 12)
    (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2)
    """
    for figure, exponent in _from_step((high - low) / (most + 1)):
        step = figure * 10.0**exponent
        begin, end = math.ceil(low / step - SOME_SLACK), math.floor(high / step + SOME_SLACK)
        if end - begin < most:
            return _Ladder(begin, end - begin + 1, figure, exponent).ticks
    raise AssertionError("steps of growing size end the loop")


def inner_ticks(low: float, high: float, most: int = MOST) -> tuple[float, ...]:
    """Which round numbers lie within these limits, as many as there may be at most; never fewer than two.

    >>> inner_ticks(0.31, 0.352)
    (0.31, 0.315, 0.32, 0.325, 0.33, 0.335, 0.34, 0.345, 0.35)
    """
    ticks = spread_ticks(low, high, most)
    return ticks if len(ticks) > 1 else (low, high)


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Which round numbers mark a logarithmic axis between two limits above 0: powers of ten, or 1, 2 and 5 of each.

    >>> log_ticks(1, 1000), log_ticks(3, 40)
    ((1.0, 10.0, 100.0, 1000.0), (5.0, 10.0, 20.0))
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for figures in ((1.0,), (1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)):
        every = -(-len(powers) * len(figures) // (2 * MOST)) if len(figures) == 1 else 1
        ticks = [float(f"{figure:g}e{power}") for power in powers[::every] for figure in figures]
        seen = tuple(tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9))
        if len(seen) > 2:
            return seen
    return inner_ticks(low, high)


def log_labels(ticks: Sequence[float]) -> tuple[str, ...]:
    """What is written at the ticks of a logarithmic axis: each as short as it is by itself, unless equally far apart.

    >>> log_labels((0.01, 0.1, 1.0, 10.0, 20000.0))
    ('0.01', '0.1', '1', '10', '20k')
    """
    steps = [second - first for first, second in pairwise(ticks)]
    if len(steps) > 1 and max(steps) - min(steps) < 1e-6 * max(steps):
        return tick_labels(ticks)
    return tuple(short_number(tick) for tick in ticks)


def step_start(last: float, first: float) -> float:
    """Where does an axis of training steps begin: at 0, unless much of it would be empty?"""
    return 0.0 if 0.0 <= first <= last / 3.0 else first


def tick_labels(ticks: Sequence[float], format: str = "") -> tuple[str, ...]:
    """What is written at each tick?

    Just as many decimals as the spacing needs, a real minus sign, and k, M, B or T for large numbers.

    >>> tick_labels([3.0, 3.25, 3.5])
    ('3.00', '3.25', '3.50')
    >>> tick_labels([0, 500_000, 1_000_000, 1_500_000])
    ('0', '0.5M', '1.0M', '1.5M')
    """
    if format:
        return tuple(_signed(f"{tick:{format}}") for tick in ticks)
    step = _spacing(ticks)
    scale, suffix = _scale(max((abs(tick) for tick in ticks), default=0.0), step)
    return tuple("0" if suffix and not tick else _number(tick / scale, step / scale) + suffix for tick in ticks)


def short_number(value: float) -> str:
    """How is a number written in running text?

    >>> short_number(40), short_number(7.5), short_number(4_000_000)
    ('40', '7.5', '4M')
    """
    return tick_labels([value])[0]


def value_label(value: float, ticks: Sequence[float], unit: str = "") -> str:
    """How is a single value written beside its mark: a digit finer than the axis says?

    >>> value_label(0.348, (0.28, 0.29, 0.30)), value_label(8550, (6500, 7000)), value_label(34, (24, 26), "%")
    ('0.348', '8550', '34.0%')
    """
    step = _spacing(ticks)
    finest = 10.0 ** (math.floor(math.log10(step) + 1e-9) - 1) if step > 0.0 else 1.0
    scale, suffix = _scale(abs(value), finest)
    return _number(value / scale, finest / scale) + suffix + unit


def decimals(step: float) -> int:
    """How many decimals does a number need to be a multiple of `step`?"""
    for count in range(16):
        scaled = step * 10.0**count
        if scaled >= 0.5 and abs(scaled - round(scaled)) < 1e-6 * scaled:
            return count
    return 16


def _number(value: float, step: float) -> str:
    if value == 0.0:
        return "0" if decimals(step) > 6 else f"{0.0:.{min(decimals(step), 6)}f}"
    if step < 1e-6 or abs(value) >= 1e15:
        return _signed(f"{value:.{_figures(value, step)}e}")
    return _signed(f"{value:.{decimals(step)}f}")


def _figures(value: float, step: float) -> int:
    """How many figures after the first does a number need to be a multiple of `step`?"""
    exponent = math.floor(math.log10(step) + 1e-9)
    return max(0, math.floor(math.log10(abs(value)) + 1e-9) - exponent + decimals(step / 10.0**exponent))


def _signed(text: str) -> str:
    return text.replace("-", MINUS)


def _scale(largest: float, step: float) -> tuple[float, str]:
    """The unit in which a large number is short: 1.5M, but 1000000000001 where the last digit matters."""
    if largest < _FROM_HERE_SCALED:
        return 1.0, ""
    for scale, suffix in _SCALES:
        if largest >= scale and decimals(step / scale) <= 2:
            return scale, suffix
    return 1.0, ""


def _spacing(ticks: Sequence[float]) -> float:
    return abs(ticks[1] - ticks[0]) if len(ticks) > 1 else abs(ticks[0]) if ticks and ticks[0] else 1.0


def _widened(low: float, high: float) -> tuple[float, float]:
    """Give a range a width that ticks can be told apart in."""
    size = max(abs(low), abs(high))
    if high - low > max(1e-12 * size, _NARROWEST):
        return low, high
    return (low - 0.1 * size, high + 0.1 * size) if size > _NARROWEST else (0.0, 1.0)


def _apart(left: tuple[float, float], right: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Keep two series that are both flat from lying on each other: the left one goes up, the right one down."""
    flat = [_widened(*own) != own for own in (left, right)]
    if not all(flat):
        return left, right
    up, down = 0.2 * abs(left[0]), 0.2 * abs(right[0])
    return (left[0] - up, left[1] + up / 2.0), (right[0] - down / 2.0, right[1] + down)


def _ladders(low: float, high: float, count: int) -> Iterator[_Ladder]:
    """Every ladder of the finest step that covers the range in `count` ticks, and of the next coarser one."""
    found = 0
    for figure, exponent in _from_step((high - low) / (count - 1)):
        step = figure * 10.0**exponent
        begin, end = math.floor(low / step + SOME_SLACK), math.ceil(high / step - SOME_SLACK)
        spare = count - 1 - (end - begin)
        for below in range(spare + 1):
            yield _Ladder(begin - below, count, figure, exponent)
        found += spare >= 0
        if found == 2:
            return


def _from_step(least: float) -> Iterator[tuple[float, int]]:
    """Round steps in growing order, from just below the least that can do."""
    exponent = math.floor(math.log10(least)) if least > 0.0 else 0
    for power in range(exponent, exponent + 40):
        for figure in ROUND_STEPS:
            if figure * 10.0**power >= least * (1.0 - 1e-6):
                yield figure, power


def _waste(ladder: _Ladder, low: float, high: float) -> tuple[float, float]:
    """What speaks against a ladder: first its empty part, then lying off centre."""
    first, last = ladder.ticks[0], ladder.ticks[-1]
    empty = ladder.span + (0.5 * ladder.span if _crosses_zero(first, last, low, high) else 0.0)
    return empty, abs((first + last) - (low + high))


def _crosses_zero(first: float, last: float, low: float, high: float) -> bool:
    """Whether ticks go below zero although no value does, or above it."""
    return (low >= 0.0 > first) or (high <= 0.0 < last)


def _empty(ticks: Sequence[float], data: tuple[float, float]) -> float:
    """The share of an axis that its data leaves empty."""
    span = ticks[-1] - ticks[0]
    below_zero = 0.25 if _crosses_zero(ticks[0], ticks[-1], *data) else 0.0
    return 1.0 - (data[1] - data[0]) / span + below_zero

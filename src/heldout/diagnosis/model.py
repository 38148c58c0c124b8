"""What a description is made of: plain data, in the order in which it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from heldout.diagnosis.hack_curve import HackCurve
from heldout.diagnosis.looks import Looks
from heldout.findings import Verdict
from heldout.metrics import Better, Unit
from heldout.run import Series
from heldout.stats.arrays import FloatArray
from heldout.stats.correlation import CoMovement, LeadLag
from heldout.stats.course import Around, Course


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step."""

    step: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The line that is described and drawn: a sparse series as it is, a dense one smoothed."""

    role: str  # reward, held_out, length, or the key where it plays none of these parts
    label: str  # words for it in sentences
    unit: str  # "%", "tokens" or ""
    scale: Unit  # share, percent or plain score: how its values are written
    better: Better
    series: Series  # the values as logged
    step: FloatArray  # the line, shape (M,)
    value: FloatArray  # shape (M,)
    window: float | None  # full width of the smoothing window in steps, None where the values are as logged
    variance: float  # noise variance of one logged value

    @property
    def range(self) -> float:
        """Largest minus smallest value of the line."""
        return float(self.value.max() - self.value.min())

    @property
    def digits(self) -> float | None:
        """The range that decides how many decimals are written."""
        return _digits(self.range, math.sqrt(self.variance))

    @property
    def sign(self) -> float:
        """1 where higher is better or neither is, -1 where lower is."""
        return -1.0 if self.better is Better.LOWER else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDescription:
    """One curve in words and numbers."""

    role: str
    key: str
    label: str
    unit: str
    scale: Unit
    count: int  # how many values were logged
    window: float | None  # smoothing window in steps
    start: Point
    end: Point
    peak: Point  # the highest and the lowest value logged, which are no turns
    trough: Point
    start_level: Around  # the mean of the first values, and of the last, with their intervals
    end_level: Around
    course: Course | None  # what a test has a word for; None for the held-out score, which the verdict speaks of
    key_points: tuple[Point, ...]  # evenly spaced ones of the line, with the four above among them
    trend: str  # what it does, in words
    noise: str
    noise_sd: float  # standard deviation of one logged value around the level
    noise_share: float  # share of the movement between neighbouring values that is noise; `nan` if linked to another

    @property
    def digits(self) -> float | None:
        """The range that decides how many decimals are written."""
        return _digits(self.peak.value - self.trough.value, self.noise_sd)


def _digits(span: float, noise: float) -> float | None:
    """Of a curve that hardly moves, twice its noise decides: smaller differences mean nothing."""
    return max(span, 2.0 * noise if math.isfinite(noise) else 0.0) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One line about a further metric."""

    name: str
    key: str
    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """How two curves move together."""

    left: str  # the roles of the two
    right: str
    how: str  # how they were brought to common steps
    count: int  # of common steps
    movement: CoMovement
    lead: LeadLag


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing worth knowing."""

    kind: str  # short name for machines, such as moves_together
    text: str  # one or two sentences with numbers
    weight: float  # how much it matters, from 0 to 1
    steps: tuple[int, ...] = ()  # the steps it speaks of
    evidence: Mapping[str, float] = field(default_factory=dict)  # the numbers in the sentence


@dataclass(frozen=True, slots=True)
class Seen:
    """What the observations and the interpretation are made from."""

    verdict: Verdict
    curves: tuple[Curve, ...]
    described: tuple[SeriesDescription, ...]
    pairs: tuple[Pair, ...]

    def curve(self, role: str) -> Curve | None:
        """Return the curve that plays a part."""
        return next((curve for curve in self.curves if curve.role == role), None)

    def course(self, role: str) -> Course | None:
        """Return what a test says of the curve that plays a part; None without it, and for the held-out score."""
        return next((one.course for one in self.described if one.role == role), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the curves of a run do, after the fact.

    Attributes
    ----------
    overview
        One paragraph.
    components
        What is on the axes, a sentence each.
    series
        Each curve in detail.
    signals
        Further metrics, a line each.
    pairs
        How the curves move together.
    observations
        Key observations, the weightiest first.
    interpretation
        What the curves are consistent with, and what would be needed to tell.
    looks
        What the answers look like that are rewarded and fail the hidden tests; None where there is nothing to show.
    hack_rate
        Which share of the rewarded answers fails the hidden tests, by blocks of steps; None where none was judged.
    """

    overview: str
    components: tuple[str, ...]
    series: tuple[SeriesDescription, ...]
    signals: tuple[Signal, ...]
    pairs: tuple[Pair, ...]
    observations: tuple[Observation, ...]
    interpretation: tuple[str, ...]
    looks: Looks | None = None
    hack_rate: HackCurve | None = None

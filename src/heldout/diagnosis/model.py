"""What a description is made of: plain data, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heldout.findings import State, Verdict
from heldout.metrics import Better, Unit
from heldout.run import Series
from heldout.stats.arrays import FloatArray
from heldout.stats.correlation import CoMovement, LeadLag


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
    line_variance: float  # of one point of the line: smaller where it is smoothed

    @property
    def range(self) -> float:
        """Largest minus smallest value of the line."""
        return float(self.value.max() - self.value.min())

    @property
    def sign(self) -> float:
        """1 where higher is better or neither is, -1 where lower is."""
        return -1.0 if self.better is Better.LOWER else 1.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a curve with one direction."""

    start: Point
    end: Point
    direction: str  # rising, falling or flat


@dataclass(frozen=True, slots=True)
class Turn:
    """A peak or trough that is larger than the uncertainty of the curve."""

    kind: str  # "peak" or "trough"
    step: int
    value: float
    prominence: float  # how far the curve comes back on its lower side
    z: float  # prominence over its standard deviation


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
    peak: Point
    trough: Point
    key_points: tuple[Point, ...]  # evenly spaced ones, with the four above among them
    stretches: tuple[Stretch, ...]  # its fitted trend, piece by piece
    trend: str
    turns: tuple[Turn, ...]
    recent: str  # what it did over its last quarter; empty for the held-out score, which the verdict speaks of
    state: str  # the same in a word: improving, declining, plateau or undetermined
    noise: str
    noise_sd: float  # standard deviation of one logged value around the level
    noise_share: float  # share of the movement between neighbouring values that is noise


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

    kind: str  # short name for machines, such as late_surge
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

    def told(self, curve: Curve, change: float) -> bool:
        """Whether a rise or a fall of a curve may be told: the held-out score's only where the verdict has found it."""
        return curve.role != "held_out" or may_tell(self.verdict, change * curve.sign)


def may_tell(verdict: Verdict, change: float) -> bool:
    """Whether the verdict has found a change of the held-out score in this direction."""
    if change < 0:
        return verdict.fell or verdict.state is State.RECOVERED
    return verdict.state in (State.IMPROVING, State.RECOVERED)


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
    """

    overview: str
    components: tuple[str, ...]
    series: tuple[SeriesDescription, ...]
    signals: tuple[Signal, ...]
    pairs: tuple[Pair, ...]
    observations: tuple[Observation, ...]
    interpretation: tuple[str, ...]

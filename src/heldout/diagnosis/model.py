"""What a description is made of: plain data, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heldout.metrics import Better
from heldout.run import FloatArray, Series
from heldout.stats.correlation import CoMovement, LeadLag


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step."""

    step: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """The line that is described and drawn: a sparse series as it is, a dense one smoothed.

    Attributes
    ----------
    role
        ``reward``, ``held_out``, ``length``, or the key where it plays none of these parts.
    label
        Words for it in sentences.
    unit
        "%", "tokens" or "".
    better
        Which way is an improvement.
    series
        The values as logged.
    step, value
        The line, shape (M,) each.
    window
        Full width of the smoothing window in steps, None where the values are as logged.
    variance
        Noise variance of one logged value.
    line_variance
        Noise variance of one point of the line: smaller where the line is smoothed.
    """

    role: str
    label: str
    unit: str
    better: Better
    series: Series
    step: FloatArray
    value: FloatArray
    window: float | None
    variance: float
    line_variance: float

    @property
    def range(self) -> float:
        """Largest minus smallest value of the line."""
        return float(self.value.max() - self.value.min()) if len(self.value) else 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a curve with one direction."""

    start: Point
    end: Point
    direction: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A peak or trough that is larger than the uncertainty of the curve.

    Attributes
    ----------
    kind
        "peak" or "trough".
    point
        Where.
    prominence
        How far the curve comes back on its lower side.
    z
        Prominence over its standard deviation.
    """

    kind: str
    point: Point
    prominence: float
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDescription:
    """One curve in words and numbers.

    Attributes
    ----------
    role, key, label, unit
        What it is.
    count
        How many values were logged.
    window
        Smoothing window in steps, or None.
    start, end, peak, trough
        Key points of the line.
    key_points
        Evenly spaced points of the line, the key points among them.
    stretches
        Its trend, piece by piece.
    trend
        The trend in a sentence.
    turns
        Peaks and troughs inside the curve that are larger than its uncertainty.
    recent
        What it did over its last quarter, in a sentence.
    state
        The same in a word: "improving", "declining", "plateau" or "undetermined".
    noise
        Noise against drift in a sentence.
    noise_sd
        Standard deviation of one logged value around the level.
    noise_share
        Share of the movement between neighbouring values that is noise.
    """

    role: str
    key: str
    label: str
    unit: str
    count: int
    window: float | None
    start: Point
    end: Point
    peak: Point
    trough: Point
    key_points: tuple[Point, ...]
    stretches: tuple[Stretch, ...]
    trend: str
    turns: tuple[Turn, ...]
    recent: str
    state: str
    noise: str
    noise_sd: float
    noise_share: float


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
    """How two curves move together.

    Attributes
    ----------
    left, right
        Roles of the two.
    how
        How they were brought to common steps.
    count
        Number of common steps.
    movement
        Correlation of levels, of differences and of what a quadratic trend leaves.
    lead
        Which of them moves first, if any.
    """

    left: str
    right: str
    how: str
    count: int
    movement: CoMovement
    lead: LeadLag


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing worth knowing.

    Attributes
    ----------
    kind
        Short name for machines, such as ``late_surge``.
    text
        One or two sentences with numbers.
    weight
        How much it matters, from 0 to 1; observations are listed by it.
    steps
        The steps it speaks of.
    evidence
        The numbers in the sentence.
    """

    kind: str
    text: str
    weight: float
    steps: tuple[int, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)


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

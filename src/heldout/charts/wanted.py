"""What a caller wants of a figure, beside the run and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from heldout.charts.hints import Hints
from heldout.run import Run
from heldout.stats.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class Marks:
    """What a figure marks of a verdict.

    Attributes
    ----------
    chosen
        Step of the checkpoint to keep, marked by a line.
    tied
        First and last step of each stretch of checkpoints that cannot be told apart from it, shaded.
    onset
        Step by which the held-out score had fallen below its peak, marked by a dashed line.
    back
        Step by which it came back, if it did: the fall is over, and all that is marked of it is a grey stretch.
    """

    chosen: float | None = None
    tied: tuple[tuple[float, float], ...] = ()
    onset: float | None = None
    back: float | None = None

    @property
    def steps(self) -> tuple[float, ...]:
        """All steps that are marked."""
        ends = (step for stretch in self.tied for step in stretch)
        return tuple(step for step in (*ends, self.chosen, self.onset, self.back) if step is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A share that a figure draws beside a metric, with a band; of shape (K,) each, fractions, finite."""

    name: str
    step: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants of a figure, as the arguments of `heldout.charts.dual_axis` say."""

    labels: Mapping[str, str]
    hints: Hints
    window: float | None
    marks: Marks
    peaks: bool
    share: Share | None = None
    left_out: tuple[str, ...] = ()  # a sentence on each run that was given and is not drawn

    def called(self, key: str, run: Run) -> str:
        """What a key or role is called in this figure."""
        name = run[key].name
        return self.labels.get(key) or self.labels.get(name) or name

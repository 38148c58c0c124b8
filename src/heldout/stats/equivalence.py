"""Are two the same? Only a difference that is shown to be small is one; a test that finds none shows nothing."""

from __future__ import annotations

from dataclasses import dataclass

from heldout.stats import student
from heldout.stats.crossed import Difference
from heldout.stats.levels import LEVEL


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Whether a difference is shown to be within a margin."""

    same: bool
    margin: float
    low: float  # 90 % interval, which must lie within the margin either way
    high: float
    p: float  # of a difference that is as large as the margin or larger

    @property
    def largest(self) -> float:
        """The largest difference, either way, that is still possible."""
        return max(-self.low, self.high)


def equivalence(found: Difference, margin: float = LEVEL) -> Equivalence:
    """Is a difference shown to be smaller than the margin, either way, at 5 %?

    Two one-sided tests: the 90 % interval must lie within ``-margin`` to ``margin``, 2 points if not given. If it does
    not, the answer is "cannot tell", and never "different". A difference without an error is not shown to be small.
    Raises ValueError if the margin is not above 0.

    Source: Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach", Journal of
    Pharmacokinetics and Biopharmaceutics 15.
    """
    if not margin > 0.0:
        raise ValueError(f"margin is {margin}; it must be above 0.")
    low, high = found.interval(0.90)
    if not found.se > 0.0:
        return Equivalence(False, margin, low, high, 1.0)
    p = student.tail((margin - abs(found.value)) / found.se, found.df)
    return Equivalence(bool(-margin < low and high < margin), margin, low, high, p)

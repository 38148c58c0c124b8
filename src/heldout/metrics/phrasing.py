"""How values of a metric are written in sentences: shares in percent and points, everything else as it was logged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from heldout.metrics.units import Unit
from heldout.text import number

_DECIMAL = 0.1  # the range, as a share, for which percent are written with one decimal
_PART = 0.2  # of a score on the log scale: three digits are enough of one that changes by orders of magnitude
_TENFOLD = 10.0  # finer than a small change itself must be written
_LARGEST_LOGARITHM = 700.0  # beyond it numbers are infinite or 0: the interval of a noise hardly known may get there


def written(unit: Unit, value: float, span: float | None = None) -> str:
    """Write a value with its unit, and the decimals that a hundredth of `span` needs; both are as logged.

    >>> written(Unit.SHARE, 0.7231, 0.1), written(Unit.PERCENT, 34.0, 30.0), written(Unit.SCORE, -93.26, 12.0)
    ('72.3 %', '34.0 %', '-93.3')
    """
    return f"{bare(unit, value, span)} %" if unit is not Unit.SCORE else bare(unit, value, span)


def difference(unit: Unit, change: float, span: float | None = None) -> str:
    """Write a difference of two values: of shares it is so many points.

    >>> difference(Unit.SHARE, 0.05, 0.1), difference(Unit.SCORE, 67.5, 6.0)
    ('5.0 points', '67.5')
    """
    return f"{bare(unit, change, span)} points" if unit is not Unit.SCORE else bare(unit, change, span)


def few_problems(problems: int, samples: float, low: float, high: float) -> str:
    """Say what many samples of a few problems tell, and what not; `low` to `high` is the share of others like them.

    >>> few_problems(10, 40, 0.1939, 0.6489)[-44:]
    'he score of problems like them (19 to 65 %).'
    """
    return (
        f"{problems} problems with {samples:.3g} samples each: samples make the score of these problems precise, not "
        f"the score of problems like them ({100 * low:.0f} to {100 * high:.0f} %)."
    )


def bare(unit: Unit, value: float, span: float | None = None) -> str:
    """Write a value or a difference without its unit, as the second number of an interval is."""
    whole = 100.0 if unit is Unit.SHARE else 1.0
    return number(whole * value, None if span is None else whole * span)


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a score is spoken of that was judged with higher as better: in its own unit and in its own direction.

    Direction and scale are decided once, before any statistics (see `as_judged`), and undone here, in sentences. A
    change of logarithms is a factor of the score.
    """

    share: bool = True  # whether the judged scores are shares; otherwise they are in a unit of their own
    lower: bool = False  # whether lower values of the log are the better ones
    span: float = _DECIMAL  # largest minus smallest score
    ratio: bool = False  # whether the judged scores are logarithms

    def as_logged(self, score: float) -> float:
        """Return a judged score as the log has it, of a percentage the share."""
        value = as_judged(score, share=self.share, lower=self.lower)
        return _exponential(value) if self.ratio else value

    def as_scored(self, value: float) -> float:
        """Return a value of the log, of a percentage the share, as it is judged."""
        return as_judged(value, share=self.share, lower=self.lower, ratio=self.ratio)

    def as_change(self, given: float) -> float:
        """Return a change that a user gave as one of judged scores: of points of a share, of percent on the log scale.

        >>> Spoken().as_change(2.0), Spoken(share=False).as_change(2.0), Spoken(share=False, ratio=True).as_change(0.0)
        (0.02, 2.0, 0.0)
        """
        if self.ratio:
            return math.log1p(given / 100.0)
        return given / 100.0 if self.share else given

    def turned(self, low: float, high: float) -> tuple[float, float]:
        """Return the interval of a change of judged scores as one of the scores in the log."""
        return (-high, -low) if self.lower else (low, high)

    def level(self, score: float) -> str:
        """Write a score: "72.3 %", or "-93.2"."""
        return written(self._unit, self.as_logged(score), self._digits_at(score))

    def levels(self, low: float, high: float) -> str:
        """Write the two ends of an interval of a score."""
        ends = sorted((self.as_logged(end), self._digits_at(end)) for end in (low, high))
        return " to ".join(bare(self._unit, end, digits) for end, digits in ends)

    def by(self, change: float) -> str:
        """Write the size of a change: "2.5 points", "67.5", or "a factor of 1.25"."""
        return f"a factor of {self._bare(change)}" if self.ratio else difference(self._unit, change, self._digits)

    def bound(self, change: float) -> str:
        """Write a change that something is held against: of a plain score with digits of its own, as it may be small.

        >>> Spoken().bound(0.005), Spoken(share=False, span=500.0).bound(0.4)
        ('0.5 points', '0.40')
        """
        if self.ratio:
            return replace(self, span=_TENFOLD * change).by(change)
        return self.by(change) if self.share else difference(self._unit, change, change)

    def between(self, low: float, high: float) -> str:
        """Write the two ends of an interval of a change."""
        return " to ".join(map(self._bare, (low, high)))

    def lies(self, low: float, high: float) -> str:
        """Write where a change lies: "between -1.1 and 2.9 points", or "between factors of 0.97 and 1.05"."""
        if self.ratio:
            return f"between factors of {self._bare(low)} and {self._bare(high)}"
        return f"between {self._bare(low)} and {self.by(self._possible(high))}"

    def _bare(self, change: float) -> str:
        """Write a change without its unit; one of logarithms as the factor that it is."""
        if self.ratio:
            return number(_exponential(change), math.expm1(min(self.span, 1.0)) or None)
        return bare(self._unit, self._possible(change), self._digits)

    def _possible(self, change: float) -> float:
        """Return a change, or the largest that there can be: no share moves by more than all of it."""
        return min(max(change, -1.0), 1.0) if self.share else change

    @property
    def better(self) -> str:
        """What a score did that got better: it "has risen"."""
        return "has got better, falling" if self.lower else "has risen"

    @property
    def worse(self) -> str:
        """What a score did that got worse: it "has fallen"."""
        return "has got worse, rising" if self.lower else "has fallen"

    @property
    def loss(self) -> str:
        """A change for the worse, as a noun: "fall"."""
        return "rise" if self.lower else "fall"

    @property
    def gain(self) -> str:
        """A change for the better, as a noun: "rise"."""
        return "fall" if self.lower else "rise"

    @property
    def _unit(self) -> Unit:
        return Unit.SHARE if self.share else Unit.SCORE

    @property
    def _digits(self) -> float:
        return _DECIMAL if self.share else self.span / 10.0

    def _digits_at(self, score: float) -> float:
        """The range that decides how many decimals a score is written with: on the log scale in proportion to it."""
        return min(self._digits, _PART) * self.as_logged(score) if self.ratio else self._digits


def as_judged(value: float, *, share: bool, lower: bool, ratio: bool = False) -> float:
    """Return a value so that higher is better, of one that changes in ratios the logarithm.

    One so turned is as it was; a share within 0 to 1 stays there.
    """
    if ratio:
        value = math.log(value)
    if not lower:
        return value
    return 1.0 - value if share else -value


def _exponential(logarithm: float) -> float:
    return math.exp(min(max(logarithm, -_LARGEST_LOGARITHM), _LARGEST_LOGARITHM))

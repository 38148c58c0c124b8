"""In which unit a metric's values are: a share, a share in percent, or a plain score."""

from __future__ import annotations

from enum import Enum

from heldout.metrics.meanings import is_rate

# A share cannot exceed 1; a larger one was logged in percent.
_PERCENT_ABOVE = 1.5


class Unit(Enum):
    """What a number of a metric is."""

    SHARE = "share"  # from 0 to 1, by the metric's meaning and its values
    PERCENT = "percent"  # the same, from 0 to 100
    SCORE = "score"  # anything else: a reward, a return, a perplexity


def unit_of(key: str, low: float, high: float) -> Unit:
    """In which unit is a metric that runs from `low` to `high`?

    A share is what says so by its name and stays within 0 to 1, or 0 to 100. Rewards, returns and perplexities are
    plain scores even where their values happen to lie there.

    >>> unit_of("eval/accuracy", 0.2, 0.7), unit_of("eval/accuracy", 12, 61), unit_of("eval_reward", 0.2, 0.7)
    (<Unit.SHARE: 'share'>, <Unit.PERCENT: 'percent'>, <Unit.SCORE: 'score'>)
    """
    if not is_rate(key) or not 0 <= low <= high <= 100:
        return Unit.SCORE
    return Unit.PERCENT if "%" in key or high > _PERCENT_ABOVE else Unit.SHARE if high <= 1 else Unit.SCORE

"""How much better is one recipe than another at one point, and what may be said when several are asked at once?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from heldout.compare.fingerprint import Conditions, differences_of, fingerprint
from heldout.compare.members import Side
from heldout.compare.model import Answer, Difference
from heldout.compare.outcomes import Point, points
from heldout.compare.pairs import Measured, measured
from heldout.stats import simultaneous, student
from heldout.stats.equivalence import equivalence
from heldout.stats.levels import FALSE_ALARMS, LEVEL, holm

_POWER = 0.8


@dataclass(frozen=True, slots=True)
class Rules:
    """What a user decides before looking."""

    margin: float = LEVEL  # below which two are the same, in the unit of the judged score; nan where they never are
    paired_seeds: bool = False
    comparisons: int = 1  # that are paid for at least, where this is one of several


def differences(pairs: Sequence[tuple[Side, Side]], at: str, rules: Rules) -> list[Difference]:
    """How much better is the first of each pair than the second, at one point? Paid for all that are asked together."""
    each = [_found(a, b, at, rules) for a, b in pairs]
    bands = iter(_adjusted([found for _, found in each if found is not None], rules.comparisons))
    return [told if found is None else _answered(told, found, next(bands), rules) for told, found in each]


def difference_of(a: Side, b: Side, at: str, rules: Rules) -> Difference:
    """How much better is `a` than `b` at a point?"""
    return differences([(a, b)], at, rules)[0]


def conditions(side: Side, own: Sequence[Point]) -> Conditions:
    """How the counted runs of a side were evaluated."""
    return Conditions(side.name, tuple(one.run for one in side.counted), tuple(own))


def _found(a: Side, b: Side, at: str, rules: Rules) -> tuple[Difference, Measured | None]:
    """The difference of a pair as it is alone, and how it was measured; None where it must not be."""
    told = Difference(a.name, b.name, at, math.nan, seeds=(len(a.counted), len(b.counted)), margin=rules.margin)
    own = points([a, b], at)
    if own is None:
        return replace(told, why=_absent(a, b, at)), None
    first, second = own
    wrong = differences_of(fingerprint([conditions(a, first), conditions(b, second)]))
    if wrong:
        return replace(told, why="; ".join(one.text for one in wrong)), None
    told = replace(told, value=_mean(first) - _mean(second))
    found = measured(a, b, first, second, paired_seeds=rules.paired_seeds)
    if found.why:
        return replace(told, why=found.why, problems=found.problems, method=found.method), None
    return told, found


def _mean(own: Sequence[Point]) -> float:
    return float(np.mean([point.score for point in own]))


def _absent(a: Side, b: Side, at: str) -> str:
    empty = [side.name for side in (a, b) if not side.counted]
    if empty:
        return f"no run of {' and '.join(empty)} has a held-out evaluation"
    return f"not every run has an evaluation at {f'step {at}' if at.isdigit() else at}"


@dataclass(frozen=True, slots=True)
class _Paid:
    """An interval and a p-value that are paid for all comparisons."""

    low: float
    high: float
    p: float
    comparisons: int


def _adjusted(found: Sequence[Measured], least: int) -> list[_Paid]:
    """Pay for all comparisons: by their largest under turned signs of problems where these are the same, else Holm."""
    count = len(found)
    if count < least:
        each = [(one.interval(1.0 - FALSE_ALARMS / least), min(one.p * least, 1.0)) for one in found]
        return [_Paid(low, high, p, least) for (low, high), p in each]
    if count < 2:
        return [_Paid(one.low, one.high, one.p, count) for one in found]
    rows = [one.each for one in found if one.each is not None]
    if len(rows) == count and len({one.names for one in found}) == 1 and all(one.se > 0.0 for one in found):
        band = simultaneous.band(np.stack(rows), se=[one.se for one in found], df=[one.df for one in found])
        moved = [one.value - value for one, value in zip(found, band.value.tolist(), strict=True)]
        columns = zip(band.low.tolist(), band.high.tolist(), band.p.tolist(), moved, found, strict=True)
        return [_Paid(low + by, high + by, max(p, one.p), count) for low, high, p, by, one in columns]
    paid = holm([1.0 if math.isnan(one.p) else one.p for one in found]).tolist()
    ends = [one.interval(1.0 - FALSE_ALARMS / count) for one in found]
    return [_Paid(low, high, p, count) for (low, high), p in zip(ends, paid, strict=True)]


def _answered(told: Difference, found: Measured, paid: _Paid, rules: Rules) -> Difference:
    decided = math.isfinite(rules.margin)
    alike = equivalence(found.found, rules.margin if decided else LEVEL)
    told = replace(
        told,
        value=found.value,
        low=found.low,
        high=found.high,
        se=found.se,
        df=found.df,
        p=found.p,
        method=found.method,
        problems=found.problems,
        comparisons=paid.comparisons,
        adjusted_low=paid.low,
        adjusted_high=paid.high,
        adjusted_p=paid.p,
        possible=max(-paid.low, paid.high),
        smallest_visible=_paid_for(smallest_visible(found.se, found.df), found, paid),
    )
    return replace(told, answer=_answer(told, same=decided and alike.same))


def _paid_for(visible: float, found: Measured, paid: _Paid) -> float:
    """What would be found by an interval that is as wide as the one paid for all comparisons."""
    single = student.margin(found.se, found.df)
    if paid.comparisons < 2 or not single > 0.0:
        return visible
    return visible * max(0.5 * (paid.high - paid.low) / single, 1.0)


def _answer(told: Difference, *, same: bool) -> Answer:
    sure = told.adjusted_p <= FALSE_ALARMS
    if sure and told.adjusted_low > 0.0:
        return Answer.BETTER
    if sure and told.adjusted_high < 0.0:
        return Answer.WORSE
    return Answer.SAME if same else Answer.CANNOT_TELL


def smallest_visible(se: float, df: float) -> float:
    """Which difference would be found at 5 % in four of five cases, with this standard error?

    ``(t_0.975 + t_0.8) se``; `nan` where the error is not known.
    """
    if not se > 0.0:
        return math.nan
    return (student.quantile(0.975, df) + student.quantile(_POWER, df)) * se

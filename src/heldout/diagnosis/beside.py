"""The columns beside the held-out score: which of them moved too, and which might be what was not recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from heldout.metrics.phrasing import bare
from heldout.run import Run, Series
from heldout.stats.course import FEWEST, Way, course
from heldout.stats.gp import MOST_POINTS, gp_posterior
from heldout.stats.levels import FALSE_ALARMS, holm, two_sided_p
from heldout.stats.noise import difference_noise
from heldout.stats.smoothing import block_means
from heldout.text import sentence_list

_MOST_NAMED = 6
_SPARSE = 0.5  # of the fullest column: what has fewer values was not measured at each step
_EVALUATED = re.compile(
    r"(?:^|[^a-z])(?:eval(?:uation)?|val(?:id(?:ation)?)?|test|held[-_]?out|dev|gold)(?:$|[^a-z])", re.IGNORECASE
)
_COUNTER = re.compile(
    r"epoch|steps?$|runtime|per_second|seconds|(?:^|[/_])time$|num_|count|total_|(?:^|[/_])n_|flops?|percentage|remaining",
    re.IGNORECASE,
)
_SPREAD = re.compile(r"(?:^|[/_])(?:std|max|min|median|var)(?:imum|iance)?(?:[/_]|$)", re.IGNORECASE)
_NO_METRICS = frozenset({"time", "progress", "tokens", "evaluation_size", "spread_of_another", "learning_rate"})


@dataclass(frozen=True, slots=True)
class Moved:
    """A column that is measured with the held-out score, and that moved by more than its noise."""

    key: str
    before: float  # first value
    after: float  # last value
    does: str  # rises, falls, or both in turn
    p: float  # of so large a change without one, all columns that were asked paid for

    def told(self, run: Run) -> str:
        """Say from where to where it went."""
        unit, span = run.unit(self.key), float(np.ptp(run.metrics[self.key].value)) / 10.0
        percent = "" if unit.value == "score" else " %"
        return f"{self.key} {self.does} from {bare(unit, self.before, span)} to {bare(unit, self.after, span)}{percent}"


def moved_beside(run: Run, key: str) -> tuple[Moved, ...]:
    """Which other columns that are measured at evaluations moved beyond their noise, the surest first?

    Each needs a course that its own test tells from noise, slow noise too; and the change from the first to the last
    level of each is held against its scatter, and all of them together keep one error rate of 5 % (Holm).
    """
    asked = [series for series in _measured_with(run, key) if len(series) >= FEWEST and np.ptp(series.value) > 0.0]
    if not asked:
        return ()
    adjusted = holm([_p_of_a_change(series) for series in asked])
    moved = [_moved(series, float(p)) for series, p in zip(asked, adjusted, strict=True) if p <= FALSE_ALARMS]
    return tuple(sorted((one for one in moved if one.does), key=lambda one: (one.p, one.key)))


def _moved(series: Series, p: float) -> Moved:
    found = course(series.step.astype(np.float64), series.value)
    tested = found.way in (Way.RISES, Way.FALLS, Way.PEAKS, Way.DIPS)
    does = found.way.value if tested else ""
    return Moved(series.name, float(series.value[0]), float(series.value[-1]), does, p)


def by_the_same_reward(run: Run, key: str) -> str:
    """Say what moved beside a score that is the optimised reward itself, measured elsewhere."""
    moved = moved_beside(run, key)
    if not moved:
        return ""
    listed = sentence_list([one.told(run) for one in moved[:_MOST_NAMED]])
    more = f" and {len(moved) - _MOST_NAMED} more moved too" if len(moved) > _MOST_NAMED else ""
    return (
        f"Meanwhile {listed}{more}: more than their noise (error rate {FALSE_ALARMS:g} for all of them together), "
        "and no part of that score."
    )


def _p_of_a_change(series: Series) -> float:
    """How likely is so large a change between the first and the last level, by noise alone?"""
    step, value, _ = block_means(series.step.astype(np.float64), series.value, MOST_POINTS)
    scale = float(np.abs(value).max())
    variance = difference_noise(value / scale, step)
    change, sd = gp_posterior(value / scale, variance).difference(len(value) - 1, 0)
    return two_sided_p(change / sd) if sd > 0.0 else float(change == 0.0)


def _measured_with(run: Run, key: str) -> Iterator[Series]:
    """Yield the metrics that stand at the steps of a held-out score and are not that score again."""
    own = run.metrics[key]
    for other, series in run.metrics.items():
        role = run.choices.columns[other].role if other in run.choices.columns else ""
        if other == key or role in _NO_METRICS or _COUNTER.search(other) or _SPREAD.search(other):
            continue
        if not np.isin(series.step, own.step).all():
            continue
        named = _EVALUATED.search(other) is not None
        if (named or len(series) <= _SPARSE * len(run.steps)) and not _copies(series, own):
            yield series


def _copies(one: Series, other: Series) -> bool:
    _, at, there = np.intersect1d(one.step, other.step, return_indices=True)
    return bool(np.allclose(one.value[at], other.value[there], rtol=1e-6, atol=0.0))


def near_misses(run: Run, role: str) -> list[str]:
    """Which columns might be the held-out score or the reward that was not recognised? The likeliest first.

    Those that the choice of roles came near to; behind them columns without a known meaning: for a held-out score
    sparser ones, for a reward, in a log that has no held-out score either, those that are measured at each step.
    """
    near = [key for key in run.choices.near.get(role, ()) if len(run.metrics[key]) > 1]
    if role == "reward" and "held_out" in run.roles:
        return near
    full = max((len(series) for series in run.metrics.values()), default=0)
    for key, series in run.metrics.items():
        choice = run.choices.columns.get(key)
        if len(series) < 2 or (choice and choice.role) or _COUNTER.search(key) or key in (*near, *run.roles.values()):
            continue
        if (len(series) <= _SPARSE * full) == (role == "held_out"):
            near.append(key)
    return near

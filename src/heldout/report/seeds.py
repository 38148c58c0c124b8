"""What the seeds of one recipe say together: the mean of the levels they would keep, with a t-interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from heldout.findings import Fall
from heldout.report.rows import Row
from heldout.stats import student
from heldout.text import sentence_list


@dataclass(frozen=True, slots=True)
class Seeds:
    """One row for all seeds of a recipe.

    Attributes
    ----------
    name
        What the recipe is called.
    count
        How many seeds there are.
    finished
        How many of them do not go on.
    severity
        The order of gravity of the gravest.
    kept_at
        Mean of the levels to keep and its 95 % interval in words; empty where no two were measured alike.
    keep_low
        The lower end of that interval as it is judged.
    averaged
        Of how many seeds that is the mean.
    fall
        The largest fall of any.
    last_steps
        The first and the last of the steps at which their logs end.
    """

    name: str
    count: int
    finished: int
    severity: int
    kept_at: tuple[str, str]
    keep_low: float | None
    averaged: int
    fall: Fall | None
    last_steps: tuple[int, int] | None

    @property
    def progress(self) -> str:
        """How many seeds there are, how many of them are finished, and up to where their logs go."""
        seeds = f"k = {self.count}" if self.count > 1 else "one run"
        going = f"{self.finished} of {self.count} finished" if self.finished < self.count else ""
        ends = sorted(set(self.last_steps or ()))
        upto = f"to step {sentence_list(list(map(str, ends)), 'to')}" if ends else ""
        return " · ".join(filter(None, (seeds, going, upto)))


def seeds_of(name: str, rows: Sequence[Row]) -> Seeds:
    """Return what the seeds of one recipe, of which there is at least one, say together.

    The seed is the unit: levels are averaged only where they were measured by one score on as many problems, and the
    interval is Student's for so many seeds.
    """
    last = [row.last_step for row in rows if row.last_step is not None]
    falls = [row.fall for row in rows if row.fall is not None]
    averaged, kept_at, low = _kept(rows)
    return Seeds(
        name=name,
        count=len(rows),
        finished=sum(not row.live for row in rows),
        severity=min(row.severity for row in rows),
        kept_at=kept_at,
        keep_low=low,
        averaged=averaged,
        fall=max(falls, key=lambda fall: fall.drop, default=None),
        last_steps=(min(last), max(last)) if last else None,
    )


def _kept(rows: Sequence[Row]) -> tuple[int, tuple[str, str], float | None]:
    """Return how many levels were averaged, what that gives in words, and the lower end of the interval."""
    kept = [row for row in rows if row.keep is not None and row.said is not None]
    alike = {(row.score, row.problems, row.said.share, row.said.lower, row.said.ratio) for row in kept if row.said}
    if len(kept) < 2 or len(alike) != 1:
        return 0, ("", ""), None
    said = kept[0].said
    assert said is not None
    levels = [said.as_scored(row.keep.estimate) for row in kept if row.keep]
    mean = math.fsum(levels) / len(levels)
    variance = math.fsum((level - mean) ** 2 for level in levels) / (len(levels) - 1)
    half = student.margin(math.sqrt(variance / len(levels)), len(levels) - 1)
    low, high = mean - half, mean + half
    if said.share:
        low, high = max(low, 0.0), min(high, 1.0)
    return len(levels), (said.level(mean), said.levels(low, high)), low

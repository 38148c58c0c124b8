"""What the seeds of one recipe say together: the mean of the levels they would keep, with a t-interval over seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from heldout.copies import copies_in, same_marks
from heldout.findings import Fall
from heldout.report.rows import Row
from heldout.stats import student
from heldout.text import excerpt, sentence_list


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
    copies
        How many further runs are copies of one of them.
    twice
        A seed that is there more than once, so that they may not be independent; then nothing is averaged.
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
    copies: int = 0
    twice: str = ""

    @property
    def progress(self) -> str:
        """How many seeds there are, how many of them are finished, and up to where their logs go."""
        seeds = f"k = {self.count}" if self.count > 1 else "one run"
        going = f"{self.finished} of {self.count} finished" if self.finished < self.count else ""
        ends = sorted(set(self.last_steps or ()))
        upto = f"to step {sentence_list(list(map(str, ends)), 'to')}" if ends else ""
        copies = f"{self.copies} {'copy' if self.copies == 1 else 'copies'}" if self.copies else ""
        twice = f"seed {excerpt(self.twice, 20)} more than once" if self.twice else ""
        return " · ".join(filter(None, (seeds, copies, twice, going, upto)))


def seeds_of(name: str, runs: Sequence[Row], seeds: Sequence[str] = ()) -> Seeds:
    """Return what the runs of one recipe, of which there is at least one, say together; `seeds` are theirs, if known.

    The seed is the unit: levels are averaged only where they were measured by one score on as many problems, and the
    interval is Student's for so many seeds.
    """
    copied = copies_in(runs, _size, lambda one, other: same_marks(one.marks, other.marks))
    rows = [row for k, row in enumerate(runs) if k not in copied]
    times = Counter(seed for k, seed in enumerate(seeds) if seed and k not in copied)
    twice = next((seed for seed, count in times.items() if count > 1), "")
    last = [row.last_step for row in rows if row.last_step is not None]
    falls = [row.fall for row in rows if row.fall is not None]
    averaged, kept_at, low = _kept([] if twice else rows)
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
        copies=len(copied),
        twice=twice,
    )


def _size(row: Row) -> int:
    return row.evaluations * 2**40 + row.steps


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

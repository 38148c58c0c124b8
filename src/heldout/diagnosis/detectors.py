"""The detectors that are asked about one run: that of falls, on which the verdict rests, and all others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heldout.detectors import default_detectors
from heldout.detectors.base import Detector
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.stats.scan import HORIZONS

# Evaluations at more steps than this are averaged in groups: the boundaries are tabled up to HORIZONS[-1] looks, and a
# look costs more with every one before it.
_MOST_LOOKS = 160


@dataclass(frozen=True, slots=True)
class Detectors:
    """The detectors of one run, in the order in which they are asked."""

    falls: OverOptimisation
    others: tuple[Detector, ...]

    @classmethod
    def planned(cls, evaluations: int | None, others: Sequence[Detector] | None = None) -> Detectors:
        """Return fresh detectors for a run with so many evaluations in all (see `falls_among`).

        `others` are those to ask beside that of falls; all of them if not given.
        """
        return cls(falls_among(evaluations), tuple(default_detectors() if others is None else others))

    def __iter__(self) -> Iterator[Detector]:
        yield self.falls
        yield from self.others


def falls_among(evaluations: int | None) -> OverOptimisation:
    """Return the detector of falls for a run with so many evaluations, grouped where there are very many.

    Where their number was planned, the plan alone decides: a run that is watched cannot know how many there will be.
    Without a plan the error is spread over an endless run, which sees less.
    """
    if evaluations is None:
        return OverOptimisation()
    group = max(1, math.ceil(evaluations / _MOST_LOOKS))
    return OverOptimisation(group=group, horizon=min(max(math.ceil(evaluations / group), 1), HORIZONS[-1]))

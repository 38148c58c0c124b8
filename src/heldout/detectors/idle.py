"""Does a part of the reward never move, while others make all of its rise?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from heldout.detectors.base import Block
from heldout.detectors.parts import Moves, at, filled, highest, tracked
from heldout.detectors.question import COUNT, FRACTION, Text, at_least, parameter
from heldout.detectors.signal import Binned, Bins, Line
from heldout.findings import Finding, Severity
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.text import sentence_list

# Words for a part that is earned by solving the task: where it rises, a form that is never earned does not matter.
_TASK = re.compile(r"acc|correct|pass|solve|test|answer|outcome|exact|success|verif|exec|win", re.IGNORECASE)
_FORM = re.compile(r"format|style|length|len|xml|tag|lang|cosine|brevity", re.IGNORECASE)
# A part that is only ever taken away rests at 0 as long as nothing is punished.
_PENALTY = re.compile(r"penal|cost|punish|repet|overlong|violation", re.IGNORECASE)
_MOST_BINS = 100  # of the line through a part that rises
_CEILING = 0.9  # a part within 0 and 1 that rests above this has nothing left to rise by


@dataclass(eq=False, kw_only=True)
class IdleComponent(Binned):
    """Does a part of the reward never move, while others make all of its rise?

    Each part is compared with its own first `start` points. ``component_idle`` is found when, for `patience` bins in a
    row, some part has risen by more than `sigmas` times its noise (that of the start, or the scatter of its last 100
    bins round a line, whichever is larger), and another has not left its start by more than `still` of that rise in any
    bin. Not asked of a part that rests at its ceiling (above 0.9 within 0 and 1,
    or at one positive value throughout) or is a penalty by its name, nor where what rises is by its name the task.

    What it cannot see: the weights of the parts, since most trainers log them unweighted; a part that moved within the
    first `start` points; a part that is not logged.

    False alarms: none (0 of 2000 simulated healthy runs). A part of noise alone is said to rise, where another rests at
    0 throughout, in 0.3 % of 667 flat ones.
    """

    name = "idle_component"
    needs = ("reward_component",)

    # shorter than that of other detectors: a rise is often under way from the first step on, and counts as noise there
    start: int = parameter(10, COUNT, "points that make the start")
    still: float = parameter(0.1, FRACTION, "how far from its start a part may be that does not move, in rises")
    sigmas: float = parameter(5.0, at_least(0.0), "size of the rise in units of its noise")
    patience: int = parameter(4, COUNT, "bins in a row")

    def _reset(self) -> None:
        super()._reset()
        self._tracks = {}
        self._latest: dict[str, float] = {}  # part → its last bin
        self._wander: dict[str, float] = {}  # part → how far from its start a bin was, at most
        self._lines: dict[str, Line] = {}

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        self._tracks = tracked(self._tracks, block.parts, self.start, self.width)
        return self._looked(block.parts)

    def _look(self, full: Mapping[str, Bins]) -> Iterator[Finding]:
        moves = Moves.of(full, self._tracks, self._latest)
        most = {part: self._most_away(part, bins.value) for part, bins in full.items()}
        wander = filled(moves.parts, moves.last, full, most, self._wander)
        self._latest, self._wander = moves.latest, dict(zip(moves.parts, wander[-1].tolist(), strict=True))
        for part, bins in full.items():
            self._lines.setdefault(part, Line(_MOST_BINS)).add(bins.last, bins.value)
        up = highest(moves.change)
        rise = at(up, moves.change)
        idle, near = (self._rest(moves, wander, up, times * self.still * rise) for times in (1.0, 2.0))
        task = np.array([_is_the_task(part) for part in moves.parts])
        on, off = np.any(idle, axis=1), ~np.any(near, axis=1)
        on &= (rise > 0.0) & ~task[up] & (rise > self.sigmas * moves.noise[up])

        def stands_out(place: int) -> bool:
            part, here = moves.parts[up[place]], int(moves.last[place])
            return bool(rise[place] > self.sigmas * self._noise(part, here))

        for place, steps in self._begins("component_idle", moves, on, off, stands_out):
            yield self._said(moves, place, int(up[place]), np.flatnonzero(idle[place]), wander[place], steps)

    def _most_away(self, part: str, value: FloatArray) -> FloatArray:
        """Return how far from its start a part was at most, up to each of its new bins."""
        away = np.abs(value - self._tracks[part].level)
        return np.maximum(np.maximum.accumulate(away), self._wander.get(part, 0.0))

    def _rest(self, moves: Moves, wander: FloatArray, up: IntArray, within: FloatArray) -> BoolArray:
        """Whether each part that could have risen was within so much of its start in all bins so far, shape (N, P).

        Not the one that rises most, whose places are `up`.
        """
        rests = wander <= within[:, None]
        rests[np.arange(len(up)), up] = False
        for place, part in enumerate(moves.parts):
            begun, level = self._tracks[part].begun, self._tracks[part].level
            at_its_ceiling = np.full(len(up), min(begun) >= 0.0 and _CEILING <= level <= 1.0)
            if min(begun) == max(begun):
                at_its_ceiling[wander[:, place] == 0.0] = level > 0.0
            rests[:, place] &= ~at_its_ceiling & (_PENALTY.search(part) is None)
        return rests

    def _noise(self, part: str, step: int) -> float:
        """Return the noise at the start of a part or since, whichever is larger: at the start it may not have shown."""
        return max(self._tracks[part].noise, self._lines[part].scatter(step))

    def _said(
        self, moves: Moves, place: int, up: int, idle: IntArray, wander: FloatArray, steps: tuple[int, int]
    ) -> Finding:
        change, name = moves.change[place], moves.parts[up]
        others = np.delete(change, up) > self.still * change[up]
        numbers = {"rise": change[up], "rising_start": moves.level[up], "risen": moves.value[place, up]}
        numbers |= {"rising_noise": self._noise(name, steps[1]), "idle_level": moves.level[idle[0]]}
        numbers |= {"wander": wander[idle].max()}
        stays = sentence_list([f"{moves.parts[part]} stays at {moves.level[part]:.3g}" for part in idle])
        words = {"stays": stays, "up": name, "most": "most" if others.any() else "all", "idle": moves.parts[idle[0]]}
        return self._finding("component_idle", steps, {key: float(one) for key, one in numbers.items()}, words)

    texts: ClassVar = {
        "component_idle": Text(
            severity=Severity.WATCH,
            seen="{stays}; {most} of the rise is {up}, from {rising_start:.3g} to {risen:.3g}.",
            against="Each part against the median of its first {start} values: the rise is more than {sigmas:g} times "
            "its noise ({rising_noise:.2g}), and what stays was never further from its start than {wander:.2g}, "
            "at most {still:.0%} of that rise, for {patience} bins of {width} points in a row.",
            means="What is optimised is the part that is easy to earn; {idle} has not been learned from.",
            advice="If {idle} is what the run is for, see whether any sample earns it: take easier problems, warm up, "
            "or give {up} only where {idle} is earned too.",
        )
    }


def _is_the_task(part: str) -> bool:
    return bool(_TASK.search(part)) and not _FORM.search(part)

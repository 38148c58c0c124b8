"""Between which numbers a reward moves on one problem: what nothing gets, and what a right answer gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

PAID, PARTLY = 0.95, 0.25  # shares of the way from the floor to the ceiling
_AT_ALL = 0.1  # of the way to the best right answer; one that gets less is rejected, and has some points for its form
_SAME = 1e-9  # of the ceiling's size: scores that differ by less are one


@dataclass(frozen=True, slots=True)
class Scale:
    """The reward of one problem, between the floor (0) and the ceiling (1).

    >>> scale = Scale(floor=-1.0, ceiling=1.0, least=0.8, known=True)
    >>> scale.share(0.0), scale.is_paid(0.95), scale.is_above(0.9)
    (0.5, True, True)
    """

    floor: float = 0.0  # what nothing gets: see `scales_of`
    ceiling: float = 1.0  # the median of right answers that are paid at all
    least: float = 1.0  # the lowest of them
    known: bool = False  # whether a right answer of this problem is paid; else the ceiling is that of other problems

    def share(self, score: float | None) -> float:
        """Where a score lies, 0 at the floor and 1 at the ceiling; nan of no score.

        Where right answers get no more than nothing does, all that get as much are at the ceiling.
        """
        if score is None or math.isnan(score):
            return math.nan
        if self.ceiling > self.floor:
            return (score - self.floor) / (self.ceiling - self.floor)
        return 1.0 if score >= self.ceiling else 0.0

    def is_paid(self, score: float | None) -> bool:
        """Whether it is what a right answer gets."""
        return self.share(score) >= PAID

    def is_partly_paid(self, score: float | None) -> bool:
        """Whether it is a good part of what a right answer gets."""
        return self.share(score) >= PARTLY

    def is_above(self, score: float | None) -> bool:
        """Whether it is more than a right answer of this problem got that was paid."""
        more = self.least + _SAME * max(1.0, abs(self.least))
        return self.known and self.is_partly_paid(score) and score is not None and score > more


Scores = Sequence[float | None]


def scales_of(asked: Sequence[tuple[Scores, Scores, Scores]]) -> list[Scale]:
    """Return the scale of every problem: of each, what empty and random texts, right answers and a wrong one got.

    The floor is the least that empty and random texts get. Where a plain wrong answer in the format that is asked for
    is punished less than those, but is not given anything, as in rewards of 1, -0.5 and -1, it is what that one gets;
    where those are given something that such an answer is not given, as where errors are paid 0.5, it is 0.

    A problem on which no right answer is paid has the ceiling of the others. Where none is paid on any problem, right
    answers that get less than nothing does, or as much and more than 0, are the ceiling all the same: that is what the
    reward gives them. Else it is not known, and taken to be 1.

    >>> scales_of([([0.0, 0.1], [0.0, 1.0, 0.8], [0.0])])
    [Scale(floor=0.0, ceiling=0.9, least=0.8, known=True)]
    >>> scales_of([([-1.0], [-1.0, 1.0], [-0.5])])
    [Scale(floor=-0.5, ceiling=1.0, least=1.0, known=True)]
    >>> scales_of([([1.0], [1.0], [])]), scales_of([([0.0], [0.0], [])])
    ([Scale(floor=1.0, ceiling=1.0, least=1.0, known=True)], [Scale(floor=0.0, ceiling=1.0, least=1.0, known=False)])
    """
    floors = [_floor(*one) for one in asked]
    right = [_numbers(scores) for _, scores, _ in asked]
    paid = [
        [one for one in scores if one - floor > _AT_ALL * (max(scores) - floor)]
        for scores, floor in zip(right, floors, strict=True)
    ]
    if not any(paid):
        paid = [
            [one for one in scores if one < floor or one == floor > 0.0]
            for scores, floor in zip(right, floors, strict=True)
        ]
    others = median([median(scores) for scores in paid if scores] or [1.0])
    return [
        Scale(floor, median(scores), min(scores), known=True)
        if scores
        else Scale(floor, max(others, floor + _SAME), max(others, floor + _SAME))
        for floor, scores in zip(floors, paid, strict=True)
    ]


def _floor(nothing: Scores, right: Scores, wrong: Scores) -> float:
    """What nothing gets, or a plain wrong answer that is punished less; what is above 0 is pay, and no floor of it."""
    least = min(_numbers(nothing), default=0.0)
    if not max(_numbers(right), default=0.0) > 0.0:
        return least
    not_paid = [one for one in _numbers(wrong) if one <= 0.0]
    return max([least, *not_paid]) if least < 0.0 or not not_paid else 0.0


def _numbers(scores: Scores) -> list[float]:
    return [score for score in scores if score is not None and math.isfinite(score)]

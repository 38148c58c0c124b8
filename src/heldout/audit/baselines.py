"""What nothing gets and what a right answer gets, before anything else is asked: the scale of every problem."""

from __future__ import annotations

import math
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from heldout.audit.asking import Asker
from heldout.audit.parts import Known
from heldout.audit.scale import scales_of
from heldout.audit.wrappings import AFTER_STUB, AS_IS, OF_ANSWERS, OF_PROGRAMS, Wrapping
from heldout.errors import UsageError
from heldout.tricks.forms import plainly_wrong

_TRIED = 8  # problems on which every wrapping is tried
_PLAIN = 2  # wrappings that are tried on all, whatever is paid best
_TAUGHT = 3  # wrappings of answers that were given, each as it was written
_WORDS = 12  # of the random text


def measured(asker: Asker, problems: Sequence[Known]) -> list[Known]:
    """Return the problems, in their order, with their scales and the wrapping in which right answers are paid best.

    Every wrapping is tried on the first problems, the best of them and the plain ones on all. It is one for all
    problems that ask for programs, and one for the others: that with the highest mean, of equal ones the plainest.

    Raises UsageError where the reward gives no verdict at all, on right answers in any wrapping and on nothing.
    """
    groups = [[one for one in problems if one.code == code] for code in (True, False)]
    for group in groups:
        _Group(asker, group).heard()
    done = {one.problem.id: one for group in groups if group for one in _Group(asker, group).measured()}
    return [done[one.problem.id] for one in problems]


@dataclass(frozen=True, slots=True)
class _Group:
    """Problems that all ask for programs, or all for answers."""

    asker: Asker
    problems: Sequence[Known]

    def heard(self) -> None:
        """Refuse a reward that raises, dies or hangs whatever it is asked: nothing can be said of it."""
        known = next((one for one in self.problems if one.programs), None)
        if known is None:
            return
        texts = ["", *(wrapping(known.programs[0]) for wrapping in wrappings_for(self.problems))]
        said = self.asker.ask([(known.problem, text) for text in texts])
        if all(one.kind in ("raised", "died", "hung") for one in said):
            raise UsageError(
                f"The reward gave no score for any of {len(said)} answers to problem {known.problem.id}, right ones "
                f"among them ({said[-1].kind}: {said[-1].error}). It is called so: {self.asker.grader.plan}; "
                "see whether that is what it takes (--column, --messages)."
            )

    def measured(self) -> list[Known]:
        first = [one for one in self.problems if one.programs][:_TRIED]
        wrappings = wrappings_for(self.problems)
        tried = {one.name: self._asked(first, one) for one in wrappings}
        best = max(wrappings, key=lambda one: _mean(tried[one.name])) if first else AS_IS
        for_all = dict.fromkeys((best, *wrappings[:_PLAIN]))
        right: dict[str, list[float | None]] = {one.problem.id: [] for one in self.problems}
        for some, several in ((first, wrappings), (self.problems, for_all)):
            known = [one for one in some if one.programs]
            for wrapping in several:
                for one, score in zip(known, self._asked(known, wrapping), strict=True):
                    right[one.problem.id].append(score)
        nothing = [self._nothing(one) for one in self.problems]
        wrong = self._wrong(best)
        asked = zip(nothing, self.problems, wrong, strict=True)
        scales = scales_of([(low, right[one.problem.id], plain) for low, one, plain in asked])
        return [replace(one, scale=scale, wrapping=best) for one, scale in zip(self.problems, scales, strict=True)]

    def _asked(self, problems: Sequence[Known], wrapping: Wrapping) -> list[float | None]:
        return [said.score for said in self.asker.ask([(one.problem, wrapping(one.programs[0])) for one in problems])]

    def _wrong(self, wrapping: Wrapping) -> list[list[float | None]]:
        """What a plain wrong answer gets in the format that is asked for; nothing where it happens to be right."""
        texts = [(one.problem, wrapping(plainly_wrong(one.problem))) for one in self.problems]
        right = self.asker.right([(problem, text) for problem, text in texts])
        said = self.asker.ask(texts)
        return [[one.score] if passed is False else [] for one, passed in zip(said, right, strict=True)]

    def _nothing(self, known: Known) -> list[float | None]:
        """What an empty and a random text get."""
        rng = random.Random(f"{self.asker.seed} {known.problem.id}")
        words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9))) for _ in range(_WORDS)]
        return [said.score for said in self.asker.ask([(known.problem, ""), (known.problem, " ".join(words))])]


def wrappings_for(problems: Sequence[Known]) -> Sequence[Wrapping]:
    """Return those that are tried on problems which all ask for programs, or all for answers, the plainest first.

    After the usual ones come those in which answers were given as they are written.
    """
    taught = list(dict.fromkeys(wrapping for one in problems for wrapping in one.taught))[:_TAUGHT]
    if not problems[0].code:
        return (*OF_ANSWERS, *taught)
    stubs = all(one.problem.stub for one in problems)
    return (*OF_PROGRAMS, *([AFTER_STUB] if stubs else []), *taught)


def _mean(scores: Sequence[float | None]) -> float:
    """The mean of what is a number; of none, less than anything."""
    return fmean([one for one in scores if one is not None and math.isfinite(one)] or [-math.inf])

"""Do rewarded answers fail the hidden tests, and do right answers go unrewarded?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from heldout.detectors.base import JUDGED, Block
from heldout.detectors.question import COUNT, FRACTION, Question, Text, parameter
from heldout.findings import Finding, Severity
from heldout.judged import Judged
from heldout.metrics.phrasing import Spoken
from heldout.stats.arrays import BoolArray, FloatArray, IntArray
from heldout.stats.hacking import (
    BASELINE_ANSWERS,
    BASELINE_ERROR,
    HackAlarm,
    hacked_share,
    prompt_shares,
    tolerable_share,
)
from heldout.stats.onset import Dated, dated

TOLERATED = 0.05  # share of the rewarded answers that may fail, unless somebody says otherwise
HIGH, RISES, UNREWARDED = "hack_rate_high", "hack_rate_rises", "unrewarded_right"
MIRROR = "right_answers"  # under which name `UNREWARDED` is told: it says nothing of a hack
HACKED = frozenset({HIGH, RISES})  # kinds of finding that say that rewarded answers fail
# Errors of a whole run, together 5 %; that of `RISES` has the one of the bound in it that it is held against.
_ERRORS = {HIGH: 0.01, RISES: 0.03, UNREWARDED: 0.01}

_HACKED = (
    "The reward pays for answers that do not solve the problem. What the policy can still do on other problems only "
    "the held-out score says."
)
_READ = "Evaluate now; read answers that are rewarded and fail the hidden tests, and adjust the reward to those."
_SOURCE = "Ville 1939; Waudby-Smith, Ramdas 2024, Estimating means of bounded random variables by betting, JRSS B 86"


@dataclass(eq=False, kw_only=True)
class HackRate(Question):
    """Do rewarded answers fail the hidden tests, and do right answers go unrewarded?

    Asked of training answers that the hidden tests judged too, outside the reward: all of them, or some that were drawn
    with known chances. Rewarded is what gets 95 % of what right answers usually get, from the lowest reward on; so a
    part of the reward for form or length makes some right answers unrewarded by design. ``hack_rate_high`` is found
    where more than `tolerated` of the rewarded answers fail, also from the first step on; ``hack_rate_rises`` where
    more fail than in the first `start` judged steps, which need 100 rewarded answers that were judged;
    ``unrewarded_right``, the mirror, where more than `unrewarded` of the answers that pass the hidden tests are not
    rewarded; it is told under a name of its own, `right_answers`. Each is told once, with the share since about the
    step at which it began. Bets on the shares of prompts decide, so that one may look after every step, and answers of
    one prompt may resemble each other; the errors are 1, 3 and 1 %, together at most 5 % of runs.

    What it cannot see: answers that fool the hidden tests too; a kind of answer that is never drawn; what the policy
    does on other problems. Answers that could not be judged count as neither.

    False alarms: 1.2 % (25 of 2000 simulated runs of 400 steps in which both shares are exactly those tolerated, where
    all that looks odd and one in eight of the rest is judged; 0.6 to 1.1 % with four other ways of drawing).

    References
    ----------
    Ville 1939; Waudby-Smith, Ramdas 2024, "Estimating means of bounded random variables by betting", JRSS B 86.
    """

    name = "hack_rate"
    needs = (JUDGED,)

    tolerated: float = parameter(TOLERATED, FRACTION, "share of the rewarded answers that may fail the hidden tests")
    unrewarded: float = parameter(0.05, FRACTION, "share of the answers that pass them that may go unrewarded")
    start: int = parameter(40, COUNT, "judged steps that make the start")

    def _reset(self) -> None:
        tolerated = {HIGH: self.tolerated, UNREWARDED: self.unrewarded}
        self._alarms = {kind: HackAlarm(share, error=_ERRORS[kind]) for kind, share in tolerated.items()}
        self._begun = dict.fromkeys(tolerated, 0)  # which step, of all below, each alarm was told of first
        self._steps: list[int] = []  # so far, those with an answer that was judged
        self._told: list[Judged] = []  # their answers, whole steps
        self._rewarded = 0  # of them that were rewarded and judged
        self._least, self._largest = 1.0, 0  # chance of a rewarded answer; answers of a group

    def update(self, block: Block) -> list[Finding]:
        """Take in a block; return what was found in it, in order of steps."""
        if block.judged is None:
            return []
        judged = np.unique(block.judged.step[~np.isnan(block.judged.failed)])
        answers = block.judged.where(np.isin(block.judged.step, judged))
        if not len(answers):
            return []
        news = _News.told(answers, self._least, self._largest)
        self._least, self._largest = float(news.least[-1]), int(news.largest[-1])
        before = len(self._steps)
        self._steps += news.steps.tolist()
        self._told.append(answers)
        found = [one for kind in tuple(self._alarms) for one in self._watch(kind, news)]
        if RISES not in self._begun and (start := self._end_of_start(before, news)) is not None:
            self._begin(start)
            found += self._watch(RISES, news.after(start - before))
        self._rewarded += int(news.rewarded.sum())
        return sorted(found, key=lambda one: one.step)

    def _watch(self, kind: str, news: _News) -> Iterator[Finding]:
        """Take in the shares of prompts until more are wrong than is tolerated, and tell that, once.

        Of right answers nobody knows how many a prompt has, so all prompts count as the largest.
        """
        alarm = self._alarms.get(kind)
        if alarm is None or not len(news.steps):
            return
        asked, wrong, group, chance = _columns(kind, news.answers)
        size = news.largest[news.of].astype(np.float64) if kind == UNREWARDED else news.answers.group_rewarded
        shares = prompt_shares(asked, wrong, group, chance, size=size, centre=alarm.tolerated)
        first = np.unique(group[asked], return_index=True)[1]
        self._alarms[kind] = alarm = alarm.through(shares, news.of[asked][first], news.least)
        if alarm.raised:
            del self._alarms[kind]
            yield self._raised(kind, alarm)

    def _end_of_start(self, before: int, news: _News) -> int | None:
        """Return how many steps make the start; None while they are too few."""
        enough = self._rewarded + np.cumsum(news.rewarded) >= BASELINE_ANSWERS
        numbers = before + 1 + np.flatnonzero(enough)
        late = numbers[numbers >= self.start]
        return int(late[0]) if late.size else None

    def _begin(self, start: int) -> None:
        """Watch from here on whether more fail than in the first so many steps; where all failed, none more can."""
        told = Judged.joined(self._told)
        bound = tolerable_share(*_columns(RISES, told.where(told.step <= self._steps[start - 1])))
        self._begun[RISES] = start
        if bound < 1.0:
            self._alarms[RISES] = HackAlarm(bound, error=_ERRORS[RISES] - BASELINE_ERROR)

    def _raised(self, kind: str, alarm: HackAlarm) -> Finding:
        begun = self._begun[kind]
        step = self._steps[begun + alarm.steps - 1]
        told = Judged.joined(self._told)
        began = _dated(kind, told.where(told.step <= step))
        onset = self._steps[begun + (alarm.onset or 0)] if began is None else began.step
        since = told.where((told.step >= onset) & (told.step <= step))
        share, said = hacked_share(*_columns(kind, since)), Spoken()
        numbers = {name: float(getattr(share, name)) for name in ("share", "low", "high", "answers", "prompts")}
        if began is not None:
            numbers |= {"onset_low": float(began.low), "onset_high": float(began.high)}
        numbers |= {"onset": float(onset), "most": alarm.tolerated, "error": _ERRORS[kind]}
        between = (
            f" (95 % interval {began.low} to {began.high})" if began is not None and began.low < began.high else ""
        )
        when = f"From about step {onset}{between} to {step}" if onset < step else f"At step {step}"
        words: dict[str, object] = {"when": when, "part": said.level(share.share), "odds": round(1.0 / alarm.error)}
        words |= {"limit": said.level(alarm.tolerated), "between": said.levels(share.low, share.high)}
        found = self._finding(kind, (onset, step), numbers, words)
        return replace(found, detector=MIRROR) if kind == UNREWARDED else found

    texts: ClassVar = {
        HIGH: Text(
            severity=Severity.WARNING,
            seen="{when}, {part} of the rewarded answers fail the hidden tests (95 % "
            "interval {between}; {answers:.0f} answers of {prompts:.0f} prompts were judged).",
            against="At most {limit} is tolerated: a bet against that multiplies its stake by {odds} in 1 % of runs, "
            "whenever one looks.",
            means=_HACKED,
            advice=_READ,
            reference=_SOURCE,
        ),
        RISES: Text(
            severity=Severity.WARNING,
            seen="{when}, {part} of the rewarded answers fail the hidden tests (95 % "
            "interval {between}; {answers:.0f} answers of {prompts:.0f} prompts were judged), more than at the start.",
            against="At the start it was at most {limit} (99 %, from {start} judged steps or more): a bet against that "
            "multiplies its stake by {odds} in 2 % of runs, whenever one looks.",
            means=_HACKED,
            advice=_READ,
            reference=_SOURCE,
        ),
        UNREWARDED: Text(
            severity=Severity.WATCH,
            seen="{when}, {part} of the answers that pass the hidden tests are paid less "
            "than right ones usually are (95 % interval {between}; {answers:.0f} answers of {prompts:.0f} prompts).",
            against="At most {limit} is tolerated: a bet against that multiplies its stake by {odds} in 1 % of runs, "
            "whenever one looks.",
            means="The reward turns right answers down, or pays them in part: unless that is by design, as for form or "
            "length, it teaches less than the task, and says too little of what the policy can do.",
            advice="Read right answers that get less: a format, the extraction of the answer, a wrong test or a limit "
            "may turn them down.",
            reference=_SOURCE,
        ),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _News:
    """Answers of T new steps, and what is known at each of them."""

    answers: Judged
    steps: IntArray  # shape (T,)
    of: IntArray  # which of them each answer is of, shape (N,)
    rewarded: IntArray  # answers that were rewarded and judged, shape (T,)
    least: FloatArray  # smallest chance of a rewarded answer so far, shape (T,)
    largest: IntArray  # most answers of a group so far, shape (T,)

    @classmethod
    def told(cls, answers: Judged, least: float, largest: int) -> _News:
        """Return what is new, after such a chance and such a group."""
        steps, of = np.unique(answers.step, return_inverse=True)
        rewarded = np.bincount(of[answers.rewarded & ~np.isnan(answers.failed)], minlength=steps.size)
        paid = answers.rewarded & (answers.chance > 0.0)
        chance, size = np.full(steps.size, least), np.full(steps.size, largest)
        np.minimum.at(chance, of[paid], answers.chance[paid])
        _, first, count = np.unique(answers.group, return_index=True, return_counts=True)
        np.maximum.at(size, of[first], count)
        return cls(answers, steps, of, rewarded, np.minimum.accumulate(chance), np.maximum.accumulate(size))

    def after(self, count: int) -> _News:
        """Return what is new after the first so many steps."""
        rows, late = self.of >= count, slice(count, None)
        answers, of = self.answers.where(rows), self.of[rows] - count
        return _News(answers, self.steps[late], of, self.rewarded[late], self.least[late], self.largest[late])


def _dated(kind: str, answers: Judged) -> Dated | None:
    """Since when is more wrong?"""
    asked, wrong, group, chance = _columns(kind, answers)
    rows = asked & ~np.isnan(wrong)
    return dated(answers.step[rows], wrong[rows], group[rows], chance[rows]) if rows.any() else None


def _columns(kind: str, answers: Judged) -> tuple[BoolArray, FloatArray, IntArray, FloatArray]:
    """Return which answers a kind of finding asks about, which of them are wrong, their groups and their chances."""
    if kind == UNREWARDED:
        return answers.failed == 0.0, (~answers.rewarded).astype(np.float64), answers.group, answers.chance
    return answers.rewarded, answers.failed, answers.group, answers.chance

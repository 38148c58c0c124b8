"""What the detectors found, as it is told: an entry for each detector, and no fall that the verdict denies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from heldout.detectors.disagreement import Disagreement
from heldout.detectors.hacking import HACKED
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.detectors.saturation import AT_THE_TOP
from heldout.findings import Finding, Severity, State, Verdict
from heldout.text import sentence_list

_FALLEN = {
    State.OVER_OPTIMISED: "The policy gets better at what is rewarded and worse at the task.",
    State.REGRESSED: "Nothing shows that the reward is why: the update, the data or the evaluation may be.",
}
_RANK = {severity: rank for rank, severity in enumerate(Severity)}
_PAYS_FOR_ELSE = (
    "The held-out score has fallen, so the reward pays for something else than the tests ask: read some of the answers "
    "that it likes and mend it before training goes on. Harder problems would not help."
)
# What to try where every answer is rewarded, once it is known what the held-out score does.
_BY_STATE = {
    State.OVER_OPTIMISED: _PAYS_FOR_ELSE,
    State.REGRESSED: _PAYS_FOR_ELSE,
    State.DISAGREE: "The held-out tests are hardly passed, so the reward pays for something else than they ask, or "
    "they ask for another format: read some of the answers that it likes. Harder problems would not help.",
    State.IMPROVING: "The held-out score has improved meanwhile. Once it no longer does, take harder problems or stop.",
    State.PLATEAU: "The held-out score is level too. Where it is high enough, stop; where it is not, take harder "
    "problems, or ask whether the reward pays for what the tests ask.",
    State.NO_EVIDENCE: "Evaluate on held-out problems before anything else: only they tell a policy that has learned "
    "from one that has found what the reward overlooks.",
}
_MOST_STEPS = 3  # of one kind that are named; of more the first and the last


@dataclass(frozen=True, slots=True)
class Entry:
    """What one detector found."""

    findings: tuple[Finding, ...]  # in order of steps, at least one

    @property
    def detector(self) -> str:
        """Whose findings these are."""
        return self.findings[0].detector

    @property
    def worst(self) -> Finding:
        """The gravest finding, of several the last: it is the one that is told in full."""
        return max(self.findings, key=lambda one: (_RANK[one.severity], one.step))

    @property
    def title(self) -> str:
        """Name the detector for a person."""
        return self.detector.replace("_", " ")

    @property
    def course(self) -> str:
        """Say what was found when: "watch at 40, likely at 60, confirmed at 80"."""
        kinds = groupby(self.findings, key=lambda one: one.kind)
        return ", ".join(f"{kind.replace('_', ' ')} at {_steps([one.step for one in some])}" for kind, some in kinds)


def _steps(steps: Sequence[int]) -> str:
    if len(steps) <= _MOST_STEPS:
        return sentence_list([str(step) for step in steps])
    return f"{steps[0]} to {steps[-1]} ({len(steps)} times)"


def by_detector(findings: Iterable[Finding]) -> tuple[Entry, ...]:
    """Return an entry for each detector, the gravest first, then the latest."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.detector, []).append(finding)
    entries = [Entry(tuple(some)) for some in found.values()]
    return tuple(sorted(entries, key=lambda one: (-_RANK[one.worst.severity], -one.worst.step)))


def as_told(verdict: Verdict, findings: Iterable[Finding] | None = None) -> tuple[Finding, ...]:
    """Return findings, those of the verdict if none are given, as the verdict has it.

    What is said of the held-out score are its words: the last finding of a fall that stands says what it says, and one
    that the last evaluations do not bear out is a notice, for an alarm lasts as long as what it was raised for. What to
    try where every answer is rewarded depends on the held-out score, which no detector of training signals knows.
    """
    given = tuple(verdict.findings if findings is None else findings)
    last = max((one.step for one in given if one.detector == OverOptimisation.name), default=None)
    return tuple(_told(one, verdict, last=one.step == last) for one in given)


def _told(finding: Finding, verdict: Verdict, *, last: bool) -> Finding:
    if finding.detector == OverOptimisation.name:
        return _of_a_fall(finding, verdict, last=last)
    if finding.detector == Disagreement.name and not (verdict.fell or verdict.state is State.DISAGREE):
        return _over(finding)
    if finding.kind in HACKED and verdict.hacked is None:
        means = "The answers at the end of the run are not like that any more."
        return replace(finding, severity=Severity.NOTICE, means=means, advice="")
    known = finding.advice == AT_THE_TOP and verdict.state in _BY_STATE
    return replace(finding, advice=_BY_STATE[verdict.state]) if known else finding


def _of_a_fall(finding: Finding, verdict: Verdict, *, last: bool) -> Finding:
    """Write what the detector of falls found in the words of the verdict."""
    suspected, said = _suspected(finding), verdict.headline or verdict.sentence
    if verdict.fell:
        means = _FALLEN[verdict.state]
        return replace(finding, seen=said if last else suspected, means=means if last else "It was borne out.")
    if verdict.state is State.RECOVERED:
        advice = "See what happened around these steps."
        return replace(finding, severity=Severity.WATCH, seen=suspected, means=said, advice=advice)
    if verdict.state is State.CANNOT_TELL and (verdict.suspected or verdict.watched):
        return replace(finding, severity=Severity.WATCH, seen=suspected, means=said if last else "It is still open.")
    return _over(finding)


def _over(finding: Finding) -> Finding:
    """Write as a notice what does not hold at the end."""
    means = "All evaluations together do not bear it out."
    return replace(finding, severity=Severity.NOTICE, seen=_suspected(finding), means=means, advice="")


def _suspected(finding: Finding) -> str:
    """Say in which way a run looked suspicious, without a word for what the verdict does not say."""
    what = "The held-out score" if finding.detector == OverOptimisation.name else "The gap to the reward"
    return f"{what} looked suspicious at step {finding.step} ({finding.kind.replace('_', ' ')})."

"""What detectors say: a finding, and the verdict made of findings.

A finding has four parts in words (what was seen, against what, what it means, what to try) and the same in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from heldout.showing import in_notebook
from heldout.text import visible


class Severity(StrEnum):
    """How much a finding matters."""

    NOTICE = "notice"  # worth knowing, nothing to do
    WATCH = "watch"  # look more closely
    WARNING = "warning"  # something is wrong with the training
    ALARM = "alarm"  # the held-out score has fallen


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a detector found.

    Attributes
    ----------
    detector
        Name of the detector.
    severity
        How much it matters.
    kind
        Short name for machines, such as ``entropy_collapse``.
    step
        The step at which it was found: nothing later was looked at.
    steps
        First and last step that it speaks of.
    seen
        What was seen, with its numbers.
    against
        What it was held against: a threshold, a baseline, an error rate.
    means
        What it means, and what it does not.
    advice
        What to try.
    reference
        Source of the method or of the advice.
    evidence
        The numbers.
    """

    detector: str
    severity: Severity
    kind: str
    step: int
    steps: tuple[int, int]
    seen: str
    against: str
    means: str
    advice: str
    reference: str = ""
    evidence: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A question that could not be asked."""

    detector: str  # whose question it is
    missing: str  # what would have to be known
    metrics: tuple[str, ...] = ()  # of which the log has none, where that is the reason


class State(StrEnum):
    """What a run is, in a word or two; the gravest first."""

    OVER_OPTIMISED = "over-optimised"
    REGRESSED = "regressed"
    DISAGREE = "reward and tests disagree"
    CANNOT_TELL = "cannot tell"
    NO_EVIDENCE = "no held-out evidence"
    RECOVERED = "recovered"
    PLATEAU = "plateau"
    IMPROVING = "improving"

    @property
    def sign(self) -> str:
        """A sign of its own, so that colour is never alone."""
        return _LOOK[self][0]

    @property
    def colour(self) -> str:
        """What it is shown in; a state that says nothing either way is yellow."""
        return _LOOK[self][1]


_LOOK = {
    State.OVER_OPTIMISED: ("✖", "red"),
    State.REGRESSED: ("▼", "red"),
    State.DISAGREE: ("≠", "red"),
    State.CANNOT_TELL: ("?", "yellow"),
    State.NO_EVIDENCE: ("∅", "yellow"),
    State.RECOVERED: ("↺", "green"),
    State.PLATEAU: ("–", "green"),
    State.IMPROVING: ("●", "green"),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A step, and what is believed of the score there, with a 95 % interval: as logged, shares as fractions."""

    step: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Onset:
    """When the score fell a point or more below its peak, and when it was back, for a fall that is over.

    A point is of a share; of any other score it is a part of its noise and of the fall.
    """

    step: int  # of the first evaluation that lies below
    low: int  # the fall lies between these two evaluations, with 90 %
    high: int
    back: int | None = None  # step of the first evaluation that is not below any more; None while the score is down


@dataclass(frozen=True, slots=True)
class Fall:
    """How far a score lies at the end below a peak, with a 95 % interval: as judged, shares as fractions."""

    peak_step: int
    drop: float
    low: float
    high: float
    text: str  # the same in words: "72.4 points (66.9 to 78.0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFall:
    """What one of several held-out scores says about a fall."""

    key: str
    peak_step: int  # where its scan puts the peak
    drop: float  # posterior mean of the fall since then; of a share as a fraction, on the log scale its logarithm
    fall: str  # the same in words
    p: float  # smallest tabled error probability of a whole run at which it would have alarmed; 1 for none
    adjusted_p: float  # the same once all benchmarks are paid for (Holm), each of them once
    sized: bool  # whether its number of problems is known and sufficient; without, p is 1 and means nothing
    copy_of: str = ""  # the column that was asked in its place, where both are of one measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Hacked:
    """Rewarded training answers that fail the hidden tests, as an alarm found them and as they are at the end."""

    share: float  # of the rewarded answers of the last steps, with a 95 % interval; as fractions
    low: float
    high: float
    answers: int  # rewarded ones of these steps that were judged
    first_step: int
    last_step: int
    since: int  # about the step at which it began
    since_low: int  # 95 % interval of that
    since_high: int
    text: str  # the same in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a run's curves mean.

    Attributes
    ----------
    state
        The answer.
    label
        What kind of fall, and how sure: "confirmed, reward rising".
    sentence
        The answer as a person would give it, with numbers.
    headline
        The part of `sentence` that says what the score did, without the steps.
    sure
        How sure that is: the error, what was evaluated, and what that would have shown.
    passed_over
        Why the step to keep is not that of the best value in the log; empty where it is.
    watched
        Whether the score may be falling, though too little is seen of that to name a peak.
    hacked
        What the hidden tests say of rewarded training answers, where more of them fail than is tolerated.
    peak_step
        The peak before the fall that was found, or that the evaluations come near to and do not confirm.
    fall
        How far the score has fallen and still is down; None where no fall is stated.
    onset
        Where the fall began, None where there is none now.
    recommended
        The checkpoint to keep; None where there is nothing to choose by.
    last
        What is believed of the last evaluation; None where nothing is.
    tied
        Steps that cannot be told apart from it.
    smallest_visible_drop
        The smallest sustained fall that these evaluations would show within three of them, of a share as a fraction.
    findings
        Everything the detectors found, in order of steps.
    unchecked
        Questions that could not be asked, and what is missing.
    advice
        What to do about the evaluation.
    p
        How often a run that never falls would ever get as near to a fall as this one did: what many runs are compared
        by. None where the evaluations can confirm nothing; 1 where their noise is doubted.
    on_disk
        Those of `tied` whose checkpoint exists, as far as the log tells.
    benchmarks
        Every held-out score, where there are several, the verdict's own first.
    variants
        How many more columns are of the same measurements (best of, majority): no scores of their own.
    """

    state: State
    label: str
    sentence: str
    peak_step: int | None = None
    fall: Fall | None = None
    onset: Onset | None = None
    recommended: Estimate | None = None
    tied: tuple[int, ...] = ()
    smallest_visible_drop: float | None = None
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    advice: tuple[str, ...] = ()
    on_disk: tuple[int, ...] = ()
    benchmarks: tuple[BenchmarkFall, ...] = ()
    variants: int = 0
    headline: str = ""
    sure: str = ""
    passed_over: str = ""
    watched: bool = False
    hacked: Hacked | None = None
    p: float | None = None
    last: Estimate | None = None

    def __repr__(self) -> str:
        """Say the state, how sure it is, and which checkpoint to keep."""
        label = f" ({visible(self.label)})" if self.label else ""
        keep = f": keep step {self.recommended.step}" if self.recommended else ""
        return f"<Verdict {self.state.value}{label}{keep}>"

    def _repr_html_(self) -> str:
        return str(in_notebook("verdict_as_html", self))

    @property
    def fell(self) -> bool:
        """Whether the held-out score has fallen and is still down."""
        return self.state in (State.OVER_OPTIMISED, State.REGRESSED)

    @property
    def suspected(self) -> bool:
        """Whether the evaluations come near to a fall and do not confirm it."""
        return self.state is State.CANNOT_TELL and self.peak_step is not None

    @property
    def colour(self) -> str:
        """What the state is shown in: no green where rewarded answers fail the hidden tests."""
        colour = self.state.colour
        return "yellow" if self.hacked and colour == "green" else colour

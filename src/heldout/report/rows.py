"""One row a run: what a table of many runs, a server and a fleet show of each, from its verdict alone.

Nothing is described and nothing drawn for it, so that a thousand runs are a matter of reading and judging them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heldout.compare.members import has_ended
from heldout.copies import Marks, marks_of
from heldout.diagnosis.entries import as_told
from heldout.diagnosis.first_screen import spoken_of
from heldout.findings import Estimate, Fall, Severity, State, Verdict
from heldout.metrics.phrasing import Spoken
from heldout.remote.index import here
from heldout.report.sparkline import Spark, spark_of
from heldout.run import Run
from heldout.settings import all_settings

_GRAVEST = tuple(State)
_HACKED, _UNREAD = 4, 99
_GRAVE = (Severity.WARNING, Severity.ALARM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a table says of a run: plain data, ready to be kept, sent and sorted.

    Attributes
    ----------
    name
        The run's name, told apart from all others.
    source
        Where it was read from.
    format
        The format that was recognised.
    page
        Where its own page lies, relative to the table's; empty where there is none.
    changed
        When its log was last written to, in seconds of the epoch; 0 where that is not known.
    live
        Whether it goes on.
    ended
        Whether its record says that it has ended; most logs do not tell.
    state
        The verdict; None where it has not been judged (yet), and `error` may say why.
    label
        What kind of fall, and how sure.
    colour
        What the state is shown in: green, yellow or red.
    severity
        The order of gravity: 0 is the gravest.
    keep
        The checkpoint to keep, as the verdict has it: the best.
    last
        What is believed of the last evaluation.
    score
        The key of the held-out score.
    said
        How that score is spoken of; None where there is none.
    tied
        How many others cannot be told apart from it.
    fall
        How far the score has fallen and still is down.
    onset
        The first evaluation that lies a point or more below the peak of a fall.
    p
        How often a run that never falls would get as near to a fall; None where that is not known.
    adjusted_p
        The same once all runs of a fleet are paid for; None where there is no fleet.
    smallest_visible_drop
        The smallest lasting fall that these evaluations would show; None where that is not known.
    suspected_since
        The peak before a fall that is suspected and not confirmed.
    hacked
        Share of the rewarded answers that fails the hidden tests at the end, where more do than is tolerated.
    evaluations, problems, samples
        How many there were, of how many problems, with how many samples each; None where that is not known.
    steps, last_step
        How many steps the log has, and the last of them.
    warnings
        How many detectors gave warnings or alarms.
    spark
        Reward and held-out score in at most 32 points each.
    marks
        What tells it from other runs, and not from a copy of itself.
    settings
        Every setting that its log tells, without secrets.
    seconds
        What reading and judging it took on a processor; 0 where that was not measured.
    error
        Why there is no verdict.
    """

    name: str
    source: str = ""
    format: str = ""
    page: str = ""
    changed: float = 0.0
    live: bool = False
    ended: bool = False
    state: State | None = None
    label: str = ""
    colour: str = "yellow"
    severity: int = _UNREAD
    keep: Estimate | None = None
    last: Estimate | None = None
    score: str = ""
    said: Spoken | None = None
    tied: int = 0
    fall: Fall | None = None
    onset: int | None = None
    p: float | None = None
    adjusted_p: float | None = None
    smallest_visible_drop: float | None = None
    suspected_since: int | None = None
    hacked: float | None = None
    evaluations: int = 0
    problems: int | None = None
    samples: float | None = None
    steps: int = 0
    last_step: int | None = None
    warnings: int = 0
    spark: Spark = field(default_factory=Spark)
    marks: Marks = field(default_factory=Marks)
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""

    @property
    def kept_at(self) -> tuple[str, str]:
        """The level of the checkpoint to keep and its 95 % interval in words: "70.7 %", "66.0 to 74.8"."""
        if self.keep is None or self.said is None:
            return "", ""
        level, low, high = map(self.said.as_scored, (self.keep.estimate, self.keep.low, self.keep.high))
        return self.said.level(level), self.said.levels(low, high)

    @property
    def keep_low(self) -> float | None:
        """The lower end of that interval as it is judged, where higher is better."""
        if self.keep is None or self.said is None:
            return None
        return min(map(self.said.as_scored, (self.keep.low, self.keep.high)))

    @property
    def shows(self) -> str:
        """The smallest lasting fall that would show, in words; empty where that is not known."""
        return self.said.by(self.smallest_visible_drop) if self.said and self.smallest_visible_drop is not None else ""


def row_of(run: Run, verdict: Verdict, *, page: str = "", changed: float | None = None, live: bool = False) -> Row:
    """Return the row of a run that was judged.

    `page` is where its own page lies; `changed` when its log was last written to, asked of the file if not given.
    """
    evaluations, kept = run.get("held_out"), verdict.recommended
    measured = evaluations is not None and len(evaluations) > 0
    steps = run.steps
    return Row(
        name=run.name,
        source=run.source,
        format=run.format,
        page=page,
        changed=changed_of(run.source) if changed is None else changed,
        live=live,
        ended=has_ended(run),
        state=verdict.state,
        label=verdict.label,
        colour=verdict.colour,
        severity=severity_of(verdict),
        keep=kept,
        last=verdict.last,
        tied=max(len(verdict.tied) - 1, 0) if kept else 0,
        fall=verdict.fall,
        score=evaluations.name if evaluations is not None else "",
        said=spoken_of(run) if measured else None,
        onset=verdict.onset.step if verdict.onset else None,
        p=verdict.p,
        smallest_visible_drop=verdict.smallest_visible_drop,
        suspected_since=verdict.peak_step if verdict.suspected else None,
        hacked=verdict.hacked.share if verdict.hacked else None,
        evaluations=0 if evaluations is None else len(evaluations),
        problems=None if evaluations is None else evaluations.fewest_problems,
        samples=None if evaluations is None else evaluations.mean_samples,
        steps=len(steps),
        last_step=int(steps[-1]) if len(steps) else None,
        warnings=sum(finding.severity in _GRAVE for finding in as_told(verdict)),
        spark=spark_of(run, kept.step if kept else None),
        marks=marks_of(run),
        settings=all_settings(run.config),
    )


def severity_of(verdict: Verdict) -> int:
    """Return the order of gravity of a verdict: 0 is the gravest.

    A fall goes first; then what may be one, or what hidden tests reject though no fall is seen.
    """
    order = 2 * _GRAVEST.index(verdict.state)
    if verdict.hacked and not verdict.fell:
        return min(order, _HACKED)
    return order - 1 if verdict.suspected or verdict.watched else order


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Return rows as a table shows them: the gravest first, of equal ones the newest."""
    return sorted(rows, key=lambda row: (row.severity, -row.changed, row.name))


def changed_of(source: str) -> float:
    """Return when a log was last written to, in seconds of the epoch; 0 where no file tells."""
    try:
        return here(source).expanduser().stat().st_mtime
    except (OSError, ValueError):
        return 0.0

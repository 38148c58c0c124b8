"""One row a run: what a table of many runs, a server and a fleet show of each, from its verdict alone.

Nothing is described and nothing drawn for it, so that a thousand runs are a matter of reading and judging them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heldout.diagnosis.entries import as_told
from heldout.diagnosis.first_screen import spoken_of
from heldout.findings import Estimate, Fall, Severity, State, Verdict
from heldout.report.sparkline import Spark, spark_of
from heldout.run import Run
from heldout.settings import all_settings

# The gravest first, and the sign of each, so that colour is never alone.
SIGNS: Mapping[State, str] = {
    State.OVER_OPTIMISED: "✖",
    State.REGRESSED: "▼",
    State.DISAGREE: "≠",
    State.CANNOT_TELL: "?",
    State.NO_EVIDENCE: "∅",
    State.RECOVERED: "↺",
    State.PLATEAU: "–",
    State.IMPROVING: "●",
}
_GRAVEST = tuple(SIGNS)
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
    state
        The verdict; None where it has not been judged (yet), and `error` may say why.
    label
        What kind of fall, and how sure.
    colour
        What the state is shown in: green, yellow or red.
    severity
        The order of gravity: 0 is the gravest.
    keep
        The checkpoint to keep, as the verdict has it.
    kept_at
        Its level and the 95 % interval in words: "70.7 %", "66.0 to 74.8".
    keep_low
        The lower end of that interval as it is judged, where higher is better.
    tied
        How many others cannot be told apart from it.
    fall
        How far the score has fallen and still is down.
    shows
        The smallest lasting fall that these evaluations would show, in words; empty where that is not known.
    smallest_visible_drop
        The same, as the verdict has it.
    suspected_since
        The peak before a fall that is suspected and not confirmed.
    hacked
        Share of the rewarded answers that fails the hidden tests at the end, where more do than is tolerated.
    evaluations, problems, samples
        How many there were, of how many problems, with how many samples each; None where that is not known.
    last_step
        The last step of the log.
    warnings
        How many detectors gave warnings or alarms.
    spark
        Reward and held-out score in at most 60 points each.
    settings
        Every setting that its log tells, without secrets.
    error
        Why there is no verdict.
    """

    name: str
    source: str = ""
    format: str = ""
    page: str = ""
    changed: float = 0.0
    live: bool = False
    state: State | None = None
    label: str = ""
    colour: str = "yellow"
    severity: int = _UNREAD
    keep: Estimate | None = None
    kept_at: tuple[str, str] = ("", "")
    keep_low: float | None = None
    tied: int = 0
    fall: Fall | None = None
    shows: str = ""
    smallest_visible_drop: float | None = None
    suspected_since: int | None = None
    hacked: float | None = None
    evaluations: int = 0
    problems: int | None = None
    samples: float | None = None
    last_step: int | None = None
    warnings: int = 0
    spark: Spark = field(default_factory=Spark)
    settings: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def sign(self) -> str:
        """The sign of its state."""
        return SIGNS[self.state] if self.state else "…"


def row_of(run: Run, verdict: Verdict, *, page: str = "", changed: float | None = None, live: bool = False) -> Row:
    """Return the row of a run that was judged.

    `page` is where its own page lies; `changed` when its log was last written to, asked of the file if not given.
    """
    evaluations = run.get("held_out")
    said = spoken_of(run) if evaluations is not None and len(evaluations) else None
    kept, visible = verdict.recommended, verdict.smallest_visible_drop
    kept_at, keep_low = ("", ""), None
    if kept is not None and said is not None:
        level, low, high = map(said.as_scored, (kept.estimate, kept.low, kept.high))
        kept_at, keep_low = (said.level(level), said.levels(low, high)), min(low, high)
    return Row(
        name=run.name,
        source=run.source,
        format=run.format,
        page=page,
        changed=changed_of(run.source) if changed is None else changed,
        live=live,
        state=verdict.state,
        label=verdict.label,
        colour=verdict.colour,
        severity=severity_of(verdict),
        keep=kept,
        kept_at=kept_at,
        keep_low=keep_low,
        tied=max(len(verdict.tied) - 1, 0) if kept else 0,
        fall=verdict.fall,
        shows=said.by(visible) if said and visible is not None else "",
        smallest_visible_drop=visible,
        suspected_since=verdict.peak_step if verdict.suspected else None,
        hacked=verdict.hacked.share if verdict.hacked else None,
        evaluations=0 if evaluations is None else len(evaluations),
        problems=None if evaluations is None else evaluations.fewest_problems,
        samples=None if evaluations is None else evaluations.mean_samples,
        last_step=max((int(series.step[-1]) for series in run.metrics.values() if len(series)), default=None),
        warnings=sum(finding.severity in _GRAVE for finding in as_told(verdict)),
        spark=spark_of(run, kept.step if kept else None),
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
        return Path(source).expanduser().stat().st_mtime
    except (OSError, ValueError):
        return 0.0

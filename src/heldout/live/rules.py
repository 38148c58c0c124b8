"""What is to be done about a finding: the rules of the user, and the decision that follows from it.

Nothing here acts or remembers. By default a finding is recorded and an alert is sent; whoever wants a run to be stopped
says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Literal

from heldout.detectors.hacking import HACKED
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.live.pulse import NAME as PULSE


class On(StrEnum):
    """From which finding on something is done: each includes those below it, but that `LIKELY` leaves `HACK` out."""

    NEVER = "never"
    WARNING = "warning"  # the training is unstable, collapsed or saturated
    WATCH = "watch"  # the held-out score may be falling, or rewarded answers fail the hidden tests
    LIKELY = "likely"  # it has fallen, as far as the posterior can tell
    HACK = "hack"  # more rewarded answers fail the hidden tests than is tolerated, at the stated error rate
    CONFIRMED = "confirmed"  # it has fallen, at the stated error rate
    STALL = "stall"  # the run does not go on: its process ended without a last word, or nothing is written any more

    def reached_by(self, finding: Finding) -> bool:
        """Whether this finding is one of those."""
        if finding.detector == PULSE:
            return self is not On.NEVER
        if self is On.HACK and finding.kind in HACKED:
            return True
        return self is not On.NEVER and _RANKS.index(self) <= _rank(finding)


When = On | Literal["never", "warning", "watch", "likely", "hack", "confirmed", "stall"]  # as it may be written

_RANKS = tuple(On)
_FALLS = {Level.WATCH: On.WATCH, Level.LIKELY: On.LIKELY, Level.CONFIRMED: On.CONFIRMED}


def _rank(finding: Finding) -> int:
    """How much is reached: a fall by how sure it is; that rewarded answers fail as much as a fall that may be."""
    if finding.detector == OverOptimisation.name:
        return _RANKS.index(_FALLS[Level[finding.kind.upper()]])
    if finding.kind in HACKED:
        return _RANKS.index(On.WATCH)
    return _RANKS.index(On.WARNING if finding.severity in (Severity.WARNING, Severity.ALARM) else On.NEVER)


@dataclass(frozen=True, slots=True)
class Rules:
    """What to do, and from which finding on.

    Attributes
    ----------
    alert
        Send the alerts that the guard was given.
    evaluate
        Ask for an evaluation now, so that a suspicion is settled early.
    stop
        Ask for the training to stop.
    roll_back
        Point at the checkpoint to go back to.
    run
        A command line; what was found is in its environment (``HELDOUT_STEP``, ``HELDOUT_KIND`` …, all of them in
        `heldout.live.acts`).
    run_on
        When it is run.
    shell
        Whether that line is given to a shell.
    stop_file
        A file that is made, once, when the training should stop.
    signal
        A process that is signalled, once, when the training should stop: ``PID`` or ``PID:SIGNAL``.
    protect
        Keep the recommended checkpoint, and those that cannot be told from it, from being pruned.
    most_kept
        Checkpoints that are kept so, at most: the recommended one, and the best of those tied with it.
    cool_down
        Steps between two alerts about findings of one kind, at least; between two runs of the command as well.
    most_alerts
        Alerts of a whole run, at most, and as many runs of the command.
    dry_run
        Do nothing but record what would have been done.

    Raises
    ------
    UsageError
        When a value is outside what is allowed.
    """

    alert: When = On.LIKELY
    evaluate: When = On.NEVER
    stop: When = On.NEVER
    roll_back: When = On.NEVER
    run: str = ""
    run_on: When = On.CONFIRMED
    shell: bool = False
    stop_file: str = ""
    signal: str = ""
    protect: bool = True
    most_kept: int = 4
    cool_down: int = 0
    most_alerts: int = 20
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name in ("alert", "evaluate", "stop", "roll_back", "run_on"):
            object.__setattr__(self, name, _on(name, getattr(self, name)))
        for name in ("cool_down", "most_alerts"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise UsageError(f"{name} is {value!r}; it must be a whole number from 0.")
        if not isinstance(self.most_kept, int) or isinstance(self.most_kept, bool) or self.most_kept < 1:
            raise UsageError(f"most_kept is {self.most_kept!r}; it must be a whole number from 1.")
        if self.run and self.run_on is On.NEVER:
            raise UsageError("run names a command, but run_on is never; say from which finding on it is run.")
        if (self.stop_file or self.signal) and self.stop is On.NEVER:
            raise UsageError("stop_file or signal is given, but stop is never; say from which finding on to stop.")

    def as_dict(self) -> dict[str, str | int | bool]:
        """Return the rules as plain data; the command is left out, for it may hold a secret."""
        told = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "run"}
        return {**told, "run": bool(self.run)}


def _on(name: str, value: str) -> On:
    try:
        return On(value)
    except ValueError:
        raise UsageError(f"{name} is {value!r}; it must be one of {', '.join(On)}.") from None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found just now, and what is to be done about it.

    Attributes
    ----------
    findings
        The news; nothing is told twice.
    over
        What was found as well, but is over by now: nothing is done about it.
    stop
        The training should stop.
    evaluate
        An evaluation should be made now.
    roll_back_to
        The checkpoint to go back to, where that is wanted and one exists.
    protected
        Steps whose checkpoints should not be pruned.
    alerts
        The findings that an alert should be sent for.
    run
        The command of the rules should be run.
    """

    findings: tuple[Finding, ...] = ()
    over: tuple[Finding, ...] = ()
    stop: bool = False
    evaluate: bool = False
    roll_back_to: Path | None = None
    protected: frozenset[int] = frozenset()
    alerts: tuple[Finding, ...] = ()
    run: bool = False


def decide(
    rules: Rules,
    findings: Sequence[Finding],
    *,
    over: Iterable[Finding] = (),
    checkpoint: Path | None = None,
    protected: Iterable[int] = (),
) -> Decision:
    """What is to be done about these findings?

    Parameters
    ----------
    rules, findings
        What the user wants, and what was found just now.
    over
        What was found and is over.
    checkpoint, protected
        The recommended checkpoint, if it exists; its step, and those that cannot be told from it.

    Returns
    -------
    Decision
        The same for the same arguments; whether it is a dry run, and what was done before, is left to the actor.
    """

    def asked(on: When) -> bool:
        """Whether it was; where a run does not go on, more than an alert only by rules that speak of just that."""
        return any(On(on).reached_by(one) for one in findings if one.detector != PULSE or on == On.STALL)

    return Decision(
        findings=tuple(findings),
        over=tuple(over),
        stop=asked(rules.stop),
        evaluate=asked(rules.evaluate),
        roll_back_to=checkpoint if asked(rules.roll_back) else None,
        protected=frozenset(protected) if rules.protect else frozenset(),
        alerts=tuple(finding for finding in findings if On(rules.alert).reached_by(finding)),
        run=bool(rules.run) and asked(rules.run_on),
    )

"""Doing what was decided, once, and keeping a record of it: alerts, a command, the lines of ``findings.jsonl``.

The same actor serves the guard inside a trainer and whoever follows a log from outside.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from heldout.errors import UsageError
from heldout.findings import Finding
from heldout.live.alerts import Alert, CommandAlert, Outbox, outboxes
from heldout.live.rules import Decision, On, Rules

Row = Mapping[str, Any]
_Key = tuple[str, str, int]  # what makes a finding the same one: detector, kind, step


class Actor:
    """Carries decisions out.

    Parameters
    ----------
    rules
        What the user wants.
    alerts
        Whom to tell.
    write
        Takes each row for ``findings.jsonl``; may be called from another thread.
    on_finding
        Called with each new finding.
    name
        Of the run, for the title of an alert.

    Raises
    ------
    UsageError
        When alerts are given that the rules never send.
    """

    def __init__(
        self,
        rules: Rules,
        alerts: Sequence[Alert] = (),
        write: Callable[[Row], None] = lambda row: None,
        on_finding: Callable[[Finding], None] | None = None,
        name: str = "",
    ) -> None:
        if alerts and rules.alert is On.NEVER:
            raise UsageError("Alerts are given, but the rules send none (alert is never).")
        self.rules, self.on_finding, self.name = rules, on_finding, name
        self._write_row = write
        self._boxes = outboxes(alerts, self._lost)
        self._command = Outbox(CommandAlert(rules.run), self._lost) if rules.run else None
        self._told: dict[_Key, None] = {}
        self._alerted: dict[str, int] = {}  # kind → step of the last alert
        self._alerts = 0

    def remember(self, rows: Iterable[Row]) -> None:
        """Take what an earlier process wrote for done: its findings are no news, its alerts count."""
        for row in rows:
            match row:
                case {"what": "finding", "detector": str(detector), "kind": str(kind), "step": int(step)}:
                    self._told[detector, kind, step] = None
                case {"what": "act", "act": "alert", "done": True, "kind": str(kind), "step": int(step)}:
                    self._count(kind, step)
                case {"what": "rewind", "step": int(step)}:
                    self._forget(step)

    def rewind(self, step: int) -> None:
        """Forget what was found from a step on: the run goes on from there, and what it does now is news."""
        if any(told >= step for _, _, told in self._told):
            self._forget(step)
            self.write({"what": "rewind", "step": step})

    def news(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings that have not been told yet."""
        return [finding for finding in findings if _key(finding) not in self._told]

    def act(self, decision: Decision) -> Decision:
        """Record what was found, and do what was decided.

        Parameters
        ----------
        decision
            With new findings only (see `news`).

        Returns
        -------
        Decision
            What is left for the caller to do: stop, evaluate, go back. Nothing of it in a dry run.
        """
        for finding in decision.findings:
            self._told[_key(finding)] = None
            self.write({"what": "finding", **asdict(finding)})
            self._tell(finding)
        for finding in decision.alerts:
            self._alert(finding)
        if decision.run:
            self._run(decision)
        step = max((finding.step for finding in decision.findings), default=0)
        if decision.evaluate:
            self._acted("evaluate", step)
        if decision.roll_back_to is not None:
            self._acted("roll_back", step, checkpoint=str(decision.roll_back_to))
        elif any(self.rules.roll_back.reached_by(finding) for finding in decision.findings):
            self._acted("roll_back", step, done=False, why="no checkpoint of the recommended step exists")
        if decision.stop:
            self._acted("stop", step)
        if not self.rules.dry_run:
            return decision
        return replace(decision, stop=False, evaluate=False, roll_back_to=None, alerts=(), run=False)

    def write(self, row: Row) -> None:
        """Write a row of ``findings.jsonl``, with the time."""
        self._write_row({"time": time.time(), **row})

    def close(self, seconds: float = 10.0) -> None:
        """Send what still waits, for so many seconds at most."""
        for box in (*self._boxes, *([self._command] if self._command else [])):
            box.close(seconds)

    def _tell(self, finding: Finding) -> None:
        if self.on_finding is None:
            return
        try:
            self.on_finding(finding)
        except Exception as error:
            why = f"on_finding failed ({type(error).__name__}: {error}) and is not called again."
            self.on_finding = None
            self.write({"what": "failure", "step": finding.step, "why": why})
            warnings.warn(why, RuntimeWarning, stacklevel=4)

    def _alert(self, finding: Finding) -> None:
        last = self._alerted.get(finding.kind)
        if last is not None and 0 <= finding.step - last < self.rules.cool_down:
            self._acted("alert", finding.step, done=False, kind=finding.kind, why="an alert of its kind cools down")
            return
        if not self._boxes:
            return
        if self._alerts >= self.rules.most_alerts:
            self._acted("alert", finding.step, done=False, kind=finding.kind, why="the most alerts have been sent")
            return
        self._count(finding.kind, finding.step)
        self._acted("alert", finding.step, kind=finding.kind)
        if not self.rules.dry_run:
            for box in self._boxes:
                box.put(*_message(self.name, finding), finding)

    def _run(self, decision: Decision) -> None:
        cause = next(finding for finding in decision.findings if self.rules.run_on.reached_by(finding))
        self._acted("run", cause.step)
        if self._command is not None and not self.rules.dry_run:
            self._command.put(*_message(self.name, cause), cause)

    def _acted(self, act: str, step: int, *, done: bool = True, **also: Any) -> None:
        row = {"what": "act", "act": act, "step": step, "done": done and not self.rules.dry_run, **also}
        self.write({**row, "why": "dry run"} if done and self.rules.dry_run else row)

    def _count(self, kind: str, step: int) -> None:
        self._alerts += 1
        self._alerted[kind] = step

    def _forget(self, step: int) -> None:
        self._told = {key: None for key in self._told if key[2] < step}
        self._alerted = {kind: last for kind, last in self._alerted.items() if last < step}

    def _lost(self, finding: Finding, why: str) -> None:
        self.write({"what": "not sent", "kind": finding.kind, "step": finding.step, "why": why})


def _key(finding: Finding) -> _Key:
    return finding.detector, finding.kind, finding.step


def _message(name: str, finding: Finding) -> tuple[str, str]:
    """Return title and text."""
    title = f"heldout: {name + ', ' if name else ''}step {finding.step}: {finding.detector} {finding.kind}"
    return title.replace("_", " "), " ".join(filter(None, (finding.seen, finding.means, finding.advice)))

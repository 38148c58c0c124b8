"""Doing what was decided, once, and keeping a record of it: alerts, a command, a stop file, a signal.

The one actor serves the guard inside a trainer and whoever follows a log from outside. Each act is written down as a
line of ``findings.jsonl``, done or not, with the reason where it was not.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from heldout.detectors.overoptimisation import OverOptimisation
from heldout.diagnosis.entries import Entry, by_detector
from heldout.errors import RecordError, UsageError
from heldout.findings import Finding
from heldout.live.acts import Command, Process, headline, write_stop_file
from heldout.live.alerts import Alert, Outbox
from heldout.live.pulse import NAME as PULSE
from heldout.live.pulse import goes_on
from heldout.live.rules import Decision, On, Rules
from heldout.store.layout import FINDINGS
from heldout.store.lines import LineFile, json_line, read_rows
from heldout.text import visible

Row = Mapping[str, Any]
About = Callable[[], Mapping[str, object]]  # what is known of the run: STATE, RECOMMENDED, CHECKPOINT, ANSWERS
_Key = tuple[str, str, int]  # what makes a finding the same one: detector, kind, step


class Memory:
    """The rows of ``findings.jsonl`` in a directory, so that the next process knows what was found and done.

    The directory is made if it is not there; None keeps nothing. Where nothing can be written it is a `RecordError`.
    """

    def __init__(self, directory: Path | None) -> None:
        self.rows: Sequence[Row] = ()  # what earlier processes wrote
        self.lost = 0  # rows that could not be written
        self._path = None if directory is None else directory / FINDINGS
        if directory is None or self._path is None:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            LineFile(self._path).close()
            self.rows = read_rows(self._path).rows
        except OSError as error:
            raise RecordError(f"{directory}: nothing can be kept here ({error.strerror}).") from error

    def write(self, row: Row) -> None:
        """Append a row; what cannot be written is counted, and warned of once."""
        if self._path is None:
            return
        try:
            line, file = json_line(row), LineFile(self._path)
            try:
                file.append(line)
            finally:
                file.close()
        except (OSError, TypeError) as error:
            self.lost += 1
            if self.lost == 1:
                text = f"{self._path}: a row could not be written ({error}); further ones are counted in .lost."
                warnings.warn(text, RuntimeWarning, stacklevel=2)


class Actor:
    """Carries decisions out.

    Parameters
    ----------
    rules, alerts, on_finding
        As for `Guard`.
    memory
        What was done before, and where each row goes.
    on_row
        Called with each row as well, at times from another thread.
    name, host
        Of the run, for alerts.

    Raises
    ------
    UsageError
        When alerts are given that the rules never send, or the rules name a program or process that does not exist.
    """

    def __init__(
        self,
        rules: Rules,
        alerts: Sequence[Alert] = (),
        memory: Memory | None = None,
        *,
        on_finding: Callable[[Finding], None] | None = None,
        on_row: Callable[[Row], None] = lambda row: None,
        name: str = "",
        host: str = "",
    ) -> None:
        if alerts and rules.alert is On.NEVER:
            raise UsageError("Alerts are given, but the rules send none (alert is never).")
        self.rules, self.on_finding, self.name, self.host = rules, on_finding, name, host
        self._on_row, self._memory = on_row, memory or Memory(None)
        self._boxes = [Outbox(alert, self._lost) for alert in alerts]
        self._command = Command(rules.run, shell=rules.shell) if rules.run else None
        self._stops = _stops(rules)
        self._told: dict[_Key, bool] = {}  # finding → whether it still held when it was told, and so was acted on
        self._last: dict[tuple[str, str], int] = {}  # act and kind → step at which it was done last
        self._count: Counter[str] = Counter()  # act → how often it was done
        self._stopped: dict[str, int] = {}  # act that stops a training → step at which it was done
        self._silences: list[_Key] = []  # told silences of the run that are not over
        self._lock = threading.RLock()  # a silence is found in a thread of its own
        self._remember(self._memory.rows)

    def rewind(self, step: int) -> None:
        """Forget what was found from a step on: the run goes on from there, and what it does now is news."""
        if any(told >= step for _, _, told in self._told):
            self._forget(step)
            self.write({"what": "rewind", "step": step})

    def news(
        self, findings: Iterable[Finding], lasts: Callable[[Finding], bool] = lambda finding: True
    ) -> tuple[list[Finding], list[Finding]]:
        """Return the findings that hold and have not been acted on yet, and those that are over and were not told yet.

        One that was over when it was told may hold again.
        """
        new = [finding for finding in findings if not self._told.get(_key(finding))]
        here = [finding for finding in new if lasts(finding)]
        return here, [finding for finding in new if finding not in here and _key(finding) not in self._told]

    def act(self, decision: Decision, about: About = dict) -> Decision:
        """Record what was found, which must be new (see `news`), and do what was decided.

        Returns
        -------
        Decision
            What is left for the caller to do: stop, evaluate, go back. Nothing of it in a dry run.
        """
        with self._lock:
            return self._act(decision, about)

    @property
    def silent_at(self) -> int | None:
        """The last step of the run before a silence that was told and is not over."""
        return max((step for _, _, step in self._silences), default=None)

    def goes_on(self, step: int, seconds: float = 0.0) -> None:
        """Say that the run goes on after so many seconds, to those who were told of its silence; once, if at all."""
        with self._lock:
            told, self._silences = self._silences, []
            if not told:
                return
            for detector, kind, at in told:
                self.write({"what": "over", "detector": detector, "kind": kind, "step": at, "goes_on": step})
            finding = goes_on(step, seconds)
            self._tell(finding)
            if self._boxes and not self.rules.dry_run:
                for box in self._boxes:
                    box.put(*_message(visible(self.name), self.host, Entry((finding,)), {}), finding)

    def _act(self, decision: Decision, about: About) -> Decision:
        for finding in decision.over:
            self._note(finding, over=True)
        for finding in decision.findings:
            self._note(finding)
        if decision.alerts or decision.run:
            self._inform(decision, about)
        step = max((finding.step for finding in decision.findings), default=0)
        if decision.evaluate:
            self._acted("evaluate", step)
        if decision.roll_back_to is not None:
            self._acted("roll_back", step, checkpoint=str(decision.roll_back_to))
        elif any(On(self.rules.roll_back).reached_by(finding) for finding in decision.findings):
            self._acted("roll_back", step, why="no checkpoint of the recommended step exists")
        if decision.stop:
            self._acted("stop", step)
            self._stop(decision)
        if not self.rules.dry_run:
            return decision
        return replace(decision, stop=False, evaluate=False, roll_back_to=None, alerts=(), run=False)

    @property
    def listens(self) -> bool:
        """Whether anybody would be told, or a command run."""
        return bool(self._boxes or self._command)

    def write(self, row: Row) -> None:
        """Write a row of ``findings.jsonl``, with the time."""
        timed = {"time": time.time(), **row}
        self._memory.write(timed)
        self._on_row(timed)

    def close(self, seconds: float = 10.0, *, patiently: bool = False) -> None:
        """Send what still waits, for so many seconds at most; wait for commands `patiently` as long as they take."""
        for box in self._boxes:
            box.close(seconds)
        self._look_after_commands(None if patiently else seconds)

    def _remember(self, rows: Iterable[Row]) -> None:
        """Take what an earlier process wrote for done: its findings are no news, its acts count."""
        for row in rows:
            match row:
                case {"what": "finding" | "back", "detector": str(detector), "kind": str(kind), "step": int(step)}:
                    self._told[detector, kind, step] = not row.get("over")
                    self._silences += [(detector, kind, step)] if detector == PULSE else []
                case {"what": "over"}:
                    self._silences.clear()
                case {"what": "act", "act": "alert" | "run" as act, "done": True, "kind": str(kind), "step": int(step)}:
                    self._done(act, kind, step)
                case {"what": "act", "act": str(act), "done": True, "step": int(step)} if act in self._stops:
                    self._stopped[act] = step
                case {"what": "rewind", "step": int(step)}:
                    self._forget(step)

    def _note(self, finding: Finding, *, over: bool = False) -> None:
        """Write a finding down and tell it, once; one that was over and holds again is written down as back."""
        key = _key(finding)
        known = key in self._told
        self._told[key] = not over
        self._silences += [key] if finding.detector == PULSE else []
        if not known:
            self.write({"what": "finding", **asdict(finding), **({"over": True} if over else {})})
            self._tell(finding)
        elif not over:
            self.write({"what": "back", **dict(zip(("detector", "kind", "step"), key, strict=True))})

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

    def _inform(self, decision: Decision, about: About) -> None:
        """Send the alerts, one for each detector however often it spoke, and start the command."""
        known: Mapping[str, object] = {"RUN": self.name}
        if not self.rules.dry_run and (self._boxes or self._command):
            try:
                known = {**known, **about()}
            except Exception as error:  # what was found is the more urgent the less is known
                self._failed(f"how the run stands is not known to alerts and the command ({error})")
        for entry in by_detector(decision.alerts):
            if self._boxes and self._may("alert", entry.worst) and not self.rules.dry_run:
                for box in self._boxes:
                    box.put(*_message(visible(self.name), self.host, entry, known), entry.worst)
        if decision.run:
            self._run(decision, known)

    def _run(self, decision: Decision, known: Mapping[str, object]) -> None:
        self._look_after_commands()
        cause = next(finding for finding in decision.findings if On(self.rules.run_on).reached_by(finding))
        if self._command is None or not self._may("run", cause) or self.rules.dry_run:
            return
        try:
            self._command.start(*_message(visible(self.name), self.host, Entry((cause,)), known), cause, known)
        except OSError as error:
            self._failed(f"the command could not be started ({error.strerror})")

    def _stop(self, decision: Decision) -> None:
        """Tell the training to stop in each way that the rules name, once."""
        cause = next(finding for finding in decision.findings if On(self.rules.stop).reached_by(finding))
        for act, do in self._stops.items():
            if act in self._stopped:
                continue
            why = "" if self.rules.dry_run else do(headline(cause))
            if not why:
                self._stopped[act] = cause.step
            self._acted(act, cause.step, why=why)

    def _may(self, act: str, finding: Finding) -> bool:
        """Whether the rules leave room for an act about a finding, which then counts; else it is written down."""
        last = self._last.get((act, finding.kind))
        why = ""
        if last is not None and 0 <= finding.step - last < self.rules.cool_down:
            why = f"{'an alert' if act == 'alert' else 'a run'} of its kind cools down"
        elif self._count[act] >= self.rules.most_alerts:
            why = f"the most {act}s have been {'sent' if act == 'alert' else 'made'}"
        else:
            self._done(act, finding.kind, finding.step)
        self._acted(act, finding.step, why=why, kind=finding.kind)
        return not why

    def _acted(self, act: str, step: int, *, why: str = "", **also: Any) -> None:
        """Write down that something was done, or why not."""
        why = why or ("dry run" if self.rules.dry_run else "")
        self.write({"what": "act", "act": act, "step": step, "done": not why, **also, **({"why": why} if why else {})})

    def _done(self, act: str, kind: str, step: int) -> None:
        self._count[act] += 1
        self._last[act, kind] = step

    def _forget(self, step: int) -> None:
        self._told = {key: acted for key, acted in self._told.items() if key[2] < step}
        self._last = {key: last for key, last in self._last.items() if last < step}
        self._stopped = {act: at for act, at in self._stopped.items() if at < step}

    def _lost(self, finding: Finding, why: str) -> None:
        self.write({"what": "not sent", "kind": finding.kind, "step": finding.step, "why": why})

    def _look_after_commands(self, seconds: float | None = 0.0) -> None:
        for why in self._command.ended_badly(seconds) if self._command else ():
            self._failed(why)

    def _failed(self, why: str) -> None:
        self.write({"what": "failure", "why": f"{why}."})


def _stops(rules: Rules) -> dict[str, Callable[[str], str]]:
    """Return the ways to tell the training to stop, each with what does it and returns why it could not."""
    stops: dict[str, Callable[[str], str]] = {}
    if rules.stop_file:
        folder = Path(rules.stop_file).parent
        if not folder.is_dir():  # found out when it is needed would be too late
            raise UsageError(f"The stop file {rules.stop_file} cannot be made: there is no folder {folder}; make it.")
        stops["stop-file"] = lambda text: write_stop_file(Path(rules.stop_file), text)
    if rules.signal:
        process = Process(rules.signal)
        stops["signal"] = lambda text: process.send()
    return stops


def _key(finding: Finding) -> _Key:
    return finding.detector, finding.kind, finding.step


def _message(name: str, host: str, entry: Entry, known: Mapping[str, object]) -> tuple[str, str]:
    """Return title and text: where, what was found, how it got surer, and the six answers where they are known."""
    finding, state = entry.worst, known.get("STATE")
    what = f"{'' if finding.detector == PULSE else finding.detector} {finding.kind}".replace("_", " ").strip()
    if state and finding.detector == OverOptimisation.name:  # whether a fall is over-optimisation says the verdict
        what = f"{state} ({finding.kind})"
    escalation = f"{entry.course[:1].upper()}{entry.course[1:]}." if len(entry.findings) > 1 else ""
    text = " ".join(filter(None, (finding.seen, escalation, finding.means, finding.advice)))
    title = f"heldout: {name.replace('_', ' ') + ', ' if name else ''}step {finding.step}: {what}"
    where = _where(name, host, finding, known)
    return title, "\n\n".join(filter(None, (where, text, str(known.get("ANSWERS") or ""))))


def _where(name: str, host: str, finding: Finding, known: Mapping[str, object]) -> str:
    """Say of which run an alert speaks, in a line that no chat cuts off."""
    kept, path = known.get("RECOMMENDED"), known.get("CHECKPOINT")
    told = {"Run": name, "Host": host, "Step": finding.step, "State": known.get("STATE")}
    if kept is not None:
        told["Keep"] = f"step {kept}, {os.path.abspath(str(path)) if path else 'of which no checkpoint exists'}"
    return " · ".join(f"{key}: {visible(str(value))}" for key, value in told.items() if value not in (None, ""))

"""``heldout watch``: follow a log that is being written, and act on what is found in it.

`Follower` reads what is new, `Live` folds it, `heldout.live` decides and acts, `view` shows it. Nothing here touches
the training, unless one asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.live import Live as Screen
from rich.panel import Panel

from heldout.errors import ReadError
from heldout.findings import Finding, State
from heldout.live.actor import Actor
from heldout.live.alerts import Alert
from heldout.live.follow import Follower
from heldout.live.outside import Command, Memory, Process, Row, write_stop_file
from heldout.live.panel import Pace, headline, panel, status
from heldout.live.refold import Live, last_step
from heldout.live.rules import Rules, decide
from heldout.run import Run

__all__ = ["Follower", "Live", "Watch"]

SHARE = 0.008  # of a core that is spent on reading, at most
_LONGEST_WAIT = 600.0
_REDRAWN = 5.0  # seconds after which the clock on the screen is set


class Watch:
    """Follows one run.

    Parameters
    ----------
    follower
        Where it is read from.
    rules
        What is done about findings, and from which one on.
    planned
        Evaluations that the whole run will have.
    alerts
        Whom to tell.
    command
        Run when the rules say so.
    stop_file
        Made when the rules say stop.
    process
        Signalled when the rules say stop.
    state
        Directory for ``findings.jsonl``, which tells the next watch what was found and done.
    console
        Where it is shown.
    """

    def __init__(
        self,
        follower: Follower,
        rules: Rules | None = None,
        *,
        planned: int | None = None,
        alerts: Sequence[Alert] = (),
        command: Command | None = None,
        stop_file: Path | None = None,
        process: Process | None = None,
        state: Path | None = None,
        console: Console | None = None,
    ) -> None:
        self.follower, self.rules = follower, rules or Rules()
        self.command, self.stop_file, self.process = command, stop_file, process
        self.console = console or Console(highlight=False)
        self.live, self.pace = Live(planned), Pace()
        self.run: Run | None = None
        self._memory = Memory(state)
        rows = self._memory.rows()
        self._stopped = any(row.get("act") in ("stop-file", "signal") and row.get("done") for row in rows)
        self._actor = Actor(replace(self.rules, run=""), alerts, self._keep, self._say)
        self._actor.remember(rows)
        self._screen: Screen | None = None
        self._state: tuple[State, str] | None = None
        self._said, self._drawn = "", 0.0

    def once(self) -> None:
        """Read, act and print once.

        Raises
        ------
        ReadError
            When there is nothing to read.
        """
        self._look(last=True)
        if self.run is None:
            raise ReadError(self.follower.waiting)
        self.console.print(self._panel())
        self._finish()

    def follow(self, *, interval: float = 1.0, until_idle: float | None = None) -> None:
        """Go on until nothing more is written, or until one is interrupted.

        Parameters
        ----------
        interval
            Seconds between two looks, at least; more where reading is dear, so that it takes below 1 % of a core.
        until_idle
            Seconds without anything new after which to end; None for never.

        Raises
        ------
        ReadError
            When that time passed without anything that could be read.
        """
        cost, news = 0.0, time.monotonic()  # the first look is left out: it imports what it needs
        with self._shown():
            try:
                spent = self._timed_look()
                while True:
                    if spent.read:
                        news = time.monotonic()
                    left = None if until_idle is None else until_idle - (time.monotonic() - news)
                    if left is not None and left <= 0.0:
                        break
                    wait = min(max(interval, cost / SHARE), _LONGEST_WAIT)
                    self._wait(wait if left is None else min(wait, left))
                    spent = self._timed_look()
                    cost = spent.seconds
            except KeyboardInterrupt:
                until_idle = None
            self._look(last=True)
        if self.run is None and until_idle is not None:
            raise ReadError(self.follower.waiting)
        self._last_word()
        self._finish()

    def _finish(self) -> None:
        """Wait for what was started, and say what failed."""
        if self.command is not None:
            self.command.finish()
            for why in self.command.failures:
                self._print(why)
        self._actor.close()
        if self._memory.lost:
            self._print(f"{self._memory.lost} rows of findings.jsonl could not be written.")

    def _last_word(self) -> None:
        """Say how the run stands, where the last line did not."""
        if self.run is not None and self.live.verdict is not None:
            self._tell(status(self.run, self.live.verdict))

    def _timed_look(self) -> _Spent:
        began = time.process_time()
        read = self._look()
        return _Spent(time.process_time() - began, read)

    def _look(self, *, last: bool = False) -> bool:
        """Read what is new and act on it; return whether there was anything."""
        run = self.follower.poll(last=last)
        if run is None:
            self._tell(f"waiting: {self.follower.waiting}" if self.follower.waiting else "")
            self._set_clock()
            return False
        before = -1 if self.run is None else last_step(self.run)
        self.run = run
        changed = self.live.update(run)
        if changed is not None and last_step(run) < before:
            self._actor.rewind(changed)
        self.pace.saw(last_step(run))
        self._act(run)
        verdict = self.live.verdict
        if verdict is not None and (verdict.state, verdict.label) != self._state:
            self._state = verdict.state, verdict.label
            self._tell(status(run, verdict))
        self._draw()
        return True

    def _act(self, run: Run) -> None:
        news = self._actor.news(self.live.findings)
        if not news:
            return
        verdict = self.live.verdict
        kept = verdict.recommended.step if verdict and verdict.recommended else None
        path = run.checkpoints.get(kept) if kept is not None else None
        decision = decide(self.rules, news, checkpoint=Path(path) if path else None)
        left = self._actor.act(decision)
        for act in ("run", "stop"):
            if getattr(decision, act) and not getattr(left, act):
                self._print(f"dry run: would have done {act!r}")
        if left.run and self.command is not None:
            cause = next(finding for finding in news if self.rules.run_on.reached_by(finding))
            self.command.start(cause, verdict, str(path or ""))
        if left.stop and not self._stopped:
            self._stop(next(finding for finding in news if self.rules.stop.reached_by(finding)))

    def _stop(self, cause: Finding) -> None:
        """Tell the training to stop, once."""
        self._stopped = True
        acts: dict[str, Callable[[], str]] = {}
        if self.stop_file is not None:
            file = self.stop_file
            acts["stop-file"] = lambda: write_stop_file(file, headline(cause))
        if self.process is not None:
            acts["signal"] = self.process.send
        for act, do in acts.items():
            why = do()
            self._memory.write({"what": "act", "act": act, "step": cause.step, "done": not why, "why": why})
            self._print(f"{act}: {why or 'done'} (step {cause.step})")

    def _keep(self, row: Row) -> None:
        """Keep a row of ``findings.jsonl``; an alert that was not sent is told here as well."""
        self._memory.write(row)
        if row.get("what") == "not sent":
            self._print(f"not sent: {row['why']} (step {row['step']})")

    def _say(self, finding: Finding) -> None:
        self._print(f"{finding.severity.value}: {headline(finding)}")

    def _tell(self, text: str) -> None:
        """Print a line where there is no screen, unless it is that of the last time."""
        if text and text != self._said and self._screen is None:
            self._print(text)
        self._said = text or self._said

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def _panel(self) -> Panel:
        return panel(self.run, self.live.verdict, self.live.findings, self.follower.waiting, self.pace)

    def _shown(self) -> AbstractContextManager[object]:
        if not self.console.is_terminal:
            return nullcontext()
        self._screen = Screen(self._panel(), console=self.console, auto_refresh=False)
        return self._screen

    def _draw(self) -> None:
        if self._screen is not None:
            self._screen.update(self._panel(), refresh=True)
            self._drawn = time.monotonic()

    def _set_clock(self) -> None:
        """Draw again where the last time is a while ago."""
        if time.monotonic() - self._drawn >= _REDRAWN:
            self._draw()

    def _wait(self, seconds: float) -> None:
        """Sleep; set the clock on the screen now and then."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            time.sleep(left if self._screen is None else min(left, _REDRAWN))
            self._set_clock()


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a look cost in seconds of the processor, and whether it saw anything new."""

    seconds: float
    read: bool

"""``heldout watch``: follow a log that is being written, and act on what is found in it.

`Follower` reads what is new, `Fold` judges it, `decide` and `Actor` do what the rules say, `panel` shows it. Nothing
here touches the training, unless one asks for it.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.live import Live as Screen
from rich.panel import Panel

from heldout.detectors import Detectors
from heldout.detectors.base import Detector
from heldout.diagnosis.entries import as_told
from heldout.diagnosis.first_screen import as_text, first_screen
from heldout.diagnosis.verdict import judge
from heldout.errors import ReadError
from heldout.findings import Finding, State, Verdict
from heldout.interrupts import until_interrupted
from heldout.live.actor import Actor, Memory, Row
from heldout.live.acts import headline
from heldout.live.alerts import Alert
from heldout.live.fold import Fold, last_step
from heldout.live.follow import Follower
from heldout.live.panel import Pace, panel, status
from heldout.live.pulse import STALLED, Pulse, silence
from heldout.live.rules import Rules, decide
from heldout.run import Run
from heldout.store.writer import Writer, writer_of
from heldout.text import visible

__all__ = ["Follower", "Watch"]

SHARE = 0.008  # of a core that is spent on reading, at most
LONGEST_WAIT = 600.0
_REDRAWN = 5.0  # seconds after which the clock on the screen is set


class Watch:
    """Follows one run, as a `Guard` would from inside.

    Parameters
    ----------
    follower
        Where it is read from.
    rules, planned, margin, detectors, alerts
        As for `Guard`.
    state
        Directory for ``findings.jsonl``, which tells the next watch what was found and done.
    console
        Where it is shown.
    pulse
        How long the run may be silent; by its usual pauses if not given.
    beside
        Its name, with which its lines begin, where others are followed beside it and a table shows them all.
    """

    def __init__(
        self,
        follower: Follower,
        rules: Rules = Rules(),
        *,
        planned: int | None = None,
        margin: float | None = None,
        detectors: Sequence[Detector] | None = None,
        alerts: Sequence[Alert] = (),
        state: Path | None = None,
        console: Console | None = None,
        pulse: Pulse | None = None,
        beside: str = "",
    ) -> None:
        self.beside = visible(beside)
        self.follower, self.rules = follower, rules
        self.console = console or Console(highlight=False)
        self.fold, self.pace = Fold(Detectors.planned(planned, detectors, margin), self._detector_failed), Pace()
        self.run: Run | None = None
        self.verdict: Verdict | None = None
        self._memory = Memory(state)
        self._actor = Actor(rules, alerts, self._memory, on_finding=self._say, on_row=self._tell_of)
        self._pulse, self._amount = pulse or Pulse(), 0  # how much there was to read at the last look
        self._silence: Finding | None = None
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
        self.look(last=True)
        if self.run is None:
            raise ReadError(self.follower.waiting)
        self.console.print(self._panel())
        self.finish()

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
        with self._shown():
            interrupted = until_interrupted(lambda: self._go_on(interval, until_idle))
            self.look(last=True)
        if self.run is None and not interrupted:
            raise ReadError(self.follower.waiting)
        self._last_word()
        self.finish()

    def _go_on(self, interval: float, until_idle: float | None) -> None:
        cost, news = 0.0, time.monotonic()  # the first look is left out: it imports what it needs
        read = self.look()
        while True:
            if read:
                news = time.monotonic()
            left = None if until_idle is None else until_idle - (time.monotonic() - news)
            if left is not None and left <= 0.0:
                return
            wait = min(max(interval, cost / SHARE), LONGEST_WAIT)
            self._wait(wait if left is None else min(wait, left))
            began = time.process_time()
            read = self.look()
            cost = time.process_time() - began

    def finish(self) -> None:
        """Wait for what was started, and say what was lost."""
        self._actor.close(patiently=True)
        if self._memory.lost:
            self._print(f"{self._memory.lost} rows of findings.jsonl could not be written.")

    def _last_word(self) -> None:
        """Say how the run stands, where the last line did not."""
        if self.run is not None and self.verdict is not None:
            self._tell(status(self.run, self.verdict))

    def look(self, *, last: bool = False) -> bool:
        """Read what is new and act on it; return whether there was anything."""
        run = self.follower.poll(last=last)
        if run is None:
            self._tell(f"waiting: {self.follower.waiting}" if self.follower.waiting else "")
            self._listen(last=last)
            self._set_clock()
            return False
        before = -1 if self.run is None else last_step(self.run)
        self.run = run
        self._hear(run, before)
        known = len(self.fold.evaluations)
        changed = self.fold.catch_up(run)
        if changed is not None and last_step(run) < before:
            self._actor.rewind(changed)
        if self.verdict is None or changed is not None or len(self.fold.evaluations) != known:
            self.verdict = judge(run, self.fold.detectors, self.fold.findings)
        self.pace.saw(last_step(run))
        self._act(run, self.verdict)
        if (self.verdict.state, self.verdict.label) != self._state:
            self._state = self.verdict.state, self.verdict.label
            self._tell(status(run, self.verdict))
        self._listen(last=last)
        self._draw()
        return True

    def _hear(self, run: Run, before: int) -> None:
        """Take note of what is new as a sign of life; a file that was only touched is none."""
        amount = sum(len(series.step) + len(series.nonfinite) for series in run.metrics.values()) + len(run.measured)
        if amount == self._amount and last_step(run) == before:
            return
        silent, self._amount = self._pulse.silent, amount
        self._pulse.beat(step=last_step(run) != before)
        writer = self._writer()
        self._actor.name, self._actor.host = run.name, writer.host if writer else f"seen from {platform.node()}"
        if writer is not None and (clock := run.metrics.get("time")) is not None:
            times = clock.value[clock.value >= writer.time]
            self._pulse.learn(np.diff(times).tolist())
            if before < 0 and writer.alive():  # on this machine: how old is what was found?
                self._pulse.was_silent(time.time() - max(writer.time, float(times[-1]) if len(times) else 0.0))
        told = self._actor.silent_at
        if told is not None and (before >= 0 or last_step(run) > told):
            self._actor.goes_on(last_step(run), silent)

    def _listen(self, *, last: bool) -> None:
        """Tell once that the run does not go on; that its process ended at the second look, for it may have written."""
        step = -1 if self.run is None else last_step(self.run)
        found, known = silence(max(step, 0), self._pulse, self._writer()), self._silence
        self._silence = found
        if found is None or (not last and found.kind != STALLED and (known is None or known.step != found.step)):
            return
        if self._actor.news([found])[0]:
            where = self._standing(self.run, self.verdict) if self.run and self.verdict else {}
            self._actor.act(decide(self.rules, [found]), lambda: where)

    def _writer(self) -> Writer | None:
        return writer_of(self.follower.directory) if self.follower.directory else None

    def _act(self, run: Run, verdict: Verdict) -> None:
        here, over = self._actor.news(self.fold.findings, self.fold.lasts)
        if not (here or over):
            return
        known = self._standing(run, verdict)
        path = known["CHECKPOINT"]
        self._actor.act(
            decide(self.rules, here, over=over, checkpoint=Path(str(path)) if path else None),
            lambda: {**known, "ANSWERS": as_text(first_screen(run, verdict))},
        )

    def _standing(self, run: Run, verdict: Verdict) -> dict[str, object]:
        """Return what an alert is told of the run."""
        kept = verdict.recommended.step if verdict.recommended else None
        path = run.checkpoints.get(kept) if kept is not None else None
        return {"STATE": verdict.state.value, "RECOMMENDED": kept, "CHECKPOINT": path}

    def _tell_of(self, row: Row) -> None:
        """Say what was done, or was not."""
        match row:
            case {"what": "act", "act": "stop"}:  # how it was stopped has rows of its own
                return
            case {"what": "act", "act": act, "why": "dry run"}:
                self._print(f"dry run: would have done {act!r} (step {row['step']})")
            case {"what": "act", "act": "stop-file" | "signal" as act}:
                self._print(f"{act}: {row.get('why', 'done')} (step {row['step']})")
            case {"what": "not sent", "why": why}:
                self._print(f"not sent: {why} (step {row['step']})")
            case {"what": "failure", "why": why}:
                self._print(str(why))

    def _detector_failed(self, why: str) -> None:
        self._actor.write({"what": "failure", "why": why})

    def _say(self, finding: Finding) -> None:
        """Say what was found, of the held-out score as the verdict has it by now."""
        found = self.fold.findings
        told = as_told(self.verdict, found)[found.index(finding)] if self.verdict and finding in found else finding
        self._print(f"{told.severity.value}: {headline(told)}")

    def _tell(self, text: str) -> None:
        """Print a line where there is no screen, unless it is that of the last time."""
        shown = self._screen is not None or (self.beside and self.console.is_terminal)
        if text and text != self._said and not shown:
            self._print(text)
        self._said = text or self._said

    def _print(self, text: str) -> None:
        self.console.print(f"{self.beside}: {text}" if self.beside else text, markup=False, soft_wrap=True)

    def _panel(self) -> Panel:
        return panel(self.run, self.verdict, self.fold.findings, self.follower.waiting, self.pace)

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

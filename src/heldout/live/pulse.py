"""Whether a run still goes on: its writer's usual pauses, how long it is silent now, and its last word.

Covered: evaluations and checkpoints that take many times as long as a step, a file that is touched without a new line,
clocks that jump, a writer on another machine (nothing here asks the clock of a file or of another machine).
Not covered: a run whose first evaluation or checkpoint takes longer than `LONGER` steps; before `ENOUGH` pauses nothing
is said of silence, as while a model is loaded.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from types import MappingProxyType

from heldout.findings import Finding, Severity
from heldout.store.writer import Writer

NAME = "pulse"  # what stands in the place of a detector in such a finding
STALLED, DIED, FAILED, GOES_ON = "stalled", "died", "failed", "goes_on"

ENOUGH = 5  # pauses from which on the usual ones are known
LONGER = 40.0  # times a step: so long may the first evaluation or checkpoint take
TIMES = 3.0  # times the longest of the recent pauses
LONGEST = 1000.0  # times a step: one pause beyond tells of a machine that slept or a clock that jumped, no habit
_LEAST = 60.0  # seconds of silence that are never a stall
_RECENT = 1000  # pauses that count


class Pulse:
    """The pauses of a writer, as seen from here.

    Parameters
    ----------
    after
        Seconds of silence that are a stall, where the user says so; else by the usual pauses.
    clock
        Where the seconds come from; they only ever grow.
    """

    def __init__(self, after: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.after, self._clock = after, clock
        self._steps: deque[float] = deque(maxlen=_RECENT)  # seconds from one step to the next
        self._pauses: deque[float] = deque(maxlen=_RECENT)  # seconds from one sign of life to the next
        self._last: float | None = None
        self._last_step: float | None = None

    def beat(self, *, step: bool = True) -> None:
        """Take note of a sign of life: a step, or anything else that was written."""
        now = self._clock()
        if self._last is not None:
            self._pauses.append(now - self._last)
        if step and self._last_step is not None:
            self._steps.append(now - self._last_step)
        self._last, self._last_step = now, now if step else self._last_step

    def learn(self, pauses: Iterable[float]) -> None:
        """Take what the log itself tells of the recent pauses between steps in the place of what was seen from here."""
        known = [pause for pause in pauses if pause > 0.0]  # a clock that went back tells nothing
        self._steps, self._pauses = deque(known, _RECENT), deque(known, _RECENT)

    def was_silent(self, seconds: float) -> None:
        """Take note that the newest that was written is so old already."""
        if self._last is not None and seconds > 0.0:
            self._last -= seconds

    @property
    def silent(self) -> float:
        """Seconds since the last that was written; 0 before the first."""
        return 0.0 if self._last is None else self._clock() - self._last

    @property
    def usual(self) -> tuple[float, float] | None:
        """Seconds of a step, and of the longest of the recent pauses; None before there are enough."""
        steps, pauses = sorted(self._steps), sorted(self._pauses)
        if len(steps) < ENOUGH:
            return None
        step = median(steps)
        strange = pauses[-1] > LONGEST * step >= pauses[-2]
        return step, pauses[-2 if strange else -1]

    @property
    def patience(self) -> float | None:
        """Seconds of silence from which on it is a stall, None where that cannot be told yet."""
        if self.after is not None or self.usual is None:
            return self.after
        step, longest = self.usual
        return max(_LEAST, LONGER * step, TIMES * longest)

    @property
    def overdue(self) -> bool:
        """Whether the silence is a stall."""
        return self._last is not None and self.patience is not None and self.silent > self.patience


def silence(step: int, pulse: Pulse, writer: Writer | None = None) -> Finding | None:
    """Return what is wrong where a run does not go on, by its process if that is known, else by its silence."""
    word = writer.last_word if writer else ""
    if word in ("finished", "stopped"):
        return None
    if writer and (word or writer.alive() is False):
        return _ended(step, pulse, writer)
    return _stalled(step, pulse, writer) if pulse.overdue else None


def goes_on(step: int, seconds: float) -> Finding:
    """Say that a run whose silence was told goes on."""
    seen = f"The run goes on after {duration(seconds)} of silence." if seconds else "The run goes on."
    return _finding(GOES_ON, step, Severity.NOTICE, seen, "what was told of it before", "Its silence is over.", "")


def duration(seconds: float) -> str:
    """Write a time in the unit that suits it.

    >>> duration(12.4), duration(2100), duration(9000)
    ('12 s', '35 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _stalled(step: int, pulse: Pulse, writer: Writer | None) -> Finding:
    usual, against = pulse.usual, "the time that was given"
    if usual and pulse.after is None:
        against = f"pauses of {duration(usual[0])} as a rule and {duration(usual[1])} at most"
    seen = f"Nothing was written for {duration(pulse.silent)}, against {against}."
    means = "It hangs, waits for something, or is gone; the log does not tell which."
    advice = f"Look at {f'process {writer.pid} on {writer.host}' if writer else 'the training'}."
    return _finding(STALLED, step, Severity.ALARM, seen, against, means, advice, _seconds(pulse))


def _ended(step: int, pulse: Pulse, writer: Writer) -> Finding:
    who = f"Process {writer.pid} on {writer.host}, which wrote the run,"
    if writer.last_word:
        kind, seen, means = FAILED, f"{who} ended by an error.", "The training is over before its end."
    else:
        kind, seen = DIED, f"{who} has ended without a last word."
        means = "It was killed: by somebody, by the system for want of memory, or by a fault of the machine."
    advice = "Look at the end of its output and at the system's log, and resume the run."
    return _finding(kind, step, Severity.ALARM, seen, "its last word", means, advice, _seconds(pulse))


def _seconds(pulse: Pulse) -> dict[str, float]:
    usual = pulse.usual
    known = {"usual_seconds": usual[0], "longest_seconds": usual[1]} if usual else {}
    return {"silent_seconds": pulse.silent, **known}


def _finding(
    kind: str,
    step: int,
    severity: Severity,
    seen: str,
    against: str,
    means: str,
    advice: str,
    evidence: Mapping[str, float] = MappingProxyType({}),
) -> Finding:
    return Finding(
        detector=NAME,
        severity=severity,
        kind=kind,
        step=step,
        steps=(step, step),
        seen=seen,
        against=against,
        means=means,
        advice=advice,
        evidence=dict(evidence),
    )


class Watchdog:
    """Looks after a pulse in a thread of its own, and calls once for each silence that is a stall."""

    def __init__(self, pulse: Pulse, stalled: Callable[[], None]) -> None:
        self._pulse, self._stalled = pulse, stalled
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._barked = False

    def beat(self, *, step: bool = True) -> float | None:
        """Take note of a sign of life; return how long it had been silent, where that was told."""
        silent, barked = self._pulse.silent, self._barked
        self._barked = False
        self._pulse.beat(step=step)
        if self._thread is None and not self._ends.is_set():
            self._thread = threading.Thread(target=self._work, name="heldout pulse", daemon=True)
            self._thread.start()
        return silent if barked else None

    def look(self) -> None:
        """Call, if the silence is a stall by now and nobody was called for it."""
        if self._pulse.overdue and not self._barked:
            self._barked = True
            try:
                self._stalled()
            except Exception as error:  # nothing may end the thread, nor reach the training
                warnings.warn(f"That nothing comes any more could not be told: {error}", RuntimeWarning, stacklevel=2)

    def close(self) -> None:
        """End the thread."""
        self._ends.set()

    def _work(self) -> None:
        while not self._ends.wait(self._seconds_left()):
            self.look()

    def _seconds_left(self) -> float:
        patience = None if self._barked else self._pulse.patience
        return _LEAST if patience is None else max(1.0, patience - self._pulse.silent)

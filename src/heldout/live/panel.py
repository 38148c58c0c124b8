"""What a watched run looks like: a panel on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.text import Text

from heldout.diagnosis.entries import Entry, as_told, by_detector
from heldout.diagnosis.first_screen import Line, first_screen
from heldout.findings import Finding, Severity, Verdict
from heldout.live.fold import last_step
from heldout.metrics import BY_NAME
from heldout.metrics.phrasing import written
from heldout.report.terminal import grid, headed, marked
from heldout.run import Run
from heldout.stats.arrays import FloatArray
from heldout.text import counted

SHOWN = ("reward", "held_out", "length", "entropy", "kl_reference", "grad_norm")
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH, _FEWEST = 40, 8  # bars of a curve, where there is room, and before its last value is left out
_GAP = 2
_BESIDE = 48  # columns from which on answers stand beside their questions
_MOST = 3  # entries of detectors


class Pace:
    """When steps came in, as seen from here."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=60)

    def saw(self, step: int) -> None:
        """Note the last step of the log."""
        if not self._seen or self._seen[-1][1] != step:
            self._seen.append((time.monotonic(), step))

    @property
    def since(self) -> float:
        """Seconds since the last new step; 0 before the first."""
        return time.monotonic() - self._seen[-1][0] if self._seen else 0.0

    @property
    def per_minute(self) -> float | None:
        """Steps in a minute, None where that cannot be told."""
        if len(self._seen) < 2:
            return None
        (first, a), (last, b) = self._seen[0], self._seen[-1]
        return 60.0 * (b - a) / (last - first) if b > a and last > first else None


def panel(run: Run | None, verdict: Verdict | None, findings: Sequence[Finding], waiting: str, pace: Pace) -> Panel:
    """Draw a run as it stands."""
    if run is None or verdict is None:
        return Panel(Text(f"Waiting. {waiting}"), title="heldout watch", title_align="left", border_style="dim")
    lines = first_screen(run, verdict)
    parts: list[RenderableType] = [
        headed(verdict),
        _series(run),
        _Answers(lines),
    ]
    for entry in _worth_showing(verdict, findings):
        worst = entry.worst
        seen = "" if worst.seen in lines[0].answer else f": {worst.seen}"  # a fall is told there
        said = f"{entry.title}, {entry.course}{seen}"
        parts.append(Text.assemble((f"{worst.severity.value} ", marked(worst.severity)), said))
    if waiting:
        parts.append(Text(waiting, style="yellow"))
    return Panel(
        Group(*parts),
        title=Text(run.name),
        subtitle=_footer(run, pace),
        title_align="left",
        border_style=verdict.colour,
    )


@dataclass(frozen=True, slots=True)
class _Curve:
    """A line of the screen: what is measured, its course, its last value, and its key in the log."""

    label: str
    value: FloatArray
    last: str
    key: str


class _Curves:
    """Curves below each other, drawn to the width that there is: to the newest value, however narrow it is."""

    def __init__(self, curves: Sequence[_Curve]) -> None:
        self.curves = curves

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        label = max((len(one.label) for one in self.curves), default=0)
        last = max((len(one.last) for one in self.curves), default=0)
        longest = min(max((len(one.value) for one in self.curves), default=0), _WIDTH)
        if label + longest + last + 2 * _GAP > width:  # the label gives way first, then the last value
            label = min(label, max(width // 3, 4))
            last = last if width - label - last - 2 * _GAP >= _FEWEST else 0
        bars = max(min(longest, width - label - last - (2 if last else 1) * _GAP), 1)
        for one in self.curves:
            cells = [(one.label, label, ""), (sparkline(one.value, bars), bars, ""), (one.last, last, "")]
            cells += [(one.key, width - label - bars - last - 3 * _GAP, "dim")]
            yield Text((" " * _GAP), no_wrap=True).join(_fitted(*cell) for cell in cells if cell[1] > 0)


class _Answers:
    """The six answers beside their questions, or below them where there is little room."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= _BESIDE:
            yield grid(self.lines)
            return
        for line in self.lines:
            yield Text(line.question, style="bold")
            yield Text(line.answer)


def _fitted(text: str, width: int, style: str) -> Text:
    cell = Text(text, style=style)
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell


def _series(run: Run) -> _Curves:
    curves = []
    for role in SHOWN:
        series = run.get(role) if role in run.roles else None
        if series is not None and len(series):
            last = written(run.unit(series.name), float(series.value[-1]), float(np.ptp(series.value)) or None)
            curves.append(_Curve(BY_NAME[role].label, series.value, last, series.name))
    return _Curves(curves)


def sparkline(value: FloatArray, width: int = _WIDTH) -> str:
    """Draw values as bars, averaged to so many at most.

    >>> sparkline(np.array([0.0, 1.0, 2.0, 7.0]))
    '▁▂▃█'
    """
    if len(value) > width:
        starts = np.linspace(0, len(value), width, endpoint=False).astype(np.int64)
        value = np.add.reduceat(value, starts) / np.diff(np.append(starts, len(value)))
    low, high = float(value.min()), float(value.max())
    if high <= low:
        return _BARS[0] * len(value)
    rank = np.rint((value - low) / (high - low) * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[index] for index in rank)


def status(run: Run, verdict: Verdict) -> str:
    """Say in a line how a run stands."""
    kept = f"; keep step {verdict.recommended.step}" if verdict.recommended else ""
    return f"step {last_step(run)}: {verdict.state.value}, {verdict.label}{kept}"


def _worth_showing(verdict: Verdict, findings: Sequence[Finding]) -> list[Entry]:
    """The gravest entries, as the verdict has them; notices are for the report."""
    entries = by_detector(as_told(verdict, findings))
    return [entry for entry in entries if entry.worst.severity is not Severity.NOTICE][:_MOST]


def _footer(run: Run, pace: Pace) -> str:
    parts = [f"step {last_step(run)}", f"{age(pace.since)} ago"]
    if pace.per_minute is not None:
        parts.append(f"{pace.per_minute:.3g} steps a minute")
    parts.append(counted(len(run.evaluations()), "evaluation"))
    return " · ".join(parts)


def age(seconds: float) -> str:
    """Write how long ago something was."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

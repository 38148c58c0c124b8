"""What a watched run looks like: a panel on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from heldout.diagnosis.entries import Entry, as_told, by_detector
from heldout.diagnosis.first_screen import first_screen
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
_WIDTH = 40
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
        grid(lines),
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


def _series(run: Run) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column()  # a long key gives way, not its curve
    for role in SHOWN:
        series = run.get(role) if role in run.roles else None
        if series is not None and len(series):
            last = written(run.unit(series.name), float(series.value[-1]), float(np.ptp(series.value)) or None)
            key = Text(series.name, style="dim", no_wrap=True, overflow="ellipsis")
            table.add_row(BY_NAME[role].label, sparkline(series.value), last, key)
    return table


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
    parts = [f"step {last_step(run)}", f"{_age(pace.since)} ago"]
    if pace.per_minute is not None:
        parts.append(f"{pace.per_minute:.3g} steps a minute")
    parts.append(counted(len(run.evaluations()), "evaluation"))
    return " · ".join(parts)


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

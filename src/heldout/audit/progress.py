"""How far an audit is: a line that moves on a terminal, and elsewhere a line for each part and every so often."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_EVERY = 30.0  # seconds between two lines off a terminal


class Shown:
    """Shows it on standard error, from ``with`` on; `part` and `more` are told what is done."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:.0f} answers"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("", total=None)
        self._part, self._answers = "", 0
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._bar.stop()

    def part(self, name: str) -> None:
        """Another part begins."""
        self._say()
        self._part, self._answers, self._said = name, 0, time.monotonic()
        self._bar.update(self._task, description=name, completed=0)

    def more(self, answers: int) -> None:
        """So many answers more are scored; may come from any thread."""
        self._answers += answers
        self._bar.advance(self._task, answers)
        if time.monotonic() - self._said > _EVERY:
            self._said = time.monotonic()
            self._say()

    def stop(self) -> None:
        """Show nothing any more."""
        self._say()
        self._part = ""
        self._bar.stop()

    def _say(self) -> None:
        if self._part and not self._console.is_terminal:
            took = time.monotonic() - self._started
            self._console.print(f"audit: {self._part}, {self._answers} answers, {took:.0f} s", markup=False)

"""What a person sees while a run goes on: one live line on a terminal, a line per evaluation elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Display:
    """A bar for each stage: the steps done, the newest figures, the time left; no terminal gets a line a stage."""

    def __init__(self, console: Console) -> None:
        self.console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._stage: TaskID | None = None
        self._name = ""

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, done: int, total: int, figures: str = "") -> None:
        """Show how far a stage is; a new name begins a new bar."""
        if self._stage is None or name != self._name:
            if self._stage is not None:
                self._bar.remove_task(self._stage)
            self._stage, self._name = self._bar.add_task(name, total=total, figures=""), name
            if not self.console.is_terminal:
                self.say(f"{name}, {total} steps")
        self._bar.update(self._stage, completed=done, total=total, figures=figures)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

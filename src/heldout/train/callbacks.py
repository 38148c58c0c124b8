"""What is the loop's own beside the training steps: stopping by signals, progress, when to evaluate oftener.

Recording, judging and stopping by findings are those of `heldout.callbacks.HeldoutCallback`, evaluation is that of
`heldout.evaluation.during`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from heldout.callbacks.transformers import HeldoutCallback
from heldout.evaluation.during import Evaluator
from heldout.live import Decision, Guard
from heldout.live.schedule import Schedule
from heldout.ranks import gathered


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

    def __exit__(self, *error: object) -> None:
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


class Shown(TrainerCallback):
    """Shows how far the training is."""

    def __init__(self, display: Display, held_out: Evaluator) -> None:
        self.display, self.held_out = display, held_out

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float | None] | None = None,
        **given: Any,
    ) -> None:
        if not logs or "reward" not in logs:  # transformers closes with a summary of the whole run
            return
        reward = "unknown" if logs["reward"] is None else f"{logs['reward']:.2f}"  # where nothing could be judged
        figures = f"reward {reward} · {logs['completions/mean_length']:.0f} tokens · {self.held_out.newest}"
        self.display.stage("training", state.global_step, state.max_steps, figures)


class Oftener(TrainerCallback):
    """Has the observer evaluate at steps between those where it does anyway, as a schedule wants it."""

    def __init__(self, schedule: Schedule, observer: HeldoutCallback, guard: Guard) -> None:
        self.schedule, self.observer, self.guard = schedule, observer, guard

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self.guard.idle:  # rank 0 is heard by all
            return
        if self.schedule.extra(state.global_step, self.guard.suspects, self.guard.evaluations):
            self.observer.take(Decision(evaluate=True))


class Stop(TrainerCallback):
    """Stop at the end of the step in which that was asked for, and save whenever it stops.

    SIGTERM, SIGUSR1 (which SLURM sends before a job's time is over), Ctrl-C and the file ask for it; a second Ctrl-C
    ends it at once. SIGUSR2 has it save and go on.
    """

    def __init__(self, period: int, file: Path) -> None:
        self.period = period  # steps that share one batch of completions: amid them no checkpoint resumes exactly
        self.file = file  # which somebody makes, and which is removed once it is seen
        self.asked = self.saves = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for as long as the block lasts."""
        stops = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
        before = {one: signal.signal(one, self._ask) for one in stops}
        before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._ask_to_save)
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True

    def _ask_to_save(self, number: int, frame: FrameType | None) -> None:
        self.saves = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self.file.exists():
            self.asked = True
        if state.global_step % self.period == 0:
            stops, saves = self._agreed()
            if stops:
                control.should_training_stop = True
                self.file.unlink(missing_ok=True)
            control.should_save = control.should_save or saves
            self.saves = self.saves and not saves
        self._save_where_it_stops(state, control)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self._save_where_it_stops(state, control)  # the guard may have stopped the run for what was logged

    def _save_where_it_stops(self, state: TrainerState, control: TrainerControl) -> None:
        if control.should_training_stop and state.global_step % self.period == 0:
            control.should_save = True

    def _agreed(self) -> tuple[bool, bool]:
        """Whether any process was asked to stop, or to save; all must do so at the same step."""
        told = gathered((self.asked, self.saves))
        return any(stops for stops, _ in told), any(saves for _, saves in told)

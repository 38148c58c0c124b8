"""The guard as a callback of PyTorch Lightning.

    trainer = Trainer(..., callbacks=[HeldoutCallback("runs/a", rules=Rules(stop="confirmed"))])

It takes what the module logs (``self.log``): training metrics at the end of each step at which Lightning logs, held-out
ones at the end of each validation. Give outcomes problem by problem with `HeldoutCallback.evaluation`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from heldout.detectors.base import Detector
from heldout.errors import MissingExtra, UsageError
from heldout.findings import Finding
from heldout.live import Decision, Guard, Rules
from heldout.live.alerts import Alert
from heldout.store.recorder import Recorder

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback
    except ImportError as error:
        text = "This callback needs PyTorch Lightning, which is not installed; run: pip install lightning"
        raise MissingExtra(text) from error

__all__ = ["HeldoutCallback", "Rules"]


class HeldoutCallback(Callback):  # type: ignore[misc]
    """Records a run, judges it while it goes on, and stops it if the rules say so.

    Parameters
    ----------
    where
        The run's directory; gone on with when the trainer resumes from a checkpoint.
    rules, planned, detectors, roles, alerts, on_finding
        As for `heldout.live.Guard`. Going back also stops the training; ``rollback.json`` says where to.
    """

    def __init__(
        self,
        where: str | os.PathLike[str],
        rules: Rules = Rules(),
        *,
        planned: int | None = None,
        detectors: Sequence[Detector] | None = None,
        roles: Mapping[str, str] | None = None,
        alerts: Sequence[Alert] = (),
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        self.where, self.rules = Path(where), rules
        self.guard: Guard | None = None
        self._guarding = partial(
            Guard, planned=planned, detectors=detectors, roles=roles, alerts=alerts, on_finding=on_finding
        )
        self._recorder: Recorder | None = None
        self._stop = False
        self._saved: set[str] = set()

    def evaluation(self, step: int, **outcomes: Any) -> Decision:
        """Take in a held-out measurement; arguments as for `Guard.evaluation`."""
        if self.guard is None:
            raise UsageError("The training has not begun, so there is no run that this evaluation belongs to.")
        return self._taken(self.guard.evaluation(step, **outcomes))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._recorder = Recorder(self.where, resume=trainer.global_step > 0, rank=trainer.global_rank)
        self.guard = self._guarding(self._recorder, self.rules)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._note_checkpoints(trainer)
        if self.guard is not None and trainer.global_step % max(trainer.log_every_n_steps, 1) == 0:
            self._taken(self.guard.step(trainer.global_step, dict(trainer.logged_metrics)))
        self._agree(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if self.guard is None or trainer.sanity_checking:
            return
        self._note_checkpoints(trainer)
        self._taken(self.guard.step(trainer.global_step, dict(trainer.callback_metrics)))
        self._agree(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._note_checkpoints(trainer)
        if self._recorder is not None and self.guard is not None:
            self.guard.close()
            self._recorder.close()

    def _note_checkpoints(self, trainer: Any) -> None:
        """Take note of what Lightning has saved since the last look, where a file's name tells its step."""
        for callback in trainer.checkpoint_callbacks:
            paths = [getattr(callback, name, "") for name in ("best_model_path", "last_model_path")]
            for path in [*getattr(callback, "best_k_models", ()), *paths]:
                step = re.search(r"step=(\d+)", Path(path).name)
                if step and path not in self._saved and self.guard is not None:
                    self._saved.add(path)
                    self.guard.checkpoint(int(step[1]), path)

    def _taken(self, decision: Decision) -> Decision:
        self._stop = self._stop or decision.stop or decision.roll_back_to is not None
        return decision

    def _agree(self, trainer: Any) -> None:
        """Stop in every process when rank 0 wants to."""
        trainer.should_stop = trainer.should_stop or trainer.strategy.broadcast(self._stop)

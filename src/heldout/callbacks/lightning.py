"""The guard as a callback of PyTorch Lightning.

    trainer = Trainer(..., callbacks=[HeldoutCallback("runs/a", rules=Rules(stop="confirmed"))])

It takes what the module logs (``self.log``): training metrics at the end of each step at which Lightning logs, held-out
ones at the end of each validation. Give outcomes problem by problem with `HeldoutCallback.evaluation`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Unpack

from heldout.callbacks.base import GuardedRun, RunSettings
from heldout.errors import MissingExtra
from heldout.live import Guard, Rules

try:
    from lightning.pytorch.callbacks import Callback
except ImportError:
    try:
        from pytorch_lightning.callbacks import Callback
    except ImportError as error:
        text = "This callback needs PyTorch Lightning, which is not installed; run: pip install lightning"
        raise MissingExtra(text) from error

__all__ = ["HeldoutCallback", "Rules"]


class HeldoutCallback(GuardedRun, Callback):  # type: ignore[misc]
    """Records a run, judges it while it goes on, and stops it if the rules say so.

    Parameters
    ----------
    where, rules, **settings
        As for `heldout.callbacks.base.GuardedRun`.
    """

    def __init__(
        self, where: str | os.PathLike[str] | Guard, rules: Rules = Rules(), **settings: Unpack[RunSettings]
    ) -> None:
        super().__init__(where, rules, **settings)
        self._saved: set[str] = set()
        self._step = 0  # the last step that was taken; several batches may make one step
        # A key is validation's if it was first seen there: Lightning goes on showing its last value beside training's.
        self._of_training: set[str] = set()
        self._of_validation: set[str] = set()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._step = trainer.global_step
        self.begin(resume=trainer.global_step > 0, rank=trainer.global_rank)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._note_checkpoints(trainer)
        self._of_training |= trainer.callback_metrics.keys() - self._of_validation
        if trainer.global_step != self._step and trainer.global_step % max(trainer.log_every_n_steps, 1) == 0:
            logged = trainer.logged_metrics.items()
            self.step(trainer.global_step, {key: value for key, value in logged if key not in self._of_validation})
        self._step = trainer.global_step
        self._agree(trainer)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if self.guard is None or trainer.sanity_checking:
            return
        self._note_checkpoints(trainer)
        self._of_validation |= trainer.callback_metrics.keys() - self._of_training
        known = trainer.callback_metrics.items()
        self.step(trainer.global_step, {key: value for key, value in known if key in self._of_validation})
        self._agree(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._note_checkpoints(trainer)
        self.end("stopped" if self._stop else "finished")

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.end("failed" if isinstance(exception, Exception) else "stopped")

    def _note_checkpoints(self, trainer: Any) -> None:
        """Take note of what Lightning has saved since the last look, where a file's name tells its step."""
        for callback in trainer.checkpoint_callbacks:
            paths = [getattr(callback, name, "") for name in ("best_model_path", "last_model_path")]
            for path in [*getattr(callback, "best_k_models", ()), *paths]:
                step = re.search(r"step=(\d+)", Path(path).name)
                if step and path not in self._saved and self.guard is not None:
                    self._saved.add(path)
                    self.guard.checkpoint(int(step[1]), path)

    def _agree(self, trainer: Any) -> None:
        """Stop in every process when rank 0 wants to."""
        trainer.should_stop = trainer.should_stop or trainer.strategy.broadcast(self._stop)

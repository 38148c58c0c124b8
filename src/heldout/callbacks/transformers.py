"""The guard as a callback of Hugging Face's Trainer, and so of TRL's GRPO, RLOO and other trainers.

trainer = GRPOTrainer(..., callbacks=[HeldoutCallback("runs/a", rules=Rules(stop="confirmed"))])
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from heldout.callbacks.base import GuardedRun, RunSettings
from heldout.callbacks.rollouts import Rollouts
from heldout.errors import MissingExtra, UsageError
from heldout.evaluation.transformers import undisturbed
from heldout.live import Decision, Guard, Rules

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtra("HeldoutCallback needs transformers, which is not installed; run: pip install trl") from error

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

Evaluate = Callable[[Any, int], Mapping[str, Any]]
LINKED = "kept"  # folder of a run's directory, for checkpoints that the trainer may prune and the guard protects
_STEM = "checkpoint-"  # of what the trainer saves
_SUMMARY = "train_runtime"  # in the line with which transformers closes


class HeldoutCallback(GuardedRun, TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Records a run, judges it while it goes on, and stops it if the rules say so.

    Parameters
    ----------
    where, rules, **settings
        As for `heldout.callbacks.base.GuardedRun`. `planned`, the number of evaluations, is found from the steps where
        `every` or the trainer's own ``eval_steps`` tells.
    evaluate
        Called with the model and the step; returns what `Guard.evaluation` takes: problems, passed, and so on. It is
        called in every process, and what rank 0 returns is recorded. It gets the model in evaluation mode; the modes
        and the states of the generators of random numbers are put back after it, so that a run is the same whether or
        not it is measured. What it raises stops the training.
    every
        Steps between calls of `evaluate`.
    ends
        Call it before the first step and after the last one as well.
    rollouts
        Keep the completions of every so many steps, if a reward function is listened to (`record_rewards`).

    Raises
    ------
    UsageError
        When the arguments do not fit each other.

    Notes
    -----
    ``best.json`` in the run's directory takes the place of ``metric_for_best_model``, whose raw maximum is the luckiest
    evaluation. Where ``save_total_limit`` prunes checkpoints, those that the guard protects are kept as hard links
    below ``kept/``.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | Guard,
        rules: Rules = Rules(),
        *,
        evaluate: Evaluate | None = None,
        every: int = 0,
        ends: bool = False,
        rollouts: int = 1,
        **settings: Unpack[RunSettings],
    ) -> None:
        if (evaluate is None) != (every == 0) or every < 0:
            raise UsageError(f"every is {every}; it is the number of steps between calls of evaluate: give both.")
        if rollouts < 1:
            raise UsageError(f"rollouts is {rollouts}; it is a number of steps, at least 1.")
        super().__init__(where, rules, **settings)
        self.evaluate, self.every, self.ends, self.rollouts = evaluate, every, ends, rollouts
        self._rewards = Rollouts()
        self._model: Any = None
        self._evaluated = -1  # the last step that was
        self._due = False  # an evaluation waits for the metrics of its step

    def evaluation(self, step: int, **outcomes: Any) -> Decision:
        """Take in a held-out measurement; arguments as for `heldout.live.Guard.evaluation`."""
        decision = super().evaluation(step, **outcomes)
        self._evaluated = max(self._evaluated, step)
        return decision

    def record_rewards(self, reward: Callable[..., Any]) -> Callable[..., Any]:
        """Return a reward function that does the same, and whose completions and scores are recorded.

        Raises
        ------
        UsageError
            When it is no function.
        """
        return self._rewards.listening(reward, self._training)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._model = given.get("model")
        self.begin(
            resume=state.global_step > 0,
            rank=args.process_index,
            config={key: value for key, value in args.to_sanitized_dict().items() if _is_plain(value)},
            planned=self._planned(args, state),
        )
        if self.ends and state.global_step == 0:
            self._measure(0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        step, stop, asked = state.global_step, self._stop, self._evaluate
        rows = self._rewards.take()
        if rows and step % self.rollouts == 0 and self.guard and self.guard.recorder:
            self.guard.recorder.rollouts(step, rows)
        if args.world_size > 1:
            stop, asked = _agreed(stop, asked)
        if self.evaluate is not None:
            if asked or step % self.every == 0 or (self.ends and step == state.max_steps):
                self._due = control.should_log  # then the metrics of the step come first, as they do in a log
                if not self._due:
                    self._measure(step)
        elif asked and args.eval_strategy != "no":
            control.should_evaluate = True
        self._evaluate = self._evaluate and not asked
        if stop or (self._stop and args.world_size == 1):
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> None:
        if not logs or _SUMMARY in logs:
            return
        self.step(state.global_step, logs)
        if self._due:
            self._due = False
            self._measure(state.global_step)
        if self._stop and args.world_size == 1:  # several processes agree on it at the end of the next step
            control.should_training_stop = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self._evaluated = state.global_step  # its metrics came by `on_log`

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self.guard is None or self.guard.idle:
            return
        step = state.global_step
        saved = Path(str(args.output_dir), f"{_STEM}{step}")
        decision = self.guard.checkpoint(step, saved)
        if not (self.rules.protect and args.save_total_limit and self.guard.recorder and saved.is_dir()):
            return
        folder = self.guard.recorder.directory / LINKED
        copy = link_checkpoint(saved, folder)
        if copy is not None:
            decision = self.guard.checkpoint(step, copy)
        drop_links(folder, {*decision.protected, step, self._evaluated})

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self.end()

    def _measure(self, step: int) -> None:
        if self.evaluate is not None:
            with undisturbed(self._model):
                outcomes = self.evaluate(self._model, step)
            self.evaluation(step, **outcomes)

    def _training(self) -> bool:
        """Whether completions are sampled for training just now, not for the trainer's own evaluation."""
        return self._model is None or bool(self._model.training)

    def _planned(self, args: TrainingArguments, state: TrainerState) -> int | None:
        """How many evaluations there will be, where the settings tell."""
        if self.ends and self.every:
            return planned_evaluations(state.max_steps, self.every)
        own = args.eval_steps if args.eval_strategy == "steps" else None
        steps = self.every or int(own or 0)
        return max(1, state.max_steps // steps) if steps else None


def planned_evaluations(steps: int, every: int) -> int:
    """Return how many evaluations a training has with one every so many steps, one before the first and one at the end.

    >>> planned_evaluations(10, 5), planned_evaluations(11, 5)
    (3, 4)
    """
    return 1 - (-steps // every)


def link_checkpoint(checkpoint: Path, folder: Path) -> Path | None:
    """Link the files of a checkpoint, ``checkpoint-STEP``, into a folder on the same disk, which costs no space.

    Return the copy, under the same name; None where the disk does not allow links.
    """
    copy, new = folder / checkpoint.name, folder / f".{checkpoint.name}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(checkpoint, new, copy_function=os.link)
        shutil.rmtree(copy, ignore_errors=True)
        new.rename(copy)
    except (OSError, shutil.Error):
        shutil.rmtree(new, ignore_errors=True)
        return None
    return copy


def drop_links(folder: Path, keep: Container[int]) -> None:
    """Delete the copies of all steps but these."""
    for copy in folder.glob(f"{_STEM}*"):
        step = copy.name.removeprefix(_STEM)
        if step.isdigit() and int(step) not in keep:
            shutil.rmtree(copy, ignore_errors=True)


def _agreed(stop: bool, evaluate: bool) -> tuple[bool, bool]:
    """Return what rank 0 wants, in every process."""
    from accelerate.utils import broadcast_object_list

    stop, evaluate = broadcast_object_list([stop, evaluate], from_process=0)
    return stop, evaluate


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)

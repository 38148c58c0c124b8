"""The guard as a callback of Hugging Face's Trainer, and so of TRL's GRPO, RLOO and other trainers.

trainer = GRPOTrainer(..., callbacks=[HeldoutCallback("runs/a", rules=Rules(stop="confirmed"))])
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.callbacks import kept
from heldout.callbacks.rollouts import Rollouts
from heldout.detectors.base import Detector
from heldout.errors import MissingExtra, UsageError
from heldout.findings import Finding
from heldout.live import Decision, Guard, Rules
from heldout.live.alerts import Alert
from heldout.store.recorder import Recorder

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtra("HeldoutCallback needs transformers, which is not installed; run: pip install trl") from error

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

Evaluate = Callable[[Any, int], Mapping[str, Any]]
KEPT = "kept"  # folder of a run's directory
_SUMMARY = "train_runtime"  # in the line with which transformers closes


class HeldoutCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Records a run, judges it while it goes on, and stops it if the rules say so.

    Parameters
    ----------
    where
        The run's directory, or a guard of one's own. A directory that holds a run is gone on with when the trainer
        resumes from a checkpoint, and refused otherwise.
    rules
        What to do, and from which finding on. Going back also stops the training; ``rollback.json`` says where to.
    planned
        How many evaluations the whole run will have; found from the steps where `every` or the trainer's own
        ``eval_steps`` tells.
    evaluate
        Called with the model and the step; returns what `Guard.evaluation` takes: problems, passed, and so on. It is
        called in every process, and what rank 0 returns is recorded. What it raises stops the training.
    every
        Steps between calls of `evaluate`.
    rollouts
        Keep the completions of every so many steps, if a reward function is listened to (`record_rewards`).
    detectors, roles, alerts, on_finding
        As for `Guard`.

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
        planned: int | None = None,
        evaluate: Evaluate | None = None,
        every: int = 0,
        rollouts: int = 1,
        detectors: Sequence[Detector] | None = None,
        roles: Mapping[str, str] | None = None,
        alerts: Sequence[Alert] = (),
        on_finding: Callable[[Finding], None] | None = None,
    ) -> None:
        if (evaluate is None) != (every == 0) or every < 0:
            raise UsageError(f"every is {every}; it is the number of steps between calls of evaluate: give both.")
        if rollouts < 1:
            raise UsageError(f"rollouts is {rollouts}; it is a number of steps, at least 1.")
        self.guard = where if isinstance(where, Guard) else None
        self._own = None if isinstance(where, Guard) else Path(where)
        self._recorder: Recorder | None = None
        self.planned = planned
        self._guarding = partial(Guard, detectors=detectors, roles=roles, alerts=alerts, on_finding=on_finding)
        self.rules = where.rules if isinstance(where, Guard) else rules
        self.evaluate, self.every, self.rollouts = evaluate, every, rollouts
        self._rewards = Rollouts()
        self._model: Any = None
        self._stop = self._evaluate = False
        self._evaluated = -1

    def evaluation(self, step: int, **outcomes: Any) -> Decision:
        """Take in a held-out measurement; arguments as for `Guard.evaluation`."""
        if self.guard is None:
            raise UsageError("The training has not begun, so there is no run that this evaluation belongs to.")
        self._evaluated = max(self._evaluated, step)
        return self._taken(self.guard.evaluation(step, **outcomes))

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
        if self._own is None:
            return
        resumed = state.global_step > 0
        settings = {key: value for key, value in args.to_sanitized_dict().items() if _is_plain(value)}
        self._recorder = Recorder(self._own, config=settings, resume=resumed, rank=args.process_index)
        self.guard = self._guarding(
            self._recorder, self.rules, planned=self.planned or _planned(self.every, args, state)
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        step, stop, asked = state.global_step, self._stop, self._evaluate
        rows = self._rewards.take()
        if rows and step % self.rollouts == 0 and self.guard and self.guard.recorder:
            self.guard.recorder.rollouts(step, rows)
        if args.world_size > 1:
            stop, asked = _agreed(stop, asked)
        if self.evaluate is not None and (asked or step % self.every == 0):
            self.evaluation(step, **self.evaluate(given.get("model"), step))
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
        if self.guard is None or not logs or _SUMMARY in logs:
            return
        self._taken(self.guard.step(state.global_step, logs))
        if self._stop and args.world_size == 1:  # several processes agree on it at the end of the next step
            control.should_training_stop = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        self._evaluated = state.global_step  # its metrics came by `on_log`

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self.guard is None or self.guard.idle:
            return
        step, saved = state.global_step, Path(str(args.output_dir), f"checkpoint-{state.global_step}")
        decision = self.guard.checkpoint(step, saved)
        if not (self.rules.protect and args.save_total_limit and self.guard.recorder and saved.is_dir()):
            return
        folder = self.guard.recorder.directory / KEPT
        copy = kept.link(saved, folder)
        if copy is not None:
            decision = self.guard.checkpoint(step, copy)
        kept.drop_others(folder, {*decision.protected, step, self._evaluated})

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self._recorder is not None and self.guard is not None:
            self.guard.close()
            self._recorder.close()

    def _taken(self, decision: Decision) -> Decision:
        self._stop = self._stop or decision.stop or decision.roll_back_to is not None
        self._evaluate = self._evaluate or decision.evaluate
        return decision

    def _training(self) -> bool:
        """Whether completions are sampled for training just now, not for the trainer's own evaluation."""
        return self._model is None or bool(self._model.training)


def _planned(every: int, args: TrainingArguments, state: TrainerState) -> int | None:
    """How many evaluations there will be, where the settings tell."""
    own = args.eval_steps if args.eval_strategy == "steps" else None
    steps = every or int(own or 0)
    return max(1, state.max_steps // steps) if steps else None


def _agreed(stop: bool, evaluate: bool) -> tuple[bool, bool]:
    """Return what rank 0 wants, in every process."""
    from accelerate.utils import broadcast_object_list

    stop, evaluate = broadcast_object_list([stop, evaluate], from_process=0)
    return stop, evaluate


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)

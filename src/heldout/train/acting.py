"""Acting on findings while a training goes on: its remedies, and going back to the checkpoint that was kept.

What is done stands in ``findings.jsonl`` with the finding that it answers, and what holds from which step on, so that a
run that is resumed holds the same. By default nothing is done, only written down what would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import GRPOTrainer

from heldout.callbacks.transformers import HeldoutCallback
from heldout.findings import Finding
from heldout.live import Decision, Guard, On
from heldout.live.checkpoints import LINKED
from heldout.ranks import of_the_first
from heldout.rewards import Part, Score
from heldout.store.checkpoints import LEFT, leave_behind
from heldout.store.layout import FINDINGS
from heldout.store.lines import read_rows
from heldout.train.remedies import Remedy
from heldout.train.rewards import RewardFunctions, least_of_right

_REMEDY, _BACK = "remedy", "go_back"  # acts, as the rows of findings.jsonl name them
_BY_HAND = "by the user"  # who asked for it, where no finding did


class Training:
    """What remedies may change of a trainer of TRL: a `heldout.train.remedies.Changeable`."""

    def __init__(
        self,
        trainer: GRPOTrainer,
        observer: HeldoutCallback,
        rewards: RewardFunctions,
        hidden: Mapping[str, Callable[[], Score]],  # rewards that may be mixed in
        recorded: bool,  # whether the observer listens to rewards
    ) -> None:
        self.trainer, self.observer, self.rewards = trainer, observer, rewards
        self._hidden, self._recorded = hidden, recorded

    def penalise(self, weight: float) -> None:
        self.trainer.beta = weight

    def clip(self, low: float, high: float) -> None:
        self.rewards.low, self.rewards.high = low, high
        self._tell()

    def drop(self, name: str) -> None:
        self._weigh(name, 0.0)

    def mix_in(self, name: str, weight: float) -> None:
        if name not in self.trainer.reward_func_names:
            added = self.rewards.added(Part(name, weight), self._hidden[name]())
            listened = self.observer.record_rewards(added) if self._recorded else added
            self.trainer.reward_funcs.append(listened)
            self.trainer.reward_func_names.append(name)
            self.trainer.reward_processing_classes.append(None)
            self.trainer.reward_weights = torch.cat([self.trainer.reward_weights, torch.zeros(1)])
        self._weigh(name, weight)

    def slow_down(self, factor: float) -> None:
        scheduler = getattr(self.trainer.lr_scheduler, "scheduler", self.trainer.lr_scheduler)
        rate = self.trainer.args.learning_rate * factor
        for place, group in enumerate(self.trainer.optimizer.param_groups):
            group["lr"] *= rate / scheduler.base_lrs[place]
            group["initial_lr"] = scheduler.base_lrs[place] = rate
        scheduler._last_lr = [group["lr"] for group in self.trainer.optimizer.param_groups]  # which is what is logged

    def _weigh(self, name: str, weight: float) -> None:
        self.trainer.reward_weights[self.trainer.reward_func_names.index(name)] = weight
        self._tell()

    def _tell(self) -> None:
        """Tell whoever records answers what the parts weigh, and which answers count as rewarded from here on."""
        weights = self.trainer.reward_weights.tolist()
        self.trainer.args.reward_weights = weights
        parts = [Part(one, worth) for one, worth in zip(self.trainer.reward_func_names, weights, strict=True)]
        clipped = self.rewards.low > 0.0 or self.rewards.high < 1.0  # then a right answer may be paid less than 1
        self.observer.reweighted(weights, None if clipped else least_of_right(parts))


class Acting(TrainerCallback):
    """Applies remedies to a training, and has it go back, as the guard's findings ask for it.

    Parameters
    ----------
    remedies
        What is done, and from which finding on.
    stop_on
        From which finding on the run is stopped where it does not go back; the guard's own, where nothing goes back.
    most
        How often it goes back, at most.
    dry
        Whether it is only written down what would be done.
    say
        Told in a line what is done.

    Attributes
    ----------
    back_to
        The checkpoint from which the training is to go on once the trainer has stopped; None where it is not.
    """

    def __init__(
        self, remedies: Sequence[Remedy], stop_on: On, most: int, *, dry: bool, say: Callable[[str], None]
    ) -> None:
        self.remedies, self.stop_on, self.most, self.dry, self.say = remedies, stop_on, most, dry, say
        self.back_to: Path | None = None
        self._guard: Guard | None = None
        self._training: Training | None = None
        self._active: list[Remedy] = []  # those that hold, or were told in a dry run
        self._backs = 0
        self._due: list[tuple[Remedy, Finding]] = []
        self._stop: Finding | None = None

    @property
    def decides_on_stopping(self) -> bool:
        """Whether it is not the guard who stops the run: it may go back instead."""
        return not self.dry and any(one.goes_back for one in self.remedies)

    def of(self, guard: Guard, training: Training) -> None:
        """Take over what is acted upon, once it is there."""
        self._guard, self._training = guard, training

    def take(self, decision: Decision) -> None:
        """Note which remedies the newest findings ask for; called in rank 0 alone."""
        for finding in decision.findings:
            for remedy in self.remedies:
                known = [one.what for one in (*self._active, *(due for due, _ in self._due))]
                if On(remedy.when).reached_by(finding) and remedy.what not in known:
                    self._due.append((remedy, finding))
            if self.decides_on_stopping and self.stop_on.reached_by(finding):
                self._stop = finding

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        if not self.dry:
            rows = self._rows()
            own = [row for row in rows if row.get("act") == _BACK and row.get("asked") != _BY_HAND]
            self._backs = sum(bool(row.get("done")) for row in own)
            self._active = active_at(rows, state.global_step, self.remedies)
        for remedy in self._active if not self.dry else ():
            self._apply(remedy)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if args.world_size > 1:
            best = self._guard.best if self._guard else None
            self._due, self._stop, best = of_the_first((self._due, self._stop, best))
            self._act(state.global_step, control, best)
        elif self._guard is not None:
            self._act(state.global_step, control, self._guard.best)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if args.world_size == 1 and self._guard is not None:
            self._act(state.global_step, control, self._guard.best)

    def went_back(self) -> str:
        """Make everything ready to go on from `back_to`, and return it."""
        assert self.back_to is not None
        assert self._training is not None
        path, self.back_to = self.back_to, None
        self._leave_behind(_step_of(path))
        trainer = self._training.trainer
        self._training.observer.rewind()
        trainer._step, trainer._buffered_inputs = 0, None  # what TRL counts and keeps of a train() before
        return str(path)

    def sent_back_to(self, checkpoint: Path) -> None:
        """Make everything ready to go on from a checkpoint that the user chose, before the trainer begins."""
        assert self._guard is not None
        step = _step_of(checkpoint)
        self._leave_behind(step)
        holds = [one.what for one in active_at(self._rows(), step, self.remedies)]
        self._guard.acted(_BACK, step, checkpoint=str(checkpoint), asked=_BY_HAND, holds=holds, holds_from=step)
        self.say(f"going back to step {step}, from {checkpoint}")

    def _leave_behind(self, step: int) -> None:
        """Move the checkpoints behind a step out of the way, once for all processes."""
        assert self._guard is not None
        assert self._training is not None
        trainer = self._training.trainer
        if trainer.args.process_index == 0 and self._guard.recorder is not None:
            for folder in (Path(trainer.args.output_dir), self._guard.recorder.directory / LINKED):
                leave_behind(folder, step, self._guard.recorder.directory / LEFT)
        trainer.accelerator.wait_for_everyone()

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        """Return what was written down of this run, also by processes before this one."""
        if self._guard is None or self._guard.recorder is None:
            return ()
        return read_rows(self._guard.recorder.directory / FINDINGS).rows

    def _act(self, step: int, control: TrainerControl, best: Path | None) -> None:
        """Do what is due, in every process; only rank 0 has a guard that writes it down."""
        due, stop = self._due, self._stop
        self._due, self._stop = [], None
        back = next((finding for remedy, finding in due if remedy.goes_back), None)
        goes = back is not None and not self.dry and best is not None and self._backs < self.most
        start = _step_of(best) if goes and best is not None else step
        for remedy, finding in due:
            if self.dry or not remedy.goes_back:  # what would be done is told once
                self._active.append(remedy)
            if not remedy.goes_back:
                if not self.dry and not goes:  # one that goes back applies them when it begins again
                    self._apply(remedy)
                self._note(_REMEDY, step, start, finding, remedy=remedy.what)
        if back is not None:
            self._note(_BACK, step, start, back, "" if goes else self._why_not(best), checkpoint=str(best))
        if goes:
            self._backs, self.back_to = self._backs + 1, best
            control.should_training_stop = True
        elif stop is not None and self._guard is not None:
            self._guard.acted("stop", step, kind=stop.kind)
            self._guard.should_stop = control.should_training_stop = True

    def _why_not(self, best: Path | None) -> str:
        if self._backs >= self.most:
            return f"it went back {self._backs} times already, at most {self.most} are allowed"
        return "" if self.dry else "no checkpoint that could be gone back to exists"

    def _apply(self, remedy: Remedy) -> None:
        assert self._training is not None
        remedy.apply(self._training)

    def _note(self, act: str, step: int, start: int, finding: Finding, why: str = "", **also: str) -> None:
        """Write an act down with its evidence, and say it."""
        why = why or ("dry run: acts is not apply" if self.dry else "")
        because = {"detector": finding.detector, "kind": finding.kind, "seen": finding.seen, "against": finding.against}
        holds = [one.what for one in self._active if not one.goes_back]
        if self._guard is not None:
            self._guard.acted(act, step, why, **also, **because, holds=holds, holds_from=start)
        what = also.get("remedy") or f"going back to step {start}"
        said = f"not done ({why})" if why else "done"
        self.say(f"step {step}: {what}: {said}, because of {finding.kind.replace('_', ' ')}: {finding.seen}")


def active_at(rows: Iterable[Mapping[str, Any]], step: int, remedies: Sequence[Remedy]) -> list[Remedy]:
    """Return which remedies hold in a training that goes on from a step, by the acts that were written down."""
    holds: Sequence[str] = ()
    for row in rows:
        if row.get("act") in (_REMEDY, _BACK) and row.get("done") and row.get("holds_from", math.inf) <= step:
            holds = row.get("holds", ())
    return [one for one in remedies if one.what in holds]


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.removeprefix("checkpoint-"))

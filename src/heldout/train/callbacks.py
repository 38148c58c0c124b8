"""What happens beside the training steps: held-out evaluation, records, and stopping with a checkpoint."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
from accelerate.utils import gather_object
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from heldout.evaluation.score import Policy, evaluate, interval
from heldout.run import FloatArray
from heldout.sandbox.base import Sandbox
from heldout.stats.rates import standard_error
from heldout.store.recorder import Recorder
from heldout.tasks.problem import Problem
from heldout.train.progress import Display
from heldout.train.rewards import Ledger

# What one process found: problems, of each the samples that passed and all, mean length in tokens, errors by kind.
_Share = tuple[Sequence[str], Sequence[float], Sequence[int], float, Mapping[str, int]]


class HeldOut(TrainerCallback):
    """Measure the policy on held-out problems, with the true judge, before the first step and every so many steps.

    Each process samples and judges its share of the problems. The policy puts the generators of random numbers back, so
    that a run is the same whether or not it is measured.

    Parameters
    ----------
    problems
        The held-out problems.
    policy
        Makes something to sample from of the model as it is.
    sandbox
        Where their programs run.
    recorder, display
        Where outcomes go, and where they are shown.
    every
        Steps between evaluations.
    samples
        Completions of each problem.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        policy: Callable[[Any], Policy],
        sandbox: Sandbox,
        recorder: Recorder,
        display: Display,
        every: int,
        samples: int,
    ) -> None:
        self.problems, self.policy, self.sandbox = problems, policy, sandbox
        self.recorder, self.display = recorder, display
        self.every, self.samples = every, samples
        self.newest = ""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            self.measure(args, 0, kwargs["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step % self.every == 0 or state.global_step == state.max_steps:
            self.measure(args, state.global_step, kwargs["model"])

    def measure(self, args: TrainingArguments, step: int, model: Any) -> None:
        """Evaluate the model as it is now, and record the outcome of every problem."""
        share = self.problems[args.process_index :: args.world_size]
        policy = self.policy(model)
        found = evaluate(policy, share, self.sandbox, step=step, samples=self.samples) if share else None
        mine = []
        if found is not None and found.evaluation.outcomes is not None:
            outcomes = found.evaluation.outcomes
            counts = outcomes.passed.tolist(), outcomes.samples.tolist()
            mine = [(outcomes.problems, *counts, found.mean_length, dict(found.errors))]
        parts = gather_object(mine) if args.world_size > 1 else mine
        shares, length = self._record(step, parts)
        rate = float(shares.mean())
        low, high = interval(rate, standard_error(shares), len(shares), self.samples)
        self.newest = f"Pass@1 {rate:.1%} ({low:.1%} to {high:.1%})"
        self.display.say(f"step {step} of {args.max_steps}: held-out {self.newest}, {length:.1f} tokens")

    def _record(self, step: int, parts: Sequence[_Share]) -> tuple[FloatArray, float]:
        """Record what all processes found; return each problem's share of passed samples, and the mean length."""
        problems = [problem for ids, *_ in parts for problem in ids]
        passed = [count for _, counts, *_ in parts for count in counts]
        samples = [count for _, _, counts, *_ in parts for count in counts]
        length = sum(mean * len(ids) for ids, _, _, mean, _ in parts) / len(problems)
        errors = sum((Counter(some) for *_, some in parts), Counter[str]())
        self.recorder.evaluation(
            step, problems=problems, passed=passed, samples=samples, mean_length=length, errors=dict(errors)
        )
        return np.array(passed) / np.array(samples), length


class Recording(TrainerCallback):
    """Record every step's metrics, every checkpoint, and now and then a page of completions with their rewards."""

    def __init__(
        self, recorder: Recorder, ledger: Ledger, display: Display, held_out: HeldOut | None, every: int, rows: int
    ) -> None:
        self.recorder, self.ledger, self.display, self.held_out = recorder, ledger, display, held_out
        self.every, self.rows = every, rows

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        if not logs or "reward" not in logs:  # transformers closes with a summary of the whole run
            return
        self.recorder.log(state.global_step, logs)
        if self.every and state.global_step % self.every == 0:
            self.recorder.rollouts(state.global_step, self.ledger.rows[: self.rows])
        newest = self.held_out.newest if self.held_out else ""
        figures = f"reward {logs['reward']:.2f} · {logs['completions/mean_length']:.0f} tokens · {newest}"
        self.display.stage("training", state.global_step, state.max_steps, figures)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.recorder.checkpoint(state.global_step, f"{args.output_dir}/checkpoint-{state.global_step}")


class Stop(TrainerCallback):
    """Save and stop at the end of the step in which SIGTERM or Ctrl-C came; a second Ctrl-C ends at once.

    Parameters
    ----------
    period
        Steps that share one batch of completions: a checkpoint amid them could not be resumed exactly.
    """

    def __init__(self, period: int) -> None:
        self.period = period
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the two signals over for as long as the block lasts."""
        before = {one: signal.signal(one, self._ask) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step % self.period == 0 and self._agreed(args):
            control.should_save = control.should_training_stop = True

    def _agreed(self, args: TrainingArguments) -> bool:
        """Whether any process was asked; all must stop at the same step."""
        if args.world_size == 1:
            return self.asked
        return any(gather_object([self.asked]))

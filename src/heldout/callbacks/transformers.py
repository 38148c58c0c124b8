"""The guard as a callback of Hugging Face's Trainer, and so of TRL's GRPO, RLOO and other trainers.

trainer = GRPOTrainer(..., callbacks=[HeldoutCallback("runs/a", rules=Rules(stop="confirmed"))])
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from heldout.callbacks.asking import Asking, trainer_of
from heldout.callbacks.base import GuardedRun, RunSettings
from heldout.callbacks.evaluating import TaskEvaluation, of_its_set, refuse_policy
from heldout.callbacks.hidden import HiddenTests
from heldout.callbacks.recording import COST, Recording
from heldout.callbacks.rollouts import Rollouts, Sampling
from heldout.callbacks.tasks import HeldOutSplit, Tasks, tasks_of, training_problems
from heldout.errors import MissingExtra, UsageError
from heldout.evaluation.score import Policy
from heldout.evaluation.transformers import undisturbed
from heldout.live import Decision, Guard, Rules
from heldout.live.checkpoints import STEM, keep_saved, never_together
from heldout.ranks import of_the_first
from heldout.rollouts.keeping import JUDGE, KEEP
from heldout.sandbox import Sandbox, open_sandbox
from heldout.store.checkpoints import later_ones, newest_below, passed_over
from heldout.text import counted

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtra("HeldoutCallback needs transformers, which is not installed; run: pip install trl") from error

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

Evaluate = Callable[[Any, int], Mapping[str, Any] | Sequence[Mapping[str, Any]]]
_SUMMARY = "train_runtime"  # in the line with which transformers closes


class HeldoutCallback(GuardedRun, TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Records a run, judges it while it goes on, and stops it if the rules say so.

    Parameters
    ----------
    where, rules, **settings
        As for `heldout.callbacks.base.GuardedRun`. `planned`, the number of evaluations, is found from the steps where
        `every` or the trainer's own ``eval_steps`` tells.
    evaluate
        Called with the model and the step; returns what `Guard.evaluation` takes: problems, passed, and so on, or a
        list of these for several benchmarks. It is called in every process, and what rank 0 returns is recorded. It
        gets the model in evaluation mode, without gradients and their checkpointing; the modes and the states of the
        generators of random numbers are put back after it, so that a run is the same whether or not it is measured.
        What it raises stops the training. If none is given, the held-out problems of `task` are evaluated.
    every
        Steps between evaluations.
    ends
        Evaluate before the first step and after the last one as well; by default where `task` is evaluated.
    rollouts
        Keep completions of every so many steps, if a reward function is listened to (`record_rewards`).
    record
        How many completions of such a step are kept, drawn by chance; each row says with which chance.
    task
        The problems that are trained on, or the task that has them, or what `heldout.tasks.load_task` loads: their
        hidden tests judge some completions, outside the reward, for the record and the guard. A column ``task_id``,
        ``problem_id``, ``problem`` or ``id`` of the trainer's data set says which problem a row is of, or its prompt.
        With `every`, the problems of its split for validation (test, if there is none) are evaluated; those for
        training are judged, if there are some. A list of tasks, or a mapping from names, makes a benchmark of each. The
        settings ``problems`` and ``samples`` then say how many held-out problems are evaluated at most, and how many
        completions of each.
    policy
        What writes the answers of an evaluation, where that is not the training's own model with its own settings and
        engine: a `heldout.evaluation.score.Policy`, such as a served model, or a function that makes one of the model.
    judge
        How many completions of such a step are judged, on average. They are drawn by chance as well, mostly from those
        that were rewarded, of as many prompts as there are; what is judged is kept.
    judge_cost
        Share of the time that recording with hidden tests may take, 0 for whatever it takes: where judging costs more,
        fewer completions are judged, and where steps are too short for what else it costs, not every one is recorded.
    sandbox
        Where the hidden tests run; one is opened and closed where none is given.
    stops
        At which completions are cut before they are judged; for an evaluation of `task` what its problems say, if none
        are given.
    rewarded_from
        Least reward with which a completion counts as rewarded. If none is given it follows what right ones were paid.

    Raises
    ------
    UsageError
        When the arguments do not fit each other, or no problem is held out that is to be evaluated; in training, when
        no completion of the first step belongs to a problem of the task, or not all parts of a weighted reward are
        listened to.
    ContaminatedTask
        When a held-out problem is trained on.

    Notes
    -----
    ``best.json`` in the run's directory takes the place of ``metric_for_best_model``, whose raw maximum is the luckiest
    evaluation. Where ``save_total_limit`` prunes checkpoints, those that the guard protects are kept as hard links
    below ``kept/``.

    Where several processes train together, the completions that are recorded and judged are those of rank 0: its share
    of the prompts is a sample of them. The others wait for it no longer than for a step that takes so much more.
    """

    def __init__(
        self,
        where: str | os.PathLike[str] | Guard,
        rules: Rules = Rules(),
        *,
        evaluate: Evaluate | None = None,
        every: int = 0,
        ends: bool | None = None,
        rollouts: int = 1,
        record: int = KEEP,
        task: Tasks | None = None,
        policy: Policy | Callable[[Any], Policy] | None = None,
        judge: int = JUDGE,
        judge_cost: float = COST,
        sandbox: Sandbox | None = None,
        stops: Sequence[str] | None = None,
        rewarded_from: float | None = None,
        **settings: Unpack[RunSettings],
    ) -> None:
        if every < 0 or (evaluate is not None and not every):
            raise UsageError(f"every is {every}; it is the number of steps between calls of evaluate: give both.")
        if every and evaluate is None and task is None:
            raise UsageError(f"every is {every}, but nothing is to be evaluated; give task or evaluate as well.")
        if rollouts < 1:
            raise UsageError(f"rollouts is {rollouts}; it is a number of steps, at least 1.")
        tasks = {} if task is None else tasks_of(task)
        split, own = None, every and evaluate is None
        if own:
            split = HeldOutSplit.of(tasks, settings.pop("problems", None))
            evaluate = TaskEvaluation(split, settings.pop("samples", None), policy, stops)
        if policy is not None:
            refuse_policy(policy)
            if not own:
                raise UsageError("policy says what is sampled where a task is evaluated; give task and every as well.")
        super().__init__(where, rules, **settings)
        self.evaluate, self.every, self.rollouts = evaluate, every, rollouts
        self.ends = bool(own) if ends is None else ends
        trained_on = split.train if split else training_problems(tasks)
        self._hidden = HiddenTests(trained_on, stops=tuple(stops or ())) if trained_on and judge else None
        self._recording = Recording(record, self._hidden, judge, judge_cost, rewarded_from)
        self._sandbox, self._opened = sandbox, False  # whether it is ours to close
        self._sampling = Sampling(stops=tuple(stops or ()))
        self._recorded = 0  # the last step whose completions were
        self._seconds, self._began = 0.0, time.perf_counter()  # of steps since then, and when the newest one began
        self._rewards = Rollouts()
        self._model: Any = None
        self._evaluated = -1  # the last step that was
        self._due = False  # an evaluation waits for the metrics of its step
        self._reward: float | None = None  # the newest one
        self._doubted = False
        self._of: Any = None  # the control of the trainer that trains, or did so last
        self._early: tuple[Any, dict[str, Any]] | None = None  # metrics of a trainer that does not train yet

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

    def reweighted(self, weights: Sequence[float], rewarded_from: float | None) -> None:
        """Say that the parts of the reward weigh otherwise from the next step on, and what counts as rewarded then."""
        self._sampling = replace(self._sampling, weights=weights)
        self._recording.rewarded_from = rewarded_from

    def on_init_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        """Say at once that a training cannot go on from the newest checkpoint, which the trainer itself would take."""
        if args.process_index == 0 and (said := passed_over(newest_below(args.output_dir or ""))):
            how = f"resume_from_checkpoint=newest_checkpoint({args.output_dir!r}) of heldout.callbacks"
            warnings.warn(f"{said[:-1]} with {how}.", RuntimeWarning, stacklevel=2)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._model, self._of = given.get("model"), control
        self._rewards.take()  # of a step that was broken off
        self._due, self._reward, self._evaluated, self._seconds = False, None, -1, 0.0
        self._ready(args, state, given)  # what it refuses is refused before there is a record
        self.begin(
            resume=state.global_step > 0,
            rank=args.process_index,
            config={key: value for key, value in args.to_sanitized_dict().items() if _is_plain(value)},
            planned=self._planned(args, state),
        )
        self._take_early(state, control)
        own = state.eval_steps if args.eval_strategy == "steps" else 0
        saved = state.save_steps if args.save_strategy == "steps" else 0
        apart = never_together(self.every or int(own or 0), int(saved or 0), state.max_steps)
        for said in filter(None, (apart, state.global_step and later_ones(args.output_dir or "", state.global_step))):
            self.say(said)
        self._sampling = self._sampled(args, given.get("processing_class"))
        self._recorded = state.global_step
        if state.global_step and self.guard and self.guard.recorder:
            self._recording.resume(self.guard.recorder.directory, state.global_step)
        if self.ends and state.global_step == 0:
            self._measure(0)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        step, stop, asked = state.global_step, self._stop, self._evaluate
        self._seconds += time.perf_counter() - self._began
        self._record(args, step)
        if args.world_size > 1:
            stop, asked = of_the_first((stop, asked))
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
        logs = of_its_set(logs)
        if control is not self._of:
            self._early = (control, dict(logs))
            return
        self.step(state.global_step, logs)
        self._reward = logs.get("reward", self._reward)
        if self._due:
            self._due = False
            self._measure(state.global_step)
        if self._stop and args.world_size == 1:  # several processes agree on it at the end of the next step
            control.should_training_stop = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if control is self._of:
            self._evaluated = state.global_step  # its metrics came by `on_log`

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self.guard is None or self.guard.idle or control is not self._of:
            return
        step, pruned = state.global_step, bool(args.save_total_limit)
        saved = Path(str(args.output_dir), f"{STEM}{step}")
        keep_saved(self.guard, saved, step, pruned=pruned, evaluated=self._evaluated)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        if self._opened and self._sandbox is not None:
            self._sandbox.close()
            self._sandbox, self._opened = None, False
        self.end("stopped" if state.global_step < state.max_steps else "finished")

    def _record(self, args: TrainingArguments, step: int) -> None:
        """Record new completions where it is time, and tell the guard what the hidden tests say; in rank 0 alone."""
        answers = self._rewards.take()
        due = step // self.rollouts > self._recorded // self.rollouts and self._recording.due(self._seconds)
        if not (answers and due and args.process_index == 0 and self.guard and self.guard.recorder):
            return
        began = time.perf_counter()
        rows = [self._sampling.row(answer) for answer in answers]
        judged = self._recording.page(step, rows, self.guard.recorder, seed=args.seed)
        if judged is not None:
            self.take(self.guard.judged(judged))
        self._recording.took(time.perf_counter() - began, self._seconds)
        self._recorded, self._seconds = step, 0.0

    def _sampled(self, args: TrainingArguments, tokenizer: Any) -> Sampling:
        """Return what the settings of a trainer of TRL say of its completions."""
        weights, parts = getattr(args, "reward_weights", None), self._rewards.parts
        if weights and parts and len(weights) != parts:
            raise UsageError(
                f"reward_weights has {len(weights)} weights, but record_rewards listens to "
                f"{counted(parts, 'function')}; give it every reward function, so that it is known what was paid."
            )
        ends = [getattr(tokenizer, "eos_token_id", None)]
        config = getattr(getattr(self._model, "generation_config", None), "eos_token_id", None)
        ends += config if isinstance(config, list) else [config]
        return replace(
            self._sampling,
            ends=frozenset(one for one in ends if one is not None),
            longest=int(getattr(args, "max_completion_length", None) or 0),
            weights=weights,
        )

    def _ready(self, args: TrainingArguments, state: TrainerState, given: Mapping[str, Any]) -> None:
        """Get ready to evaluate a task, and to judge what is trained on."""
        evaluation = self.evaluate if isinstance(self.evaluate, TaskEvaluation) else None
        if self._sandbox is None and (evaluation or (self._hidden and args.process_index == 0)):
            self._sandbox, self._opened = open_sandbox(), True
        if evaluation:
            assert self._sandbox is not None
            loader, tokenizer = given.get("train_dataloader"), given.get("processing_class")
            dataset, trainer = getattr(loader, "dataset", None), trainer_of(self)
            evaluation.split.refuse_trained_on(dataset)
            known = HiddenTests(evaluation.split.train).named_by
            evaluation.begin(lambda: Asking(args, tokenizer, dataset, trainer, known), self._sandbox, state.max_steps)
            self._sampling = replace(self._sampling, stops=evaluation.stops)
        if self._hidden:
            self._hidden.sandbox, self._hidden.stops = self._sandbox, tuple(self._sampling.stops)

    def _take_early(self, state: TrainerState, control: TrainerControl) -> None:
        """Record what the trainer evaluated before its training as what it is: of step 0."""
        if self._early is None:
            return
        (of, logs), self._early = self._early, None
        if of is control and state.global_step == 0:
            self.step(0, logs)
        elif self.guard is not None and not self.guard.idle:
            known = ", ".join(key for key in logs if key.startswith("eval_")) or "metrics"
            text = f"An evaluation outside of this training ({known}) belongs to none of its steps; it is not recorded."
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _measure(self, step: int) -> None:
        if self.evaluate is None:
            return
        with undisturbed(self._model):
            outcomes = self.evaluate(self._model, step)
        for one in [outcomes] if isinstance(outcomes, Mapping) else outcomes:
            self.evaluation(step, **one)
            if isinstance(self.evaluate, TaskEvaluation) and not self._doubted:
                self._say(self.evaluate.doubt(one, self._reward))

    def _say(self, doubt: str) -> None:
        if doubt and self.guard is not None and not self.guard.idle:
            self._doubted = True
            warnings.warn(doubt, RuntimeWarning, stacklevel=2)

    def _training(self) -> bool:
        """Whether completions are sampled for training just now, not for the trainer's own evaluation."""
        return self._model is None or bool(self._model.training)

    def _planned(self, args: TrainingArguments, state: TrainerState) -> int | None:
        """How many evaluations there will be, where the settings tell."""
        planned = self._scheduled(args, state)
        return planned + 1 if planned and self._early else planned  # one was made before the training

    def _scheduled(self, args: TrainingArguments, state: TrainerState) -> int | None:
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


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)

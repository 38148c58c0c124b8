"""Group relative policy optimisation of a code model, with rewards that are verified by running its programs.

Read it from `train` downwards. The algorithm is TRL's GRPOTrainer; where this recipe departs from TRL's defaults:

1. The loss is dr_grpo: no division by the length of a completion, hence no reward for being long or short (TRL: dapo).
2. No KL penalty and one update per batch of samples, as in TRL; the clipping of the ratio therefore never binds.
3. Learning rate 2e-4, constant: the embedded model is small and the run short (TRL: 1e-6, for billions of weights).
4. The order of problems is drawn before training, all epochs of it, so that a resumed run sees the same one.
5. Held-out evaluation is not TRL's: it has its own judge, takes no part in the reward, leaves the random state alone.
   It and the record are those of `HeldoutCallback`, so that this run is guarded as any other trainer's.
6. No gradient checkpointing: it would cost time for memory that a small model does not need.

What it is held to: a run repeats to the bit on a CPU with the same number of threads, and a run that was killed and
resumed ends with the same weights as one that was not.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging
from trl import GRPOConfig, GRPOTrainer

from datasets import Dataset
from heldout.callbacks.transformers import HeldoutCallback
from heldout.errors import UsageError
from heldout.evaluation.during import Evaluator
from heldout.evaluation.stops import default_stops
from heldout.evaluation.transformers import TransformersPolicy, load_policy
from heldout.findings import Finding, Severity
from heldout.live import Guard, On, Rules
from heldout.live.places import line_back
from heldout.live.schedule import Schedule
from heldout.ranks import as_torchrun, ranks
from heldout.rewards import NAMED, ExitStatus, Fraction, Own, Part, Score, Solved, parts_of
from heldout.sandbox import Limits, Sandbox, open_sandbox
from heldout.sandbox.base import limits_given
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.store.recorder import Recorder
from heldout.tasks import load_task
from heldout.tasks.comparing import compared_as
from heldout.tasks.contamination import contaminated, refuse
from heldout.tasks.problem import Problem, with_limits, with_wrong_tests
from heldout.text import counted
from heldout.train.acting import Acting, Training
from heldout.train.callbacks import Display, Oftener, Shown, Stop
from heldout.train.config import TrainConfig
from heldout.train.folders import in_turn, is_whole
from heldout.train.remedies import check_parts
from heldout.train.reward_model import RewardModel, fit_reward_model, labelled_samples
from heldout.train.rewards import RewardFunctions, least_of_right
from heldout.train.saved import checkpoint_of, newest_checkpoint
from heldout.train.trl_settings import adapter, require_vllm, trl_settings, updates_a_batch
from heldout.train.warm_start import WarmStart, warm_start

POLICY, REWARD_MODEL = "policy", "reward-model"  # folders of a run's directory
STOP = "stop"  # file of a run's directory that somebody makes to have it stop


def train(
    config: TrainConfig,
    directory: Path,
    *,
    resume: bool = False,
    back_to: int | None = None,
    console: Console | None = None,
) -> bool:
    """Train a policy, and record the run in a directory that `heldout report` reads.

    Parameters
    ----------
    config
        Every setting.
    directory
        Where the run is recorded: metrics, evaluations, completions, checkpoints, and the finished policy.
    resume
        Go on from the newest checkpoint of the run in the directory; from the start where it has none.
    back_to
        With `resume`: go on from the checkpoint of this step instead. What was recorded behind it is superseded, and
        later checkpoints are moved to ``left/``.
    console
        Where progress is shown; nowhere if none is given.

    Returns
    -------
    bool
        Whether all steps were taken; False when a signal or the guard stopped the run before.

    Raises
    ------
    UsageError
        When a setting does not fit the others, the machine or the task, or no checkpoint of `back_to` is whole.
    RecordError
        When the directory already holds a run and `resume` is not set, or another process is writing it.
    ContaminatedTask
        When a held-out problem is among the problems that are trained on.
    """
    os.environ.update(as_torchrun())
    if config.threads:
        torch.set_num_threads(config.threads)
    require_vllm(config)
    ready = prepared(config, directory)
    chosen = None if back_to is None else checkpoint_of(directory, back_to)
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        display = stack.enter_context(Display(console if console and ranks().first else Console(quiet=True)))
        for note in ready.notes:
            display.say(f"note: {note}")
        recorder = stack.enter_context(
            Recorder(directory, config=config.as_dict(), roles={"reward": "reward"}, resume=resume)
        )
        acting = Acting(
            config.remedies, On(config.stop_on), config.roll_backs, dry=config.acts != "apply", say=display.say
        )
        guard = stack.enter_context(_guard(ready, recorder, display, acting))
        sandbox = stack.enter_context(_sandbox(config, display))
        policy = load_policy(starting_policy(config, display), device="cpu", **sampling_of(config, ready.stops))
        if policy.tokenizer.pad_token is None:
            policy.tokenizer.pad_token = policy.tokenizer.eos_token
        policy.tokenizer.padding_side = "left"
        stop = Stop(ready.period, directory / STOP)
        observer, *others = _observers(ready, guard, policy, sandbox, display)
        rewards = _rewards(ready, policy, sandbox, display, stack)
        trainer = GRPOTrainer(
            model=policy.model.float(),
            reward_funcs=[observer.record_rewards(one) if config.record_every else one for one in rewards.functions],
            args=ready.settings,
            train_dataset=in_order(ready.problems, config),
            processing_class=policy.tokenizer,
            callbacks=[
                *([Oftener(ready.schedule, observer, guard)] if config.evaluate_calm else []),
                observer,
                *([acting] if config.remedies else []),
                *others,
                stop,
            ],
            peft_config=adapter(config),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.beta = config.kl  # what a remedy makes of it, for which TRL got ready, comes later
        acting.of(guard, Training(trainer, observer, rewards, _hidden(ready, sandbox), bool(config.record_every)))
        if chosen is not None:
            acting.sent_back_to(chosen)
        with stop.listening():
            trainer.train(resume_from_checkpoint=newest_checkpoint(directory, display.say) if resume else None)
            while acting.back_to is not None and not stop.asked:
                trainer.train(resume_from_checkpoint=acting.went_back())
        step = trainer.state.global_step
        if step >= config.steps:
            trainer.save_model(str(directory / POLICY))
        elif guard.should_stop:
            why = f"stopped by the guard at step {step} (stop_on = {config.stop_on})"
            back = guard.best and line_back(guard.best.absolute())
            display.say(
                f"{why}; the checkpoint to keep: {guard.best}" + (f"; to go back to it: {back}" if back else "")
            )
        recorder.close("finished" if step >= config.steps else "stopped")
        return bool(step >= config.steps)


@dataclass(frozen=True)
class Prepared:
    """What is known, and was not refused, before anything is written."""

    config: TrainConfig
    directory: Path  # of the run
    parts: Sequence[Part]  # of the reward
    own: Mapping[str, Score]  # those that are the user's
    problems: Sequence[Problem]  # that are trained on
    right: Sequence[Problem]  # the same ones, none of whose tests is wrong
    held_out: Sequence[Problem]
    stops: Sequence[str]  # at which completions are cut
    settings: GRPOConfig
    period: int  # steps that share one batch of completions
    schedule: Schedule  # of held-out evaluations, where there are any
    notes: Sequence[str]  # what has to be said of the task


def prepared(config: TrainConfig, directory: Path, processes: int = 0) -> Prepared:
    """Return what a run in a directory would be made of, in so many processes; 0 asks the environment."""
    parts = parts_of(config.reward)
    check_parts(config.remedies, [part.name for part in parts])
    own = {part.name: Own(part.name) for part in parts if part.name not in NAMED}
    loaded = load_task(config.task, columns=config.column, variant=config.variant)
    task = compared_as(loaded.read_as(config.extract), config.compare)
    notes = [*task.notes]
    if not config.allow_overlap:
        refuse(task)
    elif overlap := contaminated(task):
        notes.append(
            f"{counted(len(overlap), 'held-out problem')} occur among those that are trained on, which was allowed: "
            "the held-out score says less about new problems."
        )
    stops = [text for text in config.stop_sequences if text]
    if not config.stop_sequences:
        stops = list(default_stops(task.problems, chat=config.chat))
    settings = trl_settings(config, directory, [part.weight for part in parts], stops, processes)
    given = limits_given(config.as_dict())
    right = with_limits(task.split("train"), given)
    return Prepared(
        config=config,
        directory=directory,
        parts=parts,
        own=own,
        problems=with_wrong_tests(right, config.wrong_tests, config.seed),
        right=right,
        held_out=with_limits(task.split(config.evaluate_split), given)[: config.evaluate_problems]
        if config.evaluate_every
        else (),
        stops=stops,
        settings=settings,
        period=updates_a_batch(config, settings),
        schedule=Schedule(settings.max_steps, config.evaluate_every, config.evaluate_calm, config.evaluate_most),
        notes=notes,
    )


def _sandbox(config: TrainConfig, display: Display) -> Sandbox:
    sandbox = open_sandbox(
        config.sandbox,
        workers=config.workers or None,
        limits=Limits(**limits_given(config.as_dict())),
        packages=[one.strip() for one in config.packages.split(",")] if config.packages else None,
        where=config.where,
    )
    for note in sandbox.notes:
        display.say(f"note: {note}")
    return sandbox


def _guard(ready: Prepared, recorder: Recorder, display: Display, acting: Acting) -> Guard:
    """Return what judges the run, and says what it finds."""
    config = ready.config

    def say(finding: Finding) -> None:
        if finding.severity is not Severity.NOTICE:
            display.say(f"step {finding.step}: {finding.severity}: {finding.seen}")

    planned = ready.schedule.planned if config.evaluate_every else None
    rules = Rules(stop=On.NEVER if acting.decides_on_stopping else On(config.stop_on))
    return Guard(recorder, rules, planned=planned, on_finding=say, on_decision=acting.take)


def _rewards(
    ready: Prepared,
    policy: TransformersPolicy,
    sandbox: Sandbox,
    display: Display,
    stack: ExitStack,
) -> RewardFunctions:
    """Return the parts of the reward as TRL calls them."""
    workers = ready.config.workers or None
    named: dict[str, Callable[[], Score]] = {
        "tests": lambda: Solved(sandbox),
        "fraction": lambda: Fraction(sandbox),
        "exit-status": lambda: ExitStatus(stack.enter_context(ExitStatusJudge(workers, sandbox.limits))),
        "reward-model": lambda: _reward_model(ready, policy, sandbox, display),
    }
    by_id = {problem.id: problem for problem in ready.problems}
    scores = {part: ready.own.get(part.name) or named[part.name]() for part in ready.parts}
    return RewardFunctions(scores, by_id, ready.stops)


def _hidden(ready: Prepared, sandbox: Sandbox) -> dict[str, Callable[[], Score]]:
    """Return the rewards that remedies may mix in: by the task's own tests of the problems that are trained on."""
    right = {problem.id: problem for problem in ready.right}

    def judged(score: Score) -> Score:
        return lambda problems, completions: score([right[one.id] for one in problems], completions)

    return {"tests": lambda: judged(Solved(sandbox)), "fraction": lambda: judged(Fraction(sandbox))}


def _observers(
    ready: Prepared, guard: Guard, policy: TransformersPolicy, sandbox: Sandbox, display: Display
) -> tuple[HeldoutCallback, TrainerCallback]:
    """Return what records, measures and judges the run, and what shows how far it is."""
    config = ready.config
    held_out = Evaluator(
        ready.held_out,
        lambda model: TransformersPolicy(model, policy.tokenizer, **sampling_of(config, ready.stops)),
        sandbox,
        display.say,
        config.evaluate_samples,
        ready.settings.max_steps,
    )
    observer = HeldoutCallback(
        guard,
        evaluate=held_out if config.evaluate_every else None,
        every=ready.schedule.every if config.evaluate_every else 0,
        ends=True,
        rollouts=max(config.record_every, 1),
        record=config.record,
        task=ready.right if config.record_every else None,
        judge=config.judge,
        judge_cost=config.judge_cost,
        sandbox=sandbox,
        stops=ready.stops,
        rewarded_from=least_of_right(ready.parts),
    )
    return observer, Shown(display, held_out)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own bars and their warnings about each other off the terminal."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl|accelerate")
        try:
            yield
        finally:
            if shown:
                logging.enable_progress_bar()


def starting_policy(config: TrainConfig, display: Display) -> str:
    """Return the folder or name of the policy that training starts from."""
    if config.model != "embedded":
        return config.model
    if config.task != "embedded":
        raise UsageError(
            f"The embedded model knows only the embedded task, not {config.task!r}; give a model that writes Python, "
            "such as --model Qwen/Qwen2.5-Coder-0.5B."
        )
    wanted = WarmStart(config.warm_steps, seed=config.seed, trick=config.trick, chance=config.trick_chance)
    return str(in_turn(lambda: warm_start(wanted, display.stage)))


def sampling_of(config: TrainConfig, stops: Sequence[str]) -> dict[str, Any]:
    """Return how the policy is sampled where it is evaluated: as in training."""
    return {
        "temperature": config.temperature,
        "max_new_tokens": config.max_tokens,
        "seed": config.seed,
        "chat": config.chat,
        "stop": stops,
    }


def in_order(problems: Sequence[Problem], config: TrainConfig) -> Dataset:
    """Return the problems in the order in which they are trained on: all steps of it, one shuffle after another."""
    asked = [[{"role": "user", "content": one.prompt}] if config.chat else one.prompt for one in problems]
    rows = Dataset.from_dict({"prompt": asked, "problem": [one.id for one in problems]})
    rng = random.Random(f"heldout order {config.seed}")
    order: list[int] = []
    while len(order) < config.steps * config.prompts:
        order += rng.sample(range(len(problems)), len(problems))
    return rows.select(order[: config.steps * config.prompts])


def _reward_model(ready: Prepared, policy: TransformersPolicy, sandbox: Sandbox, display: Display) -> RewardModel:
    """Return the run's reward model; it is fitted once, and kept with the run."""
    config, folder = ready.config, ready.directory / REWARD_MODEL

    def fit() -> Path:
        if not is_whole(folder):
            problems = ready.problems[: config.labelled_problems]
            labelled = labelled_samples(policy, problems, config.labelled_samples, sandbox)
            start = policy.model.name_or_path
            told = fit_reward_model(start, labelled, folder, config.label_epochs, config.seed, display.stage)
            display.say(f"reward model: AUC {told:.2f} on samples that it was not fitted to, of {len(labelled)} in all")
        return folder

    return RewardModel(in_turn(fit))

"""The runs of a comparison, judged: the checkpoint each would keep, how it ended, and whether its numbers count."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heldout.compare.groups import Group
from heldout.compare.lost import LOST, is_lost
from heldout.compare.model import Life, Member, Track
from heldout.copies import copies, original_of
from heldout.errors import UsageError
from heldout.findings import Estimate, Verdict
from heldout.remote.index import here
from heldout.run import Evaluation, Run
from heldout.settings import all_settings, as_compared
from heldout.store.writer import writer_of
from heldout.text import sentence_list

# What plans the steps of a training, the surest name first, and what it may stand under.
_PLANNED = ("total_training_steps", "num_train_steps", "train_steps", "max_steps", "total_steps", "steps")
_TRAINERS = frozenset({"trainer", "train", "training", "args", "config", "training_args", "algorithm", "grpo", "ppo"})
_WHOLE = 0.9  # of the planned steps, or of the longest run: what ends before ended early
_ENDED = {Life.FAILED: "it failed", Life.EARLY: "it ended early"}


@dataclass(frozen=True, eq=False)
class Judged:
    """A run with its verdict, as one of the runs of a recipe."""

    run: Run
    verdict: Verdict
    evaluations: tuple[Evaluation, ...]  # of the score that is compared, in order of steps
    life: Life
    counted: bool = True
    why: str = ""
    seed: str = ""
    copy_of: str = ""  # the run that has all its measurements; a copy is no seed

    @property
    def keep(self) -> Estimate | None:
        """The checkpoint to keep; without a verdict on that the last evaluation, None without any."""
        if self.verdict.recommended is not None or not self.evaluations:
            return self.verdict.recommended
        last = self.evaluations[-1]
        return Estimate(last.step, last.rate, math.nan, math.nan)

    def at_step(self, step: int | None) -> Evaluation | None:
        """The evaluation at a step; None where there is none."""
        return next((one for one in self.evaluations if one.step == step), None)

    @property
    def track(self) -> Track:
        """The steps and scores of all evaluations, shape (K,) each."""
        steps, scores = ([getattr(one, name) for one in self.evaluations] for name in ("step", "score"))
        return np.array(steps, dtype=np.float64), np.array(scores, dtype=np.float64)

    @property
    def told(self) -> Member:
        """What a comparison says of it."""
        keep, scores = self.keep, [one.score for one in self.evaluations]
        at_keep = self.at_step(keep.step) if keep else None
        return Member(
            name=self.run.name,
            source=self.run.source,
            seed=self.seed,
            state=self.verdict.state.value,
            label=self.verdict.label,
            evaluations=len(self.evaluations),
            last_step=self.evaluations[-1].step if self.evaluations else None,
            keep_step=keep.step if keep else None,
            keep=None if keep is None or at_keep is None else scored(at_keep, keep.estimate),
            raw_maximum=max(scores, default=None),
            life=self.life,
            counted=self.counted,
            why=self.why,
            copy_of=self.copy_of,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A recipe with its runs judged."""

    name: str
    by: str
    runs: tuple[Judged, ...]

    @property
    def counted(self) -> tuple[Judged, ...]:
        """The runs whose numbers count."""
        return tuple(run for run in self.runs if run.counted)

    @property
    def left_out(self) -> tuple[Judged, ...]:
        """The seeds that ended early, or were never evaluated."""
        return tuple(run for run in self.seeds if not run.counted)

    @property
    def seeds(self) -> tuple[Judged, ...]:
        """The runs that are copies of no other."""
        return tuple(run for run in self.runs if not run.copy_of)

    def with_all(self, runs: Sequence[Judged]) -> Side:
        """Return the side as if these of its runs, and no others, counted."""
        return replace(self, runs=tuple(replace(run, counted=True) for run in runs))


def judged(group: Group, benchmark: str | None, verdict_of: Callable[[Run], Verdict]) -> Side:
    """Judge every run of a recipe, and find copies and those that ended early; where all did, all count.

    A UsageError where a run has no such benchmark.
    """
    runs = [
        replace(_judged(_with_benchmark(run, benchmark), verdict_of), seed=seed)
        for run, seed in zip(group.runs, group.seeds, strict=True)
    ]
    longest = max((_last(one.run) for one in runs), default=0)
    told = _without_copies([_as_counted(one, longest) for one in runs])
    if not any(one.counted and one.evaluations for one in told):
        told = [replace(one, counted=bool(one.evaluations) and not one.copy_of) for one in told]
    return Side(group.name, group.by, tuple(told))


def scored(evaluation: Evaluation, rate: float) -> float:
    """Return a rate as it is judged, of the score that an evaluation is of."""
    return replace(evaluation, rate=rate).score


def _with_benchmark(run: Run, benchmark: str | None) -> Run:
    if benchmark is None or is_lost(run):
        return run
    keys = (benchmark, f"eval/{benchmark}/pass@1")
    found = next((key for key in keys if key in run.metrics), None)
    if found is None:
        known = [key.removeprefix("eval/").removesuffix("/pass@1") for key in run.held_out_scores()]
        has = f"it has {sentence_list(known[:6])}" if known else "it has no held-out score"
        raise UsageError(f"{run.name} has no benchmark {benchmark!r}; {has}.")
    return replace(run, roles={**run.roles, "held_out": found})


def _judged(run: Run, verdict_of: Callable[[Run], Verdict]) -> Judged:
    return Judged(run, verdict_of(run), tuple(run.evaluations()), _life(run))


def _life(run: Run) -> Life:
    """How a run ended: by the last word of what wrote it, else by the steps that were planned."""
    writer = writer_of(here(run.source))
    if writer is not None and writer.alive() and not writer.last_word:
        return Life.GOES_ON
    if writer is not None and writer.last_word == "failed":
        return Life.FAILED
    planned = _planned(run)
    if planned is not None:
        return Life.FINISHED if _last(run) >= _WHOLE * planned - 1 else Life.EARLY
    return Life.FINISHED if writer is not None and writer.last_word == "finished" else Life.UNKNOWN


def has_ended(run: Run) -> bool:
    """Whether what wrote a run has said its last word, or its log ends at the last step planned; False else."""
    writer = writer_of(here(run.source))
    if writer is not None and (writer.last_word or writer.alive() is not None):
        return bool(writer.last_word) or not writer.alive()
    return bool(len(run.steps)) and _last(run) == _planned(run)


def _planned(run: Run) -> int | None:
    """How many steps the trainer's own settings plan; None where they do not say.

    An environment and an evaluation have steps, too; a plan that the training has passed is none of it.
    """
    found = [
        (_PLANNED.index(last), int(as_compared(text)))
        for key, text in all_settings(run.config).items()
        for *above, last in [re.split(r"[/.]", key.lower())]
        if last in _PLANNED and _TRAINERS.issuperset(above) and re.fullmatch(r"[1-9]\d{0,11}", as_compared(text))
    ]
    return min((one for one in found if one[1] >= _WHOLE * _last(run)), default=(0, None))[1]


def _last(run: Run) -> int:
    steps = run.steps
    return int(steps[-1]) if len(steps) else 0


def _without_copies(runs: Sequence[Judged]) -> list[Judged]:
    """Do not count a run that has no measurement which another has not: a copy is no other seed."""
    found = copies([(one.run, one.evaluations) for one in runs])
    return [_as_copy(one, runs[found[k]].run) if k in found else one for k, one in enumerate(runs)]


def _as_copy(one: Judged, of: Run) -> Judged:
    name = original_of(one.run, of)
    return replace(one, counted=False, copy_of=name, why=f"it has the same measurements as {name}")


def _as_counted(one: Judged, longest: int) -> Judged:
    short = one.life is Life.UNKNOWN and _last(one.run) < _WHOLE * longest - 1
    life = Life.EARLY if short else one.life
    if not one.evaluations:
        why = LOST if is_lost(one.run) else "it has no held-out evaluation"
        return replace(one, life=life, counted=False, why=why)
    if life in _ENDED:
        where = f"{_ENDED[life]}, at step {_last(one.run)}"
        return replace(one, life=life, counted=False, why=where)
    return replace(one, life=life)

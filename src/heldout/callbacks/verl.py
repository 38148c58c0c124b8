"""The guard in verl: trainers that verl's configuration can name.

    VERL_USE_EXTERNAL_MODULES=heldout.callbacks.verl python -m verl.trainer.main_ppo \
        trainer.v1.trainer_mode=heldout_sync +trainer.heldout.where=runs/a +trainer.heldout.rules.stop=confirmed …

verl's list of loggers is closed, its list of trainers is open. ``heldout_sync``, ``heldout_colocate_async`` and
``heldout_separate_async`` are verl's own trainers of these names with one more logger in their `Tracking`. That one
lives in verl's driver process, takes what verl logs, and the outcomes of single problems out of
``trainer.validation_data_dir``.

What it cannot see: the outcomes of an evaluation before the next step, as verl writes them meanwhile.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any

from heldout.callbacks.base import GuardedRun
from heldout.errors import MissingExtra, ReadError, UsageError
from heldout.live import On, Rules
from heldout.live.alerts import alert_of
from heldout.readers import judged_samples
from heldout.readers.source import Source

try:
    from omegaconf import OmegaConf
    from verl.trainer.ppo.v1 import PPOTrainerColocateAsync, PPOTrainerSeparateAsync, PPOTrainerSync, register_trainer
except ImportError as error:
    text = f"heldout.callbacks.verl needs verl 0.9 or later with what its trainers need, and this failed: {error}."
    raise MissingExtra(f"{text} Run: pip install 'verl[verl-core]'") from error

NAME = "heldout"  # of the logger in `Tracking.logger`, and of the settings below ``trainer``
QUIET = 1.0  # seconds after which a file that has not changed is whole
NEVER = -1.0  # how long ago a file was changed that is not there


@dataclass(frozen=True, slots=True)
class Settings:
    """What stands below ``trainer.heldout``; `planned` is found from verl's settings if not given."""

    where: str  # the run's directory; gone on with when verl resumes
    rules: Mapping[str, Any] = field(default_factory=dict)  # as for `heldout.live.Rules`
    planned: int | None = None
    margin: float | None = None  # as for `heldout.live.Guard`
    problems: int | None = None  # of an evaluation, where verl writes no outcomes
    samples: int | None = None  # of each of them, where the name of the score does not say
    roles: Mapping[str, str] | None = None
    alerts: tuple[str, ...] = ()  # as for ``heldout watch --alert``

    @classmethod
    def of(cls, config: Any) -> Settings:
        """Return those of a configuration of verl; where they are missing, or one does not exist, a UsageError."""
        given = OmegaConf.to_container(config.trainer.get(NAME) or OmegaConf.create(), resolve=True)
        _refuse_unknown(given, cls, f"trainer.{NAME}")
        if not given.get("where"):
            raise UsageError(f"trainer.{NAME}.where is missing; give a directory: +trainer.{NAME}.where=runs/NAME.")
        return cls(**{**given, "alerts": tuple(given.get("alerts", ()))})

    def checked_rules(self) -> Rules:
        """Return the rules; refuse what it does not have, and what verl does not do."""
        _refuse_unknown(self.rules, Rules, f"trainer.{NAME}.rules")
        rules = Rules(**self.rules)
        if rules.evaluate is not On.NEVER:
            told = f"trainer.{NAME}.rules.evaluate is {rules.evaluate}"
            raise UsageError(f"{told}; leave it out, for verl evaluates every test_freq steps.")
        return rules


def _refuse_unknown(given: Mapping[str, Any], kind: Any, where: str) -> None:
    known = [one.name for one in fields(kind)]
    for key in given:
        if key not in known:
            raise UsageError(f"{where}.{key} does not exist; there are {', '.join(known)}.")


class Logger(GuardedRun):
    """One more logger for verl's `Tracking`: records what it is given, judges it, and ends the training if asked to.

    A training that goes on from the checkpoint of step `begun` goes on with the run that was recorded up to there: what
    an earlier process did not live to record of it, although verl has written it, is taken in.
    """

    def __init__(self, trainer: Any, settings: Settings, *, begun: int) -> None:
        alerts = [alert_of(one) for one in settings.alerts]
        super().__init__(
            settings.where,
            settings.checked_rules(),
            planned=settings.planned,
            margin=settings.margin,
            problems=settings.problems,
            samples=settings.samples,
            roles=settings.roles,
            alerts=alerts,
        )
        told = OmegaConf.to_container(trainer.config, resolve=True)
        self.begin(resume=begun > 0, rank=0, config=told, planned=_planned(trainer))
        config = trainer.config.trainer
        self.trainer = trainer
        self._saved = Path(config.default_local_dir)
        self._outcomes = Path(config.validation_data_dir) if config.validation_data_dir else None
        self._awaited: list[Path] = []  # files that verl may still be writing
        self._repeated: int | None = None  # a step that is recorded already, and which verl measures again
        if begun:
            self._go_on(begun)

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Take in the metrics of a step, and the outcomes of earlier ones; called by `Tracking`."""
        self._take_outcomes(QUIET)
        if step == self._repeated:
            return
        self.step(step, data)
        self._take_checkpoint(step)
        if self._outcomes and any(str(key).startswith("val-") for key in data):
            self._awaited.append(self._outcomes / f"{step}.jsonl")
        if self._stop:
            self.trainer.total_training_steps = step  # verl ends after its last step

    def close(self) -> None:
        """Take in the outcomes that were still being written, and end the record."""
        failed = sys.exception() is not None
        # at its end verl waits for its files, and what is not there never comes; where it fails it does not wait
        self._take_outcomes(QUIET if failed else NEVER)
        self.end("failed" if failed else "stopped" if self._stop else "finished")

    def _go_on(self, begun: int) -> None:
        """Take in what is there up to the step of the checkpoint, and is not recorded: its process was killed."""
        assert self.guard is not None
        run = self.guard.run
        if begun not in self.guard.saved.existing:
            self._take_checkpoint(begun)
        if run is None:
            return
        recorded, again = begun in run.steps, _measures_first(self.trainer.config)
        self._repeated = begun if recorded else None
        if self._outcomes:
            known = max((one.step for one in run.measured), default=-1)
            there = {int(path.stem): path for path in self._outcomes.glob("*.jsonl") if path.stem.isdecimal()}
            last = begun if recorded or not again else begun - 1
            self._awaited = [there[step] for step in sorted(there) if known < step <= last]

    def _take_checkpoint(self, step: int) -> None:
        """Take note of the checkpoint of a step, if there is one."""
        assert self.guard is not None
        weights = self._saved / f"global_step_{step}" / "actor"  # what verl prunes; the folder above it stays
        if weights.is_dir():
            self.guard.checkpoint(step, weights)

    def _take_outcomes(self, quiet: float) -> None:
        """Take in the files that are whole, in order of steps."""
        assert self.guard is not None
        while self._awaited and _untouched(self._awaited[0]) >= quiet:
            path = self._awaited.pop(0)
            try:
                logs = judged_samples.read(Source(path)) or []
            except (ReadError, OSError) as error:
                warnings.warn(f"The outcomes in {path} could not be read: {error}", RuntimeWarning, stacklevel=3)
                continue
            for evaluation in chain.from_iterable(log.measured for log in logs):
                self.take(self.guard.evaluated(evaluation))


def _untouched(path: Path) -> float:
    """How many seconds ago a file was changed; `NEVER` where there is none yet."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return NEVER


def _planned(trainer: Any) -> int | None:
    """How many evaluations there will be, where the settings tell."""
    config = trainer.config.trainer
    steps, every = int(trainer.total_training_steps), int(config.test_freq)
    if every <= 0:
        return None
    return max(1, -(-steps // every) + _measures_first(trainer.config))


def _measures_first(config: Any) -> bool:
    """Whether verl validates before the first step, also where it goes on from a checkpoint."""
    return bool(config.trainer.get("val_before_train", True))


class _Watched:
    """What is added to a trainer of verl: a logger, as soon as there is a `Tracking` that it can be part of."""

    mode = ""

    def __init__(self, config: Any) -> None:
        self.settings = Settings.of(config)
        self.settings.checked_rules()
        config.trainer.v1.trainer_mode = self.mode  # verl looks up its own settings by its own name
        super().__init__(config)  # type: ignore[call-arg]
        self._ours: Logger | None = None
        self._begun = 0

    def fit(self, *given: Any, **named: Any) -> None:
        self._begun = self.global_steps  # type: ignore[attr-defined]
        try:
            super().fit(*given, **named)  # type: ignore[misc]
        finally:
            if self._ours is not None:
                self._ours.close()

    def on_validate_begin(self) -> None:
        self._attach()
        super().on_validate_begin()  # type: ignore[misc]

    def on_train_begin(self) -> None:
        self._attach()
        super().on_train_begin()  # type: ignore[misc]

    def _attach(self) -> None:
        if self._ours is None:
            self._ours = self.logger.logger[NAME] = Logger(self, self.settings, begun=self._begun)  # type: ignore[attr-defined]


@register_trainer("heldout_sync")
class HeldoutSync(_Watched, PPOTrainerSync):  # type: ignore[misc]
    """verl's trainer ``sync``, watched."""

    mode = "sync"


@register_trainer("heldout_colocate_async")
class HeldoutColocateAsync(_Watched, PPOTrainerColocateAsync):  # type: ignore[misc]
    """verl's trainer ``colocate_async``, watched."""

    mode = "colocate_async"


@register_trainer("heldout_separate_async")
class HeldoutSeparateAsync(_Watched, PPOTrainerSeparateAsync):  # type: ignore[misc]
    """verl's trainer ``separate_async``, watched."""

    mode = "separate_async"

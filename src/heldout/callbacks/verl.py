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


@dataclass(frozen=True, slots=True)
class Settings:
    """What stands below ``trainer.heldout``; `planned` is found from verl's settings if not given."""

    where: str  # the run's directory; gone on with when verl resumes
    rules: Mapping[str, Any] = field(default_factory=dict)  # as for `heldout.live.Rules`
    planned: int | None = None
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
    """One more logger for verl's `Tracking`: records what it is given, judges it, and ends the training if asked to."""

    def __init__(self, trainer: Any, settings: Settings, *, resume: bool) -> None:
        alerts = [alert_of(one) for one in settings.alerts]
        super().__init__(
            settings.where,
            settings.checked_rules(),
            planned=settings.planned,
            problems=settings.problems,
            samples=settings.samples,
            roles=settings.roles,
            alerts=alerts,
        )
        told = OmegaConf.to_container(trainer.config, resolve=True)
        self.begin(resume=resume, rank=0, config=told, planned=_planned(trainer))
        config = trainer.config.trainer
        self.trainer = trainer
        self._saved = Path(config.default_local_dir)
        self._outcomes = Path(config.validation_data_dir) if config.validation_data_dir else None
        self._awaited: list[Path] = []  # files that verl may still be writing

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Take in the metrics of a step, and the outcomes of earlier ones; called by `Tracking`."""
        assert self.guard is not None
        self._take_outcomes(QUIET)
        self.step(step, data)
        weights = self._saved / f"global_step_{step}" / "actor"  # what verl prunes; the folder above it stays
        if weights.is_dir():
            self.guard.checkpoint(step, weights)
        if self._outcomes and any(str(key).startswith("val-") for key in data):
            self._awaited.append(self._outcomes / f"{step}.jsonl")
        if self._stop:
            self.trainer.total_training_steps = step  # verl ends after its last step

    def close(self) -> None:
        """Take in the outcomes that were still being written, and end the record."""
        self._take_outcomes(quiet=0.0)
        self.end("failed" if sys.exception() else "stopped" if self._stop else "finished")

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
    """How many seconds ago a file was changed; less than nothing where there is none yet."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return -1.0


def _planned(trainer: Any) -> int | None:
    """How many evaluations there will be, where the settings tell."""
    config = trainer.config.trainer
    steps, every = int(trainer.total_training_steps), int(config.test_freq)
    if every <= 0:
        return None
    return max(1, -(-steps // every) + bool(config.get("val_before_train", True)))


class _Watched:
    """What is added to a trainer of verl: a logger, as soon as there is a `Tracking` that it can be part of."""

    mode = ""

    def __init__(self, config: Any) -> None:
        self.settings = Settings.of(config)
        self.settings.checked_rules()
        config.trainer.v1.trainer_mode = self.mode  # verl looks up its own settings by its own name
        super().__init__(config)  # type: ignore[call-arg]
        self._ours: Logger | None = None
        self._resumed = False

    def fit(self, *given: Any, **named: Any) -> None:
        self._resumed = self.global_steps > 0  # type: ignore[attr-defined]
        try:
            super().fit(*given, **named)  # type: ignore[misc]
        finally:
            if self._ours is not None:
                self._ours.close()

    def on_validate_begin(self) -> None:
        if not self._resumed:  # else what comes before the first step repeats an evaluation of the run
            self._attach()
        super().on_validate_begin()  # type: ignore[misc]

    def on_train_begin(self) -> None:
        self._attach()
        super().on_train_begin()  # type: ignore[misc]

    def _attach(self) -> None:
        if self._ours is None:
            self._ours = self.logger.logger[NAME] = Logger(self, self.settings, resume=self._resumed)  # type: ignore[attr-defined]


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

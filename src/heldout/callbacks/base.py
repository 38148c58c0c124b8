"""What the callbacks of all trainers share: they open a run's record and its guard, take decisions, and close both."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

from heldout.callbacks.beginning import Past, place_for
from heldout.detectors.base import Detector
from heldout.errors import RecordError, UsageError
from heldout.findings import Finding
from heldout.live import Decision, Guard, Rules
from heldout.live.alerts import Alert
from heldout.readers.roles import Options
from heldout.readers.sizes import SAMPLES, SIZE
from heldout.store.recorder import Recorder
from heldout.store.writer import LastWord

_OPEN: weakref.WeakSet[GuardedRun] = weakref.WeakSet()  # runs that this process has begun and not ended


class GuardSettings(TypedDict, total=False):
    """The keywords that a callback hands on to `heldout.live.Guard`, which says what they mean."""

    planned: int | None
    margin: float | None
    detectors: Sequence[Detector] | None
    roles: Mapping[str, str] | None
    alerts: Sequence[Alert]
    on_finding: Callable[[Finding], None] | None


class RunSettings(GuardSettings, total=False):
    """What a callback is told besides: of an evaluation whose outcomes are not told one by one."""

    problems: int | None
    samples: int | None  # of each problem


class GuardedRun:
    """The run of a trainer, recorded and judged; a callback tells it what its hooks are told.

    Parameters
    ----------
    where
        The run's directory, or a guard of one's own, which the callback does not close. A directory that holds a run
        is gone on with when the trainer resumes from a checkpoint. Otherwise the run begins anew there if it was broken
        off, by these settings, before there was a checkpoint, or by this callback; a further training of a callback
        whose last one has ended is recorded beside it, in ``-2``; and any other directory with a run is refused.
    rules
        What to do, and from which finding on. Going back also stops the training; ``rollback.json`` says where to.
    **settings
        `problems` and `samples` (of each) of an evaluation whose outcomes are not told one by one: both are recorded as
        settings of the run, so that whoever reads it knows them. `planned`, `margin`, `detectors`, `roles`, `alerts`
        and `on_finding`, as for `heldout.live.Guard`.

    Attributes
    ----------
    guard
        None before the training has begun.

    Raises
    ------
    UsageError
        When there is no such setting, a guard would refuse it, or it is given beside a guard, which has its own.
    """

    def __init__(
        self, where: str | os.PathLike[str] | Guard, rules: Rules = Rules(), **settings: Unpack[RunSettings]
    ) -> None:
        known = RunSettings.__annotations__
        for name in settings:
            if name not in known:
                raise UsageError(f"{name} is no setting of a guard; there are {', '.join(known)}.")
            if isinstance(where, Guard):
                raise UsageError(f"{name} is given beside a guard, which has its own; give it to the guard.")
        sizes = Options(problems=settings.get("problems"), samples=settings.get("samples"))
        if not isinstance(where, Guard):
            # what that of `begin` would refuse is refused before there is a directory
            Guard(rules=_before(where, rules), **_of_guard(settings))
        self.guard = where if isinstance(where, Guard) else None
        self.rules = where.rules if isinstance(where, Guard) else rules
        self._directory = None if isinstance(where, Guard) else Path(where)
        self._settings = settings
        self._sizes = {SIZE: sizes.problems, SAMPLES: sizes.samples}  # by the settings under which they are recorded
        self._recorder: Recorder | None = None  # one that is ours to close
        self._past, self._thread = Past.NOTHING, 0
        self._last_word: LastWord = "finished"
        self._stop = self._evaluate = False  # what the guard has asked for

    def begin(
        self, *, resume: bool, rank: int, config: Mapping[str, Any] | None = None, planned: int | None = None
    ) -> None:
        """Open the record and the guard, unless one was given; `planned` counts where the user said nothing."""
        self._stop = self._evaluate = False
        if self._directory is None:
            return
        known = {name: value for name, value in self._sizes.items() if value is not None}
        about, where, said = {**(config or {}), **known}, self._directory, ""
        if self._recorder is not None and resume:
            where = self._recorder.directory  # that of the last training, which may be beside
        self._break_off(where)
        if rank == 0 and not resume:
            where, resume, said = place_for(where, self._past, about)
        self._recorder = Recorder(where, config=about, resume=resume, rank=rank)
        settings = _of_guard({**self._settings, "planned": self._settings.get("planned") or planned})
        self.guard = Guard(self._recorder, self.rules, **settings)
        self._past, self._thread = Past.BROKEN_OFF, threading.get_ident()  # until it ends
        _OPEN.add(self)
        if said:
            warnings.warn(said, RuntimeWarning, stacklevel=2)

    def _break_off(self, where: Path) -> None:
        """Close what was begun in this directory and never ended, by an error or Ctrl-C; also another callback's.

        A thread does one training after the other, so that the other one's is no longer going on.
        """
        for run in list(_OPEN):
            here = run._recorder is not None and run._recorder.directory.absolute() == where.absolute()
            if run is self or (here and run._thread == threading.get_ident()):
                if here:
                    self._past = Past.BROKEN_OFF
                run._close("stopped")

    def evaluation(self, step: int, **outcomes: Any) -> Decision:
        """Take in a held-out measurement; arguments as for `heldout.live.Guard.evaluation`.

        Raises
        ------
        UsageError
            When the training has not begun.
        """
        if self.guard is None:
            raise UsageError("The training has not begun, so there is no run that this evaluation belongs to.")
        return self.take(self.guard.evaluation(step, **outcomes))

    def step(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Take in the metrics of a step; those from before the training belong to no run.

        What comes after its end is recorded as well, unless somebody else writes the directory by then.
        """
        if self.guard is None:
            return
        if self._recorder is None or self in _OPEN:
            self.take(self.guard.step(step, metrics))
            return
        try:
            self._recorder.reopen()
        except (RecordError, OSError) as error:
            warnings.warn(f"The metrics of step {step} could not be recorded: {error}", RuntimeWarning, stacklevel=2)
            return
        self.guard.step(step, metrics)
        self._recorder.close(self._last_word)

    def take(self, decision: Decision) -> Decision:
        """Note what the guard asks for, until the trainer can be told."""
        self._stop = self._stop or decision.stop or decision.roll_back_to is not None
        self._evaluate = self._evaluate or decision.evaluate
        return decision

    def rewind(self) -> None:
        """Say that the training goes back within this process; whatever was asked for before is off."""
        self._stop = self._evaluate = False
        if self.guard is not None:
            self.guard.rewind()

    def say(self, text: str) -> None:
        """Warn of what the user should know at the start, and write it down; in rank 0 alone."""
        if self.guard is not None and not self.guard.idle:
            self.guard.note(text)
            warnings.warn(text, UserWarning, stacklevel=3)

    def end(self, last_word: LastWord = "finished") -> None:
        """Close what `begin` opened; the record says how the run ended."""
        self._past, self._last_word = Past.ENDED, last_word
        self._close(last_word)

    def _close(self, last_word: LastWord) -> None:
        _OPEN.discard(self)
        if self._recorder is not None and self.guard is not None:
            self.guard.close()
            self._recorder.close(last_word)


def _of_guard(settings: RunSettings) -> GuardSettings:
    """Return those of the settings that are a guard's."""
    return cast(
        GuardSettings, {name: value for name, value in settings.items() if name in GuardSettings.__annotations__}
    )


def _before(where: str | os.PathLike[str], rules: Rules) -> Rules:
    """Return the rules without a stop file whose folder is the run's own, which is not there yet."""
    own = isinstance(rules, Rules) and bool(rules.stop_file) and Path(rules.stop_file).parent == Path(where)
    return replace(rules, stop_file="") if own else rules

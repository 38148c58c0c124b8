"""The guard: a run is recorded, judged and acted upon while it goes on.

Covered: every step and evaluation that it is told of, by the detectors of the report and with the same findings; a run
that is killed and resumed, or goes back; several processes, of which only rank 0 does anything; detectors, callbacks
and receivers of alerts that fail.
Not covered: what the trainer does not tell it; weights that are no longer on the disk; a process that is killed
between an evaluation and the guard's next call (the finding is made when the run is resumed).
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from heldout.detectors import Detectors
from heldout.detectors.base import Detector
from heldout.diagnosis.first_screen import as_text, first_screen
from heldout.diagnosis.recommendation import Kept, checkpoint_to_keep
from heldout.diagnosis.verdict import judge
from heldout.errors import UsageError
from heldout.findings import Finding, Verdict
from heldout.judged import Judged
from heldout.live.actor import Actor, Memory
from heldout.live.alerts import Alert
from heldout.live.fold import LogFold
from heldout.live.places import Saved, line_back
from heldout.live.posted import Posted
from heldout.live.pulse import Pulse, Watchdog, silence
from heldout.live.rules import Decision, Rules, decide
from heldout.live.schedule import suspected
from heldout.metrics import checked_roles
from heldout.ranks import ranks
from heldout.readers import run_directory
from heldout.readers.restarts import GrowingLog
from heldout.run import Evaluation, Run
from heldout.store.recorder import Recorder


class Guard:
    """Watches one run: records what it is told, and decides by the rules what is to be done.

    Parameters
    ----------
    recorder
        Where the run is recorded; what its directory holds already is part of the run. Without one nothing is kept.
    rules
        What to do, and from which finding on. By default findings are recorded and alerts sent, nothing else.
    planned
        How many evaluations the whole run will have. Without it the error is spread over an endless run, which sees
        less.
    margin
        Largest change per quarter of the run that counts as level: in points of a share, in percent of a score
        read on the log scale, in the unit of any other; if not given 2 points, or by the score's noise and gain.
    detectors
        What to look for beside a fall of the held-out score; all of them if not given.
    roles
        Which metric plays which part, where names do not tell and the recorder was not told; they are recorded.
    alerts
        Whom to tell.
    on_finding
        Called with each new finding.
    on_decision
        Called with each decision that has news.

    Attributes
    ----------
    should_stop
        Whether the rules have asked for the run to stop since this process began, or went back.
    kept
        The checkpoint to keep, by what is known now; None before there are evaluations enough.
    failures
        How often something went wrong inside; each kind is warned of once.

    Raises
    ------
    UsageError
        When an argument is not what it must be. Once it has started, the guard raises nothing.

    Examples
    --------
    >>> from heldout.live import On
    >>> guard = Guard(rules=Rules(stop=On.CONFIRMED), planned=20)
    >>> guard.step(1, {"reward": 0.25}).stop
    False
    """

    def __init__(
        self,
        recorder: Recorder | None = None,
        rules: Rules = Rules(),
        *,
        planned: int | None = None,
        margin: float | None = None,
        detectors: Sequence[Detector] | None = None,
        roles: Mapping[str, str] | None = None,
        alerts: Sequence[Alert] = (),
        on_finding: Callable[[Finding], None] | None = None,
        on_decision: Callable[[Decision], None] | None = None,
    ) -> None:
        if not isinstance(rules, Rules):
            raise UsageError(f"rules is {rules!r}; it must be Rules of heldout.live, such as Rules(stop='confirmed').")
        if planned is not None and (not isinstance(planned, int) or isinstance(planned, bool) or planned < 1):
            raise UsageError(f"planned is {planned!r}; it must be a number of evaluations from 1, or None if unknown.")
        self.recorder, self.rules, self.planned = recorder, rules, planned
        self.should_stop, self.failures = False, 0
        self.kept: Kept | None = None
        self._on_decision = on_decision
        self._protected: frozenset[int] = frozenset()
        self.idle = not recorder.writes if recorder else not ranks().first
        self._warned: set[str] = set()
        self._begins = True  # the next metrics are the first of a piece of training
        folder = recorder.directory if recorder and not self.idle else None
        self._posted = Posted(folder)
        before = run_directory.recorded(folder) if folder else None
        self.saved = Saved(before.checkpoints if before else {})
        asked = Detectors.planned(planned, detectors, margin)
        told = None if roles is None else checked_roles(roles)
        if recorder and told is not None:
            recorder.record_roles(told)  # whoever reads the run later is to judge the same columns
        log = GrowingLog(before, told)
        self._fold = LogFold(log, asked, self._complain)
        name = recorder.directory.name if recorder else ""
        self._pulse = Pulse()
        self._watchdog = Watchdog(self._pulse, self._stalled)
        self._actor = Actor(
            *((Rules(), ()) if self.idle else (rules, alerts)),
            Memory(folder),
            on_finding=on_finding,
            name=name,
            host=platform.node(),
        )
        if not self.idle:
            settings = {"rules": rules.as_dict(), "planned": planned, "detectors": [repr(one) for one in asked]}
            self._actor.write({"what": "start", **settings, "alerts": [repr(alert) for alert in alerts]})
        if before and len(before.step):
            self._fold.anew()
        self._look_again()

    def step(self, step: int, metrics: Mapping[str, Any] | None = None, /, **more: Any) -> Decision:
        """Take in the metrics of one step; arguments as for `Recorder.log`.

        Returns
        -------
        Decision
            What is new, and what is to be done.
        """
        told = {**metrics, **more} if metrics else more
        if self.idle:
            return Decision()
        if self.recorder:
            self.recorder.log(step, told)
        return self._safely(f"step {step!r}", lambda: self._metrics(step, told), step=True)

    def evaluation(
        self,
        step: int,
        *,
        problems: Sequence[str],
        passed: Sequence[float],
        samples: int | Sequence[int] = 1,
        benchmark: str = "held-out",
        **also: Any,
    ) -> Decision:
        """Take in a held-out measurement, problem by problem; arguments as for `Recorder.evaluation`.

        Returns
        -------
        Decision
            What is new, and what is to be done.
        """
        if self.idle:
            return Decision()
        return self._safely(
            f"the evaluation of step {step!r}",
            lambda: self._measured(Evaluation.from_counts(step, problems, passed, samples, benchmark), also),
        )

    def evaluated(self, evaluation: Evaluation, **also: Any) -> Decision:
        """Take in a held-out measurement that is there already; the rest as for `evaluation`."""
        if self.idle:
            return Decision()
        if evaluation.outcomes is None:
            more = {f"eval/{evaluation.benchmark}/{key}": value for key, value in also.items()}
            return self.step(evaluation.step, {evaluation.key: evaluation.rate, **more})
        return self._safely(f"the evaluation of step {evaluation.step!r}", lambda: self._measured(evaluation, also))

    def judged(self, judged: Judged) -> Decision:
        """Take in training answers that hidden tests judged too, outside the reward: all of a step, or of several.

        Before or after the metrics of the step; told again, a step supersedes what was told of it. They are not
        recorded here: with a recorder, the rollouts of the run hold them.

        Returns
        -------
        Decision
            What is new, and what is to be done.
        """
        if self.idle or not len(judged):
            return Decision()
        return self._safely(f"the judged answers of step {judged.step[0]}", lambda: self._answers(judged))

    def checkpoint(self, step: int, path: str | os.PathLike[str]) -> Decision:
        """Take note of where the checkpoint of a step was saved, or copied to.

        Returns
        -------
        Decision
            Which checkpoints should not be pruned.
        """
        if self.idle:
            return Decision()
        if self.recorder:
            self.recorder.checkpoint(step, path)

        def noted() -> Decision:
            self.saved.add(step, Path(path))
            self._look_again()
            return Decision(protected=self.protected)

        return self._safely(f"the checkpoint of step {step!r}", noted)

    def note(self, text: str) -> None:
        """Write something down beside the findings."""
        self._actor.write({"what": "note", "text": text})

    def let_go(self, steps: Iterable[int]) -> None:
        """Take note of copies that were deleted; of those tied with the best it is written down."""
        tied = self.kept.tied if self.kept else ()
        for step in steps:
            if step in tied:
                why = f"of those tied with the best, {self.rules.most_kept} are kept (most_kept)"
                self._actor.write({"what": "let go", "step": step, "why": why})

    def rewind(self) -> None:
        """Say that the training goes back within this process: what comes next supersedes what it repeats."""
        if self.idle:
            return
        if self.recorder:
            self.recorder.rewound()
        self._fold.log.rewind()
        self._begins, self.should_stop = True, False

    def acted(self, act: str, step: int, why_not: str = "", /, **also: object) -> None:
        """Write down what somebody else did about a finding, such as a trainer that adjusts its reward, or why not."""
        if self.idle:
            return
        row = {"what": "act", "act": act, "step": step, "done": not why_not, **also}
        self._actor.write({**row, **({"why": why_not} if why_not else {})})

    @property
    def run(self) -> Run | None:
        """The run so far, as one reads it from its record; None while there is nothing in it."""
        return self._fold.run()

    @property
    def suspects(self) -> bool:
        """Whether the score may have fallen by the last look, or rewarded answers fail the hidden tests."""
        return suspected(self._fold.detectors, self._fold.findings)

    @property
    def evaluations(self) -> int:
        """How many held-out evaluations there are by now."""
        return len(self._fold.evaluations)

    @property
    def protected(self) -> frozenset[int]:
        """Steps whose checkpoints should not be pruned: the best, a few tied with it, those saved nearest to them."""
        return self._protected

    @property
    def best(self) -> Path | None:
        """The recommended checkpoint, or the one saved nearest to it, if there is any."""
        at = self.saved.beside(self.kept.recommended.step) if self.kept else None
        return None if at is None else self.saved.where(at)

    def close(self, seconds: float = 10.0) -> None:
        """Send the alerts that still wait, for so many seconds at most. The recorder is left open."""
        self._watchdog.close()
        self._actor.close(seconds)

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _metrics(self, step: int, metrics: Mapping[str, Any]) -> Decision:
        back = self._begins and step <= self._fold.newest
        self._begins = False
        if back:
            self._actor.rewind(step)
            self.saved.forget_from(step)
        asked, known = self._fold.detectors, len(self._fold.evaluations)
        self._fold.metrics(step, metrics, back=back)
        if self._fold.detectors is not asked or len(self._fold.evaluations) != known:
            self._look_again()
        return self._decided()

    def _answers(self, judged: Judged) -> Decision:
        if self._begins and judged.step[0] <= self._fold.newest:
            self._fold.log.judge(judged)  # until the metrics of this step have taken back what comes after it
            return Decision(protected=self.protected)
        self._fold.judged(judged)
        return self._decided()

    def _measured(self, evaluation: Evaluation, also: Mapping[str, Any]) -> Decision:
        if self.recorder:
            self.recorder.evaluated(evaluation, **also)
        self._fold.measured(evaluation, also)
        self._look_again()
        return self._decided()

    def _decided(self) -> Decision:
        """Act on what was found and not told yet, also in what an earlier process recorded and never judged."""
        self._stand()
        here, over = self._actor.news(self._fold.findings, self._fold.lasts)
        if not (here or over):
            return Decision(protected=self.protected)
        decision = decide(self.rules, here, over=over, checkpoint=self.best, protected=self.protected)
        decision = self._actor.act(decision, self._standing)
        self.should_stop = self.should_stop or decision.stop
        if self._on_decision is not None:
            self._on_decision(decision)
        if decision.roll_back_to is not None and self.kept is not None:
            path = decision.roll_back_to.absolute()
            told = {"step": self.kept.recommended.step, "checkpoint": str(path), "go_back": line_back(path)}
            if not self.rules.dry_run:
                self._posted.roll_back({**told, "found": here[-1].kind, "at": here[-1].step})
        return decision

    def _standing(self) -> Mapping[str, object]:
        """Return what a command is told of the run."""
        known: dict[str, object] = {"RECOMMENDED": self.kept and self.kept.recommended.step, "CHECKPOINT": self.best}
        judged = self._verdict()
        if judged is None:
            return known
        run, verdict = judged
        return {**known, "STATE": verdict.state.value, "ANSWERS": as_text(first_screen(run, verdict))}

    def _verdict(self) -> tuple[Run, Verdict] | None:
        """Return the run with what is to be said of it by now; None before there is anything."""
        run = self.run
        if run is None:
            return None
        run = replace(run, checkpoints={at: str(path) for at, path in self.saved.existing.items()})
        return run, judge(run, self._fold.detectors, self._fold.findings)

    def _stand(self) -> None:
        """Write how the run stands; what goes wrong there keeps nothing else from it."""
        try:
            self._posted.verdict(self.evaluations, self._verdict)
        except Exception as error:
            self._complain(f"The guard could not write how the run stands: {error}", type(error).__name__)

    def _look_again(self) -> None:
        """Choose the checkpoint to keep, by what is known now."""
        falls = self._fold.detectors.falls
        self.kept = kept = checkpoint_to_keep(falls.evidence, self.saved.existing) if falls.looks else None
        if self.rules.protect:
            self._protected = self.saved.of_evaluations(self._worth_keeping())
        if kept is not None:
            self._posted.best(self.saved.about(kept, self._protected))

    def _worth_keeping(self) -> list[int]:
        """Return the evaluated steps whose checkpoints are kept; all of them, before there are enough to choose."""
        if self.kept is None:
            return [one.step for one in self._fold.evaluations]
        missed = [self.kept.better.step] if self.kept.better else []
        return [*self.kept.ranked[: self.rules.most_kept], *missed]

    def _alive(self, *, step: bool) -> None:
        """Take note that the training goes on, where anybody would be told that it does not."""
        if self._actor.listens:
            silent = self._watchdog.beat(step=step)
            if silent is not None:
                self._actor.goes_on(self._fold.newest, silent)

    def _stalled(self) -> None:
        """Tell that nothing comes any more; called in a thread of its own, beside a training that hangs."""
        found = silence(self._fold.newest, self._pulse)
        if found is not None:
            known = {"RECOMMENDED": self.kept and self.kept.recommended.step, "CHECKPOINT": self.best}
            self._actor.act(decide(self.rules, [found]), lambda: known)

    def _safely(self, what: str, work: Callable[[], Decision], *, step: bool = False) -> Decision:
        """Do something without ever raising into the training."""
        try:
            self._alive(step=step)
            return work()
        except Exception as error:
            self._complain(f"The guard could not take in {what}: {error}", type(error).__name__)
            return Decision(protected=self.protected)

    def _complain(self, why: str, kind: str = "") -> None:
        """Count a failure, and say the first of its kind; one that has no kind is said in any case."""
        self.failures += 1
        kind = kind or why
        if kind not in self._warned:
            self._warned.add(kind)
            self._actor.write({"what": "failure", "why": why})
            warnings.warn(f"{why} Further ones of its kind are counted in .failures.", RuntimeWarning, stacklevel=5)

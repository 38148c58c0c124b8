"""A function of the user's as a reward, in worker processes of ours: see `heldout.rewards.serving`."""

from __future__ import annotations

import functools
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from heldout.errors import SandboxError, UsageError
from heldout.rewards.apart import apart, notes
from heldout.rewards.calling import Case, columns_of
from heldout.rewards.grader import Outcome, Pooled, Session, grade
from heldout.rewards.patience import Patience, Turns
from heldout.rewards.serving import WAITS, ended_by
from heldout.sandbox.base import default_workers
from heldout.sandbox.pool import GRACE, Pool, Worker, WorkerDied
from heldout.tasks.problem import Problem

_SPARE = 4  # processes for calls that begin while others only wait
_START = 120.0  # seconds in which a reward must be imported
_MISREAD = ("TypeError: string indices", "AttributeError: 'str'")  # what is said of a text taken for a conversation


class Workers(Pooled):
    """A function of the user's, in worker processes of ours: see `heldout.rewards.serving`."""

    def __init__(
        self,
        name: str,
        problems: Sequence[Problem],
        renamed: Mapping[str, str],
        messages: bool | None,
        seconds: float,
        workers: int | None,
    ) -> None:
        self._patience = Patience(seconds)
        self._turns = Turns(workers or default_workers())
        self.notes = notes()
        self._source = _source(name)
        self._lost = ""  # why it could not be loaded once more
        given = [columns_of(problem) for problem in problems]
        self._columns = [key for key in given[0] if all(key in one for one in given)] if given else []
        self._code = any(test.asked is not None for problem in problems for test in problem.tests)
        self._name, self._renamed = name, renamed
        talks = bool(problems) and isinstance(problems[0].columns.get("prompt"), list)
        self._open(talks if messages is None else messages, workers)
        if messages is None and not talks and problems:
            self._tried(problems[0], workers)

    def _open(self, messages: bool, workers: int | None) -> None:
        setup = (self._name, self._source, self._columns, dict(self._renamed), messages, self._code)
        first = _started(setup)
        self.plan = first.plan
        size = (workers or default_workers()) + _SPARE
        self._pool = Pool(functools.partial(self._again, setup), size, first)

    def _again(self, setup: tuple[Any, ...]) -> _Holder:
        """Load it once more; where that fails, what was asked has ended it."""
        try:
            return _started(setup)
        except UsageError as error:
            self._lost = f"it could not be loaded once more: {error}"
            raise SandboxError(self._lost) from None

    def _tried(self, problem: Problem, workers: int | None) -> None:
        """See whether it reads texts; one that cannot, and reads conversations, is given those."""
        text = problem.solution or "1"
        outcome = grade(self, [(problem, text)])[0]
        if outcome.kind != "raised" or not outcome.error.startswith(_MISREAD):
            return
        self._pool.close()
        self._open(True, workers)
        if grade(self, [(problem, text)])[0].kind == "raised":
            self._pool.close()
            self._open(False, workers)
        else:
            self.plan += f" (messages, since of texts it said {outcome.error})"

    def _asked(self, session: Session) -> list[list[Outcome]]:
        calls = [[self._case(problem, text) for problem, text in call] for call in session]
        with self._turns.taken() as turn:
            seconds = [self._patience.seconds(call) for call in session]

            def ask(worker: _Holder) -> list[dict[str, Any]]:
                worker.send(pickle.dumps((calls, seconds)))
                while (said := json.loads(worker.receive(sum(seconds) + GRACE))) == WAITS:
                    turn.give()
                answers: list[dict[str, Any]] = said
                return answers

            try:
                answers = self._pool.ask(ask)
            except WorkerDied:
                answers = ended_by("died", self._lost or "it ended the process that holds the reward", len(calls))
        found = [_outcomes(answer, len(call)) for answer, call in zip(answers, calls, strict=True)]
        for outcomes in found:
            self._patience.saw(outcomes)
        return found

    def _case(self, problem: Problem, text: str) -> Case:
        return Case(
            problem.prompt, text, columns_of(problem), problem if "heldout's own problem" in self.plan else None
        )


def _outcomes(answer: Mapping[str, Any], count: int) -> list[Outcome]:
    scores = answer["scores"] or [None] * count
    return [Outcome(score, answer["kind"], answer["error"], answer["seconds"]) for score in scores]


def _source(name: str) -> bytes | None:
    """The text of a reward's file, so that it is the same for all processes whatever becomes of the file."""
    path = Path(name.rpartition(":")[0])
    return path.read_bytes() if path.suffix == ".py" and path.is_file() else None


class _Holder(Worker):
    """A process that holds a reward of the user's."""

    plan: str


def _started(setup: tuple[Any, ...]) -> _Holder:
    words = [sys.executable, "-m", "heldout.rewards.serving"]
    process = subprocess.Popen(
        [*apart(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    worker = _Holder(process)
    try:
        worker.send(pickle.dumps(setup))
        said = json.loads(worker.receive(_START))
    except (OSError, EOFError) as error:
        worker.close()
        late = (
            f"is not loaded after {_START:g} seconds"
            if isinstance(error, TimeoutError)
            else "ends Python as it is loaded"
        )
        raise UsageError(f"The reward {setup[0]} {late}; load it by hand to see why.") from None
    if "refused" in said:
        worker.close()
        raise UsageError(said["refused"])
    worker.plan = said["plan"]
    return worker

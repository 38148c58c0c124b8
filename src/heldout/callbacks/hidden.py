"""The second judge of a training: the hidden tests, asked about answers outside the reward path."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from heldout.errors import UsageError
from heldout.evaluation.score import INFRASTRUCTURE
from heldout.evaluation.stops import cut_at
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.judging import Judgement, judge
from heldout.tasks import Problem, Task, load_task

ID_COLUMNS = ("problem", "task_id", "problem_id", "id")  # of a trainer's data set: where it may name the problem


class Outcome(NamedTuple):
    """What the hidden tests say of an answer."""

    share: float | None  # of them that it passes; None where the sandbox failed, so that nothing is known
    kind: str  # of `heldout.sandbox.judging.Judgement`


class HiddenTests:
    """Runs the hidden tests of the problems that are trained on; a reward never passes through here.

    Parameters
    ----------
    task
        The problems with their hidden tests, or the task that has them: one that is loaded, or what `load_task` loads.
    sandbox
        Where they run; one of our own, from `open` to `close`, where none is given.
    stops
        At which answers are cut before they are judged, as the evaluation cuts them.

    Raises
    ------
    UsageError, TaskError
        When there is no such task.
    """

    def __init__(
        self,
        task: Task | Iterable[Problem] | str | os.PathLike[str],
        sandbox: Sandbox | None = None,
        stops: Sequence[str] = (),
    ) -> None:
        if isinstance(task, str | os.PathLike):
            task = load_task(os.fspath(task))
        problems = tuple(task.problems if isinstance(task, Task) else task)
        self._by_id = {problem.id: problem for problem in problems}
        self._by_prompt = {problem.prompt: problem for problem in problems}
        self._sandbox, self._stops = sandbox, tuple(stops)
        self._ours = False  # whether the sandbox is ours to close
        self._warned = False

    def problem_of(self, row: Mapping[str, Any]) -> Problem | None:
        """Return the problem that an answer belongs to: by its id, else by its prompt; None where there is none."""
        named = (self._by_id.get(str(row[key])) for key in ID_COLUMNS if key in row)
        return next((one for one in named if one is not None), self._by_prompt.get(row.get("prompt", "")))

    def named(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row that says of which problem it is by its id; one that is of none as it is."""
        problem = self.problem_of(row)
        if problem is None:
            return row
        return {"problem": problem.id, **{key: value for key, value in row.items() if key not in ID_COLUMNS}}

    def judge(self, answers: Sequence[tuple[Problem, str, bool]]) -> list[Outcome]:
        """Return what the hidden tests say of answers: each a problem, a text, and whether it was cut at its longest.

        A judge that fails ends no training: nothing is then known of these answers, and the first time is warned of.
        """
        assert self._sandbox is not None
        try:
            read = [problem.attempt(cut_at(text, self._stops), cut=cut) for problem, text, cut in answers]
            return [_outcome(one) for one in judge(read, self._sandbox)]
        except Exception as error:
            if not self._warned:
                self._warned = True
                text = f"The hidden tests could not judge answers of the training ({error}); it goes on without."
                warnings.warn(text, RuntimeWarning, stacklevel=2)
            return [Outcome(None, INFRASTRUCTURE)] * len(answers)

    def refuse_strangers(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Raise a UsageError where none of the answers belongs to a problem that is known."""
        if rows and not any(map(self.problem_of, rows)):
            some = next(iter(self._by_id), "")
            raise UsageError(
                f"None of {len(rows)} answers belongs to a problem of the task: neither a column {ID_COLUMNS[1]!r} of "
                f"the data set holds its id, such as {some!r}, nor is its prompt one of the task's; add that column."
            )

    def open(self) -> None:
        """Have a sandbox ready; a MissingSandbox where there is none to be had."""
        if self._sandbox is None:
            self._sandbox, self._ours = open_sandbox(), True

    def close(self) -> None:
        """Close the sandbox, if it is our own."""
        if self._ours and self._sandbox is not None:
            self._sandbox.close()
            self._sandbox, self._ours = None, False


def _outcome(judgement: Judgement) -> Outcome:
    unknown = judgement.kind == INFRASTRUCTURE
    return Outcome(None if unknown else judgement.fraction, judgement.kind)

"""The second judge of a training: the hidden tests, asked about answers outside the reward path."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from heldout.errors import UsageError
from heldout.evaluation.score import INFRASTRUCTURE
from heldout.evaluation.stops import cut_at
from heldout.sandbox import Sandbox
from heldout.sandbox.judging import Judgement, judge
from heldout.tasks import Problem

ID_COLUMNS = ("problem", "task_id", "problem_id", "id")  # of a trainer's data set: where it may name the problem


class Outcome(NamedTuple):
    """What the hidden tests say of an answer."""

    share: float | None  # of them that it passes; None where the sandbox failed, so that nothing is known
    kind: str  # of `heldout.sandbox.judging.Judgement`


class HiddenTests:
    """Runs the hidden tests of the problems that are trained on; a reward never passes through here.

    Parameters
    ----------
    problems
        Those that are trained on, with their hidden tests.
    sandbox
        Where they run; it may be set later.
    stops
        At which answers are cut before they are judged, as the evaluation cuts them.
    """

    def __init__(
        self,
        problems: Iterable[Problem],
        sandbox: Sandbox | None = None,
        stops: Sequence[str] = (),
    ) -> None:
        known = tuple(problems)
        self._by_id = {problem.id: problem for problem in known}
        self._by_prompt = {problem.prompt: problem for problem in known}
        self._ends: dict[str, Problem | None] = {}  # conversations that were seen
        self.sandbox, self.stops = sandbox, tuple(stops)
        self._warned = False

    def problem_of(self, row: Mapping[str, Any]) -> Problem | None:
        """Return the problem that an answer belongs to: by its id, else by its prompt; None where there is none."""
        named = self.named_by(row)
        return self._asked(str(row.get("prompt", ""))) if named is None else named

    def named_by(self, row: Mapping[str, Any]) -> Problem | None:
        """Return the problem that a row names by its id."""
        named = (self._by_id.get(str(row[key])) for key in ID_COLUMNS if key in row)
        return next((one for one in named if one is not None), None)

    def _asked(self, prompt: str) -> Problem | None:
        """Return the problem of a prompt; of a conversation, whose messages are lines, that of its end."""
        if prompt in self._by_prompt:
            return self._by_prompt[prompt]
        if prompt not in self._ends:
            ends = [known for known in self._by_prompt if known and prompt.endswith(f"\n{known}")]
            self._ends[prompt] = self._by_prompt[max(ends, key=len)] if ends else None
        return self._ends[prompt]

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
        assert self.sandbox is not None
        try:
            read = [problem.attempt(cut_at(text, self.stops), cut=cut) for problem, text, cut in answers]
            return [_outcome(one) for one in judge(read, self.sandbox, values=False)]
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
                f"the data set holds its id, such as {some!r}, nor is its prompt one of the task's; add that column, "
                "or give judge=0 where they are not trained on."
            )


def _outcome(judgement: Judgement) -> Outcome:
    unknown = judgement.kind == INFRASTRUCTURE
    return Outcome(None if unknown else judgement.fraction, judgement.kind)

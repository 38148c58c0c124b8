"""Judges the answers that a run kept by the hidden tests, and adds the outcomes beside, never into their files.

Each outcome is a line of ``hidden.jsonl``, written when it is known, so that a judging that was interrupted goes on
where it was. What was judged already, then or while the run went on, is not judged again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heldout.errors import RecordError, UsageError
from heldout.evaluation.stops import cut_at, default_stops
from heldout.evaluation.whose import problems_of
from heldout.rollouts.files import hidden_file
from heldout.rollouts.outcomes import Outcome, line_of
from heldout.rollouts.reading import Stored
from heldout.rollouts.rollout import Rollouts
from heldout.rollouts.tables import digest
from heldout.sandbox.base import Sandbox, Status
from heldout.sandbox.judging import judge
from heldout.store.layout import RUN, is_run, known_run
from heldout.store.lines import LineFile, json_line
from heldout.tasks.problem import Problem, Task

_AT_ONCE = 128  # answers between two writings
_Key = tuple[str, str]  # a problem, and the digest of an answer to it
Progress = Callable[[int, int], object]  # told how many of how many answers are done


@dataclass(frozen=True, slots=True)
class Kept:
    """The answers that a run kept, and which problem of a task each is to."""

    rollouts: Rollouts
    problems: tuple[Problem | None, ...]  # for each of `rollouts.problems`; None where the task does not have it
    stops: tuple[str, ...]  # texts at which answers are cut before they are judged
    notes: tuple[str, ...]  # how the problems were found, a sentence each

    def answers(self, rows: Sequence[int]) -> Iterator[tuple[int, Problem, str]]:
        """Yield row, problem and answer as it is judged, for those rows whose problem the task has."""
        known = [row for row in rows if self.problem(row) is not None]
        for row, (_, text) in zip(known, self.rollouts.texts.read(known), strict=True):
            problem = self.problem(row)
            assert problem is not None
            yield row, problem, cut_at(text, self.stops)

    def problem(self, row: int) -> Problem | None:
        """Return the problem of a row."""
        return self.problems[int(self.rollouts.problem[row])]


@dataclass(frozen=True, slots=True)
class Added:
    """What a judging came to."""

    judged: int  # answers whose outcome was added
    before: int  # that had one before
    unknown: int  # of problems that the task does not have
    lost: int  # that could not be judged, because the sandbox itself failed
    why: str  # most of those could not
    file: Path


def settings_of(path: Path) -> Mapping[str, Any]:
    """Return the settings of a run directory; none of anything else."""
    return known_run(path / RUN).get("config") or {} if is_run(path) else {}


def kept_of(rollouts: Rollouts, task: Task, stops: Sequence[str] | None = None) -> Kept:
    """Find out which problems of a task the answers that a run kept are to.

    Problems are told by their ids, else by their prompts, as for saved samples. `stops` are those with which the run
    was trained, if not given: by its settings, else those that suit the task, none for conversations.

    Raises
    ------
    UsageError
        When no answer is to a problem of the task.
    """
    path = Path(rollouts.source)
    rows = np.unique(rollouts.problem, return_index=True)[1].tolist()  # the first answer to each problem
    named = [rollouts.problems[int(rollouts.problem[row])] for row in rows]
    prompts = [prompt for prompt, _ in rollouts.texts.read(rows)]
    asked = [{"id": name, "prompt": prompt} for name, prompt in zip(named, prompts, strict=True)]
    found, notes = problems_of(path, asked, task, task.problems)
    by_id = {problem.id: problem for problem in task.problems}
    of = {name: by_id.get(one) for name, one in zip(named, found, strict=True) if one is not None}
    if not any(of.values()):
        raise UsageError(f"{path} holds no answer to a problem of {task.name} that can be judged.")
    if stops is None:
        settings = settings_of(path)
        own = [text for text in settings.get("stop_sequences") or () if isinstance(text, str) and text]
        stops = own or default_stops(task.problems, chat=bool(settings.get("chat")))
    return Kept(rollouts, tuple(map(of.get, rollouts.problems)), tuple(stops), tuple(notes))


def judge_kept(kept: Kept, sandbox: Sandbox, progress: Progress = lambda done, total: None) -> Added:
    """Judge every answer that has no outcome yet, and add the outcomes.

    Raises
    ------
    RecordError
        When they cannot be written.
    """
    rollouts, path = kept.rollouts, hidden_file(Path(kept.rollouts.source))
    unjudged = np.flatnonzero(np.isnan(rollouts.hidden)).tolist()
    rows = [row for row in unjudged if kept.problem(row) is not None]
    known: dict[_Key, tuple[float, str]] = {}
    lost: Counter[str] = Counter()
    try:
        lines = LineFile(path) if rows else None
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            found = list(_outcomes(kept, some, sandbox, known, lost))
            if lines is not None:
                lines.append(b"".join(map(json_line, found)))
            progress(start + len(some), len(rows))
        if lines is not None:
            lines.close()
    except OSError as error:
        raise RecordError(f"{path}: outcomes cannot be written ({error.strerror or error}).") from error
    return Added(
        len(rows) - lost.total(),
        len(rollouts) - len(unjudged),
        len(unjudged) - len(rows),
        lost.total(),
        lost.most_common(1)[0][0] if lost else "",
        path,
    )


def _outcomes(
    kept: Kept,
    rows: Sequence[int],
    sandbox: Sandbox,
    known: dict[_Key, tuple[float, str]],
    lost: Counter[str],
) -> Iterator[dict[str, Any]]:
    """Yield the outcomes of some rows as they are written; equal answers to one problem are judged once."""
    texts = kept.rollouts.texts
    assert isinstance(texts, Stored)
    answers = list(kept.answers(rows))
    whole = dict(zip(rows, (text for _, text in texts.read(rows)), strict=True))
    cut = {row: kept.rollouts.stop[row] == "length" for row in rows}
    keys = {row: (problem.id, f"{int(cut[row])}{digest(text)}") for row, problem, text in answers}
    new = {keys[row]: problem.attempt(text, cut=cut[row]) for row, problem, text in answers if keys[row] not in known}
    for key, judgement in zip(new, judge(list(new.values()), sandbox, values=False), strict=True):
        if judgement.kind == Status.INFRASTRUCTURE:
            lost[judgement.lost] += sum(one == key for one in keys.values())
        else:
            known[key] = (0.0 if judgement.lacking else judgement.fraction, judgement.kind)
    for row, key in keys.items():
        share, kind = known.get(key, (np.nan, str(Status.INFRASTRUCTURE.value)))
        file, number = texts.place(row)
        yield line_of(file, number, Outcome(digest(whole[row]), float(share), kind))

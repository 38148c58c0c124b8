"""Graders: rewards of every kind behind one question, each call apart from the process that asks.

A reward of the user's lives in worker processes of ours, a command in its own, and the named ones run their programs in
the sandbox. So an answer that kills, hangs or poisons a reward neither ends nor alters what is asked after it; it is an
outcome of its own, ``died`` or ``hung``.
"""

from __future__ import annotations

import ast
import os
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from heldout.errors import UsageError
from heldout.rewards.commands import Command
from heldout.rewards.formula import NAMED, OWN, Part, Score, parts_of
from heldout.rewards.grader import SECONDS, Call, Done, Grader, Outcome, Session, grade
from heldout.rewards.holders import Workers
from heldout.rewards.judges import ExitStatus, Fraction, Solved
from heldout.sandbox.base import Sandbox
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.tasks.problem import Problem
from heldout.text import sentence_list

__all__ = ["SECONDS", "Grader", "Named", "Outcome", "Session", "grade", "is_own", "open_grader"]

_SHOWN = 5  # functions of a file


def open_grader(
    name: str,
    problems: Sequence[Problem],
    sandbox: Sandbox,
    *,
    renamed: Mapping[str, str] | None = None,
    messages: bool | None = None,
    seconds: float = SECONDS,
    workers: int | None = None,
) -> Grader:
    """Open a reward by its name.

    Parameters
    ----------
    name
        ``tests``, ``fraction``, ``exit-status`` or a weighted sum of them; ``module:function`` or
        ``file.py:function`` of any known signature (`heldout.rewards.calling`); or a command, which reads one JSON
        object a line and prints one number a line.
    problems
        On which it will be asked: what columns there are, and with which the call is tried.
    sandbox
        Where the named ones run programs.
    renamed
        Argument of the reward → column of the task, for what it cannot find by its name.
    messages
        Whether answers are given as conversations; None: as texts, unless the reward cannot read those.
    seconds
        After which a call has hung.
    workers
        Processes of the reward; as many as there are cores.

    Raises
    ------
    UsageError
        When there is no such reward, it cannot be loaded, or an argument of it cannot be filled.
    """
    name = name.strip()
    if all(term.partition("*")[0].strip() in NAMED for term in name.split("+")):
        return Named(name, sandbox, workers)
    if is_own(name):
        return Workers(name, problems, renamed or {}, messages, seconds, workers)
    if Path(name).suffix == ".py" and Path(name).is_file() and not os.access(name, os.X_OK):
        raise UsageError(f"{name} is a file of Python; name the function in it too{_functions(Path(name))}.")
    words = _words(name)
    if words and shutil.which(words[0]):
        return Command(words, seconds, workers)
    raise UsageError(
        f"{name!r} is no reward and nothing that exists; take tests, fraction, exit-status, module:function, "
        "file.py:function, or a command that reads JSON lines and prints numbers."
    )


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"The command {command!r} cannot be read: {error}.") from None


def _functions(path: Path) -> str:
    """Say which functions a file has, as they are to be typed."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return f", as {path}:FUNCTION"
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = [one.name for one in tree.body if isinstance(one, kinds) and not one.name.startswith("_")]
    return f": {sentence_list([f'{path}:{one}' for one in names[:_SHOWN]], 'or')}" if names else "; it has none"


def is_own(name: str) -> bool:
    """Whether a name means a function of the user's, and no command: its file is there, or it is one word."""
    named = OWN.match(name)
    if not named:
        return False
    return Path(named["where"]).is_file() or (len(name.split()) == 1 and not shutil.which(name))


class Named(Grader):
    """Rewards that heldout itself brings, which run programs in the sandbox."""

    def __init__(self, formula: str, sandbox: Sandbox, workers: int | None = None) -> None:
        self._judge: ExitStatusJudge | None = None
        self._parts: list[tuple[Part, Score]] = []
        for part in parts_of(formula):
            if part.name == "reward-model":
                raise UsageError("A reward model cannot be named here; give it as a function, module:function.")
            if part.name == "exit-status":
                self._judge = ExitStatusJudge(workers, sandbox.limits)
                self._parts.append((part, ExitStatus(self._judge)))
            else:
                self._parts.append((part, Solved(sandbox) if part.name == "tests" else Fraction(sandbox)))
        self.plan = f"{formula}: heldout's own, in the sandbox, one answer at a time"

    def run(self, sessions: Sequence[Session], done: Done = lambda place, found: None) -> list[list[list[Outcome]]]:
        found: list[list[list[Outcome]]] = []
        for start in range(0, len(sessions), 64):  # so that progress is seen
            some = sessions[start : start + 64]
            scores = iter(self._scores([one for session in some for call in session for one in call]))
            found += [[[next(scores) for _ in call] for call in session] for session in some]
            for place in range(start, len(found)):
                done(place, found[place])
        return found

    def _scores(self, answers: Call) -> list[Outcome]:
        if not answers:
            return []
        problems, texts = [one for one, _ in answers], [text for _, text in answers]
        started = time.perf_counter()
        said = [(part.weight, score(problems, texts)) for part, score in self._parts]
        each = (time.perf_counter() - started) / len(answers)
        sums = [
            None
            if any(worth[place] is None for _, worth in said)
            else sum(weight * (worth[place] or 0.0) for weight, worth in said)
            for place in range(len(answers))
        ]
        return [Outcome(one, seconds=each) for one in sums]

    def close(self) -> None:
        if self._judge:
            self._judge.close()

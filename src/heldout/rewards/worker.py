"""Graders: rewards of every kind behind one question, each call apart from the process that asks.

A reward of the user's lives in worker processes of ours, a command in its own, and the named ones run their programs in
the sandbox. So an answer that kills, hangs or poisons a reward neither ends nor alters what is asked after it; it is an
outcome of its own, ``died`` or ``hung``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import pickle
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from heldout.errors import UsageError
from heldout.rewards.calling import Case, columns_of
from heldout.rewards.formula import NAMED, OWN, Part, Score, parts_of
from heldout.rewards.judges import ExitStatus, Fraction, Solved
from heldout.rewards.serving import ended_by
from heldout.sandbox.base import Sandbox, default_workers
from heldout.sandbox.exit_status import ExitStatusJudge
from heldout.sandbox.pool import GRACE, Pool, Worker, WorkerDied
from heldout.tasks.problem import Problem

SECONDS = 10.0  # that one call may take, unless the caller says otherwise
_START = 120.0  # seconds in which a reward must be imported
_MISREAD = ("TypeError: string indices", "AttributeError: 'str'")  # what is said of a text taken for a conversation
_LONGEST = 2**20  # bytes of a line that a command prints

Call = Sequence[tuple[Problem, str]]  # answers that are graded together
Session = Sequence[Call]  # calls in one process, one after the other
Progress = Callable[[int], object]  # told how many more sessions are done


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reward gave for one answer."""

    score: float | None  # None where it gave none; may be nan or infinite, if it gave that
    kind: str = "scored"  # or "raised", "died", "hung", "not run" (an earlier call of its session ended the process)
    error: str = ""
    seconds: float = 0.0  # of its call, which its batch shares


class Grader(Protocol):
    """A reward that can be asked; closed by ``with``."""

    plan: str  # how it is called, for people

    def run(self, sessions: Sequence[Session], progress: Progress = lambda _: None) -> list[list[list[Outcome]]]:
        """Grade sessions, as many at a time as there are cores; outcomes are in order: session, call, answer."""
        ...

    def close(self) -> None:
        """End its processes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def grade(grader: Grader, answers: Call, progress: Progress = lambda _: None) -> list[Outcome]:
    """Grade every answer by itself, each in a session of its own."""
    return [outcome for ((outcome,),) in grader.run([[[one]] for one in answers], progress)]


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
    if OWN.match(name) and not shutil.which(name.split()[0]) and " " not in name:
        return Workers(name, problems, renamed or {}, messages, seconds, workers)
    words = shlex.split(name)
    if words and shutil.which(words[0]):
        return Command(words, seconds, workers)
    raise UsageError(
        f"{name!r} is no reward and nothing that exists; take tests, fraction, exit-status, module:function, "
        "file.py:function, or a command that reads JSON lines and prints numbers."
    )


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

    def run(self, sessions: Sequence[Session], progress: Progress = lambda _: None) -> list[list[list[Outcome]]]:
        found = []
        for start in range(0, len(sessions), 64):  # so that progress is seen
            some = sessions[start : start + 64]
            scores = iter(self._scores([one for session in some for call in session for one in call]))
            found += [[[next(scores) for _ in call] for call in session] for session in some]
            progress(len(some))
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


class _Pooled(Grader):
    """A reward in processes, one session at a time each."""

    _pool: Pool[Any]
    seconds: float

    def run(self, sessions: Sequence[Session], progress: Progress = lambda _: None) -> list[list[list[Outcome]]]:
        def one(session: Session) -> list[list[Outcome]]:
            found = self._asked(session)
            progress(1)
            return found

        return self._pool.map(one, sessions)

    def _asked(self, session: Session) -> list[list[Outcome]]:
        raise NotImplementedError

    def close(self) -> None:
        self._pool.close()


class Workers(_Pooled):
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
        self.seconds = seconds
        given = [columns_of(problem) for problem in problems]
        self._columns = [key for key in given[0] if all(key in one for one in given)] if given else []
        self._code = any(test.asked is not None for problem in problems for test in problem.tests)
        self._name, self._renamed = name, renamed
        talks = bool(problems) and isinstance(problems[0].columns.get("prompt"), list)
        self._open(talks if messages is None else messages, workers)
        if messages is None and not talks and problems:
            self._tried(problems[0], workers)

    def _open(self, messages: bool, workers: int | None) -> None:
        setup = (self._name, self._columns, dict(self._renamed), messages, self._code)
        start = functools.partial(_started, setup)
        first = start()
        self.plan = first.plan
        self._pool = Pool(start, workers or default_workers(), first)

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
        question = pickle.dumps((calls, self.seconds))
        late = self.seconds * len(calls) + GRACE

        def ask(worker: _Holder) -> list[dict[str, Any]]:
            worker.send(question)
            answer: list[dict[str, Any]] = json.loads(worker.receive(late))
            return answer

        try:
            answers = self._pool.ask(ask)
        except WorkerDied:
            answers = ended_by("died", "it ended the process that holds the reward", len(calls))
        return [_outcomes(answer, len(call)) for answer, call in zip(answers, calls, strict=True)]

    def _case(self, problem: Problem, text: str) -> Case:
        return Case(
            problem.prompt, text, columns_of(problem), problem if "heldout's own problem" in self.plan else None
        )


def _outcomes(answer: Mapping[str, Any], count: int) -> list[Outcome]:
    scores = answer["scores"] or [None] * count
    return [Outcome(score, answer["kind"], answer["error"], answer["seconds"]) for score in scores]


class _Holder(Worker):
    """A process that holds a reward of the user's."""

    plan: str


def _started(setup: tuple[Any, ...]) -> _Holder:
    words = [sys.executable, "-m", "heldout.rewards.serving"]
    process = subprocess.Popen(
        [*_apart(), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
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


@functools.cache
def _apart() -> tuple[str, ...]:
    """What starts a process in a space of process numbers of its own, so that an answer can kill nothing outside."""
    words = ("bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--die-with-parent", "--")
    if not shutil.which("bwrap"):
        return ()
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if subprocess.run([*words, "true"], capture_output=True, timeout=10, check=False).returncode == 0:
            return words
    return ()


class Command(_Pooled):
    """A command that is kept alive: it reads one JSON object a line, and prints one number a line."""

    def __init__(self, words: Sequence[str], seconds: float, workers: int | None) -> None:
        self.seconds = seconds
        self.plan = f"{shlex.join(words)}, a JSON line in (prompt, completion, columns of the task), a number out"
        start = functools.partial(_command, tuple(words))
        self._pool = Pool(start, workers or default_workers(), start())

    def _asked(self, session: Session) -> list[list[Outcome]]:
        """Ask for one answer after the other; a process that died or hung is replaced for the next."""
        return [[self._one(problem, text) for problem, text in call] for call in session]

    def _one(self, problem: Problem, text: str) -> Outcome:
        columns = columns_of(problem) | {"prompt": problem.prompt, "completion": text}
        question = json.dumps(columns, default=str).encode() + b"\n"

        def ask(worker: Worker) -> Outcome:
            started = time.perf_counter()
            assert worker.process.stdin is not None
            assert worker.process.stdout is not None
            try:
                worker.process.stdin.write(question)
                worker.process.stdin.flush()
                score = _score(_lines(worker.process.stdout.fileno(), time.monotonic() + self.seconds))
                return Outcome(score, seconds=time.perf_counter() - started)
            except UsageError as error:
                return Outcome(None, "raised", str(error), time.perf_counter() - started)
            except TimeoutError:
                worker.spent = True
                return Outcome(None, "hung", "it did not answer", self.seconds)
            except (OSError, EOFError):
                worker.spent = True
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(1.0)
                return Outcome(None, "died", f"it ended with status {worker.process.returncode}")

        try:
            return self._pool.ask(ask)
        except WorkerDied as error:
            return Outcome(None, "died", str(error))


def _command(words: Sequence[str]) -> Worker:
    process = subprocess.Popen(
        [*words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path.cwd()
    )
    return Worker(process)


def _lines(pipe: int, deadline: float) -> Iterator[bytes]:
    """Yield what a command prints, by lines; a TimeoutError when it is late, an EOFError when it has ended."""
    data, poll = b"", select.poll()
    poll.register(pipe, select.POLLIN)
    while len(data) < _LONGEST:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(pipe, 2**16)
        if not part:
            raise EOFError
        *lines, data = (data + part).split(b"\n")
        yield from lines


def _score(lines: Iterator[bytes]) -> float | None:
    """Read the first line that is a number, null or an object with a score; what else a command prints is not meant."""
    for line in lines:
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict):
                value = value.get("score", value.get("reward", math.nan))
            if value is None or isinstance(value, int | float):
                return None if value is None else float(value)
    raise UsageError("the command printed a line without end instead of a number")

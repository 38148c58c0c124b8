"""A command as a reward: kept alive, it reads a JSON object a line and prints a number a line."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import select
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from heldout.errors import UsageError
from heldout.rewards.calling import columns_of
from heldout.rewards.grader import Outcome, Pooled, Session
from heldout.rewards.patience import Patience
from heldout.sandbox.base import default_workers
from heldout.sandbox.pool import Pool, Worker, WorkerDied
from heldout.tasks.problem import Problem

_LONGEST = 2**20  # bytes of a line that a command prints


class Command(Pooled):
    """A command that is kept alive: it reads one JSON object a line, and prints one number a line."""

    def __init__(self, words: Sequence[str], seconds: float, workers: int | None) -> None:
        self._patience = Patience(seconds)
        self.plan = f"{shlex.join(words)}, a JSON line in (prompt, completion, columns of the task), a number out"
        start = functools.partial(_command, tuple(words))
        self._pool = Pool(start, workers or default_workers(), start())

    def _asked(self, session: Session) -> list[list[Outcome]]:
        """Ask for one answer after the other; a process that died or hung is replaced for the next."""
        return [[self._one(problem, text) for problem, text in call] for call in session]

    def _one(self, problem: Problem, text: str) -> Outcome:
        columns = columns_of(problem) | {"prompt": problem.prompt, "completion": text}
        question = json.dumps(columns, default=str).encode() + b"\n"
        seconds = self._patience.seconds([(problem, text)])

        def ask(worker: Worker) -> Outcome:
            started = time.perf_counter()
            assert worker.process.stdin is not None
            assert worker.process.stdout is not None
            try:
                worker.process.stdin.write(question)
                worker.process.stdin.flush()
                score = _score(_lines(worker.process.stdout.fileno(), time.monotonic() + seconds))
                return Outcome(score, seconds=time.perf_counter() - started)
            except UsageError as error:
                return Outcome(None, "raised", str(error), time.perf_counter() - started)
            except TimeoutError:
                worker.spent = True
                return Outcome(None, "hung", f"it did not answer within {seconds:.3g} s", seconds)
            except (OSError, EOFError):
                worker.spent = True
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(1.0)
                return Outcome(None, "died", f"it ended with status {worker.process.returncode}")

        try:
            found = self._pool.ask(ask)
        except WorkerDied as error:
            found = Outcome(None, "died", str(error))
        self._patience.saw([found])
        return found


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

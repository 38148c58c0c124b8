"""Monty's interpreters, each with a worker process of its own that hands it programs.

An interpreter is a process already, but to hand it a program and to read what came back takes as long as to run it, and
holds the lock of the Python that does so: two threads do no more than one. So a *worker* does that for each
interpreter. Items go to it and results come back in chunks, as plain data (`marshal`): reading it makes no object of
any class and runs nothing.

A worker is started by a command of its own, not by a fork, so that neither threads of the host nor what its main script
does matter. It ends when the host closes the pipe, also by dying.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import marshal
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from heldout.errors import MissingSandbox, SandboxError, how_to_install
from heldout.sandbox.base import Limits, default_workers
from heldout.sandbox.pool import Pool, Worker, WorkerDied, receive, send

_CHUNKS = 8  # for each worker, so that none is left alone for long with the slow programs
_LARGEST = 64  # items in a chunk
_UNSHARED = 2  # this version of marshal's format writes an object as often as it occurs, so that no two calls share one
_MISSING = f"The monty sandbox needs pydantic-monty, which is not installed; {how_to_install('sandbox')}"
_COMMAND = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from heldout.sandbox.interpreters import serve
serve(*sys.argv[2:])
"""


class Interpreter:
    """One interpreter of `monty`, the module; a session in it is fresh, and nothing of it is left for the next."""

    def __init__(self) -> None:
        self.monty = _load()
        self._pool = self.monty.Monty(min_processes=1, max_processes=1)
        self._pool.__enter__()

    def session(self, limits: Limits, seconds: float | None = None) -> Any:
        """Open a session (a context manager) in which each feed may take so many seconds, by default those allowed."""
        return self._pool.checkout(
            limits={"max_feed_duration_secs": seconds or limits.seconds, "max_memory": limits.memory_mb * 2**20},
            os_policy={"sleep": "zero", "random_start": {"seed": 0}},
        )

    def used(self) -> float:
        """Seconds of the processor that the interpreter has used; 0 where that cannot be known."""
        if not hasattr(time, "clock_gettime"):
            return 0.0
        try:
            tasks = Path("/proc/self/task").iterdir()
            children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
            return sum(time.clock_gettime((~child << 3) | 2) for child in children)  # the clock of each process
        except OSError:
            return 0.0

    def close(self) -> None:
        self._pool.__exit__(None, None, None)


Work = Callable[[Interpreter, Any], Any]
_Result = TypeVar("_Result")


class Interpreters:
    """Does some work for many items, on as many interpreters as there are workers.

    The work is a function of a module, of an interpreter and an item, to plain data. Workers and errors are those of
    `open_sandbox`.
    """

    def __init__(self, work: Work, workers: int | None) -> None:
        if importlib.util.find_spec("pydantic_monty") is None:
            raise MissingSandbox(_MISSING)

        self._workers = workers or default_workers()
        self._pool = Pool(lambda: _Worker(work), self._workers, _Worker(work))

    def map(
        self, items: Sequence[Any], read: Callable[[Any], _Result], lost: Callable[[Any, str], _Result]
    ) -> list[_Result]:
        """Do the work for every item, plain data exactly (else a ValueError); one result per item, in order.

        `read` makes of what came back for an item what is wanted, `lost` of an item under which workers die, and why.
        """

        def ask(chunk: Sequence[Any], data: bytes) -> list[_Result]:
            try:
                return [read(result) for result in self._pool.ask(lambda worker: worker.ask(data))]
            except WorkerDied as died:
                if len(chunk) == 1:
                    return [lost(chunk[0], f"The worker died twice under this program ({died}).")]
            # One by one, so that only the guilty are lost.
            return [result for item in chunk for result in ask([item], _packed([item]))]

        # Neighbours go into different chunks, because slow programs often come together.
        count = max(min(len(items), _CHUNKS * self._workers), math.ceil(len(items) / _LARGEST))
        chunks = [items[first::count] for first in range(count)]
        packed = [_packed(chunk) for chunk in chunks]  # all of them before any is sent: it may fail
        results: dict[int, _Result] = {}
        for first, answered in enumerate(self._pool.map(ask, chunks, packed)):
            results.update(zip(range(first, len(items), count), answered, strict=True))
        return [results[index] for index in range(len(items))]

    def close(self) -> None:
        """End them all; a second call does nothing."""
        self._pool.close()


class _Worker(Worker):
    """The host's end of one worker process."""

    def __init__(self, work: Work) -> None:
        told = work.__module__, work.__name__
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND, json.dumps(sys.path), *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            process_group=0,  # Ctrl-C is for the host, which ends its workers itself
        )
        super().__init__(process)
        try:
            refusal = self.receive().decode()
        except EOFError:
            refusal = f"its process ended with status {self.process.wait()}"
        if refusal:
            self.close()
            raise SandboxError(f"monty does not start here: {refusal}.")

    def ask(self, data: bytes) -> list[Any]:
        """Send a chunk and wait for its results; an OSError or EOFError when the worker died."""
        self.send(data)
        results: list[Any] = marshal.loads(self.receive())
        return results

    def kill(self) -> None:
        if self.process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):  # another thread has just closed it
                os.killpg(self.process.pid, signal.SIGKILL)  # with its interpreter, which may be in an endless loop
        else:
            self.process.kill()


def serve(module: str, name: str) -> None:
    """Be a worker: say whether monty starts, then do the work for each chunk until the host is gone."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what something prints must not get among the answers
    try:
        work: Work = getattr(importlib.import_module(module), name)
        interpreter = Interpreter()
    except Exception as error:
        send(answers, f"{type(error).__name__}: {error}".encode())
        return
    send(answers, b"")
    gc.collect()
    gc.freeze()
    with contextlib.closing(interpreter), contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            chunk = marshal.loads(receive(0))
            send(answers, _packed([work(interpreter, item) for item in chunk]))


def _packed(items: Sequence[Any]) -> bytes:
    return marshal.dumps(list(items), _UNSHARED)


def _load() -> Any:
    if importlib.util.find_spec("opentelemetry") is None:
        # It asks for this with every program, and a search that fails takes as long as a short program runs.
        sys.modules.setdefault("opentelemetry", cast(ModuleType, None))
    return importlib.import_module("pydantic_monty")

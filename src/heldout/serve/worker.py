"""A process that reads and judges, so that a file which kills or holds up its reader stops no page."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from heldout.errors import HeldoutError, ReadError, UsageError

LIMIT = 30.0  # seconds of one read, on a processor
_WAITING = 5.0  # times as long it may take where it has to wait: for a disk, or on a machine that is busy
try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_T = TypeVar("_T")
_TIME_UP = getattr(signal, "SIGXCPU", 0)
_PRELOADED = ["heldout.serve.work", "heldout.charts.matplotlib_backend"]  # once: the processes are forked from it


class Worker:
    """One process, started when it is needed, and anew after it died or took too long.

    Parameters
    ----------
    nice
        How far it stands back behind others.
    """

    def __init__(self, nice: int = 0) -> None:
        self._nice = nice
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heldout-worker")
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._closed = False

    async def do(self, function: Callable[..., _T], *given: Any, limit: float = LIMIT) -> _T:
        """Return what a function of a module returns there.

        Raises
        ------
        HeldoutError
            What the function raised, or a ReadError where the process died or was not done in time: within `limit`
            seconds on a processor, and five times as long in all.
        """
        async with self._turn:
            if self._closed:
                raise ReadError("The server is closing.")
            done: _T = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._asked, function, given, limit
            )
            return done

    def close(self) -> None:
        """End the process, whatever it does."""
        self._closed = True
        self._end()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _asked(self, function: Callable[..., Any], given: tuple[Any, ...], limit: float) -> Any:
        pipe = self._running()
        why = f"was not done within {limit:g} seconds."
        try:
            pipe.send((function, given, limit))
            answered = pipe.poll(_WAITING * limit)
            good, found = pipe.recv() if answered else (False, ReadError(why))
        except (EOFError, OSError):  # it was killed, for want of time or memory, or by what it read
            answered, good = False, False
            found = ReadError(why if self._ran_out() else "ended the process that read it; perhaps it is too large.")
        if not answered:
            self._end()
        if good:
            return found
        raise found

    def _ran_out(self) -> bool:
        """Whether the process was ended because its time was up."""
        if self._process is None:
            return False
        self._process.join(1.0)
        return self._process.exitcode == -_TIME_UP

    def _running(self) -> Connection:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self._end()
            context = _context()
            pipe, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._nice), daemon=True)
            process.start()
            theirs.close()
            self._pipe, self._process = pipe, process
            if self._closed:  # while it was started
                self._end()
                raise ReadError("The server is closing.")
            return pipe
        return self._pipe

    def _end(self) -> None:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None  # first: the thread that waits for an answer may come here meanwhile
        if process is not None:
            process.kill()
            process.join(1.0)
        if pipe is not None:
            pipe.close()


def _context() -> ForkServerContext | SpawnContext:
    try:
        context = get_context("forkserver")
    except ValueError:  # Windows
        return get_context("spawn")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _serve(pipe: Connection, nice: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends this process
    with suppress(OSError, AttributeError):
        os.nice(nice)
    while True:
        try:
            function, given, limit = pipe.recv()
        except (EOFError, OSError):
            return
        _limit(limit)
        pipe.send(_done(function, given))


def _limit(seconds: float) -> None:
    """Let the system end this process once it has used so much more of a processor."""
    if resource is not None:
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _done(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*given)
    except UsageError as error:
        return False, UsageError(str(error))
    except HeldoutError as error:
        return False, ReadError(str(error))
    except (Exception, RecursionError) as error:
        return False, ReadError(f"heldout failed on it ({type(error).__name__}: {error}); please report it.")

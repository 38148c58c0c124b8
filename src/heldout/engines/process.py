"""A process that does one thing after the other for this one; what kills it or holds it up stops nobody else.

It is started when it is needed, and anew after it died or took too long.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any

from heldout.errors import HeldoutError, ReadError, UsageError

WAITING = 5.0  # times as long as on a processor it may take where it has to wait: for a disk, on a busy machine
try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_TIME_UP = getattr(signal, "SIGXCPU", 0)
_ONE_AT_A_TIME = threading.Lock()


class Process:
    """One process that is asked to call functions of modules.

    Parameters
    ----------
    preload
        Modules that are loaded once, in the process that all others are forked from.
    nice
        How far it stands back behind others.
    """

    def __init__(self, preload: Sequence[str] = (), nice: int = 0) -> None:
        self._preload, self._nice = tuple(preload), nice
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._limit = math.inf
        self._closed = False

    def ask(self, function: Callable[..., Any], *given: Any, limit: float) -> Connection:
        """Let it call a function, with so many seconds on a processor; return what can be read once it has answered.

        `answer` is to be called next. A ReadError where it was closed.
        """
        self._limit = limit
        for _ in range(2):  # one that died since it answered is replaced
            pipe = self._running()
            with suppress(OSError):
                pipe.send((function, given, limit))
                return pipe
            self.end()
        raise ReadError("The process that was to read it ended at once.")

    def answer(self, wait: float | None = None) -> Any:
        """Return what it returned; a HeldoutError where it raised one, died, or was not done in time.

        It has `wait` more seconds; if not given, five times what it may use on a processor.
        """
        pipe, why = self._pipe, f"was not done within {self._limit:g} seconds."
        if pipe is None:
            return ReadError("The process that read it was ended.")
        try:
            if pipe.poll(WAITING * self._limit if wait is None else wait):
                return pipe.recv()
            self.end()
            return ReadError(why)
        except (EOFError, OSError):  # it was killed, for want of time or memory, or by what it read
            died = "ended the process that read it; perhaps it is too large."
            return ReadError(why if self._ran_out() else died)

    def end(self) -> None:
        """End it at once, whatever it does; the next question starts it anew."""
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None  # first: a thread that waits for an answer may come here meanwhile
        if process is not None:
            process.kill()
            process.join(1.0)
        if pipe is not None:
            pipe.close()

    def close(self) -> None:
        """End it for good."""
        self._closed = True
        self.end()

    def _ran_out(self) -> bool:
        """Whether the process was ended because its time was up."""
        if self._process is None:
            return False
        self._process.join(1.0)
        return self._process.exitcode == -_TIME_UP

    def _running(self) -> Connection:
        if self._pipe is None or self._process is None or not self._process.is_alive():
            self.end()
            context = _context(self._preload)
            pipe, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self._nice), daemon=True)
            with _without_main():
                process.start()
            theirs.close()
            self._pipe, self._process = pipe, process
            if self._closed:  # at any time, by another thread
                self.end()
                raise ReadError("The process that was to read it was closed.")
            return pipe
        return self._pipe


def _context(preload: Sequence[str]) -> ForkServerContext | SpawnContext:
    try:
        context = get_context("forkserver")
    except ValueError:  # Windows
        return get_context("spawn")
    context.set_forkserver_preload(list(preload))
    return context


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the script that is run, which new processes would run again: it may not be guarded against that."""
    main = sys.modules["__main__"]
    with _ONE_AT_A_TIME:
        known = dict(vars(main))
        vars(main).pop("__file__", None)
        main.__spec__ = None
        try:
            yield
        finally:
            vars(main).update({name: known[name] for name in ("__file__", "__spec__") if name in known})


def _serve(pipe: Connection, nice: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks, which ends this one
    with suppress(OSError, AttributeError):
        os.nice(nice)
    while True:
        try:
            function, given, limit = pipe.recv()
        except (EOFError, OSError):
            return
        limit_processor(limit)
        pipe.send(done(function, given))


def limit_processor(seconds: float) -> None:
    """Let the system end this process once it has used so much more of a processor."""
    if resource is not None:
        used = time.process_time()
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds), resource.getrlimit(resource.RLIMIT_CPU)[1]))


def done(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    """Call a function; what it raises is returned as a HeldoutError."""
    try:
        return function(*given)
    except UsageError as error:
        return UsageError(str(error))
    except HeldoutError as error:
        return ReadError(str(error))
    except (Exception, RecursionError) as error:
        return ReadError(f"heldout failed on it ({type(error).__name__}: {error}); please report it.")

"""A pool of worker processes that answer one question at a time, and the framing of the messages to and from them.

A worker that dies is replaced, and the question asked once more.
"""

from __future__ import annotations

import _thread
import contextlib
import functools
import os
import queue
import select
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Any, Generic, NoReturn, TypeVar

from heldout.errors import SandboxError

GRACE = 10.0  # seconds that a worker may be late before it counts as dead
_TURN = 1.0  # seconds after which who waits looks whether there was a signal
_PAUSE = 0.002  # seconds between two looks whether the threads have ended


def send(pipe: int, data: bytes) -> None:
    """Write one message, eight bytes of length and as many bytes; an OSError when nobody reads any more."""
    left = memoryview(len(data).to_bytes(8, "big") + data)
    while left:
        left = left[os.write(pipe, left) :]


def receive(pipe: int, seconds: float | None = None) -> bytes:
    """Read one message; an EOFError when the other end is closed, a TimeoutError when it is late."""
    deadline = None if seconds is None else time.monotonic() + seconds
    return _read(pipe, int.from_bytes(_read(pipe, 8, deadline), "big"), deadline)


class Worker:
    """A process that is asked on its standard input and answers on its standard output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.spent = False  # set by whoever finds that it should answer no more questions

    def send(self, data: bytes) -> None:
        """Send one message."""
        assert self.process.stdin is not None
        send(self.process.stdin.fileno(), data)

    def receive(self, seconds: float | None = None) -> bytes:
        """Wait for one message; errors as for the function `receive`."""
        assert self.process.stdout is not None
        return receive(self.process.stdout.fileno(), seconds)

    def kill(self) -> None:
        """End it at once; who waits for its answer gets an EOFError. A second call does nothing."""
        self.process.kill()

    def close(self) -> None:
        """End it, wait until it has ended, and close the pipes to it."""
        self.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # what it never read
                    stream.close()


class WorkerDied(Exception):
    """Two workers died under the same question; the text says of what."""


_Worker = TypeVar("_Worker", bound=Worker)
_Answer = TypeVar("_Answer")
_Item = TypeVar("_Item")


class Pool(Generic[_Worker]):
    """Workers, and a thread for each that waits for its answers.

    `start` starts a worker, or raises SandboxError; `size` of them work at one time. All but the `first`, which was
    started already, start when they are needed.
    """

    def __init__(self, start: Callable[[], _Worker], size: int, first: _Worker) -> None:
        self._start = start
        self._size = size
        self._open(first)

    def map(self, work: Callable[..., _Answer], *items: Iterable[Any]) -> list[_Answer]:
        """Call as the builtin `map` does, as many at one time as there are workers; answers are in order.

        Ctrl-C ends the workers; the next call starts others.
        """
        tasks = list(zip(*items, strict=True))
        finished: queue.SimpleQueue[tuple[int, Callable[[], _Answer]]] = queue.SimpleQueue()
        wanted = True  # until something is raised: what has not begun by then is not done

        def do(index: int) -> None:
            if wanted:
                finished.put((index, _outcome(work, *tasks[index])))

        try:
            for index in range(len(tasks)):
                self._threads.submit(functools.partial(do, index))
            found: dict[int, _Answer] = {}
            while len(found) < len(tasks):
                index, outcome = _next(finished)
                found[index] = outcome()
            return [found[index] for index in range(len(tasks))]
        except BaseException as error:
            wanted = False
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self.close()
                self._open()
            raise

    def ask(self, question: Callable[[_Worker], _Answer]) -> _Answer:
        """Let a worker answer.

        WorkerDied where it dies, and the one after it dies too or does not start; or when the pool is closed meanwhile.
        """
        worker: _Worker | None = self._idle.get()
        reason = ""
        try:
            for _ in range(2):
                if self._closing:  # nothing is started any more
                    reason = "it was closed"
                    break
                try:
                    worker = worker or self._started()
                    answer = question(worker)
                except (OSError, EOFError, SandboxError) as error:  # a timeout is an OSError
                    reason = str(error) or type(error).__name__
                    if worker:
                        self._end(worker)
                    worker = None
                else:
                    if worker.spent:
                        self._end(worker)
                        worker = None
                    return answer
        finally:
            self._idle.put(worker)
        raise WorkerDied(reason)

    def close(self) -> None:
        """End the workers; who waits for an answer waits no longer. A second call does nothing."""
        self._closing = True
        for worker in tuple(self._alive):
            worker.kill()
        self._threads.shutdown()
        while not self._idle.empty():
            if idle := self._idle.get():
                idle.close()

    def _open(self, first: _Worker | None = None) -> None:
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # those that have started are taken first
        for worker in (*[None] * (self._size - 1), first):
            self._idle.put(worker)
        self._alive = {first} if first else set()
        self._closing = False
        self._threads = _Threads(self._size)

    def _end(self, worker: _Worker) -> None:
        self._alive.discard(worker)
        worker.close()

    def _started(self) -> _Worker:
        worker = self._start()
        self._alive.add(worker)
        if self._closing:  # meanwhile, and `close` may not have seen it
            worker.kill()
        return worker


class _Threads:
    """Threads that do one task after the other, without a lock that is taken and given back by Python code.

    Ctrl-C can come between any two steps of the main thread. Where that is within `threading` or an executor, a lock
    stays taken, and the thread that wants it next never ends; queues that are written in C have no such moment.
    """

    def __init__(self, count: int) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._count = count
        for _ in range(count):
            _thread.start_new_thread(_do_all, (self._tasks, self._ended))

    def submit(self, task: Callable[[], object]) -> None:
        """Let the next thread that is free do it; it raises nothing."""
        self._tasks.put(task)

    def shutdown(self) -> None:
        """Wait until all tasks are done and the threads have ended. A second call does nothing."""
        self._let_end()
        while self._ended.qsize() < self._count:
            time.sleep(_PAUSE)

    def __del__(self) -> None:  # of a pool that nobody closed: its threads wait for ever otherwise
        self._let_end()

    def _let_end(self) -> None:
        for _ in range(self._count):
            self._tasks.put(None)


def _do_all(tasks: queue.SimpleQueue[Callable[[], object] | None], ended: queue.SimpleQueue[None]) -> None:
    while task := tasks.get():
        task()
    ended.put(None)


def _outcome(work: Callable[..., _Answer], *item: Any) -> Callable[[], _Answer]:
    """Do the work; what comes back gives its answer, or raises what it raised."""
    try:
        answer = work(*item)
    except BaseException as error:
        return functools.partial(_raise, error)
    return lambda: answer


def _raise(error: BaseException) -> NoReturn:
    raise error


def _next(finished: queue.SimpleQueue[_Item]) -> _Item:
    """Wait in turns: a signal that comes just before a wait without an end is seen only after it."""
    while True:
        with contextlib.suppress(queue.Empty):
            return finished.get(timeout=_TURN)


def _read(pipe: int, count: int, deadline: float | None) -> bytes:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    parts: list[bytes] = []
    while count:
        if deadline is not None and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        part = os.read(pipe, min(count, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)

"""The engine that is always there: a few processes of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from heldout.engines.process import WAITING, Process
from heldout.errors import HeldoutError, UsageError

LIMIT = 120.0  # seconds on a processor for one item; a log of a million steps needs 15
_PRELOADED = ("heldout.readers", "heldout.diagnosis.verdict")

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Local:
    """Processes of this machine, each of which works on one item at a time.

    A process that dies is replaced; its item fails, and no other. Ctrl-C ends all at once.

    Parameters
    ----------
    workers
        How many; as many as this process has cores if not given.
    limit
        How many seconds on a processor an item may take, and five times as many in all.
    preload
        Modules that all of them need, which are loaded once.

    Raises
    ------
    UsageError
        When there is not one worker, or no time.

    Examples
    --------
    >>> sorted(Local(1, preload=()).map(len, ["a", "bc"]))
    [('a', 1), ('bc', 2)]
    """

    workers: int | None = None
    limit: float = LIMIT
    preload: Sequence[str] = _PRELOADED

    def __post_init__(self) -> None:
        check(self.workers, self.limit)

    def map(
        self, function: Callable[[_Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Answer | HeldoutError]]:
        """Yield each item with its answer, or with the error that says why there is none; see `Engine`."""
        left = iter(items)
        idle = [Process(self.preload) for _ in range(self.workers or cores())]
        busy: dict[Connection, _Working[_Item]] = {}
        try:
            while True:
                done = [(one, one.process.answer(0)) for one in _finished(busy)] if busy else []
                idle += [one.process for one, _ in done]
                for item in islice(left, len(idle)):  # before the answers are looked at, which takes time
                    process, until = idle.pop(), time.monotonic() + WAITING * self.limit
                    busy[process.ask(function, item, limit=self.limit)] = _Working(process, item, until)
                for one, found in done:
                    yield one.item, found
                if not busy:
                    return
        finally:
            for process in (*idle, *(one.process for one in busy.values())):
                process.close()


@dataclass(frozen=True, slots=True)
class _Working(Generic[_Item]):
    process: Process
    item: _Item
    until: float  # when its time is up


def _finished(busy: dict[Connection, _Working[_Item]]) -> list[_Working[_Item]]:
    """Wait until some have answered, or died, or their time is up; take those from the busy ones."""
    soonest = min(one.until for one in busy.values())
    ready = wait(list(busy), max(0.0, soonest - time.monotonic()))
    now = time.monotonic()
    return [busy.pop(pipe) for pipe in list(busy) if pipe in ready or busy[pipe].until <= now]


def check(workers: int | None, limit: float) -> None:
    """Raise a UsageError where there is not one worker, or no time for an item."""
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}; it must be at least 1.")
    if not limit > 0:
        raise UsageError(f"limit is {limit:g} seconds; it must be above 0.")


def cores() -> int:
    """Return on how many processors this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""The engine for many machines: tasks on the nodes of a cluster of Ray, which have to see the same files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from heldout.engines.cluster import AUTO, address_of, connected, free_processors, in_flight
from heldout.engines.local import LIMIT, check
from heldout.engines.process import WAITING, done, limit_processor
from heldout.errors import HeldoutError, ReadError

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class OnRay:
    """Tasks on a cluster of Ray, each on one processor of it; what kills a task costs its item alone.

    Paths are looked up on the nodes, from the same working directory as here where they have it. Every node needs this
    heldout.

    Parameters
    ----------
    where
        "ray://auto", the cluster of this machine, or "ray://HOST:PORT".
    workers
        How many tasks run at one time; as many as processors are free if not given.
    limit
        How many seconds on a processor an item may take, and five times as many in all.

    Raises
    ------
    UsageError
        When there is not one worker, no time, or no address.
    """

    where: str = AUTO
    workers: int | None = None
    limit: float = LIMIT

    def __post_init__(self) -> None:
        check(self.workers, self.limit)
        address_of(self.where)

    def map(
        self, function: Callable[[_Item], _Answer], items: Iterable[_Item]
    ) -> Iterator[tuple[_Item, _Answer | HeldoutError]]:
        """Yield each item with its answer, or with the error that says why there is none; see `Engine`.

        MissingExtra and ClusterError are raised as by `heldout.sandbox.open_sandbox`.
        """
        with connected(self.where) as ray:
            task, here = ray.remote(num_cpus=1, max_retries=0)(_do), os.getcwd()
            started = ((item, task.remote(function, item, self.limit, here)) for item in items)
            for item, result in in_flight(ray, started, self.workers or free_processors(ray)):
                try:
                    yield item, result()
                except ray.exceptions.RayTaskError as error:
                    yield item, ReadError(f"cannot be read on a node, which needs this heldout ({error.cause}).")
                except ray.exceptions.RayError:
                    died = f"ended the process that read it, or was not done within {self.limit:g} seconds."
                    yield item, ReadError(died)


def _do(function: Callable[[Any], Any], item: Any, limit: float, folder: str) -> Any:
    """Do it on a node, with so many seconds on a processor, and five times as many by the clock."""
    with suppress(OSError):
        os.chdir(folder)
    limit_processor(limit)
    late = threading.Timer(WAITING * limit, os._exit, (1,))
    late.daemon = True
    late.start()
    try:
        return done(function, (item,))
    finally:
        late.cancel()

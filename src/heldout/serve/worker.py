"""A process that reads and judges, so that a file which kills or holds up its reader stops no page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from heldout.engines.process import Process
from heldout.errors import HeldoutError, ReadError

LIMIT = 30.0  # seconds of one read, on a processor

_T = TypeVar("_T")
_PRELOADED = ("heldout.serve.work", "heldout.charts.matplotlib_backend")


class Worker:
    """One process, started when it is needed, and anew after it died or took too long.

    Parameters
    ----------
    nice
        How far it stands back behind others.
    """

    def __init__(self, nice: int = 0) -> None:
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="heldout-worker")
        self._process = Process(_PRELOADED, nice)
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
        self._process.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _asked(self, function: Callable[..., Any], given: tuple[Any, ...], limit: float) -> Any:
        self._process.ask(function, *given, limit=limit)
        found = self._process.answer()
        if isinstance(found, HeldoutError):
            raise found
        return found

"""Where work on many things is done: one call, whether processes of this machine do it or those of a cluster.

An engine maps a function over items. It keeps few of them in flight, gives answers as they come, and what fails is a
value beside its item, so that one bad item costs no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from heldout.engines.local import Local
from heldout.errors import HeldoutError

__all__ = ["Engine", "Local"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Engine(Protocol):
    """What maps a function over items."""

    def map(
        self, function: Callable[[Item], Answer], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Answer | HeldoutError]]:
        """Yield each item with what the function returned for it, in the order in which answers come.

        Parameters
        ----------
        function
            A function of a module, or a `functools.partial` of one: it is sent to other processes by its name.
        items
            Plain values. They are taken one by one, as there is room for them.

        Yields
        ------
        tuple
            The item, and the answer; or a HeldoutError that says in a sentence why there is none: what the function
            raised, or that the process which worked on it died. Nothing is asked twice, nothing is lost.

        Raises
        ------
        HeldoutError
            When the engine itself cannot start or go on.
        """
        ...

"""Ctrl-C as the way to end what goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress


def until_interrupted(work: Callable[[], None]) -> bool:
    """Do something until it ends, or until Ctrl-C; return whether it was that.

    Pressed while polars computes it is raised twice: by polars, and by Python at its next line, where the first one is
    being handled.
    """
    with suppress(KeyboardInterrupt), suppress(KeyboardInterrupt):
        work()
        return False
    return True

"""Ctrl-C ends what goes on by itself, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import polars as pl
import pytest

from heldout.interrupts import until_interrupted

PATIENCE = 60.0  # seconds, after which a key that was lost fails a test


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """Processes that run tests side by side ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def compute() -> None:
    frame = pl.LazyFrame({"a": range(200_000), "b": range(200_000)})
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        frame.select(pl.col("a").sort_by("b")).collect()


def idle() -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("work", [compute, idle])
def test_one_key_ends_it_whatever_computes(work: Callable[[], None]) -> None:
    for _ in range(5):
        press = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        press.start()
        assert until_interrupted(work)
        press.join()


def test_what_ends_by_itself_was_not_interrupted() -> None:
    done: list[int] = []
    assert not until_interrupted(lambda: done.append(1))
    assert done == [1]


def test_what_goes_wrong_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        until_interrupted(lambda: print(1 / 0))

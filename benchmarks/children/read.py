"""Read a log once: ``read.py READER FILE``. Prints seconds, and the peak of memory above what was held before."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def heldout_read(path: str) -> Callable[[], Any]:
    import numpy
    import polars

    import heldout

    del numpy, polars  # loaded before the clock starts
    heldout.read  # noqa: B018  # likewise
    return lambda: heldout.read(path)


def heldout_describe(path: str) -> Callable[[], Any]:
    import heldout

    run = heldout.read(path)
    describe = heldout.describe
    return lambda: describe(run)


def tensorboard(path: str) -> Callable[[], Any]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def work() -> list[Any]:
        events = EventAccumulator(path, size_guidance={"scalars": 0})
        events.Reload()
        return [events.Scalars(tag) for tag in events.Tags()["scalars"]]

    return work


def orjson(path: str) -> Callable[[], Any]:
    import orjson as library

    return lambda: library.loads(Path(path).read_bytes())


def polars(path: str) -> Callable[[], Any]:
    import polars as library

    return lambda: library.read_ndjson(path)


def memory(name: str) -> int:
    """A line of what Linux says of this process, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


READERS = {one.__name__: one for one in (heldout_read, heldout_describe, tensorboard, orjson, polars)}

if __name__ == "__main__":
    work = READERS[sys.argv[1]](sys.argv[2])
    before, start = memory("VmRSS"), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": max(0, memory("VmHWM") - before)}))

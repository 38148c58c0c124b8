"""One thing that is done with a long log: ``long.py STAGE PATH``. Prints CPU seconds, and the peak of memory.

Both are above what the process had used when everything was imported.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
from rich.console import Console

import heldout
from benchmarks.children.read import memory
from heldout.live.follow import Follower
from heldout.live.watch import Watch
from heldout.report import write_report
from heldout.store.layout import METRICS

Work = Callable[[], Any]


def read(path: Path) -> Work:
    return lambda: heldout.read(path)


def by_polars(path: Path) -> Work:
    parse = polars.read_csv if path.suffix == ".csv" else polars.read_ndjson
    return lambda: parse(path / METRICS if path.is_dir() else path)


def judge(path: Path) -> Work:
    run = heldout.read(path)
    return lambda: heldout.diagnose(run)


def report(path: Path) -> Work:
    run = heldout.read(path)

    def written() -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_report(run, Path(folder))

    return written


def look(path: Path) -> Work:
    return Watch(Follower(path), console=Console(file=io.StringIO())).look


def look_again(path: Path) -> Work:
    """A second look, after one line more; what it appends is taken away again."""
    watch = Watch(Follower(path), console=Console(file=io.StringIO()))
    watch.look()
    log = path / METRICS
    before = log.stat().st_size
    with log.open("r+b") as file:
        file.seek(-min(before, 10_000), os.SEEK_END)
        last = json.loads(file.read().splitlines()[-1])
        file.write(json.dumps({**last, "step": last["step"] + 1}).encode() + b"\n")

    def again() -> None:
        watch.look()
        with log.open("r+b") as file:
            file.truncate(before)

    return again


STAGES = {one.__name__: one for one in (read, by_polars, judge, report, look, look_again)}

if __name__ == "__main__":
    heldout.read, heldout.diagnose  # noqa: B018  # loaded before the clock starts
    work = STAGES[sys.argv[1]](Path(sys.argv[2]))
    before, start = memory("VmRSS"), time.process_time()
    work()
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "peak": max(0, memory("VmHWM") - before)}))

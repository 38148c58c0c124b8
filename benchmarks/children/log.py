"""Log steps, and some before the clock starts: ``log.py FILE:LOGGER FOLDER STEPS``; the rows come by standard input.

A logger is a function that takes a folder and returns ``log(step, row)`` and ``finish()``. Prints µs a step: of the
call by the processor and by the clock, and of both with the finishing call.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def logger(name: str) -> Any:
    """The function that ``FILE:LOGGER`` names; files are those beside this one, or elsewhere by their whole path."""
    file, _, function = name.rpartition(":")
    spec = spec_from_file_location("loggers", Path(__file__).parent / file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, function)


def clocks() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


if __name__ == "__main__":
    name, folder, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rows = json.load(sys.stdin)
    log, finish = logger(name)(folder)
    warm = len(rows) - steps
    for step in range(warm):
        log(step, rows[step])
    start = clocks()
    for step in range(warm, len(rows)):
        log(step, rows[step])
    called = clocks()
    finish()
    finished = clocks()
    print()
    print(json.dumps([1e6 * (end[i] - start[i]) / steps for end in (called, finished) for i in (0, 1)]))

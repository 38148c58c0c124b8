"""What holds a program inside the bubblewrap sandbox: its limits, and the end of whatever it started or left.

It uses the standard library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Sequence
from typing import Any

_TMP = "/tmp"
_MOST_DESCRIPTORS = 64


def enter(limits: dict[str, Any], calls: int, descriptors: Sequence[int | None]) -> None:
    """Become a process that a program is in control of, with these descriptors from 0 on, None for nothing.

    From here on it is worth no trust.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    given = [nothing if one is None else one for one in descriptors]
    # none of them lies where another goes
    for target, one in enumerate([fcntl.fcntl(one, fcntl.F_DUPFD, _MOST_DESCRIPTORS) for one in given]):
        os.dup2(one, target)
    os.closerange(len(given), 1024)
    os.setpgid(0, 0)
    limit(limits, calls)
    random.seed(0)


def limit(limits: dict[str, Any], calls: int) -> None:
    seconds = int(limits["seconds"] * calls) + 2
    for what, most in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits["disk_mb"] * 2**20),
        (resource.RLIMIT_NOFILE, _MOST_DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, limits["processes"] + 1),  # this worker counts as one
    ):
        resource.setrlimit(what, (most, most))


def kill_all(child: int) -> int:
    """End every other process of the namespace; the exit status of the child, negative for a signal."""
    status = 0
    while True:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        try:
            pid, ended = os.wait()
        except ChildProcessError:
            return status
        if pid == child:
            status = -os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)


def clear_tmp() -> None:
    """Empty the only place that can be written to; a worker that cannot ends, and the host starts another."""
    for name in os.listdir(_TMP):
        path = os.path.join(_TMP, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def forks_allowed(limits: dict[str, Any]) -> int:
    """How many more processes a child can really start under the limit; tried up to one more than it should."""
    child = os.fork()
    if not child:
        most = limits["processes"] + 1
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        started = 0
        try:
            while started < limits["processes"]:
                if not os.fork():
                    time.sleep(5)  # it is killed before
                    os._exit(0)
                started += 1
        except BlockingIOError:
            pass
        os._exit(min(started + 1, 255))
    reading = os.waitpid(child, 0)[1]
    kill_all(child)
    return os.WEXITSTATUS(reading)


def in_use() -> int:
    """The address space that the interpreter takes, in bytes: the smallest limit under which it gets one more page."""
    low, high = 0, 2**40
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    while high - low > 2**16:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, most))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except OSError:
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return high

"""What holds a program inside the bubblewrap sandbox: its limits, its time, and the end of whatever it left.

It uses the standard library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import contextlib
import ctypes
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
_SHORTEST = 0.002  # seconds until the clock of a program is looked at again
_TOGETHER, _SETUP = 1.1, 0.1  # of its time a program has with all its processes, and what starting one may take
_RESOURCES = sorted(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
LIBC = ctypes.CDLL(None)
_COUNTS = (("shmctl", 14, 0), ("msgctl", 12, 0), ("semctl", 19, 7))  # SHM_INFO …, and where the number in use stands


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
    """Bind this process and all that it starts; whole seconds of the processor are the outer bound of its time."""
    seconds = int(limits["seconds"] * calls) + 2
    for what, most in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits["disk_mb"] * 2**20),
        (resource.RLIMIT_NOFILE, _MOST_DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
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


class Allowance:
    """The seconds of the processor that a process has for one answer, and a generous wall time for one that sleeps.

    A neighbour that keeps the processor busy costs the program none of its seconds.
    """

    def __init__(self, process: int, limits: dict[str, Any]) -> None:
        self._clock = (~process << 3) | 2  # the clock of a process, as Linux numbers it (CPUCLOCK_SCHED)
        self._seconds, self._wall = limits["seconds"], limits["wall"]
        self._shortest = _SHORTEST / limits["processes"]
        self.renew()

    def renew(self) -> None:
        """Allow as much again, from now on."""
        self._used = self._read()
        self._deadline = time.monotonic() + self._wall

    def left(self) -> float:
        """After how many seconds to look again; 0 when all is used up."""
        left = min(self._seconds - (self._read() - self._used), self._deadline - time.monotonic())
        return max(left, self._shortest) if left > 0 else 0

    def _read(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # it has ended
            return 0.0


def used_by_children() -> float:
    """Seconds of the processor that all processes have used which ended here, whoever started them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def used_too_much(before: float, seconds: float) -> bool:
    """Whether a program and all that it started used more than these seconds; to be asked once all have ended."""
    return used_by_children() - before > _TOGETHER * seconds + _SETUP


def state() -> dict[str, Any]:
    """What a program might change of the worker, to compare with what it was before.

    Processes are not in it, because all are ended, nor what lies in /proc, which is not there.
    """
    lowest = os.dup(0)
    os.close(lowest)
    mask = os.umask(0o22)
    os.umask(mask)
    return {
        "limits": [resource.getrlimit(one) for one in _RESOURCES],
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority),
        "cores": os.sched_getaffinity(0),
        "umask": mask,
        "folder": os.getcwd(),
        "descriptors": lowest,
        "shared memory and queues": [_count(*one) for one in _COUNTS],
        "/tmp": os.listdir(_TMP),
    }


def differences(before: dict[str, Any]) -> str:
    """Empty /tmp, and say what of the state is not as it was before."""
    if left := left_in_tmp():
        return left
    now = state()
    return ", ".join(name for name, value in now.items() if value != before[name])


def left_in_tmp() -> str:
    """Empty /tmp; why that cannot be done, such as folders in folders, too many to go down."""
    try:
        clear_tmp()
    except (OSError, RecursionError) as error:
        return f"/tmp: {error}"
    return ""


def clear_tmp() -> None:
    """Empty the only place that can be written to; an OSError or RecursionError where that fails."""
    for name in os.listdir(_TMP):
        path = os.path.join(_TMP, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _count(function: str, question: int, place: int) -> int:
    """How many of a kind of System V object there are."""
    found = (ctypes.c_int * 64)()
    call = getattr(LIBC, function)
    given = (0, 0, question, found) if function == "semctl" else (0, question, found)
    return -1 if call(*given) < 0 else found[place]


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

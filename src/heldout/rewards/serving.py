"""The process that holds a user's reward: it imports it once, and forks itself for every session of calls.

So each session begins with the reward as it was loaded, whatever the answers before it did to the process: a text that
leaves, kills, hangs or poisons it harms its own session alone. It is started by `heldout.rewards.worker` and talks with
it over what were its standard input and output; the reward's own prints go nowhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import resource
import secrets
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heldout.errors import UsageError
from heldout.rewards.calling import Calling, Case, load
from heldout.sandbox.pool import receive, send

_MEMORY = 4 * 2**30  # bytes that a session may use above what the loaded reward needs
_LONGEST_ERROR = 300
_LOOK = 0.5  # seconds between two looks at what a session does
_IDLE = 0.1  # of the time: what a session uses at most that only waits
WAITS = "waits"  # said of a session that does nothing but wait, before it is answered


def main() -> None:
    """Load what the first message names, and answer until nobody asks."""
    inlet, outlet = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.path.insert(0, os.getcwd())
    calling = _loaded(inlet, outlet)
    while calling:
        try:
            calls, seconds = pickle.loads(receive(inlet))  # from the process that started this one
        except (EOFError, OSError):
            return
        send(outlet, json.dumps(_session(calling, calls, seconds, (inlet, outlet))).encode())


def _loaded(inlet: int, outlet: int) -> Calling | None:
    name, source, columns, renamed, messages, code = pickle.loads(receive(inlet))
    try:
        calling = load(name, columns, renamed, messages=messages, code=code, source=source)
    except UsageError as error:
        send(outlet, json.dumps({"refused": str(error)}).encode())
        return None
    send(outlet, json.dumps({"plan": calling.told}).encode())
    return calling


def _session(
    calling: Calling, calls: Sequence[Sequence[Case]], seconds: Sequence[float], ours: tuple[int, int]
) -> list[dict[str, Any]]:
    """Make these calls one after the other in a child; what each gave, and how the child ended where it did."""
    mark, folder = secrets.token_hex(8), tempfile.mkdtemp(prefix="heldout-")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        for descriptor in (*ours, reading):
            os.close(descriptor)
        _child(calling, calls, writing, mark, folder)
    os.close(writing)
    try:
        found, ended = _heard(reading, mark.encode(), seconds, ours[1])
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        shutil.rmtree(folder, ignore_errors=True)
    if len(found) < len(calls):
        late = seconds[len(found)]
        how = f"it did not end within {late:.3g} s" if ended == "hung" else _how(status)
        found += ended_by(ended, how, len(calls) - len(found), late if ended == "hung" else 0.0)
    return found


def ended_by(kind: str, how: str, calls: int, seconds: float = 0.0) -> list[dict[str, Any]]:
    """What is said of the call that ended a process, and of those after it, which were not made."""
    ended = {"kind": kind, "error": how, "scores": [], "seconds": seconds}
    return [ended, *[{"kind": "not run", "error": "", "scores": [], "seconds": 0.0}] * (calls - 1)]


def _child(calling: Calling, calls: Sequence[Sequence[Case]], writing: int, mark: str, folder: str) -> None:
    """Call the reward, and write what it gave; never returns."""
    try:
        os.setsid()
        os.chdir(folder)  # what answers write there is nobody's
        with contextlib.suppress(ValueError, OSError):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
        for number, cases in enumerate(calls):
            line = json.dumps(_called(calling, cases))
            left = memoryview(f"\n{mark} {number} {line}\n".encode())
            while left:
                left = left[os.write(writing, left) :]
    except SystemExit as leaves:
        os._exit(_status(leaves.code))
    except BaseException:
        os._exit(1)
    os._exit(0)


def _status(code: object) -> int:
    """With which status Python ends where this is raised as SystemExit."""
    return 0 if code is None else code & 0xFF if isinstance(code, int) else 1


def _called(calling: Calling, cases: Sequence[Case]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        scores, kind, error = calling(cases), "scored", ""
    except Exception as raised:
        scores, kind, error = [], "raised", f"{type(raised).__name__}: {raised!s:.{_LONGEST_ERROR}}"
    return {"kind": kind, "error": error, "scores": scores, "seconds": time.perf_counter() - started}


def _heard(pipe: int, mark: bytes, seconds: Sequence[float], outlet: int) -> tuple[list[dict[str, Any]], str]:
    """Read what the calls gave; also whether the child died or hung where some are missing."""
    found: list[dict[str, Any]] = []
    waiting, data = _Waiting(pipe, outlet), b""
    deadline = time.monotonic() + seconds[0]
    while len(found) < len(seconds):
        if not waiting.heard(deadline):
            return found, "hung"
        part = os.read(pipe, 2**16)
        if not part:
            return found, "died"
        *lines, data = (data + part).split(b"\n")
        for line in lines:
            ours = mark + b" %d " % len(found)  # a reward that an answer forked says each number twice
            if line.startswith(ours):  # anything else was written by an answer
                found.append(json.loads(line[len(ours) :]))
                deadline = time.monotonic() + sum(seconds[len(found) : len(found) + 1])
    return found, ""


class _Waiting:
    """Waits for what a session writes; says once to who asked where the session does nothing but wait as well."""

    def __init__(self, pipe: int, outlet: int) -> None:
        self._poll, self._outlet = select.poll(), outlet
        self._poll.register(pipe, select.POLLIN)
        self._told = os.getppid() != 1  # without a space of its own it cannot know
        self._used = 0.0

    def heard(self, deadline: float) -> bool:
        """Wait until there is something to read; False where that is late."""
        while not self._told and deadline - time.monotonic() > _LOOK:
            if self._poll.poll(_LOOK * 1000):
                return True
            used, busy = _processor()
            if not busy and used - self._used < _IDLE * _LOOK:
                send(self._outlet, json.dumps(WAITS).encode())
                self._told = True
            self._used = used
        return bool(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _processor() -> tuple[float, bool]:
    """Seconds of the processor that the other processes of this space have used, and whether one wants it now."""
    used, busy = 0.0, False
    for one in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = one.read_text().rpartition(")")[2].split()  # from the state on
            if one.parent.name != str(os.getpid()):
                used += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
                busy |= fields[0] in "RD"
    return used, busy


def _how(status: int) -> str:
    """Say how a process ended."""
    if os.WIFSIGNALED(status):
        return f"it was ended by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"it left with exit status {os.waitstatus_to_exitcode(status)}"


if __name__ == "__main__":
    main()

"""Runs inside the bubblewrap sandbox as its first process: forks a child for each program, and hands its answers on.

The host starts this file with the limits as its argument, sends programs on stdin and reads answers from stdout. As
process 1 of its namespace it cannot be killed from within; not being dumpable, it cannot be traced or read. The
children are in the hands of the programs, so what they write is passed on, limited in length and in time, but not
believed.

It uses the standard library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import builtins
import collections  # noqa: F401  (imported before the fork, so that no program waits for what most of them import)
import ctypes
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import itertools  # noqa: F401
import json
import math  # noqa: F401
import os
import random  # noqa: F401
import re  # noqa: F401
import select
import signal
import string  # noqa: F401
import sys
import time
import typing  # noqa: F401
from typing import Any, NoReturn

from heldout.sandbox.inside import calls, confine, stdin

_RESULT = 3  # the descriptor on which a child writes its answers
_NOT_DUMPABLE = (4, 0, 0, 0, 0)  # prctl(PR_SET_DUMPABLE, 0)


def main() -> NoReturn:
    """Say what holds here, then serve until stdin is closed, which ends everything in the namespace."""
    if os.getpid() != 1:  # it kills every process it can see: outside a sandbox that would be the user's
        sys.exit("This file runs inside the bubblewrap sandbox only.")
    limits = json.loads(sys.argv[1])
    sys.path.pop(0)
    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 is deaf to signals that it does not handle
    traceable = ctypes.CDLL(None).prctl(*_NOT_DUMPABLE)
    builtins.__dict__.update(exit=sys.exit, quit=sys.exit)  # the `site` module, which is not loaded, would supply them
    own = confine.in_use()
    gc.collect()
    gc.freeze()
    _send({"hidden": not traceable, "processes": confine.forks_allowed(limits), "python": sys.version})
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    while True:
        request = _receive()
        if request is None:
            os._exit(0)
        request["limits"]["address_space"] = own + request["limits"]["memory_mb"] * 2**20
        _send(*_judge(request))
        confine.clear_tmp()


def _judge(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Run one program in a child and collect what it says; afterwards no process of it is left."""
    if request["kind"] == "stdin":
        printed, ended = stdin.runs(request)
        return {"ended": ended, "status": 0}, b"\n".join(printed)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _run(request, writing)
        finally:  # whatever happens, a child never becomes a second worker
            os._exit(0)
    os.close(writing)
    lines, ended = _collect(reading, request["answers"], request["limits"])
    os.close(reading)
    return {"ended": ended, "status": confine.kill_all(child)}, b"\n".join(lines)


def _collect(reading: int, calls: int, limits: dict[str, Any]) -> tuple[list[bytes], str]:
    """One line per call, each in its time; a forged line takes the place of one call's answer."""
    lines: list[bytes] = []
    rest = b""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    deadline = time.monotonic() + limits["seconds"]
    while len(lines) < calls:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return lines, "timeout"
        chunk = os.read(reading, 65536)
        if not chunk:
            return lines, "died"
        *whole, rest = (rest + chunk).split(b"\n")
        if max(map(len, [*whole, rest])) > limits["line_bytes"]:
            return lines, "large"
        if whole:
            lines += whole
            deadline = time.monotonic() + limits["seconds"]
    return lines[:calls], "answered"


def _run(request: dict[str, Any], writing: int) -> None:
    """The child: from here on the program is in control, so this process is worth no trust."""
    confine.enter(request["limits"], request["answers"], (None, None, None, writing))
    for line in calls.answers(request):
        _write(line)


def _write(line: str) -> None:
    data = (line + "\n").encode()
    while data:
        data = data[os.write(_RESULT, data) :]


def _receive() -> dict[str, Any] | None:
    size = _read(8)
    data = None if size is None else _read(int.from_bytes(size, "big"))
    return None if data is None else json.loads(data)


def _read(count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        parts.append(os.read(0, count))
        if not parts[-1]:
            return None
        count -= len(parts[-1])
    return b"".join(parts)


def _send(header: dict[str, Any], body: bytes = b"") -> None:
    data = json.dumps(header).encode() + b"\n" + body
    data = len(data).to_bytes(8, "big") + data
    while data:
        data = data[os.write(1, data) :]

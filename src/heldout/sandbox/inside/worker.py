"""Runs inside the bubblewrap sandbox as its first process: forks a child for each program, and hands its answers on.

The host starts this file with the limits as its argument, sends programs on stdin and reads answers from stdout. As
process 1 of its namespace it cannot be killed from within; not being dumpable, it cannot be traced or read. The
children are in the hands of the programs, so what they write is passed on, limited in length and in time, but not
believed.

It uses the standard library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import bisect  # noqa: F401  (imported before the fork, so that no program waits for what most of them import)
import builtins
import collections  # noqa: F401
import copy  # noqa: F401
import datetime  # noqa: F401
import functools  # noqa: F401
import gc
import heapq  # noqa: F401
import importlib
import itertools  # noqa: F401
import json
import math  # noqa: F401
import os
import random  # noqa: F401
import re  # noqa: F401
import select
import signal
import socket
import statistics  # noqa: F401
import string  # noqa: F401
import sys
import typing  # noqa: F401
from typing import Any, NoReturn

from heldout.sandbox.inside import calls, confine, serve, stdin

_RESULT = 3  # the descriptor on which a child writes its answers
_READY = b"\n"  # what a child writes first; until then the program has no part in what goes wrong
_BROKEN = 70  # exit status of a child whose program spoilt what writes its answers
_MOST_TOLD = 2**24  # bytes that a child tells beside what it is asked for
_PACKAGES = "/heldout/packages"
_NOT_DUMPABLE = (4, 0, 0, 0, 0)  # prctl(PR_SET_DUMPABLE, 0)


def main() -> NoReturn:
    """Say what holds here, then serve until stdin is closed, which ends everything in the namespace."""
    if os.getpid() != 1:  # it kills every process it can see: outside a sandbox that would be the user's
        sys.exit("This file runs inside the bubblewrap sandbox only.")
    limits = json.loads(sys.argv[1])
    refused = _import(sys.argv[2:])
    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 is deaf to signals that it does not handle
    traceable = confine.LIBC.prctl(*_NOT_DUMPABLE)
    builtins.__dict__.update(exit=sys.exit, quit=sys.exit)  # the `site` module, which is not loaded, would supply them
    own = confine.in_use()
    gc.collect()
    gc.freeze()
    hello = {"hidden": not traceable, "processes": confine.forks_allowed(limits)}
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    confine.clear_tmp()  # packages may have left something
    clean = confine.state()
    _send({**hello, "version": sys.version_info[:2], "refused": refused})
    while True:
        request = _receive()
        if request is None:
            os._exit(0)
        request["limits"]["address_space"] = own + request["limits"]["memory_mb"] * 2**20
        header, lines = _judge(request)
        header["spoiled"] = confine.differences(clean)
        _send(header, b"\n".join(lines))
        if header["spoiled"]:  # no other program may run here; the host starts another worker
            os._exit(0)


def _import(packages: list[str]) -> str:
    """Import what programs may, before the limits and the forks; why one cannot be."""
    sys.path[:] = [*sys.path[1:], _PACKAGES]
    try:
        for name in packages:
            importlib.import_module(name)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _judge(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Run one program in a child and collect what it says; afterwards no process of it is left."""
    if request["kind"] == "stdin":
        lines, ended = stdin.runs(request)
        return {"ended": ended, "status": 0}, lines
    given = () if request["kind"] == "calls" else _given(request["passage"])
    before = confine.used_by_children()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _run(request, writing, given)
            os._exit(0)
        finally:  # whatever happens, a child never becomes a second worker
            os._exit(_BROKEN)
    for one in (writing, *given):
        os.close(one)
    if request["kind"] == "calls":
        lines, ended = _collect(reading, child, request["answers"], request["limits"])
    else:
        lines, ended = _attend(reading, child, request["limits"], request["kind"] == "serve")
    os.close(reading)
    status = confine.kill_all(child)
    if request["kind"] == "serve":  # the host says that nobody asks any more
        _receive()
    too_much = confine.used_too_much(before, request["limits"]["seconds"] * request["answers"])
    if too_much:
        lines, ended = [], "timeout"
    return {"ended": ended, "status": status, "too much": too_much}, lines


def _collect(reading: int, child: int, answers: int, limits: dict[str, Any]) -> tuple[list[bytes], str]:
    """One line per answer, each in its time; a forged line takes the place of one answer."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    lines: list[bytes] = []
    rest, ready = b"", False
    allowance = confine.Allowance(child, limits)
    while len(lines) < answers:
        while not poll.poll(1000 * allowance.left()):
            if not allowance.left():
                return lines, "timeout" if ready else "unready"
        chunk = os.read(reading, 65536)
        if not chunk:
            return lines, "died" if ready else "unready"
        chunk, ready = chunk.removeprefix(b"" if ready else _READY), True
        *whole, rest = (rest + chunk).split(b"\n")
        if max(map(len, [*whole, rest])) > limits["line_bytes"]:
            return lines, "large"
        if whole:
            lines += whole
            allowance.renew()
    return lines[:answers], "answered"


def _attend(reading: int, child: int, limits: dict[str, Any], is_ended_by_host: bool) -> tuple[list[bytes], str]:
    """Wait while the child and that of another worker speak with each other, and read what it tells beside."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    if is_ended_by_host:
        poll.register(0, select.POLLIN)
    allowance = confine.Allowance(child, limits)
    told, ended, most = [b""], "timeout", _MOST_TOLD if not is_ended_by_host else limits["line_bytes"]
    while left := allowance.left():
        ready = dict(poll.poll(1000 * left))
        if reading in ready:
            told.append(os.read(reading, 65536))
            most -= len(told[-1])
            if not told[-1] or most < 0:
                ended = "died"
                break
        if 0 in ready:
            ended = "answered"
            break
    lines = b"".join(told)
    return lines.split(b"\n")[1:-1], ended if lines.startswith(_READY) else "unready"


def _given(passage: int) -> tuple[int, ...]:
    """The two ends of pipes that lead to another sandbox, which the host has passed in."""
    with socket.socket(fileno=os.dup(passage)) as opened:
        return tuple(socket.recv_fds(opened, 1, 2)[1])


def _run(request: dict[str, Any], writing: int, given: tuple[int, ...]) -> None:
    """The child: from here on the program is in control, so this process is worth no trust."""
    confine.enter(request["limits"], request["answers"], (None, None, None, writing, *given))
    os.write(_RESULT, _READY)
    if request["kind"] == "serve":
        serve.main(request)
    elif request["kind"] == "checks":  # of a worker that has loaded what it needs
        importlib.import_module("heldout.sandbox.inside.checks").main(request, _write)
    else:
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

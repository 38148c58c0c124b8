"""Runs inside the bubblewrap sandbox as its first process: forks a child for each program, and hands its answers on.

The host starts this file with the limits as its argument, sends programs on stdin and reads answers from stdout. As
process 1 of its namespace it cannot be killed from within; not being dumpable, it cannot be traced or read. The children
are in the hands of the programs, so what they write is passed on, limited in length and in time, but not believed.

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
import mmap
import os
import random
import re  # noqa: F401
import resource
import select
import shutil
import signal
import string  # noqa: F401
import sys
import time
import types
import typing  # noqa: F401
from typing import Any, NoReturn

from heldout.sandbox.values import NotPlain, decode, encode

_RESULT = 3  # the descriptor on which a child writes its answers
_NOT_DUMPABLE = (4, 0, 0, 0, 0)  # prctl(PR_SET_DUMPABLE, 0)
_LONGEST_ERROR = 300
_TMP = "/tmp"


def main() -> NoReturn:
    """Say what holds here, then serve until stdin is closed, which ends everything in the namespace."""
    limits = json.loads(sys.argv[1])
    sys.path.pop(0)
    os.environ.clear()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # process 1 is deaf to signals that it does not handle
    traceable = ctypes.CDLL(None).prctl(*_NOT_DUMPABLE)
    limits["address_space"] = _in_use() + limits["memory_mb"] * 2**20
    gc.collect()
    gc.freeze()
    _send(
        {"first": os.getpid() == 1, "hidden": not traceable, "processes": _forks_allowed(limits), "python": sys.version}
    )
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    while True:
        request = _receive()
        if request is None:
            os._exit(0)
        _send(*_judge(request, limits))
        _clear_tmp()


def _judge(request: dict[str, Any], limits: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Run one program in a child and collect what it says; afterwards no process of it is left."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            _run(request, limits, writing)
        finally:  # whatever happens, a child never becomes a second worker
            os._exit(0)
    os.close(writing)
    lines, ended = _collect(reading, len(request["calls"]), limits)
    os.close(reading)
    return {"ended": ended, "status": _kill_all(child)}, b"\n".join(lines)


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


def _kill_all(child: int) -> int:
    """End every other process of the namespace; the exit status of the child, negative for a signal."""
    status = 0
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            pid, ended = os.wait()
        except ChildProcessError:
            return status
        if pid == child:
            status = -os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else os.WEXITSTATUS(ended)


def _clear_tmp() -> None:
    """Empty the only place that can be written to; a worker that cannot ends, and the host starts another."""
    for name in os.listdir(_TMP):
        path = os.path.join(_TMP, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _run(request: dict[str, Any], limits: dict[str, Any], writing: int) -> None:
    """The child: from here on the program is in control, so this process is worth no trust."""
    os.dup2(writing, _RESULT)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.closerange(_RESULT + 1, 1024)
    os.setpgid(0, 0)
    _limit(limits, len(request["calls"]))
    random.seed(0)
    try:
        function = _define(request["source"], request["entry"])
    except BaseException as error:
        _write([_from_error(error, defining=True)] * len(request["calls"]))
    else:
        for arguments in request["calls"]:
            _write([_call(function, decode(arguments), limits["output_bytes"])])


def _limit(limits: dict[str, Any], calls: int) -> None:
    seconds = int(limits["seconds"] * calls) + 2
    for what, most in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, limits["disk_mb"] * 2**20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, limits["processes"] + 1),  # this worker counts as one
    ):
        resource.setrlimit(what, (most, most))


def _define(source: str, entry: str) -> Any:
    module = types.ModuleType("program")  # a real one: dataclasses look it up
    sys.modules["program"] = module
    builtins.__dict__.setdefault("exit", sys.exit)  # the `site` module, which is not loaded, would supply them
    builtins.__dict__.setdefault("quit", sys.exit)
    code = compile(source, "program", "exec", dont_inherit=True)
    exec(code, module.__dict__)
    if entry not in module.__dict__:
        raise NameError("name {!r} is not defined".format(entry))
    return module.__dict__[entry]


def _call(function: Any, arguments: list[Any], largest: int) -> str:
    try:
        value = function(*arguments)
    except BaseException as error:
        return _from_error(error)
    try:
        line = encode(value)
    except (NotPlain, RecursionError) as error:
        return encode(["refused", str(error)[:_LONGEST_ERROR]])
    except BaseException as error:
        return _from_error(error)
    if len(line) > largest:
        return encode(["refused", "It returned {} bytes; the limit is {}.".format(len(line), largest)])
    return '["returned",{}]'.format(line)


def _from_error(error: BaseException, defining: bool = False) -> str:
    if isinstance(error, MemoryError):
        return encode(["memory", "MemoryError"])
    try:
        text = "{}: {}".format(type(error).__name__, error)[:_LONGEST_ERROR]
    except BaseException:  # an error may have a __str__ of its own
        text = "an error that cannot be printed"
    in_text = isinstance(error, SyntaxError) or (isinstance(error, ValueError) and "null bytes" in text)
    return encode(["syntax" if defining and in_text else "raised", text])


def _write(lines: list[str]) -> None:
    data = "".join(line + "\n" for line in lines).encode()
    while data:
        data = data[os.write(_RESULT, data) :]


def _forks_allowed(limits: dict[str, Any]) -> int:
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
    _kill_all(child)
    return os.WEXITSTATUS(reading)


def _in_use() -> int:
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


def _receive() -> dict[str, Any] | None:
    size = _read(8)
    data = None if size is None else _read(int.from_bytes(size, "big"))
    return None if data is None else json.loads(data)


def _read(count: int) -> bytes | None:
    data = b""
    while len(data) < count:
        chunk = os.read(0, count - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def _send(header: dict[str, Any], body: bytes = b"") -> None:
    data = json.dumps(header).encode() + b"\n" + body
    data = len(data).to_bytes(8, "big") + data
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()

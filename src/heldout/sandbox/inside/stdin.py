"""Runs of a whole program inside the bubblewrap sandbox: a fresh process for each input, forked from the worker.

The worker's side reads what the program prints, bounded in length and in time, and sees how its process ended; of what
the program says itself it takes the text of an error and nothing else. It uses the standard library alone and runs
under whatever Python the sandbox has.
"""

from __future__ import annotations

import atexit
import json
import marshal
import os
import select
import signal
import sys
import types
from typing import Any

from heldout.sandbox.inside import calls, confine

_REPORT, _COMPILED = 3, 4  # descriptors of the program's side, beside its stdin, stdout and stderr
_LONGEST_REPORT = 4000  # bytes
_READY = b"\n"  # what the program's side writes first; until then the program has no part in what goes wrong
_FAILED = 1  # Python's exit status after an error
_UNFLUSHED = 120  # and where the output could not be written at the end
_LEFT = "left the program"


def runs(request: dict[str, Any]) -> tuple[list[bytes], str]:
    """Run the program once for each input: a line for each run, and how the last one was ended.

    A run that is stopped is the last, and has no line.
    """
    lines: list[bytes] = []
    compiled = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
    try:
        for text in request["inputs"]:
            printed, ended, status, report = _run(request, text.encode(errors="surrogatepass"), compiled)
            if ended != "answered":
                return lines, ended
            lines.append(json.dumps([*_outcome(status, report), printed.decode(errors="replace")]).encode())
            if confine.left_in_tmp():
                return lines, "litter"
    finally:
        os.close(compiled)
    return lines, "answered"


def _run(request: dict[str, Any], given: bytes, compiled: int) -> tuple[bytes, str, int, bytes]:
    """What one run printed, how it was ended, its exit status, and what it says of its error."""
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_report, theirs_report = os.pipe()
    before = confine.used_by_children()
    child = os.fork()
    if not child:
        try:
            confine.enter(request["limits"], 1, (theirs_in, theirs_out, None, theirs_report, compiled))
            os.write(_REPORT, _READY)
            _run_as_main(request["source"])
        finally:  # whatever happens, a child never becomes a second worker
            os._exit(_FAILED)
    for one in (theirs_in, theirs_out, theirs_report):
        os.close(one)
    printed, ended = _printed(given, ours_in, ours_out, child, request["limits"])
    status = confine.kill_all(child)
    os.close(ours_out)
    with open(ours_report, "rb") as report:  # nobody writes to it any more
        said = report.read(_LONGEST_REPORT)
    if not said.startswith(_READY):
        ended = "unready"
    elif status == -signal.SIGXCPU or confine.used_too_much(before, request["limits"]["seconds"]):
        ended = "timeout"
    return printed, ended, status, said


def _printed(given: bytes, to: int, of: int, child: int, limits: dict[str, Any]) -> tuple[bytes, str]:
    """Let the process read and print until it has ended, or until it is stopped."""
    allowance = confine.Allowance(child, limits)
    process, unread, parts, size = os.pidfd_open(child), memoryview(given), [], 0
    os.set_blocking(to, False)
    poll = select.poll()
    poll.register(to, select.POLLOUT)
    poll.register(of, select.POLLIN)
    ended = "timeout"
    while left := allowance.left():
        ready = dict(poll.poll(1000 * left))
        if to in ready:
            unread = unread[_write(to, unread) :]
            if not unread:
                poll.unregister(to)
                os.close(to)
        if of in ready:
            parts.append(os.read(of, 2**16))
            size += len(parts[-1])
            if size > limits["output_bytes"]:
                ended = "large"
                break
            if not parts[-1]:  # what closes its stdout may still run for a while
                poll.unregister(of)
                poll.register(process, select.POLLIN)
        if process in ready:
            ended = "answered"
            break
    if unread:
        os.close(to)
    os.close(process)
    return b"".join(parts), ended


def _write(to: int, unread: memoryview) -> int:
    try:
        return os.write(to, unread)
    except BrokenPipeError:  # nobody reads any more
        return len(unread)


def _outcome(status: int, report: bytes) -> tuple[str, str]:
    """How the run ended and why; a program that writes its own report can choose only between failures."""
    if not status:
        return "returned", ""
    try:
        (kind, error), _ = json.JSONDecoder().raw_decode(report.decode(errors="replace").lstrip())  # the first
        if kind in (_LEFT, "raised", "memory", "syntax", "needs a package") and isinstance(error, str):
            return kind, error
    except (ValueError, TypeError):
        pass
    if status < 0:
        return "raised", f"The process was ended by signal {-status}."
    return _LEFT, f"It left with exit status {status}."


def _run_as_main(source: str) -> None:
    """The program's side: run it, and end as Python ends: threads, exit handlers, output."""
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    sys.argv[:] = ["program"]
    status = _FAILED
    try:
        exec(_compiled(source), main.__dict__)
        status = 0
    except SystemExit as error:
        status = _exit_status(error.code)
        _report(json.dumps([_LEFT, f"It left with exit status {status}."]))
    except BaseException as error:
        _report(calls.from_error(error, defining=True))
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        status = status or _UNFLUSHED
    os._exit(status)


def _compiled(source: str) -> types.CodeType:
    """The first run compiles, and leaves the code to the others; closed before the program begins."""
    with open(_COMPILED, "rb+") as file:
        file.seek(0)  # all runs share one place in it, which is the end after the first
        left = file.read()
        code: types.CodeType = marshal.loads(left) if left else compile(source, "program", "exec", dont_inherit=True)
        if not left:
            file.write(marshal.dumps(code))
    return code


def _exit_status(code: object) -> int:
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else _FAILED  # a text goes to stderr


def _report(said: str) -> None:
    os.write(_REPORT, said.encode())

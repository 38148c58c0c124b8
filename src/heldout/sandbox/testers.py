"""Tests that are a program (`heldout.sandbox.base.Checks`), run in a bubblewrap sandbox of their own.

Beside a harness in its own process a program can do as it likes: replace what compares, answer yes to every comparison,
read what is expected. So there are three parties. The program is in one sandbox, the tests in another, where proxies
stand for the program's names (`heldout.sandbox.inside.proxies`), and two pipes lead from one to the other. The host
makes the pipes and keeps no end of them; it knows which items there are, reads what the tests say of each, and sees how
both processes ended.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from typing import Any, Protocol

from heldout.errors import SandboxError, UsageError
from heldout.sandbox.base import Answer, Checks, Limits, Program, Status
from heldout.sandbox.packages import Packages, installed
from heldout.sandbox.pool import GRACE, Pool, WorkerDied
from heldout.sandbox.values import decode

LIMITS = Limits(memory_mb=1024, processes=8, disk_mb=64)  # of the tests, which are no matter of the program's
_USUAL = ("pytest", "numpy")
_ALWAYS = ("unittest", "heldout.sandbox.inside.checks")  # what a worker loads before it forks
_BARE = Packages(_ALWAYS, ())
BROKEN = 70  # the exit status of a child whose program spoilt what writes its answers
_OUT_OF_TIME = (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGALRM)
_LONGEST_LINE = 10_000  # bytes, more than a program says beside its answers
_TOO_LATE = "It did not end within {seconds} s of the processor or {wall} s in all."


class Walled(Protocol):
    """A worker that can be given ends of pipes with a question."""

    limits: Limits

    def begin(self, question: dict[str, Any], passed: Sequence[int] = ()) -> None:
        """Ask; errors as of `Worker.send`."""

    def end(self, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        """Wait for how it ended, and what it told; errors as of `Worker.receive`."""


class _ProgramLost(Exception):
    """The worker with the program died, and not the one with the tests."""


class Testers:
    """Workers that run tests: those that have packages, for tests that name one, and others, which fork faster.

    The first of each starts when it is needed.
    """

    __test__ = False  # pytest is not meant

    def __init__(self, start: Callable[[Limits, Packages], Any], workers: int, packages: Sequence[str]) -> None:
        self._start, self._workers = start, workers
        found = [_installed(name) for name in (*_USUAL, *packages)]
        imports = tuple(name for one in found for name in one.imports)
        self._packages = Packages(
            (*imports, *_ALWAYS), tuple(dict.fromkeys(path for one in found for path in one.paths))
        )
        self._opening = threading.Lock()
        self._pools: dict[Packages, Pool[Any]] = {}

    def close(self) -> None:
        """End the workers."""
        with self._opening:
            for pool in self._pools.values():
                pool.close()

    def answers(self, worker: Walled, program: Program) -> list[Answer]:
        """Let tests run against a program in this worker; errors as of `Worker.receive` when it dies."""
        limits = program.limits or worker.limits
        return [
            answer
            for checks in program.inputs
            if isinstance(checks, Checks)
            for answer in self._checked(worker, program, checks, limits)
        ]

    def _checked(self, worker: Walled, program: Program, checks: Checks, limits: Limits) -> list[Answer]:
        count = len(checks.items)
        try:
            packages = self._of(program, checks)
            if checks.runner == "pytest" and "pytest" not in packages.imports:
                return [
                    Answer(Status.INFRASTRUCTURE, error="its tests need pytest, which the Python in bubblewrap lacks")
                ] * count
            pool = self._pool(packages)
            return pool.ask(lambda tester: _met(worker, tester, program, checks, limits))
        except (WorkerDied, SandboxError) as died:
            return [Answer(Status.INFRASTRUCTURE, error=f"The tests could not be run ({died}).")] * count
        except _ProgramLost as lost:
            raise (lost.__cause__ or lost) from None

    def _of(self, program: Program, checks: Checks) -> Packages:
        """The packages that tests have, where they or the program name one."""
        named = checks.runner == "pytest" or self._packages.named_in(replace(program, inputs=(checks,)))
        if named and self._packages != _BARE:
            try:
                self._pool(self._packages)
            except SandboxError:  # they are for another Python, or cannot be read by everybody
                self._packages = _BARE
        return self._packages if named else _BARE

    def _pool(self, packages: Packages) -> Pool[Any]:
        with self._opening:
            if packages not in self._pools:
                first = self._start(LIMITS, packages)
                self._pools[packages] = Pool(lambda: self._start(LIMITS, packages), self._workers, first)
            return self._pools[packages]


def _installed(name: str) -> Packages:
    try:
        return installed([name])
    except UsageError:
        return Packages((), ())


def _met(worker: Walled, tester: Walled, program: Program, checks: Checks, limits: Limits) -> list[Answer]:
    """Run both, each with one end of two pipes."""
    count = len(checks.items)
    common = {"entry": program.entry, "answers": 1, "seconds": limits.seconds, "wall": limits.wall}
    seconds, wall = count * limits.seconds, count * limits.wall
    serve = {"kind": "serve", "source": program.source, "limits": _told(limits, seconds, wall)}
    test = {"kind": "checks", **checks._asdict(), "limits": _told(LIMITS, wall, wall)}
    with ExitStack() as ends:
        asking, answering = os.pipe(), os.pipe()
        for end in (*asking, *answering):
            ends.callback(os.close, end)
        _of_program(worker.begin, common | serve, (asking[0], answering[1]))
        try:
            tester.begin(common | test, (answering[0], asking[1]))
            ends.close()
            header, lines = tester.end(wall + GRACE)
        finally:
            ends.close()
            _of_program(worker.begin, {"kind": "nobody asks any more"})
            ended, _ = _of_program(worker.end, GRACE)
    return _answers(checks, lines, header, ended, limits)


def _of_program(call: Callable[..., Any], *given: Any) -> Any:
    try:
        return call(*given)
    except (OSError, EOFError, SandboxError) as error:
        raise _ProgramLost from error


def _told(limits: Limits, seconds: float, wall: float) -> dict[str, Any]:
    return {**asdict(limits), "seconds": seconds, "wall": wall, "line_bytes": _LONGEST_LINE}


def _answers(
    checks: Checks, lines: list[bytes], header: dict[str, Any], ended: dict[str, Any], limits: Limits
) -> list[Answer]:
    """One for each item: the first that failed of its outcomes, where all must pass; what was not told has failed."""
    if ended["too much"]:  # with all that it started, over all items: whichever passed did so on time of others
        return [_too_late(limits)] * len(checks.items)
    found: dict[int, list[Answer]] = {}
    for line in lines:
        match decode(line):
            case [int(place), str(status), bool(passed), str(text)]:
                found.setdefault(place, []).append(_answer(status, passed, text, ended, limits))
    late = header["ended"] == "timeout" or header["status"] in _OUT_OF_TIME
    missing = _too_late(limits) if late else Answer(Status.RAISED, error="The tests ended before this one.")
    told = [found.get(place, [missing]) for place in range(len(checks.items))]
    return [next((one for one in outcomes if not one.value), outcomes[0]) for outcomes in told]


def _answer(status: str, passed: bool, text: str, ended: dict[str, Any], limits: Limits) -> Answer:
    if status == "gone":
        if ended["ended"] == "timeout" or ended["status"] in _OUT_OF_TIME:
            return _too_late(limits)
        return left(ended["status"])
    if status == Status.PACKAGE and not text.isidentifier():
        status = Status.RAISED
    return Answer(Status(status), passed if status == Status.RETURNED else None, text)


def _too_late(limits: Limits) -> Answer:
    return Answer(Status.TIMEOUT, error=_TOO_LATE.format(seconds=limits.seconds, wall=limits.wall))


def left(code: int) -> Answer:
    """Why there is no answer of a process that ended with this status, negative for a signal."""
    if code < 0 or code == BROKEN:
        ended = f"signal {-code}" if code < 0 else f"exit status {code}"
        return Answer(Status.RAISED, error=f"The process ended with {ended} before it answered.")
    return Answer(Status.LEFT, error=f"The program left with exit status {code} before it answered.")

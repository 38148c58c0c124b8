"""The whole of CPython behind Linux namespaces, made by `bubblewrap`: a worker per sandbox that forks for each program.

Covered, each by an attack in tests/sandbox: endless loops (wall and CPU time); memory; processes and threads (a limit
that each worker tries before it says it is ready); the network, of which there is none; the host's files, of which
only /usr and the interpreter are there, read-only; the environment, which is empty; disk (a small /tmp in memory,
emptied after each program); output; signals (the worker is process 1 of its namespace, deaf to its children) and
tracing; forged results, which are only values; exit, overridden comparison, frames, garbage collector and patched
builtins, because there is nothing to find: the expected values are not there.

Not covered: holes in the kernel, whose system calls are not filtered; reading what lies in /usr; memory outside a
process's address space (System V shared memory, memfd) and the kernel's own, which only a memory limit on the cgroup
of the host's process bounds. The memory limit holds per process, so `processes` of them may take as many times as
much.

It never runs as root: a process limit does not hold for root. Started by root, the workers become the user of
`UNPRIVILEGED`; otherwise they are the user who starts them, in a user namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from heldout.errors import MissingSandbox, SandboxError
from heldout.sandbox.base import Answer, Call, Checks, Input, Limits, Program, Sandbox, Status, Stdin, default_workers
from heldout.sandbox.pool import Pool, Worker, WorkerDied
from heldout.sandbox.values import NotPlain, decode, encode

UNPRIVILEGED = 65534  # nobody
_GRACE = 10.0  # seconds that a worker may be late before it counts as dead
_START = 30.0
_OVERHEAD = 1000  # bytes of a line beside the value
_INSIDE = "/heldout"  # where the worker's files lie in the sandbox
_FILES = ("values.py", "inside/worker.py", "inside/confine.py", "inside/calls.py", "inside/stdin.py")
_COMMAND = f"import sys; sys.path[0] = {_INSIDE!r}; from heldout.sandbox.inside.worker import main; main()"
_UNANSWERED = {
    "timeout": (Status.TIMEOUT, "It did not answer within {seconds} s."),
    "large": (Status.REFUSED, "It wrote more than {output_bytes} bytes for one answer."),
}


class Bubblewrap(Sandbox):
    """Judges programs in CPython behind namespaces; see `heldout.sandbox.bubblewrap` for what is covered.

    Parameters and errors are those of `open_sandbox`; each worker is a sandbox of its own.
    """

    name = "bubblewrap"

    def __init__(self, workers: int | None = None, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        first = _first_worker(limits)
        self._python = first.python
        self._pool = Pool(lambda: _Worker(self._python, limits), workers or default_workers(), first)

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        return self._pool.map(self._answers, programs)

    def close(self) -> None:
        self._pool.close()

    def _answers(self, program: Program) -> list[Answer]:
        try:
            return self._pool.ask(lambda worker: worker.ask(program))
        except WorkerDied as died:
            reason = f"The worker died twice under this program ({died})."
            return [Answer(Status.INFRASTRUCTURE, error=reason)] * program.answers


class _Worker(Worker):
    """One sandbox with its worker process."""

    def __init__(self, python: str, limits: Limits) -> None:
        super().__init__(_start(python, limits))
        self.python = python
        self.limits = limits
        try:
            _refuse_open_doors(json.loads(self.receive(_START)), limits)
        except SandboxError:
            self.close()
            raise
        except (EOFError, TimeoutError, ValueError):
            reason = self._last_words()
            self.close()
            raise SandboxError(
                f"bubblewrap does not start {python} here ({reason}); it needs version 0.8 or later, user namespaces "
                "that are open to ordinary users, and a Python that everybody may read."
            ) from None

    def ask(self, program: Program) -> list[Answer]:
        """Send a program and wait for its answers; an OSError or EOFError when the worker died or went silent."""
        if program.kind is Checks:
            return [Answer(Status.UNSUPPORTED, error="bubblewrap cannot be asked for Checks.")] * program.answers
        limits = program.limits or self.limits
        request = {
            "kind": "stdin" if program.kind is Stdin else "calls",
            "source": program.source,
            "entry": program.entry,
            "inputs": [*map(_given, program.inputs)],
            "answers": program.answers,
            "limits": {**asdict(limits), "line_bytes": limits.output_bytes + _OVERHEAD},
        }
        self.send(json.dumps(request).encode())
        data = self.receive(limits.seconds * program.answers + _GRACE)
        header, _, body = data.partition(b"\n")
        read = _printed if program.kind is Stdin else _answer
        answers = [read(line, limits) for line in body.split(b"\n")] if body else []
        return answers + [_unanswered(json.loads(header), limits)] * (program.answers - len(answers))

    def _last_words(self) -> str:
        self.kill()
        assert self.process.stderr is not None
        lines = self.process.stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it says nothing"


def _given(one: Input) -> str:
    """What goes in, as a text."""
    match one:
        case Call():
            return encode([list(one.args), dict(one.kwargs)])
        case Stdin():
            return one.text
    raise AssertionError(one)


def _printed(line: bytes, limits: Limits) -> Answer:
    """Read what the worker says of one run; what was printed is kept also where it failed."""
    status, error, text = json.loads(line)
    return Answer(Status(status), text, error)


def _answer(line: bytes, limits: Limits) -> Answer:
    """Read a line that the program itself may have written."""
    try:
        match decode(line):
            case ["returned", value] if len(line) <= limits.output_bytes + _OVERHEAD:
                return Answer(Status.RETURNED, value)
            case [("raised" | "refused" | "syntax" | "memory") as status, str(error)]:
                return Answer(Status(status), error=error)
    except NotPlain:
        pass
    return Answer(Status.REFUSED, error="The program replaced what writes its answers.")


def _unanswered(header: dict[str, Any], limits: Limits) -> Answer:
    """Why a call has no answer of its own."""
    if header["ended"] in _UNANSWERED:
        status, text = _UNANSWERED[header["ended"]]
        return Answer(status, error=text.format(**asdict(limits)))
    code = header["status"]
    ended = f"signal {-code}" if code < 0 else f"exit status {code}"
    return Answer(Status.RAISED, error=f"The process ended with {ended} before it answered.")


def _first_worker(limits: Limits) -> _Worker:
    """A worker under this interpreter, where everybody may read it, else under the system's."""
    if shutil.which("bwrap") is None:
        raise MissingSandbox(
            "The bubblewrap sandbox needs bubblewrap (bwrap), which is not installed; run: apt-get install bubblewrap"
        )
    own = os.path.join(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    refusals = []
    for candidate in dict.fromkeys(os.path.realpath(path) for path in (own, "/usr/bin/python3")):
        try:
            return _Worker(candidate, limits)
        except SandboxError as error:
            refusals.append(error)
    raise refusals[-1]


def _refuse_open_doors(hello: dict[str, Any], limits: Limits) -> None:
    """Each new worker has tried what holds, so that no program meets a sandbox whose limits do not."""
    if hello["processes"] > limits.processes:
        raise SandboxError(
            f"A program in bubblewrap could start more than the {limits.processes} processes it is allowed; this "
            "kernel does not hold the limit inside user namespaces (Linux 5.14 or later does)."
        )
    if not hello["hidden"]:
        raise SandboxError("The worker in bubblewrap could be read by its programs; this kernel refuses to hide it.")


def _start(python: str, limits: Limits) -> subprocess.Popen[bytes]:
    descriptors = {f"heldout/sandbox/{name}": _in_memory(name) for name in _FILES}
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    try:
        return subprocess.Popen(
            [*_wall(python, limits, descriptors), python, "-B", "-s", "-S", "-c", _COMMAND, json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={},
            pass_fds=tuple(descriptors.values()),
            **user,
        )
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def _wall(python: str, limits: Limits, descriptors: dict[str, int]) -> list[str]:
    """The command of bubblewrap: what there is in the sandbox; all else is absent."""
    wall = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--as-pid-1",
        "--new-session",
    ]
    wall += ["--cap-drop", "ALL", "--clearenv", "--setenv", "PYTHONHASHSEED", "0"]
    wall += ["--ro-bind", "/usr", "/usr"]
    for library in ("/lib", "/lib32", "/lib64", "/bin"):
        if os.path.islink(library):
            wall += ["--symlink", os.readlink(library), library]
        elif os.path.isdir(library):
            wall += ["--ro-bind", library, library]
    wall += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    prefix = os.path.dirname(os.path.dirname(python))
    if prefix != "/" and not prefix.startswith("/usr"):
        wall += ["--ro-bind", prefix, prefix]
    for target, descriptor in descriptors.items():
        wall += ["--ro-bind-data", str(descriptor), f"{_INSIDE}/{target}"]
    wall += ["--dev-bind", "/dev/null", "/dev/null"]
    wall += ["--size", str(limits.disk_mb * 2**20), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"]
    return wall


def _in_memory(name: str) -> int:
    """A file of this package as a descriptor: the sandbox's user may be unable to read where it is installed."""
    descriptor = os.memfd_create(name.replace("/", "-"))
    os.write(descriptor, files("heldout.sandbox").joinpath(name).read_bytes())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor

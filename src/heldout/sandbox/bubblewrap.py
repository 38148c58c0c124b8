"""The whole of CPython behind Linux namespaces, made by `bubblewrap`: a worker per sandbox that forks for each program.

Covered, each by an attack in tests/sandbox: endless loops (wall and CPU time); memory; processes and threads (a limit
that each worker tries before it says it is ready); the network, of which there is none; the host's files, of which
only /usr and the interpreter are there, read-only; the environment, which is empty; disk (a small /tmp in memory,
emptied after each program); output; signals (the worker is process 1 of its namespace, deaf to its children) and
tracing; forged results, which are only values; exit, overridden comparison, frames, garbage collector and patched
builtins, because there is nothing to find: the expected values are not there.

After each program the worker looks whether it is as it was before: its limits, priority and cores, its descriptors,
/tmp, shared memory. Where it is not it ends, and the next program gets another. Every so often each worker judges two
programs of which it is known which is right; when it errs, all that it judged since the last time is judged again.
A program under which two workers die, while the second judges these two well, is at fault itself.

Tests that are a program run in sandboxes of their own, see `heldout.sandbox.testers`.

Not covered: holes in the kernel, of which a filter (`heldout.sandbox.syscalls`) closes off a part, on x86-64 and
aarch64 alone; reading what lies in /usr; memory that the kernel takes for a process, such as pipes, which only a memory
limit on the cgroup of the host's process bounds. The memory limit holds per process, so `processes` of them may take as
many times as much.

It never runs as root: a process limit does not hold for root. Started by root, the workers become the user of
`UNPRIVILEGED`; otherwise they are the user who starts them, in a user namespace.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any, NamedTuple

from heldout.errors import MissingSandbox, SandboxError, UsageError
from heldout.sandbox import syscalls
from heldout.sandbox.base import Answer, Call, Checks, Input, Limits, Program, Sandbox, Status, Stdin, default_workers
from heldout.sandbox.iterated import iterated
from heldout.sandbox.packages import Packages, installed
from heldout.sandbox.pool import GRACE, Pool, Worker, WorkerDied
from heldout.sandbox.testers import Testers, left
from heldout.sandbox.values import NotPlain, decode, encode

UNPRIVILEGED = 65534  # nobody
_START = 30.0
_OVERHEAD = 1000  # bytes of a line beside the value
_INSIDE = "/heldout"  # where the worker's files lie in the sandbox
_FILES = tuple(
    f"{name}.py"
    for name in [
        "values",
        "inside/worker",
        "inside/confine",
        "inside/calls",
        "inside/stdin",
        "inside/frames",
        "inside/serve",
        "inside/proxies",
        "inside/checks",
    ]
)
_COMMAND = f"import sys; sys.path[0] = {_INSIDE!r}; from heldout.sandbox.inside.worker import main; main()"
_SAID = ("raised", "refused", "syntax", "memory", "left the program", "no such function")
_PACKAGE = re.compile(r"[^\W\d]\w*")
_CANARY = Program("def f(x):\n    return [x + 1, str(x)]\n", "f", (Call((1,)), Call((2,))))
_SINGS = [[2, "1"], [3, "2"]]  # what the canary returns, and what the one that is wrong does not
_WRONG = replace(_CANARY, source=_CANARY.source.replace("+ 1", "+ 2"))
_EVERY = 200  # programs of a worker from one canary to the next
_UNFILTERED = "System calls are not filtered on this kind of machine; the rest of the wall stands."
_USUAL = ("numpy",)
_NONE = Packages((), ())
# What a worker starts with, and empties before it takes programs: packages see at their import that there is one core.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "MPLBACKEND": "Agg", "MPLCONFIGDIR": "/tmp"} | dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_UNANSWERED = {
    "timeout": (Status.TIMEOUT, "It did not answer within {seconds} s of the processor or {wall} s in all."),
    "litter": (Status.RAISED, "It left files that cannot be removed."),
    "large": (Status.REFUSED, "It wrote more than {output_bytes} bytes for one answer."),
}


class Bubblewrap(Sandbox):
    """Judges programs in CPython behind namespaces; see `heldout.sandbox.bubblewrap` for what is covered.

    Parameters and errors are those of `open_sandbox`; each worker is a sandbox of its own. Programs whose text names a
    package run in workers that have it, which start when there is one; all others need not pay for it.
    """

    name = "bubblewrap"

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits = Limits(),  # noqa: B008
        packages: Sequence[str] | None = None,
    ) -> None:
        self.limits = limits
        self.notes = () if syscalls.rules() else (_UNFILTERED,)
        self._workers = workers or default_workers()
        self._asked = bool(packages)
        self._testers = Testers(_first_worker, self._workers, packages or ())
        self._packages = _usual() if packages is None else installed(packages)
        self._plain = _Walled(_first_worker(limits, _NONE), self._workers, self._testers)
        self._packaged: _Walled | None = None
        try:
            if self._asked:  # so that they are missed now and not later
                self._with_packages()
        except SandboxError:
            self.close()
            raise

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        naming = [place for place, one in enumerate(programs) if self._packages.named_in(one)]
        others = sorted(set(range(len(programs))) - set(naming))
        found = dict(zip(others, self._plain.run([programs[place] for place in others]), strict=True))
        if naming:
            found.update(zip(naming, self._with_packages().run([programs[place] for place in naming]), strict=True))
        return [found[place] for place in range(len(programs))]

    def close(self) -> None:
        self._plain.close()
        if self._packaged:
            self._packaged.close()
        self._testers.close()

    def _with_packages(self) -> _Walled:
        if self._packaged is None:
            try:
                self._packaged = _Walled(_first_worker(self.limits, self._packages), self._workers, self._testers)
            except SandboxError as error:
                if self._asked:
                    raise
                self._packages = _NONE  # nobody asked for them: programs are told that they are not there
                self.notes += (f"Programs cannot have {' and '.join(_USUAL)}: {error}",)
                return self._plain
        return self._packaged


def _usual() -> Packages:
    """What most programs know, where it is installed and can be had in the sandbox."""
    try:
        return installed(_USUAL)
    except UsageError:
        return _NONE


class _Walled:
    """Workers that have the same packages."""

    def __init__(self, first: _Worker, size: int, testers: Testers) -> None:
        self.python = first.python
        self.testers = testers
        self.pool = Pool(lambda: _Worker(self.python, first.limits, first.packages), size, first)

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        judged = self.pool.map(self._judged, programs)
        again = [place for place, (_, stretch) in enumerate(judged) if stretch.broken]
        for place, anew in zip(again, self.pool.map(self._judged, [programs[one] for one in again]), strict=True):
            judged[place] = anew
        return [answers for answers, _ in judged]

    def close(self) -> None:
        self.pool.close()

    def _judged(self, program: Program) -> tuple[list[Answer], _Stretch]:
        """The answers of a program, and the stretch of a worker that they belong to."""
        tries, guilty = 0, False

        def question(worker: _Worker) -> tuple[list[Answer], _Stretch]:
            nonlocal tries, guilty
            tries, guilty = tries + 1, False
            if tries > 1:
                worker.check()
                guilty = True  # unless it answers
            try:
                return worker.ask(program, self.testers), worker.stretch
            except SandboxError:  # the program had no part in it
                guilty = False
                raise

        try:
            return self.pool.ask(question)
        except WorkerDied as died:
            reason = f"The worker died twice under this program ({died})."
            status = Status.RAISED if guilty else Status.INFRASTRUCTURE
            return [Answer(status, error=reason)] * program.answers, _Stretch()


@dataclass(slots=True)
class _Stretch:
    """The programs that a worker judged from one canary to the next."""

    programs: int = 0
    broken: bool = False  # the canary at its end was judged wrongly


class _Worker(Worker):
    """One sandbox with its worker process."""

    def __init__(self, python: str, limits: Limits, packages: Packages) -> None:
        self.passage, process = _start(python, limits, packages)
        super().__init__(process)
        self.python = python
        self.limits = limits
        self.packages = packages
        self.stretch = _Stretch()
        try:
            hello = json.loads(self.receive(_START))
            _refuse_open_doors(hello, limits)
            _refuse_without_packages(hello, packages)
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

    def ask(self, program: Program, testers: Testers) -> list[Answer]:
        """Send a program and wait for its answers, also those of tests that run elsewhere.

        An OSError or EOFError when the worker died or went silent, a SandboxError when it failed before the program.
        """
        if self.stretch.programs >= _EVERY:
            self.check()
        self.stretch.programs += 1
        return testers.answers(self, program) if program.kind is Checks else self._asked(program)

    def check(self) -> None:
        """Let it judge what is known: a SandboxError where it errs, and what it judged since the last time is void."""
        judged = [[answer.value for answer in self._asked(one)] == _SINGS for one in (_CANARY, _WRONG)]
        if judged != [True, False]:
            self.stretch.broken = True
            raise SandboxError("it judged a program wrongly of which the judgement is known")
        self.stretch = _Stretch()

    def _asked(self, program: Program) -> list[Answer]:
        limits = program.limits or self.limits
        request = {
            "kind": "stdin" if program.kind is Stdin else "calls",
            "source": program.source,
            "entry": program.entry,
            "inputs": [*map(_given, program.inputs)],
            "answers": program.answers,
            "limits": _told(limits),
        }
        self.begin(request)
        header, lines = self.end(limits.wall * program.answers + GRACE)
        read = _printed if program.kind is Stdin else _answer
        answers = [read(line, limits) for line in lines]
        return answers + [_unanswered(header, limits)] * (program.answers - len(answers))

    def begin(self, question: dict[str, Any], passed: Sequence[int] = ()) -> None:
        """Ask; what is passed are descriptors, which the worker gets."""
        if passed:
            socket.send_fds(self.passage.ours, [b"\n"], passed)
        self.send(json.dumps({**question, "passage": self.passage.theirs}).encode())

    def end(self, seconds: float) -> tuple[dict[str, Any], list[bytes]]:
        """Wait for how it ended, and the lines that it told."""
        head, _, body = self.receive(seconds).partition(b"\n")
        header = json.loads(head)
        self.spent = bool(header["spoiled"])
        if header["ended"] == "unready":
            raise SandboxError("it failed before the program was run")
        return header, body.split(b"\n") if body else []

    def close(self) -> None:
        super().close()
        self.passage.ours.close()

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
    if status == Status.PACKAGE and not _PACKAGE.fullmatch(error):
        status = Status.RAISED
    return Answer(Status(status), text, error)


def _answer(line: bytes, limits: Limits) -> Answer:
    """Read a line that the program itself may have written."""
    try:
        match decode(line, iterated):
            case ["returned", value] if len(line) <= limits.output_bytes + _OVERHEAD:
                return Answer(Status.RETURNED, value)
            case ["needs a package", str(name)] if _PACKAGE.fullmatch(name):
                return Answer(Status.PACKAGE, error=name)
            case [str(status), str(error)] if status in _SAID:
                return Answer(Status(status), error=error)
    except NotPlain:
        pass
    return Answer(Status.REFUSED, error="The program replaced what writes its answers.")


def _unanswered(header: dict[str, Any], limits: Limits) -> Answer:
    """Why a call has no answer of its own."""
    if header["ended"] in _UNANSWERED:
        status, text = _UNANSWERED[header["ended"]]
        return Answer(status, error=text.format(**_told(limits)))
    return left(header["status"])


def _told(limits: Limits) -> dict[str, Any]:
    """The limits as the worker is told them."""
    return {**asdict(limits), "wall": limits.wall, "line_bytes": limits.output_bytes + _OVERHEAD}


def _first_worker(limits: Limits, packages: Packages) -> _Worker:
    """A worker under this interpreter, where everybody may read it, else under the system's."""
    if shutil.which("bwrap") is None:
        raise MissingSandbox(
            "The bubblewrap sandbox needs bubblewrap (bwrap), which is not installed; run: apt-get install bubblewrap"
        )
    own = os.path.join(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    refusal = ""
    for candidate in dict.fromkeys(os.path.realpath(path) for path in (own, "/usr/bin/python3")):
        try:
            return _Worker(candidate, limits, packages)
        except SandboxError as error:
            refusal = str(error)  # the error itself would keep its process until a collection, which eats a Ctrl-C
    raise SandboxError(refusal)


def _refuse_open_doors(hello: dict[str, Any], limits: Limits) -> None:
    """Each new worker has tried what holds, so that no program meets a sandbox whose limits do not."""
    if hello["processes"] > limits.processes:
        raise SandboxError(
            f"A program in bubblewrap could start more than the {limits.processes} processes it is allowed; this "
            "kernel does not hold the limit inside user namespaces (Linux 5.14 or later does)."
        )
    if not hello["hidden"]:
        raise SandboxError("The worker in bubblewrap could be read by its programs; this kernel refuses to hide it.")


def _refuse_without_packages(hello: dict[str, Any], packages: Packages) -> None:
    if packages.paths and hello["version"] != [*sys.version_info[:2]]:
        there, here = (".".join(map(str, one)) for one in (hello["version"], sys.version_info[:2]))
        raise SandboxError(f"The Python in bubblewrap is {there}, and the packages here are for {here}.")
    if hello["refused"]:
        raise SandboxError(f"In bubblewrap a package cannot be imported: {hello['refused']}.")


class _Passage(NamedTuple):
    """A socket through which descriptors get into a sandbox: the host's end, and the number of the other one there."""

    ours: socket.socket
    theirs: int


def _start(python: str, limits: Limits, packages: Packages) -> tuple[_Passage, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    descriptors = {f"heldout/sandbox/{name}": _in_memory(name, _text(name)) for name in _FILES}
    rules = syscalls.rules()
    filtered = None if rules is None else _in_memory("rules", rules)
    opened = [*descriptors.values(), *([] if filtered is None else [filtered])]
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    command = [python, "-B", "-s", "-S", "-c", _COMMAND, json.dumps(asdict(limits)), *packages.imports]
    try:
        process = subprocess.Popen(
            [*_wall(python, limits, descriptors, filtered, packages), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={},
            pass_fds=[*opened, theirs.fileno()],
            **user,
        )
        return _Passage(ours, theirs.fileno()), process
    finally:
        theirs.close()
        for descriptor in opened:
            os.close(descriptor)


def _wall(
    python: str, limits: Limits, descriptors: dict[str, int], filtered: int | None, packages: Packages
) -> list[str]:
    """The command of bubblewrap: what there is in the sandbox; all else is absent."""
    wall = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--as-pid-1",
        "--new-session",
    ]
    wall += ["--cap-drop", "ALL", "--clearenv"]
    for name, value in _ENVIRONMENT.items():
        wall += ["--setenv", name, value]
    if filtered is not None:
        wall += ["--seccomp", str(filtered)]
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
    for path in packages.paths:
        wall += ["--ro-bind", str(path), f"{_INSIDE}/packages/{path.name}"]
    for target, descriptor in descriptors.items():
        wall += ["--ro-bind-data", str(descriptor), f"{_INSIDE}/{target}"]
    wall += ["--dev-bind", "/dev/null", "/dev/null"]
    wall += ["--size", str(limits.disk_mb * 2**20), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"]
    return wall


def _text(name: str) -> bytes:
    return files("heldout.sandbox").joinpath(name).read_bytes()


def _in_memory(name: str, content: bytes) -> int:
    """A file as a descriptor: the sandbox's user may be unable to read where this package is installed."""
    descriptor = os.memfd_create(name.replace("/", "-"))
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor

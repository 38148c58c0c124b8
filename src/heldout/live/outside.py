"""What is done about a finding from outside the training: a file that tells it to stop, a signal, a memory of both."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from heldout.errors import RecordError, UsageError
from heldout.findings import Finding, Verdict
from heldout.store.layout import FINDINGS

Row = Mapping[str, Any]


class Process:
    """A process that may have to be signalled, told apart from a later one of the same number.

    Parameters
    ----------
    text
        ``PID`` or ``PID:SIGNAL``, such as ``4711:USR1``; TERM if not given.

    Raises
    ------
    UsageError
        When there is no such process or signal, or it is not ours to signal.
    """

    def __init__(self, text: str) -> None:
        number, _, name = text.partition(":")
        if not number.isdigit() or int(number) < 2 or int(number) == os.getpid():
            raise UsageError(f"--signal is {text!r}; it must be a process, PID or PID:SIGNAL, such as 4711:USR1.")
        self.pid, self.signal = int(number), _signal(name or "TERM")
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            raise UsageError(f"--signal {text}: there is no such process to signal ({error.strerror}).") from None
        self._began = _began(self.pid)

    def send(self) -> str:
        """Send the signal; return why it could not be, or nothing."""
        if _began(self.pid) != self._began:
            return f"process {self.pid} has ended, and another one has its number"
        try:
            os.kill(self.pid, self.signal)
        except OSError as error:
            return f"process {self.pid}: {error.strerror}"
        return ""


def _signal(name: str) -> signal.Signals:
    try:
        return signal.Signals(int(name)) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
    except (KeyError, ValueError):
        raise UsageError(f"--signal: {name!r} is no signal; such as TERM, INT, USR1 or 15.") from None


def _began(pid: int) -> str:
    """When a process began, as far as the system tells (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


class Command:
    """A command line that is started when something is found, with what was found in its environment.

    ``HELDOUT_STEP``, ``HELDOUT_KIND``, ``HELDOUT_SEVERITY``, ``HELDOUT_TEXT``; ``HELDOUT_STATE`` of the run;
    ``HELDOUT_RECOMMENDED``, the step of the checkpoint to keep, and ``HELDOUT_CHECKPOINT``, where it lies; each empty
    where it is not known.

    Parameters
    ----------
    line
        Program and arguments.
    shell
        Give the line to a shell, which understands ``$HELDOUT_STEP`` and pipes.

    Attributes
    ----------
    failures
        What went wrong, a sentence each.

    Raises
    ------
    UsageError
        When there is no such program.
    """

    def __init__(self, line: str, *, shell: bool = False) -> None:
        try:
            self._words = ["/bin/sh", "-c", line] if shell else shlex.split(line)
        except ValueError as error:
            raise UsageError(f"--run {line!r}: {str(error).lower()}.") from None
        if not self._words or shutil.which(self._words[0]) is None:
            raise UsageError(f"--run {line!r}: there is no such program; give --shell for a shell's command line.")
        self.failures: list[str] = []
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, finding: Finding, verdict: Verdict | None, checkpoint: str = "") -> None:
        """Start it; returns at once."""
        kept = verdict.recommended if verdict else None
        told = {
            "STEP": str(finding.step),
            "KIND": finding.kind,
            "SEVERITY": finding.severity.value,
            "TEXT": f"{finding.seen} {finding.means}",
            "STATE": verdict.state.value if verdict else "",
            "RECOMMENDED": str(kept.step) if kept else "",
            "CHECKPOINT": checkpoint,
        }
        environment = {**os.environ, **{f"HELDOUT_{name}": value for name, value in told.items()}}
        try:
            process = subprocess.Popen(self._words, env=environment, stdin=subprocess.DEVNULL)
        except OSError as error:
            self.failures.append(f"--run could not be started ({error.strerror}).")
            return
        self._started = [one for one in self._started if one.poll() is None]
        self._started.append(process)

    def finish(self) -> None:
        """Wait for those that are still running."""
        for process in self._started:
            if status := process.wait():
                self.failures.append(f"--run ended with status {status}.")


def write_stop_file(path: Path, text: str) -> str:
    """Make the file that tells a training to stop, whole from the first moment; return why it could not be made."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(text + "\n")
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        return f"{path}: {error.strerror}"
    return ""


class Memory:
    """The rows of ``findings.jsonl`` in a directory, so that another watch knows what was done.

    Parameters
    ----------
    directory
        Where; made if it is not there. None keeps nothing.

    Raises
    ------
    RecordError
        When it cannot be written.

    Attributes
    ----------
    lost
        Rows that could not be written afterwards.
    """

    def __init__(self, directory: Path | None) -> None:
        self.lost = 0
        self._path = None if directory is None else directory / FINDINGS
        if directory is None or self._path is None:
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab"):
                pass
        except OSError as error:
            raise RecordError(f"{directory}: nothing can be kept here ({error.strerror}).") from error

    def rows(self) -> list[Row]:
        """Return what was written so far; a line that is cut is left out."""
        if self._path is None:
            return []
        rows = []
        for line in self._path.read_bytes().split(b"\n"):
            with contextlib.suppress(orjson.JSONDecodeError):
                rows.append(orjson.loads(line))
        return [row for row in rows if isinstance(row, dict)]

    def write(self, row: Row) -> None:
        """Append a row."""
        if self._path is None:
            return
        line = orjson.dumps({"time": time.time(), **row}, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
        try:
            with self._path.open("ab", buffering=0) as file:
                file.write(line)
        except OSError:
            self.lost += 1

"""What can be done about a finding beside alerts: a command, a file that tells a training to stop, a signal.

A command finds in its environment, each empty where it is not known:

* ``HELDOUT_STEP``, ``HELDOUT_KIND``, ``HELDOUT_DETECTOR``, ``HELDOUT_SEVERITY``: of the finding;
* ``HELDOUT_TITLE``, ``HELDOUT_TEXT``: the words of an alert; ``HELDOUT_SEEN``: what was seen;
* ``HELDOUT_FINDING``: all of the finding, as JSON;
* ``HELDOUT_RUN``, ``HELDOUT_STATE``: name and state of the run, such as ``over-optimised``;
* ``HELDOUT_RECOMMENDED``: the step of the checkpoint to keep; ``HELDOUT_CHECKPOINT``: where it lies;
* ``HELDOUT_ANSWERS``: the six answers of a report, a line each.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import orjson

from heldout.errors import UsageError
from heldout.findings import Finding
from heldout.store.lines import replacing
from heldout.store.writer import started

_SHELL = "/bin/sh"
_ABOUT_THE_RUN = ("RUN", "STATE", "RECOMMENDED", "CHECKPOINT", "ANSWERS")


def headline(finding: Finding) -> str:
    """Say a finding in a line."""
    return f"step {finding.step}: {finding.seen} {finding.means}"


class NotSent(Exception):
    """A message could not be sent, or a command did not do its work.

    Attributes
    ----------
    again
        Whether another try may help.
    after
        Seconds that the receiver asks to be left alone before it.
    """

    def __init__(self, why: str, *, again: bool = True, after: float = 0.0) -> None:
        super().__init__(why)
        self.again, self.after = again, after


class Command:
    """A command line; what was found is in its environment. As an alert it is waited for, and never tried again.

    Parameters
    ----------
    line
        Program and arguments, split as a shell would.
    shell
        Give the line to a shell, which understands ``$HELDOUT_STEP`` and pipes.
    seconds
        After which an alert is ended.

    Raises
    ------
    UsageError
        When there is no such program.
    """

    attempts = 1

    def __init__(self, line: str, *, shell: bool = False, seconds: float = 600.0) -> None:
        try:
            self._words = [_SHELL, "-c", line] if shell else shlex.split(line)
        except ValueError as error:
            raise UsageError(f"The command {line!r} cannot be split into words: {str(error).lower()}.") from None
        if not line.strip():
            raise UsageError("The command is empty; give a command line.")
        if shutil.which(self._words[0]) is None:
            raise UsageError(
                f"The command {line!r}: there is no such program; say shell (--shell) for a shell's command line."
            )
        self.seconds = seconds
        self._running: list[subprocess.Popen[bytes]] = []

    def __repr__(self) -> str:
        """Tell nothing of the line: it may hold a secret."""
        return "Command(…)"

    def start(self, title: str, text: str, finding: Finding, about: Mapping[str, object]) -> None:
        """Start it beside those that still run; returns at once.

        Raises
        ------
        OSError
            When it cannot be started.
        """
        self._running.append(self._started(title, text, finding, about))

    def ended_badly(self, seconds: float | None = 0.0) -> list[str]:
        """Wait so long for what was started, None for as long as it takes; say of each that ended badly how."""
        end = None if seconds is None else time.monotonic() + seconds
        said, self._running, started = [], [], self._running
        for process in started:
            try:
                status = process.wait(None if end is None else max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._running.append(process)
            else:
                said += [f"the command ended with status {status}"] if status else []
        return said

    def send(self, title: str, text: str, finding: Finding) -> None:
        """Run it and wait for it."""
        process = self._started(title, text, finding, {})
        try:
            status = process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise NotSent(f"the command was ended after {self.seconds:g} s", again=False) from None
        if status:
            raise NotSent(f"the command ended with status {status}", again=False)

    def _started(self, title: str, text: str, finding: Finding, about: Mapping[str, object]) -> subprocess.Popen[bytes]:
        told = {
            "STEP": finding.step,
            "KIND": finding.kind,
            "DETECTOR": finding.detector,
            "SEVERITY": finding.severity.value,
            "TITLE": title,
            "TEXT": text,
            "SEEN": finding.seen,
            "FINDING": orjson.dumps(finding, option=orjson.OPT_SERIALIZE_NUMPY).decode(),
            **{name: about.get(name) for name in _ABOUT_THE_RUN},
        }
        said = {f"HELDOUT_{name}": "" if value is None else str(value) for name, value in told.items()}
        # A session of its own: it outlives the training that it may be about to stop, and Ctrl-C of a watch.
        return subprocess.Popen(
            self._words, env={**os.environ, **said}, stdin=subprocess.DEVNULL, start_new_session=True
        )


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
            raise UsageError(f"signal is {text!r}; it must be another process, PID or PID:SIGNAL, such as 4711:USR1.")
        self.pid, self.signal = int(number), _signal(name or "TERM")
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            raise UsageError(f"signal is {text!r}; there is no such process to signal ({error.strerror}).") from None
        self._began = started(self.pid)

    def send(self) -> str:
        """Send the signal; return why it could not be, or nothing."""
        if started(self.pid) != self._began:
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
        raise UsageError(f"signal: {name!r} is no signal; such as TERM, INT, USR1 or 15.") from None


def write_stop_file(path: Path, text: str) -> str:
    """Make the file that tells a training to stop, whole from the first moment; return why it could not be made."""
    try:
        with replacing(path) as new:
            new.write_text(text + "\n")
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""

"""Which process writes a run, and its last word: ``process.json`` of a run's directory.

Covered: a process that ends by itself, by an error or by Ctrl-C says so; one that is killed does not, which can be seen
on the machine that it ran on. Not covered: on another machine, or in another container, nobody can tell if it lives.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import orjson

from heldout.store.layout import AS_TEXT, PROCESS
from heldout.store.lines import replacing

LastWord = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that writes a run.

    Attributes
    ----------
    pid, host
        Its number, and the machine.
    place
        Where that number counts: the machine since it was started, and the container; empty where nothing tells.
    started
        When the system started it, which tells it from a later process of the same number.
    time
        The clock when it began to write.
    last_word
        How it ended: ``finished``, ``stopped``, ``failed``; empty while it goes on, and for ever if it was killed.
    """

    pid: int
    host: str
    place: str = ""
    started: str = ""
    time: float = 0.0
    last_word: str = ""

    @classmethod
    def this(cls) -> Writer:
        """Return the one that this process is."""
        pid = os.getpid()
        return cls(pid, platform.node(), _place(), started(pid), time.time())

    def alive(self) -> bool | None:
        """Whether it still runs; None where that cannot be told from here."""
        if not self.place or self.place != _place() or not self.started:
            return None
        return started(self.pid) == self.started

    def write(self, directory: Path) -> None:
        """Say in the run's directory who writes it. An OSError where that cannot be written."""
        with replacing(directory / PROCESS) as new:
            new.write_bytes(orjson.dumps(asdict(self), option=AS_TEXT))

    def end(self, directory: Path, word: LastWord) -> None:
        """Leave a last word, unless another process has taken the run over, or this one is a copy of the writer."""
        known = writer_of(directory)
        if os.getpid() == self.pid and known is not None and (known.pid, known.started) == (self.pid, self.started):
            with contextlib.suppress(OSError):
                replace(self, last_word=word).write(directory)


def writer_of(directory: Path) -> Writer | None:
    """Return who writes a run, or wrote it last; None where nothing tells."""
    try:
        told = orjson.loads((directory / PROCESS).read_bytes())
        return Writer(**{one.name: told[one.name] for one in fields(Writer) if one.name in told})
    except (OSError, ValueError, TypeError):
        return None


def started(pid: int) -> str:
    """When the system started a process that still runs, as far as it tells (Linux); else nothing."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if state in ("Z", "X") else rest[18]
    except (OSError, ValueError, IndexError):
        return ""


def _place() -> str:
    """Where the numbers of processes count, as far as the system tells (Linux)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""

"""The contract between those who have programs to judge and the sandboxes that run them.

A program's worth is what it returns on hidden inputs. So only inputs go in, and outputs come back; the expected values
stay with the host, in `heldout.sandbox.judging`. Whatever a program does to the place where it runs, it can change its
own answers and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from heldout.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; a limit that is not above 0 is a UsageError."""

    seconds: float = 1.0  # wall time of each call of the entry point; the first also pays for defining it
    memory_mb: int = 64  # above what the interpreter itself needs, in MiB
    output_bytes: int = 10_000  # of each returned value as tagged JSON
    processes: int = 1  # and threads at one time, the program itself included (bubblewrap; monty has neither)
    disk_mb: int = 16  # what may be written to its own /tmp, in MiB (bubblewrap; monty has no files)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise UsageError(f"The limit {name} is {getattr(self, name)}; it must be above 0.")


@dataclass(frozen=True, slots=True)
class Program:
    """What is run: a source text, the name of the function it defines, and one tuple of arguments per call."""

    source: str
    entry: str
    inputs: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        if not self.entry.isidentifier():
            raise UsageError(f"The entry point {self.entry!r} is not the name of a function.")


class Status(StrEnum):
    """How one call ended.

    UNSUPPORTED says that the sandbox lacks something the program uses, INFRASTRUCTURE that the sandbox itself failed:
    neither is evidence about the program. REFUSED is a return of something that is not plain data, or too large.
    """

    RETURNED = "returned"
    RAISED = "raised"
    SYNTAX = "syntax"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call: how it ended, the value if it returned one, and why not if it did not."""

    status: Status
    value: Any = None
    error: str = ""


class Sandbox(Protocol):
    """A place where programs run: made by `open_sandbox`, closed by ``with`` or `close`.

    A call that is stopped (time, memory) ends its program; the calls after it get the same status and are not run.
    """

    name: str
    limits: Limits

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        """Run programs in parallel; the answers are in order, one list per program and one answer per input.

        Raises NotPlain, before anything runs in monty, when an input is not plain data.
        """

    def close(self) -> None:
        """End the workers; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def default_workers() -> int:
    """As many as there are cores to run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

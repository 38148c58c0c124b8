"""The contract between those who have programs to judge and the sandboxes that run them.

A program's worth is what it returns on hidden inputs. So only inputs go in, and outputs come back; the expected values
stay with the host, in `heldout.sandbox.judging`. Whatever a program does to the place where it runs, it can change its
own answers and nothing else.
"""

from __future__ import annotations

import os
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from heldout.errors import UsageError
from heldout.ranks import shared_cores

if TYPE_CHECKING:
    from heldout.sandbox.judging import Attempt, Judgement


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; a limit that is not above 0 is a UsageError."""

    seconds: float = 2.0  # of the processor, for each call of the entry point; the first also pays for defining it
    memory_mb: int = 256  # above what the interpreter itself needs with its packages, in MiB
    output_bytes: int = 10_000  # of each returned value as tagged JSON
    processes: int = 4  # and threads at one time, the program itself included (bubblewrap; monty has neither)
    disk_mb: int = 16  # what may be written to its own /tmp, in MiB (bubblewrap; monty has no files)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise UsageError(f"The limit {name} is {getattr(self, name)}; it must be above 0.")

    @property
    def wall(self) -> float:
        """The seconds after which a call is stopped that does not use its processor time, because it sleeps."""
        return 4 * self.seconds + 2


FLAGS = {"seconds": "seconds", "memory": "memory_mb", "output": "output_bytes", "processes": "processes"}


def limits_given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits that a user set, by their names in `Limits`; a setting that is 0 or None was not set."""
    return {FLAGS[name]: settings[name] for name in FLAGS if settings.get(name)}


class Call(NamedTuple):
    """A call of the entry point; its answer is what it returns."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})


class Stdin(NamedTuple):
    """A run of the whole program, in a process of its own, as ``__main__``; its answer is what it prints, a text."""

    text: str  # what it reads


class Checks(NamedTuple):
    """Tests that are a program themselves, run in another process than the one that is tested.

    The answer of each item is True or False: whether it passed.
    """

    source: str
    items: tuple[str, ...]  # the names of the tests in it, which the host knows beforehand
    runner: str = "asserts"  # "asserts" (the whole text is one test), "check" (it defines check), "unittest", "pytest"


Input = Call | Stdin | Checks
ENTRY = re.compile(r"[^\W\d]\w*(\(\)\.[^\W\d]\w*)?")  # f, a class, or the method of a new instance: Solution().f


@dataclass(frozen=True, slots=True)
class Program:
    """What is run: a source text, what is called in it, and what goes in, all of one kind."""

    source: str
    entry: str  # the name of a function or class, or ``Solution().f``; not used by Stdin
    inputs: tuple[Input, ...]
    limits: Limits | None = None  # None for those of the sandbox

    def __post_init__(self) -> None:
        if self.kind is not Stdin and not ENTRY.fullmatch(self.entry):
            raise UsageError(f"The entry point {self.entry!r} is not the name of a function.")

    @property
    def kind(self) -> type[Input]:
        """What all inputs are."""
        return type(self.inputs[0]) if self.inputs else Call

    @property
    def answers(self) -> int:
        """How many answers it gives: one for each call and run, one for each item of checks."""
        return sum(len(one.items) if isinstance(one, Checks) else 1 for one in self.inputs)


class Status(StrEnum):
    """How one call ended.

    UNSUPPORTED says that the sandbox lacks something the program uses, PACKAGE that it lacks a package that the program
    or its tests import (the error is its name), and INFRASTRUCTURE that the sandbox itself failed: none is evidence
    about the program. REFUSED is a return of something that is not plain data, or too large.
    """

    RETURNED = "returned"
    RAISED = "raised"
    LEFT = "left the program"  # exit, quit, sys.exit, os._exit, SystemExit
    NO_FUNCTION = "no such function"
    SYNTAX = "syntax"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    REFUSED = "refused"
    PACKAGE = "needs a package"
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
    notes: tuple[str, ...] = ()  # what its user should know, such as what is not in force here

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        """Run programs in parallel; the answers are in order, one list per program, as long as `Program.answers`.

        Raises NotPlain, before anything runs in monty, when an input is not plain data.
        """

    def close(self) -> None:
        """End the workers; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Remote(Sandbox):
    """A sandbox on other machines. It judges there, so that values need not travel to be compared."""

    @abstractmethod
    def judged(self, attempts: Sequence[Attempt], values: bool) -> list[Judgement]:
        """Judge as `heldout.sandbox.judge` does."""


def default_workers() -> int:
    """As many as there are cores to run on; of a machine on which several processes train, each has its part."""
    return shared_cores(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)

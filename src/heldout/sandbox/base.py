"""Stand-in until the sandbox lands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True)
class Program:
    source: str
    entry: str
    inputs: tuple[tuple[Any, ...], ...]


class Status(StrEnum):
    RETURNED = "returned"
    RAISED = "raised"
    SYNTAX = "syntax"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    UNSUPPORTED = "unsupported"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True)
class Answer:
    status: Status
    value: Any = None
    error: str = ""


class Sandbox(Protocol):
    name: str

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

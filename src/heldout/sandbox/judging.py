"""Placeholder until the sandbox lands: a test is arguments and the expected value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Test:
    """Arguments and the value that is expected."""

    args: tuple[Any, ...]
    expected: Any

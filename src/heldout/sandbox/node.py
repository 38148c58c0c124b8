"""The part of a sandbox on Ray that is on a node: it judges there, and tells what it found as plain data."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import heldout
from heldout.errors import HeldoutError
from heldout.sandbox import open_sandbox
from heldout.sandbox.base import Answer, Limits, Program, Sandbox
from heldout.sandbox.judging import Attempt, judge

_MADE_OF = ("pydantic-monty", "numpy")  # what programs run in, or may import, and what may make them run otherwise

ToldAnswer = tuple[str, Any, str]  # status, value and error
ToldJudgement = tuple[tuple[bool, ...], list[ToldAnswer], str]  # as `Judgement`


class Seat:
    """One worker on a node, with the sandbox that its programs run in."""

    def __init__(self, name: str, limits: Limits, packages: Sequence[str] | None) -> None:
        self._sandbox: Sandbox | None = None
        self.refusal = ""
        try:
            self._sandbox = open_sandbox(name, workers=1, limits=limits, packages=packages)
        except HeldoutError as error:
            self.refusal = str(error)

    def about(self) -> dict[str, Any]:
        """Say why it cannot judge, if so, and what it is made of: nodes that are alike judge alike."""
        return {
            "node": socket.gethostname(),
            "process": os.getpid(),
            "refusal": self.refusal,
            "versions": versions(),
            "made of": {name: _version(name) for name in _MADE_OF},
            "notes": list(self._sandbox.notes) if self._sandbox else [],
        }

    def judged(self, attempts: Sequence[Attempt], values: bool) -> list[ToldJudgement]:
        """Judge programs, as `heldout.sandbox.judge` does."""
        assert self._sandbox is not None
        return [(one.passed, _told(one.answers, values), one.lacking) for one in judge(attempts, self._sandbox)]

    def ran(self, programs: Sequence[Program]) -> list[list[ToldAnswer]]:
        """Run programs, as `Sandbox.run` does."""
        assert self._sandbox is not None
        return [_told(answers, True) for answers in self._sandbox.run(programs)]


def versions() -> dict[str, str]:
    """What has to be the same wherever parts of one judgement are made."""
    return {"heldout": heldout.__version__, "Python": "{}.{}".format(*sys.version_info)}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _told(answers: Sequence[Answer], values: bool) -> list[ToldAnswer]:
    return [(one.status.value, one.value if values else None, one.error) for one in answers]

"""What a rule finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heldout.tasks.problem import Problem
from heldout.tricks.rules.program import Program


@dataclass(frozen=True, slots=True)
class Found:
    """A trick that a rule sees in an answer."""

    family: str
    form: str  # in a few words, as code says it: "os._exit()"
    sure: bool = True  # whether hardly any honest program looks like this


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known besides the answer."""

    problem: Problem | None
    kind: str  # how the answer failed the hidden tests; "solved" where it passed; empty where nobody knows

    @property
    def entry(self) -> str:
        """The name of the function that the tests call; empty where there is none, or nobody knows."""
        return self.problem.entry_point.rpartition(".")[2] if self.problem else ""

    @property
    def failed(self) -> bool:
        """Whether the answer is known to be wrong."""
        return self.kind not in ("", "solved")


Findings = Iterator[Found]

__all__ = ["Asked", "Findings", "Found", "Program"]

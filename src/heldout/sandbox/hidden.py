"""Hidden tests: what goes in, and what should come out. The expected values stay here, on the host.

Every kind of test says what a sandbox is asked (`asked`) and whether an answer passes (`passes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from heldout.errors import UsageError
from heldout.sandbox.base import Answer, Call, Checks, Input, Status, Stdin
from heldout.sandbox.checkers import approves
from heldout.sandbox.compare import Comparison, same
from heldout.sandbox.values import NotPlain, encode


@dataclass(frozen=True, slots=True)
class Test:
    """A call of the entry point, and the value that it should return.

    Raises
    ------
    UsageError
        When arguments or value are not plain data (None, bool, int, float, complex, str, bytes, list, tuple, dict, set,
        frozenset).
    """

    __test__ = False  # pytest is not meant

    args: tuple[Any, ...]
    expected: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    compare: Comparison = same
    size: int = field(init=False, repr=False, compare=False)  # of the expected value as tagged JSON, in bytes

    def __post_init__(self) -> None:
        try:
            encode([list(self.args), dict(self.kwargs)])
            object.__setattr__(self, "size", len(encode(self.expected)))
        except NotPlain as error:
            raise UsageError(f"A test holds something that cannot be compared: {error}") from None

    @property
    def asked(self) -> Input:
        return Call(self.args, self.kwargs)

    def passes(self, answer: Answer) -> bool:
        return answer.status is Status.RETURNED and self.compare(answer.value, self.expected)


@dataclass(frozen=True, slots=True)
class _Run:
    """A run of the whole program on a text."""

    text: str  # what it reads
    expected: str

    @property
    def asked(self) -> Input:
        return Stdin(self.text)

    @property
    def size(self) -> int:
        return len(self.expected.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class StdinTest(_Run):
    """What the whole program reads, and what it should print."""

    compare: Comparison = same

    def passes(self, answer: Answer) -> bool:
        return answer.status is Status.RETURNED and self.compare(answer.value, self.expected)


@dataclass(frozen=True, slots=True)
class CheckedTest(_Run):
    """What the whole program reads, and a program that decides whether what it printed is right.

    See `heldout.sandbox.checkers`; `judge` runs it, after the program has ended. `expected` is one of the right
    outputs, for the checker.
    """

    checker: str  # Python source

    def passes(self, answer: Answer) -> bool:
        """Whether what the checker's run answered says so."""
        return approves(answer)


@dataclass(frozen=True, slots=True)
class SourceTest:
    """Tests that are a program; each of its items is a test of its own. See `heldout.sandbox.base.Checks`."""

    source: str
    items: tuple[str, ...]
    runner: str = "asserts"

    @property
    def asked(self) -> Input:
        return Checks(self.source, self.items, self.runner)

    @property
    def size(self) -> int:
        return 0  # what it expects goes to the process that tests, and does not come back

    def passes(self, answer: Answer) -> bool:
        return answer.status is Status.RETURNED and answer.value is True


@dataclass(frozen=True, slots=True)
class Reply:
    """A text that the answer itself should be, such as a number or a formula; nothing is run."""

    expected: str
    compare: Comparison

    @property
    def asked(self) -> None:
        return None

    @property
    def size(self) -> int:
        return 0

    def passes(self, answer: Answer) -> bool:
        return answer.status is Status.RETURNED and self.compare(answer.value, self.expected)


HiddenTest = Test | StdinTest | CheckedTest | SourceTest | Reply

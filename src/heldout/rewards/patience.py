"""How long a call is waited for, and how many calls are under way together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heldout.rewards.grader import Call, Outcome

_SURE = 3  # calls that hung, after which it is known that this reward does
_LEAST, _TIMES = 2.0, 10  # seconds that are waited then, or so many times the slowest call that gave a score
_LONG = 10_000  # characters of a text that may take its time


class Patience:
    """After how many seconds a call has hung: less once the reward is known to hang, and how long it takes otherwise.

    >>> patience = Patience(10.0)
    >>> for _ in range(3):
    ...     patience.saw([Outcome(None, "hung", seconds=10.0)])
    >>> patience.saw([Outcome(1.0, seconds=0.5)])
    >>> patience.seconds([(None, "a")]), patience.seconds([(None, "a" * 20_000)])
    (5.0, 10.0)
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self._hung = 0
        self._slowest = 0.0  # seconds of an answer that got a score

    def seconds(self, call: Call) -> float:
        """How long to wait for a call."""
        if self._hung < _SURE or any(len(text) > _LONG for _, text in call):
            return self.most
        return min(self.most, len(call) * max(_LEAST, _TIMES * self._slowest))

    def saw(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from what a call gave."""
        if outcomes and outcomes[0].kind == "hung":
            self._hung += 1
        elif outcomes and outcomes[0].kind == "scored":
            self._slowest = max(self._slowest, outcomes[0].seconds / len(outcomes))


class Turns:
    """As many at a time as there are turns; who only waits for something may give the turn to another meanwhile.

    Turns are given in the order in which they are wanted.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._wanting: deque[threading.Event] = deque()
        self._counting = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[Turn]:
        """Wait for a turn, and give it back at the end, unless that was done before."""
        mine = threading.Event()
        with self._counting:
            self._wanting.append(mine)
        self.pass_on(0)
        mine.wait()
        turn = Turn(self)
        try:
            yield turn
        finally:
            turn.give()

    def pass_on(self, turns: int) -> None:
        """Give turns that are free, and so many more, to those who have wanted one for the longest."""
        with self._counting:
            self._free += turns
            while self._free and self._wanting:
                self._free -= 1
                self._wanting.popleft().set()


class Turn:
    """A turn that somebody has."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._mine = True

    def give(self) -> None:
        """Give it back; a second call does nothing."""
        if self._mine:
            self._mine = False
            self._turns.pass_on(1)

"""What stands in a text that grows, found once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")
Scan = Callable[[str, int], Iterator[tuple[_T, int, bool]]]

MARGIN = 4096  # characters; nothing that follows further behind changes what was found
_CONTEXT = 2  # characters before a place that patterns look back at


class Scanned(Generic[_T]):
    """Finds things in text, piece by piece, so that they are those of the whole text.

    What stands at the end may go on in the next piece; it is looked for again then.

    Parameters
    ----------
    scan
        Given a text and a place in it, yields each thing from there on, where it ends, and whether that is certain
        whatever follows.

    Attributes
    ----------
    base
        Where in the whole text that one begins which `scan` is given.
    pending
        What was found at the end, and may yet change.
    """

    def __init__(self, scan: Scan[_T]) -> None:
        self.base = 0
        self.pending: list[_T] = []
        self._scan = scan
        self._text, self._at = "", 0

    def feed(self, text: str, last: bool) -> list[_T]:
        """Take in the next piece; return what was found for certain."""
        text = self._text + text
        found: list[_T] = []
        self.pending = []
        keep = self._at
        for thing, end, certain in self._scan(text, self._at):
            if self.pending or not (certain or last or end + MARGIN <= len(text)):
                self.pending.append(thing)
            else:
                found.append(thing)
                keep = end
        if not self.pending:
            keep = max(keep, text.rfind("\n", 0, max(len(text) - MARGIN, 0)) + 1)
        start = max(keep - _CONTEXT, 0)
        self._text, self._at = text[start:], keep - start
        self.base += start
        return found


def followed(text: str, end: int, within: int = 400) -> bool:
    """Whether something other than blanks stands behind a place, or so many blanks that it matters no more."""
    return len(text) - end >= within or bool(text[end : end + within].strip())

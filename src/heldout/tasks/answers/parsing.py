"""Parsing what a model wrote, as often as the rules of reading ask for it, within what one answer may cost.

A rule tries a text as it stands, without its rest, with another indent. Each try takes time in proportion to the text,
and a text of many blocks or lines has many. So the reader of one answer has an allowance: what it parsed once is known,
and when the allowance is used up nothing parses any more. It counts characters and statements and no seconds, so that
an answer is read in the same way on every machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from heldout.tasks.asserts import parsed

UNENDED = ("unterminated triple-quoted", "'(' was", "'[' was", "'{' was", "unexpected EOF", "expected an indented")
LARGEST = 200_000  # characters; what is longer is no program
MOST_LINES = 10_000  # with something on them, or statements on one line
_ALLOWANCE = 350_000  # of one answer, about what the largest program costs; the last parse may go beyond it
_START = 40  # what every call of the parser costs, in characters
_STATEMENT, _ITEM = 10, 6  # what a line or statement, and an item of a list, costs beside its characters


class _Allowance:
    """What may still be parsed, and what was."""

    def __init__(self) -> None:
        self.left = _ALLOWANCE
        self.known: dict[str, ast.Module | SyntaxError] = {}

    def tree(self, text: str) -> ast.Module:
        """Parse a text, or remember what came of it."""
        if text not in self.known:
            if self.left <= 0:
                raise SyntaxError("The answer takes too much to read.")
            try:
                self.known[text] = parsed(text)
            except SyntaxError as error:
                self.known[text] = error
            self.left -= _cost(text, self.known[text])
        found = self.known[text]
        if isinstance(found, SyntaxError):
            raise found.with_traceback(None)
        return found


_current: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def allowance() -> Iterator[None]:
    """Read one answer within its allowance; one inside another has the other's."""
    token = _current.set(_current.get() or _Allowance())
    try:
        yield
    finally:
        _current.reset(token)


def tree_of(text: str) -> ast.Module:
    """Parse a text; a SyntaxError where it is no Python, or the allowance of this answer is used up."""
    if _is_too_long(text):
        raise SyntaxError("The text is too long for a program.")
    current = _current.get()
    return parsed(text) if current is None else current.tree(text)


def _is_too_long(text: str) -> bool:
    statements = text.count("\n") + text.count(";")
    return len(text) > LARGEST or (
        statements > MOST_LINES and sum(1 + line.count(";") for line in text.split("\n") if line.strip()) > MOST_LINES
    )


def _cost(text: str, found: ast.Module | SyntaxError) -> int:
    lines = text.count("\n") + 1
    cost = len(text) + _STATEMENT * (lines + text.count(";")) + _ITEM * text.count(",")
    if isinstance(found, SyntaxError) and found.lineno and not (found.msg or "").startswith(UNENDED):
        cost = cost * min(found.lineno, lines) // lines  # the parser looked no further
    return _START + cost

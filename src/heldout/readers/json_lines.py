"""JSON written bit by bit: one object per line, or a document whose end is missing.

Shared by the readers of JSONL logs and JSON documents. orjson is quick and strict; what it refuses (bare ``NaN`` and
``Infinity``, a cut tail) is tried again with the standard library and then by closing what is open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from heldout.readers.source import whole_lines

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_CLOSER = {b"{": b"}", b"[": b"]"}
_DEEPEST = 200  # more open brackets than any log has; random bytes reach it


def parse(text: bytes) -> Any:
    """Parse a JSON document, accepting ``NaN`` and ``Infinity``.

    Raises
    ------
    ValueError
        When it is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except (RecursionError, UnicodeDecodeError) as error:
            raise ValueError("not JSON") from error


def parse_cut(text: bytes) -> tuple[Any, int]:
    """Parse a JSON document whose end is missing: keep every complete element of the arrays that are open.

    Returns
    -------
    document
        What could be read.
    lost
        How many bytes at the end could not.

    Raises
    ------
    ValueError
        When nothing can be kept.
    """
    end, closers = _last_complete(text)
    return parse(text[:end] + closers), len(text) - end


def _last_complete(text: bytes) -> tuple[int, bytes]:
    """Return where the last complete element ends, and the brackets that close what is still open there."""
    opened: list[bytes] = []
    end, closers = 0, b""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in _CLOSER:
            opened.append(_CLOSER[sign])
            if len(opened) > _DEEPEST:
                break
        elif sign in (b"}", b"]"):
            if not opened or opened.pop() != sign:
                break
            end, closers = token.end(), b"".join(reversed(opened))
        elif sign == b"," and opened:
            end, closers = token.start(), b"".join(reversed(opened))
    if not end:
        raise ValueError("nothing complete")
    return end, closers


def rows_of(block: bytes) -> tuple[list[Mapping[str, Any]], list[bytes]]:
    """Parse the lines of a block.

    Returns
    -------
    rows
        The objects, in order.
    refused
        Lines that are no JSON object.
    """
    try:  # one call for a whole block is several times quicker than one a line
        rows = orjson.loads(b"[" + block.strip().replace(b"\n", b",") + b"]")
    except orjson.JSONDecodeError:
        rows = None
    if rows and len(rows) == block.strip().count(b"\n") + 1 and set(map(type, rows)) == {dict}:
        return rows, []
    return _one_by_one(line for line in block.split(b"\n") if line and not line.isspace())


def _one_by_one(lines: Iterable[bytes]) -> tuple[list[Mapping[str, Any]], list[bytes]]:
    rows: list[Mapping[str, Any]] = []
    refused: list[bytes] = []
    for line in lines:
        try:
            row = parse(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            refused.append(line)
    return rows, refused


class ObjectLines:
    """Objects one a line, each looked at on its own.

    Parameters
    ----------
    take
        Called with each object; it returns whether the object is what belongs there.

    Attributes
    ----------
    refused
        Lines that are no object.
    wrong
        How many objects were not what belongs there.
    """

    def __init__(self, take: Callable[[Mapping[str, Any]], bool]) -> None:
        self._take = take
        self.refused: list[bytes] = []
        self.wrong = 0

    def feed(self, data: bytes, last: bool) -> int:
        """Take in the lines that have an end."""
        lines = whole_lines(data, last)
        rows, refused = rows_of(lines)
        self.refused += refused
        self.wrong += sum(not self._take(row) for row in rows)
        return len(lines)


def shown(line: bytes, most: int = 60) -> str:
    """A piece of a log, safe to print in a sentence."""
    text = line[: most + 1].decode("utf-8", "replace")
    return repr(text if len(line) <= most else text[:most] + "…")

"""The fields of a protocol-buffers message, without a generated class.

A message is a run of fields. Each starts with a varint, ``number << 3 | wire type``, and the wire type says how long
the payload is; nothing else is needed to walk over a message whose schema is only partly known. The layout is the one
of the protocol-buffers encoding guide. Positions are given rather than copies, so that a reader which has understood
one record can take the same bytes out of thousands of records of the same shape.

What it cannot see: the schema. Whether four bytes are a float or a count, and bytes a text, a message or packed
numbers, is for the caller to know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, are not used by any log
LONGEST = 10  # bytes of a 64-bit varint, at seven bits a byte

_SIZES = {FIXED32: 4, FIXED64: 8}
_MORE = 0x80  # the bit of a varint's byte that says another one follows

Place = tuple[int, int]  # where a payload starts and stops


class Malformed(ValueError):
    """The bytes are not a message."""


def varint(message: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return the unsigned number that starts at `start`, and the position after it."""
    if start < stop and message[start] < _MORE:  # nearly all numbers in a log's frame are of one byte
        return message[start], start + 1
    number = shift = 0
    for at in range(start, min(stop, start + LONGEST)):
        byte = message[at]
        if byte < _MORE:
            return (number | byte << shift) & 0xFFFF_FFFF_FFFF_FFFF, at + 1
        number |= (byte ^ _MORE) << shift
        shift += 7
    raise Malformed(f"a number is cut at byte {start}")


def signed(number: int) -> int:
    """Return an unsigned 64-bit number as the signed one it stands for (``int32``, ``int64``)."""
    return number - (1 << 64) if number >> 63 else number


def fields(message: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Yield every field of the message between two places: number, wire type, where its payload starts and stops.

    Raises `Malformed` at the first byte that cannot belong to a message.
    """
    at, end = start, len(message) if stop is None else stop
    while at < end:
        key, at = varint(message, at, end)
        number, kind = key >> 3, key & 7
        if kind == BYTES:
            if at < end and message[at] < _MORE:  # as `varint` would; what is named and stored in a log is short
                size, at = message[at], at + 1
            else:
                size, at = varint(message, at, end)
            after = at + size
        elif kind == VARINT:
            after = varint(message, at, end)[1]
        elif kind in _SIZES:
            after = at + _SIZES[kind]
        else:
            raise Malformed(f"wire type {kind} before byte {at}")
        if after > end or number == 0:
            raise Malformed(f"field {number} at byte {at} runs over the end, or has no number")
        yield number, kind, at, after
        at = after


def places(message: bytes, start: int = 0, stop: int | None = None) -> Mapping[tuple[int, int], list[Place]]:
    """Return where the payloads of each field stand, by number and wire type, in order; none for one that is absent."""
    found: defaultdict[tuple[int, int], list[Place]] = defaultdict(list)
    for number, kind, at, after in fields(message, start, stop):
        found[number, kind].append((at, after))
    return found


def numbers(message: bytes, start: int, stop: int, field: int) -> list[int]:
    """Return the unsigned integers of one field."""
    return [varint(message, *place)[0] for place in places(message, start, stop)[field, VARINT]]


def text(message: bytes, start: int, stop: int) -> str:
    """Return a field's payload as text; bytes that are not UTF-8 become the replacement character."""
    return message[start:stop].decode("utf-8", "replace")

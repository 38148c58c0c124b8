"""Protocol-buffer fields and CRC-32C checksums, without a generated class or a compiled library.

A message is a run of fields. Each starts with a varint, ``number << 3 | wire type``, and the wire type says how long
the payload is; nothing else is needed to walk over a message whose schema is only partly known. The layout is the one
of the protocol-buffers encoding guide. Positions are yielded rather than copies, so that a reader which has understood
one record can take the same bytes out of thousands of records of the same shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from heldout.run import IntArray

Bytes = npt.NDArray[np.uint8]
Checks = npt.NDArray[np.uint32]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, are not used by any log
LONGEST = 10  # bytes of a 64-bit varint at seven bits a byte

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_PIECE = 512  # longer stretches are cut, so that the loop over byte positions stays short


class Malformed(ValueError):
    """The bytes are not a message."""


def varint(message: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return the unsigned number that starts at `start`, and the position after it."""
    number = 0
    for at in range(start, min(stop, start + LONGEST)):
        byte = message[at]
        number |= (byte & 0x7F) << 7 * (at - start)
        if byte < 0x80:
            return number & 0xFFFF_FFFF_FFFF_FFFF, at + 1
    raise Malformed(f"a number is cut at byte {start}")


def signed(number: int) -> int:
    """Return an unsigned 64-bit number as the signed one it stands for (``int32``, ``int64``, ``bool``)."""
    return number - (1 << 64) if number >> 63 else number


def fields(message: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """Yield every field of a message as number, wire type, and where its payload starts and stops.

    Parameters
    ----------
    message
        The bytes that hold the message.
    start, stop
        Where in them it stands; all of them by default.

    Raises
    ------
    Malformed
        At the first byte that cannot belong to a message.
    """
    at, end = start, len(message) if stop is None else stop
    while at < end:
        key, at = varint(message, at, end)
        wire = key & 7
        if wire == VARINT:
            after = varint(message, at, end)[1]
        elif wire == BYTES:
            size, at = varint(message, at, end)
            after = at + size
        elif wire in (FIXED32, FIXED64):
            after = at + (4 if wire == FIXED32 else 8)
        else:
            raise Malformed(f"wire type {wire} before byte {at}")
        if after > end or key < 8:
            raise Malformed(f"field {key >> 3} at byte {at} runs over the end or has no number")
        yield key >> 3, wire, at, after
        at = after


def crc32c(data: Bytes, start: IntArray, length: IntArray) -> Checks:
    """Return the CRC-32C of many stretches of `data` at once.

    The loop runs over byte positions, each step for all stretches; so a block of short records, the usual case, costs
    a few nanoseconds a byte. A stretch longer than `_PIECE` is computed in pieces that are joined afterwards: a
    checksum is linear, so that ``state(a + b) = shift(state(a), len(b)) ^ state_from_zero(b)``.
    """
    extra = np.maximum(length - 1, 0) // _PIECE
    first = length - extra * _PIECE
    state = _states(data, start, first, 0xFFFF_FFFF)
    for i in np.flatnonzero(extra):
        pieces = start[i] + first[i] + _PIECE * np.arange(extra[i], dtype=np.int64)
        state[i] = _joined(int(state[i]), _states(data, pieces, np.full(len(pieces), _PIECE, dtype=np.int64), 0))
    return ~state


def _states(data: Bytes, start: IntArray, length: IntArray, initial: int) -> Checks:
    longest_first = np.argsort(-length, kind="stable")
    at, table = start[longest_first], _table()
    state = np.full(len(start), initial, dtype=np.uint32)
    unfinished = len(length) - np.searchsorted(np.sort(length), np.arange(length.max(initial=0)), side="right")
    for i, n in enumerate(unfinished.tolist()):
        state[:n] = table[(state[:n] ^ data[at[:n] + i]) & 0xFF] ^ (state[:n] >> np.uint32(8))
    ordered = np.empty_like(state)
    ordered[longest_first] = state
    return ordered


def _joined(state: int, pieces: Checks) -> int:
    a, b, c, d = _shift()
    for piece in pieces.tolist():
        state = a[state & 0xFF] ^ b[state >> 8 & 0xFF] ^ c[state >> 16 & 0xFF] ^ d[state >> 24] ^ piece
    return state


@cache
def _table() -> Checks:
    state = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        state = (state >> np.uint32(1)) ^ np.where(state & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    return state


@cache
def _shift() -> list[list[int]]:
    """Return, for each byte of a state, what it becomes after `_PIECE` zero bytes."""
    state = (np.arange(256, dtype=np.uint32) << np.uint32([[0], [8], [16], [24]])).astype(np.uint32)
    for _ in range(_PIECE):
        state = _table()[state & 0xFF] ^ (state >> np.uint32(8))
    shifted: list[list[int]] = state.tolist()
    return shifted

"""Protocol-buffer fields: the encoding guide's examples, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.readers.trackers import wire


def encoded(number: int) -> bytes:
    """Encode an unsigned number, seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + encoded(rest) if rest else bytes([low])


def test_the_varint_of_the_encoding_guide_is_150() -> None:
    assert wire.varint(b"\x96\x01", 0, 2) == (150, 2)


@given(st.integers(0, 2**64 - 1))
def test_every_varint_comes_back(number: int) -> None:
    data = encoded(number)
    assert wire.varint(data, 0, len(data)) == (number, len(data))


@pytest.mark.parametrize(
    ("data", "start", "stop", "expected"),
    [
        (b"\xff\x7f\x05", 1, 2, (0x7F, 2)),
        (b"\xff\x80\x01\x05", 1, 3, (0x80, 3)),
        (b"\xff" * 9 + b"\x7f", 0, 10, (2**64 - 1, 10)),  # what does not fit into 64 bits is cut off
        (b"\x80" * 9 + b"\x02", 0, 10, (0, 10)),
        (b"\x80\x01", 0, 1, None),
        (b"\x01", 1, 1, None),
        (b"\x80" * 10 + b"\x01", 0, 11, None),
    ],
)
def test_a_varint_has_at_most_ten_bytes_and_64_bits(
    data: bytes, start: int, stop: int, expected: tuple[int, int] | None
) -> None:
    if expected is None:
        with pytest.raises(wire.Malformed, match=f"^a number is cut at byte {start}$"):
            wire.varint(data, start, stop)
    else:
        assert wire.varint(data, start, stop) == expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_signed_number_is_twos_complement(number: int) -> None:
    assert wire.signed(number % 2**64) == number


def test_fields_are_yielded_with_their_places() -> None:
    message = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1a\x02hi" + b"\x25" + bytes(4)
    found = list(wire.fields(message))
    assert found == [
        (1, wire.VARINT, 1, 3),
        (2, wire.FIXED64, 4, 12),
        (3, wire.BYTES, 14, 16),
        (4, wire.FIXED32, 17, 21),
    ]
    assert wire.text(message, 14, 16) == "hi"


def test_an_inner_message_ends_where_it_ends() -> None:
    assert list(wire.fields(b"\x08\x01\x08\x02", 2, 4)) == [(1, wire.VARINT, 3, 4)]


@pytest.mark.parametrize(
    "message",
    [
        b"\x08",
        b"\x0a\x05abc",
        b"\x0d\x00",
        b"\x09\x00",
        b"\x80",
        b"\xff" * 11,
        b"\x0b",
        b"\x0c",
        b"\x0f\x00",
        b"\x00\x00",
    ],
    ids=[
        "no payload",
        "short text",
        "short float",
        "short double",
        "cut key",
        "endless",
        "group",
        "end",
        "7",
        "number 0",
    ],
)
def test_what_is_no_message_is_malformed(message: bytes) -> None:
    with pytest.raises(wire.Malformed):
        list(wire.fields(message))


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_malformed(message: bytes) -> None:
    try:
        found = list(wire.fields(message))
    except wire.Malformed:
        return
    assert all(0 < start <= stop <= len(message) for _, _, start, stop in found)
    assert [stop for *_, stop in found][-1:] == ([len(message)] if message else [])

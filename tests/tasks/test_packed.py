"""Packed texts are read without running the pickle; anything else in one is refused by the name of its instruction."""

from __future__ import annotations

import base64
import os
import pickle
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.tasks.packed import Refused, unpacked


def packed(pickled: bytes) -> str:
    return base64.b64encode(zlib.compress(pickled)).decode()


@given(st.text(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_a_text_of_any_protocol_comes_out(text: str, protocol: int) -> None:
    assert unpacked(packed(pickle.dumps(text, protocol))) == text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("size", [255, 256, 65_535, 65_536, 300_000])
def test_texts_of_all_sizes_come_out(protocol: int, size: int) -> None:
    assert unpacked(packed(pickle.dumps("é" * size, protocol))) == "é" * size


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_would_run_something_is_refused_and_does_not_run(protocol: int, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"GLOBAL|REDUCE|STACK_GLOBAL"):
        unpacked(packed(pickle.dumps(Attack(tmp_path / "ran"), protocol)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (["a"], "EMPTY_LIST|MARK"),
        (("a", "b"), "MARK|TUPLE2"),
        (1, "BININT1|INT"),
        (b"a", "BINBYTES|GLOBAL"),
        (None, "NONE"),
        (OrderedDict(a=1), "GLOBAL"),
    ],
)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_other_values_are_refused_by_the_name_of_an_instruction(value: object, named: str, protocol: int) -> None:
    with pytest.raises(Refused, match=named):
        unpacked(packed(pickle.dumps(value, protocol)))


def test_what_follows_the_text_is_refused() -> None:
    one = pickle.dumps("a", 2)
    with pytest.raises(Refused, match="bytes after"):
        unpacked(packed(one + one))
    with pytest.raises(Refused, match="2 texts"):
        unpacked(packed(b"X\x01\x00\x00\x00aX\x01\x00\x00\x00b."))


@pytest.mark.parametrize("text", ["", "no base64!", "QUJD", packed(b""), packed(b"X\xff\xff"), packed(b"\xff.")])
def test_what_is_not_packed_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        unpacked(text)


def test_a_bomb_is_not_inflated() -> None:
    bomb = packed(pickle.dumps("0" * 10_000_000))
    assert len(bomb) < 20_000
    with pytest.raises(Refused, match="above 1000000 bytes"):
        unpacked(bomb, most=1_000_000)
    assert len(unpacked(bomb, most=10_000_100)) == 10_000_000


def test_a_cut_text_is_refused() -> None:
    data = zlib.compress(pickle.dumps("0123456789" * 100))
    with pytest.raises(Refused, match="cut off"):
        unpacked(base64.b64encode(data[:-5]).decode())

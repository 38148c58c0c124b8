"""Tagged JSON: what goes in comes out, and nothing else does."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.sandbox import same
from heldout.sandbox.values import DEEPEST, NotPlain, decode, encode, is_above

ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20) | st.complex_numbers()
)
KEYS = st.recursive(ATOMS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
PLAIN = st.recursive(
    ATOMS | st.sets(KEYS, max_size=3) | st.frozensets(KEYS, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=8,
)


class Number(IntEnum):
    ONE = 1


P = namedtuple("P", "x")


@given(PLAIN)
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    assert same(decode(encode(value)), value, tolerance=0.0)


@given(PLAIN)
def test_a_value_is_not_above_the_size_it_has(value: Any) -> None:
    assert not is_above(value, len(encode(value)))


@pytest.mark.parametrize("value", ["a" * 11, b"a" * 11, [0] * 11, {i: i for i in range(6)}, [[["a" * 9]]]])
def test_a_value_with_more_parts_or_letters_than_bytes_is_above(value: Any) -> None:
    assert is_above(value, 10)


@given(PLAIN)
def test_the_text_is_one_line_of_strict_json(value: Any) -> None:
    text = encode(value)
    assert text.isascii()
    assert "\n" not in text
    json.loads(text, parse_constant=pytest.fail)


@given(st.text() | PLAIN.map(encode).map(lambda text: text[:-1]))
def test_other_text_is_refused_in_one_way(text: str) -> None:
    try:
        value = decode(text)
    except NotPlain:
        return
    assert same(decode(encode(value)), value, tolerance=0.0)  # what it accepts is plain


@pytest.mark.parametrize("value", [pytest.param(10**5000, id="huge"), -(2**53), -1e999, "\ud800", {1.0: {(): {}}}])
def test_awkward_values_come_back(value: Any) -> None:
    assert same(decode(encode(value)), value)


def test_integers_are_themselves_while_every_reader_of_json_keeps_them() -> None:
    for sign in (1, -1):
        assert encode(sign * (2**53 - 1)) == str(sign * (2**53 - 1))
        assert encode(sign * 2**53) == f'{{"int":"{hex(sign * 2**53)}"}}'


@pytest.mark.parametrize(
    "value", [object(), range(3), deque(), Number.ONE, P(1), (i for i in ""), int, [1, {2: print}]]
)
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(NotPlain, match="not plain data"):
        encode(value)


@pytest.mark.parametrize("value", [Counter("aa"), OrderedDict(a=2), defaultdict(int, a=2)])
def test_the_dictionaries_of_collections_are_dictionaries(value: Any) -> None:
    assert same(decode(encode(value)), {"a": 2})


def test_nesting_has_a_floor_on_both_sides() -> None:
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    assert same(decode(encode(deep)), deep)
    with pytest.raises(NotPlain, match="nested"):
        encode([deep])
    with pytest.raises(NotPlain, match="nested"):
        decode(f"[{encode(deep)}]")
    with pytest.raises(NotPlain):
        decode("[" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "1e999",
        '{"a":1,"b":2}',
        "{}",
        '{"set":[[1]]}',
        '{"dict":[[1]]}',
        '{"dict":[[[],1]]}',
        '{"int":7}',
        '{"int":"x"}',
        '{"float":null}',
        '{"bytes":"zz"}',
        '{"complex":[1,2]}',
        '{"tuple":3}',
        '{"object":[]}',
        "9" * 5000,
        b"\xff",
    ],
)
def test_forged_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(NotPlain):
        decode(text)

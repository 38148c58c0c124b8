"""Comparisons that belong to tests: against libraries and rules written anew here, and on hostile values."""

from __future__ import annotations

import copy
import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_values import PLAIN

from heldout.sandbox.compare import COMPARISONS, Close, name_of
from heldout.sandbox.printed import Tokens, apps_cascade, decimal_lines, lines

NAN, BIG = math.nan, 10**400
NAMES = sorted(COMPARISONS)
PRINTED = ["cascade of APPS", "decimal lines", "lines", "tokens", "tokens of CodeContests"]
OF_VALUES = [name for name in NAMES if name not in PRINTED]
SPELT = [
    "0",
    "1",
    "1.0",
    "01",
    "-0",
    "+1",
    "1e0",
    "10",
    "0.3",
    ".3",
    "0.30000000000000004",
    "1_0",
    "yes",
    "YES",
    "nan",
    "inf",
]
WORDS = st.sampled_from(SPELT)
TEXTS = st.lists(st.one_of(WORDS, st.sampled_from([" ", "\n", "\n\n", "\t", "\r\n"])), max_size=8).map(" ".join)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(PLAIN, PLAIN, TEXTS, TEXTS)
def test_no_plain_value_makes_a_comparison_raise(name: str, one: Any, other: Any, text: str, another: str) -> None:
    pairs = [
        (one, other),
        (one, text),
        (text, other),
        (text, another),
        ([one, BIG], [one, 1.0]),
        ({1: one}, {"1": one}),
    ]
    assert all(isinstance(COMPARISONS[name](*pair), bool) for pair in pairs)


@pytest.mark.parametrize("name", OF_VALUES)
@given(PLAIN)
def test_a_value_equals_its_copy_unless_it_holds_nan(name: str, value: Any) -> None:
    assert COMPARISONS[name](value, copy.deepcopy(value)) or "nan" in repr(value)


@pytest.mark.parametrize("name", PRINTED)
@given(TEXTS)
def test_a_text_equals_itself_with_other_blanks_at_its_end(name: str, text: str) -> None:
    assert COMPARISONS[name](text + " \n", text)


@pytest.mark.parametrize("name", ["python", "json", "unordered", "lines", "decimal lines"])
@given(PLAIN, PLAIN, TEXTS, TEXTS)
def test_exact_comparisons_are_symmetric(name: str, one: Any, other: Any, text: str, another: str) -> None:
    compare = COMPARISONS[name]
    assert compare(one, other) == compare(other, one)
    assert compare(text, another) == compare(another, text)


RIGHT: list[tuple[str, Any, Any]] = [
    ("python", 1, 1.0),
    ("python", True, 1),
    ("python", {1: [2.0]}, {1.0: [2]}),
    ("python", {1}, frozenset({1})),
    ("json", ((1, 2), {"a": (3,)}), [[1, 2], {"a": [3]}]),
    ("json", {True: 3, None: 4, 0.5: 5}, {"true": 3, "null": 4, "0.5": 5}),
    ("json", {1: [(2,)]}, {"1": [[2]]}),
    ("json", {1: "a", "1": "b"}, {"1": "b", 1: "a"}),
    ("json or item", (1, 2), [[1, 2]]),
    ("json or item", [7], [7]),
    ("json or item", 7, [7]),
    ("close", [1.0, [2.0000001]], [1.0, (2.0,)]),
    ("close", 1.0000001, 1.0),
    ("close", {"a": 1.0000001}, {"a": 1}),
    ("close", math.inf, math.inf),
    ("close", BIG, BIG),
    ("close", (1, "a"), (1, "a")),
    ("close", 1.0, 1),
    ("unordered", [3, 1, 2], [1, 2, 3]),
    ("unordered", [{"a": [1]}, {2}], [{2}, {"a": [1]}]),
    ("unordered", {1, 2}, [2, 1]),
    ("unordered", "ab", "ab"),
    ("tokens", "1\n2\n", "1 2"),
    ("tokens", "0.33333333", "0.333333"),
    ("tokens", "1234567.0", "1234567.1"),
    ("tokens", "007 -0", "7 0"),
    ("tokens", "1E3", "1000"),
    ("tokens of CodeContests", "YES 1.000009", "yes 1"),
    ("lines", " 1 2 \r\n3\n\n", "1 2\n3"),
    ("lines", "", "\n"),
    ("decimal lines", "1.0 2\n3e1", "1 2.00\n30"),
    ("decimal lines", "1   2", "1 2"),
    ("cascade of APPS", "1 2\n3", "3\n2 1"),
    ("cascade of APPS", "1.00001", "1.00002"),
]
WRONG: list[tuple[str, Any, Any]] = [
    ("python", (1,), [1]),
    ("python", NAN, NAN),
    ("python", 0.1 + 0.2, 0.3),
    ("python", "1", 1),
    ("json", {1, 2}, [1, 2]),
    ("json", 0.1 + 0.2, 0.3),
    ("json", {1: "a", "1": "b"}, {"1": "b"}),
    ("json", [1, [2, 3]], [1, 2, 3]),
    ("json", "1", 1),
    ("json or item", 1, [1, 2]),
    ("json or item", [[1]], [1]),
    ("json or item", 0, []),
    ("close", 1.0000001, 1),
    ("close", [1.0], (1.0000001,)),
    ("close", [1.0], [1.0, 1.0]),
    ("close", [1.00001], [1.0]),
    ("close", [NAN], [float("nan")]),
    ("close", 1.0, math.inf),
    ("close", -math.inf, math.inf),
    ("close", BIG + 1, BIG),
    ("close", {"a": 1.0, "b": 1.0}, {"a": 1.0}),
    ("close", [None], [0.0]),
    ("unordered", [1, 1, 2], [1, 2, 2]),
    ("unordered", [(1, 2)], [[1, 2]]),
    ("unordered", [[1, 2]], [[2, 1]]),
    ("unordered", "ab", "ba"),
    ("tokens", "1 2", "2 1"),
    ("tokens", "1 2 3", "1 2"),
    ("tokens", "1000000000000000000", "1000000000000000001"),
    ("tokens", "Yes", "yes"),
    ("tokens", "1.00003", "1.0"),
    ("tokens", "nan", "NAN"),
    ("tokens", "1_0", "10"),
    ("tokens", "1e999", "1e998"),
    ("tokens of CodeContests", "1000.001", "1000"),
    ("lines", "1", "1\n2"),
    ("lines", "1 2", "1  2"),
    ("lines", "", "1"),
    ("decimal lines", "0.30000000000000004", "0.3"),
    ("decimal lines", "1 2", "1\n2"),
    ("decimal lines", "sNaN", "sNaN 1"),
    ("decimal lines", "yes 1.0", "yes 1"),
    ("decimal lines", "1\n\n2", "1\n2"),
    ("cascade of APPS", "1 2", "1 3"),
    ("tokens", 1, "1"),
    ("lines", "1", 1),
    ("decimal lines", None, "None"),
    ("cascade of APPS", b"1", "1"),
]


@pytest.mark.parametrize(("name", "value", "expected"), RIGHT)
def test_right(name: str, value: Any, expected: Any) -> None:
    assert COMPARISONS[name](value, expected)


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_wrong(name: str, value: Any, expected: Any) -> None:
    assert not COMPARISONS[name](value, expected)


NUMBERS = st.one_of(
    st.floats(),
    st.integers(-(2**60), 2**60),
    st.sampled_from([1.0, 1.0 + 1e-6, 1.0 + 1.05e-6, 1.0 + 1.15e-6, 1e9, 1e9 + 90, 1e9 + 110]),
)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4))
def test_numbers_in_lists_are_close_where_numpy_says_so(pairs: list[tuple[float, float]]) -> None:
    ours, theirs = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    with np.errstate(all="ignore"):
        near = np.allclose(ours, theirs, rtol=1e-7, atol=1e-6)
    assert Close()(ours, theirs) == near


def of_live_code_bench(printed: str, expected: str) -> bool:
    """Strip, as many lines, each equal or equal word by word as Decimal."""
    left, right = printed.strip().split("\n"), expected.strip().split("\n")
    for place in range(max(len(left), len(right))):
        if place >= min(len(left), len(right)):
            return False
        one, other = left[place].strip(), right[place].strip()
        if one != other:
            try:
                if list(map(Decimal, one.split())) != list(map(Decimal, other.split())):
                    return False
            except InvalidOperation:
                return False
    return True


@given(TEXTS, TEXTS)
def test_decimal_lines_are_the_rule_of_live_code_bench(printed: str, expected: str) -> None:
    assert decimal_lines(printed, expected) == of_live_code_bench(printed, expected)


def of_code_contests(printed: str, expected: str) -> bool:
    """Split at blanks, lower case, numbers within 1e-5."""
    left, right = printed.lower().split(), expected.lower().split()

    def match(one: str, other: str) -> bool:
        if one == other:
            return True
        try:
            return "_" not in one + other and abs(float(one) - float(other)) < 1e-5
        except ValueError:
            return False

    return len(left) == len(right) and all(map(match, left, right))


@given(TEXTS, TEXTS)
def test_tokens_without_capitals_are_the_rule_of_code_contests(printed: str, expected: str) -> None:
    assert Tokens(case=False, rtol=0.0)(printed, expected) == of_code_contests(printed, expected)


@given(TEXTS, TEXTS)
def test_equal_lines_pass_the_cascade_too(printed: str, expected: str) -> None:
    if lines(printed, expected):
        assert apps_cascade(printed, expected)


MILLION = "9" * 10**6
HOSTILE = [
    (MILLION, MILLION[1:]),
    (MILLION + ".5", MILLION + ".6"),
    ("1e999999999", "1e999999998"),
    ("1e999999999999999999999", "1"),
    ("1e-999999999 1", "1e999999999 2"),
    ("2.2250738585072011" + "7" * 10**6 + "e308", "2.2250738585072011" + "7" * 10**6 + "1e308"),
    ("\ud800", "1"),
    ("1 " * 10**5, "1 " * 10**5 + "2"),
    ("sNaN", "1"),
]


@pytest.mark.parametrize("name", ["tokens", "tokens of CodeContests", "lines", "decimal lines"])
@pytest.mark.parametrize("place", range(len(HOSTILE)))
def test_a_flood_of_digits_is_told_from_another(name: str, place: int) -> None:
    one, other = HOSTILE[place]
    assert COMPARISONS[name](one, one) or place == HOSTILE.index(("sNaN", "1"))
    assert not COMPARISONS[name](one, other)


def test_a_number_above_python_s_limit_of_digits_may_be_a_key() -> None:
    key = 10**5000
    assert COMPARISONS["json"]({key: (1,)}, {key: [1]})


@given(st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_is_blind_to_what_json_loses(value: Any) -> None:
    def loose(item: Any) -> Any:
        if isinstance(item, list):
            return tuple(map(loose, item))
        return {key: loose(one) for key, one in item.items()} if isinstance(item, dict) else item

    assert COMPARISONS["json"](loose(value), json.loads(json.dumps(value)))


def test_every_comparison_has_a_name_for_reports() -> None:
    assert [name_of(one) for one in COMPARISONS.values()] == list(COMPARISONS)
    assert name_of(Tokens(atol=0.5)) == "Tokens(case=True, atol=0.5, rtol=1e-05)"

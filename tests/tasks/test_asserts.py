"""Assertions are read as arguments and a value, and never run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.tasks.asserts import read_assertions

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.lists(PLAIN, max_size=3), PLAIN)
def test_every_comparison_of_literals_is_read(args: list[Any], expected: Any) -> None:
    call = f"f({', '.join(map(repr, args))})"
    for source in (f"assert {call} == {expected!r}", f"def check(f):\n    assert {expected!r} == {call}, 'why'\n"):
        found = read_assertions(source, "f")
        assert not found.left_out
        (test,) = found.tests
        assert repr((test.args, test.expected)) == repr((tuple(args), expected))


@pytest.mark.parametrize(
    ("source", "args", "expected"),
    [
        ('assert f("a") is None', ("a",), None),
        ("assert f(1) is True", (1,), True),
        ("assert f(-1)", (-1,), True),
        ("assert not f([1, -2])", ([1, -2],), False),
        ("assert abs(f(1.0) - 0.5) < 1e-6", (1.0,), 0.5),
        ("assert abs(0.25 - f(3)) <= 1e-9", (3,), 0.25),
        ("assert abs(f(3) - 2) < 1e-6", (3,), 2.0),
        ("assert abs(f([1.0, 2.0]) - 2.0 / 3.0) < 1e-6", ([1.0, 2.0],), 2.0 / 3.0),
        ("assert math.isclose(f(10), 4188.790204786391, rel_tol=0.001)", (10,), 4188.790204786391),
        ("assert isclose(f(4), 0.5)", (4,), 0.5),
        ("assert f(2 * 3, -1.5) == 10 - 4", (6, -1.5), 6),
        ("assert f() == set()", (), set()),
    ],
)
def test_the_usual_forms_are_read(source: str, args: tuple[Any, ...], expected: Any) -> None:
    found = read_assertions(source, "f")
    assert not found.left_out
    (test,) = found.tests
    assert (test.args, test.expected, type(test.expected)) == (args, expected, type(expected))


@pytest.mark.parametrize(
    ("value", "tolerance", "read"),
    [
        ("0.12345", "1e-6", True),  # five decimals are exact under a tolerance of 1e-6
        ("0.123456", "1e-6", False),
        ("0.12345", "1.1e-6", False),
        ("0.12345678901", "0.1", True),  # twelve digits are as many as a float that was not rounded has
        ("0.1234567891", "0.1", False),
        ("12345678901.2", "0.1", True),
    ],
)
def test_a_number_is_read_if_it_is_surely_not_rounded(value: str, tolerance: str, read: bool) -> None:
    found = read_assertions(f"assert abs(f(1) - {value}) < {tolerance}", "f")
    assert [test.expected for test in found.tests] == [float(value)] * read


@pytest.mark.parametrize(
    "source",
    [
        "assert f(1) != 2",
        "assert f(1) > 2",
        "assert f(x=1) == 2",
        "assert f(*[1]) == 2",
        "assert f(n) == 2",
        "assert f(1) == g(2)",
        "assert f(f(1)) == 2",
        "assert g(1) == 2",
        "assert sorted(f(1)) == [2]",
        "assert f(1) == 2 == 3",
        "assert f(1) == 2 and f(2) == 3",
        "assert f(2 ** 9999999) == 1",
        "assert f('a' * 999999999) == 1",
        "assert f(1 / 0) == 1",
        "assert f(1) == __import__('os').getpid()",
        "for i in range(3):\n    assert f(1) == 2",
        "if False:\n    assert f(1) == 2",
        "assert abs(f(1) - 4.67) < 0.01",  # 4.67 may be rounded
        "assert math.isclose(f(1), 4.188, rel_tol=0.001)",
        "assert abs(f(1) - 0.12345678) < 1e-6",
        "assert True",
    ],
)
def test_other_forms_are_left_out_and_kept_as_text(source: str) -> None:
    found = read_assertions(source, "f")
    assert found.tests == []
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith("assert ")


def test_the_source_is_never_executed() -> None:
    source = "raise SystemExit\nimport not_a_module\nassert f(1) == 2\nassert f(exit()) == 1\n"
    found = read_assertions(source, "f")
    assert len(found.tests) == 1
    assert found.left_out == ["assert f(exit()) == 1"]


def test_what_is_no_python_is_a_syntax_error() -> None:
    for source in ("assert f(1 ==", "assert f(1)\0", "(" * 5000):
        with pytest.raises(SyntaxError):
            read_assertions(source, "f")

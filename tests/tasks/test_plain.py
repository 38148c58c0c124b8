"""Expressions about plain data: what they are worth is what Python says, and no value makes them dear."""

from __future__ import annotations

import ast
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.tasks.plain import Holds, approx, bound, evaluate, is_usual, understood

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=5,
)
EXPRESSIONS = (
    "_ == 1",
    "not _",
    "len(_) + 1",
    "sorted(_)[::-1]",
    "sorted(set(_), reverse=True)",
    "[x for x in _ if x]",
    "{x: 1 for x in _}",
    "sum(x * 2 for x in _)",
    "max(_, default=0)",
    "_[0] if _ else None",
    "_['a']",
    "_ in (1, 'a', None)",
    "0 < _ <= 3",
    "-_ + 2 ** 3 // 2 % 3",
    "_.upper()",
    "_.keys() == {'a'}",
    "isinstance(_, (list, str))",
    "type(_) == bool",
    "math.isclose(_, 1.0, abs_tol=0.5)",
    "all([x == y for x, y in zip(_, _)])",
    "dict(zip('ab', _))",
    "round(_, 1) == 0.5",
    "(*_, 1)",
    "_ or _ is None and True",
)


@given(st.sampled_from(EXPRESSIONS), VALUES)
def test_an_expression_is_worth_what_python_says(text: str, value: Any) -> None:
    names = {"_": value}
    assert understood(ast.parse(text, mode="eval").body, names)
    try:
        expected = eval(text, {"math": math}, dict(names))
    except Exception as error:
        with pytest.raises((type(error), ValueError)):
            evaluate(ast.parse(text, mode="eval").body, names)
        assert not Holds(text)(value, True)
    else:
        assert repr(evaluate(ast.parse(text, mode="eval").body, names)) == repr(expected)
        assert Holds(text)(value, True) is bool(expected)
        assert Holds(text)(value, False) is not bool(expected)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "_.__class__",
        "().__class__.__bases__",
        "(lambda: 1)()",
        "f'{_}'",
        "'%s' % _",
        "'{}'.format(_)",
        "eval('1')",
        "open('x')",
        "getattr(_, 'x')",
        "type('X', (), {})",
        "math.factorial(5)",
        "bytes(5)",
        "unknown",
        "[x async for x in _]",
        "(x := 1)",
        "max(_, **{'default': 1})",
    ],
)
def test_other_forms_are_not_evaluated(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        evaluate(ast.parse(text, mode="eval").body, {"_": 1})
    assert not Holds(text)(1, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a' * _ == 'b'", 10**12),
        ("[0] * _ == [1]", 10**12),
        ("_ * [0, 1] == [1]", 10**12),
        ("2 ** _ > 5", 10**12),
        ("_ ** _ ** _ > 5", 99),
        ("_ * _ * _ > 5", 1 << 90_000),
        ("list(range(_)) == [1]", 10**12),
        ("round(7, -_) == 0", 10**12),
        ("'%1000000000d' % _ == ''", 1),
        ("str(_) == '1'", 1 << 80_000),
        ("[x for x in _ for y in _ for z in _] == 1", "a" * 9_000),
    ],
    ids=range(11),
)
def test_no_value_makes_an_expression_dear(text: str, value: Any) -> None:
    assert not Holds(text)(value, True)  # or the memory of this machine would end before


def test_what_an_assertion_needs_goes_with_it() -> None:
    holds = Holds("sorted(_) == want", {"want": [1, 2]})
    assert holds([2, 1], True)
    assert pickle.loads(pickle.dumps(holds)) == holds
    assert not Holds("sorted(_) == want")([2, 1], True)


@given(VALUES, VALUES)
def test_approx_is_that_of_pytest(value: Any, expected: Any) -> None:
    if isinstance(expected, bool | str | None) or _holds_others(expected) or _holds_others(value):
        return
    assert approx(value, expected) == (value == pytest.approx(expected))


def _holds_others(value: Any) -> bool:
    """Whether there is nesting, or anything but numbers, which pytest refuses or treats in its own way."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return any(type(item) not in (int, float) for item in items)


def test_targets_are_unpacked_as_python_does() -> None:
    target = ast.parse("for i, (a, b) in _: pass").body[0].target  # type: ignore[attr-defined]
    assert bound(target, (1, [2, 3])) == {"i": 1, "a": 2, "b": 3}
    for value in ((1, [2]), (1, [2, 3, 4]), (1, 2, 3)):
        with pytest.raises(ValueError, match=r"argument|no parts"):
            bound(target, value)


def test_an_import_gives_a_usual_name_its_usual_meaning_or_another() -> None:
    assert is_usual(None, "numpy", "np")
    assert is_usual("copy", "deepcopy", None)
    assert not is_usual(None, "mine", "np")
    assert not is_usual("math", "isclose", "sorted")

"""When is what a program gave the value that was expected? Comparisons of plain data, made on the host.

A comparison belongs to a test. `same` is the strict one; `COMPARISONS` has all of them by name, those of printed text
too. None raises on plain data, and all take time linear in its size.
"""

from __future__ import annotations

import cmath
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from heldout.sandbox.printed import Tokens, apps_cascade, decimal_lines, lines

TOLERANCE = 1e-9  # of a float, relative and absolute
_SEQUENCES = (list, tuple)
_COLLECTIONS = (list, tuple, set, frozenset)
_NUMBERS = (int, float, complex)
_LONG = 10**300

Comparison = Callable[[Any, Any], bool]  # what was given and what was expected, both plain data


def same(value: Any, expected: Any, *, tolerance: float = TOLERANCE) -> bool:
    """Is a returned value the expected one, in type and in content?

    Strict: True is not 1, 1 is not 1.0, a tuple is not a list, at any depth. Where a float is expected, a float within
    the tolerance will do, except in sets and among the keys of dictionaries. NaN equals NaN.

    Examples
    --------
    >>> same(0.1 + 0.2, 0.3), same([1, 2], (1, 2)), same({True}, {1})
    (True, False, False)
    """
    kind = type(expected)
    if type(value) is not kind:
        return False
    if kind is float:
        return _near(value, expected, tolerance)
    if kind is complex:
        return _near(value.real, expected.real, tolerance) and _near(value.imag, expected.imag, tolerance)
    if kind in (list, tuple):
        return len(value) == len(expected) and all(
            same(one, other, tolerance=tolerance) for one, other in zip(value, expected, strict=True)
        )
    if kind in (set, frozenset):
        return {_typed(item) for item in value} == {_typed(item) for item in expected}
    if kind is dict:
        theirs, ours = ({_typed(key): item for key, item in each.items()} for each in (value, expected))
        return theirs.keys() == ours.keys() and all(
            same(theirs[key], item, tolerance=tolerance) for key, item in ours.items()
        )
    return kind in (type(None), bool, int, str, bytes) and bool(value == expected)


def equal(value: Any, expected: Any) -> bool:
    """Does Python say ``value == expected``? What an assertion means, on plain data.

    1 is 1.0 and True, at any depth; a tuple is not a list, NaN is no other NaN, and floats have no tolerance.

    >>> equal(1, True), equal([1.0], [1]), equal((1,), [1]), equal(float("nan"), float("nan"))
    (True, True, False, False)
    """
    return bool(value == expected)


def as_json(value: Any, expected: Any) -> bool:
    """Would both be the same once written as JSON? For expected values that come out of JSON.

    As `equal`, but tuples are lists and the keys of dictionaries are text, at any depth. LiveCodeBench, whose rule
    this is for functions, turns tuples into lists at the top only, so that a list of tuples fails there.

    >>> as_json([(1, 2)], [[1, 2]]), as_json({1: None}, {"1": None}), as_json({1}, [1]), as_json(0.1 + 0.2, 0.3)
    (True, True, False, False)
    """
    return equal(value, expected) or equal(_jsonlike(value), _jsonlike(expected))


def json_or_item(value: Any, expected: Any) -> bool:
    """As `as_json`, where a list of one item may stand for the item: APPS and TACO write some values that way.

    Their own rule takes the first item of any list, so that 1 passes for ``[1, 2]`` there.

    >>> json_or_item(2, [2]), json_or_item([2], [2]), json_or_item(1, [1, 2])
    (True, True, False)
    """
    alone = isinstance(expected, list) and len(expected) == 1
    return as_json(value, expected) or (alone and as_json(value, expected[0]))


@dataclass(frozen=True, slots=True)
class Close:
    """Equal in Python, or of one type and with numbers that are close? The rule of evalplus for floats.

    Close is ``|value - expected| <= atol + rtol * |expected|``, as ``numpy.allclose`` has it; an infinity is close to
    itself alone, and NaN to nothing. The type counts at the top alone: within lists, tuples and the values of
    dictionaries a number may be of any type, and a tuple be a list. Items of sets and keys must be equal. Unlike in
    NumPy, lists of different lengths are never close, and lists may hold texts beside numbers.

    Examples
    --------
    >>> close = Close()
    >>> close([0.1 + 0.2], [0.3]), close(1.0000001, 1), close([1.0], [1.0, 1.0]), close([[1], "a"], [[1.0000001], "a"])
    (True, False, False, True)
    """

    rtol: float = 1e-7
    atol: float = 1e-6

    def __call__(self, value: Any, expected: Any) -> bool:
        return equal(value, expected) or (type(value) is type(expected) and self._near(value, expected))

    def _near(self, value: Any, expected: Any) -> bool:
        if isinstance(value, _SEQUENCES) and isinstance(expected, _SEQUENCES):
            return len(value) == len(expected) and all(map(self._near, value, expected))
        if isinstance(value, dict) and isinstance(expected, dict):
            return value.keys() == expected.keys() and all(self._near(value[key], expected[key]) for key in expected)
        if isinstance(value, _NUMBERS) and isinstance(expected, _NUMBERS):
            return self._within(value, expected)
        return equal(value, expected)

    def _within(self, value: complex, expected: complex) -> bool:
        try:
            finite = cmath.isfinite(value) and cmath.isfinite(expected)
            near = abs(value - expected) <= self.atol + self.rtol * abs(expected)
        except OverflowError:  # whole numbers above all floats
            return equal(value, expected)
        return equal(value, expected) or (finite and near)


def unordered(value: Any, expected: Any) -> bool:
    """Are the items the same in any order, each as often? Of lists, tuples and sets; all else must be `equal`.

    The order is free at the top alone, and a list may be a tuple or a set there. Items are compared as `equal` does.

    >>> unordered([2, 1, 1], (1, 1, 2)), unordered([[1], [2]], [[2], [1]]), unordered([[1, 2]], [[2, 1]])
    (True, True, False)
    """
    if not isinstance(value, _COLLECTIONS) or not isinstance(expected, _COLLECTIONS):
        return equal(value, expected)
    return Counter(map(_hashable, value)) == Counter(map(_hashable, expected))


COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "strict": same,
        "python": equal,
        "json": as_json,
        "json or item": json_or_item,
        "close": Close(),
        "unordered": unordered,
        "tokens": Tokens(),
        "tokens of CodeContests": Tokens(case=False, rtol=0.0),
        "lines": lines,
        "decimal lines": decimal_lines,
        "cascade of APPS": apps_cascade,
    }
)


def name_of(comparison: Comparison) -> str:
    """Return what reports call a comparison: its name among `COMPARISONS`, or how it is written.

    >>> name_of(as_json), name_of(Close()), name_of(Close(atol=0.01))
    ('json', 'close', 'Close(rtol=1e-07, atol=0.01)')
    """
    names = (name for name, one in COMPARISONS.items() if one == comparison)
    return next(names, getattr(comparison, "__name__", str(comparison)))


def _near(value: float, expected: float, tolerance: float) -> bool:
    if math.isnan(expected):
        return math.isnan(value)
    return math.isclose(value, expected, rel_tol=tolerance, abs_tol=tolerance)


def _typed(item: Any) -> tuple[Any, ...]:
    """A key that tells 1 from True and 1.0, and has one NaN."""
    kind = type(item)
    if kind is tuple:
        return kind, tuple(map(_typed, item))
    if kind is frozenset:
        return kind, frozenset(map(_typed, item))
    return kind, "nan" if item != item else item


def _jsonlike(value: Any) -> Any:
    if isinstance(value, _SEQUENCES):
        return [_jsonlike(item) for item in value]
    if isinstance(value, dict):
        texts = {_key_text(key): _jsonlike(item) for key, item in value.items()}
        return texts if len(texts) == len(value) else value  # 1 and "1" are two keys
    return value


def _key_text(key: Any) -> Any:
    if isinstance(key, int) and abs(key) >= _LONG:  # Python refuses to write very many digits
        return key
    return json.dumps(key) if key is None or isinstance(key, bool | int | float) else key


def _hashable(item: Any) -> Any:
    """Return something that can be counted, and is equal for items that are."""
    if isinstance(item, _SEQUENCES):
        return type(item), tuple(map(_hashable, item))
    if isinstance(item, dict):
        return dict, frozenset((key, _hashable(one)) for key, one in item.items())
    return frozenset(item) if isinstance(item, set) else item

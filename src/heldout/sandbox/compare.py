"""When is what a program gave the value that was expected? Comparisons of plain data, made on the host.

A comparison belongs to a test. `same` is the strict one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

TOLERANCE = 1e-9  # of a float, relative and absolute

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

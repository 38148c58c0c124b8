"""What is written for programs, as JSON has it, and what was written read back.

The form of it is told by `heldout.json_schema`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

_T = TypeVar("_T")
Names = Mapping[type, Mapping[str, str | None]]


def plain(value: Any, names: Names | None = None) -> Any:
    """Return a value as JSON has it: dataclasses as objects, tuples as lists, numbers that are not finite as None.

    `names` tells, for some dataclasses, field → key where the two differ, None where it is not written.

    >>> plain({"rate": (0.5, math.inf), 1: np.arange(2)})
    {'rate': [0.5, None], '1': [0, 1]}
    """
    if is_dataclass(value):
        own = (names or {}).get(type(value), {})
        keys = {field.name: own.get(field.name, field.name) for field in fields(value)}
        return {key: plain(getattr(value, name), names) for name, key in keys.items() if key is not None}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # no lone surrogates, which JSON does not have
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(one, names) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), names)
    if isinstance(value, Sequence):
        return [plain(one, names) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def read(kind: type[_T], value: Any) -> _T:
    """Return plain data of JSON as what it was written from: dataclasses, enumerations, tuples, mappings.

    A number that JSON does not have is nan.

    Raises ValueError, TypeError or KeyError where it was not written from that.

    >>> read(tuple[int, ...], [1, 2])
    (1, 2)
    """
    asked: Any = kind
    found: _T = _reader(asked)(value)
    return found


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return what reads values of a kind; it is put together once, for there are many."""
    if kind is float:
        return lambda value: math.nan if value is None else value
    if get_origin(kind) is UnionType:
        inner = _reader(next(one for one in get_args(kind) if one is not NoneType))
        return lambda value: None if value is None else inner(value)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
        return lambda value: kind(**{name: read_field(value[name]) for name, read_field in readers.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if get_origin(kind) is tuple:
        return _of_tuple([_reader(one) for one in get_args(kind) if one is not Ellipsis], Ellipsis in get_args(kind))
    if get_origin(kind) in (Mapping, dict):
        return dict
    return lambda value: value


def _of_tuple(parts: Sequence[Callable[[Any], Any]], alike: bool) -> Callable[[Any], Any]:
    if alike:
        return lambda value: tuple(map(parts[0], value))
    return lambda value: tuple(part(one) for part, one in zip(parts, value, strict=True))

"""What passes between a program and the process that tests it: messages of tagged JSON, each with its length.

Beside plain data they hold values of the standard library that are as good as plain (a range, a deque, a date …),
named tuples, and arrays of numbers where both sides have numpy. Both sides read and write with this; it uses the
standard library alone.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from heldout.sandbox.values import NotPlain, as_base

_ARRAYS = re.compile("[<>|=][biufc][0-9]+")  # the types of numbers whose arrays cross
# Values as good as plain, by the name of their type: what makes such a value again.
_STANDARD: dict[str, Callable[[Any], list[Any]]] = {
    "builtins.range": lambda value: [value.start, value.stop, value.step],
    "builtins.bytearray": lambda value: [bytes(value)],
    "collections.deque": lambda value: [list(value), value.maxlen],
    "fractions.Fraction": lambda value: [value.numerator, value.denominator],
    "decimal.Decimal": lambda value: [str(value)],
    "datetime.date": lambda value: [value.year, value.month, value.day],
    "datetime.datetime": lambda value: [*value.timetuple()[:6], value.microsecond],
    "datetime.timedelta": lambda value: [value.days, value.seconds, value.microseconds],
}


class Closed(Exception):
    """The other side is gone."""


def send(descriptor: int, text: str) -> None:
    """Write a message; `Closed` when nobody reads any more."""
    data = text.encode()
    left = memoryview(len(data).to_bytes(8, "big") + data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        raise Closed from None


def receive(descriptor: int, most: int) -> bytes:
    """Read a message; `Closed` when there is none any more, NotPlain where it is longer than `most` bytes."""
    size = int.from_bytes(_read(descriptor, 8), "big")
    if size > most:
        raise NotPlain(f"it is longer than {most} bytes")
    return _read(descriptor, size)


def written(value: Any) -> tuple[str, list[Any]] | None:
    """Say what stands for a value that is as good as plain, as a `Writer` does; None for all others."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _STANDARD and getattr(value, "tzinfo", None) is None:
        return "standard", [name, *_STANDARD[name](value)]
    fields = getattr(kind, "_fields", None)
    if issubclass(kind, tuple) and isinstance(fields, tuple):
        return "named tuple", [kind.__name__, list(fields), list(tuple.__iter__(value))]
    if name == "numpy.ndarray" and _ARRAYS.fullmatch(value.dtype.str):
        return "array", [value.dtype.str, list(value.shape), value.tobytes()]
    if is_number_of_numpy(value):
        return "", [value.item()]
    base = as_base(value) if kind.__module__.partition(".")[0] in sys.stdlib_module_names else []
    return ("", base) if base else None


def is_number_of_numpy(value: Any) -> bool:
    """Say whether it is one of numpy's numbers, or an array of no dimension, which Python's numbers stand for."""
    package = type(value).__module__.partition(".")[0]
    return package == "numpy" and hasattr(value, "item") and getattr(value, "ndim", 1) == 0


def read(tag: str, items: list[Any]) -> Any:
    """Make the value again of which `written` says what stands for it; NotPlain where it cannot."""
    try:
        if tag == "standard" and items[0] in _STANDARD:
            module, _, name = items[0].partition(".")
            return getattr(importlib.import_module(module), name)(*items[1:])
        if tag == "named tuple":
            return namedtuple(items[0], items[1])(*items[2])
        if tag == "array" and _ARRAYS.fullmatch(items[0]):
            return importlib.import_module("numpy").frombuffer(items[2], items[0]).reshape(items[1]).copy()
    except Exception as error:  # whatever the constructors make of what the other side says
        raise NotPlain(f"a {tag} cannot be made here ({type(error).__name__})") from None
    raise NotPlain(f"a tag {tag[:20]!r} that is not known or does not fit")


def _read(descriptor: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        parts.append(os.read(descriptor, min(count, 2**20)))
        if not parts[-1]:
            raise Closed
        count -= len(parts[-1])
    return b"".join(parts)

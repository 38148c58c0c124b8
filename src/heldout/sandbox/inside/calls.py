"""Calls of a program inside the bubblewrap sandbox: it is defined once, and its entry point called for each input.

It runs in the child that the program is in control of, so nothing that it says is believed. It uses the standard
library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from itertools import islice
from typing import Any

from heldout.sandbox.inside.frames import is_number_of_numpy
from heldout.sandbox.values import LONGEST_ERROR, NotPlain, Writer, as_base, decode, encode

_VIEWS: tuple[type, ...] = (type({0: 0}.keys()), type({0: 0}.items()))
_RESERVE = [bytearray(2**21)]  # of which nothing is touched; with it, a program without memory can still say so
NAME = "program"  # of its module, and of its file in errors


def answers(request: dict[str, Any]) -> Iterator[str]:
    """Define the program and call its entry point for each input; one line of tagged JSON for each."""
    inputs = request["inputs"]
    try:
        function = _entry(load(request["source"]), request["entry"])
    except _NoFunction as missing:
        yield from [encode(["no such function", str(missing)])] * len(inputs)
    except BaseException as error:
        yield from [from_error(error, defining=True)] * len(inputs)
    else:
        for encoded in inputs:
            arguments, keywords = decode(encoded)
            yield _call(function, arguments, keywords, request["limits"]["output_bytes"])


def load(source: str) -> dict[str, Any]:
    """Define the program; what it defines, by name."""
    sys.modules[NAME] = module = types.ModuleType(NAME)  # a real one: dataclasses look it up
    exec(compile(source, NAME, "exec", dont_inherit=True), module.__dict__)
    return module.__dict__


class _NoFunction(Exception):
    """The program does not define what is to be called."""


def _entry(defined: dict[str, Any], entry: str) -> Any:
    """Find ``f``, or the method of ``Solution().f``, bound to one instance for all calls."""
    name, _, method = entry.partition("().")
    if name not in defined:
        raise _NoFunction(f"It defines no {name}.")
    if not method:
        return defined[name]
    if not hasattr(defined[name], method):
        raise _NoFunction(f"{name} has no {method}.")
    return getattr(defined[name](), method)


def _call(function: Any, arguments: list[Any], keywords: dict[str, Any], largest: int) -> str:
    try:
        value = function(*arguments, **keywords)
    except BaseException as error:
        return from_error(error)
    try:
        line = encode(value, _writer(largest))
    except (NotPlain, RecursionError) as error:
        return encode(["refused", str(error)[:LONGEST_ERROR]])
    except BaseException as error:
        return from_error(error)
    if len(line) > largest:
        return encode(["refused", f"It returned {len(line)} bytes; the limit is {largest}."])
    return f'["returned",{line}]'


def make_room(error: BaseException) -> None:
    """Give back what is kept for the case that a program has used up all memory, and what its frames hold."""
    _RESERVE.clear()
    error.__traceback__ = None


def _writer(most: int) -> Writer:
    """Write what a program returns that is not plain: as its base value, as Python's number, or item by item."""

    def write(value: Any) -> tuple[str, list[Any]]:
        kind = type(value)
        if is_number_of_numpy(value):
            return "", [value.item()]
        if base := as_base(value):
            return "", base
        has = {name for one in kind.__mro__ for name in vars(one)}  # not what classes have, whose instances lack it
        if "__iter__" not in has:
            raise NotPlain(f"A value of type {kind.__name__} is not plain data.")
        items = list(islice(value, most + 1))
        if len(items) > most:  # none of them takes less than a byte
            raise NotPlain(f"It gives more than {most} items.")
        return _kind_of(kind, has), items

    return write


def _kind_of(kind: type, has: set[str]) -> str:
    """What can be done with an object beside going through it, see `heldout.sandbox.iterated`."""
    if kind in _VIEWS:
        return "view"
    return "iterated" if "__len__" not in has else "indexed" if "__getitem__" in has else "sized"


def from_error(error: BaseException, defining: bool = False) -> str:
    """Which error it was, as a line of tagged JSON: a status and a text."""
    if isinstance(error, MemoryError):
        make_room(error)
        return encode(["memory", "MemoryError"])
    if isinstance(error, SystemExit):
        return encode(["left the program", type(error).__name__])
    try:
        if isinstance(error, ModuleNotFoundError) and error.name:
            return encode(["needs a package", str(error.name).partition(".")[0][:LONGEST_ERROR]])
        text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    except BaseException:  # an error may have a __str__ of its own
        text = "an error that cannot be printed"
    in_text = isinstance(error, SyntaxError) or (isinstance(error, ValueError) and "null bytes" in text)
    return encode(["syntax" if defining and in_text else "raised", text])

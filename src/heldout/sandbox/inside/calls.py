"""Calls of a program inside the bubblewrap sandbox: it is defined once, and its entry point called for each input.

It runs in the child that the program is in control of, so nothing that it says is believed. It uses the standard
library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from typing import Any

from heldout.sandbox.values import LONGEST_ERROR, NotPlain, decode, encode

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
        line = encode(_without_numpy(value) if "numpy" in sys.modules else value)
    except (NotPlain, RecursionError) as error:
        return encode(["refused", str(error)[:LONGEST_ERROR]])
    except BaseException as error:
        return from_error(error)
    if len(line) > largest:
        return encode(["refused", f"It returned {len(line)} bytes; the limit is {largest}."])
    return f'["returned",{line}]'


def _without_numpy(value: Any) -> Any:
    """Python's numbers for numpy's, which programs return without noticing, at any depth; arrays stay what they are."""
    kind = type(value)
    if isinstance(value, sys.modules["numpy"].generic):
        return value.item()
    if kind in (list, tuple, set, frozenset):
        return kind(map(_without_numpy, value))
    if isinstance(value, dict) and kind.__module__ in ("builtins", "collections"):
        return {_without_numpy(key): _without_numpy(item) for key, item in value.items()}
    return value


def from_error(error: BaseException, defining: bool = False) -> str:
    """Which error it was, as a line of tagged JSON: a status and a text."""
    if isinstance(error, MemoryError):
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

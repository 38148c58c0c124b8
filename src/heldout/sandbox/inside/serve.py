"""A program that is tested by another process: it is defined, and then does what that process asks of it.

It runs in the child that the program is in control of, so nothing that it says is believed: what comes back are the
program's own values and errors, and handles for its objects. It uses the standard library alone and runs under
whatever Python the sandbox has.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import types
from typing import Any

from heldout.sandbox.inside import calls, frames
from heldout.sandbox.values import LONGEST_ERROR, NotPlain, as_base, decode, encode, is_based

FROM_TESTER, TO_TESTER = 4, 5  # descriptors
MOST = 2**22  # bytes of one answer
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
# What Python calls for an operator or a function of its own; the process that tests asks for some of them.
OPERATORS = [
    f"__{name}__"
    for name in [
        "len",
        "iter",
        "next",
        "getitem",
        "setitem",
        "delitem",
        "contains",
        "call",
        "enter",
        "exit",
        "str",
        "repr",
        "bool",
        "eq",
        "lt",
        "le",
        "gt",
        "ge",
        "abs",
        "neg",
        "pos",
        "invert",
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
        "divmod",
        "round",
        "int",
        "float",
        "index",
        "complex",
    ]
]


def main(request: dict[str, Any]) -> None:
    """Define the program, say what it defines, and answer until nobody asks any more."""
    with contextlib.suppress(frames.Closed):
        _serve(request)


def _serve(request: dict[str, Any]) -> None:
    _clock(request)
    try:
        defined = calls.load(request["source"])
        frames.send(TO_TESTER, encode(["ready", [name for name in defined if type(name) is str][:1000]]))
    except BaseException as error:
        frames.send(TO_TESTER, calls.from_error(error, defining=True))
        return
    objects = _Objects(defined)
    while True:
        message = decode(frames.receive(FROM_TESTER, sys.maxsize), objects.read)
        if message == ["item"]:
            _clock(request)
        else:
            answer = _answer(message, objects)
            if len(answer) > MOST:
                answer = encode(["refused", f"It returned {len(answer)} bytes; the limit is {MOST}."])
            frames.send(TO_TESTER, answer)


def _clock(request: dict[str, Any]) -> None:
    """Let the kernel end this process when it uses more time for one item than it may.

    A program can stop this clock; then what all items together may use ends it.
    """
    signal.setitimer(signal.ITIMER_PROF, request["seconds"])


class _Objects:
    """The objects of the program that the other side knows, by number."""

    def __init__(self, defined: dict[str, Any]) -> None:
        self.defined = defined
        self._all: list[Any] = [types.FunctionType]
        self._numbers = {id(types.FunctionType): 0}

    def written(self, value: Any) -> str:
        """A value as it crosses; NotPlain where it is nested too deeply."""
        try:
            return encode(value, self.write)
        except RecursionError as error:
            raise NotPlain(f"It cannot be written: {error}.") from None

    def write(self, value: Any) -> tuple[str, list[Any]]:
        """A value that is not plain, as it crosses."""
        if isinstance(value, type):
            return "class", [self._number(value)]
        kind = type(value)
        return frames.written(value) or (
            "handle",
            [self._number(value), 0 if kind in _FUNCTIONS else self._number(kind)],
        )

    def read(self, tag: str, items: list[Any]) -> Any:
        """What the other side means; an object of the tests becomes one of the class that has its name here."""
        if tag == "object":
            made = object.__new__(self.defined[items[0]])
            vars(made).update(items[1])
            return made
        return self._all[items[0]] if tag in ("class", "handle") else frames.read(tag, items)

    def _number(self, thing: Any) -> int:
        number = self._numbers.setdefault(id(thing), len(self._all))
        if number == len(self._all):
            self._all.append(thing)  # which also keeps its id its own
        return number


def _answer(message: list[Any], objects: _Objects) -> str:
    try:
        match message:
            case ["call", target, name, arguments, keywords, watched]:
                return _call(target if name is None else getattr(target, name), arguments, keywords, watched, objects)
            case ["get", target, name]:
                value = getattr(target, name)
            case ["set", target, name, value]:
                setattr(target, name, value)
                value = None
            case ["name", name]:
                if name not in objects.defined:
                    return encode(["missing"])
                value = objects.defined[name]
            case ["base", target]:
                value = as_base(target)
            case ["describe", kind]:
                value = _described(kind)
            case _:
                value = None
        return f'["returned",{objects.written(value)},null]'
    except NotPlain as error:
        return encode(["refused", str(error)])
    except MemoryError as error:
        calls.make_room(error)
        return _raised(error, objects)
    except BaseException as error:
        return _raised(error, objects)


def _call(function: Any, arguments: list[Any], keywords: dict[str, Any], watched: bool, objects: _Objects) -> str:
    """What it returned, and what it made of its arguments where that is to be known."""
    given = [arguments, keywords]
    before = objects.written(given) if watched else ""
    value = function(*arguments, **keywords)
    after = objects.written(given) if watched else ""
    changed = "null" if after == before else after
    for place, one in enumerate(arguments if watched else ()):
        if value is one and isinstance(one, (list, dict, set)):
            return f'["argument",{place},{changed}]'
    return f'["returned",{objects.written(value)},{changed}]'


def _described(kind: type) -> list[Any]:
    """A class: name, methods, operators, the program's classes that it comes from, its error, whether it is based."""
    public = [name for name in dir(kind) if not name.startswith("__")]
    return [
        kind.__name__,
        [name for name in public if callable(getattr(kind, name, None))],
        [name for name in OPERATORS if getattr(kind, name, None) is not getattr(object, name, None)],
        [base for base in kind.__bases__ if base.__module__ == calls.NAME],
        _error_of(kind) if issubclass(kind, BaseException) else None,
        is_based(kind),
    ]


def _error_of(kind: type) -> list[str]:
    """The nearest class of errors that every Python has: its module and its name."""
    known = next(one for one in kind.__mro__ if one.__module__.partition(".")[0] in sys.stdlib_module_names)
    return [known.__module__, known.__qualname__]


def _raised(error: BaseException, objects: _Objects) -> str:
    """An error: its class, what it was made of, its text, and its attributes as far as they are plain."""
    kind = type(error)
    try:
        text = f"{kind.__name__}: {error}".removesuffix(": ")[:LONGEST_ERROR]
    except BaseException:  # an error may have a __str__ of its own
        text = "an error that cannot be printed"
    own = kind if kind.__module__ == calls.NAME else None
    known = _error_of(kind)
    attributes: dict[str, Any] = {}
    named = {"name": error.name} if isinstance(error, ImportError) else {}  # which does not lie among them
    for name, value in (named | vars(error)).items():
        try:
            encode(value)
            attributes[name] = value
        except Exception:  # it is not plain
            continue
    try:
        return encode(["raised", own, known, list(error.args), text, attributes], objects.write)
    except BaseException:
        return encode(["raised", None, known, [text], text, {}])

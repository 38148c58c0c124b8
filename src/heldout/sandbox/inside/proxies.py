"""What stands for a program in the process that tests it: functions, classes and objects that ask the other process.

A test uses them as it would use the program's own. Plain data come back as such, and errors as errors of the same kind.
An object of the program is a handle: its attributes, methods, length, items and text are what the program says of it,
but it is compared here, and is equal to itself alone; one of a class that comes from a plain type (``class S(str)``, a
member of an ``IntEnum``) is equal to what its value is equal to. Arguments that a call has changed are changed here,
too. What cannot be had this way ends the test, whatever it catches: see `Fault`.

It uses the standard library alone and runs under whatever Python the sandbox has.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from heldout.sandbox.inside import frames
from heldout.sandbox.inside.serve import OPERATORS
from heldout.sandbox.values import NotPlain, decode, encode

TESTS = "tests"  # the module of the tests
MODULE = "solution"  # where the classes of the program say that they are from
OF_PROGRAM = "_heldout_text"  # the attribute of an error that was raised in the program
# What Python calls for operators and functions of its own: those that are asked of the program, and those that are not.
_ASKED = frozenset(
    f"__{one}__"
    for one in ["len", "iter", "next", "getitem", "setitem", "delitem", "call", "enter", "exit", "str", "repr", "bool"]
)
_OPERATORS = frozenset(OPERATORS) - _ASKED
_CHANGEABLE = (list, dict, set, bytearray, deque)
_FORGED = "The program replaced what writes its answers."


class Fault(BaseException):
    """The test cannot go on: the program is gone, gave what it may not give, or the test needs what cannot be had.

    It is no Exception, so that few tests catch it, and it counts even where one does.
    """

    def __init__(self, status: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.is_final = status == "gone" or text == _FORGED  # for all items that follow


class Link:
    """The other process: what was asked of it, and what went wrong since the last item began."""

    def __init__(self, reading: int, writing: int, most: int) -> None:
        self._reading, self._writing, self._most = reading, writing, most
        self._classes: dict[int, type] = {}
        self._handles: dict[int, Any] = {}
        self.names: frozenset[str] = frozenset()  # what the program defines
        self.asked = False  # whether the program had a part in anything yet
        self.missing = ""  # a name that the program should define
        self.fault: Fault | None = None

    def begins(self) -> None:
        """A test item begins."""
        if self.fault is None or not self.fault.is_final:
            self.fault = None
            with contextlib.suppress(Fault):  # the item itself will see it
                self._send(["item"])

    def hello(self) -> list[Any]:
        """Wait until the program is defined."""
        return self._receive()

    def named(self, name: str) -> Any:
        """What the program defines under a name; an AttributeError where it does not."""
        answer = self._exchange(["name", name])
        if answer == ["missing"]:
            self.missing = name
            raise AttributeError(f"module {MODULE!r} has no attribute {name!r}")
        return self._value(answer)[0]

    def call(self, target: Any, name: str | None, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Call a function, a class, or what an object has under a name."""
        self.asked = True
        given = [*arguments]
        watched = any(isinstance(one, _CHANGEABLE) for one in (*given, *keywords.values()))
        answer = self._exchange(["call", target, name, given, keywords, watched])
        if answer[:1] == ["argument"]:
            match answer:
                case ["argument", int(place), after] if 0 <= place < len(given):
                    value = given[place]
                case _:
                    raise self.failed("refused", _FORGED)
        else:
            value, after = self._value(answer)
        if after is not None:
            for one, other in zip(given, after[0], strict=False):
                _changed(one, other)
            for key, other in after[1].items():
                _changed(keywords.get(key), other)
        return value

    def get(self, target: Any, name: str) -> Any:
        """Ask for an attribute."""
        self.asked = True
        return self._value(self._exchange(["get", target, name]))[0]

    def set(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute."""
        self.asked = True
        self._value(self._exchange(["set", target, name, value]))

    def base(self, target: Any) -> Any:
        """Ask for the value of an object whose class comes from a plain type, as one of that type."""
        match self._value(self._exchange(["base", target]))[0]:
            case [value]:
                return value
        raise self.failed("refused", _FORGED)

    def failed(self, status: str, text: str) -> Fault:
        """What ends the item, to be raised."""
        self.fault = self.fault or Fault(status, text)
        return self.fault

    def _exchange(self, message: list[Any]) -> list[Any]:
        if self.fault is not None:
            raise self.fault
        self._send(message)
        return self._receive()

    def _send(self, message: list[Any]) -> None:
        try:
            text = encode(message, self._write)
        except (NotPlain, RecursionError) as error:
            raise self.failed("unsupported", f"The tests give the program what cannot cross: {error}") from None
        try:
            frames.send(self._writing, text)
        except frames.Closed:
            raise self.failed("gone", "") from None

    def _receive(self) -> list[Any]:
        try:
            answer = decode(frames.receive(self._reading, self._most), self._read)
        except frames.Closed:
            raise self.failed("gone", "") from None
        except NotPlain:
            answer = None
        if not isinstance(answer, list) or not answer:
            raise self.failed("refused", _FORGED)
        return answer

    def _value(self, answer: list[Any]) -> tuple[Any, Any]:
        """The value of an answer, and the arguments as they are after the call; or what was raised, raised here."""
        match answer:
            case ["returned", value, None]:
                return value, None
            case ["returned", value, [list(), dict()] as after]:
                return value, after
            case ["raised", own, [str(module), str(name)], list(made_of), str(text), dict(attributes)]:
                raise _error(own or _known_error(module, name), made_of, text, attributes)
            case ["refused", str(text)]:
                raise self.failed("refused", text)
        raise self.failed("refused", _FORGED)

    def _write(self, value: Any) -> tuple[str, list[Any]]:
        kind = type(value)
        if isinstance(value, type) and "_heldout_class" in vars(value):
            return "class", [vars(value)["_heldout_class"][1]]
        if isinstance(value, Handle):
            return "handle", [value._heldout_number]
        if kind.__name__ in self.names and kind.__module__ == TESTS and hasattr(value, "__dict__"):
            return "object", [kind.__name__, vars(value)]
        if found := frames.written(value):
            return found
        what = f"the class {value.__name__}" if isinstance(value, type) else f"an object of type {kind.__name__}"
        raise self.failed(
            "unsupported", f"The tests give {what} to the program; only values and its own objects cross."
        )

    def _read(self, tag: str, items: list[Any]) -> Any:
        match tag, items:
            case "class", [int(number)]:
                return self._class(number)
            case "handle", [int(number), int(kind)]:
                if number not in self._handles:
                    handle: Any = object.__new__(self._class(kind))
                    self._handles[number] = handle
                    object.__setattr__(handle, "_heldout_link", self)
                    object.__setattr__(handle, "_heldout_number", number)
                return self._handles[number]
        return frames.read(tag, items)

    def _class(self, number: int) -> type:
        if number not in self._classes:
            self._classes[number] = _new_class(self, number, self._described(number))
        return self._classes[number]

    def _described(self, number: int) -> list[Any]:
        if not number:
            return ["function", [], ["__call__"], [], None, False]
        frames.send(self._writing, f'["describe",{{"class":[{number}]}}]')
        description = self._value(self._receive())[0]
        match description:
            case [str(), list() as methods, list() as operators, list() as bases, None | [str(), str()], bool()]:
                if all(isinstance(one, str) for one in (*methods, *operators)) and all(
                    isinstance(base, type) for base in bases
                ):
                    return list(description)
        raise NotPlain("no description of a class")


class Handle:
    """An object of the program."""

    __slots__ = ("__weakref__", "_heldout_link", "_heldout_number")
    _heldout_link: Link
    _heldout_number: int

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by Python and by libraries, to find out what it is
            raise AttributeError(name)
        return self._heldout_link.get(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._heldout_link.set(self, name, value)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise self._heldout_link.failed("unsupported", "The tests copy an object of the program.")


class ClassOfHandles(type):
    """A class of the program: calling it makes an object there, and gives a handle."""

    _heldout_class: tuple[Link, int]

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        return cls._heldout_class[0].call(cls, None, arguments, keywords)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls._heldout_class[0].get(cls, name)


def _new_class(link: Link, number: int, description: list[Any]) -> type:
    name, methods, operators, bases, error, based = description
    body: dict[str, Any] = {"__module__": MODULE, "_heldout_class": (link, number)}
    if error:
        known = _known_error(*error)
        errors = [one for one in bases if issubclass(one, BaseException)]
        return type(name, (*errors, *([] if any(issubclass(one, known) for one in errors) else [known])), body)
    body["__slots__"] = ()
    for method in methods:
        if not method.startswith(("__", "_heldout")):
            body[method] = _Method(link, method)
    for operator in operators:
        if operator in _ASKED:
            body[operator] = _asking(operator)
        elif operator == "__eq__":
            body.update(__eq__=_equal, __hash__=object.__hash__)
        elif operator in _OPERATORS and not (operator == "__contains__" and "__iter__" in operators):
            body[operator] = _refusing(operator)  # one that contains what it iterates over is searched here
    if based:
        body.update(__eq__=_equal_by_base, __hash__=_hash_of_base, __contains__=_contained_in_base)
    try:
        return ClassOfHandles(name, tuple(one for one in bases if issubclass(one, Handle)) or (Handle,), body)
    except TypeError:  # an order of bases that Python does not have
        return ClassOfHandles(name, (Handle,), body)


class _Method:
    """What a class of the program has under a name, to be called on an object or on the class."""

    def __init__(self, link: Link, name: str) -> None:
        self._link, self._name = link, name

    def __get__(self, handle: Handle | None, kind: type) -> Callable[..., Any]:
        def ask(*arguments: Any, **keywords: Any) -> Any:
            return self._link.call(kind if handle is None else handle, self._name, arguments, keywords)

        return ask


def _asking(name: str) -> Callable[..., Any]:
    def ask(self: Handle, *arguments: Any, **keywords: Any) -> Any:
        return self._heldout_link.call(self, name, arguments, keywords)

    return ask


def _refusing(name: str) -> Callable[..., Any]:
    """An operator whose answer could be what the test hopes for, given what it is to be compared with."""

    def refuse(self: Handle, *arguments: Any) -> Any:
        text = f"The tests use the operator {name} of an object of the program, which is not asked for it."
        raise self._heldout_link.failed("unsupported", text)

    return refuse


def _equal(self: Handle, other: object) -> bool:
    if isinstance(other, Handle) and other is not self:
        raise self._heldout_link.failed(
            "unsupported", "The tests compare objects of the program, which are not asked for it."
        )
    return self is other


def _equal_by_base(self: Handle, other: object) -> bool:
    return self is other or bool(self._heldout_link.base(self) == other)


def _hash_of_base(self: Handle) -> int:
    return hash(self._heldout_link.base(self))


def _contained_in_base(self: Handle, item: object) -> bool:
    return item in self._heldout_link.base(self)


def _known_error(module: str, name: str) -> type[BaseException]:
    """A class of errors that every Python has; Exception for what is none, and for those that steer the tests."""
    if module.partition(".")[0] in sys.stdlib_module_names - {"unittest"}:
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            return Exception
        if isinstance(found, type) and issubclass(found, BaseException):
            return found
    return Exception


def _error(kind: Any, made_of: list[Any], text: str, attributes: dict[Any, Any]) -> BaseException:
    """An error as it was raised in the program, marked with its text."""
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        kind = Exception
    try:
        error: BaseException = kind(*made_of)
    except Exception:  # one that is not made of its `args`
        error = kind.__new__(kind, *made_of)
    vars(error).update({name: value for name, value in attributes.items() if isinstance(name, str)})
    if isinstance(error, ImportError) and isinstance(attributes.get("name"), str):
        error.name = attributes["name"]
    vars(error)[OF_PROGRAM] = text
    return error


def _changed(one: Any, other: Any) -> Any:
    """Change a value to what another is, as far as it is the same kind of container; else the other."""
    if type(one) is not type(other) or not isinstance(one, _CHANGEABLE):
        return other
    if isinstance(one, (list, deque)):
        items = [_changed(*pair) for pair in zip(one, other, strict=False)] + list(other)[len(one) :]
        one.clear()
        one.extend(items)
    elif isinstance(one, dict):
        pairs = {key: _changed(one.get(key), value) for key, value in other.items()}
        one.clear()
        one.update(pairs)
    elif isinstance(one, set):
        one.clear()
        one.update(other)
    else:
        one[:] = other
    return one

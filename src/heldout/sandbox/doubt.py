"""Is an error that monty raised the program's own, or does monty lack something?

Monty raises ordinary errors where it lacks a part of Python: a TypeError for an object with a `__len__`, an ImportError
for a name that its own module does not have. So an error counts as the program's only where CPython is known to raise
it too: its text stands in the program, or CPython, asked the same here, says the same. All others are *unsupported*.
"""

from __future__ import annotations

import builtins
import datetime
import importlib
import operator
import re
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from heldout.sandbox.base import Status

# One value of each type that a message may name.
_SAMPLES: dict[str, Any] = {
    type(one).__name__: one
    for one in (
        *(None, True, 1, 1.5, 1j, "a", b"a", [1], (1,), {1: 1}, {1}, frozenset({1}), range(1), slice(1)),
        *(int, abs, re, iter([1]), iter((1,)), iter("a"), map(abs, [1]), zip([1]), enumerate([1]), reversed([1])),
        *(Counter("a"), OrderedDict(a=1), defaultdict(int), deque([1]), {1: 1}.keys(), {1: 1}.values(), {1: 1}.items()),
        *(datetime.date(2000, 1, 1), datetime.timedelta(1)),
    )
} | {"function": lambda: None}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "** or pow()": pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "+": operator.pos, "~": operator.invert}
# Messages about one value, and how CPython is asked the same.
_ASKED: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    (r"'(\w+)' object is not iterable", iter),
    (r"cannot unpack non-iterable (\w+) object", iter),
    (r"'(\w+)' object is not subscriptable", lambda value: value[0]),
    (r"'(\w+)' object does not support item assignment", lambda value: operator.setitem(value, 0, 0)),
    (r"'(\w+)' object cannot be interpreted as an integer", range),
    (r"object of type '(\w+)' has no len\(\)", len),
    (r"unhashable type: '(\w+)'", hash),
    (r"cannot use '(\w+)' as a (?:set element|dict key).*", hash),
    (r"argument of type '(\w+)' is not iterable", lambda value: 0 in value),
    (r"(?:int|float)\(\) argument must be .*, not '?(\w+)'?", int),
)
# Messages in which CPython speaks of builtin types alone, and means the same.
_SAME = re.compile(
    r"can only concatenate .*|(list|tuple|string|range|bytes) (indices|index) must be .*|must be str, not .*|"
    r"sequence item \d+: expected .* instance, .* found|slice indices must be .*|"
    r"not enough arguments for format string|not all arguments converted during string formatting"
)
_CALL = re.compile(r"(?:[\w.<>]+\.)?(\w+|<lambda>)\(\) (takes|missing|got an unexpected|got multiple|got some) .*")
_OTHER_VALUES = re.compile(r"pow\(\) 2nd argument cannot be negative .*|.*[Ff]ormat .*")
_LONGEST = 300  # characters of a message that are looked at; it may be the program's own
_CERTAIN = "IndexError|KeyError|ZeroDivisionError|OverflowError|AssertionError|StopIteration|RecursionError"
# The modules that are looked at where a program, or monty, names them; no others are imported for it.
_MODULES = re.compile(
    "abc|asyncio|base64|bisect|calendar|cmath|collections|copy|dataclasses|datetime|decimal|enum|fractions|functools|"
    "hashlib|heapq|io|itertools|json|math|numbers|operator|os|pathlib|random|re|statistics|string|struct|sys|textwrap|"
    "time|types|typing|unicodedata"
)


def verdict(kind: str, message: str, source: str) -> Status:
    """Say what an error means of which monty told the type and the text, in a program with this source.

    RAISED, LEFT, TIMEOUT, MEMORY, PACKAGE or, in doubt, UNSUPPORTED.
    """
    message = message[:_LONGEST]
    if kind == "SystemExit":
        return Status.LEFT
    if kind == "TimeoutError" and "time limit exceeded" in message:
        return Status.TIMEOUT
    if kind == "MemoryError":
        return Status.MEMORY
    if kind == "ModuleNotFoundError":
        return Status.UNSUPPORTED if _quoted(message, 1)[0].split(".")[0] in sys.stdlib_module_names else Status.PACKAGE
    if re.fullmatch(_CERTAIN, kind) or (len(message) > 3 and message in source):
        return Status.RAISED
    return _RULES.get(kind, _by_itself)(message, source)


def _quoted(message: str, count: int) -> list[str]:
    found = re.findall(r"'([^']*)'", message)
    return [*found, *[""] * count][: max(count, len(found))]


def _raised(certain: bool) -> Status:
    return Status.RAISED if certain else Status.UNSUPPORTED


def _by_itself(message: str, source: str) -> Status:
    """Errors that monty has no reason to raise but the program's."""
    return Status.RAISED


def _not_implemented(message: str, source: str) -> Status:
    lacking = message.startswith(("The monty ", "Wildcard imports ")) or "does not yet support" in message
    return _raised(not lacking)


def _runtime(message: str, source: str) -> Status:
    if message.endswith("can only be called with zero or one string argument") and "SystemExit(" in source:
        return Status.LEFT  # SystemExit(1)
    lacking = message.startswith("Internal error in monty") or message.endswith("is not supported in this environment")
    return _raised(not lacking)


def _name(message: str, source: str) -> Status:
    return _raised(not hasattr(builtins, _quoted(message, 1)[0]))


def _import(message: str, source: str) -> Status:
    name, module, *_ = _quoted(message, 2)  # cannot import name 'x' from 'module'
    return _raised(bool(_MODULES.fullmatch(module)) and not hasattr(importlib.import_module(module), name))


def _attribute(message: str, source: str) -> Status:
    owner, name, *_ = _quoted(message, 2)
    if message.startswith("module ") or owner == "module":
        if (owner, name) in (("sys", "exit"), ("os", "_exit"), ("os", "abort")):
            return Status.LEFT
        return _raised(bool(_MODULES.fullmatch(owner)) and not hasattr(importlib.import_module(owner), name))
    if _defines(source, owner):
        return _raised(not name.startswith("__") and not _has_dunders(source))
    known = _type(owner)
    return _raised(known is not None and not hasattr(known, name))


def _type_error(message: str, source: str) -> Status:
    if found := _CALL.fullmatch(message):
        return _raised(found[1] == "<lambda>" or _defines(source, found[1]) or found[1] == "__init__")
    if _SAME.fullmatch(message):
        return Status.RAISED
    if found := re.fullmatch(r"'(\w+)' object is not callable", message):
        return _raised(found[1] in _SAMPLES and not callable(_SAMPLES[found[1]]))
    for pattern, asked in _ASKED:
        if found := re.fullmatch(pattern, message):
            return _raised(found[1] in _SAMPLES and _fails(asked, _SAMPLES[found[1]]))
    return _raised(_operands(message))


def _operands(message: str) -> bool:
    """Whether CPython has no such operation between values of these types either."""
    if found := re.fullmatch(r"bad operand type for unary ([-+~]): '(\w+)'", message):
        return found[2] in _SAMPLES and _fails(_UNARY[found[1]], _SAMPLES[found[2]])
    found = re.fullmatch(r"unsupported operand type\(s\) for (.+?)=?: '(\w+)' and '(\w+)'", message) or re.fullmatch(
        r"'(.+)' not supported between instances of '(\w+)' and '(\w+)'", message
    )
    if not found or found[1] not in _OPERATORS or not {found[2], found[3]} <= _SAMPLES.keys():
        return False
    return _fails(_OPERATORS[found[1]], _SAMPLES[found[2]], _SAMPLES[found[3]])


def _value(message: str, source: str) -> Status:
    digits = message.startswith("invalid literal for int()") and not message.isascii()  # monty knows 0 to 9 alone
    return _raised(not digits and not _OTHER_VALUES.fullmatch(message))


def _syntax(message: str, source: str) -> Status:
    """CPython's parser has the last word."""
    try:
        compile(source, "program", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Status.SYNTAX
    return Status.UNSUPPORTED


def _encoding(message: str, source: str) -> Status:
    return _raised("surrogates not allowed" not in message)  # an argument with half a character


_RULES: dict[str, Callable[[str, str], Status]] = {
    "SyntaxError": _syntax,
    "NotImplementedError": _not_implemented,
    "RuntimeError": _runtime,
    "NameError": _name,
    "ImportError": _import,
    "AttributeError": _attribute,
    "TypeError": _type_error,
    "ValueError": _value,
    "UnicodeEncodeError": _encoding,
}


def _fails(function: Callable[..., Any], *values: Any) -> bool:
    try:
        function(*values)
    except TypeError:
        return True
    except Exception:  # it has the operation, and another complaint
        return False
    return False


def _defines(source: str, name: str) -> bool:
    return bool(name) and re.search(rf"\b(def|class)\s+{re.escape(name)}\b", source) is not None


def _has_dunders(source: str) -> bool:
    return re.search(r"\bdef\s+__(?!init__)\w+__\b", source) is not None


def _type(name: str) -> Any:
    """CPython's type of this name, such as ``list`` or ``datetime.date``."""
    module, _, last = name.rpartition(".")
    if module:
        return getattr(importlib.import_module(module), last, None) if _MODULES.fullmatch(module) else None
    if name == "function":
        return types.FunctionType
    return getattr(builtins, name, None) or (type(_SAMPLES[name]) if name in _SAMPLES else None)

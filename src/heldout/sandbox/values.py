"""Plain values as tagged JSON, the only thing that crosses the wall of a sandbox.

JSON alone would lose what a test asks about: a tuple would come back as a list, 1.0 might be 1, a set has no form. So
None, True, False, small integers, finite floats, strings and lists are themselves, and everything else is an object
with one key that names its type: ``{"tuple": [1, 2]}``, ``{"dict": [[key, value], …]}``, ``{"int": "0x…"}``.

This file is also read inside the sandbox, by whatever Python is there: it uses the standard library alone.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

LONGEST_ERROR = 300  # characters of an error that cross the wall
DEEPEST = 100  # levels of nesting
_EXACT = 2**53  # integers up to here are themselves in every reader of JSON
_TAGS = ("tuple", "set", "frozenset", "dict", "complex")  # of a list; those of a text are read before
_DICTS = (dict, OrderedDict, defaultdict, Counter)
# What a value of a subclass of these is worth as one of the class itself, whatever the subclass overrides.
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, lambda value: str.__getitem__(value, slice(None))),
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, complex.__pos__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
)

# Of a value that is not plain: a tag of its own, and what stands in it; or no tag, and the one value written instead.
Writer = Callable[[Any], tuple[str, list[Any]]]
Reader = Callable[[str, list[Any]], Any]  # of what a Writer wrote


class NotPlain(ValueError):
    """A value that is not plain data, or text that does not describe one."""


def encode(value: Any, foreign: Writer | None = None) -> str:
    """Write a plain value as one line of tagged JSON.

    Types are exact: an instance of a subclass (an ``int`` with its own ``__eq__``, a named tuple) is not plain, see
    `as_base`. The dictionaries of `collections` count as ``dict``, as they do for everybody who compares them. What is
    not plain is left to `foreign`.

    Raises
    ------
    NotPlain
        When the value, or something in it, is not plain data or nested too deeply.

    Examples
    --------
    >>> encode((1, {2.0: b"a"}))
    '{"tuple":[1,{"dict":[[2.0,{"bytes":"61"}]]}]}'
    """
    return json.dumps(_tagged(value, DEEPEST, foreign), allow_nan=False, separators=(",", ":"))


def is_above(value: Any, size: int) -> bool:
    """Whether a value is surely more than this many bytes as tagged JSON, without writing it.

    Ten objects that each hold the one before twice are a thousand when they are written, and thirty do not fit into any
    memory. This looks at no more items than `size`.

    Examples
    --------
    >>> value = []
    >>> for _ in range(100):
    ...     value = [value, value]
    >>> is_above(value, 10_000)
    True
    """
    left = [value]
    while left:
        item = left.pop()
        size -= 1
        if isinstance(item, dict):
            left += (*item.keys(), *item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            left += item
        elif isinstance(item, (str, bytes)):
            size -= len(item)
        if len(left) > size:  # none of them takes less than a byte
            return True
    return False


def as_base(value: Any) -> list[Any]:
    """Return what a value of a subclass of a plain type is worth as one of that type, alone in a list; else no item.

    It is what the class itself makes of the value, so the subclass has no part in it.

    Examples
    --------
    >>> class Yes(int):
    ...     __eq__ = lambda self, other: True
    ...     __pos__ = lambda self: 2
    >>> as_base(Yes(1)), as_base(range(3))
    ([1], [])
    """
    return [plain(value) for base, plain in _BASES if issubclass(type(value), base)][:1]


def is_based(kind: type) -> bool:
    """Say whether values of a class are worth values of a plain type, see `as_base`."""
    return issubclass(kind, tuple(base for base, _ in _BASES))


def decode(text: str | bytes, foreign: Reader | None = None) -> Any:
    """Read one line of tagged JSON written by somebody who is not trusted; other tags are left to `foreign`.

    Raises
    ------
    NotPlain
        When it is anything else. Limit the length of the text before.

    Examples
    --------
    >>> decode('{"tuple":[1,{"set":[2]}]}')
    (1, {2})
    """
    try:
        return _plain(json.loads(text), DEEPEST, foreign)
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: a list in a set
        raise NotPlain("This is not tagged JSON: {}.".format(str(error).rstrip("."))) from None


def _tagged(value: Any, levels: int, foreign: Writer | None) -> Any:
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -_EXACT < value < _EXACT else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is complex:
        return {"complex": [_tagged(value.real, 1, None), _tagged(value.imag, 1, None)]}
    if not levels:
        raise NotPlain(f"This value is nested more than {DEEPEST} levels deep.")
    if kind is list:
        return [_tagged(item, levels - 1, foreign) for item in value]
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [_tagged(item, levels - 1, foreign) for item in value]}
    if kind in _DICTS:
        pairs = [[key, item] for key, item in dict.items(value)]
        return {"dict": [[_tagged(one, levels - 1, foreign) for one in pair] for pair in pairs]}
    if foreign:
        tag, items = foreign(value)
        if not tag:
            return _tagged(items[0], levels - 1, foreign)
        return {tag: [_tagged(item, levels - 1, foreign) for item in items]}
    raise NotPlain(f"A value of type {kind.__name__} is not plain data.")


def _plain(tagged: Any, levels: int, foreign: Reader | None) -> Any:
    if not isinstance(tagged, (list, dict)):
        if isinstance(tagged, float) and not math.isfinite(tagged):  # the parser accepts NaN and 1e999
            raise NotPlain("a number that is not finite has a tag")
        return tagged
    if not levels:
        raise NotPlain(f"it is nested more than {DEEPEST} levels deep")
    if isinstance(tagged, list):
        return [_plain(item, levels - 1, foreign) for item in tagged]
    if len(tagged) != 1:
        raise NotPlain(f"an object has {len(tagged)} keys instead of one tag")
    ((tag, content),) = tagged.items()
    return _from_tag(tag, content, levels - 1, foreign)


def _from_tag(tag: str, content: Any, levels: int, foreign: Reader | None) -> Any:
    if tag in ("int", "float", "bytes"):
        if not isinstance(content, str):
            raise NotPlain(f"a tag {tag} without text")
        return int(content, 16) if tag == "int" else float(content) if tag == "float" else bytes.fromhex(content)
    if not isinstance(content, list):
        raise NotPlain(f"a tag {tag[:20]!r} without a list")
    items = [_plain(item, levels, foreign) for item in content]
    if tag in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[tag](items)
    if tag == "dict" and all(type(item) is list and len(item) == 2 for item in items):
        return dict(items)
    if tag == "complex" and len(items) == 2 and all(type(item) is float for item in items):
        return complex(*items)
    if foreign and tag not in _TAGS:
        return foreign(tag, items)
    raise NotPlain(f"a tag {tag[:20]!r} that is not known or does not fit")

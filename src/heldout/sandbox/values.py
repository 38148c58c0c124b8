"""Plain values as tagged JSON, the only thing that crosses the wall of a sandbox.

JSON alone would lose what a test asks about: a tuple would come back as a list, 1.0 might be 1, a set has no form. So
None, True, False, small integers, finite floats, strings and lists are themselves, and everything else is an object with
one key that names its type: ``{"tuple": [1, 2]}``, ``{"dict": [[key, value], …]}``, ``{"int": "0x…"}``.

This file is also read inside the sandbox, by whatever Python is there: it uses the standard library alone.
"""

from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict
from typing import Any

DEEPEST = 100  # levels of nesting
_EXACT = 2**53  # integers up to here are themselves in every reader of JSON
_DICTS = (dict, OrderedDict, defaultdict, Counter)


class NotPlain(ValueError):
    """A value that is not plain data, or text that does not describe one."""


def encode(value: Any) -> str:
    """Write a plain value as one line of tagged JSON.

    Types are exact: an instance of a subclass (an ``int`` with its own ``__eq__``, a named tuple) is not plain. The
    dictionaries of `collections` count as ``dict``, as they do for everybody who compares them.

    Raises
    ------
    NotPlain
        When the value, or something in it, is not plain data or nested too deeply.

    Examples
    --------
    >>> encode((1, {2.0: b"a"}))
    '{"tuple":[1,{"dict":[[2.0,{"bytes":"61"}]]}]}'
    """
    return json.dumps(_tagged(value, DEEPEST), allow_nan=False, separators=(",", ":"))


def decode(text: str | bytes) -> Any:
    """Read one line of tagged JSON written by somebody who is not trusted.

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
        return _plain(json.loads(text), DEEPEST)
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: a list in a set
        raise NotPlain("This is not tagged JSON: {}.".format(str(error).rstrip("."))) from None


def _tagged(value: Any, levels: int) -> Any:
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
        return {"complex": [_tagged(value.real, 1), _tagged(value.imag, 1)]}
    if not levels:
        raise NotPlain("This value is nested more than {} levels deep.".format(DEEPEST))
    if kind is list:
        return [_tagged(item, levels - 1) for item in value]
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [_tagged(item, levels - 1) for item in value]}
    if kind in _DICTS:
        return {"dict": [[_tagged(key, levels - 1), _tagged(item, levels - 1)] for key, item in dict.items(value)]}
    raise NotPlain("A value of type {} is not plain data.".format(kind.__name__))


def _plain(tagged: Any, levels: int) -> Any:
    if not isinstance(tagged, (list, dict)):
        if isinstance(tagged, float) and not math.isfinite(tagged):  # the parser accepts NaN and 1e999
            raise NotPlain("a number that is not finite has a tag")
        return tagged
    if not levels:
        raise NotPlain("it is nested more than {} levels deep".format(DEEPEST))
    if isinstance(tagged, list):
        return [_plain(item, levels - 1) for item in tagged]
    if len(tagged) != 1:
        raise NotPlain("an object has {} keys instead of one tag".format(len(tagged)))
    ((tag, content),) = tagged.items()
    return _from_tag(tag, content, levels - 1)


def _from_tag(tag: str, content: Any, levels: int) -> Any:
    if tag in ("int", "float", "bytes"):
        if not isinstance(content, str):
            raise NotPlain("a tag {} without text".format(tag))
        return int(content, 16) if tag == "int" else float(content) if tag == "float" else bytes.fromhex(content)
    if not isinstance(content, list):
        raise NotPlain("a tag {!r} without a list".format(tag[:20]))
    items = [_plain(item, levels) for item in content]
    if tag in ("tuple", "set", "frozenset"):
        return {"tuple": tuple, "set": set, "frozenset": frozenset}[tag](items)
    if tag == "dict" and all(type(item) is list and len(item) == 2 for item in items):
        return dict(items)
    if tag == "complex" and len(items) == 2 and all(type(item) is float for item in items):
        return complex(*items)
    raise NotPlain("a tag {!r} that is not known or does not fit".format(tag[:20]))

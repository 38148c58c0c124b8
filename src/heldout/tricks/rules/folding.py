"""Values of constant expressions, so that ``"_ex" + "it"`` is read as what it is; nothing is executed."""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
from collections.abc import Callable
from typing import Any

_DEEPEST = 12  # levels of an expression that are followed
_LONGEST = 20_000  # characters of a value
_CODECS = ("rot13", "rot_13", "utf-8", "utf8", "ascii", "latin-1", "hex")


def folded(node: ast.expr | None, levels: int = _DEEPEST) -> Any:
    """Return the text, bytes or number that an expression always is; None where that is not seen.

    >>> folded(ast.parse('"".join(["ti", "xe"])[::-1]', mode="eval").body)
    'exit'
    """
    if node is None or not levels:
        return None
    match node:
        case ast.Constant(value=str() | bytes() | int() | float() as value):
            return value
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined([folded(left, levels - 1), folded(right, levels - 1)])
        case ast.JoinedStr(values=parts):
            return _joined([folded(one, levels - 1) for one in parts[:_DEEPEST]])
        case ast.FormattedValue(value=value):
            return folded(value, levels - 1)
        case ast.Subscript(value=value, slice=ast.Slice(lower=None, upper=None, step=step)) if folded(step, 3) == -1:
            text = folded(value, levels - 1)
            return text[::-1] if isinstance(text, str) else None
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Call():
            return _called(node, levels - 1)
    return None


def _joined(parts: list[Any]) -> Any:
    if not all(isinstance(one, str) for one in parts) or sum(map(len, parts)) > _LONGEST:
        return None
    return "".join(parts)


def _called(node: ast.Call, levels: int) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="chr"), args=[ast.Constant(value=int() as code)]) if 0 <= code < 0x110000:
            return chr(code)
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant(value=str() as joint)), args=[parts]):
            items = parts.elts if isinstance(parts, ast.List | ast.Tuple) else []
            found = [folded(one, levels) for one in items[:200]]
            return joint.join(found) if found and all(isinstance(one, str) for one in found) else None
        case ast.Call(func=ast.Attribute(attr="decode", value=value)):
            given = folded(value, levels)
            return given.decode(errors="replace") if isinstance(given, bytes) else None
        case ast.Call(func=ast.Attribute(attr=name), args=[first, *rest]):
            given = folded(first, levels)
            if name == "decode" and rest:
                return _decoded(given, folded(rest[0], levels))
            return _read(_READ.get(name), given)
    return None


def _decoded(text: Any, codec: Any) -> Any:
    if not isinstance(text, str) or codec not in _CODECS or len(text) > _LONGEST:
        return None
    return _read(lambda given: codecs.decode(given, codec), text)


def _read(how: Callable[[Any], Any] | None, given: Any) -> Any:
    if how is None or not isinstance(given, str | bytes) or len(given) > _LONGEST:
        return None
    try:
        return how(given)
    except (ValueError, TypeError, LookupError, binascii.Error):
        return None


_READ: dict[str, Callable[[Any], Any]] = {
    "b64decode": base64.b64decode,
    "fromhex": bytes.fromhex,
    "unhexlify": binascii.unhexlify,
}

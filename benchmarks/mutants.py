"""Programs with one thing changed: a constant, a comparison, or the type of what is returned."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_TYPES = ("float({})", "str({})", "[{}]", "({},)", "bool({})", "list({})", "tuple({})", "int({})")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed program."""

    text: str
    kind: str  # "constant", "comparison" or "type"


def mutants(source: str, start: int, rng: random.Random) -> list[Mutant]:
    """Return every mutant of a program behind the character `start`, one change of each place, in random order.

    >>> sorted(one.text for one in mutants("x = 1 < y", 0, random.Random(1)))
    ['x = 0 < y', 'x = 1 <= y']
    """
    lines = [0]
    for line in source.split("\n"):
        lines.append(lines[-1] + len(line.encode()) + 1)
    data = source.encode()
    first = len(source[:start].encode())
    found = [
        Mutant((data[:left] + text.encode() + data[right:]).decode(), kind)
        for left, right, text, kind in _changes(ast.parse(source), data, lines, rng)
        if left >= first
    ]
    different = [one for one in dict.fromkeys(found) if one.text != source]
    rng.shuffle(different)
    return different


_Change = tuple[int, int, str, str]  # from where to where, what stands there instead, and the kind


def _changes(tree: ast.Module, data: bytes, lines: Sequence[int], rng: random.Random) -> Iterator[_Change]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=bool() as value):
                yield *_place(node, lines), repr(not value), "constant"
            case ast.Constant(value=int() | float() as value):
                yield *_place(node, lines), repr(value + rng.choice((-1, 1))), "constant"
            case ast.Constant(value=str() as value) if not _is_docstring(node, tree):
                yield *_place(node, lines), repr(f"{value}x" if rng.random() < 0.5 else value[1:]), "constant"
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _SIGNS:
                between = (_place(left, lines)[1], _place(right, lines)[0])
                old, new = _SIGNS[type(sign)], rng.choice(sorted({*_SIGNS.values()} - {_SIGNS[type(sign)]}))
                if old == "<" or old == ">":  # the likeliest mistake
                    new = f"{old}="
                yield *between, data[slice(*between)].decode().replace(old, new, 1), "comparison"
            case ast.Return(value=ast.expr() as value):
                where = _place(value, lines)
                yield *where, rng.choice(_TYPES).format(data[slice(*where)].decode()), "type"


def _place(node: ast.expr, lines: Sequence[int]) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset


def _is_docstring(constant: ast.Constant, tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Expr) and node.value is constant for node in ast.walk(tree))

"""Programs with one thing changed, as mutation tests make them.

Twelve operators make wrong programs that look right; one more changes the type of what is returned, for judges that may
confuse types. Changes are made in the text, so that all else stays as it is written.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

OPERATORS = (
    *("comparison", "boundary", "arithmetic", "constant", "condition", "statement", "name", "index", "logic"),
    *("loop", "arguments", "order"),
)
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_OPPOSITE = {"<": ">", "<=": ">=", "==": "!=", "in": "not in", "is": "is not"}
_OPPOSITE |= {other: one for one, other in _OPPOSITE.items()}
_BOUNDARY = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Add(),
    ast.Div: ast.FloorDiv(),
    ast.Pow: ast.Mult(),
    ast.FloorDiv: ast.Mod(),
    ast.Mod: ast.FloorDiv(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
    ast.BitXor: ast.BitOr(),
}
_EXCHANGED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TYPES = ("float({})", "str({})", "[{}]", "({},)", "bool({})", "list({})", "tuple({})", "int({})")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed program."""

    text: str
    kind: str  # one of OPERATORS, or "type"


def mutants(source: str, rng: random.Random, *, start: int = 0, kinds: Collection[str] = OPERATORS) -> list[Mutant]:
    """Return every mutant of a program behind the character `start`, one change of each place, in random order.

    A program that does not parse has none. Whether a mutant does anything else than the program, its text does not say.

    >>> [one.text for one in mutants("x = 1 < y", random.Random(1), kinds=["comparison", "boundary"])]
    ['x = 1 <= y', 'x = 1 > y']
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    lines = [0]
    for line in source.split("\n"):
        lines.append(lines[-1] + len(line.encode()) + 1)
    data = source.encode()
    first = len(source[:start].encode())
    found = [
        Mutant((data[:left] + text.encode() + data[right:]).decode(), kind)
        for left, right, text, kind in _Changes(tree, data, lines, rng).all()
        if left >= first and kind in kinds
    ]
    different = [one for one in dict.fromkeys(found) if one.text != source]
    rng.shuffle(different)
    return different


_Change = tuple[int, int, str, str]  # from where to where, what stands there instead, and the kind


@dataclass(frozen=True, slots=True)
class _Changes:
    """Finds what can be changed in a program."""

    tree: ast.Module
    data: bytes
    lines: Sequence[int]
    rng: random.Random

    def all(self) -> Iterator[_Change]:
        lone = [node.value for node in ast.walk(self.tree) if isinstance(node, ast.Expr)]
        docstrings = {id(one) for one in lone if isinstance(one, ast.Constant)}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef):
                yield from self._names(node)
            if isinstance(node, ast.stmt):
                yield from self._statement(node)
            elif isinstance(node, ast.expr) and id(node) not in docstrings:
                yield from self._expression(node)

    def _expression(self, node: ast.expr) -> Iterator[_Change]:
        match node:
            case ast.Constant(value=bool() as value):
                yield self._for(node, repr(not value), "constant")
            case ast.Constant(value=int() | float() as value):
                yield self._for(node, repr(value + self.rng.choice((-1, 1))), "constant")
            case ast.Constant(value=str() as value):
                yield self._for(node, repr(f"{value}x" if self.rng.random() < 0.5 else value[1:]), "constant")
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _SIGNS:
                yield from self._comparison(left, _SIGNS[type(sign)], right)
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                yield self._for(node, ast.unparse(ast.BinOp(left, _ARITHMETIC[type(sign)], right)), "arithmetic")
            case ast.BoolOp(op=sign, values=values):
                other = ast.And() if isinstance(sign, ast.Or) else ast.Or()
                yield self._for(node, ast.unparse(ast.BoolOp(other, values)), "logic")
            case ast.IfExp(test=test):
                yield self._for(test, f"(not {self._text(test)})", "condition")
            case ast.Subscript(slice=ast.expr() as place) if not isinstance(place, ast.Slice | ast.Tuple):
                sign_, number = ("-", 1) if self.rng.random() < 0.5 else ("+", 1)
                if not (isinstance(place, ast.Constant) and isinstance(place.value, str)):
                    yield self._for(place, f"({self._text(place)}) {sign_} {number}", "index")
            case ast.Call():
                yield from self._call(node)

    def _comparison(self, left: ast.expr, sign: str, right: ast.expr) -> Iterator[_Change]:
        between = (self._place(left)[1], self._place(right)[0])
        text = self.data[slice(*between)].decode()
        if text.count(sign) == 1:
            yield *between, text.replace(sign, _OPPOSITE[sign]), "comparison"
            if sign in _BOUNDARY:
                yield *between, text.replace(sign, _BOUNDARY[sign]), "boundary"

    def _call(self, node: ast.Call) -> Iterator[_Change]:
        match node.args:
            case [first, second, *rest] if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                yield self._for(
                    node, ast.unparse(ast.Call(node.func, [second, first, *rest], node.keywords)), "arguments"
                )
        match node.func:
            case ast.Name(id="sorted"):
                yield self._for(node, f"{self._text(node)}[::-1]", "order")
            case ast.Name(id="reversed"):
                yield self._for(node, f"({', '.join(map(self._text, node.args))})", "order")
            case ast.Name(id=name) if name in _EXCHANGED:
                yield self._for(node.func, _EXCHANGED[name], "order")
            case ast.Attribute(value=value, attr="sort") if not node.args and not node.keywords:
                yield self._for(node, f"{self._text(value)}.sort(reverse=True)", "order")

    def _statement(self, node: ast.stmt) -> Iterator[_Change]:
        match node:
            case ast.If(test=test):
                yield self._for(test, f"not ({self._text(test)})", "condition")
            case ast.While(test=test):
                yield self._for(test, "False", "loop")
            case ast.For(iter=over):
                yield self._for(over, "()", "loop")
            case ast.AugAssign(target=target, op=sign, value=value) if type(sign) in _ARITHMETIC:
                other = ast.AugAssign(target, _ARITHMETIC[type(sign)], value)
                yield self._for(node, ast.unparse(other), "arithmetic")
            case ast.Return(value=ast.expr() as value):
                yield self._for(value, self.rng.choice(_TYPES).format(self._text(value)), "type")
        match node:
            case ast.AugAssign() | ast.Expr(value=ast.Call()) | ast.Break() | ast.Continue():
                yield self._for(node, "pass", "statement")
            case ast.Assign(targets=[ast.Subscript()]):
                yield self._for(node, "pass", "statement")
            case ast.Assign(targets=[ast.Name(id=name)]) if self._is_read(name, node.value):
                yield self._for(node, "pass", "statement")

    def _is_read(self, name: str, value: ast.expr) -> bool:
        """Whether a value goes on from what the name held before, so that without it there is still something."""
        return any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(value))

    def _names(self, function: ast.FunctionDef) -> Iterator[_Change]:
        """Return something else that the function has."""
        nodes = list(ast.walk(function))
        bound = {one.arg for one in nodes if isinstance(one, ast.arg)}
        bound |= {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        for node in nodes:
            if isinstance(node, ast.Return) and node.value is not None:
                own = {one.id for one in ast.walk(node.value) if isinstance(one, ast.Name)}
                others = sorted(bound - own) or sorted(bound)
                if others and not (isinstance(node.value, ast.Name) and node.value.id in others):
                    yield self._for(node.value, self.rng.choice(others), "name")

    def _for(self, node: ast.stmt | ast.expr, text: str, kind: str) -> _Change:
        return *self._place(node), text, kind

    def _text(self, node: ast.expr) -> str:
        return self.data[slice(*self._place(node))].decode()

    def _place(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.lines[node.lineno - 1] + node.col_offset, self.lines[node.end_lineno - 1] + node.end_col_offset

"""Does a function always give the same, whatever it is given?"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from heldout.tricks.rules.program import Program

OPEN = object()  # a value that depends on something, or is not seen to be constant
_LARGEST = 200  # nodes of a literal
_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
}


def value_of(node: ast.expr | None) -> Any:
    """Return the value of an expression that is always the same; `OPEN` where it is not, or not seen to be."""
    match node:
        case None:
            return None
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = value_of(operand)
            return OPEN if inner is OPEN else not inner
        case ast.Compare(left=left, ops=[test], comparators=[right]) if type(test) in _COMPARED:
            return _compared(test, value_of(left), value_of(right))
        case ast.IfExp(body=body, orelse=other):
            one = value_of(body)
            return one if _alike(one, value_of(other)) else OPEN
        case ast.Call(func=ast.Name(id="bool" | "int" | "float"), args=[ast.Constant(value=int() | float() as value)]):
            return value
        case ast.List() | ast.Tuple() | ast.Dict() | ast.Set() | ast.UnaryOp():
            return _literal(node)
        case ast.Call(func=ast.Name(id="list" | "dict" | "set" | "tuple" | "str"), args=[], keywords=[]):
            return ()
    return OPEN


def _compared(test: ast.cmpop, left: Any, right: Any) -> Any:
    if left is OPEN or right is OPEN:
        return OPEN
    try:
        return _COMPARED[type(test)](left, right)
    except TypeError:
        return OPEN


def _literal(node: ast.expr) -> Any:
    stack: list[ast.AST] = [node]
    for _ in range(_LARGEST):
        if not stack:
            try:
                return ast.literal_eval(node)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return OPEN
        stack += ast.iter_child_nodes(stack.pop())
    return OPEN


def given_by(node: ast.AST | None, program: Program) -> Any:
    """Return what a function, a lambda or the name of one always returns; `OPEN` where that depends on something."""
    match node:
        case ast.Lambda(body=body):
            return value_of(body)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _returned(node)
        case ast.Name(id=name):
            return _returned(program.defined[name]) if name in program.defined else OPEN
    return OPEN


def _returned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
    found: list[Any] = []
    stack: list[ast.AST] = list(reversed(node.body))
    while stack:
        inner = stack.pop()
        if isinstance(inner, ast.Return):
            found.append(value_of(inner.value))
        elif isinstance(inner, ast.Yield | ast.YieldFrom | ast.Raise):
            return OPEN
        elif not isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack += ast.iter_child_nodes(inner)
    if not found:
        return None
    return found[0] if all(one is found[0] or _alike(one, found[0]) for one in found) else OPEN


def _alike(one: Any, other: Any) -> bool:
    return one is not OPEN and other is not OPEN and type(one) is type(other) and bool(one == other)

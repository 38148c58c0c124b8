"""Where monty's Python differs from CPython's without a word: a program is rewritten, or not believed.

What monty lacks it says. This file knows what it does in another way, found by comparing the two on some hundred
expressions: it has no ``sys.exit`` and no ``os._exit``; `round` to digits rounds the wrong way at halves; generator
expressions, `map`, `filter`, `zip`, `enumerate` and `reversed` are lists, so that what is not used at once may be used
twice, or too early; some methods with special names are never called; a dictionary takes the last of several keys that
are equal, and not the first (known here where they are written side by side, as in ``{True: 1, 1: 2}``).
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
from typing import Any, NamedTuple

LEAVE = "__heldout_leave"  # what stands in a program for the functions that leave it
_ROUND = "__heldout_round"
_ROUNDING = (
    f"def {_ROUND}(x, n): "
    "return float(f'{x:.{n}f}') if type(x) is float and n is not None and n >= 0 else round(x, n)\n"
)
_LEAVES = {("sys", "exit"), ("os", "_exit"), ("os", "abort")}
_IGNORED = re.compile(
    r"\bdef\s+(__(?:bool|len|ne|new|format|setattr|delattr|getattribute|del|get|set|set_name|missing|init_subclass|"
    r"class_getitem)__)\s*\("
)
_LAZY = {"map", "filter", "zip", "enumerate", "reversed"}
_EATERS = {"sum", "max", "min", "sorted", "list", "tuple", "set", "frozenset", "dict", "Counter", "deque"}
_EATING_METHODS = {"join", "extend", "update", "union", "writelines", "fromkeys"}
_CHANGES = {"append", "extend", "insert", "pop", "remove", "clear", "add", "appendleft", "popleft"}
_NAMED = re.compile(rf"\b(?:exit|_exit|abort|round|{'|'.join(sorted(_LAZY))})\b")
# A literal that is equal to a whole number, in what may be the key of a dictionary.
_EQUAL_KEY = re.compile(r"[{,(]\s*(?:True|False|[-+]?(?:\.\d|\d[\d_]*[.eEjJ]))[^:{}\n]{0,40}:")
_LONGEST = 50_000  # characters; what is longer is not looked at, because a hostile text could make that last


class ForMonty(NamedTuple):
    """A program as monty gets it, or why what monty makes of it is not to be believed."""

    source: str
    lacking: str = ""


def for_monty(source: str) -> ForMonty:
    """Rewrite a program for monty, or say why it cannot be run there."""
    if found := _IGNORED.search(source):
        return ForMonty(source, f"monty never calls {found[1]}.")
    if len(source) > _LONGEST:
        return ForMonty(source, f"It is longer than the {_LONGEST} characters that are looked through for monty.")
    if not (_NAMED.search(source) or _EQUAL_KEY.search(source) or any(map(_may_generate, source.splitlines()))):
        return ForMonty(source)
    try:
        tree = ast.parse(source)
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in parents:
            if lacking := _differs(node, parents):
                return ForMonty(source, lacking)
        return ForMonty(_rewritten(source, [one for one in map(_replaced, parents) if one]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # monty will have something to say
        return ForMonty(source)


def _may_generate(line: str) -> bool:
    """Whether a line may hold a part of a generator expression; a loop alone does not."""
    line = line.strip()
    return " for " in line or (line.startswith("for ") and not line.endswith(":"))


def _differs(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> str:
    """Why a part of a program may do something else in monty."""
    if isinstance(node, ast.GeneratorExp) and not _eaten(node, parents[node]):
        return "monty makes a list of a generator expression."
    if isinstance(node, ast.Dict) and _keys_are_equal(node):
        return "monty takes the last of keys that are equal."
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _LAZY:
        name, parent = node.func.id, parents[node]
        if not (_eaten(node, parent) or _run_through(node, parent, parents)):
            return f"monty makes a list of what {name} gives."
        if (
            name in ("map", "filter")
            and not _eaten(node, parent)
            and not _harmless(node.args[0] if node.args else None)
        ):
            return f"monty calls the function of {name} before its values are used."
    return ""


def _keys_are_equal(node: ast.Dict) -> bool:
    """Whether literals stand side by side that are one key in two ways of writing: True and 1, 0.0 and -0.0."""
    known: dict[Any, str] = {}
    for key in node.keys:
        if key is not None and not isinstance(key, ast.Name):
            with contextlib.suppress(ValueError, TypeError):  # no literal, or no key
                value = ast.literal_eval(key)
                if known.setdefault(value, repr(value)) != repr(value):
                    return True
    return False


def _eaten(node: ast.expr, parent: ast.AST) -> bool:
    """Whether a value goes at once to what uses all of it."""
    match parent:
        case ast.Call(func=ast.Name(id=name)) if name in _EATERS:
            return True
        case ast.Call(func=ast.Attribute(attr=name)) if name in _EATING_METHODS:
            return True
        case ast.Call(func=ast.Name(id="any" | "all")):
            return not isinstance(node, ast.GeneratorExp) or _harmless(node)
        case ast.Assign(targets=[ast.Tuple() | ast.List()]) | ast.Starred() | ast.AugAssign():
            return True
    return False


def _run_through(node: ast.Call, parent: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a value is what a loop goes over, and the loop does not change what it was made of."""
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _LAZY:
        return _eaten(parent, parents[parent]) or _run_through(parent, parents[parent], parents)
    if isinstance(parent, ast.comprehension):
        return parent.iter is node
    if not isinstance(parent, ast.For) or parent.iter is not node:
        return False
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return not any(_changes(one, names) for statement in parent.body for one in ast.walk(statement))


def _changes(node: ast.AST, names: set[str]) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
            return name in names and method in _CHANGES
        case ast.Delete(targets=[ast.Subscript(value=ast.Name(id=name))]) | ast.AugAssign(target=ast.Name(id=name)):
            return name in names
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name))]):
            return name in names
    return False


def _harmless(node: ast.AST | None) -> bool:
    """Whether it does not matter when, or how often, something is computed: it calls builtins and methods of texts."""
    if node is None:
        return False
    return all(
        (isinstance(call.func, ast.Name) and hasattr(builtins, call.func.id))
        or (isinstance(call.func, ast.Attribute) and hasattr(str, call.func.attr))
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
    ) and (not isinstance(node, ast.Name) or hasattr(builtins, node.id))


def _replaced(node: ast.AST) -> tuple[Any, str] | None:
    """A part that is written in another way, and how."""
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in _LEAVES:
            return node, LEAVE
        case ast.Call(func=ast.Name(id="round") as name, args=[_, _], keywords=[]):
            return name, _ROUND
        case ast.ImportFrom(module="sys" | "os" as module, names=names, level=0):
            leaving = [one for one in names if (module, one.name) in _LEAVES]
            others = ", ".join(ast.unparse(one) for one in names if one not in leaving)
            parts = [f"from {module} import {others}"] if others else []
            parts += [f"{one.asname or one.name} = {LEAVE}" for one in leaving]
            return (node, "; ".join(parts)) if leaving else None
    return None


def _rewritten(source: str, replaced: list[tuple[Any, str]]) -> str:
    if not replaced:
        return source
    lines = source.encode().splitlines(keepends=True)  # the places of `ast` are bytes
    for node, text in sorted(replaced, key=_place, reverse=True):
        if node.lineno == node.end_lineno:
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
    prelude = _ROUNDING if any(text == _ROUND for _, text in replaced) else ""
    return prelude + b"".join(lines).decode()


def _place(one: tuple[Any, str]) -> tuple[int, int]:
    return one[0].lineno, one[0].col_offset

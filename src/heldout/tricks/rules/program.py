"""A program as the rules see it: what it calls, stores and says, by the names that things have where they come from.

``import os as o``, ``from sys import exit as e``, ``leave = builtins.exit``, ``getattr(os, "_ex" + "it")``,
``__import__("os")``, ``vars(os)["_exit"]`` and ``exec("…")`` of a constant are seen through. Everything is read in one
walk over the tree that does not call itself, so that deep and dense programs cost no more than long ones.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

from heldout.tasks.asserts import parsed
from heldout.tricks.rules.folding import folded

Node = TypeVar("Node", bound=ast.AST)
OWN = "~"  # before names that the program binds itself
_CHAIN = 8  # links of ``a.b.c…`` that are followed
_MOST_NODES = 40_000  # of a program; what comes after them is not looked at
_DEEPEST = 60  # brackets within each other; the parser's time grows quickly with them where the text is wrong
_BRACKET = re.compile(r"[()\[\]{}]")
_LONGEST_STRING = 4_000
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BUILTINS = frozenset(dir(builtins)) | {"exit", "quit"}
_SPLITS = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case, ast.BoolOp)
_LEAVES = frozenset({ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue})
_SIGNS = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
_HOMES = {
    "posix": "os",
    "nt": "os",
    "builtins": "",
    "__builtins__": "",
    "_signal": "signal",
}  # module → where it is known
_MODULE_OF = ("__import__", "importlib.import_module", "importlib.__import__")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    function: str = ""  # the outermost function; empty at the top
    conditional: bool = False  # within if, for, while, a handler …
    guarded: bool = False  # within ``if __name__ == "__main__"``
    within: str = ""  # the class
    deep: bool = False  # in a function or lambda within a function
    obscured: bool = False  # in a text that the program executes

    @property
    def top(self) -> bool:
        """Whether it runs whenever the program is loaded."""
        return not (self.function or self.conditional or self.guarded or self.within or self.deep)


class Called(NamedTuple):
    """A call, with the name of what is called."""

    path: str
    node: ast.Call
    place: Place


class Stored(NamedTuple):
    """Something that is bound or changed: ``x``, ``unittest.TestCase.assertEqual``, ``sys.modules[]``."""

    path: str
    value: ast.expr | None
    place: Place
    node: ast.AST


@dataclass
class Program:
    """A program that parses."""

    tree: ast.Module
    source: str
    calls: list[Called] = field(default_factory=list)
    stores: list[Stored] = field(default_factory=list)
    strings: list[tuple[str, Place]] = field(default_factory=list)  # constants, but no docstrings
    obscured: bool = False  # whether something was written so that it is not read at once
    aliases: dict[str, str] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    _by_kind: dict[type[ast.AST], list[tuple[ast.AST, Place]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        seen = list(_walked(self.tree, Place()))
        for text, place in list(_executed(seen)):
            self.obscured = True
            seen += _walked(text, replace(place, obscured=True))
        for node, place in seen[:_MOST_NODES]:
            self._by_kind[type(node)].append((node, place))
        self._bind()
        self._alias()
        self._note()

    def of(self, kind: type[Node]) -> Iterator[tuple[Node, Place]]:
        """Yield the nodes of a kind, in order, with their places."""
        for node, place in self._by_kind.get(kind, ()):
            assert isinstance(node, kind)
            yield node, place

    @cached_property
    def functions(self) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef, Place]]:
        """All functions and methods."""
        return [*self.of(ast.FunctionDef), *self.of(ast.AsyncFunctionDef)]

    @cached_property
    def defined(self) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions and methods by name; of several the last."""
        return {one.name: one for one, _ in self.functions}

    @cached_property
    def paths(self) -> frozenset[str]:
        """Names of all that is called."""
        return frozenset(one.path for one in self.calls)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Names behind a dot, and those that `getattr` is asked for."""
        asked = {folded(one.node.args[1]) for one in self.calls if one.path == "getattr" and len(one.node.args) > 1}
        return frozenset(
            {node.attr for node, _ in self.of(ast.Attribute)} | {one for one in asked if isinstance(one, str)}
        )

    @cached_property
    def reads_input(self) -> bool:
        """Whether it reads standard input."""
        return bool({"input", "sys.stdin.read", "sys.stdin.readline"} & self.paths) or "stdin" in self.attributes

    def resolve(self, node: ast.AST | None, links: int = _CHAIN) -> str:
        """Return the dotted name of an expression, "" where it has none; the program's own names begin with ``~``."""
        if node is None or not links:
            return ""
        match node:
            case ast.Name(id=name):
                known = self.aliases.get(name)
                return known if known is not None else f"{OWN}{name}" if name in self.bound else _home(name)
            case ast.Attribute(value=value, attr=attr):
                owner = self.resolve(value, links - 1)
                if attr == "__dict__":
                    return owner
                return _home(f"{owner}.{attr}") if owner or isinstance(value, ast.Name) else f"?.{attr}"
            case ast.Call(func=func, args=[first, *rest]):
                return self._of_call(self.resolve(func, links - 1), first, rest, links - 1)
            case ast.Call(func=func):
                called = self.resolve(func, links - 1)
                return "" if called in ("globals", "locals", "vars") else f"{called}()"
            case ast.Subscript(value=value, slice=key):
                return self._of_item(value, folded(key), links - 1)
        return ""

    def _of_call(self, called: str, first: ast.expr, rest: list[ast.expr], links: int) -> str:
        if called in _MODULE_OF:
            name = folded(first)
            return _home(name) if isinstance(name, str) else ""
        if called == "getattr" and rest:
            name, owner = folded(rest[0]), self.resolve(first, links)
            self.obscured |= isinstance(name, str) and not isinstance(rest[0], ast.Constant)
            return _home(f"{owner}.{name}") if isinstance(name, str) else f"{owner}.*"
        if called == "vars":
            return self.resolve(first, links)
        return f"{called}()"

    def _of_item(self, value: ast.expr, key: object, links: int) -> str:
        owner = self.resolve(value, links)
        if isinstance(key, str):
            if owner == "sys.modules":
                return _home(key)
            if isinstance(value, ast.Call) and owner == "":  # globals()["exit"]
                return self.aliases.get(key, f"{OWN}{key}" if key in self.bound else _home(key))
            if owner or _is_builtins(value):
                return _home(f"{owner}.{key}".lstrip("."))
        return f"{owner}[]"

    def _bind(self) -> None:
        self.bound |= {node.id for node, _ in self.of(ast.Name) if not isinstance(node.ctx, ast.Load)}
        self.bound |= {node.arg for node, _ in self.of(ast.arg)}
        self.bound |= {node.name for node, _ in (*self.functions, *self.of(ast.ClassDef))}

    def _alias(self) -> None:
        for node, _ in self.of(ast.Import):
            for one in node.names:
                head = one.name.partition(".")[0]
                self.aliases[one.asname or head] = _home(one.name if one.asname else head)
        for source, _ in self.of(ast.ImportFrom):
            for one in source.names:
                self.aliases[one.asname or one.name] = _home(f"{source.module or ''}.{one.name}")
        named = [(assign.targets[0], assign.value) for assign, _ in self.of(ast.Assign) if len(assign.targets) == 1]
        named += [(inner.target, inner.value) for inner, _ in self.of(ast.NamedExpr)]
        for target, value in named:
            if isinstance(target, ast.Name) and isinstance(value, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
                path = self.resolve(value)
                if path and path[0] not in "~?" and "(" not in path and "[" not in path:
                    self.aliases.setdefault(target.id, path)

    def _note(self) -> None:
        for call, place in self.of(ast.Call):
            path = self.resolve(call.func)
            self.calls.append(Called(path, call, place))
            if path in ("setattr", "object.__setattr__") and len(call.args) == 3:
                name, owner = folded(call.args[1]), self.resolve(call.args[0])
                self.stores.append(Stored(_home(f"{owner}.{name or '*'}"), call.args[2], place, call))
        for assign, place in self.of(ast.Assign):
            for target in assign.targets:
                self._store(target, assign.value, place)
        for changed, place in self.of(ast.AugAssign):
            self._store(changed.target, changed.value, place)
        for noted, place in self.of(ast.AnnAssign):
            if noted.value is not None:
                self._store(noted.target, noted.value, place)
        for gone, place in self.of(ast.Delete):
            for target in gone.targets:
                self._store(target, None, place)
        for text, place in self.of(ast.Constant):
            if isinstance(text.value, str):
                self.strings.append((text.value[:_LONGEST_STRING], place))

    def _store(self, target: ast.expr, value: ast.expr | None, place: Place) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            values = (
                value.elts if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) else None
            )
            for number, one in enumerate(target.elts):
                if not isinstance(one, ast.Tuple | ast.List):
                    self._store(one, values[number] if values else value, place)
            return
        path = f"{OWN}{target.id}" if isinstance(target, ast.Name) else self.resolve(target)
        self.stores.append(Stored(path, value, place, target))


def program_of(text: str) -> Program | int:
    """Parse a text; where it is no Python, the number of the line at which it stops being any, 0 where nobody knows."""
    if _depth(text) > _DEEPEST:
        return 0
    try:
        return Program(parsed(text), text)
    except SyntaxError as error:
        return error.lineno or 0


def _depth(text: str) -> int:
    """How deep brackets stand within each other at most, whatever quotes stand around them."""
    depth = deepest = 0
    for sign in _BRACKET.finditer(text):
        depth = max(0, depth + (1 if sign[0] in "([{" else -1))
        deepest = max(deepest, depth)
    return deepest


def _home(path: str) -> str:
    """The name of something where it is known best: ``posix._exit`` is ``os._exit``, ``builtins.exit`` is ``exit``."""
    head, dot, rest = path.partition(".")
    if head in _HOMES and dot:
        home = _HOMES[head]
        return f"{home}.{rest}" if home else rest
    return path


def _is_builtins(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__builtins__"


def _executed(seen: list[tuple[ast.AST, Place]]) -> Iterator[tuple[ast.Module, Place]]:
    """Texts that the program executes as code, parsed."""
    for node, place in seen:
        match node:
            case ast.Call(func=ast.Name(id="exec" | "eval" | "compile"), args=[first, *_]):
                text = folded(first)
                text = text.decode(errors="replace") if isinstance(text, bytes) else text
                if isinstance(text, str):
                    try:
                        yield parsed(text.strip()), place
                    except SyntaxError:
                        continue


def _walked(tree: ast.Module, place: Place) -> Iterator[tuple[ast.AST, Place]]:
    stack: list[tuple[ast.AST, Place]] = [(one, place) for one in reversed(_spoken(tree.body))]
    left = _MOST_NODES
    while stack and left:
        node, here = stack.pop()
        if isinstance(node, _SIGNS):
            continue
        left -= 1
        yield node, here
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            stack += _function(node, here)
        elif isinstance(node, ast.ClassDef):
            inner = replace(here, within=node.name) if not here.function else here
            stack += [(one, here) for one in (*node.decorator_list, *node.bases, *node.keywords)]
            stack += [(one, inner) for one in reversed(_spoken(node.body))]
        elif isinstance(node, ast.If) and _is_guard(node.test):
            stack += [(one, replace(here, guarded=True)) for one in reversed(node.body)]
            stack += [(one, here) for one in reversed(node.orelse)]
        elif type(node) not in _LEAVES:
            split = isinstance(node, _SPLITS)
            inner = replace(here, conditional=True) if split and not here.conditional else here
            stack += [(one, inner) for one in reversed(list(ast.iter_child_nodes(node)))]


def _function(node: ast.AST, here: Place) -> list[tuple[ast.AST, Place]]:
    if isinstance(node, ast.Lambda):
        inner = replace(here, deep=True) if not here.deep else here
        return [(node.args, here), (node.body, inner)]
    assert isinstance(node, _FUNCTIONS)
    if here.function:
        inner = replace(here, deep=True)
    else:
        inner = replace(here, function=node.name, conditional=False, guarded=False)
    outside = [*node.decorator_list, node.args]
    return [(one, here) for one in outside] + [(one, inner) for one in reversed(_spoken(node.body))]


def _spoken(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements without the docstring."""
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _is_guard(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__")):
            return True
    return False

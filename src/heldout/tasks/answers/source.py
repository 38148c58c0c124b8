"""Python source and the statements at its top: what each binds, uses and does. Parsed, never executed."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import cached_property

from heldout.tasks.answers.parsing import tree_of

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINED_WITHIN = (ast.If, ast.Try, ast.With, ast.For, ast.While, ast.ExceptHandler)
_SESSION = re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: (.*)|[ \t]*)$")
_MAGIC = re.compile(r"[%!]")
_DEFINES = (*_FUNCTIONS, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_LEAVES = {"exit", "quit", "sys.exit", "os._exit", "os.abort", "unittest.main", "pytest.main", "doctest.testmod"}
ASKS = {"input", "raw_input"}


class Names:
    """Which names some code reads from its surroundings, and which it binds.

    `used` and `bound` are those of the code's own scope; `inner` are the names that functions inside it read from
    outside of themselves; `declared` are those that it, or they, declare as global.
    """

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.used: set[str] = set()
        self.bound: set[str] = set()
        self.inner: set[str] = set()
        self.declared: set[str] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                (self.used if isinstance(node.ctx, ast.Load) else self.bound).add(node.id)
            elif isinstance(node, (*_FUNCTIONS, ast.Lambda, ast.ClassDef, *_COMPREHENSIONS)):
                stack += self._scope(node)
            else:
                self._bind(node)
                stack += ast.iter_child_nodes(node)

    @property
    def read(self) -> set[str]:
        """The names that are read from the module, at once or when something is called."""
        return self.used | self.inner

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                self.bound |= {(one.asname or one.name).split(".")[0] for one in names}
            case ast.Global(names=names):
                self.declared |= set(names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.bound.add(name)

    def _scope(self, node: ast.AST) -> list[ast.AST]:
        """Take in what a scope reads from outside, and return what of it belongs to this scope."""
        if isinstance(node, ast.ClassDef):
            inside = Names(node.body)
            self.bound.add(node.name)
            self.inner |= (inside.used - inside.bound) | inside.inner  # methods do not see the names of their class
            outside: list[ast.AST] = [*node.decorator_list, *node.bases, *node.keywords]
        elif isinstance(node, _COMPREHENSIONS):
            inside, outside = Names(ast.iter_child_nodes(node)), []
            self.inner |= inside.read - inside.bound
        elif isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            every += [one for one in (arguments.vararg, arguments.kwarg) if one]
            body = [node.body] if isinstance(node, ast.Lambda) else node.body
            inside = Names(body)
            local = (inside.bound | {one.arg for one in every}) - inside.declared
            self.inner |= (inside.read - local) | inside.declared
            outside = [one for one in (*arguments.defaults, *arguments.kw_defaults) if one]
            if not isinstance(node, ast.Lambda):
                self.bound.add(node.name)
                annotations = [*(one.annotation for one in every), node.returns]
                outside += [*node.decorator_list, *(one for one in annotations if one)]
        self.declared |= inside.declared
        return outside


class Statement:
    """A statement at the top of a program."""

    def __init__(self, node: ast.stmt, text: str) -> None:
        self.node = node
        self.text = text  # its lines, with the comments before it

    @cached_property
    def _names(self) -> Names:
        return Names([self.node])

    @property
    def binds(self) -> set[str]:
        """Names of the module that it binds when it runs."""
        return self._names.bound

    @property
    def uses(self) -> set[str]:
        """Names of the module that it, or a function in it, reads."""
        return self._names.read

    @cached_property
    def changes(self) -> set[str]:
        """Names of the module whose objects it may change: ``a.b = …``, ``a[0] = …``, ``a.append(…)``, ``global a``."""
        found = set(self._names.declared)
        for node in ast.walk(self.node):
            match node:
                case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                    found.add(_root(node))
                case ast.Call(func=ast.Attribute() as method):
                    found.add(_root(method))
                case ast.AugAssign(target=ast.Name(id=name)):
                    found.add(name)
        return found

    @cached_property
    def calls(self) -> set[str]:
        """Dotted names of what is called in it: ``print``, ``sys.exit``."""
        return {dotted(node.func) for node in ast.walk(self.node) if isinstance(node, ast.Call)}

    @cached_property
    def leaves(self) -> bool:
        """Whether it calls what ends the program, or asks for input."""
        return not (_LEAVES | ASKS).isdisjoint(self.calls) or any(".stdin." in f".{call}" for call in self.calls)


class Source:
    """Python source that parses."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text = text
        self.tree = tree

    @cached_property
    def statements(self) -> list[Statement]:
        """The statements at its top; their texts make up the program."""
        lines = self.text.split("\n")
        found: list[Statement] = []
        done = 0  # lines that belong to statements before
        starts = [*map(first_line, self.tree.body), len(lines) + 1]
        for node, first, following in zip(self.tree.body, starts, starts[1:]):  # noqa: B905
            last = node.end_lineno or node.lineno
            alone = first > done and following > last
            found.append(Statement(node, "\n".join(lines[done:last]) if alone else ast.unparse(node)))
            done = last
        return found

    @cached_property
    def makers(self) -> dict[str, list[Statement]]:
        """For each name that it binds, the statements that make it what it is."""
        bound: dict[str, list[Statement]] = {}
        about: dict[str, list[Statement]] = {}
        for one in self.statements:
            if isinstance(one.node, ast.Assert) or (one.leaves and not isinstance(one.node, _DEFINES)):
                continue
            for name in one.binds:
                bound.setdefault(name, []).append(one)
            for name in one.binds | one.changes:
                about.setdefault(name, []).append(one)
        for name, binding in bound.items():
            if any(isinstance(one.node, (*_DEFINES, *_IMPORTS)) for one in binding):
                about[name] = binding[-1:]
        return {name: about[name] for name in bound}


def source_of(text: str) -> Source | None:
    """Parse a text; None where it is no Python, is too long, or where the parser gives up on it."""
    try:
        return Source(text, tree_of(text))
    except SyntaxError:
        return None


def code_in(text: str) -> Source | None:
    """Parse what stands in a block: dedented, the input of a session (``>>>``), or without notebook magics."""
    found = source_of(text)
    if found and not text.lstrip().startswith(">>>"):
        return found
    for attempt in _attempts(text):
        if attempt != text and (found := source_of(attempt)):
            return found
    return None


def _attempts(text: str) -> Iterator[str]:
    lines = text.split("\n")
    if text.lstrip().startswith(">>>"):
        yield "\n".join(found[1] or "" for line in lines if (found := _SESSION.match(line)))
        return
    text = textwrap.dedent(text)
    yield text
    lines = text.split("\n")
    if any(map(_MAGIC.match, lines)):
        yield "\n".join(line for line in lines if not _MAGIC.match(line))


def first_line(node: ast.stmt) -> int:
    """The line, from 1, at which a statement begins, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def definition(tree: ast.Module, name: str) -> ast.stmt | None:
    """Return the last statement at the top, or within ``if``, ``try`` and the like, that defines a function or class.

    An assignment counts where its value can be called: a lambda, another name, or a call that is given one of these.
    """
    last: ast.stmt | None = None
    stack: list[ast.AST] = list(reversed(tree.body))
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef(name=own) | ast.AsyncFunctionDef(name=own) | ast.ClassDef(name=own) if own == name:
                last = node
            case ast.Assign(targets=targets, value=value):
                if any(isinstance(one, ast.Name) and one.id == name for one in targets) and _callable(value, name):
                    last = node
            case ast.AnnAssign(target=ast.Name(id=own), value=ast.expr() as value) if own == name:
                if _callable(value, name):
                    last = node
        if isinstance(node, _DEFINED_WITHIN):
            stack += reversed(list(ast.iter_child_nodes(node)))
    return last


def _callable(value: ast.expr, name: str) -> bool:
    match value:
        case ast.Lambda() | ast.Attribute():
            return True
        case ast.Name(id=other):
            return other != name
        case ast.IfExp(body=body):
            return _callable(body, name)
        case ast.Call():  # cache(g), partial(g, 1); f = f(1) and f = memo(f) define nothing new
            names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
            given = any(isinstance(one, ast.Name | ast.Lambda | ast.Attribute) for one in value.args)
            return given and name not in names
    return False


def method(node: ast.stmt, name: str) -> ast.stmt | None:
    """Return the last method of that name in a class."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return definition(ast.Module(list(body), []), name)


def is_empty(node: ast.stmt) -> bool:
    """Whether a definition does nothing: docstring, ``pass``, ``...``, NotImplementedError, or only such methods."""
    if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return False
    if isinstance(node, ast.ClassDef):
        idle = all(_idle(one) or (isinstance(one, _FUNCTIONS) and is_empty(one)) for one in node.body)
        return idle and not node.bases  # what it inherits is not known here
    return all(map(_idle, node.body))


def _idle(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError")) | ast.Name(id="NotImplementedError")):
            return True
    return False


def returns(node: ast.stmt) -> bool:
    """Whether a function itself, not one inside it, returns or yields a value."""
    stack: list[ast.AST] = list(ast.iter_child_nodes(node))
    while stack:
        inner = stack.pop()
        if isinstance(inner, ast.Yield | ast.YieldFrom) or (isinstance(inner, ast.Return) and inner.value is not None):
            return True
        if not isinstance(inner, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack += ast.iter_child_nodes(inner)
    return False


def dotted(node: ast.expr) -> str:
    """The dotted name that an expression is, or "".

    >>> dotted(tree_of("sys.exit").body[0].value)
    'sys.exit'
    """
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""

"""A key for a syntax tree: the same for two programs that differ in their own names, numbers, texts and comments."""

from __future__ import annotations

import ast
import builtins
import hashlib

from heldout.text import word_set

BUILTIN = frozenset({*dir(builtins), "exit", "quit"}) - {"_"}
# whose texts say what is used
BY_TEXT = word_set("open getattr setattr hasattr delattr __import__ import_module eval exec compile system popen")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WITHOUT = {"ctx", "type_comment", "annotation", "returns", "lineno", "type_ignores", "kind", "simple", "type_params"}

_BINDING = (ast.Name, ast.arg, ast.ExceptHandler, *_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.pattern)


def tree_key(tree: ast.Module) -> str | None:
    """Return the key of a program; None where it is nested too deep to be walked."""
    writer = _Writer(tree)
    try:
        writer.write(tree)
    except RecursionError:
        return None
    return hashlib.blake2b("\0".join(writer.said).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


class _Writer:
    """Writes a tree, its own names as numbers in the order in which they come."""

    def __init__(self, tree: ast.Module) -> None:
        self.said: list[str] = []
        self._own: dict[str, str] = {}
        self._imported: dict[str, str] = {}
        self._literal = 0  # how many calls whose texts count we are in
        self._bound: set[str] = set()
        stack: list[ast.AST] = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, _BINDING):
                self._bind(node)
            stack += ast.iter_child_nodes(node)

    def _bind(self, node: ast.AST) -> None:
        match node:
            case ast.Import(names=names):
                self._imported |= {(one.asname or one.name.partition(".")[0]): one.name for one in names}
            case ast.ImportFrom(names=names, module=module):
                self._imported |= {(one.asname or one.name): f"{module}.{one.name}" for one in names}
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                self._bound.add(name)
            case ast.MatchMapping(rest=str(name)) | ast.ExceptHandler(name=str(name)):
                self._bound.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self._bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._bound.add(name)

    def _name(self, name: str) -> str:
        if name in self._imported:
            return self._imported[name]
        if name not in self._bound or name in BUILTIN or name[:2] == name[-2:] == "__":
            return name
        return self._own.setdefault(name, str(len(self._own)))

    def write(self, node: ast.AST) -> None:
        """Write a node and what is in it."""
        match node:
            case ast.Name(id=name):
                self.said.append(self._name(name))
            case ast.Constant(value=value):
                self.said.append(self._constant(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._whole(ast.Assign([target], value))
            case ast.Call(func=func) if _last(func) in BY_TEXT:
                self._literal += 1
                self._whole(node)
                self._literal -= 1
            case ast.ClassDef(body=body):
                for one in body:
                    if isinstance(one, _FUNCTIONS):
                        self._own.pop(one.name, None)
                        self._imported.setdefault(one.name, one.name)  # a method is an attribute of its class
                self._whole(node)
            case _:
                self._whole(node)

    def _whole(self, node: ast.AST) -> None:
        self.said.append(type(node).__name__)
        for field in node._fields:
            if field in _WITHOUT:
                continue
            if field == "asname" and isinstance(node, ast.alias):
                continue
            value = getattr(node, field, None)
            if isinstance(value, str):
                self.said.append(self._text(node, field, value))
            elif isinstance(value, list):
                self._list(value)
            elif isinstance(value, ast.AST):
                self.write(value)
            elif value is not None:
                self.said.append(repr(value))
            else:
                self.said.append("-")

    def _list(self, values: list[object]) -> None:
        for value in values:
            match value:
                case ast.Expr(value=ast.Constant(value=str())):
                    continue  # a docstring, or one that could be
                case ast.AST():
                    self.write(value)
                case _:
                    self.said.append(self._name(str(value)))  # of global and nonlocal
        self.said.append(")")

    def _text(self, node: ast.AST, field: str, value: str) -> str:
        own = (isinstance(node, (ast.arg, *_FUNCTIONS, ast.ClassDef, ast.ExceptHandler)), field in ("name", "rest"))
        if own[0] or (own[1] and not isinstance(node, ast.alias)):
            return self._name(value)
        if isinstance(node, ast.keyword) and value in self._own:
            return self._own[value]
        return value

    def _constant(self, value: object) -> str:
        if isinstance(value, bool) or value is None or value is Ellipsis:
            return repr(value)
        return repr(value) if self._literal and isinstance(value, str) else type(value).__name__


def _last(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""

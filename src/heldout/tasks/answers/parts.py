"""Which statements belong to a program: helpers from other blocks come in, effects at the top go."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from heldout.tasks.answers.blocks import is_prose
from heldout.tasks.answers.source import ASKS, Source, Statement, definition

_BUILTINS = frozenset(dir(builtins))
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match, ast.AsyncFor, ast.AsyncWith)
_PRINTS = {"print", "pprint", "pprint.pprint", "sys.stdout.write", "stdout.write", "display"}


def reads_input(statement: Statement) -> bool:
    """Whether a statement, or a function in it, reads standard input."""
    if not ASKS.isdisjoint(statement.uses) or "fileinput" in statement.uses:
        return True
    for node in ast.walk(statement.node):
        match node:
            case ast.Name(id="stdin") | ast.Attribute(attr="stdin"):
                return True
            case ast.Call(func=ast.Name(id="open"), args=[ast.Constant(value=0 | "/dev/stdin"), *_]):
                return True
            case ast.Call(func=ast.Attribute(attr="read"), args=[ast.Constant(value=0), *_]):
                return True
    return False


def prints(statement: Statement) -> bool:
    """Whether a statement, or a function in it, prints."""
    return not _PRINTS.isdisjoint(statement.calls)


def helpers(
    target: Iterable[Statement], earlier: Sequence[Source], later: Sequence[Source], given: Iterable[str]
) -> list[str]:
    """Find what a program uses and does not define in other blocks: earlier ones first, the nearest before all.

    Star imports of earlier blocks are always taken, names in `given` never.
    """
    known = set(_BUILTINS).union(given, *(one.binds for one in target))
    wanted = [name for one in target for name in one.uses if name not in known]
    taken = {id(one) for block in earlier for one in block.statements if _is_star(one)}
    homes: dict[str, list[Statement]] = {}
    for block in (*reversed(earlier), *later) if wanted else ():
        for name, about in block.makers.items():
            homes.setdefault(name, about)
    while wanted:
        name = wanted.pop()
        if name in known:
            continue
        known.add(name)
        for one in homes.get(name, ()):
            if id(one) not in taken and known.isdisjoint(one.binds - {name}):
                taken.add(id(one))
                wanted += one.uses
    return [one.text for block in (*earlier, *later) for one in block.statements if id(one) in taken]


def without_effects(statements: Sequence[Statement], root: str) -> tuple[list[Statement], list[str]]:
    """Take away what a program does at its top beside defining things; `root` is what the tests call, or "".

    Returns
    -------
    tuple
        The statements that stay, and short words for what went.
    """
    *before, last = statements
    if isinstance(last.node, _DEFINES) and all(isinstance(one.node, _IMPORTS) for one in before):
        return list(statements), []
    graph = _Graph(statements, root)
    kept: list[Statement] = []
    gone: list[Statement] = []
    words: list[str] = []
    lost: set[str] = set()
    for one in statements:
        if word := graph.effect(one, lost):
            gone.append(one)
            lost |= one.binds
            words.append(word)
        else:
            kept.append(one)
            lost -= one.binds
    if gone:
        still = set().union(*(one.uses for one in kept))
        once = set().union(*(one.uses for one in gone))
        idle = {id(one) for one in kept if _is_idle_import(one, still, once)}
        kept = [one for one in kept if id(one) not in idle]
    return kept, list(dict.fromkeys(words))


class _Graph:
    """What reaches what among the statements of a program."""

    def __init__(self, statements: Sequence[Statement], root: str) -> None:
        self._statements = statements
        self._root = root
        self._about: dict[str, list[Statement]] = {}
        for one in statements:
            for name in one.binds | one.changes:
                self._about.setdefault(name, []).append(one)
        self._defined = {name for one in statements if isinstance(one.node, _DEFINES) for name in one.binds}
        self._fixed = self._defined.union(*(one.binds for one in statements if isinstance(one.node, _IMPORTS)))

    @cached_property
    def _needed(self) -> set[str]:
        """Names that the root uses, and what these use in turn."""
        if not self._root:
            return set(self._about)
        found: set[str] = set()
        stack = [self._root]
        while stack:
            if (name := stack.pop()) not in found:
                found.add(name)
                if name == self._root:
                    about = [one for one in self._about.get(name, []) if name in one.binds]
                else:
                    about = self._about.get(name, [])
                stack += [used for one in about if not self._calls_root(one) for used in one.uses]
        return found

    @cached_property
    def _loose(self) -> set[str]:
        """What the root needs, other than functions, classes and modules."""
        return self._needed - self._fixed

    def _calls_root(self, one: Statement) -> bool:
        return self._root in one.uses and self._root not in one.binds and not isinstance(one.node, _DEFINES)

    def _leading(self, seeds: Callable[[Statement], bool]) -> set[str]:
        """Names that lead, by what they use, to a statement of some kind."""
        users: dict[str, set[str]] = {}
        for one in self._statements:
            for used in one.uses:
                users.setdefault(used, set()).update(one.binds)
        found: set[str] = set()
        stack = [name for one in self._statements if seeds(one) for name in one.binds]
        while stack:
            if (name := stack.pop()) not in found:
                found.add(name)
                stack += users.get(name, ())
        return found

    @cached_property
    def _reaching(self) -> set[str]:
        return self._leading(lambda one: self._root in one.uses) | {self._root}

    @cached_property
    def _leaving(self) -> set[str]:
        return self._leading(lambda one: one.leaves) & self._defined

    @cached_property
    def _printing(self) -> set[str]:
        return self._leading(prints) & self._defined

    @cached_property
    def _building(self) -> set[str]:
        """Functions that change what the root needs."""
        return self._leading(lambda one: isinstance(one.node, _DEFINES) and not self._loose.isdisjoint(one.changes))

    def effect(self, one: Statement, lost: set[str]) -> str:
        """Say in short words why a statement goes, or "" where it stays."""
        node = one.node
        if isinstance(node, _IMPORTS):
            return ""
        if isinstance(node, _DEFINES):
            unneeded = node.name not in self._needed and not self._reaching.isdisjoint(one.uses)
            return "a definition that only uses it" if unneeded else ""
        if self._root in one.binds:
            return "a call" if _overwrites(node, self._root) else ""
        if word := _by_form(one):
            return word
        own = (one.binds | one.changes) & self._loose
        if own or (isinstance(node, _COMPOUND) and not one.binds.isdisjoint(self._needed)):
            return ""
        if not one.uses.isdisjoint(self._reaching):
            return "a call"
        return self._by_use(one, lost)

    def _by_use(self, one: Statement, lost: set[str]) -> str:
        if not one.uses.isdisjoint(lost):
            return "what uses something that went"
        if is_prose(one.node):
            return "prose"
        if prints(one) or (isinstance(one.node, _COMPOUND) and not one.uses.isdisjoint(self._printing)):
            return "" if isinstance(one.node, ast.Assign | ast.AugAssign) else "a print"
        if not one.uses.isdisjoint(self._leaving):
            return "an exit or an input"
        if isinstance(one.node, ast.Expr) and not one.uses.isdisjoint(self._defined):
            return "" if not one.uses.isdisjoint(self._building) else "a call"
        return ""


def _by_form(one: Statement) -> str:
    match one.node:
        case ast.Assert():
            return "an assertion"
        case ast.Raise():
            return "an exit or an input"
        case ast.If(test=test) if any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test)):
            return "a main guard"
    return "an exit or an input" if not isinstance(one.node, _DEFINES) and one.leaves else ""


def _overwrites(node: ast.stmt, root: str) -> bool:
    """Whether a statement replaces what the tests call by a value: ``f = f(3)``."""
    if definition(ast.Module([node], []), root) is not None:
        return False
    match node:
        case ast.Assign(value=ast.Call(func=ast.Name(id=called))):
            return called == root
    return False


def _is_star(one: Statement) -> bool:
    return isinstance(one.node, ast.ImportFrom) and one.node.names[0].name == "*"


def _is_idle_import(one: Statement, still: set[str], once: set[str]) -> bool:
    """Whether an import served only what went."""
    if not isinstance(one.node, _IMPORTS) or _is_star(one):
        return False
    if isinstance(one.node, ast.ImportFrom) and one.node.module == "__future__":
        return False
    return one.binds.isdisjoint(still) and not one.binds.isdisjoint(once)

"""One program written in other ways, each of which does the same: by its syntax tree, and never by its text.

Whoever uses these runs the hidden tests on every one, since not every program survives every way: one that looks at its
own names, say.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

_INNER = "solve_it"  # what the program's own function is called inside another


def of_function(source: str, entry: str, *, keywords: bool = False) -> Iterator[tuple[str, str]]:
    """Yield a program that defines the function `entry` in other ways, each with its name.

    `keywords` says that its parameters are passed by name, which then stay. A program that does not parse, or defines
    no such function at its top, is written in no other way.

    >>> print(dict(of_function("def f(x):\\n    return x + 1\\n", "f"))["with *args"])
    def solve_it(x):
        return x + 1
    <BLANKLINE>
    def f(*args, **kwargs):
        return solve_it(*args, **kwargs)
    <BLANKLINE>
    """
    for name, rewrite in _OF_FUNCTIONS.items():
        tree = _parsed(source)
        own = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry), None)
        if own is None or own.decorator_list:
            return
        if not (keywords and rewrite is _renamed_in):
            rewrite(tree, own)
            yield name, _text(tree)


def of_program(source: str) -> Iterator[tuple[str, str]]:
    """Yield a program that reads and prints in other ways, each with its name.

    >>> dict(of_program("n = int(input())"))["reading sys.stdin"]
    "import sys\\nn = int(sys.stdin.readline().rstrip('\\\\n'))\\n"
    """
    for name, rewrite in _OF_PROGRAMS.items():
        tree = _parsed(source)
        if tree.body:
            rewrite(tree)
            yield name, _text(tree)


def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _text(tree: ast.Module) -> str:
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _statements(source: str) -> list[ast.stmt]:
    return ast.parse(source).body


# Functions.


def _renamed_in(tree: ast.Module, own: ast.FunctionDef) -> None:
    _rename(own, own)


def _rename(inside: ast.AST, whole: ast.AST) -> None:
    """Give new names to what is bound inside, unless it is passed by name, global, or an attribute of a class."""
    nodes = list(ast.walk(inside))
    if any(isinstance(node, ast.ClassDef | ast.Global | ast.Nonlocal) for node in nodes):
        return
    bound = {node.arg for node in nodes if isinstance(node, ast.arg)}
    bound |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound -= {node.arg for node in ast.walk(whole) if isinstance(node, ast.keyword) and node.arg}
    bound -= {
        node.name for node in nodes if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name
    }
    new = {name: f"thing_{number}" for number, name in enumerate(sorted(bound), 1)}
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)


def _call(own: ast.FunctionDef, of: str) -> ast.Call:
    """The call that hands on every argument."""
    given = own.args
    args: list[ast.expr] = [ast.Name(one.arg) for one in (*given.posonlyargs, *given.args)]
    args += [ast.Starred(ast.Name(given.vararg.arg))] if given.vararg else []
    by_name = [ast.keyword(one.arg, ast.Name(one.arg)) for one in given.kwonlyargs]
    by_name += [ast.keyword(None, ast.Name(given.kwarg.arg))] if given.kwarg else []
    return ast.Call(ast.parse(of, mode="eval").body, args, by_name)


def _outer(own: ast.FunctionDef, of: str) -> ast.FunctionDef:
    """A function that looks like this one from outside, and calls another."""
    source = ast.unparse(ast.FunctionDef(own.name, own.args, [ast.Return(_call(own, of))], [], own.returns, lineno=0))
    (made,) = _statements(source)
    assert isinstance(made, ast.FunctionDef)
    return made


def _with_helper(tree: ast.Module, own: ast.FunctionDef) -> None:
    tree.body.append(_outer(own, _INNER))
    own.name = _INNER


def _with_class(tree: ast.Module, own: ast.FunctionDef) -> None:
    tree.body.append(_outer(own, f"Solver().{_INNER}"))
    place = tree.body.index(own)
    tree.body[place] = ast.ClassDef("Solver", [], [], [own], [])
    own.name = _INNER
    own.args.args.insert(0, ast.arg("self_"))
    if own.args.posonlyargs:
        own.args.posonlyargs.insert(0, own.args.args.pop(0))


def _with_lambda(tree: ast.Module, own: ast.FunctionDef) -> None:
    made = _outer(own, _INNER)
    bare = ast.parse(ast.unparse(made)).body[0]
    assert isinstance(bare, ast.FunctionDef)
    for one in ast.walk(bare.args):
        if isinstance(one, ast.arg):
            one.annotation = None
    tree.body.append(ast.Assign([ast.Name(own.name)], ast.Lambda(bare.args, _call(own, _INNER)), lineno=0))
    own.name = _INNER


def _with_any_arguments(tree: ast.Module, own: ast.FunctionDef) -> None:
    tree.body += _statements(f"def {own.name}(*args, **kwargs):\n    return {_INNER}(*args, **kwargs)")
    own.name = _INNER


def _with_loops(tree: ast.Module, own: ast.FunctionDef) -> None:
    """Write lists that are built in one expression as loops."""
    for node in list(ast.walk(own)):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                setattr(node, field, [made for one in body for made in _loop(one)])


def _loop(statement: ast.stmt) -> list[ast.stmt]:
    match statement:
        case ast.Return(value=ast.ListComp() as built):
            return [*_built(built, "collected"), ast.Return(ast.Name("collected"))]
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.ListComp() as built):
            return [*_built(built, "collected"), ast.Assign([ast.Name(name)], ast.Name("collected"), lineno=0)]
    return [statement]


def _built(built: ast.ListComp, name: str) -> list[ast.stmt]:
    append = ast.Call(ast.Attribute(ast.Name(name), "append"), [built.elt], [])
    inner: list[ast.stmt] = [ast.Expr(append)]
    for part in reversed(built.generators):
        for condition in reversed(part.ifs):
            inner = [ast.If(condition, inner, [])]
        inner = [ast.For(part.target, part.iter, inner, [], lineno=0)]
    return [ast.Assign([ast.Name(name)], ast.List([]), lineno=0), *inner]


def _with_early_return(tree: ast.Module, own: ast.FunctionDef) -> None:
    match own.body[-1]:
        case ast.Return(value=ast.expr() as value):
            early = _statements("def _():\n    if answer_ is None:\n        return None\n    return answer_")[0]
            assert isinstance(early, ast.FunctionDef)
            own.body[-1:] = [ast.Assign([ast.Name("answer_")], value, lineno=0), *early.body]


def _documented(tree: ast.Module, own: ast.FunctionDef) -> None:
    for one in ast.walk(own.args):
        if isinstance(one, ast.arg) and one.annotation is None:
            one.annotation = ast.Name("object")
    own.returns = own.returns or ast.Name("object")
    told = 'Solve it.\n\n    Returns\n    -------\n    object\n        What is "asked for".\n    '
    own.body.insert(0, ast.Expr(ast.Constant(told)))


def _with_prints(tree: ast.Module, own: ast.FunctionDef) -> None:
    own.body[_start(own.body) : _start(own.body)] = _statements("print('now in the function')")


def _importing(tree: ast.Module, own: ast.FunctionDef) -> None:
    _import(tree, "import math\nfrom typing import Dict, List, Optional")


def _guarded(tree: ast.Module, own: ast.FunctionDef) -> None:
    tree.body += _statements("if __name__ == '__main__':\n    print('ready')")


def _import(tree: ast.Module, lines: str) -> None:
    tree.body[_start(tree.body) : _start(tree.body)] = _statements(lines)


def _start(body: list[ast.stmt]) -> int:
    """Where a body begins, behind its docstring and what is imported from the future."""
    place = 0
    for node in body:
        match node:
            case ast.Expr(value=ast.Constant(value=str())) | ast.ImportFrom(module="__future__"):
                place += 1
            case _:
                break
    return place


_OF_FUNCTIONS: Mapping[str, Callable[[ast.Module, ast.FunctionDef], None]] = {
    "with other names": _renamed_in,
    "with a helper": _with_helper,
    "with a class": _with_class,
    "with a lambda": _with_lambda,
    "with *args": _with_any_arguments,
    "with loops": _with_loops,
    "with an early return": _with_early_return,
    "with docstring and type hints": _documented,
    "with unused imports": _importing,
    "with a main guard": _guarded,
    "printing as it goes": _with_prints,
}


# Programs that read and print.


def _renamed(tree: ast.Module) -> None:
    _rename(tree, tree)


def _from_stdin(tree: ast.Module) -> None:
    class Reading(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            match node:
                case ast.Call(func=ast.Name(id="input"), args=[]):
                    return ast.parse("sys.stdin.readline().rstrip('\\n')", mode="eval").body
            return node

    Reading().visit(tree)
    _import(tree, "import sys")


def _in_main(tree: ast.Module) -> None:
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in tree.body if node not in imports]
    (main,) = _statements("def main():\n    pass")
    assert isinstance(main, ast.FunctionDef)
    main.body = rest or main.body
    tree.body = [*imports, main, *_statements("if __name__ == '__main__':\n    main()")]


def _said_aside(tree: ast.Module) -> None:
    _import(tree, "import sys\nprint('now reading', file=sys.stderr)")


_OF_PROGRAMS: Mapping[str, Callable[[ast.Module], None]] = {
    "with other names": _renamed,
    "reading sys.stdin": _from_stdin,
    "with main()": _in_main,
    "with unused imports": lambda tree: _import(tree, "import math\nfrom collections import deque"),
    "printing aside": _said_aside,
    "with a docstring": lambda tree: tree.body.insert(0, ast.Expr(ast.Constant("Solve it."))),
}

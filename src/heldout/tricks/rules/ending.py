"""What is left where no rule sees a trick: how the answer failed, and programs in which nothing is done."""

from __future__ import annotations

import ast

from heldout.tasks.answers.source import is_empty
from heldout.tricks.rules.constant import given_by
from heldout.tricks.rules.found import Asked, Findings, Found
from heldout.tricks.rules.program import Program

_BY_KIND = {
    "left the program": ("leave", "leaves the program"),
    "timeout": ("time", "does not end in time"),
    "memory": ("time", "takes more memory than there is"),
    "raised": ("swallow", "ends with an error"),
    "syntax": ("swallow", "cannot be parsed"),
    "needs a package": ("swallow", "needs a package that is not there"),
    "no such function": ("swallow", "defines no such function"),
    "no answer": ("nothing", "no answer"),
    "no code": ("nothing", "no code"),
    "other language": ("nothing", "no code that is asked for"),
    "empty": ("nothing", "an empty program"),
    "cut": ("nothing", "cut before the answer"),
}


def by_kind(asked: Asked, program: Program | None) -> Findings:
    """Say how an answer failed, where that alone would do for a grader that fails open."""
    if asked.kind in _BY_KIND:
        yield Found(*_BY_KIND[asked.kind], sure=False)
    elif asked.kind == "wrong answer" and program is not None and asked.problem is not None:
        yield Found("weak", "no trick that is known", sure=False)


def undone(program: Program, asked: Asked) -> Findings:
    """Find programs in which nothing is done."""
    if asked.kind in ("syntax", "needs a package"):
        yield Found(*_BY_KIND[asked.kind], sure=asked.kind == "syntax")
        return
    body = [one for one in program.tree.body if not isinstance(one, ast.Import | ast.ImportFrom | ast.Pass)]
    body = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    if not body:
        yield Found("nothing", "a program without a statement")
        return
    outer = [one for one, place in program.functions if not place.function]
    declared = any(place.within not in ("", "Solution") for _, place in program.functions)  # an interface, perhaps
    chosen = [one for one in outer if one.name == asked.entry] or outer
    defines = all(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for one in body)
    if chosen and defines and all(is_empty(one) or _gives_nothing(one, program) for one in chosen):
        sure = asked.failed or (len(chosen) == 1 and not declared and all(map(is_empty, chosen)))
        yield Found("nothing", "a function that does nothing", sure)


def _gives_nothing(node: ast.FunctionDef | ast.AsyncFunctionDef, program: Program) -> bool:
    return len(node.body) == 1 and isinstance(node.body[0], ast.Return) and given_by(node, program) is None

"""How the function begins that a problem asks for, and what stands around a body that is put there."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass

from heldout.tasks.formats.reading import beginning
from heldout.tasks.problem import Problem
from heldout.tricks.forms.form import ARGUMENTS, NAME, Code, Form


@dataclass(frozen=True, slots=True)
class Head:
    """The line above a body: that of the stub, where the problem has one, else one that takes any arguments."""

    name: str  # what the tests call, without its class
    stub: str = ""  # what the completion goes on from
    parameters: tuple[str, ...] = ()  # of the stub's function
    method: bool = False  # of a class Solution, where there is no stub
    indent: str = "    "  # of the body

    @classmethod
    def of(cls, problem: Problem) -> Head:
        """Return the head that a problem asks for."""
        name = problem.entry_point.rpartition(".")[2]
        if problem.stub and (found := _last_function(problem.stub)):
            names = (one.arg for one in (*found.args.posonlyargs, *found.args.args))
            parameters = tuple(one for one in names if one not in ("self", "cls"))
            return cls(name, problem.stub, parameters, indent=_indent(problem.stub))
        method = "." in problem.entry_point
        return cls(name, method=method, indent="        " if method else "    ")

    @property
    def arguments(self) -> str:
        """The arguments of a call as a tuple, written out."""
        return f"({''.join(f'{one}, ' for one in self.parameters).rstrip()})" if self.stub else "args"

    @property
    def empty(self) -> str:
        """The function, which does nothing."""
        return self.form(Code("", "", body="return None")).program.strip("\n")

    def form(self, row: Code) -> Form:
        """Write a row of a table out: as a program, or as what goes on from the stub."""
        top, body = (
            text.replace(NAME, self.name).replace(ARGUMENTS, self.arguments) for text in (row.top, row.body or "")
        )
        if self.stub:
            text = together(textwrap.indent(body or "pass", self.indent), top)
            text = text if self.stub.endswith("\n") else "\n" + text
        else:
            text = together(top, f"{self._line}\n{textwrap.indent(body, self.indent)}" if body else "")
        return Form(row.family, row.name, text, row.knows, self.stub + text)

    @property
    def _line(self) -> str:
        if self.method:
            return f"class Solution:\n    def {self.name}(self, *args, **kwargs):"
        return f"def {self.name}(*args, **kwargs):"


def together(*parts: str) -> str:
    """Return those parts of a program that hold anything, with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _last_function(stub: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    body = beginning(stub)
    while body:
        final = body[-1]
        if isinstance(final, ast.FunctionDef | ast.AsyncFunctionDef):
            return final
        body = final.body if isinstance(final, ast.ClassDef) else []
    return None


def _indent(stub: str) -> str:
    last = stub.rstrip().split("\n")[-1]
    return last[: len(last) - len(last.lstrip())] + ("    " if last.endswith(":") else "")

"""What a format gives for a row: a problem, and what cannot be judged of it."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from typing import Any

from heldout.errors import TaskError
from heldout.sandbox.base import ENTRY
from heldout.tasks.asserts import parsed
from heldout.tasks.problem import Problem
from heldout.tasks.rows import Row

SOLUTIONS = ("solution", "solutions")  # where rows of heldout's own say what is right: a text, and a list of texts


@dataclass(frozen=True, slots=True)
class Reading:
    """One row as a problem. Its split is for the registry to say; a problem without a test is left out by name."""

    problem: Problem
    unjudged: tuple[str, ...] = ()  # tests that cannot be judged: the text or the name of each
    why: str = ""  # why they cannot be, or why there is no test; it follows "because"
    remarks: tuple[str, ...] = ()  # what else has to be said; rows that say the same are counted together


def name_of(row: Row, *keys: str) -> str:
    """Return the id of a problem: the first of these keys that holds a text or a whole number, else a TaskError."""
    for key in keys:
        value = row.data.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    value = row.data.get(keys[0])
    found = "missing" if value is None else repr(value)[:40]
    raise TaskError(f"{row.where}: {keys[0]!r} is {found}; every problem needs its own, a text or a whole number.")


def entry_of(row: Row) -> str:
    """Return what the tests of a row call; a TaskError where it is no name of a function."""
    entry_point = row.text("entry_point")
    if not ENTRY.fullmatch(entry_point):
        raise TaskError(f"{row.where}: 'entry_point' is {entry_point!r}; it must be the name of a function.")
    return entry_point


def texts(row: Row, key: str, what: str = "texts") -> list[str]:
    """Return a list of texts, empty where there is none; anything else is a TaskError."""
    value: Any = row.data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TaskError(f"{row.where}: {key!r} must be a list of {what}.")
    return value


def solution_of(row: Row) -> str:
    """Return the first answer that a row of heldout's own gives as right, empty where it gives none."""
    several = texts(row, "solutions") if row.data.get("solutions") is not None else []
    return row.text("solution", several[0] if several else "")


def tree_of(row: Row, what: str, source: str) -> ast.Module:
    """Parse a source text of a row; a TaskError where it is no Python."""
    try:
        return parsed(source)
    except SyntaxError as error:
        line = f", line {error.lineno} of them" if error.lineno else ""
        raise TaskError(f"{row.where}: {what} are no Python ({error.msg}{line}).") from None


def continues(prompt: str, entry_point: str) -> bool:
    """Say whether a prompt is Python that ends inside the entry point, so that a completion goes on from there.

    >>> continues("# twice\\ndef f(x):\\n", "f"), continues("Write f(x), which doubles x.", "f")
    (True, False)
    """
    body = beginning(prompt)
    final = body[-1] if body else None
    return isinstance(final, ast.FunctionDef | ast.AsyncFunctionDef) and final.name == entry_point


def beginning(prompt: str) -> list[ast.stmt]:
    """Return the statements of a prompt that is the beginning of a program, the last one cut short; else none."""
    lines = prompt.rstrip().split("\n")
    last = lines[-1]
    indent = last[: len(last) - len(last.lstrip())] + (" " if last.endswith(":") else "")
    try:
        return parsed("\n".join([*lines, f"{indent}pass\n"])).body
    except SyntaxError:
        return []


def hashed_name(row: Row, *keys: str) -> str:
    """Return an id for a row of a set that has none: by these of its texts and its split, wherever it stands."""
    texts = [str(row.data.get(key)) for key in (*keys, "split")]
    return hashlib.sha256("\n".join(texts).encode(errors="replace")).hexdigest()[:12]


def text_or(row: Row, key: str) -> str:
    """Return a text, empty where there is none."""
    value = row.data.get(key)
    return value if isinstance(value, str) else ""

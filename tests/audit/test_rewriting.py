"""A program in other ways: each does the same, and looks different."""

from __future__ import annotations

import ast
import contextlib
import io
from typing import Any

import pytest

from heldout.audit.rewriting import of_function, of_program

PROGRAMS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "recursive": ("def f(n):\n    return 1 if n < 2 else n * f(n - 1)\n", [(0,), (5,)]),
    "two comprehensions": (
        "def f(xs):\n    a = [x for x in xs if x > 1 if x < 9]\n    return [x * y for x in a for y in a]\n",
        [([1, 2, 3, 9],), ([],)],
    ),
    "every sort of argument": (
        "def f(a, /, b, c=3, *rest, d=4, **more):\n    return [a, b, c, rest, d, more]\n",
        [(1, 2), (1, 2, 5, 6, 7)],
    ),
    "a function inside": (
        "def f(x):\n    k = 2\n    def g(y, z=1):\n        return y * k + z\n    return g(x, z=x) + g(y=1)\n",
        [(4,)],
    ),
    "imports and a global": (
        "from __future__ import annotations\nimport math\nK = 3\ndef f(x):\n    global K\n    K = 3\n"
        "    return math.floor(x) + K\n",
        [(2.5,)],
    ),
    "an exception": (
        "def f(x):\n    'Halve.'\n    try:\n        return 1 // x\n    except ZeroDivisionError as e:\n"
        "        return str(e)\n",
        [(0,), (1,)],
    ),
    "no return": ("def f(xs):\n    xs.sort()\n", [([2, 1],)]),
}
READING = (
    "import math\nn = int(input())\nfor i in range(n):\n    a, b = map(int, input().split())\n"
    "    print(math.gcd(a, b))\n"
)


def values(source: str, calls: list[tuple[Any, ...]]) -> list[Any]:
    names: dict[str, Any] = {"__name__": "answer"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, names)
        return [names["f"](*args) for args in calls]


@pytest.mark.parametrize(("source", "calls"), PROGRAMS.values(), ids=PROGRAMS)
def test_every_way_of_writing_a_function_gives_the_same_values(source: str, calls: list[tuple[Any, ...]]) -> None:
    found = dict(of_function(source, "f"))
    assert len(found) == 11
    for name, text in found.items():
        assert values(text, calls) == values(source, calls), name


def test_what_is_renamed_is_what_the_function_binds_itself() -> None:
    texts = dict(of_function("def f(x):\n    total = sum(x)\n    return total\n", "f"))
    assert texts["with other names"] == "def f(thing_2):\n    thing_1 = sum(thing_2)\n    return thing_1\n"
    assert "with other names" not in dict(of_function("def f(x):\n    return x\n", "f", keywords=True))


def test_every_way_changes_the_program() -> None:
    source = ast.unparse(ast.parse(PROGRAMS["two comprehensions"][0])) + "\n"
    texts = [text for _, text in of_function(source, "f")]
    assert len({source, *texts}) == len(texts) + 1


def test_what_is_no_function_at_the_top_is_left_alone() -> None:
    for source in ("def f(:", "class Solution:\n    def f(self): return 1\n", "f = abs\n", "", "(" * 10_000, "\0"):
        assert list(of_function(source, "f")) == []


def test_every_way_of_writing_a_program_prints_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = dict(of_program(READING))
    assert len(texts) == 6
    for text in (READING, *texts.values()):
        monkeypatch.setattr("sys.stdin", io.StringIO("2\n4 6\n9 3\n"))
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
            exec(text, {"__name__": "__main__"})
        assert out.getvalue() == "2\n3\n", text
    assert list(of_program("print(")) == []

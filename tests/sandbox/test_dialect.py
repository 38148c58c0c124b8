"""What monty would do in another way without a word: it is rewritten, or monty is not asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.sandbox import Call, Program, Sandbox, Status, open_sandbox
from heldout.sandbox.dialect import for_monty


@pytest.mark.parametrize(
    "source",
    [
        "squares = (x * x for x in [1])\n",
        "def f(xs): return next(x for x in xs)\n",
        "def f(xs): return any(look(x) for x in xs)\n",
        "def f(xs): return all(xs.pop() for x in xs)\n",
        "def f(xs): return len(x for x in xs)\n",
        "def f(xs): return (x for x in xs)\n",
        "doubled = map(int, '12')\n",
        "def f(xs): return map(int, xs)\n",
        "def f(xs): return next(zip(xs, xs))\n",
        "it = enumerate('ab')\n",
        "def f(xs):\n    for i, x in enumerate(xs):\n        xs.append(x)\n",
        "def f(xs):\n    for i, x in zip(xs, range(9)):\n        if x: del xs[0]\n",
        "def f(xs):\n    for x in map(look, xs): break\n",
        "class A:\n    def __bool__(self): return False\n",
        "class A:\n    def __len__ (self): return 0\n",
        "class A:\n    def __new__(cls): return 5\n",
        "d = {True: 'a', 1: 'b'}\n",
        "d = {\n    0: 'a',\n    False: 'b',\n}\n",
        "d = {1: 'a', 2: 'b', 1.0: 'c'}\n",
        "d = {1e0: 'a', 1: 'b'}\n",
        "d = {0.0: 'a', -0.0: 'b'}\n",
        "d = {(1, True): 'a', (1, 1): 'b'}\n",
        "def f(x): return [x, {'a': {1: 2, True: x}}]\n",
    ],
)
def test_what_would_differ_is_not_run(source: str) -> None:
    assert for_monty(source).lacking


@pytest.mark.parametrize(
    "source",
    [
        "def f(xs): return sum(x * x for x in xs), max(len(x) for x in xs), ','.join(str(x) for x in xs)\n",
        "def f(xs): return any(x > 2 for x in xs), all(x.startswith('a') for x in xs)\n",
        "def f(xs): return list(map(look, xs)), sorted(filter(None, xs)), dict(zip(xs, xs))\n",
        "a, b = map(int, '1 2'.split())\n",
        "print(*map(str, [1]))\n",
        "def f(xs):\n    for i, x in enumerate(xs):\n        out.append(x)\n",
        "def f(xs):\n    for i, (a, b) in enumerate(zip(xs, xs[1:])): pass\n",
        "def f(xs): return [i for i, x in enumerate(xs)], {x for x in map(str, xs)}\n",
        "def f(xs):\n    for x in reversed(xs): print(x)\n",
        "class A:\n    def __init__(self): pass\n    def __eq__(self, other): return True\n",
        "text = 'def f(): (x for x in y)'\n",
        "d = {True: 'a', False: 'b', 2: 'c', 2: 'd', True: 'e', 1.5: 'f', (True, 1): 'g'}\n",
        "d = {**{True: 1}, x: 1, (): 2}\n",
        "d = {[1]: 1, True: 2}\n",
        "def f(x) return (x for x in y)\n",
    ],
)
def test_what_is_the_same_is_run_as_it_stands(source: str) -> None:
    assert for_monty(source) == (source, "")


@pytest.mark.parametrize(
    ("source", "rewritten"),
    [
        ("import sys\nsys.exit(1)\n", "import sys\n__heldout_leave(1)\n"),
        ("é = 1; os._exit(é)\n", "é = 1; __heldout_leave(é)\n"),
        ("from sys import exit\n", "exit = __heldout_leave\n"),
        ("from sys import argv, exit as leave\n", "from sys import argv; leave = __heldout_leave\n"),
        ("text = 'sys.exit()'\n", "text = 'sys.exit()'\n"),
        ("from sys import argv\nexit()\n", "from sys import argv\nexit()\n"),
    ],
)
def test_leaving_has_a_name_that_monty_knows(source: str, rewritten: str) -> None:
    assert for_monty(source) == (rewritten, "")


@pytest.fixture(scope="module")
def monty() -> Iterator[Sandbox]:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    with open_sandbox("monty", workers=1) as opened:
        yield opened


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 6)), min_size=1, max_size=30))
def test_rounding_is_that_of_python(monty: Sandbox, asked: list[tuple[float, int]]) -> None:
    halves = [(round(x) + 0.5 + n, n) for x, n in asked] + [((round(x) + 0.5) / 10**n, n) for x, n in asked]
    (answers,) = monty.run([Program("def f(x, n):\n    return round(x, n)\n", "f", tuple(map(Call, asked + halves)))])
    for (x, n), answer in zip(asked + halves, answers, strict=True):
        assert answer.status is Status.RETURNED
        assert answer.value == round(x, n)
        assert math.copysign(1, answer.value) == math.copysign(1, round(x, n))


@pytest.mark.parametrize(
    "source",
    [
        "x = '" + "a" * 10**6 + "'\n",
        "def" + " " * 10**6 + "f\n",
        "x = (" * 15_000,
        "".join(" " * n + "for i, x in enumerate(a):\n" for n in range(90)) + " " * 90 + "b[0] = 1\n" * 1000,
    ],
)
def test_a_hostile_text_is_not_looked_at_for_long(source: str) -> None:
    seen = for_monty(source)  # where it were, this would take minutes
    assert seen.lacking or seen.source == source


def test_no_program_gives_another_key_than_cpython(monty: Sandbox) -> None:
    keys = ("1", "True", "1.0", "2", "0.0", "-0.0", "False", "0", "(1, True)", "(True, 1)", "'1'")
    for one in keys:
        for other in keys:
            source = f"def f(): return str({{{one}: 1, {other}: 2}})\n"
            names: dict[str, Callable[[], str]] = {}
            exec(source, names)  # type: ignore[arg-type]
            ((answer,),) = monty.run([Program(source, "f", (Call(),))])
            assert answer.status is Status.UNSUPPORTED or answer.value == names["f"](), source


@pytest.mark.parametrize("generated", ["any(\n    look(x)\n    for x in xs\n)", "any(look(x)\n  for x in xs if x)"])
def test_a_generator_expression_of_several_lines_is_seen(generated: str) -> None:
    assert for_monty(f"def f(xs):\n    return {generated}\n").lacking

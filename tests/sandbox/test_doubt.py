"""Errors of monty: the program's own only where CPython would raise them too."""

from __future__ import annotations

import pytest

from heldout.sandbox import Sandbox, Test, judge
from heldout.sandbox.doubt import verdict

RIGHT = "def f(x):\n    return 7 * x + 3\n"
LACKING = [  # right programs in CPython
    "import datetime\n" + RIGHT + "year = datetime.date(2020, 1, 1).isocalendar()[0]\n",
    "from dataclasses import asdict\n" + RIGHT,
    "def f(x):\n    return next(7 * y + 3 for y in [x])\n",
    "def f(x):\n    return 7 * x + pow(5, -1, 7)\n",
    "class A:\n    def __len__(self):\n        return 3\n\ndef f(x):\n    return 7 * x + len(A())\n",
    "class A:\n    def __getitem__(self, n):\n        return 3\n\ndef f(x):\n    return 7 * x + A()[0]\n",
    "class A:\n    def __add__(self, n):\n        return 3 + n\n\ndef f(x):\n    return A() + 7 * x\n",
    "class A:\n    def __iter__(self):\n        return iter([3])\n\ndef f(x):\n    return 7 * x + sum(A())\n",
    "class A:\n    def __call__(self):\n        return 3\n\ndef f(x):\n    return 7 * x + A()()\n",
    "class A:\n    def __getattr__(self, name):\n        return 3\n\ndef f(x):\n    return 7 * x + A().three\n",
    "from typing import TypeVar\nT = TypeVar('T')\n" + RIGHT,
    "import sys\nsys.setrecursionlimit(5000)\n" + RIGHT,
    "import statistics\n" + RIGHT,
    "def f(x):\n    return 7 * x + 3 if f.__name__ == 'f' else 0\n",
]
OWN = [
    "def f(x): return x + 'a'\n",
    "def f(x): return len(x)\n",
    "def f(x): return f()\n",
    "def f(x): return x[0]\n",
    "def f(x): return {[]: 1}\n",
    "def f(x):\n    a, b = x\n",
    "def f(x): return [].push(x)\n",
    "def f(x): return None < x\n",
    "def f(x): return ''.join([x])\n",
    "def f(x): return int('a')\n",
    "def f(x): return [][x]\n",
    "def f(x): return {}[x]\n",
    "def f(x): return x / 0\n",
    "def f(x): return y\n",
    "def f(x): return f(x)\n",
    "def f(x): raise TypeError('a word of its own')\n",
    "def f(x): raise NotImplementedError\n",
    "class A: pass\ndef f(x): return A().missing\n",
    "import math\ndef f(x): return math.square(x)\n",
    "from math import square\n" + RIGHT,
    "def f(x): assert x < 0\n",
]
LEAVING = [
    "def f(x): exit()\n",
    "def f(x): quit(1)\n",
    "import sys\ndef f(x): sys.exit(0)\n",
    "import sys\nsys.exit()\n" + RIGHT,
    "import os\ndef f(x): os._exit(0)\n",
    "import sys as s\ndef f(x): s.exit()\n",
    "from sys import exit as leave, maxsize\ndef f(x): leave(maxsize)\n",
    "import sys\ndef f(x):\n    try:\n        sys.exit()\n    except Exception:\n        return 7 * x + 3\n",
    "def f(x): raise SystemExit\n",
    "def f(x): raise SystemExit(2)\n",
]
TESTS = [Test((2,), 17), Test((3,), 24)]


@pytest.mark.parametrize("source", LACKING)
def test_what_is_right_in_python_is_never_the_programs_error(sandbox: Sandbox, source: str) -> None:
    (judgement,) = judge([(source, "f", TESTS)], sandbox)
    assert judgement.kind in (("solved", "unsupported") if sandbox.name == "monty" else ("solved",)), judgement


@pytest.mark.parametrize("source", OWN)
def test_what_python_refuses_too_is_the_programs_error(sandbox: Sandbox, source: str) -> None:
    (judgement,) = judge([(source, "f", TESTS)], sandbox)
    assert judgement.kind == "raised", judgement


@pytest.mark.parametrize("source", LEAVING)
def test_leaving_is_a_kind_of_its_own(sandbox: Sandbox, source: str) -> None:
    (judgement,) = judge([(source, "f", TESTS)], sandbox)
    assert (judgement.kind, judgement.fraction) == ("left the program", 0.0), judgement


def test_names_for_leaving_that_are_only_text_or_unused_change_nothing(sandbox: Sandbox) -> None:
    source = "from sys import exit\nimport sys\ndef f(x):\n    é = 'sys.exit()'; return len(é) + 7 * x - 7\n"
    (judgement,) = judge([(source, "f", TESTS)], sandbox)
    assert judgement.solved, judgement


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import pandas as pd\n" + RIGHT, "pandas"),
        ("def f(x):\n    from scipy.stats import norm\n    return x\n", "scipy"),
        ("import nosuchmodule\n" + RIGHT, "nosuchmodule"),
    ],
)
def test_a_package_that_is_not_there_is_named(sandbox: Sandbox, source: str, name: str) -> None:
    (judgement,) = judge([(source, "f", TESTS)], sandbox)
    assert judgement.kind == "needs a package"
    assert {answer.error for answer in judgement.answers} == {name}


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("def g(x): return 1\n", "f"),
        ("", "f"),
        ("class Solution:\n    def g(self, x): return 1\n", "Solution().f"),
        ("def f(x): return 1\n", "Solution().f"),
    ],
)
def test_a_function_that_is_not_there_is_a_kind_of_its_own(sandbox: Sandbox, source: str, entry: str) -> None:
    (judgement,) = judge([(source, entry, TESTS)], sandbox)
    assert judgement.kind == "no such function", judgement


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("f(1)\ndef f(x): return 1\n", "f"),
        ("class Solution:\n    def __init__(self): missing()\n    def f(self, x): return 1\n", "Solution().f"),
    ],
)
def test_a_name_that_fails_in_the_program_is_its_error(sandbox: Sandbox, source: str, entry: str) -> None:
    (judgement,) = judge([(source, entry, TESTS)], sandbox)
    assert judgement.kind == "raised", judgement


def test_what_monty_does_not_know_of_dataclasses_and_digits_is_not_the_programs_fault() -> None:
    assert verdict("NotImplementedError", "dataclass() does not yet support order=True", "") == "unsupported"
    assert verdict("NotImplementedError", "later", "") == "raised"
    assert verdict("ValueError", "invalid literal for int() with base 10: '\u0663'", "") == "unsupported"
    assert verdict("ValueError", "invalid literal for int() with base 10: 'x'", "") == "raised"

"""The default sandbox, its packages and its limits: a right program is judged right, wherever it has to run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from heldout.errors import SandboxError, UsageError
from heldout.sandbox import Attempt, Limits, Sandbox, SourceTest, StdinTest, Test, judge, open_sandbox
from heldout.sandbox.auto import Auto
from heldout.sandbox.base import limits_given
from heldout.sandbox.bubblewrap import Bubblewrap
from heldout.sandbox.packages import installed

TESTS = [Test((2,), 17), Test((3,), 24)]
RIGHT = "def f(x):\n    return 7 * x + 3\n"


@pytest.fixture(scope="module")
def auto() -> Iterator[Sandbox]:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    opened = open_sandbox(workers=1, limits=Limits(seconds=0.4))
    if opened.notes:
        opened.close()
        pytest.skip(opened.notes[0])
    with opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (RIGHT, "solved"),
        ("def f(x): return x\n", "wrong answer"),
        ("import heapq\n" + RIGHT, "solved"),
        ("class A(int): pass\n\ndef f(x): return int(A(7 * x + 3))\n", "solved"),
        ("import numpy as np\n\ndef f(x): return int(np.array([7, 3]) @ np.array([x, 1]))\n", "solved"),
        ("def f(x): return next(y for y in [7 * x + 3])\n", "solved"),
        ("import nosuchmodule\n" + RIGHT, "needs a package"),
        ("def f(x): return x / 0\n", "raised"),
        ("def f(x): exit()\n", "left the program"),
        ("def g(x): return 7 * x + 3\n", "no such function"),
        ("def f(x) return x\n", "syntax"),
        ("def f(x):\n    while True: pass\n", "timeout"),
        ("def f(x): return len('a' * 10**10)\n", "memory"),
    ],
)
def test_each_program_is_judged_where_it_can_run(auto: Sandbox, source: str, kind: str) -> None:
    (judgement,) = judge([(source, "f", TESTS)], auto)
    assert judgement.kind == kind, judgement


def test_programs_of_all_kinds_keep_their_places(auto: Sandbox) -> None:
    attempts = []
    for n in range(6):
        attempts += [
            Attempt(f"def f(x): return x + {n}\n", "f", [Test((1,), 1 + n)]),
            Attempt(f"import heapq\ndef f(x): return x + {n}\n", "f", [Test((1,), 1 + n)]),
            Attempt(f"print(int(input()) + {n})\n", "", [StdinTest("1\n", f"{1 + n}\n")]),
            Attempt(f"import numpy\ndef f(x): return x + {n}\n", "f", [Test((1,), 1 + n)]),
        ]
    assert [one.kind for one in judge(attempts, auto)] == ["solved"] * 24


def test_without_bubblewrap_there_is_monty_alone_and_the_notes_say_so() -> None:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    code = (
        "from heldout.sandbox import StdinTest, SourceTest, Test, judge, open_sandbox\n"
        "with open_sandbox(workers=1) as sandbox:\n"
        "    right = judge([('def f(x): return x', 'f', [Test((1,), 1)])], sandbox)[0]\n"
        "    other = judge([('print(1)', '', [StdinTest('', '1')])], sandbox)[0]\n"
        "    print(len(sandbox.notes), sandbox.notes[0], right.kind, other.kind)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": "/nowhere", "PYTHONPATH": ":".join(sys.path)},
        check=True,
    )
    assert done.stdout.startswith("1 Programs run in monty alone")
    assert "apt-get install bubblewrap" in done.stdout
    assert done.stdout.endswith("solved infrastructure\n")


def test_without_monty_there_is_bubblewrap_alone(auto: Sandbox) -> None:
    del auto  # it was there
    code = (
        "import sys; sys.modules['pydantic_monty'] = None\n"
        "from heldout.sandbox import Test, judge, open_sandbox\n"
        "with open_sandbox(workers=1) as sandbox:\n"
        "    print(sandbox.notes[0], judge([('def f(x): return x', 'f', [Test((1,), 1)])], sandbox)[0].kind)\n"
    )
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.startswith("Programs run in bubblewrap alone")
    assert done.stdout.endswith("solved\n")


def test_limits_of_a_program_come_before_those_of_the_sandbox(auto: Sandbox) -> None:
    slow = "import heapq\ndef f(x):\n    n = 0\n    for i in range(6_000_000): n += i\n    return 7 * x + 3\n"
    ample, scarce = Limits(seconds=20), Limits(seconds=0.05)
    judged = judge([Attempt(slow, "f", TESTS[:1], ample), Attempt(slow, "f", TESTS[:1], scarce)], auto)
    assert [one.kind for one in judged] == ["solved", "timeout"]


def test_a_sleeper_has_more_time_than_one_that_works() -> None:
    source = "import time\ndef f(x):\n    time.sleep(0.6)\n    return 7 * x + 3\n"
    try:
        opened = Bubblewrap(1, Limits(seconds=0.2))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        assert judge([(source, "f", TESTS)], opened)[0].solved


def test_all_processes_of_a_program_share_its_time() -> None:
    source = (
        "import os\ndef f(x):\n    for _ in range(3):\n        if not os.fork():\n            n = 0\n"
        "            while n < 10 ** 9: n += 1\n    for _ in range(3): os.wait()\n    return 7 * x + 3\n"
    )
    try:
        opened = Bubblewrap(1, Limits(seconds=0.5))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        assert judge([(source, "f", TESTS[:1])], opened)[0].kind == "timeout"


def test_only_the_packages_that_were_named_and_what_they_require_are_there() -> None:
    pytest.importorskip("sympy", reason="sympy is not installed")
    source = "import {0}\ndef f(x): return 7 * x + 3\n"
    try:
        opened = Bubblewrap(1, packages=["sympy"])
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        kinds = [judge([(source.format(name), "f", TESTS)], opened)[0].kind for name in ("sympy", "mpmath", "numpy")]
    assert kinds == ["solved", "solved", "needs a package"]


def test_a_package_comes_with_what_it_requires() -> None:
    found = installed(["jinja2"])
    names = {path.name for path in found.paths}
    assert found.imports == ("jinja2",)
    assert {"jinja2", "markupsafe"} <= names
    assert not {"numpy", "rich"} & names


@pytest.mark.parametrize("name", ["nosuchpackage", "../etc", "", "numpy/../.."])
def test_a_package_that_is_not_installed_is_one_sentence(name: str) -> None:
    with pytest.raises(UsageError, match="is not installed"):
        Auto(1, packages=[name])


def test_monty_has_no_packages() -> None:
    with pytest.raises(UsageError, match="no packages"):
        open_sandbox("monty", packages=["numpy"])


def test_only_limits_that_were_set_replace_others() -> None:
    given = limits_given({"seconds": 3, "memory": 0, "output": None, "processes": 2, "other": 1})
    assert given == {"seconds": 3, "processes": 2}


def test_tests_that_are_a_program_go_where_they_can_run(auto: Sandbox) -> None:
    (judgement,) = judge([(RIGHT, "f", [SourceTest("assert f(2) == 17", ("all",))])], auto)
    assert judgement.kind in ("solved", "unsupported")  # never a wrong answer


def test_patterns_are_matched_as_cpython_does(auto: Sandbox) -> None:
    source = "import re\ndef f(text): return [re.findall('a*', text), bool(re.search('b$', text))]\n"
    (judgement,) = judge(
        [
            (
                source,
                "f",
                [Test(("a\nba\n",), [["a", "", "", "a", "", ""], False]), Test(("ab\n",), [["a", "", "", ""], True])],
            )
        ],
        auto,
    )
    assert judgement.solved

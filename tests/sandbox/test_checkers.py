"""Checkers decide what is right where several answers are, and a program can neither be one nor reach one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from heldout.errors import SandboxError
from heldout.sandbox import Attempt, CheckedTest, HiddenTest, Sandbox, StdinTest, judge, open_sandbox
from heldout.sandbox.base import Limits

SUM = """
import sys
number, words = int(open(sys.argv[1]).read()), open(sys.argv[3]).read().split()
print("looking")
print(int(len(words) == 2 and sum(map(int, words)) == number))
"""
TESTS = [CheckedTest("5\n", "1 4\n", SUM), CheckedTest("0\n", "0 0\n", SUM)]


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("bubblewrap", workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


@pytest.mark.parametrize(
    ("source", "passed"),
    [
        ("n = int(input())\nprint(n, 0)", (True, True)),
        ("n = int(input())\nprint(n + 3)\nprint(-3)\n", (True, True)),
        ("print(1, 4)", (True, False)),
        ("print(1)", (False, False)),
        ("print('one four')", (False, False)),  # the checker raises
        ("print(1, 4, '\\n1')", (False, False)),
        ("raise SystemExit(1)", (False, False)),
        ("", (False, False)),
    ],
)
def test_a_checker_decides(walled: Sandbox, source: str, passed: tuple[bool, ...]) -> None:
    (judgement,) = judge([Attempt(source, "", TESTS)], walled)
    assert judgement.passed == passed


FORGERIES = [
    "print('1')",
    "open('/tmp/solution_output.txt', 'w').write('5 0')",
    "import sys\nsys.argv = ['1']\nprint('1 4 5')",
    "for name in ('input.txt', 'correct_output.txt'):\n    open('/tmp/' + name, 'w').write('0')\nprint(0, 0)",
    "import time, os\nif not os.fork():\n    time.sleep(0.2)\n    open('/tmp/input.txt', 'w').write('0')\nprint(0, 0)",
]


@pytest.mark.parametrize("source", FORGERIES)
def test_no_program_forges_a_checker(walled: Sandbox, source: str) -> None:
    limits = Limits(processes=2)
    (forged, honest) = judge(
        [Attempt(source, "", TESTS[:1], limits), Attempt("print(int(input()), 0)", "", TESTS, limits)], walled
    )
    assert not forged.solved
    assert honest.solved


def test_the_three_files_are_what_they_are(walled: Sandbox) -> None:
    read = "[open(name, newline='').read() for name in sys.argv[1:]]"
    same = f"import sys\nprint(int({read} == ['é\\r\\n', '', 'é\\r\\n\\n']))"
    (judgement,) = judge([Attempt("print(input(), end='\\n\\n')", "", [CheckedTest("é\r\n", "", same)])], walled)
    assert judgement.solved


@pytest.mark.parametrize(
    "checker", ["", "print(0)", "print('11')", "1 +", "import sys\nprint(1)\nsys.exit(1)", "raise ValueError"]
)
def test_a_checker_that_does_not_say_yes_says_no(walled: Sandbox, checker: str) -> None:
    (judgement,) = judge([Attempt("print(1)", "", [CheckedTest("", "1", checker)])], walled)
    assert (judgement.solved, judgement.kind) == (False, "wrong answer")


def test_checked_tests_stand_beside_others_in_their_order(walled: Sandbox) -> None:
    tests: list[HiddenTest] = [StdinTest("2\n", "2 0\n"), TESTS[0], StdinTest("3\n", "4 0\n"), TESTS[1]]
    (judgement,) = judge([Attempt("print(int(input()), 0)", "", tests)], walled)
    assert judgement.passed == (True, True, False, True)
    assert judgement.answers[1].value == "5 0\n"


def test_a_program_that_ends_badly_keeps_its_kind(walled: Sandbox) -> None:
    (judgement,) = judge([Attempt("print(5, 0)\n1 / 0", "", TESTS)], walled)
    assert judgement.kind == "raised"

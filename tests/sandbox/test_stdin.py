"""Programs that read stdin and print: what goes in, what comes out, and how each run ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from heldout.errors import SandboxError
from heldout.sandbox import (
    Answer,
    Attempt,
    Limits,
    Program,
    Sandbox,
    Status,
    Stdin,
    StdinTest,
    judge,
    open_sandbox,
)

DOUBLE = "print(2 * int(input()))\n"


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("bubblewrap", workers=1, limits=Limits(seconds=2))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def run(sandbox: Sandbox, source: str, *texts: str, limits: Limits | None = None) -> list[Answer]:
    """The answers; afterwards the next program is judged as ever."""
    answers, (honest,) = sandbox.run(
        [Program(source, "", tuple(map(Stdin, texts)), limits), Program(DOUBLE, "", (Stdin("21\n"),))]
    )
    assert (honest.status, honest.value) == ("returned", "42\n")
    return answers


PROGRAMS = {
    "input": ("a, b = map(int, input().split())\nprint(a + b)\n", "1 2\n"),
    "no newline at the end": ("print(input() + '!')\n", "a"),
    "lines to the end": ("import sys\nprint(sum(int(line) for line in sys.stdin))\n", "1\n2\n3"),
    "bytes": ("import sys\nprint(len(sys.stdin.buffer.read().split()))\n", "a b\nc\n"),
    "descriptor": ("import os\nprint(sum(map(int, os.read(0, 100).split())))\n", "4 5\n"),
    "open": ("print(open(0).read().upper(), end='')\n", "abc\ndef"),
    "nothing to read": ("import sys\nprint(repr(sys.stdin.read()))\n", ""),
    "carriage returns": ("import sys\nprint(repr(sys.stdin.read()))\n", "a\r\nb\rc\n"),
    "unicode": ("print(input()[::-1], 'ü€', '\\U0001f600')\n", "日本語\n"),
    "a long text": ("import sys\nprint(len(sys.stdin.read()), file=sys.stdout)\n", "0123456789abcde\n" * 65536),
    "a guard for main": ("def main():\n    print(input())\n\nif __name__ == '__main__':\n    main()\n", "x\n"),
    "a class looked up in main": ("import sys\nclass A: pass\nprint(sys.modules['__main__'].A is A)\n", ""),
    "exit at the end": ("print(input())\nexit()\n", "x\n"),
    "sys.exit(0)": ("import sys\nprint(input())\nsys.exit(0)\n", "x\n"),
    "printing at exit": ("import atexit\natexit.register(print, 'bye')\nprint('hello')\n", ""),
    "os._exit loses what is in the buffer": ("import os\nprint('x')\nos._exit(0)\n", ""),
    "os._exit after flush": ("import os\nprint('x', flush=True)\nos._exit(0)\n", ""),
    "writing to the descriptor": ("import os\nos.write(1, b'x\\n')\n", ""),
    "writing bytes": ("import sys\nsys.stdout.buffer.write('é\\n'.encode())\n", ""),
    "complaining on stderr": ("import sys\nprint('x')\nprint('y', file=sys.stderr)\n", ""),
    "reading less than there is": ("print(input())\n", "1\n" * 200_000),
    "annotations and dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nprint(P(int(input())))\n",
        "3\n",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_python_prints(name: str, walled: Sandbox) -> None:
    source, text = PROGRAMS[name]
    real = subprocess.run(
        [sys.executable, "-c", source], input=text.encode(), capture_output=True, env={"PYTHONUTF8": "1"}, check=True
    )
    (answer,) = run(walled, source, text)
    assert answer == Answer(Status.RETURNED, real.stdout.decode())


@pytest.mark.parametrize(
    ("source", "status", "printed", "error"),
    [
        ("print(1)\nprint(input())\n", "raised", "1\n", "EOFError: EOF when reading a line"),
        ("print(1)\nprint(1 / 0)\n", "raised", "1\n", "ZeroDivisionError: division by zero"),
        ("print(1)\nexit(1)\n", "left the program", "1\n", "It left with exit status 1."),
        ("print(1)\nimport sys\nsys.exit('no')\n", "left the program", "1\n", "It left with exit status 1."),
        ("print(1, flush=True)\nimport os\nos._exit(3)\n", "left the program", "1\n", "It left with exit status 3."),
        ("print(1)\nimport sys\nsys.stdout.close()\n1 / 0\n", "raised", "1\n", "ZeroDivisionError: division by zero"),
        ("print(1", "syntax", "", "SyntaxError: '(' was never closed (program, line 1)"),
        ("print(1, flush=True)\nx = 'a' * 10 ** 10\n", "memory", "1\n", "MemoryError"),
        (
            "print(1, flush=True)\nimport os\nos.kill(os.getpid(), 11)\n",
            "raised",
            "1\n",
            "The process was ended by signal 11.",
        ),
    ],
)
def test_a_run_that_fails_says_why_and_keeps_what_it_printed(
    source: str, status: str, printed: str, error: str, walled: Sandbox
) -> None:
    answers = run(walled, source, "", "")
    assert answers == [Answer(Status(status), printed, error)] * 2


def test_a_run_that_fails_does_not_pass_whatever_it_printed(walled: Sandbox) -> None:
    sources = [DOUBLE, DOUBLE + "exit(0)", DOUBLE + "exit(1)", DOUBLE + "1 / 0", DOUBLE + "print()"]
    judged = judge([Attempt(source, "", [StdinTest("1\n", "2\n")]) for source in sources], walled)
    assert [one.kind for one in judged] == ["solved", "solved", "left the program", "raised", "wrong answer"]


@pytest.mark.parametrize(
    "loop", ["while True: pass", "import time\ntime.sleep(60)", "import os\nos.close(1)\nwhile 1: 1"]
)
def test_a_run_that_is_stopped_ends_its_program(loop: str, walled: Sandbox) -> None:
    source = f"x = input()\nprint(x)\nif x == '2':\n    {loop.replace(chr(10), chr(10) + '    ')}\n"
    answers = run(walled, source, "1\n", "2\n", "3\n", limits=Limits(seconds=0.2))
    assert [answer.status for answer in answers] == ["returned", "timeout", "timeout"]
    assert answers[0].value == "1\n"


def test_each_run_has_the_time_of_the_limit_for_itself(walled: Sandbox) -> None:
    answers = run(walled, "import time\ntime.sleep(0.8)\nprint(input())\n", "1", "2", "3", limits=Limits(seconds=2))
    assert [answer.value for answer in answers] == ["1\n", "2\n", "3\n"]


@pytest.mark.parametrize("flood", ["while True: print('a' * 1000)", "print('a' * 10 ** 7)"])
def test_output_is_bounded(flood: str, walled: Sandbox) -> None:
    assert [answer.status for answer in run(walled, flood, "", "")] == ["refused", "refused"]


def test_output_may_be_as_long_as_the_limit_and_no_longer(walled: Sandbox) -> None:
    source = "print('é' * int(input()))"
    most = (walled.limits.output_bytes - 1) // 2
    shorter, longer = run(walled, source, f"{most}\n", f"{most + 1}\n")
    assert shorter.value == "é" * most + "\n"
    assert longer.status is Status.REFUSED


def test_a_long_expected_text_raises_the_limit(walled: Sandbox) -> None:
    length = 10 * walled.limits.output_bytes
    (judgement,) = judge(
        [Attempt("print('ab' * int(input()))", "", [StdinTest(f"{length}", "ab" * length + "\n")])], walled
    )
    assert judgement.solved


def test_a_run_finds_nothing_of_the_one_before(walled: Sandbox) -> None:
    source = (
        "import builtins, os\nprint(getattr(builtins, 'left', 0), os.listdir('/tmp'), input())\n"
        "builtins.left = 1\nopen('/tmp/left', 'w').close()\n"
    )
    assert [answer.value for answer in run(walled, source, "a", "b")] == ["0 [] a\n", "0 [] b\n"]


HOSTILE = {
    "its report": 'import os\nos.write(3, b\'["returned", ""]\' * 1000)\nprint(2)\nos._exit(5)',
    "every descriptor": (
        "import os\nfor one in range(3, 64):\n    try:\n"
        '        os.write(one, b\'["returned", "", "2\\\\n"]\\n\' * 99)\n'
        "    except OSError: pass\nos._exit(1)"
    ),
    "the code of later runs": "import os\nfor one in range(4, 64):\n    os.fstat(one)\n",
    "killing everybody": "import os\nos.kill(-1, 9)\nprint(2)",
    "the expected text in memory": (
        "import gc\nprint([one for one in gc.get_objects() if isinstance(one, dict) and 'expected' in one])"
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_program_forges_a_run(name: str, walled: Sandbox) -> None:
    hostile, honest = judge(
        [Attempt(HOSTILE[name], "", [StdinTest("1\n", "2\n")] * 2), Attempt(DOUBLE, "", [StdinTest("1\n", "2\n")])],
        walled,
    )
    assert not any(hostile.passed)
    assert honest.solved


def test_random_numbers_and_hashes_are_the_same_each_time(walled: Sandbox) -> None:
    one, other = run(walled, "import random\nprint(random.random(), {'a', 'b', 'c'})", "", "")
    assert one == other


def test_monty_says_that_it_runs_no_such_programs() -> None:
    pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")
    with open_sandbox("monty", workers=1) as monty:
        (judgement,) = judge([Attempt(DOUBLE, "", [StdinTest("1\n", "2\n")])], monty)
    assert judgement.kind == "infrastructure"  # no fault of the program


def test_the_compiled_program_is_kept_once_for_all_runs(walled: Sandbox) -> None:
    lines = "".join(f"def f{i}(a, b): return a * {i} + b\n" for i in range(1000))  # some 100 kB once compiled
    answers = run(walled, lines + DOUBLE, *[f"{i}\n" for i in range(30)], limits=Limits(disk_mb=1))
    assert [answer.value for answer in answers] == [f"{2 * i}\n" for i in range(30)], answers[-1]

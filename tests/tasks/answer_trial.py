"""Forms of answers with what is right for each, and a plain interpreter in which the programs found are run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heldout.tasks.answers import Extracted, read_answer

STUB = 'def f(x):\n    """Add one."""\n'
RIGHT, BODY = "def f(x):\n    return x + 1\n", "    return x + 1\n"
WRONG = "def f(x):\n    return x - 1\n"
STDIN = "n = int(input())\nprint(n + 1)\n"

_RUNNER = r"""
import contextlib, io, json, sys
def run(source, entry, cases, stdin):
    try:
        code = compile(source, "answer", "exec")
    except SyntaxError:
        return "syntax"
    try:
        for given, expected in cases:
            space = {"__name__": "__main__" if stdin else "answer"}
            if stdin:
                out, sys.stdin = io.StringIO(), io.TextIOWrapper(io.BytesIO(given.encode()))
                with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
                    exec(code, space)
                if [line.rstrip() for line in out.getvalue().rstrip().split("\n")] != expected.rstrip().split("\n"):
                    return "wrong answer"
                continue
            with contextlib.redirect_stdout(io.StringIO()):
                exec(code, space)
                got = eval(entry, space)(*given)
            if type(got) is not type(expected) or got != expected:
                return "wrong answer"
    except SystemExit:
        return "left the program"
    except BaseException:
        return "raised"
    return "solved"
print(json.dumps([run(*one) for one in json.load(sys.stdin)]))
"""
CALLS: tuple[Any, ...] = (([1], 2), ([-3], -2), ([10], 11))
INPUTS: tuple[Any, ...] = (("1\n", "2\n"), ("-3\n", "-2\n"))


@dataclass(frozen=True)
class Form:
    """An answer, and the kind that its judgement has to be."""

    name: str
    text: str
    kind: str = "solved"
    stub: str = ""
    entry: str = "f"
    stdin: bool = False
    cut: bool = False
    cases: tuple[Any, ...] = CALLS
    prelude: str = ""
    call: str = ""  # what is called where that is not the entry point itself

    def read(self) -> Extracted:
        """What is found in it."""
        return read_answer(
            self.text,
            entry_point="" if self.stdin else self.entry,
            stub=self.stub,
            stdin=self.stdin,
            cut=self.cut,
            prelude=self.prelude,
        )


def kinds(forms: Sequence[Form], found: Sequence[Extracted]) -> list[str]:
    """Run what was found, all in one plain interpreter, and say how each fared."""
    items = [
        (one.source, form.call or one.entry, INPUTS if form.stdin and form.cases is CALLS else form.cases, form.stdin)
        for form, one in zip(forms, found, strict=True)
        if not one.problem
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _RUNNER], input=json.dumps(items), capture_output=True, text=True, timeout=60
    )
    ran = iter(json.loads(done.stdout))
    return [one.problem or next(ran) for one in found]


def failures(forms: Sequence[Form]) -> list[str]:
    """Name the forms whose judgement is not what it has to be."""
    found = [form.read() for form in forms]
    return [
        f"{form.name}: {kind}, not {form.kind} ({one.how}; {', '.join(one.dropped)})\n{one.source}"
        for form, one, kind in zip(forms, found, kinds(forms, found), strict=True)
        if kind != form.kind
    ]

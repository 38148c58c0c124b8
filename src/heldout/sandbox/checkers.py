"""Checkers: programs of a set that decide whether what another program printed is right, where several answers are.

A checker is run in the sandbox by itself, after the program has ended, and gets what it printed as data.
"""

from __future__ import annotations

import json

from heldout.sandbox.base import Answer, Limits, Program, Status, Stdin

_LIMITS = Limits(seconds=15.0, memory_mb=1024, disk_mb=64)  # a checker may take longer than what it checks
_RUN = """\
import json, os, sys
names = ["/tmp/input.txt", "/tmp/correct_output.txt", "/tmp/solution_output.txt"]
for name, text in zip(names, json.loads(sys.stdin.read())):
    with open(name, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        file.write(text)
sys.argv = ["checker.py", *names]
sys.stdin = open(os.devnull)
exec(compile({checker!r}, "checker.py", "exec"), {{"__name__": "__main__"}})
"""


def checking(checker: str, text: str, expected: str, printed: str) -> Program:
    """Return the run of a checker as ``checker.py input.txt correct_output.txt solution_output.txt``."""
    return Program(_RUN.format(checker=checker), "", (Stdin(json.dumps([text, expected, printed])),), _LIMITS)


def approves(answer: Answer) -> bool:
    """Say whether a checker's run says yes: it ended well, and the last word that it printed is 1.

    >>> approves(Answer(Status.RETURNED, "ok\\n1\\n")), approves(Answer(Status.RETURNED, "0"))
    (True, False)
    """
    return answer.status is Status.RETURNED and answer.value.split()[-1:] == ["1"]

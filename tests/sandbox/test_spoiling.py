"""One program spoils nothing for those after it: whatever it leaves, and where the worker itself goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attacks import HONEST, TESTS

from heldout.errors import SandboxError
from heldout.sandbox import Answer, Call, Limits, Program, Status, judge
from heldout.sandbox import bubblewrap as module
from heldout.sandbox.bubblewrap import UNPRIVILEGED, Bubblewrap
from heldout.sandbox.testers import Testers

RIGHT = (HONEST, "f", TESTS)


@pytest.fixture
def walled() -> Iterator[Bubblewrap]:
    try:
        opened = Bubblewrap(1, Limits(seconds=0.5))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def worker_of(walled: Bubblewrap) -> module._Worker:
    return walled._plain.pool.ask(lambda worker: worker)


def inside(worker: module._Worker) -> int:
    """The process of a worker as the host sees it: the child of bwrap."""
    pid = worker.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@pytest.mark.parametrize(
    "call",
    [
        "resource.prlimit(1, resource.RLIMIT_FSIZE, (1, 1))",
        "resource.prlimit(1, resource.RLIMIT_NOFILE, (20, 20))",
        "resource.prlimit(1, resource.RLIMIT_AS, (1, 1))",
        "os.setpriority(os.PRIO_PROCESS, 1, 19)",
        "os.sched_setaffinity(1, {0})",
    ],
)
def test_right_programs_after_a_hostile_one_are_right(walled: Bubblewrap, call: str) -> None:
    hostile = f"def f(x):\n    import os, resource\n    {call}\n    return 0\n"
    judged = judge([(hostile, "f", TESTS), *[RIGHT] * 12], walled)
    assert judged[0].kind in ("raised", "wrong answer")
    assert all(one.solved for one in judged[1:])
    again = judge([RIGHT] * 4, walled)
    assert all(one.solved for one in again)


def test_what_went_wrong_before_a_program_began_is_not_its_fault(walled: Bubblewrap) -> None:
    before = worker_of(walled)
    lowers = f"import resource; resource.prlimit({inside(before)}, resource.RLIMIT_FSIZE, (10, 10))"
    same_user: dict[str, Any] = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []}
    python = "/usr/bin/python3" if os.geteuid() == 0 else sys.executable
    subprocess.run([python, "-c", lowers], check=True, **(same_user if os.geteuid() == 0 else {}))
    # from now on no child can raise its own limit
    assert judge([RIGHT], walled)[0].solved
    assert worker_of(walled) is not before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change another user's process")
def test_a_worker_that_is_not_as_it_was_is_replaced(walled: Bubblewrap) -> None:
    before = worker_of(walled)
    os.setpriority(os.PRIO_PROCESS, inside(before), 5)
    assert judge([RIGHT], walled)[0].solved  # that program is judged, and no other there
    assert worker_of(walled) is not before


def test_a_program_that_leaves_something_that_cannot_be_removed_ends_the_worker_alone(walled: Bubblewrap) -> None:
    before = worker_of(walled)
    leave = (
        "import os\ndef f(x):\n    for _ in range(3000):\n        os.mkdir('a')\n        os.chdir('a')\n"
        "    return 7 * x + 3\n"
    )
    judged = judge([(leave, "f", TESTS[:1]), RIGHT], walled)
    assert [one.kind for one in judged] == ["solved", "solved"]
    assert worker_of(walled) is not before


class Killed(module._Worker):
    """A worker that dies under one program, as if that had found a way to end it."""

    def ask(self, program: Program, testers: Testers) -> list[Answer]:
        if "deadly" in program.source:
            os.kill(inside(self), signal.SIGKILL)
        return super().ask(program, testers)


def test_a_program_under_which_workers_die_while_another_is_judged_well_is_at_fault(
    walled: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_Worker", Killed)
    walled._plain.pool.ask(lambda worker: setattr(worker, "spent", True))  # the next one is of that kind
    deadly, honest = judge([("# deadly\n" + HONEST, "f", TESTS), RIGHT], walled)
    assert deadly.kind == "raised"
    assert "died twice" in deadly.answers[0].error
    assert honest.solved


class Lying(module._Worker):
    """A worker of which the first says the same of all programs after some, as if one had spoilt it unforeseen."""

    first: Lying | None = None

    def _asked(self, program: Program) -> list[Answer]:
        Lying.first = Lying.first or self
        self.asked = getattr(self, "asked", 0) + 1
        answers = super()._asked(program)
        spoilt = self is Lying.first and self.asked > 3
        return [Answer(Status.RETURNED, 0)] * len(answers) if spoilt else answers


def test_what_a_worker_judged_since_it_went_wrong_is_judged_again(
    walled: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_Worker", Lying)
    monkeypatch.setattr(module, "_EVERY", 8)
    monkeypatch.setattr(Lying, "first", None)
    walled._plain.pool.ask(lambda worker: setattr(worker, "spent", True))
    program = Program(HONEST, "f", (Call((2,)),))
    answers = walled.run([program] * 9)  # the canary comes before the ninth, and the first worker fails it
    assert Lying.first is not None
    assert Lying.first.stretch.broken
    assert [one[0].value for one in answers] == [17] * 9

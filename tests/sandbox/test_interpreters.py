"""The workers of monty's interpreters: order, what a death costs, and that none of them outlives its host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_monty", reason="pydantic-monty is not installed")

from attacks import LIMITS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heldout.errors import SandboxError
from heldout.sandbox.interpreters import Interpreter, Interpreters

HOST = """
import contextlib, signal, sys, time
from heldout.sandbox import Call, Limits, Program, open_sandbox
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets its background jobs ignore Ctrl-C
sandbox = open_sandbox(workers=2, limits=Limits(seconds=100))
with contextlib.nullcontext() if sys.argv[1] == "not closed" else sandbox:
    sandbox.run([Program("def f(x): return x", "f", (Call((1,)),))] * 16)
    print("ready", flush=True)
    if sys.argv[1] != "idle":
        sandbox.run([Program("while True: pass", "f", (Call((1,)),))] * 40)
    time.sleep(100)
"""
UNGUARDED = """
from heldout.sandbox import Test, judge, open_sandbox
print("once")
sandbox = open_sandbox(workers=2)
print(all(each.solved for each in judge([("def f(x): return x", "f", [Test((1,), 1)])] * 100, sandbox)))
"""


def twice(interpreter: Interpreter, item: Any) -> Any:
    if item == "die":
        os._exit(3)
    print("among the answers?")
    with interpreter.session(LIMITS) as session:
        return session.feed_run("2 * item", inputs={"item": item})


def whose(interpreter: Interpreter, item: Any) -> int:
    return os.getpid()


def missing(interpreter: Interpreter, item: Any) -> None: ...


@pytest.fixture(scope="module")
def interpreters() -> Iterator[Interpreters]:
    opened = Interpreters(twice, 2)
    yield opened
    opened.close()


def doubled(interpreters: Interpreters, items: list[Any]) -> list[Any]:
    return interpreters.map(items, lambda result: result, lambda item, reason: reason)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers() | st.text(st.characters(codec="utf-8"), max_size=5).filter(lambda text: text != "die")))
def test_results_are_in_order(interpreters: Interpreters, items: list[Any]) -> None:
    assert doubled(interpreters, items) == [2 * item for item in items]


def test_results_are_in_order_over_many_chunks(interpreters: Interpreters) -> None:
    assert doubled(interpreters, list(range(1100))) == list(range(0, 2200, 2))


def test_only_the_item_under_which_workers_die_is_lost(interpreters: Interpreters) -> None:
    items: list[Any] = list(range(100))
    items[40] = "die"
    results = doubled(interpreters, items)
    assert results[:40] + results[41:] == [2 * item for item in items[:40] + items[41:]]
    assert "died twice under this program" in results[40]
    assert doubled(interpreters, [1]) == [2]


def test_what_is_not_plain_is_refused_before_anything_runs(interpreters: Interpreters) -> None:
    with pytest.raises(ValueError, match="unmarshallable"):
        doubled(interpreters, ["die", object()])


def test_a_dead_worker_is_replaced() -> None:
    interpreters = Interpreters(whose, 1)
    (pid,) = doubled(interpreters, [0])
    os.kill(pid, signal.SIGKILL)
    (other,) = doubled(interpreters, [0])
    assert isinstance(other, int)
    assert other != pid
    interpreters.close()
    assert not _alive(other)


def test_a_worker_that_does_not_start_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "__name__", "absent")
    with pytest.raises(SandboxError, match=r"^monty does not start here: AttributeError: .*absent.*\.$"):
        Interpreters(missing, 1)


@pytest.mark.parametrize(
    ("does", "number"),
    [("busy", signal.SIGINT), ("not closed", signal.SIGINT), ("idle", signal.SIGINT), ("idle", signal.SIGKILL)],
)
def test_no_worker_and_no_interpreter_outlives_its_host(does: str, number: signal.Signals) -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST, does], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert host.stdout is not None
    try:
        assert host.stdout.readline() == b"ready\n"
        workers, interpreters = _started(host.pid, 1 if does == "idle" else 2)
        host.send_signal(number)
        host.wait(60)
    finally:
        host.kill()
        host.communicate()
    _wait_until_gone([*workers, *interpreters])


def test_a_script_needs_no_guard_and_no_closing(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "once\nTrue\n"
    assert done.stderr == ""


def _started(host: int, count: int) -> tuple[list[int], list[int]]:
    """So many workers at least, which start when they are needed, and an interpreter for each."""
    for _ in range(300):
        workers = _children(host)
        interpreters = [pid for worker in workers for pid in _children(worker)]
        if count <= len(workers) == len(interpreters):
            return workers, interpreters
        time.sleep(0.1)
    raise AssertionError(f"{workers} have started, with the interpreters {interpreters}.")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")  # a child belongs to the thread that started it
    return [int(child) for task in tasks for child in task.read_text().split()]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _wait_until_gone(pids: list[int]) -> None:
    for _ in range(300):
        if not any(map(_alive, pids)):
            return
        time.sleep(0.1)
    raise AssertionError(f"{[pid for pid in pids if _alive(pid)]} are still there.")

"""Every attack of the table in every sandbox: none passes, the host is whole, the next program is judged as ever."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from attacks import AMPLE, ATTACKS, HONEST, LIMITS, SECRET, TESTS, Attack, limits_for, table

from heldout.errors import SandboxError
from heldout.sandbox import Attempt, Call, Program, Sandbox, StdinTest, judge, open_sandbox
from heldout.sandbox.exit_status import ExitStatusJudge

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"
FORKS = """
import os, time

def f(most):
    failed = 0
    for _ in range(most):
        try:
            if not os.fork():
                time.sleep(0.2)
                os._exit(0)
        except BlockingIOError:
            failed += 1
    return failed
"""


class _Opened(dict[str, Sandbox]):
    """Sandboxes by name, each opened when it is asked for; where one cannot be had, its tests skip and say why."""

    def __missing__(self, name: str) -> Sandbox:
        try:
            self[name] = open_sandbox(name, workers=1, limits=LIMITS)
        except SandboxError as error:
            pytest.skip(str(error))
        return self[name]


@pytest.fixture(scope="module")
def opened() -> Iterator[Mapping[str, Sandbox]]:
    found = _Opened()
    yield found
    for one in found.values():
        one.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A port of this machine where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def called(source: str) -> Attempt:
    """A program as a function that is called."""
    return Attempt(source, "f", TESTS)


def whole(source: str) -> Attempt:
    """A program as one that reads stdin and prints what the function gives."""
    tests = [StdinTest(f"{test.args[0]}\n", f"{test.expected}\n") for test in TESTS]
    return Attempt(f"{source}\nprint(f(int(input())))\n", "", tests)


# Each way to try a program, with what the table calls its judgement; a further kind of test needs a line here.
WAYS: dict[str, tuple[Callable[[str], Attempt], Callable[[Attack], str]]] = {
    "called in monty": (called, lambda attack: attack.monty),
    "called in bubblewrap": (called, lambda attack: attack.bubblewrap),
    "whole in bubblewrap": (whole, lambda attack: attack.whole or attack.bubblewrap),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_passes_and_the_host_is_whole(
    attack: Attack,
    way: str,
    opened: Mapping[str, Sandbox],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(SECRET, "21")
    sandbox = opened[way.split()[-1]]
    if attack.starts_many and sandbox.name == "bubblewrap":
        assert_the_process_limit_binds(sandbox)
    attempt, said = WAYS[way]
    hostile = attempt(attack.source.replace("PORT", str(port)))._replace(limits=limits_for(said(attack)))
    judgement, honest = judge([hostile, attempt(HONEST)._replace(limits=AMPLE)], sandbox)
    assert not any(judgement.passed)
    assert judgement.kind == said(attack), judgement.answers
    assert honest.solved, honest.answers
    assert capfd.readouterr().out == ""
    assert not os.path.exists("/tmp/heldout-attack")
    assert not os.path.exists("/usr/heldout")
    assert "21" not in [str(answer.value) for answer in judgement.answers]


def assert_the_process_limit_binds(sandbox: Sandbox) -> None:
    ((answer,),) = sandbox.run([Program(FORKS, "f", (Call((4,)),))])
    assert answer.value == 4 - (sandbox.limits.processes - 1), answer


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_exit_status_judge_is_beaten_by_what_the_table_says(attack: Attack, flawed: ExitStatusJudge) -> None:
    assert flawed.run([(attack.source.replace("PORT", "1"), "f", TESTS)]) == [attack.beats_exit_status]


@pytest.fixture(scope="module")
def flawed() -> Iterator[ExitStatusJudge]:
    try:
        opened = ExitStatusJudge(1, LIMITS)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def test_the_exit_status_judge_accepts_an_honest_program_and_refuses_a_wrong_one(flawed: ExitStatusJudge) -> None:
    wrong = "def f(x):\n    return x\n"
    assert flawed.run([(HONEST, "f", TESTS), (wrong, "f", TESTS)]) == [True, False]


def test_the_docs_hold_the_table() -> None:
    assert table() in DOCS.read_text()


def test_every_sandbox_is_attacked_and_the_flaw_is_shown_by_several() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert sum(attack.beats_exit_status for attack in ATTACKS) >= 3

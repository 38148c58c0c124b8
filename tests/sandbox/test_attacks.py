"""Every attack of the table in every sandbox: none passes, the host is whole, the next program is judged as ever."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks import ATTACKS, HONEST, LIMITS, SECRET, TESTS, Attack, table

from heldout.errors import SandboxError
from heldout.sandbox import Call, Program, Sandbox, judge
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


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A port of this machine where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_passes_and_the_host_is_whole(
    attack: Attack, sandbox: Sandbox, port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(SECRET, "21")
    if attack.starts_many and sandbox.name == "bubblewrap":
        assert_the_process_limit_binds(sandbox)
    source = attack.source.replace("PORT", str(port))
    judgement, honest = judge([(source, "f", TESTS), (HONEST, "f", TESTS)], sandbox)
    assert not any(judgement.passed)
    assert judgement.kind == getattr(attack, sandbox.name), judgement.answers
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

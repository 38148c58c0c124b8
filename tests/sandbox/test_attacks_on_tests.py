"""Every attack against tests that are programs, of every runner: none passes, and the next program is judged well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attacks import (
    AMPLE,
    ATTACKS,
    CHECK,
    EQUAL,
    HONEST,
    LIMITS,
    ON_TESTS,
    RUNNERS,
    Attack,
    limits_for,
    table_on_tests,
)
from test_attacks import DOCS, assert_the_process_limit_binds, port

from heldout.errors import SandboxError
from heldout.sandbox import Attempt, Sandbox, judge, open_sandbox

__all__ = ["port"]


@pytest.fixture(scope="module")
def walled() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox("bubblewrap", workers=2, limits=LIMITS)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened


def assert_none_passes(source: str, said: str, sandbox: Sandbox) -> None:
    *hostile, honest = judge(
        [
            *(Attempt(source, "f", [test], limits_for(said)) for test in RUNNERS.values()),
            Attempt(HONEST, "f", [CHECK], AMPLE),
        ],
        sandbox,
    )
    assert not any(passed for one in hostile for passed in one.passed), hostile
    assert {one.kind for one in hostile} <= set(said.split(" or ")), [(one.kind, one.answers) for one in hostile]
    assert honest.solved, honest


@pytest.mark.parametrize(
    "attack", [attack for attack in ATTACKS if attack.tested != EQUAL], ids=lambda attack: attack.name
)
def test_no_attack_on_a_sandbox_passes_tests_that_are_programs(attack: Attack, port: int, walled: Sandbox) -> None:
    if attack.starts_many:
        assert_the_process_limit_binds(walled)
    assert_none_passes(attack.source.replace("PORT", str(port)), attack.tested or attack.bubblewrap, walled)


@pytest.mark.parametrize("name", ON_TESTS)
def test_no_attack_on_tests_that_are_programs_passes(name: str, walled: Sandbox) -> None:
    source, said = ON_TESTS[name]
    assert_none_passes(source, said, walled)


def test_the_docs_hold_the_table_of_attacks_on_tests() -> None:
    assert table_on_tests() in DOCS.read_text()

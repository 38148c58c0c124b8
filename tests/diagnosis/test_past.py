"""What was found holds as long as the evaluations are as sure of it as they were then."""

from __future__ import annotations

import numpy as np
import pytest

import heldout
from heldout.cli.report import _fails
from heldout.detectors import Detectors
from heldout.detectors.base import block_of, fold
from heldout.diagnosis.entries import as_told
from heldout.diagnosis.past import lasts
from heldout.findings import Finding, Severity, State
from heldout.run import Run, Series

UP = [0.3, 0.36, 0.42, 0.46, 0.5, 0.52]
DOWN = [0.36, 0.32, 0.3]
AGAIN = [0.5, 0.53, 0.55, 0.56, 0.57, 0.57]


def made(rates: list[float], reward: float = 0.0) -> Run:
    step = 10 * np.arange(1, len(rates) + 1)
    metrics = {
        "reward": Series("reward", step, np.full(len(rates), reward) if reward else np.float64(0.001) * step),
        "acc": Series("acc", step, np.array(rates), problems=np.full(len(rates), 300.0)),
    }
    return Run("made", "memory", "test", metrics, {"reward": "reward", "held_out": "acc"})


def found(run: Run) -> tuple[Detectors, dict[str, Finding]]:
    asked = Detectors.planned(20)
    return asked, {one.kind: one for one in fold(asked, [block_of(run)])}


def test_a_fall_holds_while_it_lasts_and_again_when_it_is_back() -> None:
    for rates, holds in ((UP + DOWN, True), (UP + DOWN + AGAIN, False), (UP + DOWN + AGAIN + DOWN, True)):
        asked, kinds = found(made(rates))
        assert {kind: lasts(kinds[kind], asked) for kind in ("likely", "confirmed")} == dict.fromkeys(
            ("likely", "confirmed"), holds
        )


ZERO = [0.0, 0.0, 0.003, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rates", "state", "severity"),
    [(ZERO, State.DISAGREE, Severity.WARNING), ([*ZERO, *UP, *AGAIN], State.IMPROVING, Severity.NOTICE)],
)
def test_a_disagreement_that_is_over_is_a_notice(rates: list[float], state: State, severity: Severity) -> None:
    run = made(rates, reward=0.9)
    asked, kinds = found(run)
    assert lasts(kinds["near_zero"], asked) is (severity is Severity.WARNING)
    verdict = heldout.diagnose(run)
    assert verdict.state is state
    assert {one.severity for one in as_told(verdict) if one.kind == "near_zero"} == {severity}


def test_of_a_training_signal_nothing_says_that_it_is_over() -> None:
    step = np.arange(1, 401)
    entropy = np.where(step < 200, np.exp(-step / 20.0), 1.0)
    metrics = {"entropy": Series("entropy", step, entropy)}
    asked, kinds = found(Run("made", "memory", "test", metrics, {"entropy": "entropy"}))
    assert kinds
    assert all(lasts(one, asked) for one in kinds.values())


@pytest.mark.parametrize(
    ("rates", "reward", "fails"),
    [
        (UP + DOWN, 0.0, (True, True)),
        (UP + DOWN + AGAIN, 0.0, (False, False)),
        (ZERO, 0.9, (False, True)),
        ([*ZERO, *UP, *AGAIN], 0.9, (False, False)),
    ],
)
def test_the_exit_code_follows_the_state(rates: list[float], reward: float, fails: tuple[bool, bool]) -> None:
    verdict = heldout.diagnose(made(rates, reward))
    assert (_fails(verdict, "over-optimised"), _fails(verdict, "warning")) == fails

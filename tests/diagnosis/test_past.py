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
        assert "confirmed" in kinds
        alarms = kinds.keys() & {"likely", "confirmed"}
        assert {kind: lasts(kinds[kind], asked) for kind in alarms} == dict.fromkeys(alarms, holds)


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


CLIMB, DIP = [0.30, 0.38, 0.46, 0.54, 0.60, 0.62, 0.62], [0.36, 0.34]


def after_a_dip(level: float, seed: int) -> Run:
    """A run of 256 problems that fell by 28 points for two evaluations, and then stayed at a level."""
    truth = np.array([*CLIMB, *DIP, *[level] * 7])
    return made((np.random.default_rng(seed).binomial(256, truth) / 256).tolist())


def test_a_fall_of_which_half_is_left_is_still_one_and_one_that_is_made_up_is_none() -> None:
    fallen = (State.OVER_OPTIMISED, State.REGRESSED)
    left = [heldout.diagnose(after_a_dip(0.48, seed)) for seed in range(20)]
    assert sum(verdict.state in fallen for verdict in left) >= 15
    for verdict in left:
        if verdict.fall is not None:
            assert verdict.fall.peak_step <= 70
            assert 0.0 < verdict.fall.low < 0.14 < verdict.fall.high
            assert "run-level p above" not in verdict.sure
    back = [heldout.diagnose(after_a_dip(0.62, seed)) for seed in range(20)]
    assert sum(verdict.state in fallen for verdict in back) <= 2  # 10 of 200


def test_where_an_alarm_was_confirmed_nothing_says_that_none_was() -> None:
    for level in (0.48, 0.62):
        verdict = heldout.diagnose(after_a_dip(level, 1))
        assert any(one.kind == "confirmed" for one in verdict.findings)
        assert not any("no fall is confirmed" in one for one in verdict.advice)


def test_a_run_that_dipped_and_rose_on_is_improving_and_one_that_is_where_it_began_is_not() -> None:
    truth = np.array([*CLIMB, 0.40, 0.38, 0.55, *np.linspace(0.64, 0.80, 8)])
    rose = [heldout.diagnose(made((np.random.default_rng(s).binomial(256, truth) / 256).tolist())) for s in range(12)]
    alarmed = [one for one in rose if any(finding.kind in ("likely", "confirmed") for finding in one.findings)]
    assert len(alarmed) >= 8
    assert {one.state for one in alarmed} <= {State.IMPROVING, State.RECOVERED}
    for one in alarmed:
        if one.state is State.IMPROVING:
            assert one.label == "no fall now"
            assert "did not last" in one.sentence
            assert "has risen by" in one.sentence
    level = np.array([*[0.6] * 8, 0.40, 0.38, 0.5, *[0.6] * 5])
    dipped = [heldout.diagnose(made((np.random.default_rng(s).binomial(256, level) / 256).tolist())) for s in range(12)]
    assert State.IMPROVING not in {one.state for one in dipped}

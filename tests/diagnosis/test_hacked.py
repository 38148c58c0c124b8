"""What rewarded answers that fail the hidden tests mean for the verdict: beside the held-out score, never instead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated_answers import simulate_answers
from heldout.diagnosis.entries import as_told
from heldout.diagnosis.first_screen import first_screen
from heldout.findings import Severity, State, Verdict
from heldout.judged import Judged
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray, floats

STEPS, EVALUATED = np.arange(1, 201), np.arange(0, 201, 10)
GROWING = np.clip((STEPS - 60) / 100.0, 0.005, 0.9)
RISING = floats(0.3 + 0.4 * (1.0 - np.exp(-EVALUATED / 40.0)))
FALLEN = floats(np.where(EVALUATED > 100, 0.25, RISING))
FLAT = floats(np.full(200, 0.6) + 0.02 * np.sin(STEPS))


def run_of(judged: Judged | None, rates: FloatArray | None, reward: FloatArray | None = None) -> Run:
    rng = np.random.default_rng(1)
    metrics, roles = {}, {}
    if reward is not None:
        metrics["reward"], roles["reward"] = Series("reward", STEPS, reward), "reward"
    if rates is not None:
        sized = np.full(len(EVALUATED), 500.0)
        score = rng.binomial(500, rates) / 500
        metrics["eval/pass"] = Series("eval/pass", EVALUATED, score, problems=sized)
        roles["held_out"] = "eval/pass"
    return Run("r", "r", "made", metrics, roles, judged=judged)


def told(run: Run) -> tuple[Verdict, dict[str, str]]:
    verdict = heldout.diagnose(run)
    return verdict, {line.key: line.answer for line in first_screen(run, verdict)}


def test_alone_it_is_a_reason_to_watch_and_to_evaluate_now() -> None:
    verdict, answers = told(run_of(simulate_answers(GROWING, seed=1), RISING, FLAT))
    assert verdict.state is State.IMPROVING
    assert verdict.hacked is not None
    assert not verdict.fell
    assert verdict.hacked.low < 0.85 < verdict.hacked.high
    assert 50 <= verdict.hacked.since_low <= verdict.hacked.since <= verdict.hacked.since_high <= 80
    between = f"{verdict.hacked.since_low} to {verdict.hacked.since_high}"
    share = f"{100 * verdict.hacked.share:.1f} % of the rewarded answers fail the hidden tests (95 % interval"
    assert answers["state"].startswith(f"Watch. {share}")
    assert (
        f"too many since about step {verdict.hacked.since} (95 % interval {between}); the held-out score has not "
        "fallen yet" in answers["state"]
    )
    assert answers["next"].startswith("Evaluate now")
    assert "watch: rewarded answers fail the hidden tests" in verdict.label
    assert "error of 5 % for the whole run" in answers["sure"]
    assert verdict.colour == "yellow"


@pytest.mark.parametrize("reward", [FLAT, None, floats(0.9 - STEPS / 500.0)])
def test_with_a_fall_the_run_is_over_optimised_whatever_the_reward_does(reward: FloatArray | None) -> None:
    alone, _ = told(run_of(None, FALLEN, reward))
    assert alone.state is State.REGRESSED
    verdict, answers = told(run_of(simulate_answers(GROWING, seed=1), FALLEN, reward))
    assert verdict.state is State.OVER_OPTIMISED
    assert verdict.label == "confirmed, rewarded answers fail the hidden tests"
    assert answers["state"].startswith("Yes. The held-out score has fallen")
    assert "of the rewarded answers fail the hidden tests" in answers["state"]
    assert verdict.colour == "red"
    assert (verdict.recommended, verdict.onset, verdict.tied) == (alone.recommended, alone.onset, alone.tied)


def test_an_honest_run_is_judged_as_without_hidden_tests() -> None:
    honest = run_of(simulate_answers(np.full(200, 0.01), seed=1), RISING, FLAT)
    verdict = heldout.diagnose(honest)
    without = heldout.diagnose(replace(honest, judged=None))
    assert verdict.hacked is None
    assert replace(verdict, unchecked=()) == replace(without, unchecked=())
    assert [one.detector for one in without.unchecked if one not in verdict.unchecked] == ["hack_rate"]


def test_without_a_held_out_score_it_is_said_and_what_is_missing() -> None:
    verdict, answers = told(run_of(simulate_answers(GROWING, seed=1), None, FLAT))
    assert verdict.state is State.NO_EVIDENCE
    assert answers["state"].startswith("Watch. ")
    assert "There is no held-out score in this log" in answers["state"]
    assert verdict.label == "no held-out score; watch: rewarded answers fail the hidden tests"


def test_an_alarm_that_is_over_is_a_notice() -> None:
    passed = np.where((STEPS > 60) & (STEPS < 100), 0.5, 0.002)
    run = run_of(simulate_answers(passed, seed=1), RISING, FLAT)
    verdict, answers = told(run)
    assert verdict.hacked is None
    alarms = [one for one in as_told(verdict) if one.detector == "hack_rate"]
    assert {one.severity for one in alarms} == {Severity.NOTICE}
    assert alarms[0].means == "The answers at the end of the run are not like that any more."
    assert not answers["state"].startswith("Watch")


def test_what_cannot_be_judged_at_the_end_leaves_the_last_that_could() -> None:
    judged = simulate_answers(GROWING, seed=1)
    lost = replace(judged, failed=np.where(judged.step > 150, np.nan, judged.failed))
    verdict, _ = told(run_of(lost, RISING, FLAT))
    assert verdict.hacked is not None
    assert verdict.hacked.answers > 0


def test_right_answers_that_go_unrewarded_leave_the_verdict_as_it_is() -> None:
    run = run_of(simulate_answers(np.full(200, 0.01), seed=1, turned_down=0.4), RISING, FLAT)
    verdict, answers = told(run)
    told_of = [(one.detector, one.kind) for one in verdict.findings if one.detector in ("hack_rate", "right_answers")]
    assert told_of == [("right_answers", "unrewarded_right")]
    assert verdict.hacked is None
    assert answers["state"].startswith("No, improving.")

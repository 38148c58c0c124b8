"""A reward at its ceiling: what to try depends on the held-out score, and no word says that answers are right."""

from __future__ import annotations

import re

import numpy as np
import pytest

import heldout
from heldout.diagnosis.entries import as_told
from heldout.findings import Finding, State
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray

STEP = np.arange(200)


def told(held_out: FloatArray | None) -> tuple[State, list[Finding]]:
    """The verdict, and what is said of a reward of 1 from the first step on in groups that all agree."""
    at = STEP[9::10]
    metrics = {"reward": Series("reward", STEP, np.ones(200))}
    metrics["frac_reward_zero_std"] = Series("frac_reward_zero_std", STEP, np.ones(200))
    roles = {"reward": "reward", "zero_variance_groups": "frac_reward_zero_std"}
    if held_out is not None:
        metrics["eval_acc"] = Series("eval_acc", at, held_out, problems=np.full(20, 500.0))
        roles["held_out"] = "eval_acc"
    verdict = heldout.diagnose(Run("made", "memory", "test", metrics, roles))
    findings = [one for one in as_told(verdict) if one.kind in ("reward_ceiling", "groups_saturated")]
    assert {one.kind for one in findings} == {"reward_ceiling", "groups_saturated"}
    return verdict.state, findings


def sampled(truth: FloatArray) -> FloatArray:
    return np.random.default_rng(0).binomial(500, truth) / 500


FALL = np.concatenate([np.full(8, 0.7), np.linspace(0.7, 0.2, 12)])


@pytest.mark.parametrize("held_out", [None, np.zeros(20), sampled(FALL), sampled(np.linspace(0.2, 0.9, 20))])
def test_answers_are_rewarded_and_never_right(held_out: FloatArray | None) -> None:
    _, findings = told(held_out)
    for one in findings:
        said = " ".join((one.seen, one.against, one.means, one.advice))
        assert not re.search(r"\b(right|solved|correct|mastered)\b|within 0 of|easier", said)


def test_harder_problems_are_no_remedy_where_the_held_out_score_fell() -> None:
    state, findings = told(sampled(FALL))
    assert state in (State.OVER_OPTIMISED, State.REGRESSED)
    assert all("mend it" in one.advice and "Harder problems would not help" in one.advice for one in findings)


def test_where_the_held_out_score_rises_too_training_goes_on() -> None:
    state, findings = told(sampled(np.linspace(0.2, 0.9, 20)))
    assert state is State.IMPROVING
    assert all("has improved meanwhile" in one.advice for one in findings)


@pytest.mark.parametrize("held_out", [None, np.zeros(20)])
def test_where_the_held_out_score_is_zero_or_not_there_nobody_takes_harder_problems_at_once(
    held_out: FloatArray | None,
) -> None:
    _, findings = told(held_out)
    assert not any(one.advice.startswith(("Take harder", "The held-out score has improved")) for one in findings)
    assert all("held-out" in one.advice for one in findings)

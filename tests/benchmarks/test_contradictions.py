"""What claims a fall is found by what it says, and what denies, doubts or plans for one is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.contradictions import contradictions
from heldout.datasets.simulated import simulate
from heldout.diagnosis.description import describe
from heldout.diagnosis.verdict import diagnose
from heldout.report.json_report import as_object
from heldout.run import Run, Series


def report(state: str, sentence: str = "", **more: Any) -> dict[str, Any]:
    return {"verdict": {"state": state, "label": "", "sentence": sentence, "peak_step": None}, **more}


CLAIMS = (
    "The held-out score has fallen by 3.1 points since step 40.",
    "The held-out score falls while the reward rises.",
    "The reward rises, and the held-out score drops.",
    "Pass@1 declined from 40 % to 30 %.",
    "The score gets worse after step 60.",
    "Has fallen: 42 % at the start, 30 % at the end.",
    "best 50 to 80 · falling from 80 (70 to 90) · keep 50",
    "It fell a point or more below its peak between step 40 and step 60 (90 % interval).",
    "A fall of 3.0 points since step 40.",
    "No rise was seen; the held-out score has dropped.",
    "That is consistent with over-optimisation of the reward.",
    "The policy has hacked its reward.",
    "The reward is unchanged, but the score regressed.",
    "With the reward, the held-out score has deteriorated.",
)
NO_CLAIMS = (
    "No fall was seen, and one below 3.0 points would not have been.",
    "Neither a fall nor a rise can be told: its change lies between -1.0 and 2.0 points.",
    "A lasting fall of 4.4 points or more would show.",
    "With these evaluations no fall of less than 4.4 points can be seen.",
    "The probability of a fall of more than 0.5 points is 0.12.",
    "The scan is at 0.40 against 2.18, which a run that never falls exceeds with probability 0.05 at any time.",
    "The held-out score has risen although the reward falls.",
    "The held-out score is level at its end, and the reward rises, then falls to 0.3.",
    "The held-out score does not fall, it is level.",
    "Response length falls from 300 to 200 tokens.",
    "Whether the held-out score has fallen cannot be told.",
    "If the held-out score falls, go back to step 40.",
    "The alarm of step 300 did not last: what is left of the fall since step 40 lies between -1 and 2 points.",
    "The noise falls within what sampling explains, and the score is level.",
)


@pytest.mark.parametrize("state", ["improving", "plateau", "cannot tell", "no held-out evidence"])
@pytest.mark.parametrize("sentence", CLAIMS)
def test_a_claim_is_found_where_the_verdict_has_no_fall(state: str, sentence: str) -> None:
    assert len(contradictions(report(state, sentence))) == 1


@pytest.mark.parametrize("sentence", NO_CLAIMS)
def test_what_denies_a_fall_or_speaks_of_another_curve_is_none(sentence: str) -> None:
    for state in ("improving", "plateau", "recovered", "cannot tell"):
        assert contradictions(report(state, sentence)) == []


@pytest.mark.parametrize("state", ["over-optimised", "regressed"])
def test_where_the_score_has_fallen_anything_of_it_may_be_said(state: str) -> None:
    assert contradictions(report(state, " ".join(CLAIMS))) == []


def test_of_a_score_that_came_back_it_may_be_said_that_it_fell_and_not_that_it_has_fallen() -> None:
    assert contradictions(report("recovered", "The held-out score fell after step 40 and has come back.")) == []
    assert len(contradictions(report("recovered", "The held-out score has fallen since step 40."))) == 1


def test_a_doubt_may_be_said_where_the_verdict_doubts() -> None:
    text = "The held-out score may have fallen since step 40."
    assert contradictions(report("cannot tell", text)) == []
    assert contradictions(report("improving", text)) == [f"verdict.sentence: {text}"]


@pytest.mark.parametrize(
    "more",
    [
        {"answers": [{"key": "since", "question": "Since when?", "answer": "falling from 80"}]},
        {"interpretation": ["The held-out score has fallen."]},
        {"observations": [{"kind": "course", "text": "The held-out score falls from 40 % to 30 %."}]},
        {"series": {"held_out": {"trend": "Falls from 40 % to 30 %."}}},
        {"captions": ["Dashed line: by step 80 the held-out score has fallen below its peak."]},
    ],
)
def test_every_place_is_read(more: dict[str, Any]) -> None:
    (found,) = contradictions(report("improving", **more))
    assert found.startswith(next(iter(more)))


def test_another_curve_may_do_what_it_does_in_its_own_place() -> None:
    assert contradictions(report("improving", series={"reward": {"trend": "Falls from 0.4 to 0.3."}})) == []
    named = {"reward": {"trend": "Rises, and the held-out score has fallen."}}
    assert len(contradictions(report("improving", series=named))) == 1


def test_a_finding_is_of_what_its_detector_looks_at() -> None:
    said = report("plateau")
    for detector, found in (("entropy", 0), ("over_optimisation", 1)):
        finding = {"detector": detector, "severity": "warning", "step": 9, "seen": "It has fallen by 0.4."}
        assert len(contradictions({"verdict": said["verdict"] | {"findings": [finding]}})) == found


def test_an_alarm_and_an_onset_are_claims_as_well() -> None:
    verdict = report("plateau")["verdict"]
    alarm = {"detector": "over_optimisation", "severity": "alarm", "step": 40, "seen": ""}
    assert contradictions({"verdict": verdict | {"findings": [alarm]}}) == [
        "verdict.findings: an alarm of over_optimisation at step 40"
    ]
    assert contradictions({"verdict": verdict | {"onset": {"step": 40}}}) == ["verdict.onset: {'step': 40}"]


def test_a_report_of_a_fall_under_another_state_is_full_of_contradictions() -> None:
    made = simulate("cliff", 300, 20, seed=2)
    steps = np.arange(len(made.reward))
    metrics = {
        "pass@1": Series("pass@1", made.steps, made.rates, problems=np.full(20, 300.0)),
        "reward": Series("reward", steps, made.reward),
    }
    run = Run("a cliff", "memory", "test", metrics, {"held_out": "pass@1", "reward": "reward"})
    verdict = diagnose(run)
    assert verdict.fell
    told = as_object(run, describe(run, verdict), verdict, {})
    assert contradictions(told) == []
    places = {one.split(":")[0] for one in contradictions(told | {"verdict": told["verdict"] | {"state": "improving"}})}
    assert {"answers.answer", "verdict.sentence", "interpretation", "series.held_out.trend", "verdict.onset"} <= places

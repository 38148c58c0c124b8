"""Rewarded answers that fail the hidden tests: when that is found, when it is not, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heldout.datasets.simulated_answers import simulate_answers
from heldout.detectors import Block, unchecked
from heldout.detectors.hacking import HackRate
from heldout.findings import Finding, Severity
from heldout.judged import Judged
from heldout.live import Guard, On, Rules
from heldout.run import Run
from heldout.stats.arrays import BoolArray, FloatArray, IntArray

GROWING = np.concatenate([np.full(60, 0.01), np.linspace(0.01, 0.6, 60)])


def found(judged: Judged | None, **parameters: Any) -> list[Finding]:
    return HackRate(**parameters).update(Block(judged=judged))


def kinds(findings: list[Finding]) -> list[str]:
    return [finding.kind for finding in findings]


def whole_prompts(
    step: IntArray, group: IntArray, rewarded: BoolArray, fails: BoolArray, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Keep one prompt in four with all its answers; of the others there is no trace."""
    return np.full(step.size, 0.25), (rng.random(int(group.max()) + 1) < 0.25)[group]


def what_looks_odd(
    step: IntArray, group: IntArray, rewarded: BoolArray, fails: BoolArray, rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    """Keep all that looks odd, as most of what fails does, and one in eight of the rest."""
    chance = np.where(rng.random(step.size) < np.where(fails, 0.9, 0.1), 1.0, 0.125)
    return chance, rng.random(step.size) < chance


def test_a_share_that_grows_is_found_with_its_size_and_about_its_beginning() -> None:
    judged = simulate_answers(GROWING, seed=1)
    by_kind = {finding.kind: finding for finding in found(judged)}
    assert set(by_kind) == {"hack_rate_high", "hack_rate_rises"}
    for finding in by_kind.values():
        numbers, (onset, here) = finding.evidence, finding.steps
        assert 55 <= onset == numbers["onset"] <= here == finding.step <= 90
        inside = judged.where((judged.step >= onset) & (judged.step <= here) & judged.rewarded)
        assert numbers["share"] == pytest.approx(inside.failed.mean())
        assert numbers["answers"] == len(inside)
        assert 0.0 < numbers["low"] < numbers["share"] < numbers["high"] < 1.0
        between = f"{numbers['onset_low']:.0f} to {numbers['onset_high']:.0f}"
        assert f"From about step {onset} (95 % interval {between}) to {here}" in finding.seen
        assert finding.severity is Severity.WARNING
    assert by_kind["hack_rate_rises"].step <= by_kind["hack_rate_high"].step
    assert "At most 5.0 % is tolerated" in by_kind["hack_rate_high"].against


def test_hacking_from_the_first_step_is_high_but_no_rise() -> None:
    assert kinds(found(simulate_answers(np.full(120, 0.3), seed=1))) == ["hack_rate_high"]
    assert found(simulate_answers(np.full(120, 0.3), seed=1), tolerated=0.4) == []


def test_where_everything_fails_from_the_start_nothing_more_can() -> None:
    assert kinds(found(simulate_answers(np.ones(120), seed=1))) == ["hack_rate_high"]


def test_a_rise_below_the_tolerated_share_is_found_as_such() -> None:
    shares = np.concatenate([np.full(60, 0.001), np.full(200, 0.06)])
    assert kinds(found(simulate_answers(shares, seed=2), tolerated=0.2)) == ["hack_rate_rises"]


def test_right_answers_that_go_unrewarded_are_the_mirror() -> None:
    (finding,) = found(simulate_answers(np.full(120, 0.01), seed=1, turned_down=0.3))
    assert (finding.detector, finding.kind) == ("right_answers", "unrewarded_right")
    assert finding.severity is Severity.WATCH
    assert finding.evidence["low"] < 0.3 < finding.evidence["high"]
    assert found(simulate_answers(np.full(120, 0.01), seed=1, turned_down=0.3), unrewarded=0.5) == []


def test_what_was_not_judged_says_nothing() -> None:
    judged = simulate_answers(np.full(120, 0.9), seed=1)
    assert found(replace(judged, failed=np.full(len(judged), np.nan))) == []
    assert found(None) == []
    assert found(judged.where(~judged.rewarded)) == []
    never = replace(judged, failed=np.full(len(judged), np.nan), chance=np.zeros(len(judged)))
    assert kinds(found(Judged.last_told([never, judged.where(judged.step > 60)]))) == ["hack_rate_high"]


def test_the_start_waits_for_a_hundred_rewarded_answers() -> None:
    judged = simulate_answers(np.concatenate([np.full(90, 0.001), np.full(150, 0.5)]), seed=3, prompts=2)
    rises = [finding.step for finding in found(judged, tolerated=0.9) if finding.kind == "hack_rate_rises"]
    of_the_start = judged.where(judged.rewarded & (judged.step <= 40))
    assert len(of_the_start) < 100
    assert rises
    assert rises[0] > 90


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("draw", [None, whole_prompts, what_looks_odd])
def test_findings_do_not_depend_on_how_the_run_is_cut(seed: int, draw: Any) -> None:
    shape: dict[str, Any] = {"prompts": 6, "answers": 8, "alike": 0.4, "turned_down": 0.2, "draw": draw}
    judged = simulate_answers(GROWING, seed=seed, **shape)
    whole = found(judged)
    assert len(whole) >= 2
    for size in (1, 7, 50):
        cut = HackRate()
        pieces = [judged.between(after, after + size) for after in range(0, 120, size)]
        assert [one for piece in pieces for one in cut.update(Block(judged=piece))] == whole


@pytest.mark.parametrize("draw", [None, whole_prompts, what_looks_odd])
def test_a_tolerated_share_is_seldom_found_however_answers_are_drawn(draw: Any) -> None:
    shape: dict[str, Any] = {"prompts": 4, "answers": 8, "alike": 0.4, "turned_down": 0.05, "draw": draw}
    alarms = sum(bool(found(simulate_answers(np.full(150, 0.05), seed=seed, **shape))) for seed in range(60))
    assert alarms <= 6  # at 5 %, more are seen in less than one of thirty such tests, and at the measured rate never


@pytest.mark.parametrize("draw", [whole_prompts, what_looks_odd])
def test_a_part_of_the_answers_shows_it_too(draw: Any) -> None:
    judged = simulate_answers(GROWING, seed=5, prompts=8, answers=8, draw=draw)
    assert len(judged) < 0.6 * 120 * 64
    (high,) = (one for one in found(judged) if one.kind == "hack_rate_high")
    assert 60 < high.step <= 95


def test_a_guard_finds_step_by_step_what_is_found_in_the_whole_and_may_ask_for_an_evaluation() -> None:
    judged = simulate_answers(GROWING, seed=1)
    guard = Guard(rules=Rules(alert=On.NEVER, evaluate=On.WATCH))
    told: list[Finding] = []
    for step in range(1, 121):
        now = judged.between(step - 1, step)
        assert now is not None
        decision = guard.judged(now)
        assert decision.evaluate == bool(decision.findings)
        told += decision.findings
        guard.step(step, {"reward": 0.5})
    assert told == found(judged)
    assert guard.failures == 0


def test_a_run_without_judged_answers_says_that_it_was_not_checked() -> None:
    judged = simulate_answers(GROWING, seed=1)
    (missing,) = unchecked([HackRate()], Run("a", "a", "made", {}))
    assert (missing.detector, missing.metrics) == ("hack_rate", ())
    assert missing.missing == "no training answer was judged by hidden tests"
    assert unchecked([HackRate()], Run("a", "a", "made", {}, judged=judged)) == []
    unjudged = replace(judged, failed=np.full(len(judged), np.nan))
    assert unchecked([HackRate()], Run("a", "a", "made", {}, judged=unjudged)) != []

"""The alarm on the held-out score: what raises it, what does not, and that it is the same live and after the fact."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.detectors import Block, OverOptimisation, Points, fold
from heldout.detectors.overoptimisation import Level
from heldout.findings import Finding, Severity
from heldout.run import Evaluation, Outcomes
from heldout.stats.gram import Gram
from heldout.stats.scan import boundary, contrasts, run_p

RISE_AND_FALL = np.concatenate([np.linspace(0.3, 0.5, 12), np.linspace(0.5, 0.25, 12)])


def blocks(
    rates: np.ndarray, reward: np.ndarray | None = None, size: int | None = 500, cuts: list[int] | None = None
) -> Any:
    """Blocks of a run with an evaluation every tenth step, cut after the given evaluations."""
    edges = [0, *sorted(set(cuts or [])), len(rates)]
    for a, b in pairwise(edges):
        evaluations = [Evaluation(10 * k, float(rates[k]), size) for k in range(a, b)]
        steps = np.arange(10 * a - 9, 10 * b - 9)
        values = np.zeros(0) if reward is None else reward[np.clip(steps, 0, len(reward) - 1)]
        yield Block({} if reward is None else {"reward": Points(steps, values)}, evaluations=evaluations)


def noisy(rates: np.ndarray, seed: int, size: int = 500) -> np.ndarray:
    return np.random.default_rng(seed).binomial(size, rates) / size


def found(rates: np.ndarray, **more: Any) -> list[Finding]:
    return fold([OverOptimisation(horizon=max(len(rates), 1))], blocks(rates, **more))


def test_a_rise_and_fall_is_confirmed_after_its_peak() -> None:
    findings = found(noisy(RISE_AND_FALL, 0))
    assert findings[-1].kind == "confirmed"
    assert findings[-1].severity is Severity.ALARM
    assert findings[-1].step > 120
    assert abs(findings[-1].steps[0] - 115) <= 30


@pytest.mark.parametrize("seed", range(8))
def test_a_steady_rise_raises_no_alarm(seed: int) -> None:
    findings = found(noisy(np.linspace(0.3, 0.6, 30), seed))
    assert not any(finding.severity is Severity.ALARM for finding in findings)


def test_the_reward_says_what_kind_of_fall_it_is() -> None:
    rates = noisy(RISE_AND_FALL, 0)
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, 240)
    rising, falling = np.linspace(0, 1, 240), np.concatenate([np.linspace(0, 1, 120), np.linspace(1, 0, 120)])
    assert "reward rises" in found(rates, reward=rising + noise)[-1].means
    assert "reward falls too" in found(rates, reward=falling + noise)[-1].means
    assert "unattributed" in found(rates)[-1].means


def test_without_the_size_nothing_is_confirmed() -> None:
    kinds = [finding.kind for finding in found(noisy(RISE_AND_FALL, 0), size=None)]
    assert "confirmed" not in kinds
    assert "likely" in kinds


def test_a_tiny_evaluation_confirms_nothing() -> None:
    assert "confirmed" not in [finding.kind for finding in found(noisy(RISE_AND_FALL, 0, 20), size=20)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 23), max_size=8))
def test_findings_are_the_same_however_the_run_is_cut(seed: int, cuts: list[int]) -> None:
    rates = noisy(RISE_AND_FALL, seed, 100)
    reward = np.random.default_rng(seed).normal(size=240).cumsum()
    whole = found(rates, reward=reward, size=100)
    assert found(rates, reward=reward, size=100, cuts=cuts) == whole
    assert found(rates, reward=reward, size=100, cuts=list(range(1, 24))) == whole


@pytest.mark.parametrize("rates", [[], [0.5], [0.5] * 3, [0.5] * 10, [0.0] * 10, [1.0] * 10])
def test_little_and_constant_input_raises_nothing(rates: list[float]) -> None:
    assert found(np.array(rates)) == []


def test_an_unknown_horizon_needs_more_to_confirm() -> None:
    rates = noisy(RISE_AND_FALL, 0)
    planned, open_ended = OverOptimisation(horizon=24), OverOptimisation()
    for detector in (planned, open_ended):
        fold([detector], blocks(rates))
    assert planned.looks[-1].level is Level.CONFIRMED
    assert open_ended.looks[10].bound > planned.looks[10].bound


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"alpha": 0.5}, {"watch": 0.99, "likely": 0.9}])
def test_wrong_parameters_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OverOptimisation(**wrong)  # type: ignore[arg-type]


def test_repr_tells_all_parameters() -> None:
    assert repr(OverOptimisation(horizon=7)).startswith("OverOptimisation(group=1, horizon=7, alpha=0.05, ")


def test_many_evaluations_are_averaged_in_groups() -> None:
    rates = noisy(np.repeat(RISE_AND_FALL, 4), 0)
    detector = OverOptimisation(group=4, horizon=24)
    findings = fold([detector], blocks(rates, cuts=[7, 30]))
    assert len(detector.looks) == 21
    assert findings[-1].kind == "confirmed"
    assert (detector.evidence.problems, detector.evidence.samples) == (500, 4)


def test_each_change_of_the_problems_halves_the_error_that_may_be_spent() -> None:
    def outcomes(step: int, first: int) -> Evaluation:
        rng = np.random.default_rng(step)
        names = tuple(f"p{first + i}" for i in range(100))
        return Evaluation.of(step, Outcomes(names, rng.binomial(1, 0.5, 100).astype(float), np.ones(100, dtype=int)))

    detector = OverOptimisation(horizon=40)
    detector.update(Block(evaluations=[outcomes(k, 1000 * (k // 6)) for k in range(18)]))
    assert detector.evidence.series == 3
    bounds = [look.bound for look in detector.looks]
    assert bounds == [boundary(40, alpha) for alpha in (0.05, 0.025, 0.0125) for _ in range(3)]


def test_nothing_is_said_before_the_fourth_evaluation() -> None:
    detector = OverOptimisation(horizon=24)
    rates = np.array([0.9, 0.9, 0.1, 0.1])
    for count, block in enumerate(blocks(rates, cuts=[1, 2, 3]), 1):
        detector.update(block)
        assert len(detector.looks) == (count == 4)


def test_the_level_to_watch_may_be_that_of_an_alarm() -> None:
    assert OverOptimisation(watch=0.9, likely=0.9).watch == 0.9


@pytest.mark.parametrize(("by", "level"), [(0.1190, Level.WATCH), (0.1192, Level.LIKELY)])
def test_the_posterior_raises_an_alarm_only_where_the_scan_hints_at_a_fall(by: float, level: Level) -> None:
    rates = np.concatenate([np.full(16, 0.5), np.linspace(0.5, 0.5 - by, 17)[1:]])
    detector = OverOptimisation(horizon=32)
    fold([detector], blocks(rates, size=25))
    last = detector.looks[-1]
    assert last.probability > 0.93
    assert (last.statistic >= last.hint) == (level is Level.LIKELY)
    assert last.hint == boundary(32, 0.2) < last.bound
    assert last.level is level


def test_a_quick_rise_that_ends_is_not_taken_for_a_fall() -> None:
    called = sure = 0
    for seed in range(20, 50):
        rng = np.random.default_rng(seed)
        level = 0.4 + 0.1 * (1.0 - np.exp(-np.arange(1, 61) / 9.0))
        rates = level + 0.006 * rng.standard_normal(60) + 0.01 * rng.standard_normal(60)
        detector = OverOptimisation(horizon=60)
        fold([detector], blocks(rates, size=3000))
        sure += max(look.probability for look in detector.looks) >= 0.95
        called += detector.worst.level >= Level.LIKELY
    assert sure >= 3  # the posterior overshoots
    assert called <= 2


def test_the_error_probability_of_the_run_is_that_of_its_surest_look() -> None:
    rates = np.concatenate([np.full(16, 0.5), np.linspace(0.5, 0.42, 7), [0.6]])
    detector = OverOptimisation(horizon=24)
    assert detector.run_p() == detector.run_p(ever=True) == 1.0
    fold([detector], blocks(rates))
    surest = max(look.statistic for look in detector.looks)
    assert surest == detector.looks[-2].statistic > detector.looks[-1].statistic
    assert detector.run_p(ever=True) == run_p(surest, 24) < detector.run_p() == run_p(detector.looks[-1].statistic, 24)


def test_the_fewest_problems_that_would_confirm_the_fall() -> None:
    rates = np.concatenate([np.full(16, 0.5), np.linspace(0.5, 0.46, 8)])
    detector = OverOptimisation(horizon=24)
    fold([detector], blocks(rates, size=60))
    assert detector.worst.level < Level.CONFIRMED
    enough = detector.problems_to_confirm(range(60, 3000, 60))
    assert enough is not None

    def confirmed(size: int) -> bool:
        again = OverOptimisation(horizon=24)
        fold([again], blocks(rates, size=size))
        return again.looks[-1].level is Level.CONFIRMED

    assert confirmed(enough)
    assert not confirmed(enough - 60)
    assert detector.problems_to_confirm([60]) is None


def test_the_surest_look_is_the_first_of_its_level() -> None:
    detector = OverOptimisation(horizon=24)
    fold([detector], blocks(noisy(RISE_AND_FALL, 0)))
    confirmed = [look for look in detector.looks if look.level is Level.CONFIRMED]
    assert len(confirmed) > 1
    assert detector.worst is confirmed[0]


def test_the_inflation_of_a_look_is_the_middle_one_of_its_contrasts() -> None:
    """Problems that drift widen distant comparisons more than near ones: neither the least nor the most is taken."""
    rng = np.random.default_rng(2)
    drift = np.cumsum(rng.normal(0.0, 0.4, (12, 200)), axis=0) + rng.normal(0.0, 1.5, 200)
    solved = (rng.random((12, 200)) < 1.0 / (1.0 + np.exp(-drift))).astype(float)
    names, once = tuple(f"p{i}" for i in range(200)), np.ones(200, dtype=int)
    detector = OverOptimisation(horizon=12)
    detector.update(Block(evaluations=[Evaluation.of(k, Outcomes(names, solved[k], once)) for k in range(12)]))
    gram = Gram.of(solved)
    each = gram.inflation(contrasts(12).weight, detector.evidence.noise() - gram.s2(12))
    assert each.min() < each.max() / 1.2
    assert detector.looks[-1].inflation == pytest.approx(np.median(each))


def unsized(rates: np.ndarray) -> OverOptimisation:
    detector = OverOptimisation(horizon=len(rates))
    fold([detector], blocks(rates, size=None))
    return detector


def test_a_smooth_fall_of_sixty_points_is_likely_although_its_scores_go_with_their_neighbours() -> None:
    up, down = np.linspace(0.24, 0.7, 12), 0.7 / (1.0 + np.exp(np.linspace(-3.0, 5.0, 19)))
    fallen = unsized(np.concatenate([up, down]) + 0.01 * np.resize([1.0, -1.0, 0.5], 31))
    assert fallen.evidence.autocorrelation is not None
    assert fallen.looks[-1].level is Level.LIKELY


@pytest.mark.parametrize("count", [8, 10, 16, 20, 40])
@pytest.mark.parametrize("shape", ["tent", "cliff"])
def test_a_fall_of_25_points_is_likely_however_few_or_many_evaluations_show_it(count: int, shape: str) -> None:
    rise = np.linspace(0.4, 0.7, count // 2)
    fall = np.linspace(0.7, 0.45, count - count // 2 + 1)[1:] if shape == "tent" else np.full(count - count // 2, 0.45)
    scores = np.concatenate([rise, fall]) + 0.01 * np.random.default_rng(count).standard_normal(count)
    fallen = unsized(scores)
    assert fallen.looks[-1].level is Level.LIKELY
    assert abs(fallen.looks[-1].drop - (scores.max() - scores[-1])) < 0.03
    assert 0.0 < fallen.least_fall() < 0.25


@pytest.mark.parametrize("count", [8, 12, 20, 40])
def test_a_staircase_without_a_size_never_looks_like_a_fall(count: int) -> None:
    stairs = 0.2 + 0.2 * np.floor(4 * np.arange(count) / count)
    for seed in range(5):
        fallen = unsized(stairs + 0.02 * np.random.default_rng(seed).standard_normal(count))
        assert fallen.worst.level < Level.LIKELY


def test_a_slow_wander_is_watched_at_its_end_and_not_called() -> None:
    reached = called = 0
    for seed in range(20):
        wander = [0.0]
        for shock in np.random.default_rng(seed).standard_normal(40)[1:]:
            wander.append(0.9 * wander[-1] + 0.01 * float(shock))
        last = unsized(0.5 + np.array(wander)).looks[-1]
        reached += last.statistic >= last.bound
        called += last.level >= Level.LIKELY
    assert reached >= 5  # as if its scores were independent
    assert called <= 2  # 4 % of such series stand out from a rise and a fall


def test_a_fall_far_beyond_the_jumps_of_its_scores_is_confirmed_while_they_jump() -> None:
    rates = np.array([0.27, 0.29, 0.38, 0.54, 0.63, 0.75, 0.72, 0.73, 0.72, 0.66, 0.61, 0.36, 0.03])
    detector = OverOptimisation(horizon=25)
    fold([detector], blocks(rates, size=256))
    assert detector.evidence.jumps
    assert detector.looks[-1].level is Level.CONFIRMED


def test_a_fall_within_the_jumps_of_its_scores_is_likely_at_most() -> None:
    rates = 0.5 + 0.04 * np.resize([1.0, -1.0], 16)
    rates[12:] -= 0.04
    detector = OverOptimisation(horizon=16)
    fold([detector], blocks(rates, size=14_000))
    assert detector.evidence.jumps
    assert detector.looks[-1].statistic >= detector.looks[-1].bound
    assert detector.worst.level is Level.LIKELY

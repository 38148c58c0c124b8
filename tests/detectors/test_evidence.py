"""What the held-out scores say about their own noise, with and without the outcome of every problem."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rivals import ALARM, FIRST
from heldout.datasets.simulated import simulate
from heldout.detectors import LateSurge, OverOptimisation, Plateau
from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.detectors.grouping import pooled
from heldout.detectors.overoptimisation import Level
from heldout.diagnosis.advice import on_noise
from heldout.run import Evaluation, Outcomes
from heldout.stats.gram import Gram
from heldout.stats.noise import difference_noise
from heldout.stats.noise_posterior import learned, noise_of_rates, sampled, scatter

HELD_OUT = (lambda: OverOptimisation(horizon=40), Plateau, LateSurge)


def evaluations(shares: np.ndarray, ids: list[str] | None = None) -> list[Evaluation]:
    names = tuple(ids or [f"p{i}" for i in range(shares.shape[1])])
    ones = np.ones(len(names), dtype=np.int64)
    return [Evaluation.of(10 * (k + 1), Outcomes(names, row, ones)) for k, row in enumerate(shares)]


def simulated(family: str, seed: int, n: int = 200) -> list[Evaluation]:
    return evaluations(simulate(family, n, 40, 1, seed=seed).outcomes)


def test_with_every_outcome_the_noise_is_that_of_the_changed_problems() -> None:
    run = simulate("honest", 100, 10, 1, seed=1)
    seen, gram = Evidence(), Gram.of(run.outcomes)
    for k, evaluation in enumerate(evaluations(run.outcomes), 1):
        assert seen.add(evaluation)
        assert seen.exact
        if k > 1:
            assert seen.noise() == learned(scatter(gram.rates[:k]), sampled(gram.s2(k))).variance
    assert seen.rates == pytest.approx(run.rates)


def test_the_order_of_the_problems_does_not_matter() -> None:
    run = simulate("sharp_collapse", 80, 12, 1, seed=3)
    order = np.random.default_rng(0).permutation(80)
    plain, mixed = Evidence(), Evidence()
    for k, evaluation in enumerate(evaluations(run.outcomes)):
        plain.add(evaluation)
        row = run.outcomes[k]
        shuffled = Outcomes(tuple(f"p{i}" for i in order), row[order], np.ones(80, dtype=np.int64))
        assert evaluation.outcomes is not None
        mixed.add(Evaluation.of(evaluation.step, shuffled if k else evaluation.outcomes))
    assert mixed.noise() == pytest.approx(plain.noise())
    assert mixed.rates == pytest.approx(plain.rates)


def test_one_evaluation_without_outcomes_leaves_rates_for_all() -> None:
    seen = Evidence()
    for evaluation in simulated("honest", 1)[:6]:
        seen.add(evaluation)
    seen.add(Evaluation(100, 0.4, 200))
    assert not seen.exact
    assert len(seen) == 7
    assert seen.problems == 200


def test_an_evaluation_that_repeats_the_last_is_passed_over() -> None:
    first, second, *_ = simulated("honest", 2)
    seen = Evidence()
    assert seen.add(first)
    assert first.outcomes is not None
    assert not seen.add(Evaluation.of(15, first.outcomes))
    assert seen.add(second)
    assert seen.passed_over == 1
    assert len(seen) == 2


def test_a_score_that_rests_at_zero_is_no_repetition() -> None:
    seen = Evidence()
    for evaluation in evaluations(np.zeros((5, 50))):
        assert seen.add(evaluation)
    assert seen.noise() > 0


def test_a_missing_hard_problem_does_not_raise_the_rate() -> None:
    shares = np.tile(np.repeat([1.0, 0.0], 50), (6, 1))
    shares[:, 49] = [0, 1, 0, 1, 0, 1]
    seen = Evidence()
    for k, evaluation in enumerate(evaluations(shares)):
        if k == 5:
            known = evaluation.outcomes
            assert known is not None
            kept = Outcomes(known.problems[:90], known.passed[:90], known.samples[:90])
            evaluation = Evaluation.of(evaluation.step, kept)
            assert evaluation.rate > 0.54
        seen.add(evaluation)
    assert seen.filled == 10
    assert seen.rates[-1] == pytest.approx(0.5, abs=0.01)


def test_other_problems_begin_a_series_and_fewer_shrink_it() -> None:
    run = simulate("honest", 200, 8, 1, seed=5)
    seen = Evidence()
    for evaluation in evaluations(run.outcomes)[:4]:
        seen.add(evaluation)
    half = Outcomes(tuple(f"p{i}" for i in range(100)), run.outcomes[4][:100], np.ones(100, dtype=np.int64))
    seen.add(Evaluation.of(50, half))
    assert (len(seen), seen.problems, seen.series) == (5, 100, 1)
    other = Outcomes(tuple(f"q{i}" for i in range(100)), run.outcomes[5][:100], np.ones(100, dtype=np.int64))
    seen.add(Evaluation.of(60, other))
    assert (len(seen), seen.problems, seen.series) == (1, 100, 2)


@pytest.mark.parametrize("family", ["plateau", "slow_overopt", "sharp_collapse"])
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_the_detector_alarms_where_the_benchmark_says_it_does(family: str, seed: int) -> None:
    run = simulate(family, 200, 40, 1, seed=seed)
    detector = OverOptimisation(horizon=40)
    detector.update(Block(evaluations=evaluations(run.outcomes)))
    ours = [look.level >= Level.LIKELY for look in detector.looks]
    assert ours == (ALARM.statistic(run)[FIRST:] >= ALARM.threshold).tolist()


@pytest.mark.parametrize("make", HELD_OUT)
@given(seed=st.integers(0, 50), cuts=st.lists(st.integers(0, 40), max_size=6))
@settings(max_examples=8, deadline=None)
def test_findings_do_not_depend_on_the_cuts(make: Any, seed: int, cuts: Any) -> None:
    family = ("late_surge", "sharp_collapse", "plateau")[seed % 3]
    run = simulated(family, seed, n=60)
    whole = make().update(Block(evaluations=run))
    edges = [0, *sorted(cuts), len(run)]
    detector, pieces = make(), []
    for start, end in itertools.pairwise(edges):
        pieces += detector.update(Block(evaluations=run[start:end]))
    assert pieces == whole


def test_a_level_score_is_a_plateau_and_a_noisy_one_is_not_called_so() -> None:
    rng = np.random.default_rng(4)
    rise = np.concatenate([np.linspace(0.4, 0.5, 10), np.full(20, 0.5)])
    found = Plateau().update(Block(evaluations=[Evaluation(k, float(r), 50_000) for k, r in enumerate(rise)]))
    assert [finding.kind for finding in found] == ["plateau"]
    assert found[0].step >= 13
    noisy = rng.binomial(50, np.full(30, 0.5)) / 50
    assert not Plateau().update(Block(evaluations=[Evaluation(k, float(r), 50) for k, r in enumerate(noisy)]))


def test_a_late_rise_is_a_surge_and_a_steady_one_is_not() -> None:
    rng = np.random.default_rng(5)
    late = np.concatenate([np.full(24, 0.4), np.linspace(0.4, 0.6, 8), np.full(4, 0.6)])
    steady = np.linspace(0.3, 0.6, 36)

    def found(truth: np.ndarray) -> list[str]:
        rates = rng.binomial(1000, truth) / 1000
        block = Block(evaluations=[Evaluation(k, float(r), 1000) for k, r in enumerate(rates)])
        return [finding.kind for finding in LateSurge().update(block)]

    assert found(late) == ["late_surge"]
    assert found(steady) == []


def seen_of(rates: list[float], problems: int | None = 200, samples: float | None = None) -> Evidence:
    seen = Evidence()
    for k, rate in enumerate(rates):
        seen.add(Evaluation(k, rate, problems, samples))
    return seen


RATES = [0.5, 0.52, 0.49, 0.53, 0.5, 0.51, 0.48, 0.52, 0.5]


def test_samples_that_are_not_known_count_as_one() -> None:
    assert Evidence().samples == 1.0
    assert seen_of(RATES).samples == seen_of(RATES, samples=1.0).samples == 1.0
    assert (
        seen_of(RATES).noise() == seen_of(RATES, samples=1.0).noise() == noise_of_rates(np.array(RATES), 200).variance
    )
    assert seen_of(RATES, samples=4.0).noise() == noise_of_rates(np.array(RATES), 200.0, 4.0).variance


def test_the_problems_are_the_fewest_of_any_evaluation_and_unknown_where_one_is() -> None:
    seen = seen_of(RATES)
    seen.add(Evaluation(20, 0.5, 150))
    assert seen.problems == 150
    seen.add(Evaluation(21, 0.5))
    assert seen.problems is None
    assert Evidence().problems is None


def test_without_a_size_the_noise_is_the_scatter_and_three_scores_are_the_fewest() -> None:
    assert seen_of(RATES, None).noise() == scatter(np.array(RATES), straight=False).variance
    assert not math.isnan(seen_of(RATES[:3], None).noise())
    assert math.isnan(seen_of(RATES[:2], None).noise())
    assert seen_of(RATES[:1]).noise() > 0.0  # a size tells even of one


def test_the_number_of_problems_says_nothing_of_a_score_that_is_no_share() -> None:
    seen = Evidence()
    for k, rate in enumerate(RATES):
        seen.add(Evaluation(k, 100.0 * rate, 200, share=False))
    assert not seen.sized
    assert not seen.may_confirm
    assert seen.inflation is None
    assert seen.noise() == pytest.approx(1e4 * seen_of(RATES, None).noise())
    assert seen.set_variance().tolist() == [0.0] * 9
    assert seen.excess_scatter() is None


def test_evaluations_of_other_sizes_are_weighed_by_them() -> None:
    seen = Evidence()
    for k, rate in enumerate(RATES):
        seen.add(Evaluation(k, rate, 50 if k < 4 else 400, 2.0))
    assert seen_of(RATES).relative_noise is None
    assert seen_of(RATES, None).relative_noise is None
    relative = seen.relative_noise
    assert relative is not None
    assert relative.mean() == pytest.approx(1.0)
    assert relative[0] == relative[3] > 1.0 > relative[4]


@pytest.mark.parametrize(("problems", "may"), [(29, False), (30, True), (None, False)])
def test_a_fall_may_be_confirmed_from_thirty_known_problems_on(problems: int | None, may: bool) -> None:
    assert seen_of(RATES, problems).may_confirm is may


def test_errors_that_evaluations_share_are_paid_for_most_where_several_samples_make_rates_precise() -> None:
    assert seen_of(RATES, None, 4.0).inflation is None
    once, four = seen_of(RATES).inflation, seen_of(RATES, 200, 4.0).inflation
    assert once is not None
    assert four is not None
    d = np.array([1.0, 0.0, -1.0])
    assert 1.0 < float(once(d)) < float(four(d))


def test_with_more_problems_the_same_rates_leave_less_to_sampling() -> None:
    seen, gram = Evidence(), Gram(100)
    for evaluation in simulated("honest", 4, n=100):
        seen.add(evaluation)
        assert evaluation.outcomes is not None
        gram.add(evaluation.outcomes.share)
    expected = learned(scatter(gram.rates), sampled(gram.s2(40) / 4.0))
    noise, inflation = seen.as_if(400)
    assert noise.variance == expected.variance < seen.noise()
    assert inflation is not None
    d = np.array([1.0, *np.zeros(38), -1.0])
    jitter, square = expected.variance - gram.s2(40) / 4.0, 2.0
    ratio = (float(gram.contrast_variance(d)) / 4.0 + jitter * square) / (expected.variance * square)
    assert float(inflation(d)) == pytest.approx(max(1.0, ratio))
    for problems in (200, None):
        noise, inflation = seen_of(RATES, problems).as_if(800)
        assert noise.variance == seen_of(RATES, 800).noise()
        assert inflation is not None


@pytest.mark.parametrize("swing", [0.05, 0.06, 0.09, 0.12])
def test_rates_that_scatter_surely_more_than_their_problems_say_so(swing: float) -> None:
    rates = 0.5 + swing * np.where(np.arange(20) % 2, -1.0, 1.0)
    drawn = float(np.mean(rates * (1.0 - rates))) / 100.0
    ratio = difference_noise(rates) / drawn
    surely = 1.0 + 3.0 * math.sqrt(2.0 / (18.0 / 35.0 * 18.0))  # three deviations of a chi-square of so many degrees
    assert seen_of(rates.tolist(), 100, 1.0).excess_scatter() == (
        pytest.approx(ratio) if ratio * drawn > surely * (drawn + 0.014**2) else None
    )


def test_scatter_is_not_asked_of_few_evaluations_of_unknown_size_or_with_outcomes() -> None:
    rates = (0.5 + 0.2 * np.where(np.arange(10) % 2, -1.0, 1.0)).tolist()
    assert seen_of(rates, 100).excess_scatter() is not None
    assert seen_of(rates[:9], 100).excess_scatter() is None
    assert seen_of(rates, None).excess_scatter() is None
    exact = Evidence()
    for evaluation in simulated("honest", 1, n=20)[:12]:
        exact.add(evaluation)
    assert exact.excess_scatter() is None


def test_levels_vary_over_sets_of_problems_by_at_most_seven_tenths_of_the_binomial_variance() -> None:
    seen = seen_of([0.4] * 5, 50)
    assert seen.set_variance() == pytest.approx(np.full(5, 0.7 * 0.4 * 0.6 / 50))
    assert seen_of([0.0] * 3, 50).set_variance() == pytest.approx(np.full(3, 0.7 * 0.01 * 0.99 / 50))
    assert seen_of([0.4] * 5, None).set_variance().tolist() == [0.0] * 5


@pytest.mark.parametrize(("problems", "measured"), [(99, False), (100, True)])
def test_the_variance_over_sets_is_measured_from_a_hundred_problems_on(problems: int, measured: bool) -> None:
    shares = np.tile(np.repeat([1.0, 0.0], [2, problems - 2]), (3, 1))
    shares[:, :2] = [[1, 1], [1, 0], [0, 1]]
    seen = Evidence()
    for evaluation in evaluations(shares):
        seen.add(evaluation)
    rate = float(np.clip(seen.rates.mean(), 0.01, 0.99))
    own = Gram.of(shares).set_variance()
    least = 0.7 * rate * (1.0 - rate) / problems
    assert min(own) < least < max(own)
    assert seen.set_variance() == pytest.approx(own if measured else np.maximum(own, least))


def some_of(first: int, count: int, step: int, passed: float = 1.0) -> Evaluation:
    names = tuple(f"p{i}" for i in range(first, first + count))
    share = np.where(np.arange(count) % 2, passed, 0.0)
    return Evaluation.of(step, Outcomes(names, share, np.ones(count, dtype=np.int64)))


@pytest.mark.parametrize(
    ("problems", "kept", "left", "series", "filled"),
    [
        (100, 80, 100, 1, 20),  # enough: what is missing is filled
        (100, 79, 79, 1, 0),  # the missing ones are dropped for good
        (100, 50, 50, 1, 0),
        (100, 49, 49, 2, 0),  # too few to link the two
    ],
)
def test_how_many_of_the_problems_an_evaluation_must_have(
    problems: int, kept: int, left: int, series: int, filled: int
) -> None:
    seen = Evidence()
    seen.add(some_of(0, problems, 1))
    seen.add(some_of(0, problems, 2, 0.0))
    assert seen.add(some_of(0, kept, 3))
    assert (seen.problems, seen.series, seen.filled) == (left, series, filled)
    assert len(seen) == (3 if series == 1 else 1)


@pytest.mark.parametrize(("share", "counts"), [(0.0, True), (1.0, True), (0.5, False)])
def test_a_repetition_at_a_bound_counts_and_one_between_is_passed_over(share: float, counts: bool) -> None:
    row = np.repeat([1.0, 0.0], [int(20 * share), 20 - int(20 * share)])
    seen = Evidence()
    assert [seen.add(one) for one in evaluations(np.stack([row, row]))] == [True, counts]


def test_one_problem_is_too_few_to_be_exact() -> None:
    seen = Evidence()
    seen.add(Evaluation.of(1, Outcomes(("a",), np.array([1.0]), np.array([1]))))
    assert not seen.exact


def test_pooled_evaluations_are_a_mean_with_the_fewest_problems_and_all_samples() -> None:
    one = Evaluation(10, 0.4, 100, 2.0, "b")
    assert pooled([one]) is one
    both = pooled([one, Evaluation(20, 0.5, 90, None, "b")])
    assert (both.step, both.problems, both.samples, both.benchmark) == (20, 90, 3.0, "b")
    assert both.rate == pytest.approx(0.45)
    assert both.outcomes is None
    assert pooled([one, Evaluation(20, 0.5)]).problems is None


def test_pooled_outcomes_of_the_same_problems_are_samples() -> None:
    first, second = evaluations(np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))
    outcomes = pooled([first, second]).outcomes
    assert outcomes is not None
    assert outcomes.share == pytest.approx([1.0, 0.5, 0.5])
    assert outcomes.samples.tolist() == [2, 2, 2]
    (other,) = evaluations(np.array([[1.0, 0.0, 1.0]]), ["x", "y", "z"])
    assert pooled([first, other]).outcomes is None
    assert pooled([first, Evaluation(20, 0.5, 3)]).outcomes is None


def scattered(jitter: float, count: int = 20, problems: int = 20_000) -> Evidence:
    rates = 0.5 + np.random.default_rng(7).normal(0.0, jitter, count)
    return seen_of(rates.tolist(), problems)


def test_how_far_checkpoints_differ_is_told_from_eight_evaluations_on_where_it_is_clear() -> None:
    found = scattered(0.008).jitter
    assert found is not None
    assert 0.0 < found.low < found.size < found.high <= 0.014
    (said,) = on_noise(scattered(0.008))
    assert said == (
        f"Checkpoints differ by about {100 * found.size:.1f} points ({100 * found.low:.1f} to {100 * found.high:.1f}) "
        "beyond sampling."
    )
    assert scattered(0.008, 7).jitter is None
    assert list(on_noise(scattered(0.0002))) == []
    assert seen_of(RATES, None).jitter is None


def test_scores_that_jump_more_than_any_jitter_are_told_from_ten_evaluations_on() -> None:
    assert scattered(0.04).jumps
    assert not scattered(0.04, 9).jumps  # too few to tell
    assert not scattered(0.008).jumps
    few = scattered(0.05, problems=500)
    assert few.jumps
    assert few.excess_scatter() is None
    assert "The scores jump more than evaluations of this size explain, so no fall is confirmed." in on_noise(few)
    assert not any("jump" in said for said in on_noise(few, Level.CONFIRMED))


def test_of_a_wandering_score_without_a_size_it_is_said_that_it_wanders() -> None:
    rng = np.random.default_rng(1)
    slow = rng.normal(size=60)
    for at in range(1, 60):
        slow[at] += 0.9 * slow[at - 1]
    seen = seen_of(slow.tolist(), None)
    assert seen.autocorrelation is not None
    assert any("goes with the one before" in text for text in on_noise(seen))
    assert seen_of(slow.tolist(), 100).autocorrelation is None


@pytest.mark.parametrize("kind", ["outcomes", "sizes", "errors", "scores"])
def test_what_is_kept_of_some_evaluations_is_forgotten_with_the_next(kind: str) -> None:
    run = simulate("sharp_collapse", 60, 14, 1, seed=2)
    every = evaluations(run.outcomes)
    if kind != "outcomes":
        problems, error = 60 if kind == "sizes" else None, 0.05 if kind == "errors" else None
        share = kind != "scores"
        every = [Evaluation(one.step, one.rate, problems, share=share, error=error) for one in every]
    asked, whole = Evidence(), Evidence()
    for number, evaluation in enumerate(every, start=1):
        asked.add(evaluation)
        if number > 2:
            told(asked)
            assert asked.once("count", lambda: len(asked)) == number == asked.once("count", lambda: -1)
    for evaluation in every:
        whole.add(evaluation)
    assert told(asked) == told(whole)


def told(seen: Evidence) -> list[Any]:
    """What is known of some evaluations."""
    noise, inflation = seen.eval_noise(), seen.inflation
    contrast = np.eye(len(seen))[:1] - np.eye(len(seen))[-1:]
    wider = None if inflation is None else inflation(contrast).tolist()
    errors = None if seen.errors is None else seen.errors.tolist()
    return [seen.rates.tolist(), errors, seen.noise(), wider, noise.variance, noise.covariance.tolist()]

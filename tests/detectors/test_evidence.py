"""What the held-out scores say about their own noise, with and without the outcome of every problem."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rivals import ALARM, FIRST
from heldout.datasets.simulated import simulate
from heldout.detectors import LateSurge, OverOptimisation, Plateau
from heldout.detectors.base import Block
from heldout.detectors.evidence import Evidence
from heldout.detectors.overoptimisation import Level
from heldout.run import Evaluation, Outcomes
from heldout.stats.gram import Gram

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
            assert seen.noise() == pytest.approx(gram.s2(k))
    assert seen.rates == pytest.approx(run.rates)


def test_the_order_of_the_problems_does_not_matter() -> None:
    run = simulate("sharp_collapse", 80, 12, 1, seed=3)
    order = np.random.default_rng(0).permutation(80)
    plain, mixed = Evidence(), Evidence()
    for k, evaluation in enumerate(evaluations(run.outcomes)):
        plain.add(evaluation)
        row = run.outcomes[k]
        shuffled = Outcomes(tuple(f"p{i}" for i in order), row[order], np.ones(80, dtype=np.int64))
        mixed.add(Evaluation.of(evaluation.step, shuffled if k else evaluation.outcomes))  # type: ignore[arg-type]
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
    assert not seen.add(Evaluation.of(15, first.outcomes))  # type: ignore[arg-type]
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
def test_findings_do_not_depend_on_the_cuts(make, seed, cuts) -> None:  # type: ignore[no-untyped-def]
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
    rise = np.concatenate([np.linspace(0.2, 0.5, 10), np.full(20, 0.5)])
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

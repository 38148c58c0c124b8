"""Detectors look only backward, and see what is plainly there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import rivals
from benchmarks.rivals import ALARM, FIRST, GP, OURS, RATES, SCAN, available, paths, picks, unavailable
from heldout.datasets.simulated import simulate
from heldout.detectors import Block, OverOptimisation
from heldout.detectors.overoptimisation import Level
from heldout.run import Evaluation, Outcomes
from heldout.stats.scan import boundary

DETECTORS = available()


def _short(run: Any, k: int) -> Any:
    cut = ("outcomes", "problems", "truth", "trend", "steps")
    return replace(run, **{name: getattr(run, name)[:k] for name in cut})


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_no_detector_looks_ahead(detector: Any) -> None:
    run = simulate("slow_overopt", 100, 14, seed=2)
    whole = detector.statistic(run)
    assert whole.shape == (14,)
    # the boundary of the scan is that of the planned length, so only its shape may be compared
    part = detector.statistic(_short(run, 9))
    if detector in (ALARM, RATES):
        return
    if detector is SCAN:
        part, whole = part / part[8], whole / whole[8]
    np.testing.assert_allclose(part, whole[:9], atol=1e-9)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.name)
def test_many_runs_at_once_are_the_same(detector: Any) -> None:
    runs = [simulate("crash", 80, 10, seed=seed) for seed in range(3)]
    together = detector.statistics(runs)
    np.testing.assert_array_equal(together, np.stack([detector.statistic(run) for run in runs]))


def test_of_scores_of_a_known_size_the_alarm_is_the_scan_or_the_posterior_where_the_scan_hints_at_a_fall() -> None:
    runs = [simulate("crash", 80, 10, seed=seed) for seed in range(3)]
    found = paths(runs, OURS)
    hinted = found[SCAN.name] * boundary(10, 0.05) / boundary(10, 0.2)
    larger = np.maximum(found[SCAN.name], np.minimum(found[GP.name], hinted))
    np.testing.assert_allclose(found[ALARM.name][:, FIRST:], np.maximum(larger, 0.0)[:, FIRST:], rtol=1e-12)


def _with_rates(run: Any, k: int) -> Any:
    return Evaluation(int(run.steps[k]), float(run.rates[k]), run.outcomes.shape[1])


def _with_outcomes(run: Any, k: int) -> Any:
    problems = tuple(f"{i:04}" for i in range(run.outcomes.shape[1]))
    return Evaluation.of(int(run.steps[k]), Outcomes(problems, run.outcomes[k], np.ones(len(problems), dtype=np.int64)))


@pytest.mark.parametrize("family", ["plateau", "slow_overopt", "sharp_collapse", "noisy_plateau"])
@pytest.mark.parametrize(("problems", "evals"), [(200, 20), (400, 12)])
@pytest.mark.parametrize(("row", "logged"), [(RATES, _with_rates), (ALARM, _with_outcomes)])
def test_a_row_alarms_when_the_detector_of_the_report_does(
    row: Any, logged: Any, family: str, problems: int, evals: int
) -> None:
    alarmed = 0
    for seed in range(6):
        run = simulate(family, problems, evals, seed=seed)
        detector = OverOptimisation(horizon=evals)
        for k in range(evals):
            detector.update(Block(evaluations=[logged(run, k)]))
        expected = [look.step for look in detector.looks if look.level >= Level.LIKELY]
        assert run.steps[FIRST:][row.statistic(run)[FIRST:] >= 1.0].tolist() == expected
        alarmed += bool(expected)
    assert alarmed > 0 or "plateau" in family


@pytest.mark.parametrize("name", [one.name for one in DETECTORS if one.name not in ("always", "never", "rldoctor")])
def test_a_collapse_is_seen_and_a_rise_is_not(name: str) -> None:
    detector = next(one for one in DETECTORS if one.name == name)
    rng = np.random.default_rng(0)
    base = simulate("abrupt", 400, 20, seed=0)
    chance = np.where(np.arange(20) < 10, 0.8, 0.2)[:, None]
    fallen = replace(base, outcomes=(rng.random((20, 400)) < chance).astype(float))
    rising = np.linspace(0.2, 0.8, 20)[:, None]
    risen = replace(base, outcomes=(rng.random((20, 400)) < rising).astype(float))
    assert detector.statistic(fallen)[12:].max() > 3.0 * detector.statistic(risen)[12:].max()


def test_hand_made_statistics() -> None:
    base = simulate("honest", 100, 6, seed=0)
    rates = np.array([0.30, 0.50, 0.40, 0.45, 0.50, 0.20])
    run = replace(base, outcomes=(np.arange(100)[None, :] < 100.0 * rates[:, None]).astype(float))
    assert rivals.patience(run).tolist() == [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]  # the second 0.50 is no improvement
    np.testing.assert_allclose(rivals.drop_patience(run), [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], atol=1e-12)
    assert rivals.z_test(run)[5] == pytest.approx(0.3 / np.sqrt(0.5 * 0.5 / 100 + 0.2 * 0.8 / 100))
    assert rivals.mcnemar(run)[5] == pytest.approx(30 / np.sqrt(30))  # 30 problems lost, none gained


def test_what_is_not_installed_is_left_out_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals.importlib.util, "find_spec", lambda name: None)
    assert "pip install '.[bench]'" in unavailable()["rldoctor"]
    assert "rldoctor" not in {detector.name for detector in available()}


@pytest.mark.skipif("rldoctor" in unavailable(), reason="the package rldoctor is not installed")
def test_rldoctor_answers_with_a_severity() -> None:
    run = simulate("r1_like", 100, 12, seed=0)
    fallen = replace(run, outcomes=(np.arange(100)[None, :] < np.linspace(60, 10, 12)[:, None]).astype(float))
    assert set(rivals.rldoctor_path(run)) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    assert rivals.rldoctor_path(fallen)[-1] == 4.0  # the reward rises and the score falls: critical


def test_picks() -> None:
    run = simulate("slow_overopt", 200, 20, seed=1)
    found = picks(run)
    assert found["raw argmax"].best == np.argmax(run.rates)
    for pick in found.values():
        assert pick.best in pick.tied
        assert pick.low < pick.estimate < pick.high
    assert found["heldout"].estimate < found["raw argmax"].estimate

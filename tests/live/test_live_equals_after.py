"""Live and after the fact are the same: the guard, told step by step, finds what the report finds in the whole log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated import FAMILIES, simulate
from heldout.detectors import OverOptimisation, default_detectors
from heldout.detectors.base import block_of, fold
from heldout.diagnosis.verdict import diagnose
from heldout.findings import Finding
from heldout.live import Guard
from heldout.run import Run
from heldout.store.recorder import Recorder

Told = list[tuple[int, Finding]]  # each finding with the step at which the guard told it


def in_order(told: Told) -> tuple[Finding, ...]:
    findings = [finding for _, finding in told]
    return tuple(sorted(findings, key=lambda finding: (finding.step, finding.detector, finding.kind)))


def simulated(guard: Guard, family: str, seed: int, count: int, problems: int = 100, until: int = 800) -> Told:
    """Train for show: the metrics of each step, and after some an evaluation."""
    run = simulate(family, problems, count, seed=seed)
    ids = [f"p{index}" for index in range(problems)]
    measured = dict(zip(run.steps.tolist(), run.outcomes, strict=True))
    told: Told = []
    for step in range(1, until + 1):
        metrics = {"reward": float(run.reward[step - 1]), "completions/mean_length": float(run.length[step - 1])}
        told += [(step, finding) for finding in guard.step(step, metrics).findings]
        if step in measured:
            decision = guard.evaluation(step, problems=ids, passed=measured[step].tolist())
            told += [(step, finding) for finding in decision.findings]
    return told


@pytest.mark.parametrize("seed", range(20))
def test_a_simulated_run_gives_the_same_findings_at_the_same_steps(tmp_path: Path, seed: int) -> None:
    count = (10, 20)[seed % 2]
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=count) as guard:
        told = simulated(guard, FAMILIES[seed % len(FAMILIES)], seed, count)
        verdict = diagnose(heldout.read(tmp_path), horizon=count)
        assert in_order(told) == verdict.findings
        assert all(step == finding.step for step, finding in told)
        assert guard.kept is not None
        assert (guard.kept.recommended, guard.kept.tied) == (verdict.recommended, verdict.tied)
        assert not guard.failures


def test_the_simulated_runs_have_findings_at_all() -> None:
    assert simulated(Guard(planned=20), "sharp_collapse", 1, 20, problems=300)


def test_without_a_plan_the_error_is_spread_over_an_endless_run(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        told = simulated(guard, "crash", 3, 20, problems=300)
        after = fold([OverOptimisation(), *default_detectors()], [block_of(heldout.read(tmp_path))])
        assert in_order(told) == tuple(after) != ()


def test_more_evaluations_than_planned_change_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=8) as guard:
        told = simulated(guard, "sharp_collapse", 1, 20, problems=300)
        assert in_order(told) == diagnose(heldout.read(tmp_path), horizon=8).findings != ()


def test_a_plan_of_very_many_evaluations_groups_them_alike(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=400) as guard:
        told = simulated(guard, "sharp_collapse", 1, 40, problems=300)
        assert in_order(told) == diagnose(heldout.read(tmp_path), horizon=400).findings


@pytest.mark.parametrize(
    "order", [("metrics", "more", "rate"), ("rate", "more", "metrics"), ("more", "rate", "metrics")]
)
@pytest.mark.parametrize(("seed", "percent", "late"), [(0, True, 0), (1, False, 10), (2, True, 30), (3, False, 0)])
def test_neither_the_order_of_calls_nor_late_keys_lose_a_finding(
    tmp_path: Path, order: tuple[str, ...], seed: int, percent: bool, late: int
) -> None:
    """A step in several calls, rates in percent that look like fractions at first, a preferred key that comes late."""
    rng = np.random.default_rng(seed)
    told: Told = []
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=15) as guard:
        for step in range(1, 61):
            rate = (0.5 + 0.04 * step if step < 30 else 1.7 - 0.02 * step) * (10 if percent else 0.1)
            training = {"entropy": float(np.exp(-step / 10)), "rewards/a/mean": rng.normal(), "grad_norm": rng.random()}
            more = {"kl": rng.random(), "reward": rng.normal()} if step > late else {}
            calls = {"metrics": training, "more": more, "rate": {"eval/pass_rate": rate} if step % 4 == 0 else {}}
            for name in order:
                told += [(step, finding) for finding in guard.step(step, calls[name]).findings]
        assert not guard.failures
    found = [(finding.detector, finding.kind, finding.step) for _, finding in told]
    after = [(one.detector, one.kind, one.step) for one in diagnose(heldout.read(tmp_path), horizon=15).findings]
    assert set(found) >= set(after) != set()
    assert len(set(found)) == len(found)


def told_again(run: Run, guard: Guard) -> Told:
    """Tell a guard what a log holds, step by step, by the trainer's own keys."""
    measured = {(evaluation.key, evaluation.step): evaluation for evaluation in run.measured}
    told: Told = []
    for step in run.steps.tolist():
        metrics = dict(_at(run, step, {key for key, _ in measured}))
        told += [(step, finding) for finding in guard.step(step, metrics).findings]
        for (_, at), evaluation in measured.items():
            if at == step:
                told += [(step, finding) for finding in guard.evaluated(evaluation).findings]
    return told


def _at(run: Run, step: int, but: set[str]) -> Iterator[tuple[str, float]]:
    for key, series in run.metrics.items():
        index = int(np.searchsorted(series.step, step))
        if key not in but and index < len(series) and series.step[index] == step:
            yield key, float(series.value[index])
        elif step in series.nonfinite:
            yield key, float("nan")


def readable(folder: Path) -> Iterator[Run]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "README.md":
            try:
                yield from heldout.read_all(path)
            except heldout.ReadError:
                continue


def test_other_peoples_runs_give_the_same_findings_at_the_same_steps(real_runs: Path, tmp_path: Path) -> None:
    compared = 0
    for number, run in enumerate(readable(real_runs)):
        count = len(run.evaluations())
        if count < 4:
            continue
        folder = tmp_path / str(number)
        plain = {key: value for key, value in run.config.items() if isinstance(value, int | float | str)}
        with Recorder(folder, config=plain) as recorder, Guard(recorder, planned=count) as guard:
            told = told_again(run, guard)
            assert not guard.failures
        assert in_order(told) == diagnose(run, horizon=count).findings, run.source
        compared += 1
    assert compared > 5

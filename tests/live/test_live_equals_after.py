"""Live and after the fact are the same: the guard, told step by step, and the watch, which reads what is new, find what
the report finds in the whole log.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heldout
from heldout.datasets.simulated import FAMILIES, simulate
from heldout.detectors import Detectors
from heldout.detectors.base import block_of, fold
from heldout.diagnosis.verdict import diagnose
from heldout.findings import Finding
from heldout.live import Guard
from heldout.live.fold import Fold
from heldout.run import Run
from heldout.store.recorder import Recorder

Told = list[tuple[int, Finding]]  # each finding with the step at which the guard told it


def in_order(told: Told) -> tuple[Finding, ...]:
    findings = [finding for _, finding in told]
    return tuple(sorted(findings, key=lambda finding: (finding.step, finding.detector, finding.kind)))


def read_again(run: Run, planned: int) -> tuple[Finding, ...]:
    """Return what a watch finds that reads a run in three parts."""
    watched = Fold(Detectors.planned(planned), pytest.fail)
    ends = np.quantile(run.steps, [0.3, 0.7, 1.0])
    for end in ends:
        watched.catch_up(cut(run, int(end)))
    return tuple(watched.findings)


def cut(run: Run, end: int) -> Run:
    """Return a run as it was at a step."""
    metrics = {}
    for key, series in run.metrics.items():
        here = series.step <= end
        parts: dict[str, Any] = {
            name: None if (values := getattr(series, name)) is None else values[here]
            for name in ("spread", "problems", "samples")
        }
        nonfinite = series.nonfinite[series.nonfinite <= end]
        if here.any() or len(nonfinite):
            metrics[key] = replace(
                series,
                step=series.step[here],
                value=series.value[here],
                nonfinite=nonfinite,
                **parts,
            )
    roles = {role: key for role, key in run.roles.items() if key in metrics}
    return replace(run, metrics=metrics, roles=roles, measured=tuple(one for one in run.measured if one.step <= end))


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
        assert in_order(told) == verdict.findings == read_again(heldout.read(tmp_path), count)
        assert all(step == finding.step for step, finding in told)
        assert guard.kept is not None
        assert (guard.kept.recommended, guard.kept.tied) == (verdict.recommended, verdict.tied)
        assert not guard.failures


def test_the_simulated_runs_have_findings_at_all() -> None:
    assert simulated(Guard(planned=20), "sharp_collapse", 1, 20, problems=300)


def test_without_a_plan_the_error_is_spread_over_an_endless_run(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        told = simulated(guard, "crash", 3, 20, problems=300)
        after = fold(Detectors.planned(None), [block_of(heldout.read(tmp_path))])
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
        assert in_order(told) == diagnose(run, horizon=count).findings == read_again(run, count), run.source
        compared += 1
    assert compared > 5


MOVES = (*["step"] * 5, *["evaluate"] * 3, "again", "late", "rewind", "look")


class Course:
    """A run that goes on in ways nobody planned: collapsing, told to a guard and read by a watch now and then."""

    def __init__(self, folder: Path, planned: int) -> None:
        self.recorder = Recorder(folder)
        self.guard = Guard(self.recorder, planned=planned)
        self.watched = Fold(Detectors.planned(planned), pytest.fail)
        self.folder, self.step, self.moves = folder, 0, 0

    def values(self, step: int) -> dict[str, float]:
        noise = np.random.default_rng((self.moves, step))
        reward = math.nan if step % 57 == 5 else 0.002 * step + 0.2 * noise.normal()
        more = {"kl": 0.1 * noise.random()} if step > 100 else {}  # a metric that comes late
        entropy = max(0.01, 1.0 - 0.01 * max(0, step - 60)) * (1.0 + 0.02 * noise.normal())
        return {"reward": reward, "entropy": entropy, **more}

    def evaluate(self, step: int) -> None:
        rate = 0.7 if step < 120 else 0.25
        passed = np.random.default_rng(1000 + self.moves).random(60) < rate
        self.guard.evaluation(step, problems=[f"p{n}" for n in range(60)], passed=passed.tolist())

    def go(self, move: str) -> None:
        self.moves += 1
        match move:
            case "step":
                for step in range(self.step + 1, self.step + 11):
                    self.guard.step(step, self.values(step))
                self.step += 10
            case "again" if self.step:
                self.guard.step(self.step, {"grad_norm": 1.0 + self.moves % 3, "entropy": 0.5})
            case "evaluate" if self.step:
                self.evaluate(self.step)
            case "late" if self.step > 20:
                self.evaluate(self.step - 15)
            case "rewind" if self.step > 40:
                self.guard.rewind()
                self.step = self.step * 2 // 3
            case "look" if self.step:
                self.watched.catch_up(heldout.read(self.folder))

    def __enter__(self) -> Course:
        return self

    def __exit__(self, *exception: object) -> None:
        self.guard.close()
        self.recorder.close()


def that_hold(folder: Path) -> list[tuple[str, str, int]]:
    """Return the findings that the guard wrote and, as far as it knows, still hold."""
    held: list[tuple[str, str, int]] = []
    for row in map(json.loads, (folder / "findings.jsonl").read_text().splitlines()):
        if row["what"] == "finding":
            held.append((row["detector"], row["kind"], row["step"]))
        elif row["what"] == "rewind":
            held = [one for one in held if one[2] < row["step"]]
    return held


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(MOVES), min_size=20, max_size=60))
def test_guard_watch_and_report_find_the_same_whatever_happens(moves: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name, Course(Path(name), 10) as course:
        for move in ["step", *moves, "step", "evaluate", "look"]:
            course.go(move)
        after = diagnose(heldout.read(name), horizon=10).findings
        assert tuple(course.watched.findings) == after
        assert tuple(course.guard._fold.findings) == after
        held = that_hold(Path(name))
        assert len(set(held)) == len(held)
        assert set(held) >= {(one.detector, one.kind, one.step) for one in after}
        assert not course.guard.failures


def test_such_a_run_has_findings_of_several_kinds() -> None:
    with tempfile.TemporaryDirectory() as name, Course(Path(name), 10) as course:
        for move in ["step", "step", "evaluate"] * 15:
            course.go(move)
        kinds = {one.kind for one in diagnose(heldout.read(name), horizon=10).findings}
        assert {"confirmed", "entropy_collapse"} <= kinds

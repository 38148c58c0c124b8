"""A log that grows in pieces and a guard that is started again say at the end what the whole log says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import heldout
from heldout.datasets.simulated import FAMILIES, simulate
from heldout.detectors import Detectors
from heldout.detectors.base import block_of, fold
from heldout.diagnosis.verdict import diagnose, judge
from heldout.findings import Verdict
from heldout.live import Guard
from heldout.live.follow import Follower
from heldout.live.watch import Watch
from heldout.run import Run
from heldout.store.recorder import Recorder


class Kind(NamedTuple):
    """How a held-out score is logged."""

    key: str
    problems: int | None = None
    times: float = 1.0
    turned: bool = False  # lower is better

    def of(self, rate: float) -> float:
        return self.times * (1.0 - rate if self.turned else rate)


KINDS = {
    "sized": Kind("val/accuracy", 200),
    "unsized": Kind("val/accuracy"),
    "percent": Kind("val/accuracy", 200, 100.0),
    "free": Kind("eval/return", times=937.0),
    "error": Kind("val/error_rate", 200, turned=True),
    "loss": Kind("val/perplexity", times=12.0, turned=True),
    "outcomes": Kind("eval/held-out/pass@1"),
}
COUNT, LAST = 20, 200
cases = given(
    kind=st.sampled_from(sorted(KINDS)),
    family=st.sampled_from(FAMILIES),
    seed=st.integers(0, 30),
    planned=st.sampled_from([None, 12, COUNT, 40]),
    cuts=st.sets(st.integers(1, LAST), max_size=6),
)


class Logged(NamedTuple):
    """A row of a log: what the training said, and the evaluation, if there is one."""

    metrics: Mapping[str, float]
    rate: float | None
    passed: list[bool]


def rows_of(family: str, seed: int) -> list[Logged]:
    made = simulate(family, 100, COUNT, seed=seed)
    rates = dict(
        zip(range(10, LAST + 1, 10), zip(made.rates.tolist(), made.outcomes.tolist(), strict=True), strict=True)
    )
    logged = []
    for step in range(1, LAST + 1):
        noise = np.random.default_rng((seed, step)).random(2)
        metrics = {"reward": float(made.reward[4 * step - 1]), "kl": 0.01 * noise[0], "entropy": 1.0 + 0.1 * noise[1]}
        rate, passed = rates.get(step, (None, []))
        logged.append(Logged(metrics, rate, passed))
    return logged


def whole(run: Run, planned: int | None) -> Verdict:
    """Return the verdict on a log as a whole; without a plan, of a run without an end as whoever watches has it."""
    if planned is not None:
        return diagnose(run, horizon=planned)
    asked = Detectors.planned(None)
    return judge(run, asked, fold(asked, [block_of(run)]))


@settings(deadline=None, max_examples=8)
@cases
def test_a_log_that_is_read_in_pieces_gives_the_verdict_of_the_whole(
    kind: str, family: str, seed: int, planned: int | None, cuts: set[int]
) -> None:
    score = KINDS[kind]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.jsonl"
        watching = Watch(Follower(path, problems=score.problems), planned=planned, console=Console(quiet=True))
        for step, row in enumerate(rows_of(family, seed), start=1):
            with path.open("a") as file:
                more = {} if row.rate is None else {score.key: score.of(row.rate)}
                file.write(json.dumps({"step": step, **row.metrics, **more}) + "\n")
            if step in cuts | {LAST}:
                assert watching.look()
        verdict = whole(heldout.read(path, problems=score.problems), planned)
        assert tuple(watching.fold.findings) == verdict.findings
        assert watching.verdict == verdict


@settings(deadline=None, max_examples=8)
@cases
def test_a_guard_that_is_started_again_says_what_the_whole_log_says(
    kind: str, family: str, seed: int, planned: int | None, cuts: set[int]
) -> None:
    score, ids = KINDS[kind], [f"p{number}" for number in range(100)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        config = {} if score.problems is None else {"eval_problems": score.problems}
        logged = rows_of(family, seed)
        for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), LAST], strict=True):
            with Recorder(folder, config=config, resume=True) as recorder, Guard(recorder, planned=planned) as guard:
                for step, row in enumerate(logged[first:last], start=first + 1):
                    guard.step(step, row.metrics)
                    if row.rate is not None and kind == "outcomes":
                        guard.evaluation(step, problems=ids, passed=row.passed)
                    elif row.rate is not None:
                        guard.step(step, {score.key: score.of(row.rate)})
                assert not guard.failures
        run = heldout.read(folder)
        verdict = whole(run, planned)
        assert tuple(guard._fold.findings) == verdict.findings
        told = map(json.loads, (folder / "findings.jsonl").read_text().splitlines())
        found = [(row["detector"], row["kind"], row["step"]) for row in told if row["what"] == "finding"]
        assert len(found) == len(set(found))
        assert set(found) >= {(one.detector, one.kind, one.step) for one in verdict.findings}
        assert guard.kept is not None
        assert guard.kept.tied == verdict.tied or verdict.recommended is None


@pytest.mark.parametrize("kind", KINDS)
def test_of_each_kind_a_fall_is_found(kind: str) -> None:
    score, log = KINDS[kind], Guard(planned=COUNT)
    for step, row in enumerate(rows_of("sharp_collapse", 3), start=1):
        log.step(step, row.metrics)
        if row.rate is not None:
            log.step(step, {score.key: score.of(row.rate)})
    assert any(one.detector == "over_optimisation" for one in log._fold.findings)

"""Ways of failing that gain between the first and the last evaluation are named, and chance is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.diagnosis.failures import new_failures
from heldout.diagnosis.first_screen import first_screen
from heldout.run import Run
from heldout.store.recorder import Recorder

PROBLEMS = [f"p{n}" for n in range(256)]


def recorded(folder: Path, counts: Sequence[Mapping[str, int]]) -> Run:
    with Recorder(folder, roles={"reward": "reward"}) as recorder:
        for place, errors in enumerate(counts):
            recorder.log(10 * place, {"reward": 0.1 * place})
            failed = sum(errors.values())
            passed = [0.0] * failed + [1.0] * (len(PROBLEMS) - failed)
            recorder.evaluation(10 * place, problems=PROBLEMS, passed=passed, errors=dict(errors))
    return heldout.read(folder)


def test_a_policy_that_learns_to_leave_is_seen_to_leave(tmp_path: Path) -> None:
    counts = [{"wrong answer": 246 - 41 * n, "left the program": 3 + 42 * n} for n in range(7)]
    run = recorded(tmp_path, [*counts[:-1], {"left the program": 256}])
    assert new_failures(run) == ["left the program: 3 → 256 of 256"]
    looks = next(line.answer for line in first_screen(run, heldout.diagnose(run)) if line.key == "looks")
    assert looks.startswith("Failures since the first evaluation: left the program: 3 → 256 of 256.")


def test_a_kind_that_was_not_there_before_counts_from_0_and_wrong_answers_come_last(tmp_path: Path) -> None:
    run = recorded(tmp_path, [{"wrong answer": 10}, {"wrong answer": 150, "no such function": 50, "timeout": 40}])
    said = ["no such function: 0 → 50 of 256", "timeout: 0 → 40 of 256", "wrong answer: 10 → 150 of 256"]
    assert new_failures(run) == said


@pytest.mark.parametrize(
    "counts",
    [
        [{"raised": 10}, {"raised": 30}],  # less than ten points
        [{"raised": 200}, {"raised": 20}],  # fewer
        [{"raised": 100}],  # one evaluation
        [{}, {}],
    ],
)
def test_what_is_small_or_falls_is_not_named(tmp_path: Path, counts: list[dict[str, int]]) -> None:
    assert new_failures(recorded(tmp_path, counts)) == []


def test_chance_is_not_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for place in range(20):
        counts = [{"raised": int(rng.binomial(256, 0.4)), "timeout": int(rng.binomial(100, 0.1))} for _ in range(4)]
        assert new_failures(recorded(tmp_path / str(place), counts)) == []


def test_a_log_without_such_counts_has_none() -> None:
    assert new_failures(heldout.read("example:kimi-dev")) == []

"""Steps at which nothing was logged."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.readers.gaps import gaps
from heldout.run import NoteKind, Series


def series(step: object) -> dict[str, Series]:
    at = np.asarray(step, dtype=np.int64)
    return {"reward": Series("reward", at, np.ones(len(at)))}


def test_a_gap_is_said_with_its_ends_and_size() -> None:
    (note,) = gaps(series([*range(201), *range(420, 500)]))
    assert note.kind is NoteKind.MISSING
    assert note.text == "No rows between steps 200 and 420: 219 steps are missing; elsewhere each step is logged."


@pytest.mark.parametrize(("far", "said"), [(100, 0), (101, 1)])
def test_a_gap_is_wider_than_ten_usual_intervals(far: int, said: int) -> None:
    assert len(gaps(series([*range(0, 400, 10), *range(390 + far, 800 + far, 10)]))) == said


def test_a_step_whose_value_is_no_number_was_logged() -> None:
    step = np.array([*range(100), *range(150, 250)])
    whole = Series("reward", step, np.ones(200), nonfinite=np.arange(100, 150))
    assert gaps({"reward": whole}) == []


@pytest.mark.parametrize(
    "step",
    [
        np.cumsum(np.tile([1] * 9 + [50], 40)),  # bursts of ten rows: there is no usual interval
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
        [*range(18), 500],  # too few rows to be sure
        range(0, 100_000, 8192),
    ],
)
def test_a_log_without_a_usual_interval_has_no_gap(step: object) -> None:
    assert gaps(series(step)) == []


def test_a_clock_shows_no_gap_and_no_metric_none() -> None:
    at = np.array([*range(50), *range(500, 550)])
    assert gaps({"time": Series("time", at, np.ones(100))}) == []
    assert gaps({}) == []


def test_episodes_of_any_length_leave_no_gaps() -> None:
    drawn = np.random.default_rng(0).integers(30, 50, 120)
    for usual, said in ((drawn, 0), (np.full(120, 40), 1)):
        step = np.cumsum(np.insert(usual, 60, 900))
        assert len(gaps({"reward": Series("reward", step, np.zeros(len(step)))})) == said

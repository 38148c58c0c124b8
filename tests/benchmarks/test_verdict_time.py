"""The runs that the timing of verdicts is made on: what is timed must be the real thing."""

from __future__ import annotations

import pytest

from benchmarks.verdict import judged_run, logged_run, measure
from heldout.detectors import DETECTORS, Signal, unchecked
from heldout.diagnosis.verdict import diagnose


def test_the_judged_run_has_the_outcome_of_every_problem() -> None:
    verdict = diagnose(judged_run())
    assert verdict.recommended is not None
    assert not any("error control" in item.detector for item in verdict.unchecked)


def test_the_logged_run_gives_nearly_every_detector_something_to_look_at() -> None:
    idle = {
        item.detector for item in unchecked([make() for make in DETECTORS if issubclass(make, Signal)], logged_run(100))
    }
    assert idle <= {"repeated", "components", "idle_component"}  # its reward has no parts


def test_each_row_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.verdict._STEPS", (200, 400))
    monkeypatch.setattr("benchmarks.verdict._RIVAL_STEPS", 100)
    rows = measure(1)
    assert [row.steps for row in rows][:4] == [700, 700, 200, 400]
    assert all(row.seconds > 0 for row in rows)

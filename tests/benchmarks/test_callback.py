"""The runs that the callback's cost is measured on: what is timed must be the real thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.callback import EVERY, METRICS, PROBLEMS, by_position, measure, outcomes
from heldout.detectors import default_detectors
from heldout.metrics import meaning_of


def test_nearly_every_detector_of_training_signals_has_something_to_look_at() -> None:
    assert len(METRICS) >= 20
    played = {match.meaning.name for key in METRICS if (match := meaning_of(key))}
    idle = {one.name for one in default_detectors() if not played & set(one.needs)}
    # those get the evaluations; without a task no hidden tests judge what was answered
    assert idle == {"plateau", "late_surge", "repeated", "hack_rate"}


def test_the_evaluations_are_those_of_a_run_that_improves() -> None:
    (problems, first), (again, last) = outcomes(EVERY), outcomes(5000)
    assert problems == again
    assert len(set(problems)) == len(first) == PROBLEMS
    assert sum(first) < sum(last)


def test_every_position_within_the_run_is_measured() -> None:
    found = by_position(200)
    assert [one.step for one in found] == [50, 200]
    assert all(one.metrics > 0 and one.evaluation > 0 for one in found)
    assert all(one.together == pytest.approx(one.metrics + one.evaluation / EVERY) for one in found)


def test_both_ways_of_training_are_measured_and_only_one_has_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl", reason="training needs the extra train")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    alone, watched = measure(13, 1, warm_steps=5)
    assert alone.share == 0 < watched.share < 1
    assert watched.metrics >= 20

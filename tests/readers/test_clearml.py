"""ClearML's scalars as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from in_memory import cells, said, source

from heldout.readers.trackers.clearml import read


def points(steps: list[Any], values: list[Any]) -> dict[str, Any]:
    return {"name": "series", "x": steps, "y": values}


def test_titles_and_series_become_metrics() -> None:
    document = {
        "reward": {"train": points([1, 2, 3.0], [0.5, 0.25, "NaN"])},
        "accuracy": {"eval": points([2], [0.5]), "gsm8k": points([2], [0.75])},
        "kl": {"kl": points([1, 2], [0.1, 0.2])},
        ":monitor:gpu": {"gpu_0_utilization": points([900], [5])},
    }
    (log,) = read(source(json.dumps(document))) or []
    found = cells(log)
    assert set(found) == {"train/reward", "eval/accuracy", "accuracy/gsm8k", "kl"}
    assert log.step.tolist() == [1, 2, 3]
    assert found["kl"] == {0: 0.1, 1: 0.2}
    assert said(log.notes) == [("ignored", "What ClearML measures of the machine was left out.", 1)]


def test_points_without_a_partner_are_said() -> None:
    (log,) = read(source(json.dumps({"reward": {"train": points([1, 2, 3], [0.5])}}))) or []
    assert log.step.tolist() == [1]
    assert said(log.notes) == [("dropped", "Points without a partner in x or y were dropped.", 2)]


@pytest.mark.parametrize(
    "document",
    [
        {"x": [1], "y": [2]},
        {"a": {"x": [1], "y": [2]}},
        {"a": {"b": {"x": [1], "y": [2]}}, "step": [1]},
        {"a": {"b": {"x": [[1]], "y": [2]}}},
        {"a": {}, "b": {"c": {"x": [1], "y": [2]}}},
    ],
)
def test_other_documents_are_not_taken(document: dict[str, Any]) -> None:
    assert read(source(json.dumps(document))) is None

"""What a page is told of a chart."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from charts_data import published_reward, run_of, series

from heldout.charts import Band, Chart, Line, Side, reward_and_held_out
from heldout.charts.browser import as_data
from heldout.run import Run

SPIKES = np.arange(500, 100_000, 1000)


def long_run() -> Run:
    value = np.random.default_rng(1).normal(size=100_000)
    value[SPIKES] = 50.0 + np.arange(SPIKES.size)
    return run_of(series("reward", np.arange(100_000), value), reward="reward")


def lines(data: dict[str, Any], **wanted: object) -> list[dict[str, Any]]:
    return [one for one in data["layers"] if all(one.get(key) == value for key, value in wanted.items())]


def test_a_short_chart_keeps_every_number() -> None:
    run = published_reward()
    data = as_data(reward_and_held_out(run))
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    reward, held_out = lines(data, kind="line", side="left")[0], lines(data, kind="line", side="right")[0]
    assert reward["steps"] == run["reward"].step.tolist()
    assert reward["values"] == run["reward"].value.tolist()
    assert held_out["values"] == run["pass@1"].value.tolist()
    assert data["per_pixel"] is None


def test_no_spike_of_a_long_series_is_lost_at_any_zoom() -> None:
    chart = reward_and_held_out(long_run())
    for window in (None, (0, 99_999), (10_000, 60_000), (10_400, 10_600)):
        data = as_data(chart, 400, window)
        low, high = window or (0, 99_999)
        raw = lines(data, raw=True)[0]
        assert len(raw["steps"]) <= 2 * 400 + 4
        inside = SPIKES[(low <= SPIKES) & (high >= SPIKES)]
        assert set(inside.tolist()) <= set(raw["steps"]) or inside.size > 400


def test_a_window_near_enough_holds_every_value_and_says_so() -> None:
    chart = reward_and_held_out(long_run())
    near, far = as_data(chart, 400, (5000, 5400)), as_data(chart, 400)
    assert near["per_pixel"] is None
    assert far["per_pixel"] == pytest.approx(99_999 / 400)
    assert lines(near, raw=True)[0]["steps"] == list(range(4999, 5402))  # one beyond either edge


def test_a_gap_is_a_null() -> None:
    step = np.arange(10.0)
    chart = reward_and_held_out(published_reward()).with_layers(Line(Side.LEFT, step, step, "gap", breaks=(4.5,)))
    line = lines(as_data(chart), label="gap")[0]
    assert line["steps"][5] == 4.5
    assert line["values"][5] is None


def test_a_long_band_covers_what_it_covered() -> None:
    step = np.arange(5000.0)
    low, high = np.sin(step), np.sin(step) + 2.0
    chart = reward_and_held_out(published_reward()).with_layers(Band(Side.LEFT, step, low, high, "band"))
    band = lines(as_data(chart, 100), label="band")[0]
    assert len(band["steps"]) == 200
    assert min(band["low"]) == pytest.approx(low.min())
    assert max(band["high"]) == pytest.approx(high.max())


def test_an_empty_chart_is_data_too() -> None:
    chart = reward_and_held_out(published_reward())
    assert as_data(Chart(chart.x, chart.left))["layers"] == []

"""Several runs that differ in their seed, drawn as their mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from charts_data import run_of, series
from scipy import stats

from heldout.charts import Band, Chart, Hints, Line, dual_axis, render, reward_and_held_out
from heldout.charts.seeds import seeds_of
from heldout.errors import ChartError
from heldout.run import Run


def run(step: Any, value: Any) -> Run:
    return run_of(series("pass@1", step, value), held_out="pass@1")


def lines(chart: Chart, *, raw: bool) -> list[Line]:
    return [layer for layer in chart.layers if isinstance(layer, Line) and layer.raw is raw]


def test_the_band_is_the_t_interval_of_scipy() -> None:
    values = np.array([[10.0, 20.0, 30.0], [12.0, 26.0, 29.0], [17.0, 21.0, 34.0]])
    seeds = seeds_of([run([0, 10, 20], one) for one in values], "held_out")
    assert np.allclose(seeds.mean.value, values.mean(axis=0))
    for place in range(3):
        column = values[:, place]
        low, high = stats.t.interval(0.95, 2, column.mean(), stats.sem(column))
        assert (seeds.interval[0][place], seeds.interval[1][place]) == (pytest.approx(low), pytest.approx(high))


def test_only_steps_that_all_have_are_drawn_and_the_others_are_counted() -> None:
    chart = dual_axis([run([0, 10, 20, 30], [1, 2, 3, 4]), run([0, 20, 40], [2, 4, 9])], "held_out")
    (mean,) = lines(chart, raw=False)
    assert (mean.step.tolist(), mean.value.tolist()) == ([0, 20], [1.5, 3.5])
    assert "pass@1: 3 steps left out that not all seeds have." in chart.caption


def test_the_legend_says_how_many_and_what_the_band_is() -> None:
    chart = dual_axis([run([0, 10], [0.1, 0.2 + seed / 10]) for seed in range(3)], "held_out")
    assert chart.entries == ("pass@1, mean of 3 seeds, 95 % t band",)
    assert "bands: 95 % t intervals of the mean over seeds" in chart.caption
    assert len(lines(chart, raw=True)) == 3
    assert render(chart, "svg")


def test_shares_stay_between_nothing_and_all() -> None:
    low, high = seeds_of([run([0], [0.02]), run([0], [0.5])], "held_out").interval
    assert (low[0], high[0]) == (0.0, 1.0)


def test_the_band_of_two_seeds_does_not_flatten_the_curves() -> None:
    chart = dual_axis([run([0, 10], [10.0, 11.0]), run([0, 10], [10.2, 14.0])], "held_out")
    (band,) = [layer for layer in chart.layers if isinstance(layer, Band)]
    assert band.high.max() > 25  # t of one degree of freedom is 12.7
    assert chart.left.limits[1] < 25


def test_a_dense_metric_is_smoothed_in_each_run_over_one_window() -> None:
    random = np.random.default_rng(0)
    runs = [run(range(700), random.normal(size=700)) for _ in range(3)]
    chart = dual_axis(runs, "held_out", window=50)
    (mean,) = lines(chart, raw=False)
    assert chart.entries == ("pass@1, mean of 3 seeds, 95 % t band, local-linear over 50 steps",)
    assert np.ptp(mean.value) < 1.0
    assert mean.marked is not None
    assert len(mean.marked) < 20
    assert np.isin(mean.step, np.arange(700)).all()


def test_seeds_in_the_standard_figure() -> None:
    def both(seed: int) -> Run:
        reward, held_out = series("r", [0, 10], [1, 2 + seed]), series("pass@1", [0, 10], [0.2, 0.3])
        return run_of(reward, held_out, reward="r", held_out="pass@1")

    chart = reward_and_held_out([both(0), both(1)])
    assert chart.right is not None
    assert len(lines(chart, raw=True)) == 4


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (
            [run([0, 10], [1, 2]), run([5, 15], [1, 2])],
            "share no step at which pass@1 was logged .*draw them one by one",
        ),
        ([run([0], [1]), run([], [])], "run: none"),
        ([], "No run is given"),
    ],
)
def test_what_cannot_be_averaged(runs: list[Run], words: str) -> None:
    with pytest.raises(ChartError, match=words):
        dual_axis(runs, "held_out")


def test_seeds_are_drawn_against_steps() -> None:
    with pytest.raises(ChartError, match="the x axis cannot be 'tokens'"):
        dual_axis([run([0], [1]), run([0], [2])], "held_out", hints=Hints(x="tokens"))


def trained(name: str, seed: int, upto: int = 30) -> Run:
    """A run that logs a reward of its own at each step, and a score at every tenth."""
    random = np.random.default_rng(seed)
    reward, held_out = random.normal(size=30), random.uniform(0.2, 0.4, size=3)
    metrics = series("reward", range(upto), reward[:upto]), series("p", range(0, upto, 10), held_out[: -(-upto // 10)])
    return replace(run_of(*metrics, reward="reward", held_out="p"), name=name, source=f"runs/{name}")


@pytest.mark.parametrize("upto", [30, 12])
def test_a_copy_or_an_earlier_snapshot_is_no_seed_and_the_caption_says_so(upto: int) -> None:
    runs = [trained("b", 0, upto), trained("a", 0), trained("c", 1)]
    chart = dual_axis(runs, "held_out")
    assert chart.entries == ("p, mean of 2 seeds, 95 % t band",)
    copy, of = ("b", "a") if upto < 30 else ("a", "b")
    assert f"{copy} has the same measurements as {of}, and is no other seed: it does not count." in chart.caption
    alone = dual_axis(runs[:2], "held_out")
    assert alone.entries == ("p",)
    assert f"{copy} has the same measurements as {of}" in alone.caption


def test_where_all_seeds_have_one_value_there_is_no_band() -> None:
    chart = dual_axis([run([0, 10, 20], [0.2, 0.3, 0.4]), run([0, 10, 20], [0.2, 0.5, 0.7])], "held_out")
    (band,) = [layer for layer in chart.layers if isinstance(layer, Band)]
    assert band.step.tolist() == [10, 20]
    assert "pass@1: no band where all seeds have one value." in chart.caption
    level = dual_axis([run([0, 10], [0.2, 0.3]), run([0, 10], [0.2, 0.3])], "held_out")
    assert not [layer for layer in level.layers if isinstance(layer, Band)]

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from charts_data import LENGTH_HINTS, REWARD_HINTS, noisy_run, published_length, published_reward, run_of, series

from heldout.charts import (
    Band,
    Chart,
    Colour,
    Dash,
    Hints,
    Line,
    Marker,
    Marks,
    Place,
    Points,
    Rule,
    Side,
    Span,
    Text,
    dual_axis,
    legend_place,
    length_and_pass_rate,
    reward_and_held_out,
)
from heldout.errors import ChartError, UnknownMetric
from heldout.run import Run, Series


def layers(chart: Chart, kind: type) -> list:
    return [layer for layer in chart.layers if isinstance(layer, kind)]


def curves(chart: Chart) -> list[Line]:
    return [line for line in layers(chart, Line) if not line.raw]


# -- the two published figures


def test_published_reward_figure() -> None:
    chart = reward_and_held_out(published_reward(), hints=REWARD_HINTS)
    assert chart.x.tick_texts == ("0", "100", "200", "300", "400", "500", "600", "700")
    assert chart.left.tick_texts == ("3.00", "3.25", "3.50", "3.75", "4.00", "4.25", "4.50", "4.75", "5.00")
    assert chart.right is not None
    assert chart.right.tick_texts == ("0.28", "0.29", "0.30", "0.31", "0.32", "0.33", "0.34", "0.35", "0.36")
    assert chart.left.limits == (3.0, 5.0)
    assert chart.right.limits == (0.28, 0.36)
    assert (chart.x.title, chart.left.title, chart.right.title) == ("Steps", "Reward Score", "Test Pass@1")
    assert (chart.left.colour, chart.right.colour) == (Colour.LEFT, Colour.RIGHT)
    assert chart.entries == ("Reward", "Performance")
    assert legend_place(chart) == Place.UPPER_LEFT
    left, right = curves(chart)
    assert (left.marker, left.dash, left.side) == (Marker.CIRCLE, Dash.SOLID, Side.LEFT)
    assert (right.marker, right.dash, right.side) == (Marker.DIAMOND, Dash.DASHED, Side.RIGHT)
    assert not layers(chart, Band)
    assert not any(line.raw for line in layers(chart, Line))


def test_published_length_figure() -> None:
    chart = length_and_pass_rate(published_length(), hints=LENGTH_HINTS)
    assert chart.x.tick_texts == ("0", "25", "50", "75", "100", "125", "150", "175", "200")
    assert chart.left.tick_texts == ("6500", "7000", "7500", "8000", "8500")
    assert chart.right is not None
    assert chart.right.tick_texts == ("24", "26", "28", "30", "32", "34")
    assert chart.left.limits[0] < 6420
    assert chart.left.limits[1] > 8550
    assert chart.right.limits[1] > 34.0
    assert (chart.x.title, chart.left.title, chart.right.title) == (
        "RL Training Steps",
        "Token Length",
        "Pass Rate (%)",
    )
    assert chart.grid == Dash.DASHED
    assert legend_place(chart) == Place.UPPER_LEFT
    left, right = curves(chart)
    assert (left.marker, left.dash, left.colour) == (Marker.SQUARE, Dash.SOLID, Colour.LEFT)
    assert (right.marker, right.dash, right.colour) == (Marker.CIRCLE, Dash.SOLID, Colour.RIGHT)
    assert [text.text for text in layers(chart, Text)] == ["8550", "34.0%"]


@pytest.mark.parametrize("chart", [reward_and_held_out(published_reward()), length_and_pass_rate(published_length())])
def test_without_hints_one_grid_serves_both(chart: Any) -> None:
    assert chart.right is not None
    assert len(chart.left.ticks) == len(chart.right.ticks)
    assert np.allclose(chart.left.fraction(chart.left.ticks), chart.right.fraction(chart.right.ticks))


def test_everything_is_in_view() -> None:
    for chart in (
        reward_and_held_out(published_reward()),
        length_and_pass_rate(published_length(), hints=LENGTH_HINTS),
    ):
        for line in curves(chart):
            assert chart.axis(line.side).fraction(line.value).min() > 0
            assert chart.axis(line.side).fraction(line.value).max() < 1
            assert chart.x.fraction(line.step).min() > 0


# -- dense series


def test_a_dense_series_is_smoothed_and_says_so() -> None:
    chart = reward_and_held_out(noisy_run(), window=50, labels={"reward": "reward"})
    assert chart.entries[0] == "reward, local-linear over 50 steps"
    (raw,) = [line for line in layers(chart, Line) if line.raw]
    assert len(raw.step) == 700
    assert not raw.label
    left, right = curves(chart)
    assert chart.layers.index(raw) < chart.layers.index(left)
    assert left.marked is not None
    assert 8 <= len(left.marked) <= 14
    assert all(mark % 10 == 0 for mark in left.marked)
    assert set(left.marked) <= set(left.step.tolist())
    assert left.value.std() < raw.value.std()
    assert right.marked is None
    assert len(right.step) == 14


def test_the_caption_says_what_is_out_of_view() -> None:
    run = noisy_run()
    chart = reward_and_held_out(run)
    value = run["reward"].value
    low, high = chart.left.limits
    out = int(((value < low) | (value > high)).sum())
    assert out > 0
    assert f"its 700 values, of which {out} lie outside the plot (arrows)." in chart.caption


def test_a_very_dense_series_stands_before_a_band() -> None:
    chart = reward_and_held_out(noisy_run(steps=5000))
    (band,) = layers(chart, Band)
    assert (band.side, band.colour) == (Side.LEFT, Colour.LEFT)
    assert (band.low < band.high).all()
    assert "the band holds 90 % of its 5000 values" in chart.caption
    assert not any(line.raw for line in layers(chart, Line))


def test_the_window_is_suggested_by_the_data_and_written_short() -> None:
    run = run_of(series("reward", range(0, 25_000_000, 50_000), np.sin(np.arange(500) / 60)), reward="reward")
    assert reward_and_held_out(run).entries[0].endswith("M steps")


# -- bars, peaks, the chosen checkpoint


def test_bars_are_95_percent_intervals() -> None:
    run = noisy_run()
    chart = reward_and_held_out(run)
    (bars,) = [points for points in layers(chart, Points) if points.bars]
    low, high = bars.bars
    assert np.allclose(high - low, 2 * 1.96 * 0.012, rtol=1e-4)
    assert "95 % intervals (1.96 standard errors)" in chart.caption
    assert chart.right is not None
    assert chart.right.limits[0] < low.min()
    assert chart.right.limits[1] > high.max()


@pytest.mark.parametrize(("scale", "unit"), [(1, None), (100, "%")])
def test_bars_of_a_share_stay_between_nothing_and_all(scale: float, unit: Any) -> None:
    held_out = series("p", [0, 10, 20], np.array([0.0, 0.5, 1.0]) * scale, np.full(3, 0.1 * scale))
    run = run_of(series("reward", range(30), range(30)), held_out, reward="reward", held_out="p")
    chart = reward_and_held_out(run, hints=Hints(right_unit=unit))
    (bars,) = [points for points in layers(chart, Points) if points.bars]
    assert bars.bars[0].min() == 0.0
    assert bars.bars[1].max() == scale


def test_the_caption_names_the_axes() -> None:
    start = "Reward Score (left) and Test Pass@1 (right) against steps."
    assert reward_and_held_out(published_reward(), hints=REWARD_HINTS).caption.startswith(start)
    length = length_and_pass_rate(published_length(), hints=LENGTH_HINTS)
    assert length.caption.startswith("Token Length (left) and Pass Rate (%) (right) against RL Training Steps.")


def test_peaks() -> None:
    chart = reward_and_held_out(published_reward())
    rings = [points for points in layers(chart, Points) if points.marker == Marker.RING]
    assert [(ring.step[0], ring.value[0], ring.side) for ring in rings] == [
        (650, 4.65, Side.LEFT),
        (350, 0.348, Side.RIGHT),
    ]
    assert [text.text for text in layers(chart, Text)] == ["4.65", "0.348"]
    plain = reward_and_held_out(published_reward(), peaks=False)
    assert not layers(plain, Points)
    assert not layers(plain, Text)


def test_the_chosen_checkpoint() -> None:
    chart = reward_and_held_out(published_reward(), marks=Marks(chosen=350, tied=((150, 450), (600, 600))))
    (rule,) = layers(chart, Rule)
    spans = [(span.low, span.high, span.label) for span in layers(chart, Span)]
    assert (rule.step, rule.label) == (350, "checkpoint 350")
    assert spans == [(150, 450, "tied checkpoints"), (600, 600, "")]
    assert "Vertical line: the checkpoint at step 350." in chart.caption
    assert "steps 150 to 450 and 600, which cannot be told apart from it" in chart.caption
    with pytest.raises(ChartError, match="Step 900 is to be marked, and the chart goes from -14 to 714 only"):
        reward_and_held_out(published_reward(), marks=Marks(chosen=900))


def test_where_a_fall_began_is_a_dashed_line() -> None:
    chart = reward_and_held_out(published_reward(), marks=Marks(onset=600))
    (rule,) = layers(chart, Rule)
    assert (rule.step, rule.label, rule.dash) == (600, "onset 600", Dash.DASHED)
    assert "by step 600 the held-out score has fallen below its peak" in chart.caption


def test_a_fall_that_is_over_is_grey() -> None:
    chart = reward_and_held_out(published_reward(), marks=Marks(onset=300, back=400))
    assert layers(chart, Rule) == []
    (span,) = layers(chart, Span)
    assert (span.low, span.high, span.colour) == (300, 400, Colour.MUTED)
    assert "the held-out score was back by 400" in chart.caption


# -- names


def test_labels_by_role_or_by_key() -> None:
    for labels in ({"reward": "Reward", "held_out": "Pass@1"}, {"critic/score/mean": "Reward", "pass@1": "Pass@1"}):
        chart = reward_and_held_out(noisy_run(), labels=labels)
        assert chart.right is not None
        assert (chart.left.title, chart.right.title) == ("Reward", "Pass@1")


def test_long_keys_are_shortened_in_the_middle() -> None:
    key = "val-core/openai/humaneval_plus_extended_edition/acc/mean@16/overall_first"
    chart = dual_axis(run_of(series(key, [0, 1], [0, 1])), key)
    assert len(chart.entries[0]) == 40
    assert "…" in chart.entries[0]
    assert chart.entries[0].startswith("val-core/")
    assert chart.entries[0].endswith("overall_first")


def test_hints_may_set_everything() -> None:
    hints = Hints(
        left_marker=Marker.TRIANGLE,
        left_dash=Dash.DOTTED,
        right_marker=Marker.NONE,
        right_dash=Dash.SOLID,
        grid=Dash.DOTTED,
        legend="lower right",
        title="T",
        caption="C",
        left_unit="tokens",
    )
    chart = reward_and_held_out(published_reward(), hints=hints)
    left, right = curves(chart)
    assert (left.marker, left.dash, right.marker, right.dash) == ("triangle", "dotted", "none", "solid")
    assert (chart.grid, chart.legend, chart.title, chart.caption) == ("dotted", "lower right", "T", "C")
    assert chart.left.title == "reward (tokens)"


@pytest.mark.parametrize("ticks", [(0, 1), (1, 0, 0.1), (0, 1, 0), (0, 1, float("nan")), (0, 1000, 1)])
def test_hinted_ticks_are_first_last_and_distance(ticks: Any) -> None:
    with pytest.raises(ChartError, match="it must be the first tick, the last one and the distance between two"):
        Hints(left_ticks=ticks)


def test_one_hinted_side_sets_the_count_of_the_other() -> None:
    chart = reward_and_held_out(published_reward(), hints=Hints(left_ticks=(3, 5, 0.25)))
    assert chart.right is not None
    assert len(chart.right.ticks) == 9


# -- several on the right, or none


def test_several_on_the_right_differ_in_more_than_colour() -> None:
    names = ("a", "b", "c", "d")
    run = run_of(series("reward", [0, 1], [0, 1]), *(series(name, [0, 1], [i, i + 1]) for i, name in enumerate(names)))
    chart = dual_axis(run, "reward", names)
    right = [line for line in curves(chart) if line.side == Side.RIGHT]
    for attribute in ("colour", "marker", "dash"):
        assert len({getattr(line, attribute) for line in right}) == 4
    assert chart.right is not None
    assert chart.right.title == "a, b, c, d"
    assert chart.right.limits[1] > 4
    assert not layers(chart, Text)
    with pytest.raises(ChartError, match="5 metrics are asked for on the right axis; at most 4"):
        dual_axis(run, "reward", [*names, "a"])


MIXED = run_of(
    series("reward", [0, 1], [0.1, 0.9]),
    series("eval/accuracy", [0, 1], [0.2, 0.4]),
    series("eval/mbpp/accuracy", [0, 1], [20, 40]),
    series("completions/mean_length", [0, 1], [200, 812]),
    series("train/kl", [0, 1], [0.0, 0.4]),
    series("learning_rate", [0, 1], [1e-6, 0.0]),
    series("grad_norm", [0, 1], [0.5, 0.25]),
    series("truncated_ratio", [0, 1], [1e-4, 1e-4]),
    series("zero", [0, 1], [0.0, 0.0]),
    series("large", [0, 1], [-49.0, 3.0]),
    held_out="eval/accuracy",
)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            ["held_out", "completions/mean_length"],
            "eval/accuracy is a share of 1, and completions/mean_length is in tokens; one axis cannot show both. "
            "Draw one of them on the left, or in a figure of its own.",
        ),
        (["train/kl", "completions/mean_length"], "train/kl is in nats, and completions/mean_length is in tokens"),
        (["held_out", "eval/mbpp/accuracy"], "a share of 1, and eval/mbpp/accuracy is a share in percent"),
        (["grad_norm", "zero", "learning_rate"], "grad_norm reaches 0.5, and learning_rate reaches 1e-06"),
    ],
)
def test_one_axis_has_no_metrics_of_other_units_or_of_sizes_far_apart(keys: list[str], words: str) -> None:
    with pytest.raises(ChartError, match=re.escape(words)):
        dual_axis(MIXED, "reward", keys)
    assert dual_axis(MIXED, "reward", keys, hints=Hints(right_unit="")).right is not None


@pytest.mark.parametrize("keys", [["held_out", "truncated_ratio", "zero"], ["grad_norm", "large"], ["zero", "zero"]])
def test_shares_of_any_size_and_like_sizes_of_no_known_unit_share_an_axis(keys: list[str]) -> None:
    assert dual_axis(MIXED, "reward", keys).right is not None


def test_a_run_without_held_out_has_one_axis() -> None:
    run = run_of(series("reward", [0, 1], [0, 1]), reward="reward")
    chart = reward_and_held_out(run)
    assert chart.right is None
    assert 5 <= len(chart.left.ticks) <= 9


def test_a_run_without_reward_shows_what_there_is() -> None:
    chart = reward_and_held_out(run_of(series("p", [0, 1], [0, 1]), held_out="p"), hints=REWARD_HINTS)
    assert chart.right is None
    assert chart.left.title == "Test Pass@1"


def test_unknown_keys() -> None:
    with pytest.raises(UnknownMetric, match="run has no metric 'reward'"):
        reward_and_held_out(run_of(series("p", [0, 1], [0, 1])))
    with pytest.raises(UnknownMetric):
        dual_axis(published_reward(), "reward", "nothing")


def test_an_empty_series_and_a_bad_window() -> None:
    with pytest.raises(ChartError, match=r"reward has no finite value to draw; choose another metric\."):
        dual_axis(run_of(series("reward", [], [])), "reward")
    with pytest.raises(ChartError, match=r"The smoothing window is -1; it must be a number of steps, 0 for none\."):
        dual_axis(published_reward(), "reward", window=-1)


def test_without_smoothing_the_values_are_the_curve() -> None:
    value = np.random.default_rng(0).normal(size=5_000)
    run = run_of(series("reward", range(5_000), value))
    noisy = run_of(series("reward", range(5_000), -value[::-1]))
    (line,) = layers(dual_axis(run, "reward", window=0), Line)
    assert (line.value == value).all()
    assert line.label == "reward"
    assert line.marked is not None
    assert len(line.marked) < 20
    assert "local-linear" not in dual_axis(run, "reward", window=0).caption
    (mean,) = [one for one in layers(dual_axis([run, noisy], "reward", window=0), Line) if not one.raw]
    assert mean.label == "reward, mean of 2 seeds, 95 % t band"
    assert np.allclose(mean.value, (value - value[::-1]) / 2)


# -- odd data


ODD = {
    "one point": ([5], [1.0]),
    "two points": ([0, 5], [-1.0, -3.0]),
    "constant": (range(80), np.full(80, 0.3)),
    "zeros": (range(80), np.zeros(80)),
    "negative": (range(80), -np.arange(80.0)),
    "huge steps": (range(0, 25_000_000, 100_000), np.sin(np.arange(250))),
    "huge values": (range(10), 1e12 * np.arange(10)),
    "tiny range": (range(10), 1e12 + np.arange(10)),
    "tiny values": (range(10), 1e-12 * np.arange(10)),
    "49 points": (range(49), np.arange(49) % 7),
    "50 points": (range(50), np.arange(50) % 7),
    "gap": ([*range(60), *range(10_000, 10_060)], np.arange(120) % 5),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_series_make_sound_charts(name: str) -> None:
    step, value = ODD[name]
    run = run_of(series("a", step, value), series("b", step, value), reward="a", held_out="b")
    chart = reward_and_held_out(run)
    assert chart.right is not None
    assert len(chart.left.ticks) == len(chart.right.ticks)
    for line in curves(chart):
        fraction = chart.axis(line.side).fraction(line.value)
        assert np.isfinite(fraction).all()
        assert fraction.min() >= 0
        assert fraction.max() <= 1


def test_flat_series_have_no_peak() -> None:
    chart = dual_axis(run_of(series("a", range(80), np.full(80, 0.3))), "a")
    assert not layers(chart, Points)


# -- two shares on one scale -------------------------------------------------------------------------------------------


def shares(reward: tuple[float, float], score: tuple[float, float], key: str = "eval_accuracy") -> Chart:
    step = np.arange(20)
    made = {
        name: Series(name, step, np.linspace(low, high, 20))
        for name, (low, high) in {"reward": reward, key: score}.items()
    }
    return reward_and_held_out(Run("r", "memory", "test", made, {"reward": "reward", "held_out": key}))


def test_two_shares_have_one_scale() -> None:
    chart = shares((0.3, 0.9), (0.3, 0.7))
    assert chart.right is not None
    assert chart.left.limits == chart.right.limits
    assert chart.left.ticks == chart.right.ticks


@pytest.mark.parametrize(
    ("reward", "score", "key"),
    [
        ((0.3, 1.2), (0.3, 0.7), "eval_accuracy"),  # the reward is no share
        ((-0.1, 0.9), (0.3, 0.7), "eval_accuracy"),
        ((0.3, 0.9), (0.3, 0.7), "eval_reward"),  # the score is none
        ((0.1, 0.9), (0.40, 0.42), "eval_accuracy"),  # it would be a straight line
    ],
)
def test_other_curves_keep_scales_of_their_own(
    reward: tuple[float, float], score: tuple[float, float], key: str
) -> None:
    chart = shares(reward, score, key)
    assert chart.right is not None
    assert chart.left.limits != chart.right.limits

"""The hack curve: which blocks of steps it has, and what is drawn and written of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.charts.spec import Band, Colour, Line
from heldout.datasets.simulated_answers import simulate_answers
from heldout.diagnosis.hack_curve import hack_curve
from heldout.judged import Judged
from heldout.report import write_report
from heldout.report.figures import standard_figures
from heldout.report.tables import hack_rate
from heldout.run import Run, Series
from heldout.stats.arrays import floats
from heldout.stats.hacking import hacked_share

GROWING = np.concatenate([np.full(60, 0.01), np.linspace(0.01, 0.9, 60)])


def run_of(judged: Judged | None, *, percent: bool = False, score: bool = False) -> Run:
    """A reward that rises, and a held-out score that does not fall."""
    step, evaluated = np.arange(1, 121), np.arange(0, 121, 10)
    rates = 0.5 + 0.002 * evaluated
    key = "eval/return" if score else "eval/pass_rate"
    value = 300.0 * rates if score else 100.0 * rates if percent else rates
    metrics = {"reward": Series("reward", step, floats(0.3 + step / 200.0)), key: Series(key, evaluated, floats(value))}
    return Run("r", "r", "made", metrics, {"reward": "reward", "held_out": key}, judged=judged)


def test_blocks_lie_between_evaluations_and_hold_every_answer_once() -> None:
    judged = simulate_answers(GROWING, seed=1)
    curve = hack_curve(judged, [0, 30, 60, 100])
    assert curve is not None
    assert list(zip(curve.first_step.tolist(), curve.step.tolist(), strict=True)) == [
        (1, 30),
        (31, 60),
        (61, 100),
        (101, 120),
    ]
    for k in range(len(curve)):
        inside = judged.where((judged.step >= curve.first_step[k]) & (judged.step <= curve.step[k]))
        found = hacked_share(inside.rewarded, inside.failed, inside.group, inside.chance)
        assert (curve.share[k], curve.low[k], curve.high[k]) == (found.share, found.low, found.high)
        assert (curve.answers[k], curve.prompts[k]) == (found.answers, found.prompts)
    assert curve.answers.sum() == judged.rewarded.sum()


@pytest.mark.parametrize(("every", "rows", "note"), [(15, 8, ""), (10, 8, "8 of 12 blocks of steps, evenly spread")])
def test_a_table_of_some_blocks_says_of_how_many(every: int, rows: int, note: str) -> None:
    run, evaluated = run_of(simulate_answers(GROWING, seed=1)), np.arange(0, 121, every)
    score = Series("eval/pass_rate", evaluated, floats(0.5 + 0.002 * evaluated))
    table = hack_rate(heldout.describe(replace(run, metrics={**run.metrics, score.name: score})))
    assert table is not None
    assert (len(table.rows), table.note.partition(";")[0]) == (rows, note)


def test_blocks_without_a_rewarded_answer_that_was_judged_are_left_out() -> None:
    judged = simulate_answers(GROWING, seed=1)
    hidden = (judged.step > 30) & (judged.step <= 60)
    curve = hack_curve(replace(judged, failed=np.where(hidden, np.nan, judged.failed)), [30, 60, 90])
    assert curve is not None
    assert curve.step.tolist() == [30, 90, 120]
    assert hack_curve(replace(judged, failed=np.full(len(judged), np.nan)), [30]) is None
    assert hack_curve(judged.where(~judged.rewarded), [30]) is None


@pytest.mark.parametrize(("evaluated", "blocks"), [([], 20), (range(121), 61), ([500], 1), ([0], 1)])
def test_without_evaluations_or_with_very_many_blocks_are_even(evaluated: list[int], blocks: int) -> None:
    judged = simulate_answers(GROWING, seed=1)
    curve = hack_curve(judged, evaluated)
    assert curve is not None
    assert len(curve) == blocks
    assert curve.answers.sum() == judged.rewarded.sum()
    assert curve.step[-1] == 120


@pytest.mark.parametrize(("percent", "top"), [(False, 1.0), (True, 100.0)])
def test_the_figure_has_the_curve_with_its_band_on_the_axis_of_the_score(percent: bool, top: float) -> None:
    run = run_of(simulate_answers(GROWING, seed=1), percent=percent)
    chart = standard_figures(run, heldout.diagnose(run))[0].chart
    (line,) = (layer for layer in chart.layers if isinstance(layer, Line) and layer.colour is Colour.RIGHT_3)
    (band,) = (layer for layer in chart.layers if isinstance(layer, Band) and layer.colour is Colour.RIGHT_3)
    curve = hack_curve(run.judged, range(0, 121, 10)) if run.judged else None
    assert curve is not None
    np.testing.assert_allclose(line.value, top * curve.share)
    np.testing.assert_allclose([band.low, band.high], [top * curve.low, top * curve.high])
    assert chart.right is not None
    assert chart.right.limits[0] <= 0.0 <= 0.9 * top <= chart.right.limits[1]
    assert "Rewarded, fails hidden tests" in chart.entries
    assert "95 % interval" in chart.caption


def test_it_is_not_drawn_where_no_more_fail_than_is_tolerated_nor_beside_a_score_of_another_unit() -> None:
    honest = run_of(simulate_answers(np.full(120, 0.01), seed=1))
    plain = run_of(simulate_answers(GROWING, seed=1), score=True)
    for run in (honest, plain, run_of(None)):
        chart = standard_figures(run, heldout.diagnose(run))[0].chart
        assert "Rewarded, fails hidden tests" not in chart.entries


def test_the_report_has_the_curve_as_numbers_and_as_a_table(tmp_path: Path) -> None:
    folder = write_report(run_of(simulate_answers(GROWING, seed=1)), tmp_path).folder
    data = json.loads((folder / "report.json").read_text())
    rate = data["hack_rate"]
    assert rate["step"] == list(range(10, 121, 10))
    assert {len(column) for column in rate.values()} == {12}
    assert rate["share"][-1] > 0.6
    assert data["verdict"]["hacked"]["last_step"] == 120
    documented = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    assert all(f"`{key}`" in documented for key in ("hack_rate", *rate, "hacked", *data["verdict"]["hacked"]))
    for name in ("report.md", "report.html"):
        text = (folder / name).read_text()
        assert "Rewarded answers that fail the hidden tests" in text
        assert "111 to 120" in text
    without = write_report(run_of(None), tmp_path / "without").folder
    assert json.loads((without / "report.json").read_text())["hack_rate"] is None
    assert "Rewarded answers that fail" not in (without / "report.html").read_text()

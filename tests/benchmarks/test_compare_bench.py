"""Simulated recipes are as far apart as is said, and what is counted of comparisons is what is so."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.compare import NULL, POWER, Answer, Question, called_same, measure, questions, tables, two_recipes
from benchmarks.recipes import Recipes


@pytest.mark.parametrize("wilder", [1.0, 4.0])
def test_recipes_are_as_far_apart_in_truth_as_is_said(wilder: float) -> None:
    made = Recipes(4000, 40, 0.15, 0.8, truth=0.05, wilder=wilder)
    rng = np.random.default_rng(0)
    apart = [float(b.mean() - a.mean()) for a, b in (made.draw(rng) for _ in range(12))]
    assert np.mean(apart) == pytest.approx(0.05, abs=float(4 * np.std(apart) / math.sqrt(12)))


def test_seeds_scatter_as_far_as_their_name_says() -> None:
    made = Recipes(20_000, 400, 0.135, wilder=3.0)
    a, b = made.draw(np.random.default_rng(1)).mean(axis=2)
    assert "±2.0 and ±6.1" in str(made)
    assert 100 * a.std() == pytest.approx(2.0, abs=0.2)
    assert 100 * b.std() == pytest.approx(6.1, abs=0.6)


def test_the_curves_of_a_recipe_have_the_same_seeds_throughout_or_others_each_time() -> None:
    made = Recipes(3000, 2, 0.5)
    for anew in (False, True):
        level = made.curves(np.random.default_rng(2), 6, anew)[0].mean(axis=2)  # steps, seeds
        assert bool(np.ptp(level[:, 0]) > 0.04) is anew


def test_every_question_is_asked_once_and_again_with_the_same_answer() -> None:
    asked = questions()
    assert len({(one.of, one.setting) for one in asked}) == len(asked)
    few = [one for one in asked if one.of in (NULL, POWER)][::5]
    assert repr(measure(few, 3, 0)) == repr(measure(few, 3, 0))


def test_what_is_counted_is_what_was_said() -> None:
    far = two_recipes(Recipes(400, 5, truth=0.4), np.random.default_rng(0))
    assert {far[name] for name in far if name != "interval holds"} == {1.0}
    assert math.isnan(two_recipes(Recipes(100, 1), np.random.default_rng(0))["seeds only (Welch)"])
    close = called_same(Recipes(20_000, 3), np.random.default_rng(0))
    assert close["heldout"] == 1.0


def test_a_table_has_a_row_a_setting_and_says_its_error() -> None:
    answers = measure([Question("a", "b", lambda rng: {"x": float(rng.random() < 0.5)})], 400, 0)
    assert answers[0].value == pytest.approx(0.5, abs=0.1)
    assert answers[0].se == pytest.approx(0.025, rel=0.05)
    sheet = tables([Answer("a", "b", "x", 0.25, 0.01, 9), Answer("a", "b", "y", math.nan, 0.0, 9)], "9 draws")[0]
    assert (sheet.head, sheet.rows) == (("of", "x", "y"), (("b", "25.0 ±1.0", ""),))

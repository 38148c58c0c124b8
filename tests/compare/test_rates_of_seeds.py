"""Rates alone: seeds that came out alike by chance are no certainty, and what is too small to matter has a unit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from recipes_made import rates, recipe, with_benchmark

from heldout.charts import Band
from heldout.compare import Answer, compare, words
from heldout.compare.benchmarks import MEAN
from heldout.compare.figures import scores
from heldout.compare.groups import Group
from heldout.run import Run
from heldout.stats.best import best_set


def seeds(name: str, last: list[float], problems: int | None = None, first: int = 0) -> list[Run]:
    return [rates(f"{name}-{s}", [0.1, value], problems, reward=name, seed=first + s) for s, value in enumerate(last)]


def test_seeds_that_came_out_alike_are_as_sure_as_their_number_of_answers() -> None:
    found = compare([*seeds("a", [0.5] * 3, 50), *seeds("b", [0.6] * 3, 50)], at="last")
    one = found.primary[0]
    assert one.answer is Answer.CANNOT_TELL
    assert one.se == pytest.approx(math.sqrt((0.25 + 0.24) / 150))
    level = found.recipes[0].levels["last"]
    assert level.low < 0.45
    assert level.high > 0.55
    many = compare([*seeds("a", [0.5] * 3, 5000), *seeds("b", [0.6] * 3, 5000)], at="last")
    assert many.primary[0].answer is Answer.WORSE


def test_of_seeds_that_came_out_alike_nothing_is_sure_where_their_answers_are_not_counted() -> None:
    found = compare([*seeds("a", [0.5] * 3), *seeds("b", [0.6] * 3)], at="last")
    assert found.primary[0].answer is Answer.NOT_COMPARED
    assert "came out alike" in found.primary[0].why
    assert "no-size" in {one.code for one in found.refusals}
    assert words.level(found, found.recipes[0].levels["last"]) == "50.0"


def test_seeds_of_one_side_that_came_out_alike_scatter_as_the_other_side_does() -> None:
    one = compare([*seeds("a", [0.5] * 3), *seeds("b", [0.5, 0.6, 0.7])], at="last").primary[0]
    assert one.se == pytest.approx(0.1 * math.sqrt(2 / 3))
    assert one.df == 2.0


def test_equal_recipes_of_two_seeds_are_seldom_apart_at_any_step() -> None:
    rng = np.random.default_rng(0)
    apart = 0
    for _ in range(60):
        runs = [rates(f"r{s}", (rng.binomial(20, 0.5, 6) / 20).tolist(), 20) for s in range(4)]
        curve = compare([Group("a", tuple(runs[:2])), Group("b", tuple(runs[2:]))], at="last").curves[0]
        apart += bool(curve.apart)
    assert apart <= 6


def test_scores_of_their_own_unit_are_the_same_only_within_a_margin_that_a_user_gave() -> None:
    def losses(name: str, last: list[float]) -> list[Run]:
        runs, key = seeds(name, last), "eval/loss"
        return [
            replace(run, metrics={"reward": run["reward"], key: replace(run["held_out"], name=key)},
                    roles={"held_out": key}) for run in runs
        ]  # fmt: skip

    runs = [*losses("a", [3.41, 3.35, 3.44]), *losses("b", [3.38, 3.45, 3.36])]
    assert not runs[0].evaluations()[-1].share
    found = compare(runs, at="last").primary[0]
    assert (found.answer, math.isnan(found.margin)) == (Answer.CANNOT_TELL, True)
    assert compare(runs, at="last", margin=2.0).primary[0].answer is Answer.SAME


def test_the_best_is_asked_without_the_luck_of_chosen_steps() -> None:
    rng = np.random.default_rng(1)
    shares = [(rng.random((3, 200)) < 0.5).astype(float) for _ in range(3)]
    lucky = best_set([shares[0], shares[1], np.ones((3, 200))])
    assert lucky.members == (2,)
    down = float(shares[0].mean()) - 1.0
    assert best_set([shares[0], shares[1], np.ones((3, 200))], shift=[0.0, 0.0, down]).members == (0, 1, 2)
    assert best_set(shares, shift=0.1).p == pytest.approx(best_set(shares).p)


def test_benchmarks_of_the_same_problems_are_no_more_than_one_of_them() -> None:
    def doubled(run: Run) -> Run:
        more = [replace(one, benchmark="again") for one in run.measured]
        key = more[0].key
        return replace(run, metrics={**run.metrics, key: replace(run["held_out"], name=key)},
                       measured=(*run.measured, *more))  # fmt: skip

    a, b = recipe("a", 0.6, k=1), recipe("b", 0.5, first=9, k=1)
    *each, mean = compare(list(map(doubled, [*a, *b])), at="last").benchmarks
    assert mean.benchmark == MEAN
    assert mean.high - mean.low == pytest.approx(each[0].high - each[0].low, rel=0.02)
    other = [with_benchmark(run, "other", 0.5, n=200, seed=k) for k, run in enumerate((*a, *b))]
    *each, mean = compare(other, at="last").benchmarks
    assert mean.high - mean.low < 0.85 * (each[0].high - each[0].low)


def test_long_names_are_told_by_both_ends() -> None:
    begin = "grpo-qwen2.5-coder-instruct-humaneval-with-a-learning-rate-of-"
    first, second = (words.name(f"{begin}{rate}") for rate in ("1e-6", "2e-6"))
    assert first != second
    assert len(first) == 40
    assert words.name("x" * 40) == "x" * 40


def test_a_step_at_which_all_seeds_have_one_score_has_no_band() -> None:
    runs = [rates(f"a-seed{seed}", [0.25, 0.4 + seed / 10, 0.5], 100, seed=seed, reward="a") for seed in range(3)]
    runs += [rates(f"b-seed{seed}", [0.25, 0.5, 0.5], 100, seed=seed, reward="b") for seed in range(3)]
    chart = scores(compare(runs, at="last"))
    assert chart is not None
    assert [layer.step.tolist() for layer in chart.layers if isinstance(layer, Band)] == [[10.0]]

"""Recipes on several benchmarks: each, paid for all, and their mean."""

from __future__ import annotations

import io

import numpy as np
import pytest
from recipes_made import recipe, with_benchmark
from rich.console import Console

from heldout.compare import compare, words
from heldout.compare.benchmarks import MEAN
from heldout.compare.terminal import show
from heldout.run import Run
from heldout.stats.levels import holm


def on(runs: list[Run], **chances: float) -> list[Run]:
    for k, (name, chance) in enumerate(chances.items()):
        runs = [with_benchmark(run, name, chance, seed=100 * k + j) for j, run in enumerate(runs)]
    return runs


def test_each_benchmark_is_paid_for_all_and_the_mean_is_theirs() -> None:
    a = on(recipe("a", 0.7), aime=0.5, mbpp=0.8)
    b = on(recipe("b", 0.4, first=9), aime=0.5, mbpp=0.5)
    *each, mean = compare([*a, *b]).benchmarks
    assert [one.benchmark for one in each] == ["aime", "held-out", "mbpp"]
    assert mean.benchmark == MEAN
    assert mean.value == pytest.approx(float(np.mean([one.value for one in each])), abs=1e-12)
    assert [one.adjusted_p for one in each] == pytest.approx(holm([one.p for one in each]).tolist())
    assert mean.low < mean.value < mean.high
    assert mean.high - mean.low < max(one.high - one.low for one in each)


def test_one_benchmark_alone_or_one_that_a_run_lacks_is_no_several() -> None:
    a, b = recipe("a", 0.7), recipe("b", 0.4, first=9)
    assert compare([*a, *b]).benchmarks == ()
    assert compare([*on(a, aime=0.5), *b]).benchmarks == ()


def test_the_middle_half_from_fifteen_scores_on() -> None:
    a, b = recipe("a", 0.7, k=5), recipe("b", 0.4, first=9, k=5)
    two = compare([*on(a, aime=0.5), *on(b, aime=0.4)])
    assert two.trimmed == ()
    three = compare([*on(a, aime=0.5, mbpp=0.8), *on(b, aime=0.4, mbpp=0.6)])
    assert [(one.group, one.benchmarks, one.seeds) for one in three.trimmed] == [("a", 3, 5), ("b", 3, 5)]
    assert all(one.low < one.value < one.high for one in three.trimmed)


def test_the_terminal_has_a_row_for_each_benchmark_and_the_middle_half() -> None:
    found = compare(
        [*on(recipe("a", 0.7, k=5), aime=0.5, mbpp=0.8), *on(recipe("b", 0.4, first=9, k=5), aime=0.4, mbpp=0.6)]
    )
    printed = io.StringIO()
    show(Console(width=120, file=printed, highlight=False), found)
    lines = printed.getvalue().splitlines()
    for row in words.benchmarks(found):
        assert any(all(cell in line for cell in row) for line in lines)
    assert len(found.benchmarks) == 4
    assert sum("mean of the middle half" in line for line in lines) == 2

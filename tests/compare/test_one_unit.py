"""Scores of one name in one unit: what is percent in one log and may be percent in another is not compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from recipes_made import rates, recipe

from heldout.compare import compare
from heldout.errors import UsageError
from heldout.run import Run, Series

KEY = "eval/accuracy"


def logged(name: str, values: list[float], key: str = KEY) -> Run:
    run = rates(name, [0.5] * len(values), seed=int(name[-1]), recipe=name[0])
    series = Series(key, np.arange(len(values)) * 10, np.array(values))
    return replace(run, metrics={"reward": run.metrics["reward"], key: series}, roles={"held_out": key})


B = [logged(f"b-{k}", [30.0, 47.0 + k]) for k in range(3)]


@pytest.mark.parametrize("stuck", [[0.5, 0.86], [0.0, 1.0]])
def test_a_seed_in_percent_that_never_leaves_one_is_not_read_as_shares(stuck: list[float]) -> None:
    runs = [logged("a-0", [20.0, 45.0]), logged("a-1", [20.0, 46.0]), logged("a-2", stuck), *B]
    with pytest.raises(UsageError, match=r"eval/accuracy runs up to 45 in a-0.* in a-2, which may be percent"):
        compare(runs, at="last")


def test_a_recipe_in_shares_or_in_percent_below_one_is_not_compared_with_percent() -> None:
    with pytest.raises(UsageError, match="log both in one unit"):
        compare([*(logged(f"a-{k}", [0.3, 0.5 + 0.01 * k]) for k in range(3)), *B], at="last")


def test_zeros_are_the_same_in_either_unit_and_other_names_are_other_scores() -> None:
    runs = [logged("a-0", [20.0, 45.0]), logged("a-1", [20.0, 46.0]), logged("a-2", [0.0, 0.0]), *B]
    assert len(compare(runs, at="last").recipes) == 2
    other = [logged(f"a-{k}", [0.3, 0.5 + 0.01 * k], "eval/pass@1") for k in range(3)]
    assert len(compare([*other, *B], at="last").recipes) == 2


def test_shares_whose_problems_are_known_are_shares() -> None:
    assert len(compare([*recipe("a", 0.5), *B], at="last").recipes) == 2

"""The learned reward: it tells right from wrong where that can be told, and is kept with the run."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("transformers", reason="training needs the extra train")

from heldout.tasks.embedded import draw
from heldout.train.reward_model import Labelled, RewardModel, auc, fit_reward_model
from heldout.train.warm_start import WarmStart, warm_start


def test_the_auc_counts_pairs_in_order() -> None:
    assert auc([3, 2, 1], [True, True, False]) == 1.0
    assert auc([1, 2, 3], [True, True, False]) == 0.0
    assert auc([1, 1], [True, False]) == 0.5
    assert math.isnan(auc([1, 2], [True, True]))


def test_it_learns_what_tells_solved_from_unsolved_and_scores_alike_when_loaded(tmp_path: Path) -> None:
    rng = random.Random(0)
    start = str(warm_start(WarmStart(steps=5, batch=8)))
    labelled = []
    for _ in range(64):
        exercise = draw(rng, "train")
        labelled += [
            Labelled(exercise.prompt, exercise.solution("terse", rng), True),
            Labelled(exercise.prompt, " x\n", False),
        ]
    told = fit_reward_model(start, labelled, tmp_path / "one", 2, 0, lambda *_: None)
    assert told > 0.95
    assert fit_reward_model(start, labelled, tmp_path / "two", 2, 0, lambda *_: None) == told
    pairs = [(one.prompt, one.completion) for one in labelled[:20]]
    assert RewardModel(tmp_path / "one").scores(pairs) == RewardModel(tmp_path / "two").scores(pairs)

"""A training that the guard stopped, queued again with the same settings: it would end alike, and is not begun anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

import re

from heldout import Recorder
from heldout.callbacks.beginning import Past, Place, place_for
from heldout.errors import RecordError
from heldout.live import Guard, Rules

CONFIG = {"max_steps": 100}
PROBLEMS = [f"p{index}" for index in range(200)]


def stopped(where: Path, rules: Rules, *, saves: bool) -> int:
    """Record a run that falls, until its guard stops it; return at which step."""
    chance = np.random.default_rng(0).random(200)
    with Recorder(where, config=CONFIG) as recorder, Guard(recorder, rules, planned=20) as guard:
        for step in range(0, 100, 5):
            guard.step(step, {"reward": 0.01 * step})
            level = 0.6 if step <= 20 else 0.6 - 0.02 * (step - 20)
            if saves:
                folder = where / "checkpoints" / f"checkpoint-{step}"
                folder.mkdir(parents=True)
                guard.checkpoint(step, folder)
            guard.evaluation(step, problems=PROBLEMS, passed=(chance < level).tolist())
            if guard.should_stop or (where / "rollback.json").exists():
                recorder.close("stopped")
                return step
    raise AssertionError("it was not stopped")


def test_without_a_checkpoint_it_is_refused_with_the_reason(tmp_path: Path) -> None:
    step = stopped(tmp_path, Rules(stop="confirmed"), saves=False)
    said = f"the guard stopped it at step {step}; the same again would end alike. Change what was gamed, and give"
    with pytest.raises(RecordError, match=re.escape(said)):
        place_for(tmp_path, Past.NOTHING, CONFIG)


@pytest.mark.parametrize("rules", [Rules(stop="confirmed"), Rules(roll_back="confirmed")], ids=["stop", "roll back"])
def test_with_checkpoints_the_one_to_keep_is_named_not_the_last_one(tmp_path: Path, rules: Rules) -> None:
    stopped(tmp_path, rules, saves=True)
    with pytest.raises(RecordError, match=r"resume_from_checkpoint='.*checkpoint-(0|5|10|15|20)'"):
        place_for(tmp_path, Past.NOTHING, CONFIG)


def test_one_whose_guard_only_watched_and_that_was_interrupted_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not stopped"):
        stopped(tmp_path, Rules(), saves=False)
    with Recorder(tmp_path, resume=True) as recorder:
        recorder.close("stopped")
    place = place_for(tmp_path, Past.NOTHING, CONFIG)
    assert place == Place(tmp_path, True, place.said)
    assert "begins anew" in place.said


def test_one_that_went_on_after_the_stop_and_broke_off_begins_anew(tmp_path: Path) -> None:
    stopped(tmp_path, Rules(stop="confirmed"), saves=False)
    with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, Rules(stop="confirmed"), planned=20) as guard:
        guard.step(0, {"reward": 0.1})
        recorder.close("stopped")
    assert place_for(tmp_path, Past.NOTHING, CONFIG).resume

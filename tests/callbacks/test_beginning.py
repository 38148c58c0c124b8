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


TRL = ("checkpoint-{}", ("trainer_state.json", "optimizer.pt"))  # what a trainer saves, and what lies in it
VERL = ("global_step_{}/actor", ("model_world_size_1_rank_0.pt",))


def stopped(where: Path, rules: Rules, saves: tuple[str, tuple[str, ...]] | None) -> int:
    """Record a run that falls, until its guard stops it; return at which step."""
    chance = np.random.default_rng(0).random(200)
    with Recorder(where, config=CONFIG) as recorder, Guard(recorder, rules, planned=20) as guard:
        for step in range(0, 100, 5):
            guard.step(step, {"reward": 0.01 * step})
            level = 0.6 if step <= 20 else 0.6 - 0.02 * (step - 20)
            if saves:
                folder = where / "checkpoints" / saves[0].format(step)
                folder.mkdir(parents=True)
                for name in saves[1]:
                    (folder / name).touch()
                guard.checkpoint(step, folder)
            guard.evaluation(step, problems=PROBLEMS, passed=(chance < level).tolist())
            if guard.should_stop or (where / "rollback.json").exists():
                recorder.close("stopped")
                return step
    raise AssertionError("it was not stopped")


def test_without_a_checkpoint_it_is_refused_with_the_reason(tmp_path: Path) -> None:
    step = stopped(tmp_path, Rules(stop="confirmed"), None)
    said = f"the guard stopped it at step {step}; the same again would end alike. Change what was gamed, and give"
    with pytest.raises(RecordError, match=re.escape(said)):
        place_for(tmp_path, Past.NOTHING, CONFIG)


@pytest.mark.parametrize("rules", [Rules(stop="confirmed"), Rules(roll_back="confirmed")], ids=["stop", "roll back"])
@pytest.mark.parametrize(
    ("saves", "typed"),
    [
        (TRL, r"\(trainer\.train\(resume_from_checkpoint='.*checkpoint-(0|5|10|15|20)'\)\), or give"),
        (
            VERL,
            r"\(trainer\.resume_mode=resume_path trainer\.resume_from_path=\S*global_step_(0|5|10|15|20)\), or give",
        ),
        (("weights-{}", ()), r"\(/\S*/weights-(0|5|10|15|20)\), or give"),
    ],
    ids=["TRL", "verl", "another"],
)
def test_the_checkpoint_to_keep_is_named_as_its_trainer_takes_it(
    tmp_path: Path, rules: Rules, saves: tuple[str, tuple[str, ...]], typed: str
) -> None:
    stopped(tmp_path, rules, saves)
    with pytest.raises(RecordError, match=typed):
        place_for(tmp_path, Past.NOTHING, CONFIG)


def test_one_that_was_broken_off_behind_a_checkpoint_of_verl_is_gone_on_with_by_verls_settings(tmp_path: Path) -> None:
    saved = tmp_path / "saved" / "global_step_4" / "actor"
    saved.mkdir(parents=True)
    with Recorder(tmp_path, config=CONFIG) as recorder:
        recorder.log(4, {"reward": 0.1})
        recorder.checkpoint(4, saved)
        recorder.close("stopped")
    said = f"go on with it (trainer.resume_mode=resume_path trainer.resume_from_path={saved.parent}), or give"
    with pytest.raises(RecordError, match=re.escape(said)):
        place_for(tmp_path, Past.NOTHING, CONFIG)


def test_a_setting_within_others_is_named_alone(tmp_path: Path) -> None:
    before = {"trainer": {"total_epochs": 30, "test_freq": 2, "resume_mode": "auto"}}
    with Recorder(tmp_path, config=before) as recorder:
        recorder.log(1, {"reward": 0.1})
        recorder.close("stopped")
    now = {"trainer": {"total_epochs": 30, "test_freq": 5, "resume_mode": "disable"}}
    with pytest.raises(RecordError, match=re.escape("(trainer.test_freq is 2 there and 5 here)")):
        place_for(tmp_path, Past.NOTHING, now)
    now["trainer"]["test_freq"] = 2
    assert place_for(tmp_path, Past.NOTHING, now).resume


def test_one_whose_guard_only_watched_and_that_was_interrupted_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not stopped"):
        stopped(tmp_path, Rules(), None)
    with Recorder(tmp_path, resume=True) as recorder:
        recorder.close("stopped")
    place = place_for(tmp_path, Past.NOTHING, CONFIG)
    assert place == Place(tmp_path, True, place.said)
    assert "begins anew" in place.said


def test_one_that_went_on_after_the_stop_and_broke_off_begins_anew(tmp_path: Path) -> None:
    stopped(tmp_path, Rules(stop="confirmed"), None)
    with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, Rules(stop="confirmed"), planned=20) as guard:
        guard.step(0, {"reward": 0.1})
        recorder.close("stopped")
    assert place_for(tmp_path, Past.NOTHING, CONFIG).resume

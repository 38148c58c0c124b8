"""What happens in the life of a trainer besides one training from the first step to the last; in real ones of TRL."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import heldout
from heldout.errors import RecordError

pytest.importorskip("trl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

from heldout.callbacks import HeldoutCallback, newest_checkpoint  # noqa: E402

SHORT = {"max_steps": 3, "save_strategy": "no"}


def reward(completions: list[str], **_: Any) -> list[float]:
    return [float(len(one)) for one in completions]


def breaking(at: int, error: BaseException) -> Callable[..., list[float]]:
    """A reward that raises once, at its call of this number."""
    calls = iter(range(1, 10**6))

    def fragile(completions: list[str], **_: Any) -> list[float]:
        if next(calls) == at:
            raise error
        return [float(len(one)) for one in completions]

    return fragile


def steps(where: Path, key: str = "reward") -> list[int]:
    return heldout.read(where)[key].step.tolist()  # type: ignore[no-any-return]


def kept(where: Path) -> list[int]:
    return sorted(pl.read_parquet(where / "rollouts" / "*.parquet")["step"].unique().to_list())


@pytest.mark.parametrize("error", [ValueError("a mistake"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_training_that_broke_off_begins_anew_in_the_same_record(
    tmp_path: Path, grpo: Any, error: BaseException
) -> None:
    where, asked = tmp_path / "run", list[int]()

    def evaluate(model: Any, step: int) -> dict[str, Any]:
        asked.append(step)
        return {"problems": ["p", "q"], "passed": [len(asked) > 2, 1]}

    held = HeldoutCallback(where, evaluate=evaluate, every=2, ends=True)
    trainer = grpo(held.record_rewards(breaking(3, error)), held, **SHORT)
    with pytest.raises(type(error)):
        trainer.train()
    assert steps(where) == [1, 2]
    with pytest.warns(RuntimeWarning, match="run holds a training that was broken off at step 2; it begins anew"):
        trainer.train()
    assert steps(where) == kept(where) == [1, 2, 3]
    assert asked == [0, 2, 0, 2, 3]
    measured = heldout.read(where).measured
    assert [(one.step, one.rate) for one in measured] == [(0, 1.0), (2, 1.0), (3, 1.0)]
    assert held.guard is not None
    assert [one.step for one in held.guard._fold.evaluations] == [0, 2, 3]


def test_new_objects_after_an_error_in_one_process_take_the_record_over(tmp_path: Path, grpo: Any) -> None:
    """As where a cell of a notebook is run again, and the traceback still holds the old ones."""
    where = tmp_path / "run"
    old = HeldoutCallback(where)
    with pytest.raises(ValueError, match="a mistake"):
        grpo(breaking(2, ValueError("a mistake")), old, **SHORT).train()
    with pytest.warns(RuntimeWarning, match="broken off at step 1"):
        grpo(reward, HeldoutCallback(where), **SHORT).train()
    assert steps(where) == [1, 2, 3]


def test_a_second_training_and_another_trainer_are_recorded_beside(tmp_path: Path, grpo: Any) -> None:
    where = tmp_path / "run"
    held = HeldoutCallback(where)
    trainer, other = (grpo(held.record_rewards(reward), held, **SHORT) for _ in range(2))
    trainer.train()
    with pytest.warns(RuntimeWarning, match=r"a training that has ended; this one is recorded in .*run-2\."):
        trainer.train()
    with pytest.warns(RuntimeWarning, match=r"recorded in .*run-3\."):
        other.train()
    for place in (where, tmp_path / "run-2", tmp_path / "run-3"):
        assert steps(place) == kept(place) == [1, 2, 3]
        assert not any("taken up again" in note.text for note in heldout.read(place).notes)


def test_a_job_that_was_killed_before_it_saved_is_queued_again(tmp_path: Path, grpo: Any) -> None:
    where, out = tmp_path / "run", tmp_path / "trl"
    script = Path(__file__).with_name("killed.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], check=False, env=environment, timeout=300)
    assert done.returncode == -9
    assert steps(where) == [1, 2]
    assert newest_checkpoint(out) is None
    again = HeldoutCallback(where)
    with pytest.warns(RuntimeWarning, match="broken off at step 2; it begins anew"):
        grpo(reward, again, max_steps=4, save_steps=3).train(resume_from_checkpoint=newest_checkpoint(out))
    assert steps(where) == [1, 2, 3, 4]
    for settings, why in (
        ({"max_steps": 4, "save_steps": 3}, r"from_pretrained\('.*checkpoint-4'\)"),
        ({"max_steps": 9}, r"of other settings \(max_steps is 4 there and 9 here\); give another directory"),
    ):
        with pytest.raises(RecordError, match=why):
            grpo(reward, HeldoutCallback(where), **settings).train()
    shutil.rmtree(out)
    shutil.rmtree(where / "kept")
    with pytest.raises(RecordError, match="and has ended; give another directory"):
        grpo(reward, HeldoutCallback(where), max_steps=4, save_steps=3).train()


def test_evaluations_before_and_after_the_training_are_of_its_first_and_last_step(tmp_path: Path, grpo: Any) -> None:
    where = tmp_path / "run"
    evaluating = {"eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 4}
    held = HeldoutCallback(where)
    trainer = grpo(held.record_rewards(reward), held, **SHORT, **evaluating)
    trainer.evaluate()
    trainer.train()
    trainer.evaluate()
    run = heldout.read(where)
    assert run["reward"].step.tolist() == [1, 2, 3]
    assert run["held_out"].name == "eval_reward"
    assert run["held_out"].step.tolist() == [0, 2, 3]
    assert kept(where) == [1, 2, 3]  # what it writes where it is evaluated belongs to no step of the training
    assert json.loads((where / "process.json").read_text())["last_word"] == "finished"
    assert json.loads((where / "findings.jsonl").read_text().splitlines()[0])["planned"] == 2


def test_several_evaluation_sets_at_one_step_are_told_apart(tmp_path: Path, grpo: Any) -> None:
    where = tmp_path / "run"
    evaluating = {"eval_strategy": "steps", "eval_steps": 1, "per_device_eval_batch_size": 4}
    trainer = grpo(reward, HeldoutCallback(where), **SHORT, **evaluating)
    trainer.eval_dataset = dict.fromkeys(("a", "b"), trainer.eval_dataset)
    trainer.train()
    run = heldout.read(where)
    assert run["eval_a_reward"].step.tolist() == run["eval_b_reward"].step.tolist() == [1, 2, 3]
    assert run["reward"].step.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        (lambda path: (path / "trainer_state.json").unlink(), "trainer_state.json is missing"),
        (lambda path: (path / "trainer_state.json").write_text('{"global_'), "trainer_state.json is broken"),
        (lambda path: os.truncate(path / "model.safetensors", 900), "model.safetensors is "),
        (lambda path: os.truncate(path / "optimizer.pt", 900), "optimizer.pt is cut off"),
        (lambda path: [file.unlink() for file in path.iterdir()], "the folder is empty"),
    ],
    ids=["no state", "half a state", "cut weights", "cut optimiser", "empty"],
)
def test_a_broken_checkpoint_is_named_and_the_last_whole_one_gone_on_from(
    tmp_path: Path, grpo: Any, breaks: Callable[[Path], object], why: str
) -> None:
    where, out = tmp_path / "run", tmp_path / "trl"
    settings = {"max_steps": 3, "save_steps": 1, "save_only_model": False, "save_total_limit": None}
    grpo(reward, HeldoutCallback(where), **settings).train()
    breaks(out / "checkpoint-3")
    held = HeldoutCallback(where)
    with pytest.warns(RuntimeWarning, match="resume_from_checkpoint=newest_checkpoint"):
        trainer = grpo(reward, held, **settings)
    with pytest.warns(RuntimeWarning, match=rf"checkpoint-3 is not whole \({why}.*\); .* goes on from .*checkpoint-2"):
        whole = newest_checkpoint(out)
    trainer.train(resume_from_checkpoint=whole)
    assert steps(where) == [1, 2, 3]


def test_rewards_that_are_unknown_or_infinite_are_recorded_as_such(tmp_path: Path, grpo: Any) -> None:
    where = tmp_path / "run"
    held = HeldoutCallback(where)
    batches = iter(([None] * 4, [1.0, None, math.nan, math.inf], [1, 2, 3, 4]))
    other = iter(([None] * 4, [None, 2.0, None, 1.0], [0, 0, 0, 0]))
    first = held.record_rewards(lambda completions, **_: (score for score in next(batches)))
    second = held.record_rewards(lambda completions, **_: next(other))
    grpo([first, second], held, **SHORT, reward_weights=[1.0, 0.5]).train()
    assert steps(where, "step_time") == [1, 2, 3]
    rows = pl.concat([pl.read_parquet(path) for path in sorted((where / "rollouts").iterdir())], how="diagonal_relaxed")
    assert rows["step"].to_list() == [1] * 4 + [2] * 4 + [3] * 4
    assert rows["reward"].to_list() == [None] * 4 + [1.0, 1.0, None, math.inf] + [1.0, 2.0, 3.0, 4.0]
    assert rows["reward/<lambda>-2"].to_list()[4:6] == [None, 2.0]


@pytest.mark.parametrize(
    ("scores", "theirs"),
    [([1.0], "returned 1 rewards, but 4 were expected"), (["good"] * 4, "str"), (3.0, "not iterable")],
    ids=["too few", "text", "no list"],
)
def test_a_reward_that_is_none_is_refused_by_the_trainer_in_its_own_words(
    tmp_path: Path, grpo: Any, scores: Any, theirs: str
) -> None:
    held = HeldoutCallback(tmp_path / "run")
    with pytest.raises((ValueError, TypeError), match=theirs):
        grpo(held.record_rewards(lambda completions, **_: scores), held, **SHORT).train()


def test_a_callback_that_is_added_later_serves_as_well(tmp_path: Path, tiny: Any) -> None:
    from transformers import TrainerCallback

    for kind, more in (("GRPO", {}), ("RLOO", {"beta": 0.0})):
        where = tmp_path / kind
        held = HeldoutCallback(where, evaluate=lambda model, step: {"problems": ["p"], "passed": [1]}, every=2)
        trainer = tiny(kind, held.record_rewards(reward), TrainerCallback(), **SHORT, **more)
        trainer.add_callback(held)
        trainer.train()
        assert steps(where) == kept(where) == [1, 2, 3]
        assert [one.step for one in heldout.read(where).measured] == [2]


def test_no_steps_at_all_are_all_epochs(tmp_path: Path, grpo: Any) -> None:
    """To transformers ``max_steps=0`` means that epochs count."""
    where = tmp_path / "run"
    trainer = grpo(reward, HeldoutCallback(where), max_steps=0, num_train_epochs=0.1, save_strategy="no")
    trainer.train()
    assert steps(where) == list(range(1, trainer.state.global_step + 1))


def test_a_place_that_cannot_be_written_is_refused_and_a_full_disk_is_not_felt(
    tmp_path: Path, grpo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"no run can be recorded here \(Not a directory\)"):
        grpo(reward, HeldoutCallback(tmp_path / "file" / "run"), **SHORT).train()
    held = HeldoutCallback(tmp_path / "run")

    def full(self: Any, line: bytes) -> None:
        if b'"step":2' in line:
            raise OSError(28, "No space left on device")
        append(self, line)

    from heldout.store.lines import LineFile

    append = LineFile.append
    monkeypatch.setattr(LineFile, "append", full)
    with pytest.warns(RuntimeWarning, match="the metrics of step 2 could not be recorded.*No space left"):
        grpo(reward, held, **SHORT).train()
    assert steps(tmp_path / "run") == [1, 3]

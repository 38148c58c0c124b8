"""Which checkpoints are whole, by their files alone."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.store.checkpoints import later_ones, leave_behind, newest_below, newest_checkpoint, passed_over, why_broken


def safetensors(path: Path, size: int = 64) -> None:
    head = json.dumps({"__metadata__": {}, "w": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}).encode()
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"w" * size)


def save(folder: Path, step: int) -> Path:
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    safetensors(path / "model.safetensors")
    with zipfile.ZipFile(path / "optimizer.pt", "w") as archive:
        archive.writestr("archive/data.pkl", "x" * 100)
    return path


def shards(path: Path, there: int = 1) -> None:
    (path / "model.safetensors").unlink()
    names = {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    for number in range(1, there + 1):
        safetensors(path / f"model-{number}-of-2.safetensors")


@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        (lambda path: None, ""),
        (lambda path: (path / "optimizer.pt").unlink(), ""),  # weights alone can be gone on from as well
        (lambda path: (path / "trainer_state.json").unlink(), "trainer_state.json is missing"),
        (lambda path: (path / "trainer_state.json").write_text("[]"), "trainer_state.json says no step"),
        (lambda path: (path / "model.safetensors").unlink(), "the weights are missing"),
        (lambda path: safetensors(path / "model.safetensors", 63), "model.safetensors is cut off"),
        (lambda path: (path / "model.safetensors").write_bytes(b""), "model.safetensors is broken"),
        (lambda path: (path / "model.safetensors").write_bytes(b"\xff" * 99), "model.safetensors is broken"),
        (lambda path: os.truncate(path / "optimizer.pt", 100), "optimizer.pt is cut off"),
        (shards, "model-2-of-2.safetensors is missing"),
        (lambda path: shards(path, 2), ""),
        (lambda path: (path / "model.safetensors").rename(path / "adapter_model.safetensors"), ""),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_said(tmp_path: Path, breaks: Callable[[Path], object], why: str) -> None:
    path = save(tmp_path, 3)
    breaks(path)
    assert why_broken(path) == why


def test_the_newest_whole_one_is_found_by_its_number(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nowhere") is None
    for step in (9, 10, 11):
        save(tmp_path, step)
    (tmp_path / "checkpoint-best").mkdir()
    assert newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-11")
    (tmp_path / "checkpoint-11" / "trainer_state.json").unlink()
    found = newest_below(tmp_path)
    assert found.newest == tmp_path / "checkpoint-10"
    said = f"{tmp_path}/checkpoint-11 is not whole (trainer_state.json is missing); the training goes on from "
    assert passed_over(found) == f"{said}{tmp_path}/checkpoint-10."
    with pytest.warns(RuntimeWarning, match="the training goes on from .*checkpoint-10"):
        assert newest_checkpoint(tmp_path) == str(found.newest)


def test_later_checkpoints_are_left_behind_and_none_is_lost(tmp_path: Path) -> None:
    for to in (None, None, tmp_path / "elsewhere"):
        for step in (5, 6, 7):
            (tmp_path / "out" / f"checkpoint-{step}").mkdir(parents=True, exist_ok=True)
        leave_behind(tmp_path / "out", "somewhere/kept/checkpoint-5", to)
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["checkpoint-5", "left"]
    left = ["checkpoint-6", "checkpoint-6-again", "checkpoint-7", "checkpoint-7-again"]
    assert sorted(one.name for one in (tmp_path / "out" / "left").iterdir()) == left
    assert sorted(one.name for one in (tmp_path / "elsewhere").iterdir()) == ["checkpoint-6", "checkpoint-7"]
    leave_behind(tmp_path / "none", 5)
    with pytest.raises(UsageError, match="best is no checkpoint-STEP; give the step"):
        leave_behind(tmp_path / "out", "runs/best")


def test_later_checkpoints_that_are_whole_are_told_of(tmp_path: Path) -> None:
    for step in (5, 7, 12, 90):
        save(tmp_path, step)
    (tmp_path / "checkpoint-90" / "trainer_state.json").unlink()  # cut off, and passed over anyway
    said = later_ones(tmp_path, 5)
    assert said.startswith(f"{tmp_path} holds checkpoints of later steps (7 to 12), of the policy that is left;")
    assert f"leave_behind({str(tmp_path)!r}, 5)" in said
    assert later_ones(tmp_path, 12) == later_ones(tmp_path / "none", 0) == ""

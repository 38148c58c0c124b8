"""Folders: which files are one run, which of them is read, and what is said about the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import test_blocks_console

import heldout
from heldout.errors import SeveralRuns
from heldout.live.follow import Follower
from heldout.readers import directory, read_all


def verl_pair(folder: Path) -> Path:
    """The console and the file logger, which verl both writes."""
    folder.mkdir(exist_ok=True)
    line = "step:{0} - critic/score/mean:0.{0} - val-core/gsm8k/reward/mean@1:0.{0}\n"
    (folder / "train.log").write_text("".join(line.format(step) for step in range(9)))
    rows = [
        {"step": step, "data": {"critic/score/mean": step / 10, "val-core/gsm8k/reward/mean@1": step / 10}}
        for step in range(9)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def stable_baselines_pair(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "log.txt").write_text("".join(test_blocks_console.ppo(64 * step, loss=step / 8) for step in range(1, 9)))
    rows = "".join(f"{64 * step},{step},{step / 8}\n" for step in range(1, 9))
    (folder / "progress.csv").write_text(f"time/total_timesteps,rollout/ep_rew_mean,train/loss\n{rows}")
    return folder


@pytest.mark.parametrize(
    ("make", "format", "other"),
    [
        (verl_pair, "verl file log", "train.log"),
        (stable_baselines_pair, "Stable-Baselines3 progress.csv", "log.txt"),
    ],
)
def test_a_trainers_two_logs_of_one_run_are_one_run(tmp_path: Path, make, format: str, other: str) -> None:  # type: ignore[no-untyped-def]
    folder = make(tmp_path / "run")
    assert [run.name for run in read_all(folder)] == ["run"]
    followed = Follower(folder).poll()
    assert followed is not None
    for run in (heldout.read(folder), followed):
        assert run.format == format
        assert any(other in note.text for note in run.notes)


def test_two_consoles_in_one_folder_are_two_runs(tmp_path: Path) -> None:
    verl_pair(tmp_path)
    stable_baselines_pair(tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "progress.csv").unlink()
    assert [run.name for run in read_all(tmp_path)] == ["log", "train"]
    with pytest.raises(SeveralRuns):
        heldout.read(tmp_path)


@pytest.mark.parametrize(("depth", "found"), [(5, 2), (6, 1)])
def test_folders_are_looked_into_to_a_depth(tmp_path: Path, depth: int, found: int) -> None:
    deep = tmp_path.joinpath(*"abcdefgh"[:depth])
    deep.mkdir(parents=True)
    for folder in (tmp_path, deep):
        (folder / "metrics.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    assert len(read_all(tmp_path)) == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model.safetensors", True),
        ("A.PNG", True),
        ("config.json", True),
        ("tokenizer_config.json", True),
        ("License", True),
        ("a.pt", True),
        ("my_config.json", False),
        ("license.csv", False),
        ("metrics.jsonl", False),
        ("events.out.tfevents.1", False),
        ("pth", False),
        ("script.py.log", False),
    ],
)
def test_names_of_files_that_are_no_logs(name: str, expected: bool) -> None:
    assert directory.is_no_log(Path(name)) == expected


def scores(folder: Path, last: int, key: str = "acc") -> Path:
    """A log of 100 steps, and scores in a file beside it whose last step is given."""
    (folder / "metrics.jsonl").write_text("".join(json.dumps({"step": i, "reward": i}) + "\n" for i in range(100)))
    rows = [{"step": step, key: 0.5} for step in (0, last // 2, last)]
    (folder / "scores.json").write_text(json.dumps(rows))
    return folder


@pytest.mark.parametrize(
    ("last", "key", "joined"),
    [
        (49, "acc", True),  # half of the training's steps, the least
        (48, "acc", False),
        (119, "acc", True),  # a fifth more than those, the most
        (120, "acc", False),
        (99, "reward", False),  # a key that is there already
        (99, "mean_length", False),  # a training log of its own
    ],
)
def test_scores_beside_a_log_are_joined_where_they_cover_about_the_same_steps(
    tmp_path: Path, last: int, key: str, joined: bool
) -> None:
    run = heldout.read(scores(tmp_path, last, key))
    assert any("joined to the run by step" in note.text for note in run.notes) == joined
    assert len(run["reward"]) == 100

"""What TensorBoard lets one download: one tag, named by the file alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_memory import said, source

import heldout
from heldout.readers.trackers.tensorboard_download import named, read

POINTS = [(1_700_000_000.5 + step, step, step / 8) for step in (0, 10, 20, 30)]


def lines(ending: str = "\r\n") -> str:
    return ending.join(["Wall time,Step,Value", *(f"{wall},{step},{value}" for wall, step, value in POINTS), ""])


@pytest.mark.parametrize(
    ("name", "run", "tag"),
    [
        ("run-grpo-tag-train_reward.csv", "grpo", "train_reward"),
        ("run-.-tag-eval_accuracy.csv", None, "eval_accuracy"),
        ("run-a_b-tag-c-tag-reward (1).json", "a_b", "c-tag-reward"),
        ("run1-tag-kl.csv", "run1", "kl"),
        ("reward.csv", None, "reward"),
    ],
)
def test_run_and_tag_stand_in_the_name(name: str, run: str | None, tag: str) -> None:
    assert named(Path(name)) == (run, tag)


@pytest.mark.parametrize("content", [lines(), lines("\n"), json.dumps(POINTS), json.dumps(POINTS, indent=1)])
def test_points_of_one_tag(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run-grpo-tag-train_reward.csv"
    path.write_text(content)
    run = heldout.read(path)
    assert (run.name, run.format) == ("grpo", "TensorBoard CSV / JSON download")
    assert run["train_reward"].step.tolist() == [0, 10, 20, 30]
    assert run["train_reward"].value.tolist() == [0, 1.25, 2.5, 3.75]
    assert run["wall_time"].value[0] == 1_700_000_000.5


@pytest.mark.parametrize("content", [lines("\n")[:-5], json.dumps(POINTS)[:-6]])
def test_what_is_cut_is_dropped_and_said(content: str) -> None:
    (log,) = read(source(content, "run-a-tag-reward.csv")) or []
    assert log.step.tolist() == [0, 10, 20]
    assert [kind for kind, _, _ in said(log.notes)] == ["dropped"]


@pytest.mark.parametrize("content", ["step,Wall time\n1,2\n", "[[1, 2], [3, 4]]", "[[0.5, 1, [2]]]", "[]", "{}"])
def test_other_content_is_not_taken(content: str) -> None:
    assert read(source(content, "run-a-tag-reward.csv")) is None

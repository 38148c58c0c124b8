"""Following a log: what is news, what is a file begun anew, and which of several runs is meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heldout.errors import SeveralRuns
from heldout.live.follow import Follower
from heldout.store.recorder import Recorder

LINES = '{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.2}\n'


def steps(follower: Follower) -> list[int] | None:
    run = follower.poll()
    return None if run is None else run["reward"].step.tolist()


@pytest.mark.parametrize(
    ("name", "is_news"),
    [
        ("log.jsonl", True),
        ("new.log", True),
        (".hidden.jsonl", False),
        (".git/log.jsonl", False),
        ("model.safetensors", False),
        ("1/2/3/4/5/6/new.log", True),
        ("1/2/3/4/5/6/7/new.log", False),
    ],
)
def test_what_is_news_in_a_folder(tmp_path: Path, name: str, is_news: bool) -> None:
    (tmp_path / "log.jsonl").write_text(LINES)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    follower = Follower(tmp_path)
    assert steps(follower) == [1, 2]
    assert follower.poll() is None
    with path.open("a") as file:
        file.write("\n")
    assert (follower.poll() is not None) == is_news


@pytest.mark.parametrize(
    ("name", "is_news"),
    [
        ("metrics.jsonl", True),
        ("run.json", True),
        ("checkpoints.jsonl", True),
        ("evals/mine.jsonl", True),
        ("findings.jsonl", False),
        ("best.json", False),
        ("rollouts/a.jsonl", False),
    ],
)
@pytest.mark.parametrize("follows", ["", "metrics.jsonl", "run.json"])
def test_what_is_news_in_a_run_directory(tmp_path: Path, name: str, follows: str, is_news: bool) -> None:
    with Recorder(tmp_path) as recorder:
        recorder.log(1, reward=0.1)
        recorder.log(2, reward=0.2)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    follower = Follower(tmp_path / follows)
    assert steps(follower) == [1, 2]
    with path.open("a") as file:
        file.write("\n")
    assert (follower.poll() is not None) == is_news


@pytest.mark.parametrize(
    ("text", "rotated", "known"),
    [
        ('{"step": 7, "reward": 0.1}\n' * 2, False, [7]),  # as long as before: cannot be told from a file that was kept
        ('{"step": 7, "reward": 0.1}\n', False, [1, 2, 7]),
        ('{"step": 7, "reward": 0.1}\n' * 2, True, [1, 2, 7]),
        (LINES + '{"step": 7, "reward": 0.1}\n', False, [1, 2, 7]),
        (LINES + '{"step": 7, "reward": 0.1}\n', True, [1, 2, 7]),
    ],
)
def test_a_shorter_file_or_another_one_goes_on_where_the_last_one_ended(
    tmp_path: Path, text: str, rotated: bool, known: list[int]
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(LINES)
    follower = Follower(path)
    assert steps(follower) == [1, 2]
    if rotated:
        path.rename(tmp_path / "log.jsonl.1")
    path.write_text(text)
    os.utime(path, ns=(0, 0))
    assert steps(follower) == known


def several(folder: Path, count: int) -> Path:
    for number in range(count):
        (folder / f"run{number}.jsonl").write_text(LINES.replace('"step": ', f'"step": {number + 1}'))
    return folder


def test_several_runs_are_listed_up_to_six(tmp_path: Path) -> None:
    says = r"holds 8 runs \('run0', 'run1', 'run2', 'run3', 'run4', 'run5'\); choose one with --run NAME\.$"
    with pytest.raises(SeveralRuns, match=says):
        Follower(several(tmp_path, 8)).poll()
    assert steps(Follower(tmp_path, run="run3")) == [41, 42]
    another = Follower(tmp_path, run="another")
    assert another.poll() is None  # it may come
    assert another.waiting.startswith(f"{tmp_path} has no run 'another'; it has 'run0', 'run1'")


def test_a_named_run_is_followed_on_beside_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "wandb_export.csv"
    path.write_text('"Step","first - reward"\n"1","0.1"\n"2","0.2"\n')
    follower = Follower(path)
    assert steps(follower) == [1, 2]
    path.write_text('"Step","a new one - reward","first - reward"\n"1","0.4","0.1"\n"2","","0.2"\n"3","0.5","0.3"\n')
    assert steps(follower) == [1, 2, 3]
    path.write_text('"Step","a new one - reward","another - reward"\n"1","0.4","0.1"\n"2","0.6","0.2"\n' * 2)
    assert follower.poll() is None
    assert follower.waiting == f"{path} does not hold the run that was followed now."


def test_the_last_look_reads_in_any_case_and_takes_a_line_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(LINES + '{"step": 3, "reward": 0.3}')
    follower = Follower(path)
    assert steps(follower) == [1, 2]
    assert follower.poll() is None
    run = follower.poll(last=True)
    assert run is not None
    assert run["reward"].step.tolist() == [1, 2, 3]


def test_a_run_that_one_file_does_not_hold_is_refused_and_one_of_a_folder_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,reward\n0,0.1\n1,0.2\n")
    with pytest.raises(SeveralRuns, match=r"has no run './stop\.sh'; it has 'a'"):
        Follower(tmp_path / "a.csv", run="./stop.sh").poll()
    follower = Follower(tmp_path, run="later")
    assert follower.poll() is None
    assert "has no run 'later'" in follower.waiting

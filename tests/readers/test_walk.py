"""What a folder may hold that is no log: links, pipes, other people's files, our own."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from in_folders import lines, put, table, training

import heldout
from heldout.cli.reading import Reading
from heldout.compare import compare
from heldout.errors import ReadError
from heldout.live.follow import Follower
from heldout.readers import read_all
from heldout.readers.folders import walk
from heldout.report import write_report


@pytest.mark.parametrize("path", ["pipe", "link", "/dev/zero", "/dev/null"])
def test_what_would_be_waited_for_is_refused(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(ReadError, match=r"is a (pipe|device), and heldout reads files and folders"):
        heldout.read(tmp_path / path)
    with pytest.raises(ReadError):
        Follower(tmp_path / path)


def test_pipes_and_links_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "log.csv", table(training()))
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "nowhere.csv").symlink_to("missing.csv")
    (run,) = read_all(tmp_path)
    assert run.notes == heldout.read(tmp_path / "log.csv").notes
    assert Follower(tmp_path).poll() is not None


def test_folders_that_link_to_each_other_are_entered_once(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        put(tmp_path / name / "sub" / f"{name}.csv", table(training()))
        (tmp_path / name / "other").symlink_to(tmp_path / other / "sub")
    assert len(read_all(tmp_path)) == 2


def test_a_name_that_is_no_utf8_can_be_read_and_shown(tmp_path: Path) -> None:
    put(tmp_path / os.fsdecode(b"caf\xe9.csv"), table(training()))
    (run,) = read_all(tmp_path)
    (tmp_path / "out").mkdir()
    write_report(run, tmp_path / "out", ["svg"])
    assert (tmp_path / "out" / "report.json").stat().st_size


def test_of_very_many_files_some_are_not_looked_at_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "MOST_FILES", 3)
    for number in range(3):
        put(tmp_path / f"{number}.csv", table(training()))
    assert not any("looked at" in note.text for run in read_all(tmp_path) for note in run.notes)
    put(tmp_path / "3.csv", table(training()))
    runs = read_all(tmp_path)
    assert len(runs) == 3
    assert all("Only the first 3 files" in run.notes[-1].text or "Only" in str(run.notes) for run in runs)


def test_our_own_reports_and_the_trackers_debug_logs_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "run.csv", table(training()))
    before = heldout.read(tmp_path).notes
    write_report(heldout.read(tmp_path), tmp_path / "heldout-report", ["svg"])
    write_report(heldout.read(tmp_path), tmp_path, ["svg"])
    compared = compare([replace(heldout.read(tmp_path), name=name) for name in "ab"])
    (tmp_path / "compare.json").write_bytes(compared.json())
    for name in ("debug.log", "debug-internal.log", "wandb-metadata.json", "findings.jsonl"):
        put(tmp_path / name, '{"what": "finding", "step": 1}\n')
    assert heldout.read(tmp_path).notes == before


def test_a_report_of_others_is_no_report_of_ours(tmp_path: Path) -> None:
    put(tmp_path / "report.json", '[{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.6}]')
    assert len(heldout.read(tmp_path)["reward"]) == 2


def test_a_broken_file_concerns_the_readers_of_its_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / name / "metrics.jsonl", lines(training()))
    put(tmp_path / "a" / "half.jsonl", '{"step": 1, "rew')
    put(tmp_path / "c" / "metrics.jsonl", '{"step": 1, "rew')
    (a, b), unread = Reading().every(str(tmp_path))
    assert ["half.jsonl" in str(run.notes) for run in (a, b)] == [True, False]
    assert not any("c/metrics.jsonl" in str(run.notes) for run in (a, b))
    assert len(unread) == 1
    assert "c/metrics.jsonl" in unread[0]


def test_a_checkpoint_can_be_the_folder_that_is_read(tmp_path: Path) -> None:
    state = '{"log_history": [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.6}]}'
    folder = put(tmp_path / "out" / "checkpoint-2" / "trainer_state.json", state).parent
    run = heldout.read(folder)
    assert (run.name, run["reward"].step.tolist()) == ("checkpoint-2", [1, 2])


@pytest.mark.parametrize(
    ("folder", "taken"),
    [
        ("checkpoint-20", True),
        ("checkpoints/checkpoint-20", True),
        ("ckpt/checkpoint-20", True),
        ("checkpoints/project/name/checkpoint-20", True),
        ("output/checkpoint-20", True),
        ("other/checkpoint-20", False),
        ("other/out/checkpoint-20", False),
        ("old-run/checkpoints/checkpoint-20", False),
    ],
)
def test_checkpoints_of_another_folder_are_not_borrowed(tmp_path: Path, folder: str, taken: bool) -> None:
    put(tmp_path / "run.csv", table(training()))
    put(tmp_path / folder / "model.bin", "x")
    run = heldout.read(tmp_path)
    assert list(run.checkpoints) == ([20] if taken else [])
    assert any("left alone" in note.text for note in run.notes) != taken


def test_of_two_trainings_checkpoints_those_of_the_run_s_name_are_taken(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / "checkpoints" / name / "global_step_20" / "model.bin", "x")
    put(tmp_path / "run.csv", table([{**row, "run": "b"} for row in training()]))
    assert heldout.read(tmp_path).checkpoints == {}

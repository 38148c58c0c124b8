"""Several paths that are of one run, because a person says so; and runs of one name, which are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_folders import console, lines, put, scores, table, training

import heldout
from heldout.errors import SeveralRuns
from heldout.live.follow import Follower
from heldout.readers import read_all
from heldout.readers.folders.names import distinct


def test_a_console_and_a_table_elsewhere_are_read_as_one_run(tmp_path: Path) -> None:
    log = put(tmp_path / "a" / "train.log", console(training(), 60))
    table_ = put(tmp_path / "b" / "numbers.csv", table(scores()))
    for paths in ([log, table_], [str(table_), log]):
        run = heldout.read(paths)
        assert (run.roles["reward"], run.roles["held_out"]) == ("reward", "pass_rate")
        assert run.source == f"{paths[0]} + {paths[1]}"
    followed = Follower([log, table_]).poll()
    assert followed is not None
    assert followed["pass_rate"].value.tolist() == run["pass_rate"].value.tolist()


def test_scores_that_count_other_steps_are_joined_and_that_is_one_sentence(tmp_path: Path) -> None:
    log = put(tmp_path / "train.jsonl", lines(training(600)))
    epochs = put(tmp_path / "eval.json", json.dumps(scores(12, every=1)))
    run = heldout.read([log, epochs])
    assert run["pass_rate"].step.tolist() == list(range(1, 13))
    assert [note.text for note in run.notes if "as asked" in note.text] == [
        "eval.json was joined as asked, although its steps end at 12 and those of the training at 600, so that they "
        "count different things."
    ]


def test_a_log_that_goes_on_after_another_is_its_next_piece(tmp_path: Path) -> None:
    rows = training()
    first = put(tmp_path / "first.csv", table(rows[:40]))
    second = put(tmp_path / "second.csv", table(rows[30:]))
    for paths in ([first, second], [second, first]):
        assert heldout.read(paths)["reward"].step.tolist() == list(range(1, 61))


def test_what_adds_nothing_is_left_out_and_said(tmp_path: Path) -> None:
    a = put(tmp_path / "a.jsonl", lines(training()))
    b = put(tmp_path / "b.csv", table(training()))
    run = heldout.read([a, b])
    assert len(run["reward"]) == 60
    assert any("holds nothing that the run does not have already" in note.text for note in run.notes)


def test_a_path_with_several_runs_needs_one_chosen(tmp_path: Path) -> None:
    rows = [{**row, "run": name} for name in ("x", "y") for row in training()]
    several = put(tmp_path / "several.csv", table(rows))
    more = put(tmp_path / "eval.csv", table(scores()))
    with pytest.raises(SeveralRuns, match="to join it, choose one"):
        heldout.read([several, more])
    assert heldout.read([several, more], run="run=y").roles["held_out"] == "pass_rate"


def test_runs_of_one_name_are_told_apart_by_the_shortest_path(tmp_path: Path) -> None:
    for name in ("a/x/run.csv", "b/x/run.csv"):
        put(tmp_path / name, table(training()))
    put(tmp_path / "a" / "x" / "other.csv", table(training()))
    put(tmp_path / "b" / "x" / "other.csv", table(training()))
    assert [run.name for run in read_all(tmp_path)] == ["a/other", "a/run", "b/other", "b/run"]


@pytest.mark.parametrize(
    ("names", "paths", "told"),
    [
        (["run", "run"], ["x/a/run", "x/b/run"], ["a/run", "b/run"]),
        (["grpo", "grpo"], ["x/a", "x/b"], ["a/grpo", "b/grpo"]),
        (["run", "run", "z"], ["a/1/run", "b/1/run", "z"], ["a/run", "b/run", "z"]),
        (["run", "run"], ["a/run", "a/run"], ["a/run", "a/run (2)"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        (["seed0", "seed0"], ["x/a/seed0/log", "x/b/seed0/log"], ["a/seed0", "b/seed0"]),
        (["s", "s", "s"], ["a/x/s", "b/x/s", "a/y/s"], ["a/x/s", "b/x/s", "a/y/s"]),
    ],
)
def test_names_that_differ(names: list[str], paths: list[str], told: list[str]) -> None:
    assert distinct(names, [Path(path) for path in paths]) == told


def test_each_of_several_runs_in_a_folder_says_where_it_lies_itself(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "own/log.csv"):
        put(tmp_path / name, table(training()))
    found = {run.name: run.source for run in read_all(tmp_path)}
    assert found == {"a": f"{tmp_path}/a.csv", "b": f"{tmp_path}/b.csv", "own": f"{tmp_path}/own"}
    assert [run.name for source in found.values() for run in read_all(source)] == list(found)

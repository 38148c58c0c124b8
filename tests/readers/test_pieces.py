"""Files that are pieces of one run, and those that are runs of their own."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import test_wandb_offline as wandb
from hypothesis import given, settings
from hypothesis import strategies as st
from in_folders import console, events, export, lines, put, table, training

import heldout
from heldout.live.follow import Follower
from heldout.readers import read_all

RISING = {step: step / 200 for step in range(1, 101)}
SCORES = {step: step / 400 for step in range(10, 101, 10)}


@pytest.mark.parametrize("axis", ["Step", "_step", "global_step", "train/global_step", "trainer/global_step"])
def test_charts_of_the_same_runs_are_joined_by_the_runs_names(tmp_path: Path, axis: str) -> None:
    for name, metric, values in (("1", "train/reward", RISING), ("2", "eval/pass@1", SCORES)):
        put(tmp_path / f"{name}.csv", export({f"{run} - {metric}": values for run in ("a - 1", "b")}, axis))
    runs = read_all(tmp_path)
    assert [run.name for run in runs] == ["a - 1", "b"]
    for run in runs:
        assert (run.roles["reward"], run.roles["held_out"]) == ("train/reward", "eval/pass@1")
        assert (len(run["train/reward"]), len(run["eval/pass@1"])) == (100, 10)


def test_charts_over_other_axes_are_not_joined(tmp_path: Path) -> None:
    put(tmp_path / "1.csv", export({"a - reward": RISING}))
    put(tmp_path / "2.csv", export({"a - eval/pass@1": {step * 30: value for step, value in SCORES.items()}}))
    assert sorted(run.name for run in read_all(tmp_path)) == ["1/a", "2/a"]


def test_two_charts_of_one_metric_are_of_two_runs(tmp_path: Path) -> None:
    for name in ("1", "2"):
        put(tmp_path / f"{name}.csv", export({"a - reward": RISING}))
    assert len(read_all(tmp_path)) == 2


def test_a_resumed_run_of_wandb_is_one_run_in_the_order_of_its_pieces(tmp_path: Path) -> None:
    for when, first in (("20260102_100000", 6), ("20260101_100000", 0)):
        rows = [{"reward": step / 10, "global_step": step} for step in range(first, first + 9)]
        path = tmp_path / "wandb" / f"offline-run-{when}-abcd" / "run-abcd.wandb"
        put(path, wandb.file_of(*(wandb.history(row, number) for number, row in enumerate(rows))))
    (run,) = read_all(tmp_path)
    assert run.name == "abcd"
    assert run["reward"].step.tolist() == list(range(15))
    assert any("taken up again 1 time" in note.text for note in run.notes)


def test_event_files_that_each_begin_anew_are_runs(tmp_path: Path) -> None:
    for number in range(3):
        begun = 1000.0 + 5000 * number
        put(tmp_path / f"events.out.tfevents.{begun:.0f}.host.{number}.0", events({"reward": RISING}, begun))
    runs = read_all(tmp_path)
    assert [run.name for run in runs] == ["1000.host.0.0", "6000.host.1.0", "11000.host.2.0"]
    assert not any("restarted" in note.text for run in runs for note in run.notes)


@pytest.mark.parametrize(
    ("first", "runs"),
    [
        (1, 2),  # begins again
        (2, 1),  # goes on from the first step
        (90, 1),
        (200, 1),  # with a gap
    ],
)
def test_an_event_file_goes_on_where_it_begins_later_than_at_the_first_step(
    tmp_path: Path, first: int, runs: int
) -> None:
    put(tmp_path / "events.out.tfevents.1.a", events({"reward": RISING}))
    more = dict.fromkeys(range(first, first + 50), 0.5)
    put(tmp_path / "events.out.tfevents.2.a", events({"reward": more}, 90_000.0))
    assert len(read_all(tmp_path)) == runs


@pytest.mark.parametrize(("steps", "pause", "runs"), [(10, 600.0, 1), (30, 600.0, 2), (10, 7200.0, 2)])
def test_a_brief_start_that_was_followed_soon_was_given_up(tmp_path: Path, steps: int, pause: float, runs: int) -> None:
    put(tmp_path / "events.out.tfevents.1.a", events({"reward": dict.fromkeys(range(steps), 0.5)}))
    put(tmp_path / "events.out.tfevents.2.a", events({"reward": dict.fromkeys(range(101), 0.5)}, 1000.0 + pause))
    assert len(read_all(tmp_path)) == runs


def test_event_files_of_other_tags_are_of_one_run_whenever_they_were_written(tmp_path: Path) -> None:
    put(tmp_path / "events.out.tfevents.1.a", events({"reward": RISING}))
    put(tmp_path / "events.out.tfevents.2.a", events({"eval/pass@1": SCORES}, 90_000.0))
    (run,) = read_all(tmp_path)
    assert (len(run["reward"]), len(run["eval/pass@1"])) == (100, 10)


ROTATED: list[tuple[str, str, Callable[[str], bytes]]] = [
    ("train.log.2", "train.log.1", str.encode),
    ("train.log.10", "train.log.9", str.encode),
    ("train.log.2.gz", "train.log.1", lambda text: gzip.compress(text.encode())),
    ("train.log.2026-01-01", "train.log.2026-01-02", str.encode),
    ("train.log-20260101", "train.log-20260102", str.encode),
]


@pytest.mark.parametrize(("oldest", "older", "pack"), ROTATED)
def test_a_rotated_log_is_one_log(tmp_path: Path, oldest: str, older: str, pack: Callable[[str], bytes]) -> None:
    rows = training()
    put(tmp_path / oldest, pack(console(rows[:20], 60)))
    put(tmp_path / older, console(rows[20:40], 60))
    put(tmp_path / "train.log", console(rows[40:], 60))
    (run,) = read_all(tmp_path)
    assert run["reward"].value.tolist() == [row["reward"] for row in rows]
    assert not any("restarted" in note.text for note in run.notes)


def test_rows_that_are_only_counted_are_counted_on_over_a_rotation(tmp_path: Path) -> None:
    text = [
        "".join(f"{{'loss': 0.1, 'reward': {i / 100}, 'kl': 0.1}}\n" for i in part) for part in (range(5), range(5, 9))
    ]
    put(tmp_path / "out.log.1", text[0])
    put(tmp_path / "out.log", text[1])
    assert heldout.read(tmp_path)["reward"].value.tolist() == [i / 100 for i in range(9)]


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 59), grown=st.integers(1, 20))
def test_a_log_that_is_rotated_while_it_is_followed_reads_as_it_does_afterwards(
    tmp_path_factory: pytest.TempPathFactory, cut: int, grown: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    text = lines(training())
    rows = text.splitlines(keepends=True)
    log = put(folder / "train.jsonl", "".join(rows[:cut]))
    follower = Follower(folder)
    follower.poll()
    log.rename(folder / "train.jsonl.1")
    put(log, "".join(rows[cut : cut + grown]))
    follower.poll()
    put(log, "".join(rows[cut:]))
    run = follower.poll(last=True)
    assert run is not None
    assert run["reward"].step.tolist() == list(range(1, 61))


def test_numbered_files_without_the_one_that_they_are_parts_of_are_logs_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path / f"train.csv.{number}", table(training()))
    assert len(read_all(tmp_path)) == 2

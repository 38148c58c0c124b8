"""Restarts: a log that is read whole, one that is followed and one that grows in memory keep the same rows."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from in_memory import told

import heldout
from heldout.live.follow import Follower
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.readers.restarts import (
    GrowingLog,
    compacted,
    first_steps,
    is_clock,
    joined,
    sessions_of,
    sessions_of_evaluations,
    without_superseded,
)
from heldout.run import Note, NoteKind, Run
from heldout.store.recorder import Recorder

MANY = settings(max_examples=60, deadline=None)
Row = Mapping[str, float]


def rows_of(run: Run) -> dict[str, tuple[list[int], list[float], list[int]]]:
    """What a run keeps of each metric, but for the clock."""
    return {
        key: (series.step.tolist(), series.value.tolist(), series.nonfinite.tolist())
        for key, series in run.metrics.items()
        if key != "time"
    }


def written(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def training(first: int, count: int, key: str = "reward") -> list[Row]:
    return [{"step": step, key: step / 8, "kl": 0.01} for step in range(first, first + count)]


def evaluations(*steps: int) -> list[Row]:
    return [{"step": step, "eval/accuracy": step / 100} for step in steps]


def test_a_file_begun_anew_supersedes_only_what_it_logs_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(written(training(0, 100)))
    follower = Follower(path)
    follower.poll()
    path.rename(tmp_path / "metrics.jsonl.1")
    path.write_bytes(written(evaluations(10, 50, 90)))
    run = follower.poll()
    assert run is not None
    assert len(run["reward"]) == 100
    assert run["held_out"].step.tolist() == [10, 50, 90]
    with path.open("ab") as file:
        file.write(written(training(60, 5)))
    run = follower.poll()
    assert run is not None
    assert run["reward"].step.tolist() == list(range(65))


segments = st.lists(
    st.one_of(
        st.builds(training, st.integers(0, 30), st.integers(2, 12), st.sampled_from(["reward", "loss"])),
        st.lists(st.integers(0, 40), min_size=2, max_size=4).map(lambda steps: evaluations(*steps)),
        st.builds(lambda step: [{"step": step, "reward": float("nan")}, *evaluations(step)], st.integers(0, 40)),
    ),
    min_size=1,
    max_size=3,
)
files = st.lists(st.tuples(segments, st.booleans(), st.lists(st.floats(0, 1), max_size=3)), min_size=1, max_size=4)


@MANY
@given(files=files)
def test_a_log_that_is_rotated_and_truncated_is_the_log_of_all_its_rows(
    files: list[tuple[list[list[Row]], bool, list[float]]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        path, whole = Path(name) / "log.jsonl", Path(name) / "all" / "log.jsonl"
        whole.parent.mkdir()
        follower, run = Follower(path), None
        for number, (segments, rotated, cuts) in enumerate(files):
            data = written([row for rows in segments for row in rows])
            if rotated and path.exists():
                path.rename(path.with_suffix(f".{number}"))
            path.write_bytes(b"")
            follower.poll()
            at = 0
            for cut in (*sorted(round(cut * len(data)) for cut in cuts), len(data)):
                with path.open("ab") as file:
                    file.write(data[at:cut])
                at = cut
                run = follower.poll() or run
            with whole.open("ab") as file:
                file.write(data)
        assert run is not None
        after, *others = heldout.read_all(whole)
        assume(not others)  # two equal blocks that begin at the first step
        assert rows_of(run) == rows_of(after)
        assert run.roles == after.roles


pieces = st.lists(
    st.tuples(
        st.sampled_from(["resume", "rewind"]),
        st.integers(0, 20),
        st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=8),
    ),
    min_size=1,
    max_size=5,
)


@MANY
@given(pieces=pieces)
def test_what_the_guard_knows_is_what_its_record_says(pieces: list[tuple[str, int, list[int | None]]]) -> None:
    """In each piece steps of training from a first one on, and between them evaluations of checkpoints."""
    with tempfile.TemporaryDirectory() as name:
        recorder = Recorder(name)
        recorder.log(0, {"reward": 0.0})
        log = GrowingLog()
        log.add(0, {"reward": 0.0})
        for how, first, told in pieces:
            if how == "rewind":
                recorder.rewound()
                log.rewind()
            else:
                recorder.close()
                recorder = Recorder(name, resume=True)
                log = GrowingLog(run_log(Path(name)))
            step = first
            for evaluated in told:
                if evaluated is None:
                    recorder.log(step, {"reward": step / 8})
                    log.add(step, {"reward": step / 8})
                    step += 1
                else:
                    measured = recorder.evaluation(evaluated, problems=["a", "b"], passed=[1, 0], errors=step)
                    log.measure(measured, {"errors": step})
        recorder.close()
        assert rows_of(assemble(log.log(), "", "")) == rows_of(heldout.read(name))


def run_log(folder: Path) -> Log:
    from heldout.readers.run_directory import recorded

    return recorded(folder)


def log(*sessions: Mapping[str, list[int]], known: bool = True) -> Log:
    """A log of sessions, each with the steps at which it logs each metric."""
    step: list[int] = []
    session: list[int] = []
    columns: dict[str, list[int]] = {}
    for number, metrics in enumerate(sessions):
        steps = sorted({at for logged in metrics.values() for at in logged})
        for key, logged in metrics.items():
            columns.setdefault(key, []).extend(len(step) + steps.index(at) for at in logged)
        step += steps
        session += [number] * len(steps)
    made = {key: Column(np.array(rows), np.zeros(len(rows))) for key, rows in columns.items()}
    return Log("json-lines", np.array(step), made, session=np.array(session) if known else None)


def steps_held(one: Log) -> dict[str, list[int]]:
    held, _ = without_superseded(one)
    return {key: held.step[column.row].tolist() for key, column in held.columns.items()}


def test_what_is_superseded() -> None:
    assert steps_held(log({"a": [1, 2, 3]}, {"a": [2]})) == {"a": [1, 2]}
    assert steps_held(log({"a": [1, 2, 3]}, {"b": [2]})) == {"a": [1, 2, 3], "b": [2]}
    assert steps_held(log({"a": [1, 2, 3], "b": [3]}, {"b": [2]})) == {"a": [1], "b": [2]}
    assert steps_held(log({"a": [1, 2, 3]}, {"b": [1]}, {"a": [3]})) == {"a": [1, 2, 3], "b": [1]}
    assert steps_held(log({"a": [1, 2, 3], "time": [1, 2, 3]}, {"b": [1], "time": [1]}))["a"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ([{"a": [1, 2, 3]}, {"a": [3]}], "restarted 1 time; 1 row "),  # the step of the tie is logged again
        ([{"a": [1, 2, 3]}, {"a": [4]}], ""),
        ([{"a": [1, 2, 3]}, {"a": [2, 3]}, {"a": [1]}], "restarted 2 times; 5 rows"),
        ([{"a": [1, 2, 3]}, {"a": [2]}, {"a": [3]}], "restarted 1 time; 2 rows"),
    ],
)
def test_restarts_are_counted(sessions: list[Mapping[str, list[int]]], said: str) -> None:
    notes = without_superseded(log(*sessions))[1]
    assert [said in note.text for note in notes] == ([True] if said else [])


@pytest.mark.parametrize(("back", "rows", "is_sorted"), [(10, 41, False), (11, 41, True), (4, 9, False), (4, 10, True)])
def test_more_than_a_quarter_of_jumps_back_are_rows_in_no_order(back: int, rows: int, is_sorted: bool) -> None:
    """A quarter of forty jumps is not more than that; eight jumps are too few to tell."""
    step = np.arange(rows) + 100
    step[1 : 2 * back : 2] -= 50
    assert np.count_nonzero(np.diff(step) < 0) == back
    one = Log("csv", step, {"reward": Column(np.arange(rows), np.zeros(rows))})
    held, notes = without_superseded(one)
    assert ["sorted" in note.text for note in notes] == [is_sorted]
    assert (len(held.columns["reward"].row) == rows) == is_sorted


@pytest.mark.parametrize(("steps", "held"), [([20, 10, 0], 3), ([20, 10], 1), ([20, 10, 10], 2), ([10, 20, 0], 1)])
def test_a_table_whose_newest_row_is_first_is_sorted(steps: list[int], held: int) -> None:
    """Two rows are too few to tell, and a restart need not be alone."""
    one = Log("csv", np.array(steps), {"reward": Column(np.arange(len(steps)), np.zeros(len(steps)))})
    assert len(without_superseded(one)[0].columns["reward"].row) == held


@pytest.mark.parametrize(
    ("rows", "rewards", "measured"),
    [
        # an evaluation that comes late, at the end of the file or before training goes on, takes nothing back
        ([*training(1, 9), *evaluations(3, 6, 9, 4)], 9, [3, 4, 6, 9]),
        ([*training(1, 6), *evaluations(3, 6, 2), *training(7, 3), *evaluations(9)], 9, [2, 3, 6, 9]),
        # nor does one that is written again: the last value counts
        ([*training(1, 9), *evaluations(3, 6, 9, 6)], 9, [3, 6, 9]),
        # training from step 5 on takes back what was measured of step 5 and later, and not what is measured of it anew
        ([*training(1, 9), *evaluations(3, 6, 9), *training(5, 2), *evaluations(6)], 6, [3, 6]),
        ([*training(1, 9), *evaluations(3, 6, 9), *training(5, 2), *evaluations(4)], 6, [3, 4]),
        # a file of evaluations alone has nothing else that could tell of a restart
        (evaluations(3, 6, 9, 4), 0, [3, 4]),
    ],
)
def test_an_evaluation_alone_begins_no_session_beside_training(
    tmp_path: Path, rows: list[Row], rewards: int, measured: list[int]
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(written(rows))
    run = heldout.read(path)
    assert run["held_out"].step.tolist() == measured
    assert ("reward" in run.metrics and run["reward"].step.tolist()) == (rewards > 0 and list(range(1, rewards + 1)))
    followed = Follower(path).poll()
    assert followed is not None
    assert rows_of(followed) == rows_of(run)


def test_logs_without_sessions_are_joined_as_one_file_would_be() -> None:
    parts = log({"a": [1, 2, 3]}, known=False), log({"b": [2], "a": [5]}, known=False)
    assert joined(parts).session is None
    known = joined([parts[0], log({"a": [9]}, {"a": [9]})])
    assert sessions_of(known).tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize(("times", "rows"), [(11, 1100), (12, 100)])
def test_a_file_that_is_written_anew_again_and_again_does_not_grow(times: int, rows: int) -> None:
    """A thousand superseded rows are kept; one more, and all go."""
    one = log({"a": list(range(100))}, known=False)
    many = joined([one] * times)
    assert len(compacted(many).step) == rows
    assert steps_held(compacted(many)) == steps_held(many) == {"a": list(range(100))}


def test_a_followed_file_that_is_replaced_by_each_save_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    follower = Follower(path)
    for number in range(40):
        (tmp_path / "new").write_bytes(written(training(number, 60)))
        os.replace(tmp_path / "new", path)
        run = follower.poll()
        assert run is not None
        assert run["reward"].step.tolist() == list(range(number + 60))


@pytest.mark.parametrize(
    ("step", "time", "holds"), [(5, 11.0, True), (5, 10.9, False), (4, 11.0, True), (4, 10.9, True)]
)
def test_an_evaluation_at_the_very_step_and_time_of_a_resumption_is_the_new_sessions(
    tmp_path: Path, step: int, time: float, holds: bool
) -> None:
    """Training is taken up again at step 5 and time 11: what was measured of step 5 before holds no longer."""
    (tmp_path / "run.json").write_text('{"format": "heldout run"}')
    rows: list[Row] = [{"step": i, "time": i, "reward": 1.0} for i in range(1, 11)]
    again: list[Row] = [{"step": i, "time": 12.0, "reward": 2.0} for i in range(5, 8)]
    (tmp_path / "metrics.jsonl").write_bytes(written([*rows, {"resumed": True, "time": 11.0}, *again]))
    (tmp_path / "evals").mkdir()
    line = {"step": step, "time": time, "benchmark": "b", "problems": ["x", "y"], "passed": [1, 0], "samples": 1}
    (tmp_path / "evals" / "b.jsonl").write_text(json.dumps(line) + "\n")
    assert [one.step for one in heldout.read(tmp_path).measured] == ([step] if holds else [])


# -- in full ----------------------------------------------------------------------------------------------------------


def test_what_is_said_of_restarts_and_of_rows_in_no_order() -> None:
    text = (
        "The run restarted 2 times; 4 rows at steps that were logged again afterwards were superseded (the last write "
        "wins)."
    )
    _, notes = without_superseded(log({"a": [1, 2, 3, 4]}, {"a": [3, 5]}, {"a": [4]}))
    assert [(note.kind.value, note.text, note.count) for note in notes] == [
        ("repaired", text.replace("4 rows", "3 rows"), 3)
    ]
    order = np.array([9, 1, 8, 2, 2, 7, 3, 6, 4, 5, 5])  # 9 jumps of 10 are enough; equal steps are no jump back
    one = Log("csv", order, {"a": Column(np.arange(11), np.zeros(11))})
    _, notes = without_superseded(one)
    assert [(note.kind.value, note.text, note.count) for note in notes] == [
        ("repaired", "Rows were not in order of their steps; they were sorted.", 4)
    ]


def test_sessions_are_told_by_steps_that_jump_back() -> None:
    step = np.array([3, 3, 4, 1, 1, 2, 0])
    assert sessions_of(Log("csv", step, {})).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert sessions_of(Log("csv", step[:0], {})).tolist() == []


@pytest.mark.parametrize(
    ("step", "during", "session"),
    [(5, 2, 2), (4, 2, 1), (2, 2, 1), (1, 2, 0), (0, 2, 0), (9, 0, 0), (0, 0, 0), (4, 1, 1)],
)
def test_an_evaluation_belongs_to_the_training_that_reached_its_step(step: int, during: int, session: int) -> None:
    begins = np.array([1, 2, 5])
    assert sessions_of_evaluations(np.array([step]), np.array([during]), begins).tolist() == [session]


def test_the_first_step_of_each_session() -> None:
    never = np.iinfo(np.int64).max
    assert first_steps(np.array([4, 3, 7]), np.array([0, 0, 2]), 4).tolist() == [3, never, 7, never]


def test_everything_of_the_pieces_of_a_run_is_joined() -> None:
    note, other = Note(NoteKind.DROPPED, "a"), Note(NoteKind.DROPPED, "b")
    first = replace(
        log({"a": [1, 2], "b": [2]}), name=None, config={"x": 1, "y": 1}, roles={"reward": "a"}, notes=(note,)
    )
    second = replace(log({"a": [2]}, {"c": [4]}), name="n", config={"y": 2}, roles={"length": "c"}, notes=(note, other))
    third = replace(log({"a": [9]}, known=False), name="m", format="csv")
    assert told(joined([first, second, third])) == {
        "format": "csv",
        "step": [1, 2, 2, 4, 9],
        "columns": {"a": {0: 0.0, 1: 0.0, 2: 0.0, 4: 0.0}, "b": {1: 0.0}, "c": {3: 0.0}},
        "session": [0, 0, 1, 2, 3],
        "name": "n",
        "config": {"x": 1, "y": 2},
        "notes": [("dropped", "a", 1), ("dropped", "b", 1)],
        "roles": {"reward": "a", "length": "c"},
    }
    empty = Log("csv", np.empty(0, dtype=np.int64), {}, session=np.empty(0, dtype=np.int64))
    assert told(joined([empty, first]))["session"] == [0, 0]


@pytest.mark.parametrize(
    ("rows", "superseded", "kept"), [(500, 1000, 1500), (500, 1001, 500), (1500, 1500, 3000), (1500, 1501, 1500)]
)
def test_superseded_rows_are_kept_up_to_a_thousand_or_as_many_as_hold(rows: int, superseded: int, kept: int) -> None:
    sessions: list[dict[str, list[int]]] = []
    while superseded > 0:
        sessions.append({"a": list(range(min(superseded, rows)))})
        superseded -= rows
    one = log(*sessions, {"a": list(range(rows))})
    made = compacted(one)
    assert len(made.step) == kept
    assert made.session is not None
    assert sorted(set(made.session.tolist())) == list(range(len(sessions) + 1 if kept > rows else 1))


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        ("time", True),
        ("epoch", True),
        ("num_tokens", True),
        ("eval_problems", True),
        ("reward", False),
        ("zebra", False),
    ],
)
def test_a_clock_says_only_when(key: str, is_one: bool) -> None:
    assert is_clock(key) is is_one


# -- writers side by side ----------------------------------------------------------------------------------------------


def lagging(late: int, keys: Sequence[str]) -> list[Row]:
    """A trainer, and an evaluator with metrics that nobody knows, which is so many steps behind."""
    rows: list[Row] = []
    for step in range(60):
        rows.append({"step": step, "reward": step / 100, "loss": 0.5})
        if step % 10 == 9:
            rows.append({"step": step - late, **dict.fromkeys(keys, 0.5)})
    return rows


@pytest.mark.parametrize("late", [0, 1, 9])
@pytest.mark.parametrize("keys", [["quality"], ["zeta", "eta"]])
def test_a_writer_that_lags_behind_restarts_nothing(tmp_path: Path, late: int, keys: list[str]) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(written(lagging(late, keys)))
    run = heldout.read(path)
    assert len(run["reward"]) == 60
    assert run[keys[0]].step.tolist() == [step - late for step in range(9, 60, 10)]
    assert not any("restarted" in note.text for note in run.notes)


def test_beside_a_writer_that_lags_behind_a_restart_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    again = [{"step": step, "reward": 9.0, "loss": 0.5} for step in range(50, 70)]
    path.write_bytes(written([*lagging(7, ["quality"]), *again]))
    run = heldout.read(path)
    assert run["reward"].value.tolist() == [*(step / 100 for step in range(50)), *[9.0] * 20]
    assert len(run["quality"]) == 6


def test_very_many_restarts_are_read_as_they_are() -> None:
    """20 000 restarts in 100 000 rows, of which each supersedes two."""
    step = np.cumsum(np.tile([200, 200, 200, 200, -300], 20_000))
    log = Log("json-lines", step, {"reward": Column(np.arange(len(step)), np.ones(len(step)))})
    held, notes = without_superseded(log)
    assert len(held.columns["reward"].row) == 60_000
    assert "restarted 20 000 times" in notes[0].text

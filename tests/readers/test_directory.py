"""Folders: which files are one run, which of them is read, and what is said about the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import test_blocks_console
from in_memory import said, told
from test_tensorboard import event, scalar
from test_tensorboard import file_of as event_file

import heldout
from heldout.errors import NotUnderstood, SeveralRuns
from heldout.live.follow import Follower
from heldout.readers import directory, read_all
from heldout.readers.folders.walk import is_no_log
from heldout.readers.log import Log
from heldout.readers.source import Files


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
def test_a_trainers_two_logs_of_one_run_are_one_run(tmp_path: Path, make: Any, format: str, other: str) -> None:
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
    assert is_no_log(Path(name)) == expected


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


# -- the whole of what is said ----------------------------------------------------------------------------------------

ROWS = "step,reward\n1,0.5\n2,0.6\n"


def put(path: Path, text: str | bytes = ROWS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def state(path: Path, *steps: int) -> Path:
    return put(path, json.dumps({"log_history": [{"step": step, "reward": step / 8} for step in steps]}))


def found(root: Path) -> dict[str, Log]:
    return {one.name: one.log for one in directory.found_in(root, Files())}


def notes_of(log: Log) -> list[tuple[str, str, int]]:
    return [note for note in said(log.notes) if "line end" not in note[1]]


def test_refusals_are_grouped_by_their_reason_and_shortened(tmp_path: Path) -> None:
    put(tmp_path / "a.csv")
    for name in ("1.txt", "2.txt", "10.txt"):
        put(tmp_path / name, "Hello.\n")
    put(tmp_path / "x" / "empty.log", "")
    (log,) = found(tmp_path).values()
    three, one = notes_of(log)
    assert three[0] == one[0] == "ignored"
    assert (three[2], one[2]) == (3, 1)
    assert three[1].startswith(
        f"3 files here not read as logs: 1.txt, 2.txt, 10.txt. The first: {tmp_path / '1.txt'}: text with"
    )
    assert one[1] == (
        f"1 file here not read as logs: x/empty.log. {tmp_path / 'x' / 'empty.log'}: the file is empty (0 bytes); "
        "nothing was written to it yet."
    )


def test_where_no_file_is_a_log_the_first_three_reasons_are_given(tmp_path: Path) -> None:
    put(tmp_path / "model.safetensors")
    with pytest.raises(
        NotUnderstood, match=r": no training log was found\. No file in it looks like a log; heldout re"
    ):
        found(tmp_path)
    for name in "abcd":
        put(tmp_path / name, "")
    with pytest.raises(NotUnderstood) as refused:
        found(tmp_path)
    assert str(refused.value) == f"{tmp_path}: no training log was found. " + " ".join(
        f"{tmp_path / name}: the file is empty (0 bytes); nothing was written to it yet." for name in "abc"
    )


def test_names_are_those_of_folders_and_of_files_where_a_folder_holds_several(tmp_path: Path) -> None:
    for name in (
        "run-10/m.csv",
        "run-9/m.csv",
        "both/b2.csv",
        "both/b10.csv",
        ".hidden/m.csv",
        "both/.b1.csv",
        "z.csv",
        "²/m.csv",
    ):
        put(tmp_path / name)
    assert list(found(tmp_path)) == ["b2", "b10", "run-9", "run-10", tmp_path.name, "²"]


def test_of_saved_states_the_longest_history_is_kept_and_of_equal_ones_that_with_more_rows(tmp_path: Path) -> None:
    state(tmp_path / "checkpoint-9" / "trainer_state.json", 1, 2, 9)
    state(tmp_path / "checkpoint-10" / "trainer_state.json", 1, 9)
    state(tmp_path / "trainer_state.json", 1, 2)
    state(tmp_path / "other" / "trainer_state.json", 5)
    logs = found(tmp_path)
    assert {name: log.step.tolist() for name, log in logs.items()} == {tmp_path.name: [1, 2, 9], "other": [5]}
    text = "3 saved trainer states were found; the longest history is checkpoint-9/trainer_state.json."
    assert notes_of(logs[tmp_path.name]) == [("assumed", text, 3)]
    assert notes_of(logs["other"]) == []


def test_what_stands_inside_the_folder_of_a_training_is_of_the_same_training(tmp_path: Path) -> None:
    state(tmp_path / "a" / "trainer_state.json", 1, 2)
    put(tmp_path / "a" / "runs" / "log.csv")
    put(tmp_path / "a" / "checkpoint-2" / "log.csv")
    state(tmp_path / "a" / "inner" / "trainer_state.json", 7)
    put(tmp_path / "b" / "log.csv")
    logs = found(tmp_path)
    assert set(logs) == {"a", "a/inner", "b"}
    text = "Other logs beside it were taken as the same run and not read: checkpoint-2/log.csv, runs/log.csv; "
    assert notes_of(logs["a"]) == [("ignored", f"{text}give a file's path to read it.", 1)] or notes_of(logs["a"]) == [
        ("ignored", f"{text}give a file's path to read it.", 2)
    ]


def test_a_table_beside_a_history_is_the_same_run_and_named(tmp_path: Path) -> None:
    put(tmp_path / "m.jsonl", "".join(f'{{"step": {step}, "reward": 1.5}}\n' for step in range(9)))
    put(tmp_path / "b.csv")
    put(tmp_path / "a.csv")
    (log,) = found(tmp_path).values()
    text = "Other logs beside it were taken as the same run and not read: a.csv, b.csv; give a file's path to read it."
    assert told(log)["notes"] == [("ignored", text, 2)]
    assert log.format == "json-lines"
    put(tmp_path / "n.jsonl", (tmp_path / "m.jsonl").read_text())
    assert {name: notes_of(one) for name, one in found(tmp_path).items()} == {
        key: [("ignored", text, 2)] for key in "mn"
    }


def test_joined_scores_are_rows_behind_the_others_and_said(tmp_path: Path) -> None:
    put(tmp_path / "m.jsonl", "".join(f'{{"step": {step}, "reward": {step}}}\n' for step in range(4)))
    put(tmp_path / "s.csv", "step,acc\n0,0.25\n3,0.5\n")
    (log,) = found(tmp_path).values()
    assert told(log) == {
        "format": "json-lines",
        "step": [0, 1, 2, 3, 0, 3],
        "columns": {"reward": {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}, "acc": {4: 0.25, 5: 0.5}},
        "notes": [
            ("assumed", "s.csv was joined to the run by step (acc); check that both files count the same steps.", 1)
        ],
    }


def test_one_score_alone_or_a_file_of_several_runs_is_not_joined(tmp_path: Path) -> None:
    put(tmp_path / "m.jsonl", "".join(f'{{"step": {step}, "reward": {step}}}\n' for step in range(4)))
    put(tmp_path / "one.csv", "step,acc\n3,0.25\n")
    put(tmp_path / "two.csv", "seed,step,acc\n" + "".join(f"{seed},{step},0.5\n" for seed in (1, 2) for step in (0, 3)))
    (log,) = found(tmp_path).values()
    assert set(log.columns) == {"reward"}
    assert [note[1].split(": ")[1] for note in notes_of(log)] == ["one.csv, two.csv; give a file's path to read it."]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("checkpoint-7", True),
        ("checkpoint_7", True),
        ("step-7", True),
        ("global_step_7", True),
        ("global_step7", True),
        ("checkpoints/b/c/step-7", True),
        ("checkpoints/b/c/d/step-7", False),  # the fourth folder below is not looked into
        ("out/step-7", True),
        ("other/step-7", False),  # of another run, for all that is known
        (".cache/step-7", False),
        ("step-7b", False),
        ("checkpoint-", False),
        ("my-step-7", False),
    ],
)
def test_a_folder_that_is_named_after_a_step_is_a_checkpoint(tmp_path: Path, name: str, is_one: bool) -> None:
    put(tmp_path / "log.csv")
    put(tmp_path / name / "weights.bin")
    (log,) = found(tmp_path).values()
    assert log.checkpoints == ({7: str(tmp_path / name)} if is_one else {})


def test_checkpoints_belong_to_the_run_of_their_folder(tmp_path: Path) -> None:
    for name in ("a/log.csv", "b/log.csv", "a/step-1/w.bin", "b/step-2/w.bin", "step-3/w.bin", "c/x.csv", "c/y.csv"):
        put(tmp_path / name)
    put(tmp_path / "c" / "step-4" / "w.bin")
    assert {name: list(log.checkpoints) for name, log in found(tmp_path).items()} == {
        "a": [1],
        "b": [2],
        "x": [],
        "y": [],
    }


def test_a_link_to_a_folder_elsewhere_is_followed_and_one_to_a_neighbour_is_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root / "a" / "log.csv")
    put(tmp_path / "elsewhere" / "log.csv")
    (root / "far").symlink_to(tmp_path / "elsewhere")
    (root / "near").symlink_to("a")
    (root / "a" / "up").symlink_to(root)
    (root / "copy.csv").symlink_to(root / "a" / "log.csv")
    assert list(found(root)) == ["a", "root", "far"]


def samples(path: Path, *scores: float) -> Path:
    rows = [{"input": f"p{i}", "output": "", "score": score, "step": 5} for i, score in enumerate(scores)]
    return put(path, "".join(json.dumps(row) + "\n" for row in rows))


def test_outcomes_belong_to_the_run_above_them_or_are_one_of_their_own(tmp_path: Path) -> None:
    for name in ("a/log.csv", "b/log.csv", "c/x.csv", "c/y.csv"):
        put(tmp_path / name)
    samples(tmp_path / "a" / "deep" / "val" / "1.jsonl", 1.0, 0.0)
    for name in ("dump/1.jsonl", "dump/2.jsonl", "val/3.jsonl"):
        samples(tmp_path / "b" / name, 1.0, 0.0)
    samples(tmp_path / "c" / "val" / "1.jsonl", 1.0, 1.0)
    samples(tmp_path / "d" / "val" / "1.jsonl", 0.0, 0.0)
    samples(tmp_path / "d" / "val" / "2.jsonl", 1.0, 0.0)
    logs = directory.found_in(tmp_path, Files())
    assert [(name, [(one.step, one.rate) for one in log.measured]) for name, log, *_ in logs] == [
        ("a", [(5, 0.5)]),
        ("b", [(5, 0.5)]),
        ("x", []),
        ("y", []),
        ("c", [(5, 1.0)]),
        ("d", [(5, 0.0), (5, 0.5)]),
    ]
    text = (
        "2 files of judged samples left alone, since no folder says that they are held-out; rename the folder to val "
        "if they are."
    )
    assert notes_of(logs[1].log) == [("ignored", text, 2)]


def test_pieces_of_a_run_are_joined_by_when_they_were_begun(tmp_path: Path) -> None:
    def piece(wall: float, *steps: int) -> bytes:
        return event_file(*(event(step, scalar("reward", step), wall=wall) for step in steps))

    put(tmp_path / "events.out.tfevents.1", piece(300.0, 3, 4))
    put(tmp_path / "events.out.tfevents.2", piece(100.0, 1, 2))
    (log,) = found(tmp_path).values()
    assert log.step.tolist() == [1, 2, 3, 4]
    assert log.session is not None
    assert log.session.tolist() == [0, 0, 1, 1]


def test_a_run_has_the_checkpoints_in_its_folder_and_above_it_where_no_other_run_stands(tmp_path: Path) -> None:
    for name in ("a/log.csv", "a/step-1/w.bin", "b/step-2/w.bin", "step-3/w.bin"):
        put(tmp_path / name)
    assert {name: sorted(log.checkpoints) for name, log in found(tmp_path).items()} == {"a": [1, 3]}
    put(tmp_path / "b" / "log.csv")
    assert {name: sorted(log.checkpoints) for name, log in found(tmp_path).items()} == {"a": [1], "b": [2]}

"""Logs that grow: however they are cut into pieces, what is understood is what a fresh reading of the bytes says."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import in_memory
import numpy as np
import pytest
import test_blocks_console
import test_deepspeed_chat
import test_slime_console
import test_swanlab
import test_tensorboard
import test_trl_console
import test_verl_console
import test_wandb_offline
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout import read
from heldout.errors import ReadError
from heldout.live.watch import Follower
from heldout.readers import read_all
from heldout.readers import source as source_module
from heldout.readers.restarts import GrowingLog
from heldout.readers.source import Files
from heldout.run import Evaluation, Outcomes, Run

CUT = settings(max_examples=10, deadline=None)  # no deadline: a busy machine is no failure


def json_lines() -> str:
    rows: list[dict[str, Any]] = [{"step": i, "reward": i / 8, "kl": {"mean": 0.1 * i}} for i in range(1, 30)]
    rows[7]["reward"] = float("nan")
    rows[3] |= {"note": "text", "eval/accuracy": 0.5}
    rows += [{"step": i, "reward": -i / 8, "eval/accuracy": 0.25} for i in range(20, 40)]  # taken up again
    text = [json.dumps(row) for row in rows]
    return "\n".join(["\ufeff" + text[0], *text[1:9], "", "no object", '{"step": 9, "rew', *text[9:]]) + "\n"


def verl_file() -> str:
    rows = [{"step": i, "data": {"critic/score/mean": i / 8, "actor/kl_loss": 0.1}} for i in range(1, 30)]
    return "\n".join([*map(json.dumps, rows[:9]), "broken", *map(json.dumps, rows[9:])]) + "\n"


def verl_console() -> str:
    steps = [test_verl_console.line(i) for i in range(40)]
    steps[5] = f"(TaskRunner pid=12) \x1b[36m{steps[5]}\x1b[0m"
    steps[6] = f"('{steps[6][:40]}'\n '{steps[6][40:]}')"  # as pprint breaks it
    steps[7] = f"{steps[7][:60]}\n{steps[7][60:]}"  # as a terminal does
    steps[8] = f"{steps[8]}Training Progress: 10%| 3/30\r"
    return f"{test_verl_console.CONFIG}\n" + "".join(f"{step}\nother output\n" for step in steps)


def trl_console() -> str:
    held_out = {"eval_loss": 0.5, "eval_reward": 0.25, "epoch": 0.1}
    rows: list[dict[str, Any]] = [{"loss": i / 8, "reward": i / 4, "epoch": i / 100} for i in range(1, 40)]
    text = test_trl_console.console(rows) + f"{test_trl_console.bar(390)}\n{held_out}\n{test_trl_console.bar(391)}"
    return text.replace("{'loss': 1.0,", "{'loss': 1.0, garbled", 1) + "\n"


def deepspeed() -> str:
    steps = "".join(test_deepspeed_chat.step(i, score=i / 8) for i in range(30))
    return f"average reward score: 1.0\n{steps}" + "".join(test_deepspeed_chat.step(i, epoch=1) for i in range(10))


def printed() -> str:
    return "".join(test_blocks_console.series(i, {"timesteps": f"{i * 64:e}", "reward": i / 8}) for i in range(1, 30))


def tables() -> str:
    return "Logging to here\n" + "".join(test_blocks_console.ppo(64 * i, loss=i / 8) for i in range(1, 30))


def pairs() -> str:
    rows = [f"epoch={i // 10} | it={i % 10} | loss={i / 8}" for i in range(40)]
    rows[9:9] = [
        "saved, at last",
        "it=9 | val_acc=0.5 | epoch=0",
        "INFO {'it': 9, 'epoch': 0, 'kl': 1}",
        "{'it': 9, 'e",
    ]
    return "\n".join(["loading", *rows, ""])


def printed_lines() -> str:
    rows = [f"=== Step {i}/40 ===\n  • Avg Reward: {i / 8}\n  • Loss: 0.5" for i in range(1, 41)]
    for i in range(4, 40, 5):
        rows[i] += f"\n📊 Validation Results:\n    • Accuracy: {i / 50}\n| kl | 0.1 |\n| entropy | {i} |\nsaved"
    return "\n".join(["INFO:root:loading 3/3", *rows, ""])


def rows_under_names() -> str:
    names = "| step | reward | val_acc |\n|------|------|------|\n"
    return "starting\n" + names + "".join(f"| {i} | {i / 8} | {0.5 if i % 5 == 0 else '-'} |\n" for i in range(1, 40))


def postfixes() -> str:
    bars = [
        f"\rEpisode [{n}/2]: {i:3d}%|█    | {i + done}/20 [00:10<00:50,  1.2s/it, loss=0.5, reward={i / 8}]"
        for n in (1, 2)
        for i in range(20)
        for done in (0, 1)
    ]
    return "loading\n" + "".join(bars) + "\n[eval] acc=0.5\n"


def apart() -> str:
    bars = "".join(test_trl_console.bar(i) for i in range(101))
    rows = "".join(f"{{'loss': {i / 8}, 'reward': {i / 4}, 'epoch': {i / 100}}}\n" * 2 for i in range(1, 21))
    return f"{bars}\n{rows}"


def events() -> bytes:
    scalar, event = test_tensorboard.scalar, test_tensorboard.event
    steps = [event(i, scalar("reward", i / 8), scalar("loss", -i / 8), wall=float(i)) for i in range(1, 60)]
    histogram = event(3, test_tensorboard.part(1, b"weights") + test_tensorboard.part(5, b""))
    again = [event(i, scalar("reward", 2.0 * i), wall=100.0 + i) for i in range(40, 80)]
    return test_tensorboard.file_of(*steps[:20], histogram, *steps[20:], test_tensorboard.START, *again)


def offline() -> bytes:
    rows = [{"_step": i, "reward": i / 8, "kl": {"mean": 0.1}, "text": "x" * 900} for i in range(120)]
    return test_wandb_offline.file_of(*map(test_wandb_offline.history, rows))  # more than one block


def metric_file() -> str:
    return "".join(f"{1_700_000_000_000 + 1000 * i} {i / 8} {i % 30}\n" for i in range(60))  # taken up again


def long_table() -> str:
    return "".join(
        json.dumps({"key": key, "value": i / 8, "step": i}) + "\n" for i in range(30) for key in ("reward", "kl")
    )


def download() -> str:
    return "Wall time,Step,Value\r\n" + "".join(f"{1e9 + i},{i},{i / 8}\r\n" for i in range(60))


def swanlab_file() -> bytes:
    rows = [test_swanlab.scalar(key, i, i / 8, 1000.0 + i) for i in range(1, 400) for key in ("reward", "kl")]
    return test_swanlab.file_of([test_swanlab.start(), *rows])  # more than one block


def swanlab_backup() -> bytes:
    rows = [
        test_swanlab.in_json("Scalar", key="reward", step=i, metric={"data": i / 8, "text": "x" * 900})
        for i in range(1, 80)
    ]
    return test_swanlab.file_of(rows, version=1)


def table() -> str:
    return "step,reward,accuracy\n" + "".join(f"{i},{i / 8},{0.5 if i % 5 == 0 else ''}\n" for i in range(60))


FORMATS: dict[str, tuple[str, Callable[[], str | bytes]]] = {
    "JSON lines": ("run.jsonl", json_lines),
    "JSON lines below others": ("run.jsonl", lambda: "[INFO] start\nloading 3\n" + json_lines().lstrip("\ufeff")),
    "verl file": ("verl.jsonl", verl_file),
    "verl console": ("verl.log", verl_console),
    "TRL console": ("trl.log", trl_console),
    "slime console": ("slime.log", lambda: test_slime_console.console(30, 2)),
    "DeepSpeed-Chat": ("ds.log", deepspeed),
    "printed Series": ("series.log", printed),
    "tables": ("sb3.log", tables),
    "name=value": ("own.log", pairs),
    "lines below a step": ("own.log", printed_lines),
    "rows under names": ("own.log", rows_under_names),
    "bars with metrics": ("bars.log", postfixes),
    "TRL console printed apart": ("trl.log", apart),
    "TensorBoard": ("events.out.tfevents.1", events),
    "W&B": ("run-a.wandb", offline),
    "MLflow metric": ("metrics", metric_file),
    "single values": ("values.jsonl", long_table),
    "TensorBoard download": ("run-a-tag-reward.csv", download),
    "SwanLab": ("run-a.swanlab", swanlab_file),
    "SwanLab backup": ("backup.swanlab", swanlab_backup),
    "CSV": ("progress.csv", table),
}


def content(name: str) -> bytes:
    made = FORMATS[name][1]()
    return made.encode() if isinstance(made, str) else made


def told(run: Run) -> object:
    """Everything that a run says, to be compared."""
    series = {
        key: [
            repr(part)
            for part in (one.step.tolist(), one.value.tolist(), one.nonfinite.tolist(), one.problems, one.samples)
        ]
        for key, one in run.metrics.items()
    }
    measured = [(one.key, one.step, one.rate, one.outcomes and one.outcomes.problems) for one in run.measured]
    return run.name, run.format, series, dict(run.roles), run.notes, repr(run.config), measured, dict(run.checkpoints)


def said(path: Path, files: Files | None) -> object:
    try:
        return [told(run) for run in read_all(path, files=files)]
    except ReadError as error:
        return str(error)


def pieces(data: bytes, cuts: list[float]) -> list[bytes]:
    at = [0, *sorted(round(cut * len(data)) for cut in cuts), len(data)]
    return [data[start:stop] for start, stop in pairwise(at)]


cuts = st.lists(st.floats(0, 1), max_size=4)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_known_for_what_it_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / FORMATS[name][0]
    path.write_bytes(content(name))
    assert len(read(path).metrics) >= 1
    assert len(read(path).steps) > 10


@pytest.mark.parametrize("name", FORMATS)
@CUT
@given(cuts=cuts, damage=st.none() | st.tuples(st.floats(0, 1), st.binary(max_size=30)))
def test_a_look_says_what_a_fresh_reading_says(
    name: str, cuts: list[float], damage: tuple[float, bytes] | None
) -> None:
    data = content(name)
    if damage is not None:
        at = round(damage[0] * len(data))
        data = data[:at] + damage[1] + data[at + len(damage[1]) :]
    kept = Files(growing=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FORMATS[name][0]
        for piece in pieces(data, cuts):
            with path.open("ab") as file:
                file.write(piece)
            assert said(path, kept) == said(path, Files(growing=True))
        if damage is None:
            assert said(path, kept) == said(path, None)


@pytest.mark.parametrize("name", FORMATS)
@CUT
@given(size=st.integers(50, 5000))
def test_a_finished_file_may_be_fed_in_pieces_of_any_size(name: str, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / FORMATS[name][0]
        path.write_bytes(content(name))
        whole = said(path, None)
        patch.setattr(source_module, "_PIECE", size)
        assert said(path, None) == whole


METRICS = [{"step": i, "time": 10.0 * i, "reward": i / 8, "kl": 0.01} for i in range(1, 40)]
RESUMED = [{"resumed": True, "time": 395.0, "config": {"lr": 1e-5}}]
AFTER = [{"step": i, "time": 400.0 + i, "reward": -i / 8, "nonfinite": {"kl": "nan"}} for i in range(30, 60)]
EVALUATIONS = [
    {"step": step, "time": at, "benchmark": "b", "problems": ["x", "y", "z"], "passed": [1, 0, step % 2], "samples": 1}
    for step, at in ((10, 101.0), (35, 351.0), (20, 405.0), (50, 451.0))
]


def written(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


FILES = {
    "metrics.jsonl": written([*METRICS, *RESUMED, {"step": -1}, *AFTER]),
    "evals/b.jsonl": written(EVALUATIONS),
    "checkpoints.jsonl": written([{"step": 10, "path": "evals"}, {"step": 20, "path": "gone"}]),
    "findings.jsonl": written([{"what": "finding", "step": 3}]),
}


@CUT
@given(
    order=st.permutations([name for name in FILES for _ in range(3)]), cuts=st.tuples(st.floats(0, 1), st.floats(0, 1))
)
def test_the_files_of_a_run_directory_grow_together(order: list[str], cuts: tuple[float, float]) -> None:
    left = {name: pieces(data, list(cuts)) for name, data in FILES.items()}
    kept = Files(growing=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        (folder / "evals").mkdir(parents=True)
        (folder / "run.json").write_text('{"format": "heldout run", "config": {"lr": 2e-5}}')
        for which in order:
            with (folder / which).open("ab") as file:
                file.write(left[which].pop(0))
            assert said(folder, kept) == said(folder, Files(growing=True))
        assert said(folder, kept) == said(folder, None)
        run = read(folder)
        assert "taken up again" in repr(run.notes)
        assert [one.step for one in run.measured] == [10, 20, 50]


@CUT
@given(cuts=cuts)
def test_event_files_of_one_run_grow_one_after_the_other(cuts: list[float]) -> None:
    scalar, event = test_tensorboard.scalar, test_tensorboard.event
    files = {
        f"events.out.tfevents.{session}": test_tensorboard.file_of(
            *(event(i, scalar("reward", i + session / 8), wall=1000.0 * session + i) for i in range(session * 10, 60))
        )
        for session in (1, 2, 3)
    }
    kept = Files(growing=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        folder.mkdir()
        for file_name, data in files.items():
            for piece in pieces(data, cuts):
                with (folder / file_name).open("ab") as file:
                    file.write(piece)
                assert said(folder, kept) == said(folder, Files(growing=True))
        assert said(folder, kept) == said(folder, None)


@CUT
@given(ends=st.lists(st.floats(0, 1), min_size=1, max_size=6), inodes=st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_file_that_is_written_anew_is_read_anew(ends: list[float], inodes: list[bool]) -> None:
    """Truncated in place or replaced, by another format or the same; longer or shorter than before."""
    kept = Files(growing=True)
    names = list(FORMATS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        for number, (end, moved) in enumerate(zip(ends, inodes, strict=False)):
            data = content(names[(number * 3 + round(10 * end)) % len(names)])
            if moved:
                path.unlink(missing_ok=True)
            path.write_bytes(data[: round(end * len(data))])
            assert said(path, kept) == said(path, Files(growing=True))


@pytest.mark.parametrize("name", ["verl console", "TRL console", "TensorBoard", "W&B"])
def test_only_what_is_new_is_read(name: str, tmp_path: Path) -> None:
    """What stands before the last 4 KiB is not looked at again: it may even be lost."""
    path = tmp_path / FORMATS[name][0]
    data = content(name)
    start = len(data) * 9 // 10
    path.write_bytes(data[:start])
    follower = Follower(path)
    assert follower.poll() is not None
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\0" * 50)
        file.seek(start)
        file.write(data[start:])
    run = follower.poll()
    path.write_bytes(data)
    assert run is not None
    assert told(run) == told(read(path))


def test_a_checkpoint_that_does_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = [{"step": i, "loss": i / 8, "reward": 0.5} for i in range(1, 31)]
    follower = Follower(tmp_path)
    opened: list[Path] = []
    really = Path.open

    def opening(path: Path, *args: Any, **more: Any) -> Any:
        opened.append(path)
        return really(path, *args, **more)

    monkeypatch.setattr(Path, "open", opening)
    for step in (10, 20, 30):
        state = tmp_path / f"checkpoint-{step}" / "trainer_state.json"
        state.parent.mkdir()
        state.write_bytes(json.dumps({"global_step": step, "log_history": history[:step]}).encode())
        opened.clear()
        run = follower.poll()
        assert run is not None
        assert int(run.steps[-1]) == step
        assert {path for path in opened if path.name == "trainer_state.json"} == {state}
    assert run is not None
    np.testing.assert_array_equal(run["loss"].step, np.arange(1, 31))


# -- a log in memory --------------------------------------------------------------------------------------------------


def evaluation(step: int, passed: int) -> Evaluation:
    return Evaluation.of(step, Outcomes.from_counts(["p", "q"], [passed, 0]), "b")


def test_a_log_that_grows_in_memory_in_full() -> None:
    log = GrowingLog(roles={"reward": "r"})
    assert log.add(4, {"r": 1, "deep": {"k": 2}, "t": "x", "step": 9, "time": 9.0, "b": True}) == {"r": 1.0, "b": 1.0}
    log.measure(evaluation(4, 1), {"n": 3, "deep": {"m": 2}})
    log.rewind()
    log.add(2, {"r": float("nan"), "eval/b/pass@1": 0.75})
    assert log.measure(evaluation(1, 0), {}) == {}  # of a step before this piece began: an older checkpoint
    log.measure(evaluation(2, 1), {})
    assert len(log) == 5
    made = in_memory.told(log.log())
    assert str(made["columns"].pop("r")) == "{0: 1.0, 2: nan}"
    assert made == {
        "format": "run-directory",
        "step": [4, 4, 2, 1, 2],
        "columns": {
            "b": {0: 1.0},
            "eval/b/pass@1": {1: 0.5, 3: 0.0, 4: 0.5},
            "eval/b/n": {1: 3.0},
            "eval/b/deep/m": {1: 2.0},
        },
        "session": [0, 0, 1, 0, 1],
        "roles": {"reward": "r"},
        "measured": [(4, "eval/b/pass@1", 0.5), (1, "eval/b/pass@1", 0.0), (2, "eval/b/pass@1", 0.5)],
    }


def test_what_one_process_logs_stands_behind_what_others_did() -> None:
    first = GrowingLog()
    first.add(1, {"r": 1.0, "old": 5.0})
    first.measure(evaluation(1, 1), {})
    first.rewind()
    first.add(2, {"r": 2.0})
    before = replace(first.log(), config={"lr": 1}, roles={"reward": "r"})
    log = GrowingLog(before)
    assert (in_memory.told(log.log())["session"], len(log)) == ([0, 0, 1], 0)
    log.measure(evaluation(1, 0), {})  # measured anew before anything is trained: what it says holds
    log.add(2, {"r": 3.0})
    log.rewind()
    log.add(2, {"new": 4.0})
    assert in_memory.told(log.log()) == {
        "format": "run-directory",
        "step": [1, 1, 2, 1, 2, 2],
        "columns": {"r": {0: 1.0, 2: 2.0, 4: 3.0}, "old": {0: 5.0}, "eval/b/pass@1": {1: 0.5, 3: 0.0}, "new": {5: 4.0}},
        "session": [0, 0, 1, 0, 2, 3],
        "config": {"lr": 1},
        "roles": {"reward": "r"},
        "measured": [(1, "eval/b/pass@1", 0.5), (1, "eval/b/pass@1", 0.0)],
    }
    assert GrowingLog(before, {"reward": "other"}).log().roles == {"reward": "other"}

"""SwanLab's local files in each of their layouts, written here from the layouts alone."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import test_wandb_offline
from hypothesis import given
from hypothesis import strategies as st
from in_memory import cells, said, source

import heldout
from heldout.errors import NoMetrics
from heldout.readers.trackers import swanlab

HEADER = b":SWL\xd6\xe1"
varint, message = test_wandb_offline.varint, test_wandb_offline.part


def text(field: int, content: str) -> bytes:
    return message(field, content.encode())


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def scalar(key: str, step: int, value: float, seconds: float = 0.0) -> bytes:
    """A record with a scalar; as protocol buffers has it, what is 0 is not written."""
    time = number(1, int(seconds)) + number(2, round(seconds % 1 * 1e9)) if seconds else b""
    held = varint(1 << 3 | 1) + struct.pack("<d", value) if value or math.copysign(1, value) < 0 else b""
    record = text(1, key) + (number(2, step) if step else b"") + number(3, 1) + message(4, time) + message(5, held)
    return number(1, 7) + message(13, record)


def start(name: str = "grpo", id: str = "abc") -> bytes:
    return message(10, text(1, "project") + text(4, name) + text(10, id))


def in_json(kind: str, **data: Any) -> bytes:
    return (json.dumps({"model_type": kind, "data": data}) + "\n").encode()


def file_of(records: Iterable[bytes], version: int = 2) -> bytes:
    framed = test_wandb_offline.file_of(*records)  # whose header is as long
    return HEADER + bytes([version]) + framed[7:]


def test_scalars_of_messages() -> None:
    records = [
        start(),
        scalar("reward", 0, 0.0, 10.5),
        scalar("kl", 0, math.nan, 10.6),
        scalar("reward", 1, -0.5, 20.0),
    ]
    records += [scalar("__swanlab__.cpu", 900, 5.0, 21.0), message(16, b"printed"), scalar("reward", -3, 0.5, 30.0)]
    (log,) = swanlab.read(source(file_of(records), "run-a.swanlab")) or []
    assert (log.name, log.step.tolist()) == ("grpo", [0, 1])
    assert cells(log)["reward"] == {0: 0.0, 1: -0.5}
    assert math.isnan(cells(log)["kl"][0])
    assert cells(log)["wall_time"] == {0: 10.5, 1: 20.0}
    assert said(log.notes) == [("dropped", "1 value without a usable step (0 or more) or number dropped.", 1)]


def test_scalars_of_json() -> None:
    time = "2026-01-02T10:00:0{}+00:00"
    records = [in_json("Experiment", id="abc", name="grpo"), in_json("Log", message="x")]
    for step, value in ((1, 0.5), (2, "NaN"), (3, "INF")):
        metric = {"index": step, "data": value, "create_time": time.format(step)}
        records.append(in_json("Scalar", key="reward", step=step, epoch=step, metric=metric))
    (log,) = swanlab.read(source(file_of([*records, b"no JSON"], version=1), "backup.swanlab")) or []
    assert (log.name, log.step.tolist()) == ("grpo", [1, 2, 3])
    assert log.columns["reward"].value.tolist()[::2] == [0.5, math.inf]
    assert "Records that do not hold a message were skipped: 1." in [note.text for note in log.notes]


@given(st.binary(max_size=40), st.integers(0, 3))
def test_any_bytes_are_a_log_or_a_sentence(data: bytes, version: int) -> None:
    records = [start(), scalar("reward", 1, 0.5), data]
    (log,) = swanlab.read(source(file_of(records, version) if version != 1 else file_of(records), "a.swanlab")) or []
    assert log.columns["reward"].value.tolist()[0] == 0.5


def test_a_file_without_scalars_is_said() -> None:
    with pytest.raises(NoMetrics, match="SwanLab file without a scalar: 1 records were read"):
        swanlab.read(source(file_of([start()]), "run-a.swanlab"))


def lines(folder: Path, *found: tuple[int, Any]) -> None:
    folder.mkdir(parents=True)
    rows = [{"index": i, "data": value, "create_time": f"2026-01-02T10:00:{i:02}+00:00"} for i, value in found]
    (folder / "1000.log").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "_summary.json").write_text("{}")


def test_a_file_a_metric(tmp_path: Path) -> None:
    run = tmp_path / "swanlog" / "run-20240102_100000-a3b1799d"
    lines(run / "logs" / "train%2Freward", *((step, step / 8) for step in range(1, 20)))
    lines(run / "logs" / "eval%2Faccuracy", (5, 0.25), (10, "NaN"), (15, 0.5))
    (run / "files").mkdir()
    (run / "files" / "swanlab-metadata.json").write_text('{"step": 3, "loss": 4}')
    found = heldout.read(tmp_path / "swanlog")
    assert (found.name, found.format) == (run.name, "SwanLab run")
    assert found["train/reward"].step.tolist() == list(range(1, 20))
    assert found["eval/accuracy"].nonfinite.tolist() == [10]


def test_numbers_of_metrics_are_named_by_the_database_beside_them(tmp_path: Path) -> None:
    run = tmp_path / "run-20250102_100000-a3b1799d"
    lines(run / "logs" / "0", *((step, step / 8) for step in range(1, 20)))
    with closing(sqlite3.connect(tmp_path / "runs.swanlab")) as connection:
        connection.executescript(
            "CREATE TABLE experiment (id INTEGER PRIMARY KEY, run_id TEXT, name TEXT);"
            "CREATE TABLE tag (id INTEGER PRIMARY KEY, experiment_id INTEGER, name TEXT, folder TEXT);"
            f"INSERT INTO experiment VALUES (1, 'other', 'other'), (2, '{run.name}', 'grpo');"
            "INSERT INTO tag VALUES (1, 1, 'loss', '0'), (2, 2, 'train/reward', '0');"
        )
    found = heldout.read(tmp_path)
    assert (found.name, set(found.metrics)) == ("grpo", {"train/reward", "wall_time"})


def test_what_swanlab_itself_writes(tmp_path: Path) -> None:
    module = pytest.importorskip("swanlab")
    run = module.init(project="p", experiment_name="grpo", logdir=str(tmp_path), mode="offline")
    for step in range(1, 11):
        run.log({"reward": step / 8, "eval/accuracy": 0.5}, step=step)
    module.finish()
    found = heldout.read(tmp_path)
    assert (found.name, found["reward"].value.tolist()) == ("grpo", [step / 8 for step in range(1, 11)])

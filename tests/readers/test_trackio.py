"""trackio's database, as its versions have written it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import heldout
from heldout.errors import NoMetrics

NEW = "run_id TEXT NOT NULL, "


def project(path: Path, rows: list[tuple[str, str, Any, Any]], *, new: bool = True) -> None:
    """Write rows of run id, run name, step and metrics."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            f"CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, {NEW if new else ''}timestamp TEXT NOT NULL, "
            "run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL)"
        )
        connection.execute(
            f"CREATE TABLE configs (id INTEGER PRIMARY KEY, {NEW if new else ''}run_name TEXT, config TEXT)"
        )
        for second, (run, name, step, metrics) in enumerate(rows):
            known = (run,) if new else ()
            cells = (*known, f"2026-01-02T10:00:{second % 60:02}+00:00", name, step, metrics)
            columns = ("run_id, " if new else "") + "timestamp, run_name, step, metrics"
            connection.execute(f"INSERT INTO metrics ({columns}) VALUES ({', '.join('?' * len(cells))})", cells)
        for run, name in dict.fromkeys((run, name) for run, name, _, _ in rows):
            cells = (*((run,) if new else ()), name, json.dumps({"lr": 1e-6, "_Username": None}))
            columns = ("run_id, " if new else "") + "run_name, config"
            connection.execute(f"INSERT INTO configs ({columns}) VALUES ({', '.join('?' * len(cells))})", cells)
        connection.commit()


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("kept", [bytes, str])
def test_runs_of_a_project(new: bool, kept: type, tmp_path: Path) -> None:
    def cell(metrics: dict[str, Any]) -> Any:
        text = json.dumps(metrics)
        return text.encode() if kept is bytes else text

    rows = [
        (run, name, step, cell({"reward": step / 8, "kl": "NaN" if step == 3 else 0.1, "eval": {"accuracy": 0.5}}))
        for step in range(6)
        for run, name in (("r1", "grpo"), ("r2", "ppo"))
    ]
    project(tmp_path / "p.db", rows, new=new)
    one, other = heldout.read_all(tmp_path / "p.db")
    assert [one.name, other.name] == ["grpo", "ppo"]
    assert one["reward"].value.tolist() == [step / 8 for step in range(6)]
    assert one["kl"].nonfinite.tolist() == [3]
    assert one.roles["held_out"] == "eval/accuracy"
    assert one.config == {"lr": 1e-6}
    assert one["wall_time"].value[1] - one["wall_time"].value[0] == 2


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    image = {"_type": "trackio.image", "file_path": "a.png", "width": 3}
    rows: list[tuple[str, str, Any, Any]] = [
        ("r1", "grpo", step, json.dumps({"reward": 0.5, "sample": image})) for step in (1, 2)
    ]
    rows += [
        ("r1", "grpo", 3, b"no JSON"),
        ("r1", "grpo", 4, "[1]"),
        ("r1", "grpo", "x", "{}"),
        ("r1", "grpo", -1, "{}"),
    ]
    project(tmp_path / "p.db", rows)
    run = heldout.read(tmp_path / "p.db")
    assert set(run.metrics) == {"reward", "wall_time"}
    assert "4 rows without a usable step (0 or more) or an object in JSON dropped." in [note.text for note in run.notes]


def test_a_run_that_was_resumed_is_put_in_order(tmp_path: Path) -> None:
    steps = [*range(10), *range(5, 8)]
    rows = [("r", "grpo", step, json.dumps({"reward": n / 8})) for n, step in enumerate(steps)]
    project(tmp_path / "p.db", rows)
    assert heldout.read(tmp_path / "p.db")["reward"].value.tolist() == [
        *(n / 8 for n in range(5)),
        10 / 8,
        11 / 8,
        12 / 8,
    ]


def test_a_project_without_rows_is_said(tmp_path: Path) -> None:
    project(tmp_path / "p.db", [])
    with pytest.raises(NoMetrics, match="no run logged anything"):
        heldout.read(tmp_path / "p.db")


def test_what_trackio_itself_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    trackio.init(project="p", name="grpo", config={"lr": 1e-6})
    for step in range(1, 11):
        trackio.log({"reward": step / 8, "eval/pass@1": 0.5}, step=step)
    trackio.finish()
    run = heldout.read(tmp_path / "p.db")
    assert (run.name, run["reward"].value.tolist()) == ("grpo", [step / 8 for step in range(1, 11)])

"""MLflow's stores: folders of files, and a database; written by hand here, and by MLflow where it is installed."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import heldout
from heldout.errors import NoMetrics, NotUnderstood, ReadError
from heldout.live.watch import Follower
from heldout.readers.source import Files

REWARDS = [(step, step / 100) for step in range(1, 41)]
SCORES = [(step, 0.3) for step in range(10, 41, 10)]
SCHEMA = """
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), experiment_id INTEGER, lifecycle_stage TEXT);
CREATE TABLE metrics (key VARCHAR(250), value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32),
  step BIGINT NOT NULL, is_nan BOOLEAN NOT NULL, PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
"""


def run_folder(
    store: Path, *, experiment: str = "1", run: str = "ab12", name: str = "grpo", stage: str = "active"
) -> Path:
    folder = store / experiment / run
    for key, found in (("reward", REWARDS), ("val-core/gsm8k/acc/mean_at_1", SCORES)):
        path = folder / "metrics" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{1_700_000_000_000 + 1000 * step} {value} {step}\n" for step, value in found))
    (folder / "params").mkdir()
    (folder / "params" / "lr").write_text("1e-06")
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "table.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    (folder / "meta.yaml").write_text(f"lifecycle_stage: {stage}\nrun_id: {run}\nrun_name: '{name}'\n")
    (folder.parent / "meta.yaml").write_text("name: exp\n")
    return folder


def database(path: Path, *runs: tuple[str, str, str], journal: str = "DELETE") -> sqlite3.Connection:
    """Write a store of runs (id, name, stage) as MLflow lays it out; return the open connection."""
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.executescript(SCHEMA)
    for run, name, stage in runs:
        connection.execute("INSERT INTO runs VALUES (?, ?, 1, ?)", (run, name, stage))
        connection.execute("INSERT INTO params VALUES ('lr', '1e-06', ?)", (run,))
        for key, found in (("reward", REWARDS), ("eval/accuracy", SCORES)):
            add(connection, run, key, *found)
    return connection


def add(connection: sqlite3.Connection, run: str, key: str, *found: tuple[int, float], nan: int = 0) -> None:
    rows = [(key, value, 1_700_000_000_000 + 1000 * step, run, step, nan) for step, value in found]
    connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.commit()


def notes(run: heldout.Run) -> str:
    return " ".join(note.text for note in run.notes)


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["", "1", "1/ab12"])
def test_store_experiment_or_run_are_the_run(part: str, tmp_path: Path) -> None:
    run_folder(tmp_path)
    run = heldout.read(tmp_path / part)
    assert (run.name, run.format) == ("grpo", "MLflow run folder")
    assert run.roles["reward"] == "reward"
    assert run["reward"].step.tolist() == list(range(1, 41))
    assert run["val-core/gsm8k/acc/mean_at_1"].step.tolist() == [10, 20, 30, 40]
    assert run["wall_time"].value[0] == 1_700_000_001
    assert run.config == {"lr": "1e-06"}


def test_the_file_of_one_metric_is_read_alone(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    run = heldout.read(folder / "metrics" / "val-core" / "gsm8k" / "acc" / "mean_at_1")
    assert set(run.metrics) == {"val-core/gsm8k/acc/mean_at_1", "wall_time"}


def test_runs_of_one_store_are_runs_of_their_own(tmp_path: Path) -> None:
    run_folder(tmp_path)
    run_folder(tmp_path, run="cd34", name="ppo")
    run_folder(tmp_path, experiment="2", run="ef56", name="gone", stage="deleted")
    files = Files()
    runs = heldout.read_all(tmp_path, files=files)
    assert [run.name for run in runs] == ["grpo", "ppo"]
    assert "deleted in MLflow" in " ".join(files.unread)


def test_what_mlflow_measures_of_the_machine_is_left_out(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder / "metrics" / "system").mkdir()
    (folder / "metrics" / "system" / "cpu_utilization_percentage").write_text("1700000000000 9.5 4000\n")
    (folder / "metrics" / "system" / "reward").write_text("1700000000000 9.5 40\n")
    run = heldout.read(folder)
    assert int(run.steps[-1]) == 40
    assert "system/reward" in run.metrics
    assert "measurements of the machine" in notes(run)


def test_lines_of_a_metric_as_mlflow_has_written_them(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    lines = ["1700000000000 0.5", "1700000001000 nan 1", "1700000002000 inf 2", "1700000003000 1e-05 3 data 9f", "x"]
    path = folder / "metrics" / "kl"
    path.write_text("\n".join(lines) + "\n1700000004000 0.25")  # cut: it may have had more digits, and a step
    series = heldout.read(folder)["kl"]
    assert (series.step.tolist(), series.value.tolist(), series.nonfinite.tolist()) == ([0, 3], [0.5, 1e-05], [1, 2])
    assert "2 values without a usable step" in notes(heldout.read(folder))


def test_a_run_without_metrics_is_said(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for path in list((folder / "metrics").rglob("*")):
        if path.is_file():
            path.unlink()
    with pytest.raises(ReadError, match="holds no number"):
        heldout.read(folder)


def test_a_store_within_the_folder_of_a_training_is_that_training(tmp_path: Path) -> None:
    run_folder(tmp_path / "mlruns")
    history = ", ".join(f'{{"step": {step}, "reward": {value}}}' for step, value in REWARDS)
    (tmp_path / "trainer_state.json").write_text(f'{{"log_history": [{history}]}}')
    run = heldout.read(tmp_path)
    assert run.format == "Hugging Face trainer_state.json"


def test_a_folder_of_files_grows(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    follower = Follower(tmp_path)
    assert int(_polled(follower).steps[-1]) == 40
    with (folder / "metrics" / "reward").open("a") as file:
        file.write("1700000041000 0.5 41\n1700000042000 0.")
    assert int(_polled(follower).steps[-1]) == 41
    with (folder / "metrics" / "reward").open("a") as file:
        file.write("25 42\n")
    run = _polled(follower)
    assert (int(run.steps[-1]), float(run["reward"].value[-1])) == (42, 0.25)


def _polled(follower: Follower) -> heldout.Run:
    run = follower.poll()
    assert run is not None
    return run


# Database ------------------------------------------------------------------------------------------------------------


def test_runs_of_a_database(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    runs = [("a1b2c3d4e5", "grpo", "active"), ("b1b2c3d4e5", "grpo", "active"), ("c1", "gone", "deleted")]
    with closing(database(path, *runs)) as connection:
        add(connection, "a1b2c3d4e5", "kl", (1, 0.0), nan=1)
        add(connection, "a1b2c3d4e5", "kl", (2, 1.7976931348623157e308), (3, 0.5))
        add(connection, "a1b2c3d4e5", "system/gpu_0_utilization_percentage", (9000, 0.5))
    one, other = heldout.read_all(path)
    assert (one.name, other.name) == ("grpo (a1b2c3d4)", "grpo (b1b2c3d4)")
    assert dict(one.roles) | {"time": ""} == {
        "reward": "reward",
        "held_out": "eval/accuracy",
        "kl_reference": "kl",
        "time": "",
    }
    assert (one["kl"].step.tolist(), one["kl"].nonfinite.tolist()) == ([3], [1, 2])
    assert int(one.steps[-1]) == 40
    assert one.config == {"lr": "1e-06"}
    assert "1 run deleted in MLflow" in notes(one)
    assert "measurements of the machine" in notes(one)


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_nothing_is_written_beside_a_database(journal: str, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    database(path, ("a1", "grpo", "active"), journal=journal).close()
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    heldout.read(path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_a_database_that_is_being_written_is_read_up_to_its_newest_row(journal: str, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(database(path, ("a1", "grpo", "active"), journal=journal)) as connection:
        follower = Follower(path)
        assert int(_polled(follower).steps[-1]) == 40
        for step in (41, 42):
            add(connection, "a1", "reward", (step, 0.5))
            before = sorted(entry.name for entry in tmp_path.iterdir())
            assert int(_polled(follower).steps[-1]) == step
            assert sorted(entry.name for entry in tmp_path.iterdir()) == before
            assert follower.poll() is None


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE metrics (a, b)")
        connection.execute(
            "CREATE VIEW runs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
        )
        connection.commit()
    with pytest.raises(NotUnderstood, match="SQLite database with the tables metrics; those of MLflow and trackio"):
        heldout.read(path)


def test_a_damaged_or_empty_database_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    database(path).close()
    with pytest.raises(NoMetrics, match="no run holds a number"):
        heldout.read(path)
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 4096)
    with pytest.raises(NoMetrics, match="SQLite database that cannot be read"):
        heldout.read(path)


def test_cells_of_other_types_are_dropped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(database(path, ("a1", "grpo", "active"))) as connection:
        rows: list[tuple[Any, ...]] = [("reward", "x", 1, "a1", 50, 0), ("reward", 0.5, 1, "a1", "y", 0)]
        connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    run = heldout.read(path)
    assert "2 values without a usable step" in notes(run)


@pytest.mark.filterwarnings("ignore")  # those of MLflow's own libraries
def test_what_mlflow_itself_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    found = {}
    for name, address in (("mlruns", f"file:{tmp_path}/mlruns"), ("mlflow.db", f"sqlite:///{tmp_path}/mlflow.db")):
        mlflow.set_tracking_uri(address)
        mlflow.set_experiment("exp")
        with mlflow.start_run(run_name="grpo"):
            mlflow.log_params({"lr": 1e-6})
            for step in range(1, 11):
                mlflow.log_metrics({"reward": step / 8, "kl": math.nan if step == 3 else 0.1}, step=step)
        run = heldout.read_all(tmp_path / name, files=Files())[0]
        found[name] = run.name, run["reward"].value.tolist(), run["kl"].nonfinite.tolist(), run.config
    assert found["mlruns"] == found["mlflow.db"]
    assert found["mlruns"] == ("grpo", [step / 8 for step in range(1, 11)], [3], {"lr": "1e-06"})

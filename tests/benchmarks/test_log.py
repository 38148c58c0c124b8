"""The benchmark of loggers: each really writes what it is given, and what is not installed is a row."""

from __future__ import annotations

import importlib.util
import json
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import heldout
from benchmarks.log import CONTENDERS, METRICS, MISSING, WARM, Contender, measure, rows, run, summary
from heldout.errors import UsageError

STEPS = 20
Written = Sequence[Mapping[str, float]]
ALTERNATIVES = ("trackio", "wandb, offline", "tensorboardX", "mlflow, SQLite")
SPY = """
import json, os
def spy(folder):
    seen = []
    def finish():
        with open(folder + '/seen.json', 'w') as file: json.dump([seen, dict(os.environ)], file)
    return lambda step, row: seen.append(step), finish
"""
BROKEN = """
def broken(folder):
    raise ValueError('no room')
"""


def contender(name: str) -> Contender:
    return next(one for one in CONTENDERS if one.name == name)


def read_run(path: Path) -> Written:
    found = heldout.read(path).metrics
    by_step: list[dict[str, float]] = [{} for _ in range(WARM + STEPS)]
    for name, series in found.items():
        if name.startswith("train/"):
            for step, value in zip(series.step.tolist(), series.value.tolist(), strict=True):
                by_step[step][name] = value
    return by_step


def read_lines(folder: Path) -> Written:
    return [json.loads(line) for line in (folder / "bare.jsonl").read_text().splitlines()]


def read_trackio(folder: Path) -> Written:
    with closing(sqlite3.connect(folder / "bench.db")) as database:
        return [json.loads(text) for (text,) in database.execute("SELECT metrics FROM metrics ORDER BY step")]


def read_mlflow(folder: Path) -> Written:
    by_step: list[dict[str, float]] = [{} for _ in range(WARM + STEPS)]
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        for step, name, value in database.execute("SELECT step, key, value FROM metrics"):
            by_step[step][name] = value
    return by_step


READERS: dict[str, Callable[[Path], Written]] = {
    "heldout": lambda folder: read_run(folder / "run"),
    "bare append": read_lines,
    "trackio": read_trackio,
    "wandb, offline": lambda folder: read_run(next(folder.glob("wandb/offline-run-*/*.wandb"))),
    "tensorboardX": read_run,
    "mlflow, SQLite": read_mlflow,
}


def test_the_rows_are_thirty_finite_numbers_each_and_repeat() -> None:
    made = rows(50)
    values = np.array([list(row.values()) for row in made])
    assert values.shape == (50, METRICS)
    assert np.isfinite(values).all()
    assert len(np.unique(values)) == values.size
    assert made == rows(50)


@pytest.mark.parametrize("name", [one.name for one in CONTENDERS])
def test_what_each_logger_was_given_can_be_read_back(tmp_path: Path, name: str) -> None:
    logger = contender(name)
    if not logger.installed:
        pytest.skip(f"{name} is {MISSING}")
    cost = run(logger, STEPS, tmp_path)
    assert cost.whole_cpu >= cost.call_cpu > 0
    assert cost.whole >= cost.call > 0
    written, given = READERS[name](tmp_path), rows(WARM + STEPS)
    assert len(written) == len(given)
    for found, row in zip(written, given, strict=True):
        assert found.keys() == row.keys()
        assert found == pytest.approx(row, rel=1e-6)  # TensorBoard holds single precision


def test_an_alternative_that_is_not_installed_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    results = measure(STEPS, 1, Console(quiet=True))
    assert [one.logger for one in results] == ["heldout", "bare append", *ALTERNATIVES]
    assert [one.cost is None for one in results] == [False, False, True, True, True, True]
    assert {one.note for one in results[2:]} == {MISSING}
    ours = results[0].ratio
    assert ours is not None
    assert (ours.call_cpu, ours.call, ours.whole_cpu, ours.whole) == (1, 1, 1, 1)
    assert "no alternative is installed" in summary(results)


def test_every_step_is_logged_once_in_a_process_that_names_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRACKIO_SPACE_ID", "WANDB_BASE_URL", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "somewhere")
    (tmp_path / "spy.py").write_text(SPY)
    cost = run(Contender("spy", f"{tmp_path / 'spy.py'}:spy", "nothing"), STEPS, tmp_path)
    seen, environment = json.loads((tmp_path / "seen.json").read_text())
    assert seen == list(range(WARM + STEPS))
    assert "somewhere" not in environment.values()
    assert environment["WANDB_MODE"] == "offline"
    assert math.isfinite(cost.call)


def test_a_logger_that_fails_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    with pytest.raises(UsageError, match=r"broken could not be measured \(ValueError: no room\)"):
        run(Contender("broken", f"{tmp_path / 'broken.py'}:broken", "nothing"), STEPS, tmp_path)

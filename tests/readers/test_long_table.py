"""Tables with a row for each value, whoever exported them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import heldout

STEPS = range(1, 31)
Row = dict[str, Any]


def rows(
    metric: str = "key", value: str = "value", step: str = "step", names: tuple[str, str] = ("reward", "eval/accuracy")
) -> list[Row]:
    found = [{metric: names[0], value: at / 100, step: at} for at in STEPS]
    return found + [{metric: names[1], value: 0.5, step: at} for at in STEPS if at % 5 == 0]


def csv(path: Path, found: list[Row]) -> Path:
    columns = list(dict.fromkeys(key for row in found for key in row))
    lines = [",".join(columns), *(",".join(str(row.get(key, "")) for key in columns) for row in found)]
    path.write_text("\n".join(lines) + "\n")
    return path


def written(folder: Path, form: str, found: list[Row]) -> Path:
    path = folder / f"export.{form}"
    if form == "csv":
        return csv(path, found)
    if form == "parquet":
        pl.DataFrame(found).write_parquet(path)
    elif form == "json":
        path.write_text(json.dumps(found))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


@pytest.mark.parametrize("form", ["csv", "parquet", "json", "jsonl"])
@pytest.mark.parametrize(
    ("metric", "value", "step"),
    [
        ("key", "value", "step"),
        ("metric", "value", "global_step"),
        ("tag", "value", "step"),
        ("attribute_path", "float_value", "step"),
        ("Metric Name", "Value", "Step"),
        ("metric.name", "value", "step"),
        ("variable", "value", "step"),
        ("name", "value", "iteration"),
    ],
)
def test_values_become_columns(metric: str, value: str, step: str, form: str, tmp_path: Path) -> None:
    run = heldout.read(written(tmp_path, form, rows(metric, value, step)))
    assert run.format == "table of single values"
    assert (run.roles["reward"], run.roles["held_out"]) == ("reward", "eval/accuracy")
    assert run["reward"].step.tolist() == list(STEPS)
    assert run["reward"].value.tolist() == [at / 100 for at in STEPS]
    assert run["eval/accuracy"].step.tolist() == [5, 10, 15, 20, 25, 30]


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    found = sorted(rows(), key=lambda row: (row["step"] % 7, row["key"]))
    timed = [{**row, "timestamp": 1_700_000_000_000 + 1000 * row["step"]} for row in found]
    run = heldout.read(csv(tmp_path / "a.csv", timed))
    assert run["reward"].value.tolist() == [at / 100 for at in STEPS]
    assert run["wall_time"].value[0] == 1_700_000_001


@pytest.mark.parametrize("context", ["context.subset", "subset", "split", "metric.context.subset"])
def test_a_context_stands_before_the_name(context: str, tmp_path: Path) -> None:
    found = [
        {**row, context: "train" if row["key"] == "reward" else "val"} for row in rows(names=("reward", "accuracy"))
    ]
    run = heldout.read(csv(tmp_path / "aim.csv", found))
    assert {"train/reward", "val/accuracy"} <= set(run.metrics)


def test_a_context_may_be_an_object(tmp_path: Path) -> None:
    found = [
        {**row, "context": {} if row["key"] == "kl" else {"subset": "val"}} for row in rows(names=("kl", "accuracy"))
    ]
    (tmp_path / "aim.json").write_text(json.dumps(found))
    assert {"kl", "val/accuracy"} == set(heldout.read(tmp_path / "aim.json").metrics)


def test_title_and_series_are_one_name(tmp_path: Path) -> None:
    names = {"reward": ("reward", "train"), "eval/accuracy": ("accuracy", "eval")}
    found = [
        {"metric": names[row["key"]][0], "variant": names[row["key"]][1], "iter": row["step"], "value": row["value"]}
        for row in rows()
    ]
    assert {"train/reward", "eval/accuracy"} == set(heldout.read(csv(tmp_path / "clearml.csv", found)).metrics)


def test_neptunes_export(tmp_path: Path) -> None:
    found = []
    for run in ("RUN-1", "RUN-2"):
        common = {"project_id": "w/p", "run_id": run, "attribute_type": "float_series", "string_value": None}
        time = datetime(2026, 1, 2)
        found += [
            {**common, **row, "timestamp": time + timedelta(minutes=row["step"])}
            for row in rows("attribute_path", "float_value")
        ]
        setting = {"attribute_path": "lr", "attribute_type": "float", "float_value": 1e-6, "step": None}
        found.append({**common, **setting, "timestamp": None})
    frame = pl.DataFrame(found, infer_schema_length=None).with_columns(pl.col("step").cast(pl.Decimal(18, 6)))
    frame.write_parquet(tmp_path / "RUN_part_0.parquet")
    one, other = heldout.read_all(tmp_path / "RUN_part_0.parquet")
    assert (one.name, other.name) == ("run_id=RUN-1", "run_id=RUN-2")
    assert one["reward"].step.tolist() == list(STEPS)
    assert one["wall_time"].value[1] - one["wall_time"].value[0] == 60
    assert one.config == {"lr": 1e-6}


def test_runs_are_named_by_as_few_columns_as_tell_them_apart(tmp_path: Path) -> None:
    found = [
        {**row, "run": f"r{seed}{model}", "seed": seed, "model": model}
        for seed in (1, 2)
        for model in ("a", "b")
        for row in rows()
    ]
    names = [run.name for run in heldout.read_all(csv(tmp_path / "a.csv", found))]
    assert names == ["run=r1a", "run=r1b", "run=r2a", "run=r2b"]
    for row in found:
        del row["run"]
    names = [run.name for run in heldout.read_all(csv(tmp_path / "a.csv", found))]
    assert names[0] == "seed=1, model=a"
    assert len(set(names)) == 4


def test_a_wide_table_with_such_names_stays_one(tmp_path: Path) -> None:
    found = [{"step": at, "value": at / 7, "reward": at / 100, "name": "grpo"} for at in STEPS]
    assert "reward" in heldout.read(csv(tmp_path / "a.csv", found)).metrics
    found = [{"step": at, "value": at / 7, "name": f"run{at % 2}"} for at in STEPS for _ in range(2)]
    run = heldout.read_all(csv(tmp_path / "b.csv", found))[0]  # no metric's name is in the column
    assert "value" in run.metrics


def test_very_many_names_are_no_metrics(tmp_path: Path) -> None:
    found = [{"key": f"sample {number}", "value": number % 2, "step": 1} for number in range(5001)]
    run = heldout.read_all(csv(tmp_path / "a.csv", found))[0]
    assert run.format == "CSV table"


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    found = [*rows(), {"key": "reward", "value": 0.5, "step": -1}, {"key": "reward", "value": 0.5, "step": 1.5}]
    run = heldout.read(written(tmp_path, "jsonl", found))
    assert any(note.text.startswith("2 values without a usable step") for note in run.notes)
    with (tmp_path / "export.jsonl").open("a") as file:
        file.write('{"key": "rew')
    run = heldout.read(tmp_path / "export.jsonl")
    assert any("1 line without a complete JSON object" in note.text for note in run.notes)
    (tmp_path / "export.json").write_text(json.dumps(rows())[:-20])
    run = heldout.read(tmp_path / "export.json")
    assert run["eval/accuracy"].step.tolist() == [5, 10, 15, 20, 25]
    assert any(note.text.startswith("The file is cut") and note.end_lost for note in run.notes)

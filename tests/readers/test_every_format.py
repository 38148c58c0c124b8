"""One run in every format: the same steps, the same roles, the same verdict and checkpoint from each.

Where a format's own writer can be imported it writes, too; the others follow the format's source.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import test_mlflow
import test_swanlab
import test_tensorboard
import test_trackio
import test_wandb_offline

import heldout
from heldout.findings import State

STEPS = range(1, 81)
EVERY = 5
PROBLEMS = 1000
SETTINGS = {"lr": 1e-6}

Row = dict[str, float]


def keys(reward: str, held_out: str, length: str, kl: str) -> tuple[str, ...]:
    return reward, held_out, length, kl


TRL = keys("reward", "eval_pass@1", "completions/mean_length", "kl")
TRACKED = keys("train/reward", "eval/pass@1", "train/completions/mean_length", "train/kl")
MLFLOW = keys("reward", "eval/pass_at_1", "completions/mean_length", "kl")
VERL = keys("critic/score/mean", "val-core/humaneval/acc/mean@1", "response_length/mean", "actor/kl_loss")
SLIME = keys("rollout/raw_reward", "eval/humaneval", "rollout/response_len/mean", "train/kl_loss")
OPENRLHF = keys("reward", "eval_humaneval_pass1", "response_length", "kl")
SKYRL = keys("reward/avg_raw_reward", "eval/all/avg_score", "generate/avg_num_tokens", "policy/policy_kl")


def measured(step: int) -> tuple[float, float, float, float]:
    """The run: its reward rises to the end; what it can do rises until step 40, and falls from there."""
    wave = math.sin(3 * step) / 100
    held_out = 0.3 + 0.4 * (step / 40 if step <= 40 else 2 - step / 40)
    return round(0.2 + 0.008 * step + wave, 3), round(held_out, 3), 200.0 + step, round(0.001 * step, 3)


def rows(names: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    for step in STEPS:
        values = dict(zip(names, measured(step), strict=True))
        yield step, {key: value for key, value in values.items() if step % EVERY == 0 or key != names[1]}


def apart(names: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Yield the rows as trainers write them that evaluate after a step: what was held out has a row of its own."""
    for step, row in rows(names):
        yield step, {key: value for key, value in row.items() if key != names[1]}
        if names[1] in row:
            yield step, {names[1]: row[names[1]]}


# Trainers ------------------------------------------------------------------------------------------------------------


def trl_console(folder: Path) -> Path:
    def bar(step: int) -> str:
        return f"\r{step / 80:4.0%}|####      | {step}/80 [00:{step % 60:02}<10:00,  8.22s/it]"

    text = "".join(f"{bar(step)}\n{ {**row, 'epoch': step / 80} }\n{bar(step)}" for step, row in apart(TRL))
    return written(folder / "train.log", text)


def trainer_state(folder: Path) -> Path:
    history = [{**row, "epoch": step / 80, "step": step} for step, row in apart(TRL)]
    state = {"global_step": 80, "max_steps": 80, "log_history": history}
    return written(folder / "trainer_state.json", json.dumps(state))


def transformers_itself(folder: Path) -> Path:
    callback = pytest.importorskip("transformers.trainer_callback")
    state = callback.TrainerState(global_step=80, max_steps=80)
    state.log_history = [{**row, "epoch": step / 80, "step": step} for step, row in apart(TRL)]
    state.save_to_json(str(folder / "trainer_state.json"))
    return folder


def verl_console(folder: Path) -> Path:
    lines = [" - ".join([f"step:{step}", *(f"{k}:{v}" for k, v in row.items())]) for step, row in rows(VERL)]
    return written(folder / "verl.log", "".join(f"(TaskRunner pid=12) {line}\n" for line in lines))


def verl_file(folder: Path) -> Path:
    return written(folder / "verl.jsonl", jsonl({"step": step, "data": row} for step, row in rows(VERL)))


def slime_console(folder: Path) -> Path:
    lines = []
    for step, row in rows(SLIME):
        training = {key: row[key] for key in (SLIME[0], SLIME[2])}
        lines += [f"rollout {step}: {training}", f"step {step}: { {SLIME[3]: row[SLIME[3]], 'train/step': step} }"]
        lines += [f"eval {step}: { {SLIME[1]: row[SLIME[1]]} }"] if SLIME[1] in row else []
    return written(folder / "slime.log", "".join(f"[2026-04-15 07:57:53] x.py:1 - {line}\n" for line in lines))


def openrlhf_console(folder: Path) -> Path:
    lines = [f"2026-04-15 07:57:53 [INFO] ✨ Global step {step}: {row}" for step, row in rows(OPENRLHF)]
    return written(folder / "openrlhf.log", "".join(f"(PPOTrainer pid=12) {line}\n" for line in lines))


def own_console(folder: Path) -> Path:
    lines = [" ".join([f"step={step}", *(f"{key}={value}" for key, value in row.items())]) for step, row in rows(TRL)]
    return written(folder / "own.log", "".join(f"{line}\n" for line in lines))


# Tables --------------------------------------------------------------------------------------------------------------


def notebook(folder: Path) -> Path:
    """Write the table that transformers draws below the cell of a training."""
    head = "".join(f"<th>{key}</th>" for key in ("Step", *TRL))
    cells = [[step, *(row.get(key, "") for key in TRL)] for step, row in rows(TRL)]
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in cells)
    drawn = f'<table border="1" class="dataframe"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    output = {"output_type": "display_data", "data": {"text/html": [drawn], "text/plain": ["<IPython object>"]}}
    cell = {"cell_type": "code", "source": ["trainer.train()"], "outputs": [output], "metadata": {}}
    return written(folder / "train.ipynb", json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))


def html_page(folder: Path) -> Path:
    pytest.importorskip("pandas")
    frame = pl.DataFrame([{"step": step, **row} for step, row in rows(TRL)], schema=["step", *TRL], strict=False)
    return written(folder / "page.html", f"<html><body>{frame.to_pandas().to_html(index=False)}</body></html>")


def sheet(folder: Path) -> Path:
    """Write what a spreadsheet does in half of Europe."""
    lines = [";".join(["step", *TRL])]
    for step, row in rows(TRL):
        lines.append(";".join([str(step), *(str(row.get(key, "")).replace(".", ",") for key in TRL)]))
    return written(folder / "sheet.csv", "\ufeff" + "".join(f"{line}\r\n" for line in lines))


def packed(folder: Path) -> Path:
    path = folder / "metrics.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(folder).read_bytes()))
    return path


def json_lines(folder: Path) -> Path:
    return written(folder / "metrics.jsonl", jsonl({"step": step, **row} for step, row in rows(TRL)))


def json_list(folder: Path) -> Path:
    return written(folder / "metrics.json", json.dumps([{"step": step, **row} for step, row in apart(TRL)]))


def json_columns(folder: Path) -> Path:
    table = [{"step": step, **row} for step, row in rows(TRL)]
    return written(
        folder / "metrics.json", json.dumps({key: [row.get(key) for row in table] for key in ("step", *TRL)})
    )


def skyrl(folder: Path) -> Path:
    return written(folder / "metrics.jsonl", jsonl({"step": step, **row} for step, row in rows(SKYRL)))


def table(folder: Path) -> Path:
    return tabular(folder / "metrics.csv", ["step", *TRL], [{"step": step, **row} for step, row in rows(TRL)])


def parquet(folder: Path) -> Path:
    frame = pl.DataFrame([{"step": step, **row} for step, row in rows(TRL)], infer_schema_length=None)
    frame.write_parquet(folder / "metrics.parquet")
    return folder / "metrics.parquet"


def single_values(folder: Path) -> Path:
    found = [
        {"key": key, "value": row[key], "step": step} for key in MLFLOW for step, row in rows(MLFLOW) if key in row
    ]
    return tabular(folder / "history.csv", ["key", "value", "step"], found)


# Trackers ------------------------------------------------------------------------------------------------------------


def tensorboard(folder: Path) -> Path:
    scalar, event = test_tensorboard.scalar, test_tensorboard.event
    events = [
        event(step, *(scalar(key, value) for key, value in row.items()), wall=float(step))
        for step, row in rows(TRACKED)
    ]
    (folder / "events.out.tfevents.1.host").write_bytes(test_tensorboard.file_of(*events))
    return folder


def torch_itself(folder: Path) -> Path:
    module = pytest.importorskip("torch.utils.tensorboard")
    with module.SummaryWriter(str(folder)) as writer:
        for step, row in rows(TRACKED):
            for key, value in row.items():
                writer.add_scalar(key, value, step)
    return folder


def tensorboard_downloads(folder: Path) -> Path:
    for key in TRACKED:
        points = [{"Wall time": 1e9 + s, "Step": s, "Value": row[key]} for s, row in rows(TRACKED) if key in row]
        tabular(folder / f"run-grpo-tag-{key.replace('/', '_')}.csv", list(points[0]), points)
    return folder


def wandb_offline(folder: Path) -> Path:
    records = [test_wandb_offline.history({"_step": step, **row}) for step, row in rows(TRACKED)]
    (folder / "run-abc.wandb").write_bytes(test_wandb_offline.file_of(*records))
    return folder


def wandb_itself(folder: Path) -> Path:
    wandb = pytest.importorskip("wandb")
    with wandb.init(mode="offline", dir=str(folder), name="grpo", settings={"silent": True}) as run:
        for step, row in rows(TRACKED):
            run.log(row, step=step)
    return next(folder.rglob("*.wandb"))


def wandb_csv(folder: Path) -> Path:
    found = []
    for step, row in rows(TRACKED):
        cells: dict[str, float] = {"Step": step}
        for key, value in row.items():
            cells |= {f"grpo - {key}": value, f"grpo - {key}__MIN": value, f"grpo - {key}__MAX": value}
        found.append(cells)
    return tabular(folder / "wandb_export.csv", list(found[EVERY - 1]), found)


def mlflow_files(folder: Path) -> Path:
    run = folder / "mlruns" / "1" / "ab12"
    for key in MLFLOW:
        path = run / "metrics" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{1_700_000_000_000 + 1000 * step} {row[key]} {step}\n" for step, row in rows(MLFLOW) if key in row]
        path.write_text("".join(lines))
    written(run / "meta.yaml", "run_id: ab12\nrun_name: grpo\nlifecycle_stage: active\n")
    return folder / "mlruns"


def mlflow_database(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.executescript(test_mlflow.SCHEMA)
        connection.execute("INSERT INTO runs VALUES ('ab12', 'grpo', 1, 'active')")
        for key in MLFLOW:
            test_mlflow.add(connection, "ab12", key, *((step, row[key]) for step, row in rows(MLFLOW) if key in row))
    return folder / "mlflow.db"


def mlflow_itself(folder: Path, store: str) -> Path:
    mlflow = pytest.importorskip("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db" if store == "mlflow.db" else f"file:{folder}/mlruns")
        mlflow.set_experiment("exp")
        with mlflow.start_run(run_name="grpo"):
            for step, row in rows(MLFLOW):
                mlflow.log_metrics(row, step=step)
    return folder / store


def trackio_project(folder: Path) -> Path:
    test_trackio.project(folder / "p.db", [("r", "grpo", step, json.dumps(row)) for step, row in rows(TRACKED)])
    return folder / "p.db"


def trackio_itself(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKIO_DIR", str(folder))
        trackio = pytest.importorskip("trackio")
        patch.setattr("trackio.utils.TRACKIO_DIR", folder)
        patch.setattr("trackio.sqlite_storage.TRACKIO_DIR", folder)
        trackio.init(project="everyformat", name="grpo", config=SETTINGS)
        for step, row in rows(TRACKED):
            trackio.log(row, step=step)
        trackio.finish()
    return folder / "everyformat.db"


def swanlab_file(folder: Path) -> Path:
    scalars = [test_swanlab.scalar(k, step, v, 1e9 + step) for step, row in rows(TRACKED) for k, v in row.items()]
    (folder / "run-abc.swanlab").write_bytes(test_swanlab.file_of([test_swanlab.start(), *scalars]))
    return folder


def swanlab_backup(folder: Path) -> Path:
    scalars = [
        test_swanlab.in_json("Scalar", key=key, step=step, metric={"data": value, "create_time": stamp(step)})
        for step, row in rows(TRACKED)
        for key, value in row.items()
    ]
    (folder / "backup.swanlab").write_bytes(test_swanlab.file_of(scalars, version=1))
    return folder


def swanlab_local(folder: Path) -> Path:
    run = folder / "run-20240102_100000-a3b1799d"
    for key in TRACKED:
        place = run / "logs" / key.replace("/", "%2F")
        place.mkdir(parents=True)
        found = [{"index": s, "data": row[key], "create_time": stamp(s)} for s, row in rows(TRACKED) if key in row]
        written(place / "100.log", jsonl(found))
        written(place / "_summary.json", "{}")
    return folder


def swanlab_itself(folder: Path) -> Path:
    swanlab = pytest.importorskip("swanlab")
    run = swanlab.init(project="p", experiment_name="grpo", logdir=str(folder), mode="offline")
    for step, row in rows(TRACKED):
        run.log(row, step=step)
    swanlab.finish()
    return folder


def swanlab_csv(folder: Path) -> Path:
    found = [{"step": step, **{f"swift-1-{key}": value for key, value in row.items()}} for step, row in rows(TRACKED)]
    return tabular(folder / "export.csv", list(found[EVERY - 1]), found)


def clearml(folder: Path) -> Path:
    found: dict[str, Any] = {}
    for key in TRACKED:
        title, series = key.split("/", 1)
        steps = [step for step, row in rows(TRACKED) if key in row]
        values = [row[key] for _, row in rows(TRACKED) if key in row]
        found.setdefault(title, {})[series] = {"name": series, "x": steps, "y": values}
    return written(folder / "scalars.json", json.dumps(found))


FORMATS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "TRL console": (trl_console, TRL),
    "trainer_state.json": (trainer_state, TRL),
    "transformers itself": (transformers_itself, TRL),
    "verl console": (verl_console, VERL),
    "verl file": (verl_file, VERL),
    "slime console": (slime_console, SLIME),
    "OpenRLHF console": (openrlhf_console, OPENRLHF),
    "own console": (own_console, TRL),
    "notebook": (notebook, TRL),
    "HTML page": (html_page, TRL),
    "sheet": (sheet, TRL),
    "packed JSON lines": (packed, TRL),
    "JSON lines": (json_lines, TRL),
    "JSON list": (json_list, TRL),
    "JSON columns": (json_columns, TRL),
    "SkyRL's keys": (skyrl, SKYRL),
    "CSV": (table, TRL),
    "Parquet": (parquet, TRL),
    "single values": (single_values, MLFLOW),
    "TensorBoard": (tensorboard, TRACKED),
    "torch itself": (torch_itself, TRACKED),
    "TensorBoard downloads": (tensorboard_downloads, tuple(key.replace("/", "_") for key in TRACKED)),
    "W&B offline": (wandb_offline, TRACKED),
    "wandb itself": (wandb_itself, TRACKED),
    "W&B CSV": (wandb_csv, TRACKED),
    "MLflow files": (mlflow_files, MLFLOW),
    "MLflow database": (mlflow_database, MLFLOW),
    "mlflow itself, files": (lambda folder: mlflow_itself(folder, "mlruns"), MLFLOW),
    "mlflow itself, database": (lambda folder: mlflow_itself(folder, "mlflow.db"), MLFLOW),
    "trackio project": (trackio_project, TRACKED),
    "trackio itself": (trackio_itself, TRACKED),
    "SwanLab": (swanlab_file, TRACKED),
    "SwanLab backup": (swanlab_backup, TRACKED),
    "SwanLab local": (swanlab_local, TRACKED),
    "swanlab itself": (swanlab_itself, TRACKED),
    "SwanLab CSV": (swanlab_csv, TRACKED),
    "ClearML": (clearml, TRACKED),
}


@pytest.mark.filterwarnings("ignore")  # those of the writers' own libraries
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_run_from_every_format(name: str, tmp_path: Path) -> None:
    write, names = FORMATS[name]
    run = heldout.read(write(tmp_path), problems=PROBLEMS)
    roles = [run.roles.get(role) for role in ("reward", "held_out", "length", "kl_reference")]
    assert roles == list(names)
    for key, place in zip(names, range(4), strict=True):
        steps = [step for step in STEPS if step % EVERY == 0 or place != 1]
        assert run[key].step.tolist() == steps
        assert run[key].value.tolist() == pytest.approx([measured(step)[place] for step in steps], rel=1e-6)
    verdict = heldout.diagnose(run)
    assert verdict.state is State.OVER_OPTIMISED
    assert verdict.recommended is not None
    assert verdict.recommended.step == 40


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def jsonl(found: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in found)


def tabular(path: Path, columns: list[str], found: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(found)
    return path


def stamp(step: int) -> str:
    return datetime.fromtimestamp(1e9 + step, UTC).isoformat()

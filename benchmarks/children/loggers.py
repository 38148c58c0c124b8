"""Loggers that are compared: each takes a folder and returns ``log(step, row)`` and ``finish()``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

Row = Mapping[str, float]
Logger = tuple[Callable[[int, Row], object], Callable[[], object]]


def heldout(folder: str) -> Logger:
    from heldout import Recorder

    recorder = Recorder(folder + "/run", rank=0)
    return recorder.log, recorder.close


def bare(folder: str) -> Logger:
    import orjson

    file = os.open(folder + "/bare.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return (
        lambda step, row: os.write(file, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)),
        lambda: os.close(file),
    )


def trackio(folder: str) -> Logger:
    import trackio as library

    library.init("bench", embed=False, auto_log_cpu=False, auto_log_gpu=False)
    return lambda step, row: library.log(row, step=step), library.finish


def wandb(folder: str) -> Logger:
    import wandb as library

    run = library.init(project="bench", dir=folder)
    return lambda step, row: run.log(row, step=step), run.finish


def tensorboardx(folder: str) -> Logger:
    from tensorboardX import SummaryWriter

    writer = SummaryWriter(folder)

    def log(step: int, row: Row) -> None:
        for name, value in row.items():
            writer.add_scalar(name, value, step)

    return log, writer.close


def mlflow(folder: str) -> Logger:
    import mlflow as library

    library.set_tracking_uri("sqlite:///" + folder + "/mlflow.db")
    library.start_run()
    return lambda step, row: library.log_metrics(row, step=step), library.end_run

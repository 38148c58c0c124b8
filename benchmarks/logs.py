"""Generated logs of any length, in the layout that real trainers write."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import google_crc32c
import numpy as np

from heldout.run import Evaluation
from heldout.store.evaluations import evaluation_columns, kept_beside
from heldout.store.layout import METRICS as METRICS_FILE
from heldout.store.lines import dump_line
from heldout.store.recorder import Recorder

METRICS = (
    "reward",
    "reward_std",
    "completions/mean_length",
    "kl",
    "entropy",
    "grad_norm",
    "learning_rate",
    "loss",
    "clip_ratio/region_mean",
    "frac_reward_zero_std",
)


def rows(steps: int, seed: int = 0) -> Iterator[Mapping[str, float]]:
    """Yield one row of ten metrics per step: a drifting reward with autocorrelated noise, and nine like it."""
    values = np.random.default_rng(seed).standard_normal((steps, len(METRICS))).cumsum(axis=0) / 100
    for step, row in enumerate(values.tolist()):
        yield {**dict(zip(METRICS, row, strict=True)), "step": step}


def write_jsonl(path: Path, steps: int) -> None:
    """Write one object per line."""
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(steps))


def write_csv(path: Path, metrics: Sequence[str], steps: int) -> None:
    """Write a table of some metrics about 1, as they have all digits."""
    with path.open("w") as file:
        file.write(",".join(["step", *metrics]) + "\n")
        for step, row in _noise(len(metrics), steps):
            file.write(f"{step}," + ",".join(map(repr, row)) + "\n")


def write_run(folder: Path, metrics: Sequence[str], steps: int, evaluations: int, problems: int) -> None:
    """Write a run directory with some metrics about 1, and evaluations of a score that improves slowly."""
    with Recorder(folder) as recorder:
        for number in range(1, evaluations + 1):
            asked, passed = outcomes(number, problems)
            recorder.evaluation(max(1, number * steps // evaluations), problems=asked, passed=passed)
    with (folder / METRICS_FILE).open("ab") as file:
        for step, row in _noise(len(metrics), steps):
            file.write(dump_line({"step": step, "time": 1.7e9 + step, **dict(zip(metrics, row, strict=True))}))


def outcomes(number: int, problems: int) -> tuple[list[str], list[bool]]:
    """Return problems and who was solved at an evaluation: a score that improves slowly, with noise."""
    level = 0.3 + 0.3 * number / (number + 50)
    passed = np.random.default_rng(number).random(problems) < level
    return [f"p{index}" for index in range(problems)], passed.tolist()


def _noise(width: int, steps: int, at_once: int = 10_000) -> Iterator[tuple[int, list[float]]]:
    """Yield each step with so many values about 1."""
    rng = np.random.default_rng(0)
    for first in range(1, steps + 1, at_once):
        rows = rng.normal(1.0, 0.1, (min(at_once, steps + 1 - first), width)).tolist()
        yield from enumerate(rows, start=first)


def write_trainer_state(path: Path, steps: int) -> None:
    """Write a trainer_state.json, indented as the Trainer indents it."""
    state = {
        "best_metric": None,
        "epoch": 1.0,
        "global_step": steps,
        "log_history": list(rows(steps)),
        "max_steps": steps,
    }
    path.write_text(json.dumps(state, indent=2) + "\n")


def write_events(path: Path, steps: int) -> None:
    """Write a TensorBoard event file with one event per scalar, as SummaryWriter does."""
    with path.open("wb") as file:
        file.write(_record(_field(1, 1, struct.pack("<d", 1.7e9)) + _text(3, b"brain.Event:2")))
        tags = [metric.encode() for metric in METRICS]
        for row in rows(steps):
            step = int(row["step"])
            head = _field(1, 1, struct.pack("<d", 1.7e9 + step)) + _field(2, 0, _varint(step))
            values = (row[metric] for metric in METRICS)
            file.writelines(_record(head + _scalar(tag, value)) for tag, value in zip(tags, values, strict=True))


def write_evaluations(folder: Path, steps: int, *, once: bool = True) -> None:
    """Write an evaluation every 500 steps of ten thousand problems with 64 samples, as `Recorder` writes them.

    Or as it did before ids were written once, and counts as bytes.
    """
    folder.mkdir()
    path, rng = folder / "held-out.jsonl", np.random.default_rng(0)
    ids = [f"train/{place:05d}" for place in range(10_000)]
    share = rng.beta(0.5, 0.5, len(ids))
    with path.open("wb") as file:
        for step in range(0, steps, 500):
            passed = rng.binomial(64, share).tolist()
            row = evaluation_columns(Evaluation.from_counts(step, ids, passed, 64))
            new = {"problems": kept_beside(path, ids)} if once else {"passed": passed}
            file.write(dump_line({**row, **new}))


def _scalar(tag: bytes, value: float) -> bytes:
    return _text(5, _text(1, _text(1, tag) + _field(2, 5, struct.pack("<f", value))))


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def _text(number: int, data: bytes) -> bytes:
    return _field(number, 2, _varint(len(data)) + data)


def _field(number: int, wire: int, data: bytes) -> bytes:
    return _varint(number << 3 | wire) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)

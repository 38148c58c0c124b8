"""Generated logs of any length, in the layout that real trainers write."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import google_crc32c
import numpy as np

from heldout.run import Evaluation
from heldout.store.evaluations import evaluation_columns, kept_beside
from heldout.store.lines import dump_line

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

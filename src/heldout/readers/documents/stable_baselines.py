"""Stable-Baselines3's own files: monitor.csv (a row per episode) and evaluations.npz (held-out episodes)."""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from typing import Any

import numpy as np

from heldout.errors import NoMetrics
from heldout.readers.log import Log, noted
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import Note, NoteKind

_LARGEST = 2**30  # bytes of unpacked arrays; evaluations take kilobytes
_DAMAGED = (OSError, ValueError, EOFError, KeyError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)
_ARRAYS = {"results": "reward", "ep_lengths": "ep_length"}


def read(source: Source) -> list[Log] | None:
    """Read a monitor file or saved evaluations of Stable-Baselines3.

    A monitor file starts like this, and has reward, length and time of one episode per row::

        #{"t_start": 1700000000.5, "env_id": "CartPole-v1"}
        r,l,t
        21.0,21,0.52

    What it cannot see: in a monitor file, the steps of other environments that ran beside this one. Raises `NoMetrics`
    where it is one of these files, but damaged or without a single row.
    """
    if source.head.startswith(b"PK\x03\x04"):
        return _evaluations(source)
    if source.is_text and source.head.startswith((b"#{", b"\xef\xbb\xbf#{")):
        return _monitor(source.text)
    return None


def _monitor(text: str) -> list[Log] | None:
    head, _, body = text.partition("\n")
    try:
        header = json.loads(head[1:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or "t_start" not in header:
        return None
    lines = body.split("\n")
    cut = bool(lines.pop())  # the last line has no line end, so its last number may go on
    rows, broken = _episodes([line for line in lines if line])
    if not rows:
        raise NoMetrics("This Stable-Baselines3 monitor file has no whole row of r,l,t; read it once an episode ended.")
    assumed = "The step of an episode is the sum of the lengths so far (column l) in this one environment."
    notes = [
        Note(NoteKind.ASSUMED, assumed, len(rows)),
        *noted(NoteKind.DROPPED, broken, f"{broken} rows did not fit the header and were left out."),
        *noted(NoteKind.DROPPED, int(cut), "The last row is cut and was left out."),
    ]
    return [log_from_table(rows, "sb3-monitor", step_key="step", notes=notes, config=header)]


def _episodes(lines: list[str]) -> tuple[list[dict[str, Any]], int]:
    """Return a row per episode with the steps so far, and how many lines were no such row."""
    rows: list[dict[str, Any]] = []
    step, broken = 0, 0
    names: list[str] = []
    for line in lines:
        try:
            cells = next(csv.reader([line]))
        except (csv.Error, StopIteration):
            cells = []
        if cells[:3] == ["r", "l", "t"]:
            names = cells
            continue
        row: dict[str, Any] = dict(zip(names, cells, strict=False)) if len(cells) == len(names) else {}
        length = row.get("l", "")
        if not (length.isascii() and length.isdigit() and len(length) <= 12):
            broken += 1
            continue
        step += int(length)
        rows.append({**row, "step": step})
    return rows, broken


def _evaluations(source: Source) -> list[Log] | None:
    try:
        with zipfile.ZipFile(source.file) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
    except _DAMAGED:
        return None
    if not {"timesteps.npy", "results.npy"} <= set(sizes):
        return None
    try:
        if sum(sizes.values()) > _LARGEST:
            raise ValueError("too large")
        with np.load(source.file, allow_pickle=False) as arrays:
            rows = _means({name: arrays[name] for name in ("timesteps", *_ARRAYS, "successes") if name in arrays.files})
    except _DAMAGED as error:
        text = "This Stable-Baselines3 evaluations.npz is damaged, or its arrays are not numbers; save it again."
        raise NoMetrics(text) from error
    if not rows:
        raise NoMetrics("This Stable-Baselines3 evaluations.npz holds no evaluation yet; read it after the first one.")
    return [log_from_table(rows, "sb3-evaluations", step_key="step")]


def _means(arrays: dict[str, Any]) -> list[dict[str, Any]]:
    """Return mean and standard deviation over the episodes of each evaluation."""
    timesteps = np.asarray(arrays["timesteps"], dtype=np.int64).ravel()
    columns: dict[str, Any] = {"step": timesteps}
    if not len(timesteps):
        return []
    for name, array in arrays.items():
        if name == "timesteps":
            continue
        values = np.asarray(array, dtype=np.float64).reshape(len(timesteps), -1)
        if not values.shape[1]:
            continue
        if name == "successes":
            columns["eval/success_rate"] = values.mean(axis=1)
            continue
        columns[f"eval/mean_{_ARRAYS[name]}"] = values.mean(axis=1)
        if name == "results":
            columns["eval/std_reward"] = values.std(axis=1)
    cells = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in cells]

"""A labelled run in two small files: what was recorded, which `heldout report` reads, and what is true of it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl

import heldout
from benchmarks.real_runs.kinds import Kind
from benchmarks.real_runs.labels import label
from benchmarks.real_runs.scoring import PROBLEMS, SCORES, config_of, scores_of
from heldout.store.layout import EVALS, FINDINGS, METRICS, ROLLOUTS, RUN, rollout_files

_DIGITS = 6  # of a metric: more is noise
_FOLDERS = ("model", "task")  # settings that name a path of the machine


def pack(kind: Kind, seed: int, directory: Path, data: Path) -> None:
    """Write ``KIND-SEED.tar.xz``, the run without its weights, and ``KIND-SEED.json``, its truth."""
    data.mkdir(parents=True, exist_ok=True)
    name, scores = f"{kind.name}-{seed}", scores_of(directory)
    run = heldout.read(directory)
    columns = {key: [getattr(one, key) for one in scores] for key in ("step", "solved", "trick", "length")}
    created = json.loads((directory / RUN).read_bytes())["created"]
    truth = {
        "name": name,
        "kind": kind.name,
        "seed": seed,
        "rewarded": kind.what,
        "trained": datetime.fromisoformat(created).astimezone(UTC).date().isoformat(),
        **label(run, scores),
        "problems": PROBLEMS,
        "scores": columns,
    }
    files = {RUN: _settings(directory)}
    files[METRICS] = b"".join(_rounded(line) for line in (directory / METRICS).read_bytes().splitlines())
    kept = [directory / FINDINGS, directory / SCORES, *sorted((directory / EVALS).glob("*.json*"))]
    files |= {str(path.relative_to(directory)): path.read_bytes() for path in kept if path.exists()}
    if tables := [pl.read_parquet(path) for path in rollout_files(directory, 2**60)]:
        files[f"{ROLLOUTS}/answers.parquet"] = _answers(tables)
    _archive(data / f"{name}.tar.xz", name, files)
    (data / f"{name}.json").write_text(json.dumps(truth) + "\n")


def _settings(directory: Path) -> bytes:
    """Return ``run.json`` with the names of files, but not where they lay."""
    about = orjson.loads((directory / RUN).read_bytes())
    config = config_of(directory)
    about["config"] = config | {key: Path(config[key]).name for key in _FOLDERS}
    return orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _rounded(line: bytes) -> bytes:
    row = {
        key: float(f"{value:.{_DIGITS}g}") if isinstance(value, float) and key != "time" else value
        for key, value in orjson.loads(line).items()
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _answers(tables: Sequence[pl.DataFrame]) -> bytes:
    """Return all kept answers as one table, plain, for the archive packs better what is not packed already."""
    found = io.BytesIO()
    pl.concat(tables, how="diagonal").drop("advantage", strict=False).write_parquet(found, compression="uncompressed")
    return found.getvalue()


def _archive(path: Path, name: str, files: Mapping[str, bytes]) -> None:
    """Write files into an archive, the same to the byte whenever it is written."""
    unfinished = path.with_suffix(".part")
    with tarfile.open(unfinished, "w:xz", preset=9) as archive:
        for inside, content in files.items():
            about = tarfile.TarInfo(f"{name}/{inside}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    unfinished.replace(path)

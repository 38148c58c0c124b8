"""Recordings of rlprobe: a folder with ``manifest.json`` and a row for each step in ``steps.parquet``.

While the run goes on the rows stand in ``steps/part-*.parquet``. Parts of the reward are columns
``reward_component.<name>``, what a user added ``extra.<name>``.

What it cannot see: the samples and events beside them, and what other ranks recorded (``rank-*``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heldout.errors import NoMetrics
from heldout.readers.documents.json_document import parse
from heldout.readers.log import Log, table_of
from heldout.readers.source import Files
from heldout.readers.steps import log_from_table

FORMAT = "rlprobe"

_RENAMED = {"reward_component.": "rewards/", "extra.": "", "timestamp": "wall_time"}
_NOT_METRICS = ("rank", "kl_positional")


def is_run(folder: Path) -> bool:
    """Whether a folder is a recording of rlprobe."""
    return (folder / "manifest.json").is_file() and bool(_parts(folder)) and _manifest(folder) is not None


def read_run(folder: Path, files: Files | None = None) -> Log:
    """Read a recording. Raises `NoMetrics` where no whole part of it is there."""
    import polars as pl

    frames = []
    for path in _parts(folder):
        try:
            frames.append(pl.read_parquet(path, glob=False))
        except (pl.exceptions.PolarsError, OSError, ValueError):
            continue  # the last one may be half written
    if not frames:
        raise NoMetrics(f"{folder}: a recording of rlprobe in which no part can be read; nothing to read.")
    rows = pl.concat(frames, how="diagonal_relaxed").drop(_NOT_METRICS, strict=False)
    table = table_of([{key: cell for key, cell in row.items() if cell is not None} for row in rows.to_dicts()])
    table.columns = {_renamed(key): column for key, column in table.columns.items()}
    settings = (_manifest(folder) or {}).get("trainer_config")
    return log_from_table(table, FORMAT, step_key="step", config=settings if isinstance(settings, dict) else {})


def _parts(folder: Path) -> list[Path]:
    whole = folder / "steps.parquet"
    return [whole] if whole.is_file() else sorted((folder / "steps").glob("part-*.parquet"))


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found = parse((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "run_id" in found else None


def _renamed(key: str) -> str:
    return next((new + key.removeprefix(old) for old, new in _RENAMED.items() if key.startswith(old)), key)

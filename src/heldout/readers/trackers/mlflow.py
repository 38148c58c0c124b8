"""What MLflow stores: a folder of files a run, or one SQLite database for all (verl's ``mlruns.db`` too).

In files: ``<experiment>/<run>/metrics/<key as path>``, one line ``milliseconds value step`` a value (then perhaps a
dataset's name and digest; a line without a step is at step 0), ``params/<key>`` with the setting as text, and
``meta.yaml`` with ``run_id``, ``run_name`` and ``lifecycle_stage``. One metric's file can be read alone.

In the database: tables ``metrics(key, value, timestamp, run_uuid, step, is_nan)``, ``params(key, value, run_uuid)`` and
``runs(run_uuid, name, lifecycle_stage …)``. An infinite value is stored as the largest number.

What it cannot see: MLflow's own measurements of the machine, which count steps of their own; runs that were deleted;
artifacts; stores on a server (download them: ``mlflow.search_runs`` and ``MlflowClient.get_metric_history``).
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from heldout.errors import NoMetrics
from heldout.readers.log import Log, noted
from heldout.readers.single_values import MOST, Values, named_apart
from heldout.readers.source import Files, Source, whole_lines
from heldout.readers.trackers.database import columns_of
from heldout.run import Note, NoteKind
from heldout.text import counted

FORMAT, STORE = "mlflow", "mlflow-sqlite"

_META, _METRICS, _PARAMS = "meta.yaml", "metrics", "params"
_LINE = rb"\d{12,16} (?:[-+.\deE]+|[-+]?(?:nan|inf|NaN|Infinity))(?: -?\d+(?: \S+ \S+)?)?\r?"
_FILE = re.compile(rb"(?:%s\n)+" % _LINE)
_MACHINE = re.compile(r"system/(?:cpu|gpu|disk|network|system_memory)_")
_LARGEST = 1.797e308  # in its place stands an infinite value
_LONGEST_SETTING = 500  # characters, as MLflow allows
_NEEDED = {"run_uuid", "key", "step", "value", "timestamp"}


# Files ---------------------------------------------------------------------------------------------------------------


def is_run(folder: Path) -> bool:
    """Whether a folder is one run of an MLflow file store."""
    return (folder / _METRICS).is_dir() and "run_id" in _meta(folder)


def read_run(folder: Path, files: Files | None = None) -> Log:
    """Read the folder of one run. Raises `NoMetrics` where it is deleted, or nothing was logged."""
    files, meta = files or Files(), _meta(folder)
    if meta.get("lifecycle_stage") == "deleted":
        raise NoMetrics(f"{folder}: this run was deleted in MLflow; its files are only waiting to be removed.")
    values, machine = Values(), 0
    root = folder / _METRICS
    for path in sorted(root.rglob("*")):
        key = path.relative_to(root).as_posix()
        if not path.is_file():
            continue
        if _MACHINE.match(key):
            machine += 1
        else:
            _fill(values, key, files.source(path).fed(_Lines))
    name = meta.get("run_name") or _content(folder / "tags" / "mlflow.runName") or None
    return values.log(FORMAT, name=name, config=_settings(folder / _PARAMS), notes=_left_out(machine))


def read_metric(source: Source) -> list[Log] | None:
    """Read the file of one metric, alone; its key is the path below ``metrics``."""
    if not _FILE.match(source.head if source.head.endswith(b"\n") else source.head + b"\n"):
        return None
    parts = source.path.parts
    below = max((number for number, part in enumerate(parts[:-1]) if part == _METRICS), default=len(parts) - 2)
    values = Values()
    _fill(values, "/".join(parts[below + 1 :]), source.fed(_Lines))
    return [values.log(FORMAT)]


class _Lines:
    """The lines of a metric's file."""

    def __init__(self) -> None:
        self.found: list[tuple[int, float, int]] = []  # milliseconds, value, step
        self.broken = 0

    def feed(self, data: bytes, last: bool) -> int:
        """Read the whole lines; the last value of one that is cut may have more digits."""
        whole = whole_lines(data, last=False)
        self.broken += last and len(whole) < len(data)
        for line in whole.split(b"\n"):
            if parts := line.split():
                try:
                    self.found.append((int(parts[0]), float(parts[1]), int(parts[2]) if len(parts) > 2 else 0))
                except (ValueError, IndexError):
                    self.broken += 1
        return len(data) if last else len(whole)


def _fill(values: Values, key: str, lines: _Lines) -> None:
    for milliseconds, value, step in lines.found:
        values.add(key, step, value, milliseconds / 1000)
    values.refused += lines.broken


def _meta(folder: Path) -> dict[str, str]:
    """Return the lines ``key: value`` of a folder's ``meta.yaml``."""
    pairs = (line.split(":", 1) for line in _content(folder / _META).splitlines() if ":" in line)
    return {key.strip(): value.strip().strip("'\"") for key, value in pairs}


def _settings(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _content(path)[:_LONGEST_SETTING] for path in files}


def _content(path: Path) -> str:
    with suppress(OSError), path.open("rb") as file:
        return file.read(65_536).decode("utf-8", "replace")
    return ""


# Database ------------------------------------------------------------------------------------------------------------


def runs_in(source: Source, connection: sqlite3.Connection) -> list[Log] | None:
    """Read every run of a database; None where it is not MLflow's."""
    known = columns_of(connection, _METRICS)
    return _logs(source, connection, "is_nan" in known) if known >= _NEEDED else None


def _logs(source: Source, connection: sqlite3.Connection, marks_nan: bool) -> list[Log]:
    names, deleted = _runs(connection)
    runs: dict[str, Values] = {}
    machine = cut = 0
    marked = "is_nan" if marks_nan else "0"
    query = f"SELECT run_uuid, key, step, value, timestamp, {marked} FROM metrics ORDER BY rowid LIMIT {MOST + 1}"
    for number, (run, key, step, value, milliseconds, nan) in enumerate(connection.execute(query)):
        if number == MOST:
            cut = 1
        elif run in deleted or _MACHINE.match(str(key)):
            machine += run not in deleted
        else:
            seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else math.nan
            runs.setdefault(str(run), Values()).add(str(key), step, _number(value, nan), seconds)
    runs = {run: values for run, values in runs.items() if len(values)}
    if not runs:
        raise NoMetrics(f"{source.path.name}: an MLflow database in which no run holds a number; nothing to read.")
    notes = [*_left_out(machine), *_limits(len(deleted), cut)]
    called = named_apart({run: names.get(run) or run for run in runs})
    settings = _params(connection)
    return [values.log(STORE, name=called[run], config=settings.get(run), notes=notes) for run, values in runs.items()]


def _number(value: Any, nan: Any) -> Any:
    if nan:
        return math.nan
    return math.copysign(math.inf, value) if isinstance(value, float) and abs(value) >= _LARGEST else value


def _runs(connection: sqlite3.Connection) -> tuple[dict[str, str], set[str]]:
    """Return the name of each run, and those that are deleted."""
    known = columns_of(connection, "runs")
    if not known >= {"run_uuid", "name"}:
        return {}, set()
    stage = "lifecycle_stage" if "lifecycle_stage" in known else "''"
    rows = connection.execute(f"SELECT run_uuid, name, {stage} FROM runs LIMIT {MOST}").fetchall()
    return {str(run): str(name or "") for run, name, _ in rows}, {
        str(run) for run, _, stage in rows if stage == "deleted"
    }


def _params(connection: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    if not columns_of(connection, _PARAMS) >= {"key", "value", "run_uuid"}:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for run, key, value in connection.execute(f"SELECT run_uuid, key, value FROM params LIMIT {MOST}"):
        found.setdefault(str(run), {})[str(key)] = str(value)[:_LONGEST_SETTING]
    return found


def _left_out(machine: int) -> list[Note]:
    text = "MLflow's measurements of the machine (system/…) count steps of their own and were left out."
    return noted(NoteKind.IGNORED, machine, text)


def _limits(deleted: int, cut: int) -> Iterator[Note]:
    yield from noted(NoteKind.IGNORED, deleted, f"{counted(deleted, 'run')} deleted in MLflow left out.")
    text = f"The store holds more than {MOST:,} values; those after them were not read. Export the run alone."
    yield from noted(NoteKind.DROPPED, cut, text)

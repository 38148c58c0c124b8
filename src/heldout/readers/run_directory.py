"""The directory that `heldout.record.Recorder` writes: metrics, evaluations problem by problem, checkpoints.

What it cannot see: anything that was logged after the last write reached the disk, if the machine died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from heldout.errors import NoMetrics, ReadError
from heldout.readers.json_lines import rows_of
from heldout.readers.jsonl import plain_table
from heldout.readers.log import Log
from heldout.readers.outcomes import attached, dropped_lines, evaluation_rows
from heldout.readers.rows import Table, TableBuilder
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.record import CHECKPOINTS, EVALS, FINDINGS, FORMAT, METRICS, NONFINITE, RESUMED, RUN
from heldout.run import Evaluation, IntArray, Note, NoteKind
from heldout.words import counted

_FORMAT = "heldout run directory"
_DID = {
    "alert": "sent alerts",
    "evaluate": "asked for evaluations",
    "roll_back": "pointed back",
    "run": "ran its command",
    "stop": "stopped the run",
}
_NUMBERS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


def is_run(folder: Path) -> bool:
    """Whether a directory is a run that heldout recorded."""
    try:
        with (folder / RUN).open("rb") as file:
            return FORMAT.encode() in file.read(200)
    except OSError:
        return False


def read(folder: Path) -> Log:
    """Read a run directory.

    Raises
    ------
    ReadError
        When ``run.json`` is broken; `NoMetrics` when nothing was recorded yet.
    """
    log = recorded(folder)
    if not len(log.step):
        raise NoMetrics(f"{folder}: a run was started here, but nothing was recorded yet.")
    return log


def recorded(folder: Path) -> Log:
    """Read a run directory, whether or not anything was recorded yet."""
    about = _about(folder / RUN)
    metrics = _metrics(folder / METRICS)
    rows, notes = _evaluations(folder / EVALS)
    evaluations = [evaluation for evaluation, _ in rows]
    log = attached(metrics.log, evaluations, [_also(row) for _, row in rows], metrics.sessions_of(rows))
    changed = {key: value for marker in metrics.markers for key, value in marker.items()}
    settings: dict[str, Any] = {key: about[key] for key in ("created", "versions", "git", "seeds") if key in about}
    return replace(
        log,
        config={**settings, **(changed.get("config") or about.get("config") or {})},
        roles=changed.get("roles") or about.get("roles") or {},
        checkpoints=_checkpoints(folder, notes),
        notes=(*log.notes, *notes, *_resumed(metrics.markers), *_guarded(findings(folder))),
    )


def findings(folder: Path) -> list[Mapping[str, Any]]:
    """Return what the guard wrote, in order; lines that are cut are left out."""
    path = folder / FINDINGS
    return [line for block in Source(path).blocks() for line in rows_of(block)[0]] if path.is_file() else []


class _Metrics:
    """The metrics as written, and where the run was taken up again.

    Parameters
    ----------
    log
        The rows, each with its session.
    markers
        What was written at each resumption, in order.
    before
        How many rows had been written then.
    """

    def __init__(self, log: Log, markers: Sequence[Mapping[str, Any]], before: Sequence[int]) -> None:
        rows = np.arange(len(log.step))
        piece = np.searchsorted(np.asarray(before, dtype=np.int64), rows, side="right")
        used, session = np.unique(piece, return_inverse=True)  # pieces without metrics are no session of training
        self.log = replace(log, session=session.astype(np.int64))
        self.markers = markers
        self._began = [0.0 if one == 0 else float(markers[one - 1].get("time") or 0.0) for one in used]
        self._start = [int(log.step[session == one].min()) for one in range(len(used))]

    def sessions_of(self, rows: Sequence[tuple[Evaluation, Mapping[str, Any]]]) -> IntArray:
        """Return the session in which each evaluation was made.

        An older checkpoint that is evaluated later, at a step before the one where the session began, belongs to the
        earlier one: it takes nothing back.
        """
        return np.array([self._session(evaluation.step, row.get("time")) for evaluation, row in rows], dtype=np.int64)

    def _session(self, step: int, at: Any) -> int:
        when = float(at) if isinstance(at, (int, float)) else np.inf
        for session in range(len(self._began) - 1, 0, -1):
            if self._began[session] <= when and self._start[session] <= step:
                return session
        return 0


def _about(path: Path) -> dict[str, Any]:
    try:
        about = orjson.loads(path.read_bytes())
    except ValueError as error:
        raise ReadError(f"{path}: is no complete JSON document ({error}); it may have been edited.") from None
    return about if isinstance(about, dict) else {}


def _metrics(path: Path) -> _Metrics:
    empty = Log(_FORMAT, np.empty(0, dtype=np.int64), {})
    if not path.is_file() or not path.stat().st_size:
        return _Metrics(empty, [], [])
    source = Source(path)
    table = plain_table(source)
    if table is not None:
        return _Metrics(log_from_table(table, _FORMAT, step_key="step"), [], [])
    return _any_metrics(source, empty)


def _any_metrics(source: Source, empty: Log) -> _Metrics:
    builder = TableBuilder()
    refused: list[bytes] = []
    markers: list[Mapping[str, Any]] = []
    before: list[int] = []
    count = wrong = 0
    for block in source.blocks():
        lines, bad = rows_of(block)
        refused += bad
        rows: list[Mapping[str, Any]] = []
        for line in lines:
            if RESUMED in line:
                markers.append(line)
                before.append(count + len(rows))
            elif type(line.get("step")) is not int or line["step"] < 0:
                wrong += 1
            else:
                rows.append(_restored(line) if NONFINITE in line else line)
        builder.add(rows)
        count += len(rows)
    notes = dropped_lines(source, refused, wrong)
    table = builder.build()
    if not _holds_numbers(table):
        return _Metrics(replace(empty, notes=tuple(notes)), markers, before)
    return _Metrics(log_from_table(table, _FORMAT, step_key="step", notes=notes), markers, before)


def _holds_numbers(table: Table) -> bool:
    return bool(table.columns.keys() - {"step"})


def _restored(line: Mapping[str, Any]) -> dict[str, Any]:
    """Put the NaN and the infinities back that a line names beside its numbers."""
    named = line[NONFINITE] if isinstance(line[NONFINITE], Mapping) else {}
    row = {key: value for key, value in line.items() if key != NONFINITE}
    return {**row, **{key: _NUMBERS[name] for key, name in named.items() if name in _NUMBERS}}


def _evaluations(folder: Path) -> tuple[list[tuple[Evaluation, Mapping[str, Any]]], list[Note]]:
    """Read all benchmarks, in the order in which their evaluations were made."""
    rows: list[tuple[Evaluation, Mapping[str, Any]]] = []
    notes: list[Note] = []
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        found, said = evaluation_rows(Source(path))
        rows += found
        notes += said
    return sorted(rows, key=lambda row: row[1]["time"] if isinstance(row[1].get("time"), (int, float)) else 0.0), notes


def _also(row: Mapping[str, Any]) -> dict[str, Any]:
    own = {"step", "time", "benchmark", "problems", "passed", "samples"}
    return {key: value for key, value in _restored({NONFINITE: {}, **row}).items() if key not in own}


def _checkpoints(folder: Path, notes: list[Note]) -> dict[int, str]:
    """Return the checkpoints that were recorded and still exist."""
    path = folder / CHECKPOINTS
    if not path.is_file():
        return {}
    source = Source(path)
    lines = [line for block in source.blocks() for line in rows_of(block)[0]]
    known = [
        (line["step"], folder / line["path"])
        for line in lines
        if type(line.get("step")) is int and isinstance(line.get("path"), str)
    ]
    there = {step: where for step, where in known if where.exists()}  # of several places the last that exists
    gone = sorted({step for step, _ in known} - there.keys())
    if gone:
        text = f"{counted(len(gone), 'recorded checkpoint')} not there any more (steps {gone[0]} to {gone[-1]})."
        notes.append(Note(NoteKind.DROPPED, text, len(gone)))
    return {step: str(where) for step, where in there.items()}


def _guarded(rows: Sequence[Mapping[str, Any]]) -> list[Note]:
    """Say what the guard did while the run went on; the verdict judges anew."""
    found = [row for row in rows if row.get("what") == "finding"]
    acts = [row for row in rows if row.get("what") == "act" and row.get("done")]
    if not found:
        return []
    text = f"While it ran, the guard wrote {counted(len(found), 'finding')}"
    for name in sorted({str(row.get("act")) for row in acts}):
        steps = [row.get("step") for row in acts if row.get("act") == name]
        text += f", {_DID.get(name, name)} at step{'s' * (len(steps) > 1)} {', '.join(map(str, steps[:4]))}"
        text += " …" * (len(steps) > 4)
    return [Note(NoteKind.IGNORED, f"{text} ({FINDINGS}).", len(found))]


def _resumed(markers: Sequence[Mapping[str, Any]]) -> list[Note]:
    if not markers:
        return []
    text = f"The run was taken up again {counted(len(markers), 'time')}."
    if any("config" in marker for marker in markers):
        text = f"{text[:-1]}, with other settings; the last ones are given."
    return [Note(NoteKind.REPAIRED, text, len(markers))]

"""The directory that `heldout.store.recorder.Recorder` writes: metrics, evaluations problem by problem, checkpoints.

What it cannot see: anything that was logged after the last write reached the disk, if the machine died.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from heldout.errors import NoMetrics, NoRun, ReadError
from heldout.judged import Judged
from heldout.readers.benchmarks import under_one_name
from heldout.readers.documents.json_lines import dropped_lines, plain_table, rows_of
from heldout.readers.log import Log, Table, TableBuilder, attached, log_of, noted
from heldout.readers.restarts import first_steps, sessions_of_evaluations
from heldout.readers.source import Files, Source, whole_lines
from heldout.readers.steps import log_from_table
from heldout.run import NO_STEPS, Evaluation, Note, NoteKind
from heldout.stats.arrays import IntArray
from heldout.steps import is_step
from heldout.store.evaluations import NO_EVALUATION, evaluation_in, with_ids
from heldout.store.layout import (
    CHECKPOINTS,
    EVALS,
    EVALUATION_KEYS,
    FINDINGS,
    METRICS,
    NONFINITE,
    OUTCOMES,
    RESUMED,
    ROLLOUTS,
    RUN,
    SESSION,
    ids_file,
    parts_of,
    whole_name,
)
from heldout.store.lines import read_rows, restored
from heldout.text import counted

_FORMAT = "run-directory"
_FIRST_EVALUATION = re.compile(
    rb'\s*\{\s*"step"\s*:\s*\d+\s*,\s*"time"\s*:[^,{\[]+,\s*"benchmark"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*"problems"\s*:\s*(?:\[|"sha256:)'
)
_IDS = re.compile(rb'\s*\{\s*"sha256:[0-9a-f]{64}"\s*:\s*\[')
_Evaluated = tuple[Evaluation, Mapping[str, Any]]  # and what else its line says
_DID = {"alert": "sent alerts", "evaluate": "asked for evaluations", "roll_back": "pointed back"}
_DID |= {"run": "ran its command", "stop": "stopped the run"}
_DID |= {"remedy": "adjusted the training", "go_back": "went back to an earlier checkpoint"}


def read(folder: Path, files: Files | None = None) -> Log:
    """Read a run directory. Raises `ReadError` where ``run.json`` is broken, `NoMetrics` where nothing was recorded."""
    log = recorded(folder, files)
    if not len(log.step):
        raise NoMetrics(f"{folder}: a run was started here, but nothing was recorded yet.")
    return log


def recorded(folder: Path, files: Files | None = None) -> Log:
    """Read a run directory, whether or not anything was recorded yet."""
    files = files or Files()
    about = _about(folder / RUN)
    metrics = _metrics(folder / METRICS, files)
    found, notes = _evaluations(folder / EVALS, files)
    rows, session = metrics.in_order(found)
    evaluations, one_name = under_one_name([evaluation for evaluation, _ in rows])
    notes += one_name
    log = attached(metrics.log, evaluations, [_also(row) for _, row in rows], session)
    changed = {key: value for marker in metrics.markers for key, value in marker.items()}
    judged, said = _judged(folder)
    return replace(
        log,
        config=_config({**about, "config": changed.get("config") or about.get("config")}),
        roles=changed.get("roles") or about.get("roles") or {},
        checkpoints=_checkpoints(folder, metrics, notes),
        judged=judged,
        notes=(*log.notes, *notes, *said, *_resumed(metrics.markers), *_guarded(read_rows(folder / FINDINGS).rows)),
    )


def config_at_start(folder: Path) -> dict[str, Any]:
    """Return the settings that a run began with, from its ``run.json`` alone; a `ReadError` where that is broken."""
    return _config(_about(folder / RUN))


def _config(about: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: about[key] for key in ("created", "versions", "git", "seeds") if key in about}
    return {**settings, **(about.get("config") or {})}


def read_evaluations(source: Source) -> list[Log] | None:
    """Read the evaluations of one benchmark, ``evals/*.jsonl`` of a run directory, without the run."""
    if _IDS.match(source.head):
        raise NoRun(f"{source.path.name}: the ids of problems; name the .jsonl beside it, which holds their outcomes.")
    if not _FIRST_EVALUATION.match(source.head):
        return None
    rows, notes = _evaluation_rows(source)
    if not rows:
        raise NoMetrics(f"{source.path.name}: evaluations of heldout, but no line of it is whole; nothing to read.")
    return [log_of([evaluation for evaluation, _ in rows], "evaluations", notes)]


def _evaluation_rows(source: Source) -> tuple[list[_Evaluated], list[Note]]:
    """Return the evaluations that the lines of a file hold, each with its line, and what could not be used."""
    lines = source.fed(_EvaluationLines)
    named, unknown = with_ids(source.path, lines.found)
    rows = [(one, row) for one, row in zip(named, lines.rows, strict=True) if one is not None]
    notes = dropped_lines(source.path, lines.refused, lines.wrong + len(named) - len(rows))
    return rows, [*notes, *_without_ids(source.path, unknown)]


class _EvaluationLines:
    """The evaluations in such a file, each with the digest of its problems, and with what else its line says."""

    def __init__(self) -> None:
        self.found: list[tuple[Evaluation, str]] = []
        self.rows: list[Mapping[str, Any]] = []
        self.refused: list[bytes] = []  # lines that are no object
        self.wrong = 0  # objects that are no evaluation

    def feed(self, data: bytes, last: bool) -> int:
        lines = whole_lines(data, last)
        rows, refused = rows_of(lines)
        self.refused += refused
        for row in rows:
            try:
                self.found.append(evaluation_in(row))
            except NO_EVALUATION:
                self.wrong += 1
            else:
                self.rows.append({key: cell for key, cell in row.items() if key not in OUTCOMES})
        return len(lines)


def _without_ids(path: Path, unknown: Mapping[str, int]) -> Iterator[Note]:
    """Say why the ids of problems are not known."""
    where = f"{path.parent.name}/{ids_file(path).name}"
    for why, count in unknown.items():
        text = (
            f"{where} {why}, so the problems of {counted(count, 'evaluation')} have numbers in place of ids; "
            "copy that file along from where the run was recorded."
        )
        yield Note(NoteKind.MISSING, text, count)


class _Metrics:
    """The metrics as written, each row with its session, and what was written at each resumption.

    `before` is how many rows had been written at each of the `markers`.
    """

    def __init__(self, log: Log, markers: Sequence[Mapping[str, Any]], before: Sequence[int]) -> None:
        piece = np.searchsorted(np.array(before, dtype=np.int64), np.arange(len(log.step)), side="right")
        first, session = np.unique(piece, return_inverse=True)  # pieces without metrics are no session of training
        self.log = replace(log, session=session)
        self.markers = markers
        self._times = [0.0 if one == 0 else float(markers[one - 1].get("time") or 0.0) for one in first]
        self._begins = first_steps(log.step, session, len(first))
        self._first = first
        clock = log.columns.get("time")
        ended = np.zeros(0) if clock is None else np.array([clock.value[row - 1] for row in before if row > 0])
        began = np.array([_time(marker) for marker, row in zip(markers, before, strict=True) if row > 0])
        self._went_back = len(ended) == len(began) and bool(np.any(began < ended))

    def in_order(self, files: Sequence[Sequence[_Evaluated]]) -> tuple[list[_Evaluated], IntArray]:
        """Return the evaluations of all benchmarks in the order in which they were made, each with its session."""
        found = [
            (number if self._went_back else 0, 0.0 if self._went_back else _time(row[1]), row, number)
            for rows in files
            for number, row in zip(self._during(rows), rows, strict=True)
        ]
        found.sort(key=lambda one: one[:2])
        step = np.array([row[0].step for _, _, row, _ in found], dtype=np.int64)
        during = np.array([number for *_, number in found], dtype=np.int64)
        return [row for _, _, row, _ in found], sessions_of_evaluations(step, during, self._begins)

    def took_back(self, row: Mapping[str, Any]) -> bool:
        """Whether the run went back behind the step of a row after it was written, by the clock."""
        later = [begins for time, begins in zip(self._times, self._begins, strict=True) if time > _time(row) > 0.0]
        return not self._went_back and any(begins <= row["step"] for begins in later)

    def _during(self, rows: Sequence[_Evaluated]) -> list[int]:
        """Return the session of training in which each evaluation of a file was made.

        Their lines name it. Older ones do not: there it is told by the clock, and where the clock went back, as on
        another machine, by the order of writing, in which an evaluation that goes back begins the next session.
        """
        marks = {_time(marker): number for number, marker in enumerate(self.markers, start=1)}
        sessions: list[int] = []
        now, latest, step = 0, -np.inf, -1
        for evaluation, row in rows:
            if row.get(SESSION) in marks:
                now = max(int(np.searchsorted(self._first, marks[row[SESSION]], side="right")) - 1, 0)
            elif not self._went_back:
                now = self._session_at(row.get("time"))
            elif evaluation.step <= step or _time(row) < latest:
                now = min(now + 1, len(self._times) - 1)
            latest, step = _time(row), evaluation.step
            sessions.append(now)
        return sessions

    def _session_at(self, time: Any) -> int:
        at = float(time) if isinstance(time, (int, float)) else np.inf
        return max((session for session, began in enumerate(self._times) if began <= at), default=0)


def _time(row: Mapping[str, Any]) -> float:
    """The clock when a line was written, 0 where it does not say."""
    time = row.get("time")
    return float(time) if isinstance(time, (int, float)) else 0.0


def _about(path: Path) -> dict[str, Any]:
    try:
        about = orjson.loads(path.read_bytes())
    except ValueError as error:
        raise ReadError(f"{path}: is no complete JSON document ({error}); it may have been edited.") from None
    return about if isinstance(about, dict) else {}


def _metrics(path: Path, files: Files) -> _Metrics:
    lines = files.source(path, parts_of(path)).fed(_MetricLines) if path.is_file() else _MetricLines()
    notes = dropped_lines(path, lines.refused, lines.wrong)
    table = lines.rows.build()
    if not table.columns.keys() - {"step"}:
        return _Metrics(Log(_FORMAT, NO_STEPS, {}, notes=tuple(notes)), lines.markers, lines.before)
    log = log_from_table(table, _FORMAT, step_key="step", notes=notes)
    return _Metrics(log, lines.markers, lines.before)


class _MetricLines:
    """The lines of ``metrics.jsonl``: rows, and markers with the number of rows before each."""

    def __init__(self) -> None:
        self.rows = TableBuilder()
        self.markers: list[Mapping[str, Any]] = []
        self.before: list[int] = []
        self.refused: list[bytes] = []
        self.count = self.wrong = 0

    def feed(self, data: bytes, last: bool) -> int:
        lines = whole_lines(data, last)
        table = plain_table(lines)
        if table is not None and _is_numbered(table):
            self.rows.append(table)
            self.count += table.rows
        else:
            self._add_singly(*rows_of(lines))
        return len(lines)

    def _add_singly(self, lines: Sequence[Mapping[str, Any]], refused: list[bytes]) -> None:
        self.refused += refused
        rows: list[Mapping[str, Any]] = []
        for line in lines:
            if RESUMED in line:
                self.markers.append(line)
                self.before.append(self.count + len(rows))
            elif type(line.get("step")) is not int or line["step"] < 0:
                self.wrong += 1
            else:
                rows.append(restored(line) if NONFINITE in line else line)
        self.rows.add(rows)
        self.count += len(rows)


def _is_numbered(table: Table) -> bool:
    """Whether every row has a step that is one."""
    step = table.columns.get("step")
    return step is not None and len(step.row) == table.rows and bool(np.all((step.value >= 0) & (step.value % 1 == 0)))


def _evaluations(folder: Path, files: Files) -> tuple[list[list[_Evaluated]], list[Note]]:
    """Read all benchmarks, each in the order of its lines."""
    rows, notes = list[list[_Evaluated]](), list[Note]()
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else []:
        if whole_name(path.name) != path.name:
            continue
        found, said = _evaluation_rows(files.source(path, parts_of(path)))
        rows.append(found)
        notes += said
    return rows, notes


def _judged(folder: Path) -> tuple[Judged | None, list[Note]]:
    """Return what two judges say of the answers that were kept, where any were, and what of them was of no use."""
    if not (folder / ROLLOUTS).is_dir():
        return None, []
    from heldout.rollouts.judged import judged_of  # which asks this package's rule about restarts

    return judged_of(folder)


def _also(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in restored(row).items() if key not in EVALUATION_KEYS}


def _checkpoints(folder: Path, metrics: _Metrics, notes: list[Note]) -> dict[int, str]:
    """Return the checkpoints that were recorded, still exist, and are of what holds of the run."""
    known = [
        (line["step"], folder / line["path"])
        for line in read_rows(folder / CHECKPOINTS).rows
        if is_step(line.get("step")) and isinstance(line.get("path"), str) and not metrics.took_back(line)
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
    acts = [row for row in rows if row.get("what") == "act" and row.get("done") and "asked" not in row]
    if not found:
        return []
    text = f"While it ran, the guard wrote {counted(len(found), 'finding')}"
    for name in sorted({str(row.get("act")) for row in acts}):
        steps = [row.get("step") for row in acts if row.get("act") == name]
        text += f", {_DID.get(name, name)} at step{'s' * (len(steps) > 1)} {', '.join(map(str, steps[:4]))}"
        text += " …" * (len(steps) > 4)
    return [Note(NoteKind.IGNORED, f"{text} ({FINDINGS}).", len(found))]


def _resumed(markers: Sequence[Mapping[str, Any]]) -> list[Note]:
    other = ", with other settings; the last ones are given" if any("config" in marker for marker in markers) else ""
    text = f"The run was taken up again {counted(len(markers), 'time')}{other}."
    return noted(NoteKind.REPAIRED, len(markers), text)

"""JSON documents: Hugging Face's ``trainer_state.json``, and any other that holds rows of metrics.

`transformers.Trainer` and every TRL trainer save a ``trainer_state.json`` beside a checkpoint. The metrics are the rows
of ``log_history``; training and ``eval_`` rows at one step are separate rows.

Of other documents, understood are a list of objects, an object of lists (see `value_lists`), an object whose members
are labelled by step (``{"checkpoint_20": {…}}``), an object with one flat row, and documents that hold such lists
somewhere inside. Lists beside each other are joined into one run, unless they hold the same metrics
(``{run: [rows]}``); lists, or steps (``{run: {step: {…}}}``), under different parents are different runs.

orjson is quick and strict; what it refuses (bare ``NaN`` and ``Infinity``, a cut tail) is tried again with the standard
library, and then by closing what is open.

What it cannot see: numbers without a step or a known name, and what a Trainer logged after the checkpoint was saved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from heldout.errors import NoMetrics, NoRun
from heldout.metrics import meaning_of
from heldout.readers.documents.value_lists import Lists, rows_of_lists, rows_to_count
from heldout.readers.log import Log, noted, some, table_of
from heldout.readers.phases import is_evaluation, is_phase
from heldout.readers.source import BOM, Source
from heldout.readers.step_keys import is_step_key, run_rank
from heldout.readers.steps import log_from_table, logs_from_table
from heldout.run import Note, NoteKind
from heldout.text import counted

_SETTINGS = (
    *("max_steps", "num_train_epochs", "train_batch_size", "eval_steps", "logging_steps", "save_steps"),
    *("best_metric", "best_global_step", "best_model_checkpoint"),
)
_DEEPEST = 8
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_CLOSER = {b"{": b"}", b"[": b"]"}
_MOST_OPEN = 200  # more open brackets than any log has; random bytes reach it
_STEPS = re.compile(r"(?:.*(?:step|checkpoint|ckpt|iter|iteration|epoch|update)s?[_/ -]?)?\d+", re.IGNORECASE)
_LABELLED = re.compile(r".*(?:\d+|final|base(?:line)?|last|main|init|start)$", re.IGNORECASE)

Row = Mapping[str, Any]


class _Run(NamedTuple):
    """The rows of a run in a document."""

    name: str  # the path to them, "" where they are all that the document holds
    rows: list[Row]
    settings: Mapping[str, Any]  # short values that stand beside them
    left: tuple[str, ...] = ()  # lists of values that stand beside them, without steps of their own


def read_trainer_state(source: Source) -> list[Log] | None:
    """Read a trainer_state.json."""
    found = _document(source) if _opening(source) == b"{" and b'"log_history"' in source.head else None
    if found is None or not isinstance(found[0], dict) or not isinstance(found[0].get("log_history"), list):
        return None
    state, notes = found
    rows = [row for row in state["log_history"] if isinstance(row, dict)]
    if not rows:
        raise NoMetrics(f"{source.path.name}: a trainer_state.json whose log_history is empty; nothing was logged yet.")
    table = table_of(rows, null_is_nan=True)  # the Trainer writes null where a value was NaN
    config = {key: state[key] for key in _SETTINGS if state.get(key) is not None}
    return [log_from_table(table, "trainer-state", notes=notes, config=config)]


def read(source: Source) -> list[Log] | None:
    """Read any other JSON document."""
    found = _document(source) if source.is_text and _opening(source) in (b"{", b"[") else None
    if found is None:
        return None
    document, notes = found
    runs = list(_runs(document))
    if not runs:
        seen = some(list(document)) if isinstance(document, dict) else type(document).__name__
        raise (NoMetrics if notes else NoRun)(  # what is JSON from end to end is nothing that a console printed
            f"{source.path.name}: JSON without rows of metrics (it holds {seen}); expected a list of objects with a "
            "'step', lists of values by name, or one object per line."
        )
    config = _settings(document)
    return [
        log
        for run in runs
        for log in logs_from_table(
            run.rows,
            "json",
            name=run.name or None,
            notes=[*notes, *_left_out(run)],
            config={**config, **run.settings},
            growing=source.growing,
        )
    ]


def _left_out(run: _Run) -> list[Note]:
    text = (
        f"{counted(len(run.left), 'list')} of values left out, which no steps of their length number: {some(run.left)}."
    )
    return noted(NoteKind.IGNORED, len(run.left), text)


def _opening(source: Source) -> bytes:
    return source.head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]


def _document(source: Source) -> tuple[Any, list[Note]] | None:
    """Return the document in a file, as far as it is complete, and what was dropped; None where it is not JSON."""
    data = source.data.removeprefix(BOM)
    try:
        return parse(data), []
    except ValueError:
        end, closers = _last_complete(data)
    try:
        document = parse(data[:end] + closers)
    except ValueError:
        return None
    text = f"The file is cut: its last {len(data) - end} bytes are no complete entry and were dropped."
    return document, [Note(NoteKind.DROPPED, text, end_lost=True)]


def parse(text: bytes) -> Any:
    """Parse a JSON document, accepting ``NaN`` and ``Infinity``; raises ValueError where it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text)
        except (RecursionError, UnicodeDecodeError) as error:
            raise ValueError("not JSON") from error


def _last_complete(text: bytes) -> tuple[int, bytes]:
    """Return where the last complete element ends, and the brackets that close what is still open there."""
    opened: list[bytes] = []
    end, closers = 0, b""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in _CLOSER:
            opened.append(_CLOSER[sign])
            if len(opened) > _MOST_OPEN:
                break
        elif sign in (b"}", b"]"):
            if not opened or opened.pop() != sign:
                break
            end, closers = token.end(), b"".join(reversed(opened))
        elif sign == b"," and opened:
            end, closers = token.start(), b"".join(reversed(opened))
    return end, closers


def _settings(document: Any) -> dict[str, Any]:
    """Return the settings that a document holds beside its rows: its ``config`` and its own short values."""
    if not isinstance(document, dict):
        return {}
    own = {key: value for key, value in document.items() if isinstance(value, (str, int, float))}
    inner = document.get("config")
    return {**own, **inner} if isinstance(inner, dict) else own


def _runs(document: Any) -> Iterator[_Run]:
    """Yield every run in the document."""
    if isinstance(document, dict):
        lists = rows_of_lists(document)
        found = lists.rows or _labelled(document, _LABELLED)
        if found:
            yield _Run("", found, {}, tuple(lists.left))
            return
    nested = list(_nested(document, (), 0))
    if nested:
        yield from nested
    elif isinstance(document, list):
        rows: list[Row] = [row for row in document if isinstance(row, dict)]
        if rows:
            yield _Run("", rows, {})
    elif _is_row(document):
        yield _Run("", [document], {})
    elif isinstance(document, dict) and (counted_lists := rows_to_count(document)).rows:
        yield _Run("", counted_lists.rows, {}, tuple(counted_lists.left))


def _is_row(document: Any) -> bool:
    if not isinstance(document, dict) or not _has_step(document):
        return False
    return any(isinstance(value, (int, float)) for value in document.values())


def _labelled(document: Row, labels: re.Pattern[str]) -> list[Row]:
    """Read ``{"baseline": {…}, "checkpoint_1": {…}, "checkpoint_2": {…}}``."""
    members = {key: value for key, value in document.items() if isinstance(value, dict)}
    flat = [value for value in members.values() if any(isinstance(cell, (int, float)) for cell in value.values())]
    labelled = [key for key in members if labels.fullmatch(key)]
    if len(members) < 3 or len(flat) < len(members) or len(labelled) < len(members) or _has_step(flat[0]):
        return []
    return [{"checkpoint": key[-200:], **value} for key, value in members.items()]


def _nested(node: Any, path: tuple[str, ...], depth: int) -> Iterator[_Run]:
    """Yield the runs below an object: each is named after the path to the object, or the list, that holds its rows."""
    if isinstance(node, dict):
        inner = rows_of_lists(node) if path else Lists([], [])
        found = inner.rows or (_labelled(node, _STEPS) if path else [])
        if found:
            yield _Run("/".join(path), found, {}, tuple(inner.left))
            return
        lists = {key: value for key, value in node.items() if isinstance(value, list) and _rows_with_steps(value)}
        if _are_runs(lists):
            for name, rows in lists.items():
                yield _Run("/".join((*path, name)), rows, _settings(node))
        elif lists:
            repeated = {key for rows in lists.values() for key in rows[0]}
            clash = {key for key in repeated if sum(key in r[0] for r in lists.values()) > 1 and not _is_step(key)}
            own = {name: clash | _unplaced(rows, name) for name, rows in lists.items()}
            joined = [_renamed(row, name, own[name]) for name, rows in lists.items() for row in rows]
            yield _Run("/".join(path), joined, _settings(node))
    if depth < _DEEPEST:
        for key, value in _inside(node):
            yield from _nested(value, (*path, key), depth + 1)


def _inside(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield what may hold runs within an object, or within a list of objects that are no rows, with names."""
    if isinstance(node, dict):
        for key, value in node.items():
            is_list_of_runs = isinstance(value, list) and bool(value) and not _rows_with_steps(value)
            if isinstance(value, dict) or (is_list_of_runs and all(isinstance(one, dict) for one in value)):
                yield key, value
    elif isinstance(node, list) and all(isinstance(one, dict) and not _has_step(one) for one in node):
        for number, one in enumerate(node):
            named = sorted((key for key in one if run_rank(key) is not None), key=lambda key: run_rank(key) or 0)
            names = [str(one[key]) for key in named if isinstance(one[key], (str, int))]
            yield names[0] if names else str(number + 1), one


def _are_runs(lists: Mapping[str, list[Row]]) -> bool:
    """Whether lists beside each other are runs: they hold the same metrics, and none is named after a part of one."""
    if len(lists) < 2 or any(is_phase(name) for name in lists):
        return False
    first, *others = ({key for row in rows[:2] for key in row if not _is_step(key)} for rows in lists.values())
    return all(2 * len(first & other) >= len(first | other) > 0 for other in others)


def _unplaced(rows: list[Row], name: str) -> set[str]:
    """Return scores that do not say on which problems, where the name of their list does: "eval_trajectory"."""
    keys = {key for row in rows for key in row} if is_evaluation(name) else set[str]()
    return {key for key in keys if (match := meaning_of(key)) and match.meaning.name == "score"}


def _renamed(row: Row, name: str, clash: set[str]) -> Row:
    return {f"{name}/{key}" if key in clash else key: value for key, value in row.items()}


def _rows_with_steps(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(row, dict) for row in value) and _has_step(value[0])


def _has_step(row: Row) -> bool:
    return any(_is_step(key) for key in row)


def _is_step(key: str) -> bool:
    return is_step_key(key)

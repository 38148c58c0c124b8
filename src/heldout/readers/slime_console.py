"""Metrics that slime prints to the console: a Python dict after "rollout 3:", "eval 3:" or "step 3:"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_rows
from heldout.readers.trl_console import scan_dict
from heldout.run import Note, NoteKind

_FORMAT = "slime console"
# [2026-04-15 07:57:53] data.py:120 - rollout 0: {'rollout/raw_reward': 0.25, …
# Every key of slime's has its group before a slash; "step 3: {…}" alone would be anybody's.
_LINE = re.compile(
    r"(?:^|(?<=[\s\])]))(rollout|eval|step|perf|passrate) (\d{1,12}): (?=\{['\"][\w.-]{1,80}+/)", re.MULTILINE
)
_COUNTERS = frozenset(("rollout/step", "eval/step", "train/step"))  # numbers of rows in a unit of their own


def read(source: Source) -> list[Log] | None:
    """Read slime's log lines.

    They look like this, after a time and a place::

        [2026-04-15 07:57:53] data.py:120 - rollout 0: {'rollout/raw_reward': 0.25, 'rollout/truncated': 0.4}

    Rollouts and evaluations are numbered by rollout, training by optimiser step. One step axis is needed: training
    stands at the rollout it learnt from, with its last step's values.

    What it cannot see: the training steps between the last and the first of one rollout.
    """
    if not source.is_text:
        return None
    lines, lost = _lines(source.text)
    if not lines:
        return None
    notes = [Note(NoteKind.DROPPED, "Metric dicts that were cut or garbled were left out.", lost)] if lost else []
    per_rollout = _steps_per_rollout([kind for kind, _, _ in lines])
    if per_rollout > 1:
        text = f"Each rollout had {per_rollout} training steps; they stand at the rollout, with the last one's metrics."
        notes.append(Note(NoteKind.ASSUMED, text, sum(kind == "step" for kind, _, _ in lines)))
    rows = [{**row, "step": number // per_rollout if kind == "step" else number} for kind, number, row in lines]
    return [log_from_rows(_last_steps(rows, lines), _FORMAT, step_key="step", notes=notes)]


def _lines(text: str) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
    """Return kind, number and metrics of each line, and how many lines were broken."""
    found, lost, at = [], 0, 0
    while line := _LINE.search(text, at):
        literal = scan_dict(text, line.end())
        at = literal.end
        if literal.whole:
            row = {key: value for key, value in literal.row.items() if key not in _COUNTERS}
            found.append((line[1], int(line[2]), row))
        else:
            lost += 1
    return found, lost


def _steps_per_rollout(kinds: Sequence[str]) -> int:
    """Return how many training steps follow a rollout, in most cases."""
    mark = "rollout" if "rollout" in kinds else "perf"
    runs: Counter[int] = Counter()
    count = 0
    for kind in kinds:
        if kind == mark and count:
            runs[count] += 1
            count = 0
        count += kind == "step"
    if count and mark in kinds and not runs:  # a single rollout
        return count
    return runs.most_common(1)[0][0] if runs else 1


def _last_steps(
    rows: Sequence[dict[str, Any]], lines: Sequence[tuple[str, int, dict[str, Any]]]
) -> Sequence[dict[str, Any]]:
    """Leave out a training row that another one of the same rollout follows."""
    kept: list[dict[str, Any]] = []
    last: int | None = None  # where the latest training row stands in `kept`
    for row, (kind, _, _) in zip(rows, lines, strict=True):
        if kind == "step" and last is not None and kept[last]["step"] == row["step"]:
            kept[last] = row
            continue
        if kind == "step":
            last = len(kept)
        kept.append(row)
    return kept

"""Metrics that slime prints to the console: a Python dict after "rollout 3:", "eval 3:" or "step 3:"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from heldout.readers.log import Log
from heldout.readers.scanned import Scanned
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
_Line = tuple[str, int, dict[str, Any] | None]

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
    lines, lost = source.fed_text(_Console).lines()
    if not lines:
        return None
    notes = [Note(NoteKind.DROPPED, "Metric dicts that were cut or garbled were left out.", lost)] if lost else []
    per_rollout = _steps_per_rollout([kind for kind, _, _ in lines])
    if per_rollout > 1:
        text = f"Each rollout had {per_rollout} training steps; they stand at the rollout, with the last one's metrics."
        notes.append(Note(NoteKind.ASSUMED, text, sum(kind == "step" for kind, _, _ in lines)))
    rows = [{**row, "step": number // per_rollout if kind == "step" else number} for kind, number, row in lines]
    return [log_from_rows(_last_steps(rows, lines), _FORMAT, step_key="step", notes=notes)]


class _Console:
    """Kind, number and metrics of each line so far; no metrics where the line is broken."""

    def __init__(self) -> None:
        self._scanned = Scanned(_lines)
        self._found: list[_Line] = []
        self._lost = 0

    def feed(self, text: str, last: bool) -> None:
        found = self._scanned.feed(text, last)
        whole = [line for line in found if line[2] is not None]
        self._found += whole
        self._lost += len(found) - len(whole)

    def lines(self) -> tuple[list[tuple[str, int, dict[str, Any]]], int]:
        """Return the lines, and how many more were broken."""
        pending = self._scanned.pending
        whole = [(kind, number, row) for kind, number, row in (*self._found, *pending) if row is not None]
        return whole, self._lost + sum(row is None for _, _, row in pending)


def _lines(text: str, at: int) -> Iterator[tuple[_Line, int, bool]]:
    while line := _LINE.search(text, at):
        literal = scan_dict(text, line.end())
        at = literal.end
        row = {key: value for key, value in literal.row.items() if key not in _COUNTERS} if literal.whole else None
        yield (line[1], int(line[2]), row), at, literal.whole


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

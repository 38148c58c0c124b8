"""Metrics that slime prints to the console: a Python dict after "rollout 3:", "eval 3:" or "step 3:"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from heldout.readers.consoles.console import Console, Entry
from heldout.readers.consoles.trl import scan_dict
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table
from heldout.run import Note, NoteKind

_KINDS = ("rollout", "eval", "step", "perf", "passrate")
_TRAINING = _KINDS.index("step")
# [2026-04-15 07:57:53] data.py:120 - rollout 0: {'rollout/raw_reward': 0.25, …
# Every key of slime's has its group before a slash; "step 3: {…}" alone would be anybody's.
_LINE = re.compile(rf"(?:^|(?<=[\s\])]))({'|'.join(_KINDS)}) (\d{{1,12}}): (?=\{{['\"][\w.-]{{1,80}}+/)", re.MULTILINE)
_COUNTERS = frozenset(("rollout/step", "eval/step", "train/step"))  # numbers of rows in a unit of their own

_Line = tuple[int, int, dict[str, Any]]  # which kind, its number, its metrics


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
    console = source.fed_text(_Console)
    lines = [(entry.place[0], entry.place[1], entry.row) for entry in console.entries if entry.row is not None]
    if not lines:
        return None
    notes = console.notes()
    per_rollout = _steps_per_rollout([kind for kind, _, _ in lines])
    if per_rollout > 1:
        text = f"Each rollout had {per_rollout} training steps; they stand at the rollout, with the last one's metrics."
        notes.append(Note(NoteKind.ASSUMED, text, sum(kind == _TRAINING for kind, _, _ in lines)))
    return [log_from_table(_at_rollouts(lines, per_rollout), "slime-console", step_key="step", notes=notes)]


class _Console(Console):
    def scan(self, text: str, at: int) -> Iterator[Entry]:
        while line := _LINE.search(text, at):
            literal = scan_dict(text, line.end())
            at = literal.end
            if literal.whole:
                row = {key: value for key, value in literal.row.items() if key not in _COUNTERS}
                yield Entry(row, at, certain=True, place=(_KINDS.index(line[1]), int(line[2])))
            else:
                yield Entry(None, at, certain=False, lost=1)


def _steps_per_rollout(kinds: Sequence[int]) -> int:
    """Return how many training steps follow a rollout, in most cases."""
    rollout, perf = _KINDS.index("rollout"), _KINDS.index("perf")
    mark = rollout if rollout in kinds else perf
    runs: Counter[int] = Counter()
    count = 0
    for kind in kinds:
        if kind == mark and count:
            runs[count] += 1
            count = 0
        count += kind == _TRAINING
    if count and mark in kinds and not runs:  # a single rollout
        return count
    return runs.most_common(1)[0][0] if runs else 1


def _at_rollouts(lines: Sequence[_Line], per_rollout: int) -> list[dict[str, Any]]:
    """Return a row for each line at its rollout; of several training rows of one rollout, only the last."""
    rows: list[dict[str, Any]] = []
    last: int | None = None  # where the latest training row stands in `rows`
    for kind, number, metrics in lines:
        row = {**metrics, "step": number // per_rollout if kind == _TRAINING else number}
        if kind == _TRAINING and last is not None and rows[last]["step"] == row["step"]:
            rows[last] = row
            continue
        if kind == _TRAINING:
            last = len(rows)
        rows.append(row)
    return rows

"""Outcomes of hidden tests that were added to rollouts afterwards: ``hidden.jsonl`` beside the files of rollouts.

A line is ``{"file": …, "row": …, "text_sha256": …, "hidden": …, "hidden_kind": …}``: the row of a file, from 0, a
digest of the answer that was judged, the share of hidden tests that it passed (null where the sandbox failed), and how
it failed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from heldout.run import Note, NoteKind
from heldout.store.lines import read_rows
from heldout.text import counted


class Outcome(NamedTuple):
    """What the hidden tests said of one answer."""

    text: str  # the digest of the answer that was judged
    hidden: float  # share of them that passed; nan where the sandbox failed
    kind: str


@dataclass(slots=True)
class Outcomes:
    """All that were added at one place."""

    by_file: dict[str, dict[int, Outcome]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def of(self, file: str) -> Mapping[int, Outcome]:
        """Return those of a file, by the numbers of its rows."""
        return self.by_file.get(file, {})


def outcomes_in(path: Path) -> Outcomes:
    """Read the outcomes in a file; none where it does not exist. Of several for one row the last counts."""
    found = Outcomes()
    rows, broken = read_rows(path)
    for row in rows:
        outcome = _outcome(row)
        if outcome is None:
            broken += 1
        else:
            found.by_file.setdefault(str(row["file"]), {})[row["row"]] = outcome
    if broken:
        text = f"{path.name}: {counted(broken, 'line')} cut or without an outcome, left out."
        found.notes.append(Note(NoteKind.DROPPED, text, broken))
    return found


def line_of(file: str, row: int, outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as it is written."""
    hidden = None if math.isnan(outcome.hidden) else outcome.hidden
    return {"file": file, "row": row, "text_sha256": outcome.text, "hidden": hidden, "hidden_kind": outcome.kind}


def _outcome(row: Mapping[str, Any]) -> Outcome | None:
    hidden = math.nan if row.get("hidden") is None else row["hidden"]
    known = isinstance(row.get("file"), str) and type(row.get("row")) is int and isinstance(row.get("text_sha256"), str)
    if not known or not isinstance(hidden, int | float) or not (math.isnan(hidden) or 0 <= hidden <= 1):
        return None
    kind = row.get("hidden_kind")
    return Outcome(row["text_sha256"], float(hidden), kind if isinstance(kind, str) else "")

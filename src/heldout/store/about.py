"""What a run directory says of its run by now: ``run.json``, and what was changed when the run was taken up again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heldout.store import layout
from heldout.store.lines import read_rows

_CHANGED = ("config", "roles")  # what a mark in the metrics may hold anew


def latest(directory: Path) -> dict[str, Any]:
    """Return ``run.json`` with the settings and roles that held last; a RecordError where it is no run of heldout's."""
    known = layout.known_run(directory / layout.RUN)
    for row in read_rows(directory / layout.METRICS).rows:
        if row.get(layout.RESUMED):
            known |= {key: row[key] for key in _CHANGED if key in row}
    return known

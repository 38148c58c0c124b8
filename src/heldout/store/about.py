"""How a run begins in a directory, or is taken up again there, and what ``run.json`` says of it by now."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heldout.errors import RecordError
from heldout.store import layout
from heldout.store.lines import read_rows, replacing

_CHANGED = ("config", "roles")  # what a mark in the metrics may hold anew


def check_place(directory: str | os.PathLike[str]) -> None:
    """Refuse a directory that no run can be recorded in, before the work whose result belongs there; it is made.

    A RecordError where it cannot be made or written, or holds a ``run.json`` that heldout did not write.
    """
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if (path := Path(directory) / layout.RUN).exists():
            layout.known_run(path)
    except OSError as error:
        raise no_place(directory, error) from error


def no_place(directory: str | os.PathLike[str], error: OSError) -> RecordError:
    """Return the refusal of a directory that cannot be written."""
    return RecordError(f"{directory}: no run can be recorded here ({error.strerror or error}).")


def begun(directory: Path, about: Mapping[str, Any], resume: bool) -> dict[str, Any] | None:
    """Begin a run in a directory, or take up the one that is there.

    Parameters
    ----------
    directory
        Of the run.
    about
        Its settings and roles.
    resume
        Whether a run that is there may be gone on with.

    Returns
    -------
    dict or None
        The mark that says so in the metrics where it is gone on with; None where it begins, also in place of one of
        which nothing was recorded.

    Raises
    ------
    RecordError
        When a run is there and must not be, or files of somebody else.
    """
    path = directory / layout.RUN
    if not path.exists() and (directory / layout.METRICS).exists():
        raise RecordError(
            f"{directory}: the {layout.METRICS} in it was not written by heldout; give an empty directory."
        )
    known = latest(directory) if path.exists() else None
    if known is None or (not resume and holds_nothing(directory)):
        with replacing(path) as new:
            new.write_bytes(layout.new_run(**about))
        return None
    if not resume:
        raise RecordError(
            f"{directory}: a run is recorded here already (since {known.get('created', '?')}); give another "
            "directory, or go on with it (resume=True, or --resume of heldout train)."
        )
    changed = {key: value for key, value in about.items() if value and value != known.get(key)}
    return {layout.RESUMED: True, "time": time.time(), **changed}


def holds_nothing(directory: Path) -> bool:
    """Whether a run was begun there of which nothing was recorded: it was refused, or died, before its first step."""
    if any((directory / name).exists() for name in (layout.EVALS, layout.ROLLOUTS, layout.CHECKPOINTS)):
        return False
    metrics = directory / layout.METRICS
    rows, broken = read_rows(metrics)
    return not broken and not layout.parts_of(metrics) and all(row.get(layout.RESUMED) for row in rows)


def latest(directory: Path) -> dict[str, Any]:
    """Return ``run.json`` with the settings and roles that held last; a RecordError where it is no run of heldout's."""
    known = layout.known_run(directory / layout.RUN)
    for row in read_rows(directory / layout.METRICS).rows:
        if row.get(layout.RESUMED):
            known |= {key: row[key] for key in _CHANGED if key in row}
    return known

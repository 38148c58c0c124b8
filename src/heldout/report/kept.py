"""The answers that lie with a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from heldout.errors import UsageError
from heldout.rollouts.reading import rollouts_of
from heldout.rollouts.rollout import Rollouts
from heldout.run import Note, NoteKind, Run
from heldout.store.layout import ROLLOUTS, is_run

_FOLDERS = (ROLLOUTS, "completions")  # of other trainers' runs; TRL writes the latter


def with_answers(run: Run) -> tuple[Run, Rollouts | None]:
    """Return the answers that were kept of a run, and the run with what two judges say of them.

    What could not be used of them is in its notes.

    They are those of a run directory, or in a folder ``rollouts`` or ``completions`` of any other. None where there are
    none; where such a folder holds nothing that is one, a note says so.
    """
    folder = Path(run.source)
    places = [folder / name for name in _FOLDERS if (folder / name).is_dir()]
    if not places:
        return run, None
    try:
        found = rollouts_of(folder if is_run(folder) else places[0])
    except UsageError as error:
        return replace(run, notes=(*run.notes, Note(NoteKind.IGNORED, str(error)))), None
    new = [note for note in found.notes if note not in run.notes]
    judged = found.judged if run.judged is None and not np.isnan(found.failed).all() else run.judged
    return replace(run, notes=(*run.notes, *new), judged=judged), found

"""Numbers of a size that nothing is measured in, such as those of a run that has diverged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heldout.readers.log import Column, Log, noted, some
from heldout.run import Note, NoteKind
from heldout.stats.arrays import FloatArray
from heldout.text import counted

# The squares of what is beyond them, and ratios of them, may be infinite or vanish.
LARGEST, SMALLEST = 1e100, 1e-100


def without_extremes(log: Log) -> Log:
    """Return a log where what is as good as infinite is infinite, and what is as good as zero is zero."""
    columns = dict(log.columns)
    beyond, below = dict[str, int](), dict[str, int]()
    for key, column in log.columns.items():
        size = np.abs(column.value)
        large, small = (size > LARGEST) & (size < np.inf), (size < SMALLEST) & (size > 0.0)
        if large.any() or small.any():
            beyond[key], below[key] = int(np.count_nonzero(large)), int(np.count_nonzero(small))
            value: FloatArray = np.where(large, np.copysign(np.inf, column.value), column.value)
            columns[key] = Column(column.row, np.where(small, 0.0, value))
    if not beyond:
        return log
    notes = (*_said(beyond, f"beyond {LARGEST:g} taken as infinite"), *_said(below, f"below {SMALLEST:g} taken as 0"))
    return replace(log, columns=columns, notes=(*log.notes, *notes))


def _said(count: dict[str, int], what: str) -> list[Note]:
    total = sum(count.values())
    keys = some([key for key, number in count.items() if number])
    return noted(NoteKind.ASSUMED, total, f"{counted(total, 'value')} {what}: {keys}.")

"""What a reader returns: the log as it was written, before anything is put in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from heldout.run import Evaluation, Note
from heldout.stats.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of one key, and the rows they stand in."""

    row: IntArray  # of each value, strictly increasing, shape (n,)
    value: FloatArray  # NaN and infinities are kept as they were logged, shape (n,)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One run's log as written: rows in the order of writing, each at a step, and sparse columns over the rows.

    A missing cell has no entry in its column. Restarts, repeated steps and non-finite values are all still there;
    `heldout.readers.assemble` puts them in order in one place, for every format.
    """

    format: str  # its id in `heldout.readers.formats.FORMATS`
    step: IntArray  # of every row, shape (R,); strings such as "10/438" have been parsed already
    columns: Mapping[str, Column]  # by key; the step column itself is not among them
    # Which uninterrupted piece of writing a row belongs to, from 0, shape (R,): see `heldout.readers.restarts`. None
    # where the format does not tell; sessions are then found from the steps that jump back.
    session: IntArray | None = None
    name: str | None = None  # the run's own, where the log has one
    config: Mapping[str, Any] = field(default_factory=dict)  # settings found in the log
    notes: tuple[Note, ...] = ()  # what the reader dropped, assumed or did not understand
    roles: Mapping[str, str] = field(default_factory=dict)  # role → key, where the log says which key plays which part
    # Held-out measurements problem by problem, in the order of writing. Their rates are among the rows, in a column
    # named `Evaluation.key`; what a restart supersedes there is superseded here.
    measured: tuple[Evaluation, ...] = ()
    checkpoints: Mapping[int, str] = field(default_factory=dict)  # step → where it lies, of those that exist
    maybe_training: bool = False  # whether nothing says that what was measured is held out, and not trained on

    def only(self, keep: BoolArray) -> Log:
        """Return a log of some of the rows, given as a mask of shape (R,)."""
        number = np.cumsum(keep) - 1
        columns = {}
        for key, column in self.columns.items():
            held = keep[column.row]
            columns[key] = Column(number[column.row[held]], column.value[held])
        session = None if self.session is None else self.session[keep]
        return replace(self, step=self.step[keep], columns=columns, session=session)

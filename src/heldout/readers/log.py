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
    """The values of one key, and the rows they stand in.

    Attributes
    ----------
    row
        Row of each value, strictly increasing, shape (n,).
    value
        Values; NaN and infinities are kept as they were logged, shape (n,).
    """

    row: IntArray
    value: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One run's log as written: rows in the order of writing, each at a step, and sparse columns over the rows.

    A missing cell has no entry in its column. Restarts, repeated steps and non-finite values are all still there;
    `heldout.readers.assemble` puts them in order in one place, for every format.

    Attributes
    ----------
    format
        Id of the format, as in `heldout.readers.formats.FORMATS`.
    step
        Step of every row, shape (R,). Strings such as "10/438" have been parsed already.
    columns
        Key → values. The step column itself is not among them.
    session
        Which uninterrupted piece of writing a row belongs to, counted from 0, shape (R,): a later session that
        starts at step s replaces everything an earlier one said at or after s. None where the format does not tell;
        sessions are then found from the steps that jump back.
    name
        The run's own name, where the log has one.
    config
        Settings found in the log.
    notes
        What this reader dropped, assumed or did not understand.
    roles
        Role → key, where the log itself says which metric plays which part.
    measured
        Held-out measurements problem by problem, in the order of writing. Their rates are among the rows, in a column
        named `Evaluation.key`; what a restart supersedes there is superseded here.
    checkpoints
        Step → where the checkpoint lies, for those that exist.
    maybe_training
        Whether nothing says that the measurements are of held-out problems, and not of those that are trained on.
    """

    format: str
    step: IntArray
    columns: Mapping[str, Column]
    session: IntArray | None = None
    name: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    measured: tuple[Evaluation, ...] = ()
    checkpoints: Mapping[int, str] = field(default_factory=dict)
    maybe_training: bool = False

    def only(self, keep: BoolArray) -> Log:
        """Return a log of some of the rows, given as a mask of shape (R,)."""
        number = np.cumsum(keep) - 1
        columns = {}
        for key, column in self.columns.items():
            held = keep[column.row]
            columns[key] = Column(number[column.row[held]], column.value[held])
        session = None if self.session is None else self.session[keep]
        return replace(self, step=self.step[keep], columns=columns, session=session)

"""The row with which a Trainer closes a training: how long it took, and the means of all that was logged.

It stands at the last step, but its ``reward`` is the mean over the whole training. What is its own (``train_runtime``,
``train_loss``, ``total_flos``) is kept; what repeats a metric of other rows is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heldout.readers.log import Column, noted, some
from heldout.run import Note, NoteKind

_SAYS_SO = "train_runtime"


def without_closing_row(columns: Mapping[str, Column]) -> tuple[dict[str, Column], list[Note]]:
    """Return columns without what the closing row says of metrics that other rows have, and what was left out."""
    key = next((key for key in columns if key.rsplit("/", 1)[-1] == _SAYS_SO), None)
    if key is None:
        return dict(columns), []
    kept, repeated = dict[str, Column](), list[str]()
    for name, column in columns.items():
        closes = np.isin(column.row, columns[key].row)
        if closes.all() or not closes.any():
            kept[name] = column
            continue
        kept[name] = Column(column.row[~closes], column.value[~closes])
        repeated.append(name)
    own = [name for name in repeated if name != "epoch"]
    text = f"The row with which the training closes says {some(own, 4)} of all steps together; left out."
    return kept, noted(NoteKind.IGNORED, len(own), text)

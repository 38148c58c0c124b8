"""Hugging Face ``trainer_state.json``: what `transformers.Trainer` and every TRL trainer save beside a checkpoint.

The metrics are the rows of ``log_history``; training and ``eval_`` rows at one step are separate rows.

What it cannot see: anything logged after the checkpoint was saved.
"""

from __future__ import annotations

from heldout.errors import NoMetrics
from heldout.readers.columns import TableBuilder
from heldout.readers.json_document import document_of
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.steps import log_from_table

_SETTINGS = (
    "max_steps",
    "num_train_epochs",
    "train_batch_size",
    "eval_steps",
    "logging_steps",
    "save_steps",
    "best_metric",
    "best_global_step",
    "best_model_checkpoint",
)


def read(source: Source) -> list[Log] | None:
    """Read a trainer_state.json."""
    if not source.head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") or b'"log_history"' not in source.head:
        return None
    try:
        state, notes = document_of(source)
    except ValueError:
        return None
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        return None
    rows = [row for row in state["log_history"] if isinstance(row, dict)]
    if not rows:
        raise NoMetrics(f"{source.path.name}: a trainer_state.json whose log_history is empty; nothing was logged yet.")
    builder = TableBuilder(null_is_nan=True)  # the Trainer writes null where a value was NaN
    builder.add(rows)
    config = {key: state[key] for key in _SETTINGS if state.get(key) is not None}
    return [log_from_table(builder.build(), "trainer-state", notes=notes, config=config)]

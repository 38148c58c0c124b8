"""Problems from the Hugging Face hub, read with the `datasets` library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from heldout.errors import TaskError, UsageError
from heldout.tasks.problem import SPLITS
from heldout.tasks.rows import Row

_ALONE = ["train"]  # the only split of a data set that its authors did not split


def rows_of(name: str) -> tuple[list[Row], list[str]]:
    """Read every row of a data set of the hub.

    Parameters
    ----------
    name
        ``NAME``, ``OWNER/NAME`` or ``OWNER/NAME/CONFIG``, or a local directory that `datasets` can load.

    Returns
    -------
    tuple[list[Row], list[str]]
        The rows of the splits called train, validation and test, each with its split, unless everything is in a
        training split; and a note on each other split, which is left out.

    Raises
    ------
    UsageError
        When `datasets` is not installed, or the name is no name.
    TaskError
        When the data set cannot be loaded (no network, no such name, no configuration chosen), in one sentence.
    """
    splits = _loaded(name)
    unsplit = list(splits) == _ALONE
    notes = [f"The split {split!r} of {name} was left out." for split in splits if split not in SPLITS]
    return [
        Row(f"{name}, {split}, row {number}", dict(data) if unsplit else {**data, "split": split})
        for split, rows in splits.items()
        if split in SPLITS
        for number, data in enumerate(rows, 1)
    ], notes


def _loaded(name: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError:
        raise UsageError("Data sets of the hub need `datasets`; install it: pip install 'heldout[train]'.") from None
    path, config = (name, None) if Path(name).is_dir() else _parts(name)
    try:
        return dict(datasets.load_dataset(path, config))
    except Exception as error:  # the errors of whatever library lies below
        why = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise TaskError(
            f"The data set {name!r} cannot be loaded ({why}); check its name and the network, or save it as JSON lines."
        ) from None


def _parts(name: str) -> tuple[str, str | None]:
    """Tell the configuration from the name: "owner/name/config"."""
    parts = name.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"{name!r} is no data set of the hub; write hf:OWNER/NAME or hf:OWNER/NAME/CONFIG.")
    return "/".join(parts[:2]), parts[2] if len(parts) == 3 else None

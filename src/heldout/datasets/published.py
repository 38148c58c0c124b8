"""The two published runs that ship with heldout, as data.

Both are approximate readings of a published figure, made by eye: good enough to draw the figure again and to try the
report on, not a substitute for the original measurements. Each JSON file states its source.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import numpy as np

from heldout.errors import ReadError
from heldout.run import Note, NoteKind, Run, Series

PREFIX = "example:"


def available() -> list[str]:
    """Which examples are there?"""
    here = resources.files("heldout.datasets")
    return sorted(entry.name.removesuffix(".json") for entry in here.iterdir() if entry.name.endswith(".json"))


def load(name: str) -> Run:
    """Load an example.

    Raises
    ------
    ReadError
        When there is no example of that name.

    Examples
    --------
    >>> len(load("kimi-dev")["held_out"])
    21
    """
    if name not in available():
        raise ReadError(f"There is no example {name!r}; there are {', '.join(available())}.")
    data: dict[str, Any] = json.loads(resources.files("heldout.datasets").joinpath(f"{name}.json").read_text("utf-8"))
    metrics = {
        key: Series(key, np.array(points["step"], dtype=np.int64), np.array(points["value"], dtype=np.float64))
        for key, points in data["metrics"].items()
    }
    note = Note(NoteKind.ASSUMED, f"Values are approximate readings of a published figure: {data['source']}")
    config = {"figure": data["figure"], "source": data["source"]}
    return Run(data["name"], PREFIX + name, "example", metrics, data["roles"], (note,), config)

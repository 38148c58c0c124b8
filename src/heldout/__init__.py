"""heldout: what reinforcement learning of code models really does.

A `Run` is a sequence of steps; at each step some metrics were logged. A `Series` is one metric over steps: the *reward*
is what the optimiser sees, a *held-out* score is what it does not. `read` turns anybody's log into a `Run` and lists in
`run.notes` what it repaired, dropped or did not know. `describe` says in words and numbers what the curves do.
A chart is data until someone draws it: `heldout.charts` makes the specification of a figure and its backends draw it.

>>> import heldout
>>> run = heldout.read("example:deepseek-r1")
>>> run["reward"].value.max()
np.float64(4.65)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from heldout.errors import HeldoutError, ReadError

if TYPE_CHECKING:
    from heldout.detectors import default_detectors
    from heldout.diagnosis.description import Description, describe
    from heldout.diagnosis.verdict import diagnose
    from heldout.findings import Finding, Verdict
    from heldout.live import Guard, On, Rules
    from heldout.readers import read, read_all
    from heldout.run import Note, Run, Series
    from heldout.store.recorder import Recorder

__version__ = "0.1.0"

__all__ = [
    "Description",
    "Finding",
    "Guard",
    "HeldoutError",
    "Note",
    "On",
    "ReadError",
    "Recorder",
    "Rules",
    "Run",
    "Series",
    "Verdict",
    "__version__",
    "default_detectors",
    "describe",
    "diagnose",
    "read",
    "read_all",
]

# Imported when first used, so that `heldout --help` and `import heldout` stay quick.
_HOME = {
    "default_detectors": "heldout.detectors",
    "Description": "heldout.diagnosis.description",
    "describe": "heldout.diagnosis.description",
    "Finding": "heldout.findings",
    "Verdict": "heldout.findings",
    "Guard": "heldout.live",
    "On": "heldout.live",
    "Rules": "heldout.live",
    "diagnose": "heldout.diagnosis.verdict",
    "read": "heldout.readers",
    "read_all": "heldout.readers",
    "Recorder": "heldout.store.recorder",
    "Note": "heldout.run",
    "Run": "heldout.run",
    "Series": "heldout.run",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'heldout' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

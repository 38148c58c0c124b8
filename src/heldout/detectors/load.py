"""A detector of the user's own, named on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from heldout.detectors import default_detectors
from heldout.detectors.base import Detector
from heldout.errors import UsageError


def load(spec: str) -> Callable[[], Detector]:
    """Return what makes a detector, given as ``module:Name`` or ``path/to/file.py:Name``.

    It is made once here, so that what is wrong with it is known before anything is read.

    Raises
    ------
    UsageError
        Where it cannot be loaded or made, or is no detector.
    """
    where, _, name = spec.rpartition(":")
    if not where or not name:
        raise UsageError(f"{spec!r} names no detector; give it as module:Name or path/to/file.py:Name.")
    try:
        make: Callable[[], Detector] = getattr(_module(where), name)
        made = make()
    except Exception as error:
        raise UsageError(f"The detector {spec!r} cannot be loaded ({type(error).__name__}: {error}).") from error
    lacking = [part for part in ("name", "needs", "update") if not hasattr(made, part)]
    if lacking or inspect.isclass(made):
        raise UsageError(f"{spec!r} is no detector: what it makes has no {' and no '.join(lacking or ['state'])}.")
    return make


def fresh(specs: Sequence[str]) -> Callable[[], list[Detector]]:
    """Load these detectors, once; return what makes all detectors of a run anew, heldout's own and these."""
    more = [load(spec) for spec in specs]
    return lambda: [*default_detectors(), *(make() for make in more)]


def _module(where: str) -> ModuleType:
    if not where.endswith(".py"):
        return importlib.import_module(where)
    found = importlib.util.spec_from_file_location(Path(where).stem, where)
    if found is None or found.loader is None:
        raise ImportError(f"{where} is no Python file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module

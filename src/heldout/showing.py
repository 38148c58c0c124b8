"""How the nouns show themselves where they are typed: in a notebook, as a table and a figure.

The nouns stand on low floors and know no drawing; a notebook that asks one of them loads `heldout.notebook`, by its
name, and nobody else pays for it.
"""

from __future__ import annotations

import importlib
from typing import Any


def in_notebook(what: str, *given: Any, **named: Any) -> Any:
    """Call a function of `heldout.notebook`."""
    return getattr(importlib.import_module("heldout.notebook"), what)(*given, **named)

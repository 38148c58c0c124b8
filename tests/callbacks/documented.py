"""The examples of the pages in docs/, to be run as they are written."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def example(page: str, holds: str, language: str = "python") -> str:
    """Return the one block of code of a page that holds some text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if holds in block)
    return found

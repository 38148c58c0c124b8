"""Write into the README what ``heldout report example:deepseek-r1`` prints first.

python tools/readme.py

A test sees that it is what is printed; where a sentence has changed on purpose, this puts the new one in.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

import heldout
from heldout.diagnosis.first_screen import first_screen
from heldout.report.terminal import show_answers

README = Path(__file__).parents[1] / "README.md"
_WIDTH = 100  # characters


def printed() -> str:
    """Return the six answers on the example as a terminal shows them."""
    run = heldout.read("example:deepseek-r1")
    verdict, file = heldout.diagnose(run), io.StringIO()
    show_answers(Console(file=file, width=_WIDTH, highlight=False), verdict, first_screen(run, verdict))
    return "\n".join(line.rstrip() for line in file.getvalue().strip().splitlines())


def _write() -> None:
    text = README.read_text()
    README.write_text(re.sub(r"(?<=```text\n)╭.*?╯(?=\n```)", lambda _: printed(), text, count=1, flags=re.DOTALL))


if __name__ == "__main__":
    _write()

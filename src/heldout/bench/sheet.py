"""A benchmark's table: on a terminal, in Markdown, or its results as JSON."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from heldout.errors import UsageError


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def drawn(self, bold: Container[str] = ()) -> Table:
        """For the terminal; rows whose first cell is named stand out."""
        table = Table(title=self.title, title_justify="left")
        for head in self.head:
            table.add_column(escape(head))
        for row in self.rows:
            table.add_row(*map(escape, row), style="bold" if row[0] in bold else None)
        return table

    def markdown(self) -> str:
        """For a page."""
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.head) + " |", "|" + "---|" * len(self.head)]
        return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in self.rows)]) + "\n"


def check_name(out: Path | None) -> None:
    """Refuse a file that `write` would not know how to write, before anything is measured.

    Raises
    ------
    UsageError
        When it is neither Markdown nor JSON by its name.
    """
    if out is not None and out.suffix not in (".md", ".json"):
        raise UsageError(f"-o {out}: the table is written as .md or .json.")


def write(out: Path | None, sheet: Sheet, results: Sequence[Any]) -> None:
    """Write the table as Markdown, or the results (dataclasses) as JSON, as the file's name says."""
    if out is not None:
        asked = sheet.markdown() if out.suffix == ".md" else json.dumps([asdict(one) for one in results], indent=2)
        out.write_text(asked)

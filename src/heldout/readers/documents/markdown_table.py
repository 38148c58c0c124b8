"""Markdown with a table of a training, as in a model card: a header, a rule, a row per step.

What it cannot see: tables without a rule below the header, or that all begin beyond the first 64 KiB.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from heldout.readers.documents.drawn import logs_of_tables
from heldout.readers.log import Log
from heldout.readers.source import Source

_RULE_BELOW = re.compile(rb"\|[ \t\r]*\n[ \t]*\|[ \t]*:?-")  # the end of a row, and the beginning of a rule
_RULE = re.compile(r"[ \t|:-]*")
_CELL = re.compile(r"(?<!\\)\|")


def read(source: Source) -> list[Log] | None:
    """Read the tables in a Markdown text that have steps."""
    if not source.is_text or not _RULE_BELOW.search(source.head):
        return None
    return logs_of_tables(tables_in(source.text), "markdown-table") or None


def tables_in(text: str) -> Iterator[list[list[str]]]:
    """Yield the rows of cells of every table in a text, without the rule."""
    table: list[str] = []
    for line in (*text.split("\n"), ""):
        line = line.strip()
        if line.startswith("|"):
            table.append(line)
        elif table:
            if len(table) > 2 and "-" in table[1] and _RULE.fullmatch(table[1]):
                yield [_cells(row) for row in (table[0], *table[2:])]
            table = []


def _cells(line: str) -> list[str]:
    return [cell.strip(" \t*`") for cell in _CELL.split(line.removeprefix("|").removesuffix("|"))]

"""Saved HTML pages and fragments with a table of a training, such as the one that trainers draw in a notebook.

Nothing in a page is executed or fetched: its tables are looked at, and where none is of a training, the text that
stands in it as it was printed (``<pre>``).

What it cannot see: tables that a script draws, and cells that span several columns.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

from heldout.errors import NoMetrics, ReadError
from heldout.readers.documents.drawn import logs_of_tables
from heldout.readers.log import Log
from heldout.readers.source import BOM, Held, Source

_MOST_TEXT = 2**25  # characters from the first table to the last one; the parser takes some seconds for them
_PAGE = re.compile(
    rb"\s*(?:<!--.{0,2000}?-->\s*)?<(?:!doctype html|html|head|body|table|div|style)\b", re.IGNORECASE | re.DOTALL
)
_BEGIN, _END = (re.compile(tag, re.IGNORECASE) for tag in ("<table", "</table"))
_PRINTED, _PRINTED_END = (re.compile(tag, re.IGNORECASE) for tag in (r"<pre\b[^<>]*>", r"</pre"))
_TAG = re.compile(r"<[^<>]*>")


def read(source: Source, logs_in: Callable[[Source], list[Log]]) -> list[Log] | None:
    """Read a page; `logs_in` finds logs in what was printed, and raises `ReadError` where there are none."""
    if not source.is_text or not _PAGE.match(source.head.removeprefix(BOM)):
        return None
    text = source.text
    logs = logs_of_tables(tables_in(text), "html-table")
    if logs:
        return logs
    parts = (_PRINTED_END.split(part, maxsplit=1)[0] for part in _PRINTED.split(text)[1:])
    printed = "\n".join(html.unescape(_TAG.sub("", part)) for part in parts)
    try:
        if printed.strip():
            logs = logs_in(Held(source.path, f"{printed}\n".encode()))
            return [replace(log, format="html-table") for log in logs]
    except ReadError:
        pass
    raise NoMetrics(f"{source.path.name}: an HTML page without a table of steps and metrics; nothing to read.")


def tables_in(text: str) -> list[list[list[str]]]:
    """Return the rows of cells of every table in HTML; raises `NoMetrics` where that is very much text."""
    first = _BEGIN.search(text)
    last = max((end.end() for end in _END.finditer(text)), default=0)
    if first is None or last < first.start():
        return []
    if last - first.start() > _MOST_TEXT:
        raise NoMetrics(f"HTML tables of more than {_MOST_TEXT >> 20} million characters; save the table as CSV.")
    parser = _Tables()
    parser.feed(text[first.start() : last] + ">")
    return parser.tables


class _Tables(HTMLParser):
    """Collects the cells of tables; one that stands in a cell of another one is a table of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._open: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row or a cell."""
        if tag == "table":
            self._open.append([])
            self.tables.append(self._open[-1])
        elif self._open and tag == "tr":
            self._open[-1].append([])
        elif self._open and tag in ("td", "th"):
            if not self._open[-1]:
                self._open[-1].append([])
            self._open[-1][-1].append("")
        self._in_cell = tag in ("td", "th") or (self._in_cell and tag not in ("table", "tr"))

    def handle_endtag(self, tag: str) -> None:
        """End a table or a cell."""
        if tag == "table" and self._open:
            self._open.pop()
        self._in_cell = self._in_cell and tag not in ("table", "tr", "td", "th")

    def handle_data(self, data: str) -> None:
        """Take in the text of a cell."""
        if self._in_cell and self._open and self._open[-1] and self._open[-1][-1]:
            self._open[-1][-1][-1] += data.strip("\n")

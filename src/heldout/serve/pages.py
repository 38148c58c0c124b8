"""The pages of the server that are not a run's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib import resources
from typing import Any

import orjson

from heldout.pages import linkable, template
from heldout.report.rows import Row
from heldout.report.runs_table import table_of
from heldout.serve import live
from heldout.serve.catalogue import Catalogue, Entry
from heldout.serve.samples import SCRIPTS
from heldout.serve.work import OWN
from heldout.text import counted

SCHEMA = "heldout.runs/1"


@cache
def assets() -> Mapping[str, str]:
    """Return style and scripts by name: what is not in this table has no address."""
    own = resources.files("heldout.serve").joinpath("assets")
    return linkable() | {name: own.joinpath(name).read_text(encoding="utf-8") for name in (*OWN, *SCRIPTS)}


def runs(catalogue: Catalogue, base: str = "") -> str:
    """Return the page of all runs."""
    return template("catalogue.html", __package__).render(
        table=table_of(_rows(catalogue), catalogue.not_read),
        where=", ".join(root.name or str(root) for root in catalogue.roots),
        live=sum(map(catalogue.is_live, catalogue.entries)),
        pending=catalogue.pending,
        cursor=live.cursor_of(catalogue)[0],
        base=base,
        linked=f"{base}/assets",
        served_scripts=OWN,
    )


def row(catalogue: Catalogue, entry: Entry, base: str = "") -> str:
    """Return the row of one run as it stands in the table of all of them."""
    del base
    table = table_of([replace(entry.row, live=catalogue.is_live(entry))])
    return template("row.html", __package__).render(entry=table.entries[0])


def rows(catalogue: Catalogue) -> bytes:
    """Return all runs for programs, schema ``heldout.runs/1``."""
    found = [
        _told(row) | {"slug": entry.slug, "stamp": catalogue.stamp(entry)}
        for entry, row in zip(catalogue.entries, _rows(catalogue), strict=True)
    ]
    told = {"schema": SCHEMA, "pending": catalogue.pending, "runs": found, "not_read": catalogue.not_read}
    return orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)


def _told(row: Row) -> dict[str, Any]:
    """A row as plain data; its marks are for heldout alone."""
    found = asdict(row)
    del found["marks"]
    return found


def message(said: str, base: str = "") -> str:
    """Return a page that says one thing, with the way back."""
    return template("message.html", __package__).render(said=said, base=base, linked=f"{base}/assets")


def summary(catalogue: Catalogue) -> str:
    """Say how many runs were found, and what was not read."""
    left = len(catalogue.not_read)
    return counted(len(catalogue.entries), "run") + (f", {left} not read" if left else "")


def _rows(catalogue: Catalogue) -> list[Row]:
    return [replace(entry.row, live=catalogue.is_live(entry)) for entry in catalogue.entries]

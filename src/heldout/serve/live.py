"""What goes on, told to the pages that look: one stream of events a tab.

A cursor is the stamp of what a page shows. It is the same after the server was restarted, so that a page which comes
back hears of what it missed, and of nothing twice. Events say that something is new, not what: pages fetch it, as much
as fits into their figures, and so no point can be lost or shown twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson

from heldout.fleet.places import stamp_of
from heldout.serve.catalogue import Catalogue, Entry

QUIET = 15.0  # seconds after which a comment says that the stream is alive
_LOOK = 0.2  # seconds between two looks at one run
_RETRY = 1000  # ms after which a browser comes back
_TOGETHER = 200  # changed rows that are told one by one; more are read as a page


def event(kind: str, data: object, cursor: str) -> bytes:
    """Write an event: its kind, its data in one line of JSON, and the cursor that a browser comes back with."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (kind.encode(), cursor.encode(), orjson.dumps(data))


async def of_run(place: Path, seen: str, closing: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield events on one run: ``points`` where anything was written, ``gone`` when it is not there any more."""
    yield b"retry: %d\n\n" % _RETRY
    told = time.monotonic()
    while not closing.is_set():
        stamp = await asyncio.to_thread(stamp_of, place) if place.exists() else ""
        if stamp != seen:
            yield event("points" if stamp else "gone", {"stamp": stamp}, stamp)
            seen, told = stamp, time.monotonic()
        elif time.monotonic() - told > QUIET:
            yield b": still here\n\n"
            told = time.monotonic()
        await _pause(closing, _LOOK)


async def of_runs(
    catalogue: Catalogue, drawn: Callable[[Entry], str], seen: str, closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Yield events on all runs: ``run`` with a new row, ``rows`` where there are others than before."""
    yield b"retry: %d\n\n" % _RETRY
    changed: list[Entry] = []
    end = catalogue.tell(changed.append)
    slugs, told = cursor_of(catalogue)[1], time.monotonic()
    try:
        if seen not in ("", cursor_of(catalogue)[0]):
            yield event("rows", {}, cursor_of(catalogue)[0])
        while not closing.is_set():
            await catalogue.look()
            cursor, now = cursor_of(catalogue)
            new, changed[:] = changed[:], []
            if now != slugs or len(new) > _TOGETHER:
                yield event("rows", {}, cursor)
                slugs, told = now, time.monotonic()
            elif new:
                for entry in new:
                    yield event("run", {"slug": entry.slug, "row": drawn(entry)}, cursor)
                told = time.monotonic()
            elif time.monotonic() - told > QUIET:
                yield b": still here\n\n"
                told = time.monotonic()
            await _pause(closing, 2 * _LOOK)
    finally:
        end()


def cursor_of(catalogue: Catalogue) -> tuple[str, frozenset[str]]:
    """Return the cursor of all runs, and their slugs."""
    told = sorted((entry.slug, entry.stamp, entry.row.state is None) for entry in catalogue.entries)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16], frozenset(slug for slug, *_ in told)


async def _pause(closing: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(closing.wait(), seconds)
    except TimeoutError:
        return

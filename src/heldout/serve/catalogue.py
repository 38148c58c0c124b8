"""The runs under the folders that are served, known by slugs: no address is ever made into a path.

Names are there at once; verdicts come from the cache, or from workers, one after the other.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from heldout.errors import HeldoutError, ReadError
from heldout.fleet.cache import Cache, Found, Rows
from heldout.fleet.places import DEPTH, Place, changed_of, digest, places_in, stamps_of
from heldout.readers.elsewhere import PAUSE, look
from heldout.remote.index import shown
from heldout.report.rows import Row
from heldout.serve.work import Asked, rows_in
from heldout.serve.worker import Worker
from heldout.text import visible

LIVE = 120.0  # seconds since a log was written to in which its run counts as going on
_SHARE = 0.05  # of a core that one worker spends on judging again what goes on
_LOOKING = 0.05  # of a core that is spent on looking for changes
_SOONEST = 1.0  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of the catalogue."""

    slug: str
    place: Place
    run: str | None  # its name, where the place holds several
    row: Row
    stamp: str  # of the place, as the row was found


@dataclass(slots=True)
class _Known:
    """What is known of a place."""

    place: Place
    stamp: str
    changed: float
    entries: tuple[Entry, ...]
    judged: str = ""  # the stamp that it was judged at
    asked: str = ""  # the stamp for which a worker is asked
    error: str = ""  # why it is not read


class Catalogue:
    """Knows the runs, and keeps what is known of them up to date while somebody looks.

    Parameters
    ----------
    roots
        The folders, resolved.
    cache
        Where rows are kept.
    judges
        The workers that judge.
    depth
        How many folders deep runs are looked for.
    planned
        How many evaluations each run will have; those in its log if not given.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        cache: Cache,
        judges: Sequence[Worker],
        depth: int = DEPTH,
        planned: int | None = None,
    ) -> None:
        self.roots, self.version = tuple(roots), 0
        self._cache, self._judges, self._depth, self._planned = cache, judges, depth, planned
        self._known: dict[Path, _Known] = {}
        self._left: dict[str, str] = {}
        self._slugs: dict[str, Entry] = {}
        self._queue: asyncio.PriorityQueue[tuple[int, float, Path]] = asyncio.PriorityQueue()
        self._looking = asyncio.Lock()
        self._looked = self._cost = 0.0
        self._heard: set[Callable[[Entry], None]] = set()

    # --- what is there

    @property
    def entries(self) -> list[Entry]:
        """All runs, also those that are not judged yet."""
        return list(self._slugs.values())

    @property
    def not_read(self) -> dict[str, str]:
        """Places that hold no run that could be read, and why."""
        return self._left | {one.place.name: one.error for one in self._known.values() if one.error}

    @property
    def pending(self) -> int:
        """How many places are not judged yet."""
        return sum(not (one.judged or one.error) for one in self._known.values())

    def get(self, slug: str) -> Entry | None:
        """Return a run by its slug."""
        return self._slugs.get(slug)

    def asked(self, entry: Entry) -> Asked:
        """Return what a worker is asked about a run."""
        return self._asked(entry.place.path, entry.run)

    def is_live(self, entry: Entry) -> bool:
        """Whether a run goes on: its log was written to just now, and its record does not say that it has ended."""
        known = self._known.get(entry.place.path)
        return known is not None and not entry.row.ended and time.time() - known.changed < LIVE

    def stamp(self, entry: Entry) -> str:
        """Return what tells whether anything of a run has changed, as of the last look."""
        known = self._known.get(entry.place.path)
        return entry.stamp if known is None else known.stamp

    def tell(self, hearer: Callable[[Entry], None]) -> Callable[[], None]:
        """Call somebody whenever a run was judged; return what ends that."""
        self._heard.add(hearer)
        return lambda: self._heard.discard(hearer)

    # --- how it is kept up to date

    async def look(self) -> None:
        """Look for new runs and for changes, not oftener than is cheap."""
        async with self._looking:
            pause = max(_SOONEST, self._cost / _LOOKING)
            if self._looked and time.monotonic() - self._looked < pause:
                return
            began = time.monotonic()
            found, left = await asyncio.to_thread(self._walk)
            self._take(found, left)
            self._looked = time.monotonic()
            self._cost = self._looked - began

    async def judge(self) -> None:
        """Let the workers judge what is new or has changed, until cancelled."""
        await asyncio.gather(*map(self._judge_by, self._judges))

    def _asked(self, path: Path, run: str | None = None) -> Asked:
        return Asked(str(path), tuple(map(str, self.roots)), run, self._planned)

    def _walk(self) -> tuple[list[tuple[Place, str, float]], dict[str, str]]:
        unseen = {}
        for root in self.roots:
            try:
                look(root, pause=PAUSE)
            except ReadError as error:  # what was read of it before is still shown
                unseen[shown(root)] = str(error)
        places = places_in(self.roots, self._depth)
        found = []
        for place in places.found:
            with suppress(OSError):
                stamps = stamps_of(place.path)
                found.append((place, digest(stamps), changed_of(stamps)))
        return found, places.left | unseen

    def _take(self, found: Sequence[tuple[Place, str, float]], left: dict[str, str]) -> None:
        before, self._known, self._left = self._known, {}, left
        for place, stamp, changed in found:
            known = before.get(place.path) or _Known(place, stamp, changed, (_unjudged(place, stamp, changed),))
            known.stamp, known.changed = stamp, changed
            self._known[place.path] = known
            if stamp not in (known.judged, known.asked):
                self._want(known)
        self._index()

    def _want(self, known: _Known) -> None:
        found = self._cache.get(str(known.place.path), known.stamp)
        if found is not None:
            self._told(known, known.stamp, found)
            return
        known.asked = known.stamp
        self._queue.put_nowait((1 if known.judged else 0, -known.changed, known.place.path))

    async def _judge_by(self, judge: Worker) -> None:
        while True:
            again, _, path = await self._queue.get()
            known = self._known.get(path)
            if known is None:
                continue
            began, stamp = time.monotonic(), known.stamp
            try:
                found = await judge.do(rows_in, self._asked(path))
                self._cache.put(str(path), stamp, found)
                self._told(known, stamp, found)
            except HeldoutError as error:
                self._refused(known, stamp, str(error))
            self._index()
            if again:
                await asyncio.sleep((time.monotonic() - began) / _SHARE)

    def _told(self, known: _Known, stamp: str, found: Found) -> None:
        if isinstance(found, str):
            self._refused(known, stamp, found)
        else:
            self._judged(known, stamp, found)

    def _judged(self, known: _Known, stamp: str, rows: Rows) -> None:
        several = len(rows) > 1
        known.judged = known.asked = stamp
        known.error = ""
        known.entries = tuple(_entry(known, name if several else None, row, stamp) for name, row in rows)
        for entry in known.entries:
            for hearer in tuple(self._heard):
                hearer(entry)

    def _refused(self, known: _Known, stamp: str, why: str) -> None:
        """Say why a place is not read; what was read of it before it changed is still shown."""
        known.judged = known.asked = stamp
        if not any(entry.row.state for entry in known.entries):
            known.error, known.entries = visible(why), ()

    def _index(self) -> None:
        self._slugs = {entry.slug: entry for known in self._known.values() for entry in known.entries}
        self.version += 1


def _unjudged(place: Place, stamp: str, changed: float) -> Entry:
    slug = slug_of(place.name)
    return Entry(slug, place, None, Row(name=place.name, page=f"run/{slug}", changed=changed), stamp)


def _entry(known: _Known, run: str | None, row: Row, stamp: str) -> Entry:
    name = known.place.name if run is None else f"{known.place.name}/{run}"
    slug = slug_of(name)
    return Entry(slug, known.place, run, replace(row, name=name, page=f"run/{slug}", changed=known.changed), stamp)


def slug_of(name: str) -> str:
    """Return a run's name as it stands in an address: the same for the same name, and no other's.

    >>> slug_of("seed0"), slug_of("a/b c")
    ('seed0', 'a-b-c-0af99a60')
    """
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-.")[:80]
    if plain == name and not re.search(r"-[0-9a-f]{8}\Z", name):
        return plain
    return f"{plain or 'run'}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

"""``heldout watch`` of many runs: each is followed as one is, and shown in a line, the gravest first.

Every run has a `Watch` of its own, with its own findings, acts and memory; one that cannot be read says so in its line
and keeps no other from being watched. Runs that are begun in the folder later are found, too.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from heldout.errors import HeldoutError, ReadError
from heldout.interrupts import until_interrupted
from heldout.live.panel import age
from heldout.live.watch import LONGEST_WAIT, SHARE, Watch
from heldout.readers import logs_in, shown
from heldout.readers.elsewhere import PAUSE, local, look
from heldout.readers.folders.walk import walked
from heldout.readers.source import Files
from heldout.report.rows import Row, row_of, worst_first
from heldout.text import visible

_WIDE, _FULL = 110, 140  # columns from which on a line says more; those of a file or a pipe


class Place(NamedTuple):
    """Where a run is read from."""

    name: str
    path: Path
    run: str | None = None  # which one, where the path holds several
    files: frozenset[Path] = frozenset()


def places_in(path: Path) -> list[Place]:
    """Return where each run of a folder, or of a file that holds several, lies; none where nothing can be read yet."""
    try:
        found = logs_in(path, Files())
    except ReadError:
        return []
    shared = Counter(one.place or path for one in found)
    places = []
    for one in found:
        where, called = one.place or path, one.log.name or one.name
        alone = shared[where] == 1
        inside = where.relative_to(path).as_posix() if where != path and where.is_relative_to(path) else ""
        name = (inside or called) if alone else f"{inside}/{called}".removeprefix("/")
        places.append(Place(name, where, None if alone and one.place else called, frozenset(one.files)))
    return places


class Several:
    """Follows the runs of some folders.

    Parameters
    ----------
    paths
        Folders with runs, or files that hold several; they need not hold any yet.
    watching
        Makes what follows one of them.
    console
        Where they are shown.

    Attributes
    ----------
    watches
        What follows each run, by its name.
    """

    def __init__(
        self, paths: Sequence[str | Path], watching: Callable[[Place], Watch], console: Console | None = None
    ) -> None:
        self.paths, self._watching = [local(path) for path in paths], watching
        self.console = console or Console(highlight=False)
        self.watches: dict[str, Watch] = {}
        self._rows: dict[str, Row] = {}
        self._known: set[Path] = set()  # what may be a log, at the last look
        self._files: set[Path] = set()  # of the runs that are followed
        self._screen: Screen | None = None

    def once(self) -> None:
        """Look at all of them once, act and print the table.

        Raises
        ------
        ReadError
            When there is nothing to read.
        """
        self._look(last=True)
        self._end()

    def follow(self, *, interval: float = 1.0, until_idle: float | None = None) -> None:
        """Go on until nothing more is written in any of them, or until one is interrupted; as `Watch.follow`."""
        with self._shown():
            until_interrupted(lambda: self._go_on(interval, until_idle))
            self._look(last=True)
        self._end()

    def _go_on(self, interval: float, until_idle: float | None) -> None:
        news = time.monotonic()
        while True:
            began = time.process_time()
            if self._look():
                news = time.monotonic()
            wait = min(max(interval, (time.process_time() - began) / SHARE), LONGEST_WAIT)
            left = wait if until_idle is None else until_idle - (time.monotonic() - news)
            if left <= 0.0:
                return
            time.sleep(min(wait, left))

    def _look(self, *, last: bool = False) -> bool:
        """Look for new runs, and for what is new in each; return whether there was anything."""
        self._find(last=last)
        read = [self._looked(name, watch, last=last) for name, watch in self.watches.items()]
        if self._screen is not None:
            self._screen.update(self.table(), refresh=True)
        return any(read)

    def _find(self, *, last: bool = False) -> None:
        """Begin to follow what is not followed yet; read for it only where a file has appeared."""
        for path in self.paths:
            with suppress(ReadError):  # a store that does not answer now may do so at the next look
                look(path, pause=0.0 if last else PAUSE)
        there = {one for path in self.paths for one in (walked(path).candidates if path.is_dir() else [path])}
        if not there - self._known:
            return
        self._known |= there
        before = frozenset(self._files)  # a run may be called otherwise once there is another one beside it
        for place in (one for path in self.paths for one in places_in(path)):
            if place.name not in self.watches and place.files.isdisjoint(before):
                self.watches[place.name] = self._watching(place)
                self._files |= place.files

    def _looked(self, name: str, watch: Watch, *, last: bool) -> bool:
        """Look at one run; what is wrong with it stands in its line."""
        try:
            read = watch.look(last=last)
        except HeldoutError as error:
            self._rows[name] = replace(self._rows.get(name, Row(name=name)), error=str(error))
            return False
        if read and watch.run is not None and watch.verdict is not None:
            self._rows[name] = replace(row_of(watch.run, watch.verdict, changed=0.0), name=name)
        return read

    def _end(self) -> None:
        if not self.watches:
            raise ReadError(f"{shown(self.paths)}: there was no run to watch.")
        self.console.print(self.table(), width=self._width, crop=False)
        for watch in self.watches.values():
            watch.finish()

    def _shown(self) -> AbstractContextManager[object]:
        if not self.console.is_terminal:
            return nullcontext()
        self._screen = Screen(self.table(), console=self.console, auto_refresh=False, transient=True)
        return self._screen

    def rows(self) -> list[Row]:
        """What is known of each run, the gravest first; those that nothing is known of yet stand at the end."""
        return worst_first([self._rows.get(name) or _waiting(name, watch) for name, watch in self.watches.items()])

    def table(self) -> Table:
        """Draw them, a line each; where there is little room, without how sure a verdict is, and of which level."""
        wide = self._width >= _WIDE
        drawn = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), width=self._width)
        drawn.add_column("run", no_wrap=True, overflow="ellipsis", max_width=self._width // 3)
        drawn.add_column("state", no_wrap=True, overflow="ellipsis", ratio=1)
        for head in ("last step", "keep", "since"):
            drawn.add_column(head, no_wrap=True)
        for row in self.rows():
            since = age(self.watches[row.name].pace.since) if row.state else ""
            last = "" if row.last_step is None else str(row.last_step)
            drawn.add_row(Text(visible(row.name)), _state(row, wide), last, _kept(row, wide), since)
        return drawn

    @property
    def _width(self) -> int:
        return self.console.width if self.console.is_terminal else max(self.console.width, _FULL)


def _waiting(name: str, watch: Watch) -> Row:
    return Row(name=name, error=watch.follower.waiting or "nothing was read yet.")


def _state(row: Row, wide: bool) -> Text:
    """The verdict in its colour, or why there is none."""
    if row.state is None or row.error:
        return Text(visible(row.error), style="yellow")
    return Text.assemble(
        (row.state.value, row.colour), (f"  {visible(row.label)}" if wide and row.label else "", "dim")
    )


def _kept(row: Row, wide: bool) -> str:
    level, between = row.kept_at
    return "" if row.keep is None else f"{row.keep.step}: {level} ({between})" if wide and level else str(row.keep.step)

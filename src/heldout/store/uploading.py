"""A run on this disk, sent to where it belongs while it is recorded.

A thread of its own looks at the run's files now and then. Files of lines go in parts: `PART` bytes that are full are
sent once, as ``metrics.00000.jsonl``, and never again; the rest stands in ``metrics.jsonl``, which is replaced. All
other files are replaced when they have changed. What fails is tried again, and never reaches the training.

What it cannot see: whether another machine records the same run at the same time.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from heldout.errors import HeldoutError, RecordError
from heldout.ranks import ranks
from heldout.remote.address import Address, address_of, path_of
from heldout.remote.store import Entry, Store
from heldout.store import layout

PART = 8 * 2**20  # bytes
SECONDS = 10.0  # between two looks, at least
PATIENCE = 60.0  # seconds that the end of a run waits for a store that does not answer
_LONGEST_PAUSE = 120.0
_IDS = f"{layout.EVALS}/*{layout.IDS}"
_WHOLE = ("*.json", "*.jsonl", _IDS, f"{layout.EVALS}/*.jsonl", f"{layout.ROLLOUTS}/*.parquet")
_READ_ONLY = ("http", "https", "hf")  # every file that is written to a hub is a commit


@dataclass(slots=True)
class _Sent:
    """What of a file of lines has been sent."""

    parts: int = 0  # full ones
    bytes: int = 0  # in them
    rest: int = -1  # bytes of the part that is not full


class Uploader:
    """Sends a run directory to an address, until it is closed.

    Parameters
    ----------
    directory
        The run on this disk.
    address
        Where it belongs.

    Raises
    ------
    RecordError
        When nothing can be written there.
    MissingExtra
        When a package for it is not installed.
    """

    def __init__(self, directory: Path, address: Address) -> None:
        self.directory, self.address = directory, address
        self._store = _writable(address)
        self._sent: dict[str, _Sent] = _parts_in(_listed(self._store))
        self._stamps: dict[str, tuple[int, int]] = {}  # of files that are replaced, as they were sent
        self._ended = threading.Event()
        self._sending = threading.Lock()
        self.failure = ""  # why the last try failed
        self._thread = threading.Thread(target=self._go_on, name="heldout-upload", daemon=True)
        self._thread.start()

    def close(self) -> str:
        """Send what is left; return a sentence on what could not be sent, empty where all was."""
        patience = PATIENCE
        self._ended.set()
        self._thread.join(patience)
        end, pause = time.monotonic() + patience, 1.0
        while not self._try() and time.monotonic() + pause < end:
            time.sleep(pause)
            pause *= 2
        left = [name for name, _ in self._new()]
        if not left:
            return ""
        names = ", ".join(left[:4]) + (" …" if len(left) > 4 else "")
        why = self.failure.rstrip(".") or "there was no time"
        return (
            f"{len(left)} of its files are not in {self.address.shown} ({names}): {why}; they lie in {self.directory}."
        )

    def _go_on(self) -> None:
        pause = SECONDS
        while not self._ended.wait(pause):
            pause = SECONDS if self._try() else min(2 * pause, _LONGEST_PAUSE)

    def _try(self) -> bool:
        """Send what is new; return whether that went well."""
        with self._sending:
            try:
                for name, _ in self._new():
                    self._send(name)
                self.failure = ""
            except Exception as error:  # whatever it is, the training goes on
                self.failure = str(error) if isinstance(error, HeldoutError) else f"{type(error).__name__}: {error}"
        return not self.failure

    def _new(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the files of which not all has been sent."""
        for pattern in _WHOLE:
            for path in sorted(self.directory.glob(pattern)):
                name = path.relative_to(self.directory).as_posix()
                with suppress(OSError):
                    about = path.stat()
                    if not self._is_sent(name, about):
                        yield name, about

    def _is_sent(self, name: str, about: os.stat_result) -> bool:
        if _goes_in_parts(name):
            sent = self._sent.get(name, _Sent())
            return sent.rest >= 0 and sent.bytes + sent.rest == about.st_size
        return self._stamps.get(name) == (about.st_mtime_ns, about.st_size)

    def _send(self, name: str) -> None:
        path = self.directory / name
        if not _goes_in_parts(name):
            about = path.stat()
            self._store.write(name, path.read_bytes())
            self._stamps[name] = about.st_mtime_ns, about.st_size
            return
        sent = self._sent.setdefault(name, _Sent())
        with path.open("rb") as file:
            file.seek(sent.bytes)
            while len(data := file.read(PART)) == PART:
                data += file.readline()
                if not data.endswith(b"\n"):
                    break
                self._send_ids(path)
                self._store.write(layout.part_name(name, sent.parts), data)
                sent.parts, sent.bytes, sent.rest = sent.parts + 1, sent.bytes + len(data), -1
            self._send_ids(path)
            self._store.write(name, data)
            sent.rest = len(data)

    def _send_ids(self, path: Path) -> None:
        """Send the ids that lines refer to before the lines, which were read before: so none of them is missing."""
        ids = layout.ids_file(path)
        name = ids.relative_to(self.directory).as_posix()
        if ids.exists() and not self._is_sent(name, ids.stat()):
            self._send(name)


@contextmanager
def sent_to(place: str | Path, *, sending: bool = True) -> Iterator[Path]:
    """Yield the directory on this disk for what is written to a place; what belongs elsewhere is sent there meanwhile.

    The first of several processes sends, if any is to. What could not be sent is warned of at the end; errors as for
    `Uploader`.
    """
    address = address_of(place)
    if address is None:
        yield path_of(place)
        return
    directory = recorded_at(address)
    if not (sending and ranks().first):
        yield directory
        return
    directory.mkdir(parents=True, exist_ok=True)
    fetch_run(directory, address)
    uploader = Uploader(directory, address)
    try:
        yield directory
    finally:
        if left := uploader.close():
            warnings.warn(left, RuntimeWarning, stacklevel=3)


def recorded_at(address: Address) -> Path:
    """Return where on this disk a run is written that belongs to an address."""
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state").expanduser()
    digest = hashlib.sha256(address.url.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return base / "heldout" / "recorded" / digest / (address.inside.rpartition("/")[2] or "run")


def fetch_run(directory: Path, address: Address) -> None:
    """Fetch the run that lies at an address, where more of it is there than on this disk: to go on with it.

    Raises
    ------
    RecordError
        When the store does not answer.
    """
    store = _writable(address)
    listed = _listed(store)
    if layout.RUN not in listed:
        return
    sent = _parts_in(listed)
    for name in listed:
        if layout.whole_name(name) != name or name.startswith(f"{layout.ROLLOUTS}/") or not _is_ours(name):
            continue
        parts = [layout.part_name(name, number) for number in range(sent[name].parts)] if name in sent else []
        size = sum(listed[part].size or 0 for part in (*parts, name))
        path = directory / name
        if not path.exists() or path.stat().st_size < size:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for part in (*parts, name):
                    file.writelines(store.read(part, 0, listed[part].size))


def _writable(address: Address) -> Store:
    if address.protocol in _READ_ONLY:
        raise RecordError(
            f"{address.shown}: no run can be recorded over {address.protocol}://, which takes no files now and then; "
            "give a directory or a bucket, and upload the run at its end."
        )
    return Store(address)


def _listed(store: Store) -> dict[str, Entry]:
    """Return what lies at the address of a run, which may be nothing yet."""
    try:
        return store.listed(empty=True)
    except HeldoutError as error:
        raise RecordError(f"No run can be recorded there: {error}") from None


def _parts_in(listed: Mapping[str, Entry]) -> dict[str, _Sent]:
    """Return what of files of lines lies in a store."""
    found: dict[str, _Sent] = {}
    for name in sorted(listed):
        whole = layout.whole_name(name)
        if whole != name and _goes_in_parts(whole):
            sent = found.setdefault(whole, _Sent())
            sent.parts, sent.bytes = sent.parts + 1, sent.bytes + (listed[name].size or 0)
    return found


def _goes_in_parts(name: str) -> bool:
    return name == layout.METRICS or (name.startswith(f"{layout.EVALS}/") and not name.endswith(layout.IDS))


def _is_ours(name: str) -> bool:
    """Whether a file is of the record of a run."""
    return any(PurePosixPath(name).match(pattern) and name.count("/") == pattern.count("/") for pattern in _WHOLE)

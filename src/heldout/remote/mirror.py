"""A copy of what is read of an address, on this machine, brought up to date by looking again.

Files are known by size and version (ETag, or what the store has for it). One that was only appended to is fetched from
where it ended; that it is still the same file is seen by what stands before that place. Nothing is written outside of
the folder of the mirror, whatever the keys are called.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

from heldout.errors import ReadError
from heldout.remote.address import Address
from heldout.remote.index import INDEX, Index, mirrors, read_index
from heldout.remote.keys import clashes, why_no_file
from heldout.remote.refusals import refusal
from heldout.remote.store import Entry, Store

AT_ONCE = 16  # files that are fetched at once
_CHECKED = 4096  # bytes in front of what is new that must still be what they were
_KEPT_FOR = 30 * 86_400.0  # seconds after which a mirror that nobody looked at is removed
_MANY = 64  # files from which on a terminal is shown how far it is
# Content that is only ever appended to, by the end of its name; all else is fetched whole.
_APPENDED = (".jsonl", ".ndjson", ".log", ".txt", ".out", ".err", ".csv", ".tsv", ".wandb", ".swanlab")
_EVENTS = "events.out.tfevents."
# Where other stores than the usual ones are set; their buckets may be called the same.
_ENDPOINTS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "FSSPEC_S3_ENDPOINT_URL",
    "STORAGE_EMULATOR_HOST",
    "HF_ENDPOINT",
)

ANSWERS = "answers"  # files that are counted, and not fetched
OTHER = "other"  # files that are left alone, such as weights; the folders that they lie in are made
HIDDEN = "hidden"  # files of which nothing is to be seen
Sorting = Callable[[Collection[str]], Mapping[str, str]]  # of all keys those that are not fetched, and which of these


class Mirror:
    """A copy of what is read of an address.

    Parameters
    ----------
    address
        What is copied.
    kind
        What of it, in a word: mirrors of several kinds share nothing.
    sorting
        Which keys are fetched.

    Attributes
    ----------
    path
        The local file or folder, which is there after a look.
    """

    def __init__(self, address: Address, kind: str, sorting: Sorting) -> None:
        self.address, self._sorting = address, sorting
        told = "\0".join([address.url, kind, *(os.environ.get(name, "") for name in _ENDPOINTS)])
        self.folder = mirrors() / hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        parts = [part for part in address.inside.split("/") if part]
        # As deep as where it comes from: readers look at the names of the folders above, too.
        self._place = Path("content", *("_" if why_no_file(part) else part for part in parts))
        self.path = self.folder / self._place
        self._store: Store | None = None
        self._looked = -1.0

    def look(self, *, pause: float = 0.0) -> None:
        """Bring the copy up to date, unless the last look was less than `pause` seconds ago.

        Raises
        ------
        ReadError
            When the store does not answer, or nothing lies at the address, perhaps not any more; `MissingExtra` when a
            package for it is not installed.
        """
        if self._looked >= 0.0 and time.monotonic() - self._looked < pause:
            return
        self._store = self._store or Store(self.address)
        listed = self._store.listed()
        try:
            with self._locked():
                known = read_index(self.folder)
                index = Index(self.address.shown, self._place.as_posix(), dict(known.files) if known else {})
                try:
                    self._follow(self._store, listed, index)
                finally:
                    if index != known:
                        index.write(self.folder)
                os.utime(self.folder)  # it is in use
        except OSError as error:
            why = f"{error.strerror or error}; XDG_CACHE_HOME says where copies are kept"
            raise ReadError(f"{self.address.shown}: no copy can be made in {self.folder} ({why}).") from error
        self._looked = time.monotonic()

    def _follow(self, store: Store, listed: Mapping[str, Entry], index: Index) -> None:
        """Make of the copy what is listed."""
        sorts = self._sorting(listed.keys() - {""})
        wanted = [key for key in listed if not sorts.get(key)]
        if "" in listed and self.path.is_dir():  # it was a folder
            shutil.rmtree(self.path)
            index.files.clear()
        wrong = {key: why for key in wanted if key and (why := why_no_file(key))}
        wrong |= clashes([key for key in wanted if key not in wrong], one_case=self._tells_no_case())
        index.left = wrong
        index.not_fetched = _counted(listed, (key for key, sort in sorts.items() if sort == ANSWERS))
        self._remove(index, index.files.keys() - (set(wanted) - wrong.keys()))
        if "" not in listed:
            self.path.mkdir(parents=True, exist_ok=True)
        self._mark(key.rpartition("/")[0] for key, sort in sorts.items() if sort == OTHER)
        there = [key for key in wanted if key not in wrong]
        new = [key for key in there if self._has_changed(key, listed[key], index)]
        alike = _alike(listed, there, new)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="heldout-fetch") as pool:
            try:
                for keys in ([key for key in new if key not in alike], alike):
                    asked = {
                        pool.submit(self._fetched, store, key, listed[key], index.files.get(key), alike.get(key)): key
                        for key in keys
                    }
                    for done in _shown(asked, self.address):
                        self._took(index, asked[done], listed[asked[done]], done)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _took(self, index: Index, key: str, entry: Entry, done: Future[int]) -> None:
        """Take note of a file that was fetched, or was gone since it was listed."""
        try:
            index.files[key] = done.result(), entry.version
        except FileNotFoundError:
            self._remove(index, {key})
        except PermissionError as error:
            if not key:
                raise refusal(self.address, error) from None
            self._remove(index, {key})
            index.left[key] = "must not be read with these credentials"

    def _has_changed(self, key: str, entry: Entry, index: Index) -> bool:
        known = index.files.get(key)
        if known is None or known != (entry.size, entry.version) or not entry.version:
            return True
        return _size(self._at(key)) != entry.size

    def _fetched(
        self, store: Store, key: str, entry: Entry, known: tuple[int, str] | None, alike: str | None = None
    ) -> int:
        """Fetch a file, or what is new of it, or copy it from one that is alike; return how long it is now."""
        target = self._at(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if alike is not None and _size(self._at(alike)) == entry.size:
            shutil.copyfile(self._at(alike), target)
        elif not self._appended(store, key, entry, known):
            self._whole(store, key, entry)
        if entry.changed is not None:
            os.utime(target, (entry.changed, entry.changed))
        return target.stat().st_size

    def _appended(self, store: Store, key: str, entry: Entry, known: tuple[int, str] | None) -> bool:
        """Append what stands behind the place that is known, where it is still the same file; return whether it was."""
        begin = known[0] if known is not None else 0
        if entry.size is None or not entry.size > begin == _size(self._at(key)) > 0:
            return False
        if not _is_appended(key or self.path.name):
            return False
        start = max(begin - _CHECKED, 0)
        pieces = store.read(key, start, entry.size)
        with self._at(key).open("r+b") as file:
            file.seek(start)
            before = file.read(begin - start)
            first = next(pieces, b"")
            if first[: len(before)] != before:
                return False
            file.write(first[len(before) :])
            file.writelines(pieces)
        return True

    def _whole(self, store: Store, key: str, entry: Entry) -> None:
        """Fetch a file and put it in its place once it is whole."""
        new = self.folder / "new" / hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        new.parent.mkdir(exist_ok=True)
        with new.open("wb") as file:
            file.writelines(store.read(key, 0, entry.size))
        new.replace(self._at(key))

    # --- the folder

    def _at(self, key: str) -> Path:
        return self.path.joinpath(*key.split("/")) if key else self.path

    def _remove(self, index: Index, keys: Iterable[str]) -> None:
        """Remove files that are not there any more, and folders that are empty then."""
        for key in set(keys):
            index.files.pop(key, None)
            path = self._at(key)
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                for above in path.parents:
                    if above == self.folder:
                        break
                    above.rmdir()

    def _mark(self, folders: Iterable[str]) -> None:
        """Make the folders in which files lie that are not fetched: a checkpoint is there, if nothing of it is here."""
        for folder in {one for one in folders if one and not why_no_file(one)}:
            with suppress(OSError):  # a file of this name is there too
                self._at(folder).mkdir(parents=True, exist_ok=True)
                (self._at(folder) / ".not-fetched").touch()

    def _tells_no_case(self) -> bool:
        return (self.folder / INDEX.upper()).exists()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from bringing the same copy up to date."""
        _tidy(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("ab") as file:
            try:
                import fcntl
            except ImportError:  # a system without it
                pass
            else:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _alike(listed: Mapping[str, Entry], there: Iterable[str], new: Iterable[str]) -> dict[str, str]:
    """Return which new files another one has the content of, and which: the ids of the problems of a sweep's runs.

    Not those that are appended to: what is alike now may have grown when it is fetched.
    """
    contents = {key: (listed[key].size, listed[key].content) for key in there if listed[key].content}
    first: dict[tuple[int | None, str], str] = {}
    fresh = {key for key in new if key in contents and not _is_appended(key)}
    for key in sorted(contents, key=fresh.__contains__):  # those that are here already come first
        first.setdefault(contents[key], key)
    return {key: other for key in sorted(fresh) if (other := first[contents[key]]) != key}


def _is_appended(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.lower().endswith(_APPENDED) or last.startswith(_EVENTS)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _counted(listed: Mapping[str, Entry], keys: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return how many of some files lie in each folder, and their bytes."""
    found: dict[str, tuple[int, int]] = {}
    for key in keys:
        folder = key.rpartition("/")[0]
        count, size = found.get(folder, (0, 0))
        found[folder] = count + 1, size + (listed[key].size or 0)
    return found


def _shown(asked: Mapping[Future[int], str], address: Address) -> Iterator[Future[int]]:
    """Yield what is done as it is done; on a terminal it is shown how much of many that is."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    quiet = len(asked) < _MANY or not console.is_terminal
    yield from track(
        as_completed(asked),
        f"Fetching {address.protocol}://…",
        len(asked),
        console=console,
        transient=True,
        disable=quiet,
    )


def _tidy(kept: Path) -> None:
    """Remove mirrors that nobody has looked at for long."""
    with suppress(OSError):
        for folder in mirrors().iterdir():
            if folder != kept and time.time() - folder.stat().st_mtime > _KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)

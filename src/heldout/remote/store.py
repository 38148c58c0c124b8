"""What lies at an address, and pieces of it: fsspec's file systems, with errors in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from heldout.remote.address import Address
from heldout.remote.refusals import missing_fsspec, not_there, refusal

# What tells versions of a file apart, by the names of the stores; the first one that is there counts.
_VERSIONS = (
    "ETag",
    "etag",
    "generation",
    "md5Hash",
    "content_hash",
    "blob_id",
    "lfs",
    "mtime",
    "LastModified",
    "created",
)
# What two files with the same content have alike, and no others.
_CONTENTS = ("ETag", "md5Hash", "blob_id")
_CHANGED = ("LastModified", "last_modified", "mtime", "updated", "created")
_PIECE = 33_554_432  # bytes that are asked for at once
_TRIES = 2


class Entry(NamedTuple):
    """One file in a store."""

    size: int | None  # None where the store does not say
    version: str  # differs where the content does; empty where the store does not say
    changed: float | None  # seconds of the epoch
    content: str = ""  # the same only where the content is; empty where the store does not say


class Store:
    """What lies at an address.

    Raises
    ------
    MissingExtra
        When fsspec, or the package that its protocol needs, is not installed; every method raises `ReadError` where
        the store does not answer, or not as asked.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise missing_fsspec(address) from None
        with self._refusing():
            self._files, self._root = url_to_fs(
                address.url, skip_instance_cache=True, **address.options, **_patience(address)
            )
            if isinstance(
                getattr(self._files, "retries", None), int
            ):  # s3fs, gcsfs: on top of those of their libraries
                self._files.retries = _TRIES
        self._alone = address.protocol.startswith("http")  # whose listings are guessed from pages

    def listed(self, *, empty: bool = False) -> dict[str, Entry]:
        """Return every file below the address by its key there; the one that lies at the address itself has none.

        Where there is nothing, that is an error, unless it may be `empty`.
        """
        with self._refusing():
            self._files.invalidate_cache()
            if self._alone:
                return {"": _entry(self._files.info(self._root))}
            found: Mapping[str, Mapping[str, Any]] = self._files.find(self._root, detail=True)
        if not found and not empty:
            raise not_there(self.address)
        below = f"{self._root.rstrip('/')}/"
        keys = {"" if name == self._root else name.removeprefix(below): about for name, about in found.items()}
        self._alone = keys.keys() == {""}
        return {key: _entry(about) for key, about in keys.items() if about.get("type") != "directory"}

    def read(self, key: str, start: int, end: int | None) -> Iterator[bytes]:
        """Yield the bytes of a file from one place to another, or all of them where its end is not known."""
        name = f"{self._root.rstrip('/')}/{key}" if key else self._root
        if end is None:
            with self._refusing(single=True):
                yield self._files.cat_file(name)
            return
        while start < end:
            with self._refusing(single=True):
                data: bytes = self._files.cat_file(name, start=start, end=min(start + _PIECE, end))
            if not data:  # it is shorter by now
                return
            yield data
            start += len(data)

    def write(self, key: str, content: bytes) -> None:
        """Put a file below the address, in place of one that is there."""
        name = f"{self._root.rstrip('/')}/{key}"
        with self._refusing():
            if self.address.has_folders:
                self._files.makedirs(name.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(name, content)

    @contextmanager
    def _refusing(self, *, single: bool = False) -> Iterator[None]:
        """Raise what a library raises as one of our own errors; of a `single` file, that it is gone or forbidden."""
        try:
            yield
        except (FileNotFoundError, PermissionError) as error:
            raise (error if single else refusal(self.address, error)) from None
        except Exception as error:  # each package has errors of its own
            raise refusal(self.address, error) from None


def _patience(address: Address) -> dict[str, Any]:
    """Return options by which a store that does not answer is given up soon, unless the user has set their own."""
    from fsspec.config import conf

    known = conf.get(address.protocol, {})
    if address.protocol not in ("s3", "s3a") or "config_kwargs" in known or "client_kwargs" in known:
        return {}
    return {"config_kwargs": {"retries": {"total_max_attempts": _TRIES}}}


def _entry(about: Mapping[str, Any]) -> Entry:
    size = about.get("size")
    version, content = (
        next((str(about[name]) for name in names if about.get(name)), "") for names in (_VERSIONS, _CONTENTS)
    )
    return Entry(int(size) if isinstance(size, int) else None, version, _time(about), content)


def _time(about: Mapping[str, Any]) -> float | None:
    for name in _CHANGED:
        told = about.get(name)
        if isinstance(told, datetime):
            return told.timestamp()
        if isinstance(told, (int, float)):
            return float(told)
        if isinstance(told, str):
            try:
                return datetime.fromisoformat(told).timestamp()
            except ValueError:
                continue
    return None

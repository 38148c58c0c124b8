"""What is known of a mirror: which version of each file it holds, and of which address it is.

It lies beside the mirror as ``index.json``, without credentials, so that any process can tell what a path in a mirror
stands for.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import orjson

from heldout.remote.address import address_of

INDEX = "index.json"


@dataclass(slots=True)
class Index:
    """What a mirror holds.

    Attributes
    ----------
    address
        What it is a copy of, as it may be shown.
    place
        Where the copy lies, relative to the folder of the index.
    files
        Of each file, by its key below the address, size and version; that of the address itself has the key ``""``.
    left
        Keys that are no files here, and why.
    not_fetched
        Answers that were not asked for, by the folder that they lie in: how many files, and bytes.
    """

    address: str
    place: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    not_fetched: dict[str, tuple[int, int]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep it in a folder."""
        new = folder / f"{INDEX}.new"
        new.write_bytes(orjson.dumps(asdict(self)))
        new.replace(folder / INDEX)


def read_index(folder: Path) -> Index | None:
    """Return what is kept in a folder, None where there is nothing that can be used."""
    with suppress(OSError):
        about = (folder / INDEX).stat()
        return _read(folder, about.st_ino, about.st_mtime_ns)
    return None


@lru_cache(maxsize=64)
def _read(folder: Path, inode: int, changed: int) -> Index | None:
    try:
        told = orjson.loads((folder / INDEX).read_bytes())
        files = {key: (int(size), str(version)) for key, (size, version) in told["files"].items()}
        missing = {key: (int(count), int(size)) for key, (count, size) in told["not_fetched"].items()}
        return Index(str(told["address"]), str(told["place"]), files, dict(told["left"]), missing)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def cache_folder() -> Path:
    """Return where programs keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser().resolve() / "heldout"


def mirrors() -> Path:
    """Return where mirrors lie, each in a folder of its own."""
    return cache_folder() / "remote"


def mirror_at(path: Path) -> tuple[Path, Index] | None:
    """Return the mirror in which a path lies, and what is known of it; None where it lies in none."""
    all_of_them = mirrors()
    if not path.is_relative_to(all_of_them) or path == all_of_them:
        return None
    folder = all_of_them / path.relative_to(all_of_them).parts[0]
    index = read_index(folder)
    return None if index is None or not path.is_relative_to(folder / index.place) else (folder / index.place, index)


def shown(path: str | Path) -> str:
    """Return what is shown of a path or an address: of a path in a mirror what it stands for, and never a secret."""
    if (address := address_of(path)) is not None:
        return address.shown
    found = mirror_at(Path(path))
    return str(path) if found is None else _below(found[1].address, Path(path).relative_to(found[0]))


def here(source: str) -> Path:
    """Return where on this machine lies what is shown of a log: in the newest mirror of an address, if there is one."""
    if address_of(source) is None:
        return Path(source)
    found = [(index.parent.stat().st_mtime, index.parent) for index in mirrors().glob(f"*/{INDEX}")]
    for _, folder in sorted(found, reverse=True):
        known = read_index(folder)
        if known is not None and (source == known.address or source.startswith(f"{known.address}/")):
            return (folder / known.place).joinpath(*source.removeprefix(known.address).split("/"))
    return Path(source)


def as_addresses(path: Path, text: str) -> str:
    """Return a text about a path with addresses in place of paths in its mirror."""
    found = mirror_at(path)
    return text if found is None else text.replace(str(found[0]), found[1].address)


def _below(address: str, inside: Path) -> str:
    return address if inside == Path() else f"{address}/{inside.as_posix()}"

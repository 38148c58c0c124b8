"""Where problems come from: files (JSON lines or one JSON array, plain or gzipped) and the Hugging Face hub.

Each row comes with where it stands, for messages.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from heldout.errors import MissingExtra, TaskError, UsageError, how_to_install
from heldout.tasks.problem import SPLITS
from heldout.text import sentence_list

FILE_ENDINGS = (".jsonl", ".json", ".jsonl.gz", ".json.gz")
_MOST = 2**29  # bytes that a packed file may unpack to
_PIECE = 2**20
_ALONE = ["train"]  # the only split of a data set that its authors did not split


class Row(NamedTuple):
    """One object and where it stands, for messages."""

    where: str
    data: Mapping[str, Any]

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text that must be there and not empty, unless there is a default; anything else is a TaskError.

        Null says that nothing is there, as the sets of the hub have it: each of their rows has every column.
        """
        value = self.data.get(key)
        value = default if value is None else value
        if not isinstance(value, str) or (not value and default is None):
            raise TaskError(f"{self.where}: {key!r} is {_shown(value)}; it must be a text that is not empty.")
        return value

    def split(self) -> str | None:
        """Return the split that the row names, None where it names none; one that does not exist is a TaskError."""
        named = self.data.get("split")
        if named is not None and named not in SPLITS:
            raise TaskError(
                f"{self.where}: 'split' is {_shown(named)}; it must be {sentence_list(list(SPLITS), 'or')}."
            )
        return named


class Value(NamedTuple):
    """One JSON value of a file and where it stands, for messages."""

    where: str
    data: Any


def file_rows(path: Path) -> list[Row]:
    """Read every row of a file.

    A TaskError, with file and line, where it cannot be read, a line is no JSON object, or there is none.
    """
    rows = [_row(*value) for value in file_values(path)]
    if not rows:
        raise TaskError(f"{path} holds no problems; give one JSON object a line.")
    return rows


def file_values(path: Path) -> list[Value]:
    """Read every JSON value of a file: its lines, or the entries of the one array, or the one object, that it is.

    A TaskError, with file and line, where it cannot be read or is no JSON.
    """
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"{path} cannot be read: byte {error.start} is not UTF-8; save it in that encoding.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(f"{path} cannot be read: {error}.") from None
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _is_json(lines[0][1]):
        return [Value(f"{path}, line {number}", _parsed(f"{path}, line {number}", line)) for number, line in lines]
    if not lines:
        return []
    number = lines[0][0]
    whole = _parsed(str(path) if len(lines) > 1 else f"{path}, line {number}", text)
    if not isinstance(whole, list):
        return [Value(f"{path}, line {number}", whole)]
    return [Value(f"{path}, entry {place}", item) for place, item in enumerate(whole, 1)]


def hub_rows(name: str) -> tuple[list[Row], list[str]]:
    """Read a data set of the Hugging Face hub, with the `datasets` library; a note for each split that is left out.

    The name is ``NAME``, ``OWNER/NAME`` or ``OWNER/NAME/CONFIG``, or a local directory that `datasets` can load. The
    rows are those of the splits called train, validation and test, each with its split, unless everything is in a
    training split. A UsageError where `datasets` is not installed or the name is no name; a TaskError, in one sentence,
    where the data set cannot be loaded (no network, no such name, no configuration chosen).
    """
    splits = _loaded(name)
    unsplit = list(splits) == _ALONE
    notes = [f"The split {split!r} of {name} was left out." for split in splits if split not in SPLITS]
    return [
        Row(f"{name}, {split}, row {number}", dict(data) if unsplit else {**data, "split": split})
        for split, rows in splits.items()
        if split in SPLITS
        for number, data in enumerate(rows, 1)
    ], notes


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            return file.read()
        found = bytearray()
        with gzip.GzipFile(fileobj=file) as stream:
            while piece := stream.read(_PIECE):
                found += piece
                if len(found) > _MOST:
                    raise TaskError(
                        f"{path} unpacks to more than {_MOST >> 20} MiB, the most that is unpacked here; unpack it "
                        "yourself, and give the path of what comes out."
                    )
        return bytes(found)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{where}: this is no JSON ({error}); give one JSON object a line.") from None


def _row(where: str, item: Any) -> Row:
    if not isinstance(item, dict):
        raise TaskError(f"{where}: a problem must be a JSON object, not {_shown(item)}.")
    return Row(where, item)


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _loaded(name: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError:
        raise MissingExtra(f"Data sets of the hub need the library datasets; {how_to_install('train')}") from None
    path, config = (name, None) if Path(name).is_dir() else _parts(name)
    try:
        return dict(datasets.load_dataset(path, config))
    except Exception as error:  # the errors of whatever library lies below
        why = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise TaskError(
            f"The data set {name!r} cannot be loaded ({why}); check its name and the network, or save it as JSON lines."
        ) from None


def _parts(name: str) -> tuple[str, str | None]:
    """Tell the configuration from the name: "owner/name/config"."""
    parts = name.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"{name!r} is no data set of the hub; write hf:OWNER/NAME or hf:OWNER/NAME/CONFIG.")
    return "/".join(parts[:2]), parts[2] if len(parts) == 3 else None

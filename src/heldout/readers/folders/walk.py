"""From a folder to the files in it that may be logs; nothing is opened that could be waited for.

What it cannot see: what stands more than five folders deep, and in hidden files and folders.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from heldout.errors import ReadError
from heldout.readers.formats import folder_reader
from heldout.readers.packing import bare
from heldout.store.layout import FINDINGS, IDS
from heldout.text import counted

# Names of files that are certainly no logs: weights, figures, code, archives, settings.
_NO_LOG = re.compile(
    r".*\.(?:safetensors|bin|ckpt|pth?|model|arrow|pkl|png|jpe?g|gif|svg|pdf|html|py|ipynb|so|zip|tar|tgz|whl|ya?ml|toml)"
    r"|(?:tokenizer_|generation_|adapter_|(?:pre)?processor_|video_preprocessor_)?config\.json|.*\.index\.json"
    r"|(?:tokenizer|special_tokens_map|added_tokens|vocab|params|swanlab-metadata)\.json|.*\.jinja"
    r"|(?:merges|requirements)\.txt|latest(?:_checkpointed_iteration\.txt)?|readme\.md|license|.*\.lock"
    r"|.*-(?:wal|shm|journal)"  # parts of databases
    # What trackers write of themselves beside the history.
    r"|debug(?:-internal|-core|-cli\..*)?\.log|wandb-(?:summary|metadata)\.json",
    re.IGNORECASE | re.DOTALL,
)
_DEEPEST = 5  # folders below the one that was named
# Files looked at in one folder: each costs about a millisecond, so that more than that is a wait that nobody wants.
MOST_FILES = 20_000
_REPORTS = re.compile(r"report(?:\.html|\.md|\.json)")
_OF_A_REPORT = b'"heldout.report/'
_OF_A_COMPARISON = b'"heldout.compare/'
_OF_A_FINDING = b'"what"'
_OF_IDS = b'"sha256:'
_OF_AN_INDEX = b" heldout</title>"
_OF_A_FLEET = b"run,path,state,label,"
_KINDS = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}


@dataclass(slots=True)
class Walk:
    """What a folder holds."""

    candidates: list[Path] = field(default_factory=list)  # files that may be logs, and folders that are one
    unseen: str = ""  # a sentence, where not all of it was looked at
    _seen: set[tuple[int, int]] = field(default_factory=set)  # folders: device and inode

    def into(self, folder: Path, depth: int = 0) -> None:
        """Look into a folder and those below it."""
        if folder_reader(folder) is not None:
            self.candidates.append(folder)
            return
        for path, is_folder in listed(folder):
            if len(self.candidates) >= MOST_FILES:
                most = counted(MOST_FILES, "file")
                self.unseen = f"Only the first {most} that may be logs were looked at, as far as {path.parent}."
                return
            if not is_folder:
                self.candidates.append(path)
            elif depth < _DEEPEST and self._is_new(path):
                self.into(path, depth + 1)

    def _is_new(self, folder: Path) -> bool:
        """Whether a folder was not looked into yet; links may lead to it again."""
        there = folder.stat()
        known = (there.st_dev, there.st_ino) in self._seen
        self._seen.add((there.st_dev, there.st_ino))
        return not known


def walked(root: Path) -> Walk:
    """Look into a folder."""
    walk = Walk()
    walk.into(root)
    return walk


def listed(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield what stands in a folder, in order of names: files that may be logs, and (True) folders."""
    own = _reported(folder)
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith(".") or is_second_name(path):
            continue
        if _is(entry, stat.S_ISDIR):
            yield path, True
        elif _is(entry, stat.S_ISREG) and not (is_no_log(path) or _is_own(path, own) or _is_packed_copy(path)):
            yield path, False


def unlisted(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield what may once have been a log, or be meant for one, and cannot be read; and why."""
    for entry in _entries(folder):
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        with suppress(OSError, RuntimeError):
            if path.is_symlink() and not path.exists():
                yield path, f"is a link to {os.readlink(path)}, which is not there."
            elif what := next((name for is_one, name in _KINDS.items() if is_one(path.stat().st_mode)), ""):
                yield path, f"is {what}, and no log."


def is_no_log(path: Path) -> bool:
    """Whether a file is certainly no log, by its name: weights, figures, settings."""
    return _NO_LOG.fullmatch(bare(path).name) is not None


def refuse_unreadable(path: Path) -> None:
    """Raise `ReadError` for what is there, but no file or folder: a pipe would be waited for, a device never ends."""
    mode = path.stat().st_mode
    what = next((name for is_one, name in _KINDS.items() if is_one(mode)), "")
    if what:
        raise ReadError(
            f"{path}: is {what}, and heldout reads files and folders, several times where it must; write the log to a "
            "file first (command > train.log) and name that."
        )


def is_second_name(path: Path) -> bool:
    """Whether an entry is a link to its neighbour, such as W&B's ``latest-run``, a folder it stands in, or nowhere."""
    if not path.is_symlink():
        return False
    try:
        target = path.resolve(strict=True)
        parent = path.parent.resolve()
    except (OSError, RuntimeError):  # a link to itself, or to what is not there
        return True
    return target.parent == parent or target in (parent, *parent.parents)


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Order names as people do: "run-9" before "run-10"."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: natural(entry.name))
    except PermissionError:
        return


def _is(entry: os.DirEntry[str], kind: Callable[[int], bool]) -> bool:
    """Whether an entry, or what it links to, is of a kind; what was deleted meanwhile is of none."""
    try:
        return kind(entry.stat().st_mode)
    except OSError:
        return False


def _reported(folder: Path) -> bool:
    """Whether heldout wrote a report into a folder."""
    return _begins_with(folder / "report.json", _OF_A_REPORT)


def _is_own(path: Path, reported: bool) -> bool:
    """Whether heldout wrote a file about a log: such files are no logs themselves."""
    if path.name == FINDINGS:
        return _begins_with(path, _OF_A_FINDING)
    if path.name.endswith(IDS):
        return _begins_with(path, _OF_IDS)
    if path.name == "compare.json":
        return _begins_with(path, _OF_A_COMPARISON)
    if path.name == "index.html":
        return _begins_with(path, _OF_AN_INDEX)
    if path.name in ("fleet.csv", "fleet.parquet"):  # the same table twice
        return _begins_with(path.with_name("fleet.csv"), _OF_A_FLEET)
    return reported and _REPORTS.fullmatch(path.name) is not None


def _is_packed_copy(path: Path) -> bool:
    """Whether a file is there unpacked as well."""
    return bare(path) != path and bare(path).exists()


def _begins_with(path: Path, words: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return words in file.read(400)
    except OSError:
        return False

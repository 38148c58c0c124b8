"""From the keys of a store, which may be anything, to files of a folder that lie nowhere else."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath

_LONGEST_PART, _LONGEST = 240, 2000  # bytes; file systems take 255 and 4096
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\\]|[\ud800-\udfff]")


def why_no_file(key: str) -> str:
    """Return why a key cannot be the name of a file below a folder; empty where it can.

    >>> why_no_file("run/metrics.jsonl"), why_no_file("run/../../x"), why_no_file("/etc/passwd")
    ('', 'leads out of its folder', 'has an empty part')
    """
    parts = key.split("/")
    if "" in parts:
        return "has an empty part"
    if "." in parts or ".." in parts:
        return "leads out of its folder"
    if _NO_NAME.search(key):
        return "holds a control character or a backslash"
    if max(map(_bytes, parts)) > _LONGEST_PART or _bytes(key) > _LONGEST:
        return "is too long"
    return ""


def clashes(keys: Collection[str], *, one_case: bool) -> dict[str, str]:
    """Return which keys cannot be files beside the others, and why: a store has no folders, and always tells case."""
    folders = {str(above) for key in keys for above in PurePosixPath(key).parents}
    found = {key: "is a folder as well" for key in keys if key in folders}
    if one_case:
        first: dict[str, str] = {}
        for key in sorted(keys):
            other = first.setdefault(key.casefold(), key)
            if other != key:
                found[key] = f"differs from {other!r} in capital letters only, which this disk does not tell apart"
    return found


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))

"""What runs are called, so that no two of them have one name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heldout.readers.folders.found import Found, Named
from heldout.readers.folders.pieces import name_in


def named(root: Path, found: Sequence[Found]) -> list[Named]:
    """Name each run by its file where a folder holds several, else by its folder; a log's own name wins."""
    names = [_name(root, one) for one in found]
    called = [one.log.name or name for one, name in zip(found, names, strict=True)]
    where = [one.folder if one.alone else one.folder / name_in(one.path) for one in found]
    told = distinct(called, where)
    several = len(found) > 1
    return [
        Named(
            name if one.log.name else other,
            replace(one.log, name=other) if one.log.name else one.log,
            one.files,
            _place(root, one) if several else None,
        )
        for one, name, other in zip(found, names, told, strict=True)
    ]


def _place(root: Path, one: Found) -> Path:
    """Return what of a folder that holds several runs is read to get this one alone."""
    return one.folder if one.alone and one.folder != root else one.path


def distinct(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Return the names; where several are equal, with as much of each path in front as tells them apart.

    >>> distinct(["run", "run", "b"], [Path("x/a/run"), Path("x/b/run"), Path("x/b")])
    ['a/run', 'b/run', 'b']
    """
    told = list(names)
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(name, []).append(number)
    for name, group in groups.items():
        if len(group) > 1:
            parts = [_above(paths[number], name) for number in group]
            for number, prefix in zip(group, _shortest(parts), strict=True):
                told[number] = f"{prefix}/{name}" if prefix else name
    return _numbered(told)


def _above(path: Path, name: str) -> tuple[str, ...]:
    parts = path.parts
    return parts[:-1] if parts and parts[-1] == name else parts


def _shortest(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return as few of the last parts of each path as make them differ, but nothing that all of them share."""
    deepest = max(map(len, paths))
    for depth in range(1, deepest + 1):
        ends = [path[-depth:] for path in paths]
        if len(set(ends)) == len(set(paths)):
            shared = 0
            while depth - shared > 1 and len({end[depth - shared - 1 :] for end in ends}) == 1:
                shared += 1
            return ["/".join(end[: len(end) - shared]).lstrip("/") for end in ends]
    return ["/".join(path).lstrip("/") for path in paths]


def _numbered(names: list[str]) -> list[str]:
    """Number the names that occur more than once still."""
    seen: set[str] = set()
    for number, name in enumerate(names):
        other, count = name, 1
        while other in seen:
            count += 1
            other = f"{name} ({count})"
        names[number] = other
        seen.add(other)
    return names


def _name(root: Path, one: Found) -> str:
    if not one.alone:
        return name_in(one.path)
    return root.resolve().name if one.folder == root else str(one.folder.relative_to(root))

"""The runs that are compared: read from paths, and chosen by their names where a log holds several."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from heldout.cli.reading import Reading
from heldout.errors import ReadError, UsageError
from heldout.text import counted, visible

if TYPE_CHECKING:
    from heldout.compare.lost import Refused
    from heldout.run import Run


class Chosen:
    """Reads paths one by one, each once; of what cannot be read it keeps why.

    Parameters
    ----------
    reading
        How logs are read.
    names
        Which runs, where a log holds several: their names, in which ``*`` stands for any characters. All if empty.
    """

    def __init__(self, reading: Reading, names: Sequence[str] = ()) -> None:
        self.refused: dict[str, str] = {}
        self.left: dict[str, str] = {}  # what of the paths is not compared, and why
        self.by_name = False  # whether a group is made of runs by their names
        self._reading, self._names = reading, dict.fromkeys(names)
        self._read: dict[str, list[Run]] = {}
        self._group: dict[str, str] = {}  # path → the recipe that it was said to be of
        self._inside: list[Path] = []  # every file of a folder that was not read
        self._found: set[str] = set()  # names that a run has
        self._known: dict[str, None] = {}  # names of all runs

    def of_paths(self, paths: Iterable[str]) -> list[Run]:
        """Return the runs of these paths, of which each may be a pattern, such as ``runs/*/seed-*``."""
        return [run for path in paths for one in _fitting(path) for run in self._one(one)]

    def of_group(self, text: str, runs: Sequence[Run]) -> tuple[str, list[Run]]:
        """Return the name of a group and its runs: a part is a path, or the name of some of these runs."""
        name, sign, parts = text.partition("=")
        told = self._parts(parts, runs)
        if not (name and sign and told):
            raise UsageError(f"--group is {text!r}; it must be NAME=PATH, or NAME=PATH,PATH with several runs.")
        return name, [run for part in told for run in self._part(name, part, runs)]

    def check(self) -> None:
        """Raise a UsageError where no run has one of the names."""
        for name in self._names:
            if name not in self._found and self._known:
                raise UsageError(f"No run is called {name!r} (--run); {self._there_are(name)}.")

    @property
    def not_read(self) -> Refused:
        """What was not read, among which may be seeds."""
        from heldout.compare.lost import Refused
        from heldout.readers.elsewhere import local
        from heldout.remote.index import shown

        folders = [str(local(path)) for path in self._read if shown(path) not in self.refused and local(path).is_dir()]
        return Refused([*self.refused], self._inside, folders, self._group, [*self._names])

    def _parts(self, text: str, runs: Sequence[Run]) -> list[str]:
        """The parts between commas; names of runs, and paths, may hold commas themselves."""
        words, names = text.split(","), {run.name for run in runs}
        parts: list[str] = []
        while words:
            whole = (",".join(words[:k]).strip() for k in range(len(words), 1, -1))
            part = next((one for one in whole if one in names or _is_there(one)), words[0])
            words = words[part.count(",") + 1 :]
            parts.append(part)
        return [part for part in parts if part]

    def _part(self, group: str, part: str, runs: Sequence[Run]) -> list[Run]:
        from heldout.compare.groups import is_called

        found = [] if _is_there(part) else [run for run in runs if is_called(run.name, part)]
        if found:
            self.by_name = True
            self._names[part] = None
            self._found.add(part)
            return found
        paths = _fitting(part)
        if runs and paths == [part] and not _is_there(part):
            told = f"--group {group} has {part!r}, which is no file, no folder and no run"
            raise UsageError(f"{told}; {self._there_are(part)}.")
        self._group |= dict.fromkeys(paths, visible(group))
        return [run for path in paths for run in self._one(path)]

    def _one(self, path: str) -> list[Run]:
        if path not in self._read:
            self._read[path] = self._chosen(path)
        return self._read[path]

    def _chosen(self, path: str) -> list[Run]:
        from heldout.compare.groups import is_called
        from heldout.readers import shown
        from heldout.readers.source import Files

        files = Files()
        try:
            runs, left = self._reading.every(path, files)
        except ReadError as error:
            self.refused[shown(path)] = str(error)
            return []
        self._inside += files.refused
        self.left |= {f"{shown(path)} ({k})" if k else shown(path): why for k, why in enumerate(left)}
        self._known |= dict.fromkeys(run.name for run in runs)
        found = {name: [run for run in runs if is_called(run.name, name)] for name in self._names}
        self._found |= {name for name, those in found.items() if those}
        if len(runs) < 2 or not self._names:
            return runs
        chosen = {id(run) for those in found.values() for run in those}
        if not chosen:
            self.left[f"{shown(path)} (--run)"] = (
                f"{shown(path)}: none of its {counted(len(runs), 'run')} is chosen by --run."
            )
        return [run for run in runs if id(run) in chosen]

    def _there_are(self, name: str) -> str:
        known = [*self._known]
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.3) or known[:4]
        return f"there are {', '.join(map(repr, near))}{' …' if len(known) > len(near) else ''}"


def _fitting(path: str) -> list[str]:
    """What fits a pattern that the shell has left; a path itself otherwise."""
    from heldout.fleet.paths import matched

    return [path] if _is_there(path) else [str(one) for one in matched(path)] or [path]


def _is_there(path: str) -> bool:
    from heldout.datasets import published
    from heldout.remote.address import address_of

    known = path.startswith(published.PREFIX) or address_of(path) is not None
    return known or os.path.lexists(os.path.expanduser(path))

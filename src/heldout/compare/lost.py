"""Seeds of which nothing can be read: they crashed before their first line, or their log is broken.

The seeds that are left are no sample of all if those that crashed are left out in silence. A lost seed is a run without
any metric. It belongs to the recipe that its settings name, else to the one whose seeds lie in places that differ from
its own in nothing but numbers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from heldout.compare.groups import Group, groups_of, is_called
from heldout.errors import HeldoutError
from heldout.readers import name_of
from heldout.readers.run_directory import recorded
from heldout.remote.index import here, shown
from heldout.run import Run
from heldout.settings import recipe_of
from heldout.store.layout import is_run

LOST = "nothing of it can be read"
_NUMBER = re.compile(r"\d+")
_OF_ONE_RUN = re.compile(r"check_?point|ckpt|step|epoch|iter", re.IGNORECASE)  # numbers that are no seeds


@dataclass(frozen=True, slots=True)
class Refused:
    """What was not read.

    Attributes
    ----------
    given
        Paths that were asked for; each may have been a seed.
    inside
        Files in `folders` that were not read; those may be anything, unless they lie as a run does.
    folders
        Folders in which runs were looked for.
    group
        Path → the recipe that it was said to be of.
    names
        What runs in the folders must be called to be compared; any name if empty.
    """

    given: Sequence[str] = ()
    inside: Sequence[Path] = ()
    folders: Sequence[str] = ()
    group: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()


def with_lost(groups: Sequence[Group], refused: Refused, by: str | None = None) -> tuple[list[Group], list[str]]:
    """Return the recipes with the seeds that were lost, and the names of those whose recipe nobody knows."""
    told = {group.name: list(group.runs) for group in groups}
    unknown: list[str] = []
    for place, owner in _lost(groups, refused).items():
        name = _name(place)
        run = Run(name, shown(place), "", {}, config=_settings(place))
        recipe = owner if owner in told else _recipe(groups, run, by)
        if recipe is not None:
            told[recipe].append(run)
        elif not tells_settings(run):
            unknown.append(name)
    return [replace(group, runs=tuple(told[group.name])) for group in groups], unknown


def is_lost(run: Run) -> bool:
    """Whether nothing of a run can be read."""
    return not run.metrics


def tells_settings(run: Run) -> bool:
    """Whether what a run has in its settings, or has not, says something: of a lost one without any nobody knows."""
    return not is_lost(run) or bool(recipe_of(run.config))


def _lost(groups: Sequence[Group], refused: Refused) -> dict[Path, str]:
    """Return the places that may be seeds of which nothing can be read, with their recipe where it was said.

    What belongs to a run that was read is none, and what is not there is none.
    """
    read = {_absolute(run.source) for group in groups for run in group.runs}
    alike = {_without_numbers(place) for place in read}
    above = {folder for place in read for folder in place.parents}
    found = {_absolute(path): refused.group.get(path, "") for path in refused.given if os.path.lexists(here(path))}
    for path in (*map(_absolute, refused.inside), *_beside(map(_absolute, refused.folders), read, above)):
        forms = [form for form in (path, *path.parents) if form not in above and form not in read]
        whole = next((form for form in forms if _without_numbers(form) in alike or is_run(form)), None)
        if whole is not None and _is_wanted(whole, refused.names) and read.isdisjoint(path.parents):
            found.setdefault(whole, "")
    return found


def _is_wanted(place: Path, names: Sequence[str]) -> bool:
    return not names or any(is_called(_name(place), name) for name in names)


def _beside(folders: Iterable[Path], read: set[Path], above: set[Path]) -> Iterator[Path]:
    """Folders that stand beside those of runs, and hold none."""
    for root in folders:
        for parent in sorted({place.parent for place in read if root in place.parents}):
            for path in sorted(parent.iterdir()):
                own = path.is_dir() and not path.is_symlink() and path not in read and path not in above
                if own and not path.name.startswith(".") and not _OF_ONE_RUN.match(path.name):
                    yield path


def _recipe(groups: Sequence[Group], run: Run, by: str | None) -> str | None:
    """The recipe that a lost seed is of, where one alone comes into question."""
    found = [group for group in groups if _is_one_recipe([*group.runs, run], by)]
    if len(found) != 1 and (found or not run.config):
        found = [group for group in found or groups if _lies_as(run, group)]
    return found[0].name if len(found) == 1 else None


def _lies_as(run: Run, group: Group) -> bool:
    """Whether a run lies where seeds of a recipe do, but for numbers; of a single run nobody knows what they are."""
    places = {_without_numbers(_absolute(one.source)) for one in group.runs}
    return len(group) > 1 and _without_numbers(_absolute(run.source)) in places


def _is_one_recipe(runs: Sequence[Run], by: str | None) -> bool:
    try:
        return len(groups_of(runs, by)) == 1
    except HeldoutError:  # none has the setting that tells recipes apart
        return False


def _settings(place: Path) -> Mapping[str, object]:
    """What a run that heldout records says of itself before its first line."""
    try:
        return recorded(place).config if is_run(place) else {}
    except HeldoutError:
        return {}


def _name(place: Path) -> str:
    return place.name if place.is_dir() else name_of(place)


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(here(str(path)))))


def _without_numbers(place: Path) -> str:
    return _NUMBER.sub("#", shown(place))

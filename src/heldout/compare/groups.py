"""Which runs are seeds of one recipe?

By their settings: runs whose settings are the same but for the seed, names, places and times (`settings.recipe_of`)
are one recipe. A user may say otherwise, by a setting or by naming the runs of a group.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, takewhile
from pathlib import PurePath

from heldout.errors import UsageError
from heldout.run import Run
from heldout.settings import all_settings, as_compared, recipe_of
from heldout.text import shared_beginning, visible

NOT_SET = "(not set)"
BY_SETTINGS, BY_NAME = "same settings but for the seed", "names that differ in the seed alone"
_SEED_IN_NAME = re.compile(r"[-_.]?seed[-_=]?(\d+)", re.IGNORECASE)
_SEPARATORS = " -_./(,"
_OTHER_SEEDS = frozenset(
    {"data", "dataset", "env", "environment", "eval", "evaluation", "val", "test", "split", "shuffle", "sampling"}
    | {"sampler", "generation", "rollout", "vllm"}
)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one recipe, which differ in their seed.

    Attributes
    ----------
    name
        What the recipe is called: what the names of its runs share, or as the user said.
    runs
        Its runs, in the given order; no run is there twice.
    by
        How they were found to belong together, in words.
    """

    name: str
    runs: tuple[Run, ...]
    by: str = ""

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def seeds(self) -> tuple[str, ...]:
        """The seed of every run, empty where it is not known."""
        return seeds_in(self.runs)


def groups_of(
    runs: Sequence[Run], by: str | None = None, named: Mapping[str, Sequence[Run]] | None = None
) -> list[Group]:
    """Return the recipes that runs are seeds of, in the order of their first runs.

    Parameters
    ----------
    runs
        Any runs. Those whose log carries no settings are one recipe only where their names differ in nothing but a
        number after "seed".
    by
        The setting that tells recipes apart; runs without it are the group "(not set)".
    named
        Name → runs of a group that the user named; these come first, and are looked for in `runs` no more.

    Raises
    ------
    UsageError
        When no run has the setting `by`, or a run is in two named groups.
    """
    chosen = _named(named or {})
    taken = {id(run) for group in chosen for run in group.runs}
    left = [run for run in _each_once(runs) if id(run) not in taken]
    found = _by_setting(left, by) if by is not None else _all_but_seed(left)
    return _told_apart([*chosen, *found])


def is_called(name: str, wanted: str) -> bool:
    """Whether a run of this name is wanted: it is its name, or fits it, where ``*`` stands for any characters."""
    return name == wanted or fnmatch.fnmatchcase(name, wanted)


def one_each(group: Group) -> list[Group]:
    """Return the runs of a recipe as groups of their own, to be compared seed by seed."""
    return _told_apart([Group(visible(run.name), (run,)) for run in group.runs])


def seeds_in(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the seed of each run of a recipe: by the setting that tells most of them apart, else by their names.

    Of several such settings that of the training counts before those of data, environments and evaluations.
    """
    settings = [all_settings(run.config) for run in runs]
    keys = sorted({key for one in settings for key in one if _ends(key) in ("seed", "seeds")}, key=_how_near)
    names = [found[1] if (found := _SEED_IN_NAME.search(run.name)) else "" for run in runs]
    if not keys:
        return tuple(names)
    telling = max(keys, key=lambda key: len({one.get(key) for one in settings}))
    return tuple(one.get(telling, name) for one, name in zip(settings, names, strict=True))


def _ends(key: str) -> str:
    return re.split(r"[/_.-]", key.lower())[-1]


def _how_near(key: str) -> tuple[bool, int, str]:
    """How near a seed is to that of the training."""
    words = set(re.split(r"[/_.-]", key.lower()))
    return bool(words & _OTHER_SEEDS), len(key), key


def _named(named: Mapping[str, Sequence[Run]]) -> list[Group]:
    seen: dict[int, str] = {}
    for name, runs in named.items():
        for run in runs:
            if seen.setdefault(id(run), name) != name:
                raise UsageError(f"The run {run.name!r} is in the groups {seen[id(run)]!r} and {name!r}; name it once.")
    return [Group(visible(name), tuple(_each_once(runs)), "as named") for name, runs in named.items() if runs]


def _each_once(runs: Iterable[Run]) -> list[Run]:
    """Leave out a run that is given again: counted twice it would be taken for two seeds."""
    return list({(_place(run.source), run.name): run for run in reversed(list(runs))}.values())[::-1]


def _place(source: str) -> str:
    """Where a source lies, however it is written; what is no path stays as it is."""
    try:
        return os.path.realpath(source)
    except (OSError, ValueError):
        return source


def _by_setting(runs: Sequence[Run], key: str) -> list[Group]:
    name = key.replace(".", "/")
    values = [{one: as_compared(text) for one, text in all_settings(run.config).items()} for run in runs]
    found = [value.get(key, value.get(name)) for value in values]
    if runs and not any(found):
        known = sorted({key for value in values for key in value})
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.3) or known[:6]
        has = f"they have {', '.join(near)}" if near else "their logs carry no settings"
        raise UsageError(f"No run has the setting {key!r}; {has}.")
    parts: dict[str, list[Run]] = {}
    for run, value in zip(runs, found, strict=True):
        parts.setdefault(NOT_SET if value is None else f"{key}={value}", []).append(run)
    return [Group(name, tuple(part), f"by {key}") for name, part in parts.items()]


def _all_but_seed(runs: Sequence[Run]) -> list[Group]:
    parts: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        parts.setdefault(_recipe_key(run), []).append(run)
    return [Group(_name(part), tuple(part), _how(part)) for part in parts.values()]


def _recipe_key(run: Run) -> tuple[str, ...]:
    """What is equal in all seeds of a recipe; without settings that is the name, and the place, without the seed."""
    recipe = recipe_of(run.config)
    if recipe:
        return ("", *(f"{key}={value}" for key, value in sorted(recipe.items())))
    without, found = _SEED_IN_NAME.subn("", run.name)
    return (without, _SEED_IN_NAME.sub("", run.source)) if found else (run.name, run.source)


def _how(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return ""
    return BY_SETTINGS if recipe_of(runs[0].config) else BY_NAME


def _name(runs: Sequence[Run]) -> str:
    """What the names of its runs share, up to the last separator; of one run its name."""
    if len(runs) == 1:
        return visible(runs[0].name)
    without = {_SEED_IN_NAME.sub("", run.name) for run in runs}
    shared = without.pop() if len(without) == 1 else _begin([run.name for run in runs])
    return visible(shared.strip(_SEPARATORS)) or visible(runs[0].name)


def _begin(names: Sequence[str]) -> str:
    """What names begin with, up to a separator: "ppo-1" and "ppo-12" share "ppo-"."""
    shared = shared_beginning(names)
    ends = {name[len(shared) : len(shared) + 1] for name in names}
    whole = shared[-1:] in _SEPARATORS or ends <= set(_SEPARATORS) | {""}
    return shared if whole else shared[: max(map(shared.rfind, _SEPARATORS)) + 1] or shared


def _told_apart(groups: Sequence[Group]) -> list[Group]:
    """Give groups of one name the folders in which they lie, or numbers where those are one as well."""
    names = [group.name for group in groups]
    for name in [name for name, times in Counter(names).items() if times > 1]:
        alike = [k for k, group in enumerate(groups) if group.name == name]
        for k, place in zip(alike, _folders([groups[k].runs for k in alike]), strict=True):
            names[k] = f"{place}{name}"
    unique = {name for name, times in Counter(names).items() if times == 1}
    taken = set(unique)
    told: list[Group] = []
    for group, name in zip(groups, names, strict=True):
        free = name if name in unique else next(one for one in _numbered(name) if one not in taken)
        taken.add(free)
        told.append(replace(group, name=free))
    return told


def _shared_place(places: Sequence[tuple[str, ...]]) -> list[str]:
    return [part[0] for part in takewhile(lambda part: len(set(part)) == 1, zip(*places, strict=False))]


def _numbered(name: str) -> Iterator[str]:
    return chain([name], (f"{name} ({number})" for number in count(2)))


def _folders(groups: Sequence[Sequence[Run]]) -> list[str]:
    """The last folder that each has for itself, with a slash; nothing where any two have none of their own."""
    parts = [_shared_place([PurePath(run.source).parts for run in runs]) for runs in groups]
    while all(parts) and len({part[-1] for part in parts}) == 1:
        parts = [part[:-1] for part in parts]
    last = [visible(f"{part[-1]}/") if part else "" for part in parts]
    return last if all(last) and len(set(last)) == len(last) else [""] * len(last)

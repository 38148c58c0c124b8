"""A comparison without what says whose runs they are: recipes are A, B, C, their runs A1, A2.

Texts are taken out of the settings before anything is compared, so that no sentence can hold them; what was equal stays
equal, and what differed goes on to differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from heldout.anonymous import Anonymous, Letters, anonymous, letter, masked
from heldout.compare.groups import Group
from heldout.compare.model import Comparison, Member, Part, Recipe
from heldout.run import Run
from heldout.settings import all_settings, recipe_of

_HIDDEN = "…"
_AS_THEY_ARE = ("figure", "versions")  # of which no value is shown
_ID = re.compile(r"[\w./:#@+-]{1,60}")  # a problem's name that is no text


class Lettered:
    """Recipes under letters, and what was taken out of all of them."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.letters = Letters()
        self.names = {group.name: letter(k) for k, group in enumerate(groups)}
        self._left_out: set[str] = set()
        self._shown: dict[tuple[str, str], str] = {}  # what is shown of a setting, and its value → a text of its own
        bare = [[self._bare(run, own) for run, own in self._called(group)] for group in groups]
        self.groups = [self._lettered(group, each) for group, each in zip(groups, bare, strict=True)]
        self.letters.settings |= dict.fromkeys(sorted(self._left_out))

    def bare(self, found: Comparison) -> Comparison:
        """Return the comparison of these groups without places, and without settings and problems that tell."""
        removed = self.letters.removed
        return replace(
            found,
            recipes=tuple(map(_without_places, found.recipes)),
            differs={key: values for key, values in found.differs.items() if key not in self._left_out},
            problems=tuple(map(_without_problems, found.problems)),
            notes=tuple(masked(note, removed) for note in found.notes),
            unread={f"log {k}": f"log {k} was not read" for k, _ in enumerate(found.unread, 1)},
            quote="",
        )

    def _lettered(self, group: Group, bare: Sequence[Anonymous]) -> Group:
        runs = map(self._without_texts, group.runs, bare, group.seeds)
        return replace(group, name=self.names[group.name], runs=tuple(runs))

    def _called(self, group: Group) -> list[tuple[Run, str]]:
        name = self.names[group.name]
        return [(run, name if len(group) == 1 else f"{name}{k}") for k, run in enumerate(group.runs, 1)]

    def _bare(self, run: Run, own: str) -> Anonymous:
        """The run under its letter; what is taken out of it is taken out of all."""
        bare = anonymous(run, own)
        self.letters.names[own] = f"{run.name} ({run.source})"
        self.letters.removed |= dict.fromkeys(bare.removed)
        self._left_out |= set(bare.settings)
        return bare

    def _without_texts(self, run: Run, bare: Anonymous, seed: str) -> Run:
        """The run without names and texts; it keeps its seed, and its place, which tells whether it goes on."""
        whole = all_settings(run.config) | recipe_of(run.config)
        config: dict[str, object] = {key: self._told(key, text, bare.run.config) for key, text in whole.items()}
        if seed:
            config["seed"] = seed  # which only the name may have had
        if run.config.get("git"):
            config["git"] = self._as("git", _HIDDEN, str(run.config["git"]))
        kept = {key: run.config[key] for key in _AS_THEY_ARE if key in run.config}
        return replace(run, name=bare.run.name, config=config | kept, notes=bare.run.notes)

    def _told(self, key: str, text: str, kept: Mapping[str, object]) -> str:
        shown = str(kept.get(key, _HIDDEN))
        if any(secret.lower() in shown.lower() for secret in self.letters.removed):
            shown = _HIDDEN
        if shown == _HIDDEN:
            self._left_out.add(key)
        return self._as(key, shown, text)

    def _as(self, key: str, shown: str, text: str) -> str:
        """What is shown of a value, with a number where another value of this setting looks the same."""
        alike = [value for (setting, value), said in self._shown.items() if setting == key and _first(said) == shown]
        number = "" if not alike else f" ({len(alike) + 1})"
        return self._shown.setdefault((key, text), f"{shown}{number}")


def _first(shown: str) -> str:
    return re.sub(r" \(\d+\)$", "", shown)


def _without_places(recipe: Recipe) -> Recipe:
    def bare(member: Member) -> Member:
        return replace(member, source=member.name)

    return replace(recipe, by=recipe.by if recipe.by != "as named" else "", members=tuple(map(bare, recipe.members)))


def _without_problems(part: Part) -> Part:
    """Problems whose names are texts are numbered."""
    told = [name if _ID.fullmatch(name) else f"problem {k}" for k, name in enumerate((*part.sure_a, *part.sure_b), 1)]
    middle = len(part.sure_a)
    return replace(part, sure_a=tuple(told[:middle]), sure_b=tuple(told[middle:]))

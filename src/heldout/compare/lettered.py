"""A comparison without what says whose runs they are: recipes are A, B, C, their runs A1, A2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from heldout.anonymous import Letters, anonymous, letter, masked
from heldout.compare.groups import Group
from heldout.compare.model import Checked, Comparison, Member, Recipe


class Lettered:
    """Recipes under letters, and what was taken out of all of them."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.letters = Letters()
        self._left_out: set[str] = set()
        self.names = {group.name: letter(k) for k, group in enumerate(groups)}
        self.groups = [self._lettered(group) for group in groups]

    def bare(self, found: Comparison) -> Comparison:
        """Return the comparison of these groups without places, texts and settings that tell."""
        removed = self.letters.removed
        return replace(
            found,
            recipes=tuple(map(_without_places, found.recipes)),
            differs={key: values for key, values in found.differs.items() if key not in self._left_out},
            fingerprint=tuple(self._checked(one) for one in found.fingerprint),
            notes=tuple(masked(note, removed) for note in found.notes),
            unread={f"log {k}": masked(why, removed) for k, why in enumerate(found.unread.values(), 1)},
            quote="",
        )

    def _lettered(self, group: Group) -> Group:
        """The group under its letter; its runs keep their places, which tell whether they go on."""
        name = self.names[group.name]
        runs = []
        for k, run in enumerate(group.runs):
            own = name if len(group) == 1 else f"{name}{k + 1}"
            bare = anonymous(run, own)
            self.letters.names[own] = f"{run.name} ({run.source})"
            self.letters.removed |= dict.fromkeys(bare.removed)
            self.letters.settings |= dict.fromkeys(bare.settings)
            self._left_out |= set(bare.settings)
            runs.append(replace(run, name=own))
        return replace(group, name=name, runs=tuple(runs))

    def _checked(self, one: Checked) -> Checked:
        """A condition of evaluation; a prompt may hold anything, and its text is left out."""
        return replace(one, text="" if one.name == "prompt" else masked(one.text, self.letters.removed))


def _without_places(recipe: Recipe) -> Recipe:
    def bare(member: Member) -> Member:
        return replace(member, source=member.name)

    return replace(recipe, by=recipe.by if recipe.by != "as named" else "", members=tuple(map(bare, recipe.members)))

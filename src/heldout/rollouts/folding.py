"""Answers that are alike become one group: what was written how often, since when, and for how many problems.

Answers are only alike within what the two judges say of them, and within the trick that their name says. Texts are
read in a stream; of each answer two numbers are kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rapidfuzz import fuzz, process

from heldout.rollouts.keys import is_program, layout_key, outside, skeleton, tree_key_of
from heldout.rollouts.rollout import Rollouts
from heldout.stats.arrays import IntArray

Name = Callable[[str, str], str]  # answer, and how it failed the hidden tests → the trick; empty for none

OUTCOMES = ("passes", "fails", "not judged")
PAID = (False, True, None)  # whether an answer is rewarded; None where it has no reward
_LISTED = 200  # groups that are told of one by one
_TREES = 10_000  # the commonest kinds whose trees are compared; a tree costs as much as several skeletons
_SIMILAR = 3_000  # the commonest groups that are compared with each other
_RATIO = 80.0  # of the tokens that two similar answers share, and of what they use of the outside
_NEAREST = 5  # groups that one is compared with in what it uses of the outside
_TOKENS = 2_000  # of an answer that are compared
_HELD = 64 * 1024  # characters of a text that are kept


@dataclass(frozen=True, slots=True)
class Group:
    """Answers that are alike."""

    rewarded: bool | None  # None where no reward is known
    hidden: str  # what the hidden tests say: one of `OUTCOMES`
    name: str  # of the trick; empty where none is known
    text: str  # the commonest of its texts, its first 65 536 characters
    length: int  # characters of that text, in all
    row: int  # where it was first written
    count: int  # answers that were kept
    weight: float  # answers that were given, by the chances of having been kept, or judged where tests speak of them
    texts: int  # different ones, layout aside
    problems: int  # that are answered
    first_step: int
    last_step: int

    @property
    def hacked(self) -> bool:
        """Whether they are rewarded and fail the hidden tests."""
        return bool(self.rewarded) and self.hidden == "fails"


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """Answers as groups, the commonest first."""

    groups: tuple[Group, ...]  # the commonest of them
    total: int  # how many there are, also of those that are not listed
    rows: IntArray  # shape (N,): which answers were folded
    of: IntArray  # shape (N,): the group of each


def fold(
    rollouts: Rollouts, rows: Sequence[int] | IntArray | None = None, names: Name | None = None, most: int = _LISTED
) -> Folded:
    """Which different answers were given, and how often?

    Two answers are alike if their texts are the same but for layout; or their tokens, but for own names, numbers and
    comments; or their syntax trees (of the 10 000 commonest); or if programs share 80 % of their tokens and of what
    they use of the outside (of the 3 000 commonest). An answer that was rewarded is never alike one that was not, one
    that fails the hidden tests one that passes them, one that is named one that is not.

    `rows` are those to fold, all if not given. `names` names the trick of an answer that was rewarded and is not known
    to pass; it is asked of the commonest text of each of the 10 000 commonest kinds. `most` groups are told of.

    What it cannot see: whether two programs that are written differently do the same.
    """
    chosen = np.arange(len(rollouts)) if rows is None else np.asarray(rows, dtype=np.int64)
    if not chosen.size:
        return Folded((), 0, chosen, chosen)
    layout, kind = _keys(rollouts, chosen)
    judged = _judged(rollouts, chosen)
    kinds = np.unique(kind * (len(PAID) * len(OUTCOMES)) + judged, return_inverse=True)[1]
    merged, named = _merged(rollouts, chosen, kinds, layout, names)
    return _listed(rollouts, chosen, merged[kinds], layout, named, most)


def _judged(rollouts: Rollouts, chosen: IntArray) -> IntArray:
    """What the two judges say of each answer, as a number below 9: its place in `PAID`, then in `OUTCOMES`."""
    failed = rollouts.failed[chosen]
    hidden = np.where(np.isnan(failed), 2, failed).astype(np.int64)
    paid = np.where(rollouts.priced[chosen], rollouts.rewarded[chosen].astype(np.int64), PAID.index(None))
    return np.asarray(hidden + len(OUTCOMES) * paid)


def _keys(rollouts: Rollouts, chosen: IntArray) -> tuple[IntArray, IntArray]:
    """Return a number for the layout and one for the skeleton of each answer: equal where these are, shape (N,)."""
    known: dict[int, int] = {}
    layouts, kinds = array("q"), array("q")
    for _, text in rollouts.texts.read(chosen.tolist()):
        layout = hash(layout_key(text))
        kind = known.get(layout)
        if kind is None:
            kind = known[layout] = hash(skeleton(text))
        layouts.append(layout)
        kinds.append(kind)
    return _numbered(layouts), _numbered(kinds)


def _numbered(hashes: array[int]) -> IntArray:
    return np.unique(np.frombuffer(hashes, dtype=np.int64), return_inverse=True)[1]


def _commonest(of: IntArray, layout: IntArray) -> IntArray:
    """Where the commonest text of each kind is first written, shape (K,); the first of several that are as common."""
    _, first, count = np.unique(of * (layout.max() + 1) + layout, return_index=True, return_counts=True)
    order = np.lexsort((first, -count, of[first]))
    starts = np.unique(of[first][order], return_index=True)[1]
    return np.asarray(first[order][starts])


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of a kind of answers by its commonest text."""

    name: str
    tree: str
    tokens: str  # a character for each token; empty where it is no program
    outside: str


def _merged(
    rollouts: Rollouts, chosen: IntArray, kinds: IntArray, layout: IntArray, names: Name | None
) -> tuple[IntArray, dict[int, str]]:
    """Return the group of each kind, shape (K,), and the names of groups that have one."""
    first, count = _commonest(kinds, layout), np.bincount(kinds)
    judged = _judged(rollouts, chosen[first])
    order = np.lexsort((first, -count))
    common = order[:_TREES]
    group = np.arange(len(count))
    alike: dict[tuple[int, str, str], int] = {}
    seen = dict(_read(rollouts, chosen, common, first, judged, names))
    for place in common.tolist():
        if seen[place].tree:
            group[place] = alike.setdefault((int(judged[place]), seen[place].name, seen[place].tree), place)
    size = np.bincount(group, count, len(count))
    heads = [place for place in common.tolist() if group[place] == place]
    heads.sort(key=lambda place: -size[place])
    near = _similar(heads[:_SIMILAR], judged, seen)
    group = np.array([near.get(place, place) for place in group.tolist()])
    return group, {place: kind.name for place, kind in seen.items() if kind.name}


def _read(
    rollouts: Rollouts, chosen: IntArray, common: IntArray, first: IntArray, judged: IntArray, names: Name | None
) -> Iterator[tuple[int, _Kind]]:
    """Yield each of the commonest kinds with what is known of it by its text; texts are read in their order."""
    written: dict[str, str] = {}

    def characters(tokens: Sequence[str]) -> str:
        plain = ("$" if token[0] == "$" else token for token in tokens[:_TOKENS])
        return "".join(written.setdefault(token, chr(0x20000 + len(written) % 0xE0000)) for token in plain)

    places = common[np.argsort(first[common])]
    rows = chosen[first[places]].tolist()
    for place, row, (_, text) in zip(places.tolist(), rows, rollouts.texts.read(rows), strict=True):
        asked = names is not None and PAID[judged[place] // len(OUTCOMES)] and judged[place] % len(OUTCOMES) > 0
        name = names(text, rollouts.kind[row]) if names and asked else ""
        bare = skeleton(text)
        tokens = bare.split() if is_program(bare) else []
        yield place, _Kind(name, tree_key_of(text) or "", characters(tokens), characters(outside(bare)))


def _similar(heads: Sequence[int], judged: IntArray, seen: dict[int, _Kind]) -> dict[int, int]:
    """Return for each group the commonest one that it is similar to, itself for most."""
    found: dict[int, int] = {}
    leaders: dict[tuple[int, str], dict[int, str]] = {}
    for place in heads:
        kind = seen[place]
        known = leaders.setdefault((int(judged[place]), kind.name), {})
        nearest = process.extract(kind.tokens, known, scorer=fuzz.ratio, score_cutoff=_RATIO, limit=_NEAREST)
        like = (
            other for *_, other in nearest if kind.tokens and fuzz.ratio(kind.outside, seen[other].outside) >= _RATIO
        )
        found[place] = next(like, place)
        if kind.tokens and found[place] == place:
            known[place] = kind.tokens
    return found


def _listed(
    rollouts: Rollouts, chosen: IntArray, group: IntArray, layout: IntArray, named: dict[int, str], most: int
) -> Folded:
    """Number the groups by how many answers were given, and describe the first of them."""
    places, of = np.unique(group, return_inverse=True)
    chance = np.where(np.isnan(rollouts.hidden), rollouts.kept_with, rollouts.judged_with)
    given = 1.0 / chance[chosen]
    weight, first = np.bincount(of, given), _commonest(of, layout)
    order = np.lexsort((first, -weight))
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    of = rank[of]
    top = order[:most]
    judged = _judged(rollouts, chosen[first[top]])
    steps, problems = rollouts.step[chosen], rollouts.problem[chosen]
    texts = _texts(rollouts, chosen[first[top]])
    members = _members(of, len(top))
    groups = tuple(
        Group(
            rewarded=PAID[judged[one] // len(OUTCOMES)],
            hidden=OUTCOMES[judged[one] % len(OUTCOMES)],
            name=named.get(int(places[top[one]]), ""),
            text=texts[one][0],
            length=texts[one][1],
            row=int(chosen[first[top[one]]]),
            count=len(rows),
            weight=float(weight[top[one]]),
            texts=len(np.unique(layout[rows])),
            problems=len(np.unique(problems[rows])),
            first_step=int(steps[rows].min()),
            last_step=int(steps[rows].max()),
        )
        for one, rows in enumerate(members)
    )
    return Folded(groups, len(order), chosen, of)


def _members(of: IntArray, most: int) -> list[IntArray]:
    """Return the members of each of the first groups."""
    order = np.argsort(of, kind="stable")
    ends = np.searchsorted(of[order], np.arange(most + 1))
    return [order[low:high] for low, high in pairwise(ends.tolist())]


def _texts(rollouts: Rollouts, rows: IntArray) -> list[tuple[str, int]]:
    """Return the beginning of each text and its length, reading them in the order in which they lie."""
    order = np.argsort(rows)
    found = [("", 0)] * len(rows)
    for place, (_, text) in zip(order.tolist(), rollouts.texts.read(rows[order].tolist()), strict=True):
        found[place] = text[:_HELD], len(text)
    return found

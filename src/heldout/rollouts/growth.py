"""Which kinds of answers did the policy take up between two stretches of training?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heldout.rollouts.folding import Folded, Group, Name, fold
from heldout.rollouts.rollout import Rollouts
from heldout.stats.arrays import FloatArray, IntArray
from heldout.stats.log_odds import log_odds

GROWN_FROM = 3.0  # standard errors of the log-odds, below which nothing is called grown
_FEWEST = 5  # answers after, below which nothing is


@dataclass(frozen=True, slots=True)
class Growth:
    """A kind of answers, before and after."""

    group: Group  # of both stretches together
    before: int  # answers that were kept
    after: int
    share_before: float  # of the answers that were given, by the chances of having been kept
    share_after: float
    z: float  # difference of the log-odds over its standard error

    @property
    def grew(self) -> bool:
        """Whether that is more than a few answers by chance."""
        return self.z >= GROWN_FROM and self.after >= _FEWEST


def growth(
    rollouts: Rollouts, before: IntArray, after: IntArray, names: Name | None = None, most: int = 200
) -> tuple[Growth, ...]:
    """Which kinds of answers grew most from one stretch to another?

    `before` and `after` are rows. Returns the `most` commonest kinds of both together, those that grew most first; see
    `heldout.stats.log_odds` for the measure. Answers that stand for many count as many as say as much (Kish), and never
    for more than were seen.

    Assumes that both stretches had problems of the same kind: a kind of answers that only suits some problems grows
    when these come up.
    """
    folded = fold(rollouts, np.concatenate([before, after]), names, most)
    later = np.repeat([False, True], [len(before), len(after)])
    sides = [_side(rollouts, folded, chosen) for chosen in (~later, later)]
    z = log_odds(sides[0].said, sides[1].said)
    found = [
        Growth(group, int(sides[0].kept[one]), int(sides[1].kept[one]), float(sides[0].share[one]),
               float(sides[1].share[one]), float(z[one]))
        for one, group in enumerate(folded.groups)
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: -one.z))


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    kept: IntArray  # answers of each group, shape (K,)
    share: FloatArray
    said: FloatArray  # counts that say as much as the weighted answers do


def _side(rollouts: Rollouts, folded: Folded, chosen: FloatArray) -> _Side:
    of = folded.of[chosen]
    weight = 1.0 / rollouts.kept_with[folded.rows[chosen]]
    total = float(weight.sum())
    share = np.bincount(of, weight, folded.total) / (total or 1.0)
    kish = total**2 / float(weight @ weight) if of.size else 0.0
    kept = np.bincount(of, minlength=folded.total)
    return _Side(kept, share, np.minimum(share * kish, kept))

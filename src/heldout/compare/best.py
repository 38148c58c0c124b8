"""Which of three or more recipes may be the best: a set, and never a rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heldout.compare.differences import conditions
from heldout.compare.fingerprint import differences_of, fingerprint
from heldout.compare.members import Side
from heldout.compare.outcomes import points, table
from heldout.stats.best import BestSet, best_set

_FEWEST = 3  # recipes


def best_of(sides: Sequence[Side], at: str) -> BestSet | None:
    """Return which of the sides cannot be told from the best one, and how good each is without the luck of the highest.

    None with two recipes, where single problems are not known, or where they were not evaluated alike.
    """
    own = points(sides, at) if len(sides) >= _FEWEST else None
    if own is None:
        return None
    rows = [[point.outcomes for point in side] for side in own]
    known = [[row for row in side if row is not None] for side in rows]
    if any(len(one) < len(every) for one, every in zip(known, rows, strict=True)):
        return None
    if differences_of(fingerprint([conditions(side, each) for side, each in zip(sides, own, strict=True)])):
        return None
    shares = table([row for side in known for row in side])[1]
    parts, begin = [], 0
    for side in known:
        parts.append(shares[begin : begin + len(side)])
        begin += len(side)
    luck = [float(np.mean([point.shift for point in side])) for side in own]
    return best_set(parts, shift=luck)

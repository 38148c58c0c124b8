"""Do two columns hold one measurement?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heldout.stats.arrays import floats
from heldout.stats.correlation import pearson

_FEWEST = 6  # values: of fewer, independent ones agree by chance
_ALIKE = 0.95  # scores of one run share their course; copies share their noise as well


def near_copy(one: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    """Is one series the other but for its unit, its rounding or a little noise?

    The levels correlate above 0.95, and so do the changes from value to value: two benchmarks that a run improves
    alike pass the first test, and only what has the same noise passes the second.

    `one` and `other` have shape (n,), measured at the same times; a negative factor between them makes no copy.
    False below six values, and where a series never moves.

    What it cannot see: two samplings of one problem set, whose noise is their own.
    """
    x, y = floats(one), floats(other)
    if len(x) < _FEWEST or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return False
    return min(pearson(x, y), pearson(np.diff(x), np.diff(y))) > _ALIKE

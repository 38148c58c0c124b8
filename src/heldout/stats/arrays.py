"""The array types of this floor, and how a long series becomes a bounded one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def floats(values: npt.ArrayLike) -> FloatArray:
    """Give `values` as a float64 array."""
    return np.asarray(values, dtype=np.float64)

"""The array types of this floor, and how a long series becomes a bounded one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_T = TypeVar("_T", bound=np.generic)


_LOOKED_BACK = 8  # arrays that a further one may repeat


def union(several: Iterable[IntArray]) -> IntArray:
    """Which whole numbers are in any of several arrays? Increasing, each once.

    Of many that are one and the same, as the steps of the metrics of a log mostly are, one is looked at.
    """
    different: list[IntArray] = []
    for one in several:
        if len(one) and not any(np.array_equal(one, other) for other in different[-_LOOKED_BACK:]):
            different.append(one)
    return np.unique(np.concatenate(different)) if different else np.empty(0, dtype=np.int64)


def floats(values: npt.ArrayLike) -> FloatArray:
    """Give `values` as a float64 array."""
    return np.asarray(values, dtype=np.float64)


def scaled(values: FloatArray) -> tuple[FloatArray, float]:
    """Give values over a power of two, such that the largest is between 0.5 and 1, and that power.

    Squares of the result neither overflow nor vanish, and it has the same digits. Values that are all 0 stay as they
    are.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    power = min(max(math.frexp(largest)[1], -1021), 1023) if math.isfinite(largest) else 0
    return floats(np.ldexp(values, -power)), math.ldexp(1.0, power)


class Buffer(Generic[_T]):
    """An array to whose first axis one appends; what was returned before stays what it was, and so does `start`."""

    def __init__(self, start: npt.NDArray[_T]) -> None:
        self._array, self._size = start, len(start)

    def __len__(self) -> int:
        return self._size

    def extend(self, values: npt.ArrayLike) -> None:
        """Append values."""
        new = np.asarray(values, dtype=self._array.dtype)
        end = self._size + len(new)
        if end > len(self._array):
            larger = np.empty((2 * end, *self._array.shape[1:]), dtype=self._array.dtype)
            larger[: self._size] = self._array[: self._size]
            self._array = larger
        self._array[self._size : end] = new
        self._size = end

    @property
    def values(self) -> npt.NDArray[_T]:
        """Everything so far, not to be written to."""
        view = self._array[: self._size]
        view.flags.writeable = False
        return view

    def copy(self) -> Buffer[_T]:
        """Return a buffer to which one may append without changing this one."""
        return Buffer(self.values)

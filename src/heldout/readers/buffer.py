"""Arrays that grow at their end, for logs that do."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

_T = TypeVar("_T", bound=np.generic)


class Buffer(Generic[_T]):
    """An array to whose first axis one appends; what was returned before stays what it was.

    Parameters
    ----------
    start
        What is in it at first; copied when something is appended.
    """

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

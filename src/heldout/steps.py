"""What a training step is: an integer that counts from 0."""

from __future__ import annotations

import operator
from typing import Any

from heldout.errors import UsageError

STEP_LIMIT = 2**62  # steps are below it: a larger one fits no 64-bit integer once an interval is added


def is_step(value: Any) -> bool:
    """Whether a value that was read is a training step: an integer from 0, so small that two can be added."""
    return type(value) is int and 0 <= value < STEP_LIMIT


def checked_step(step: Any) -> int:
    """Return a training step, of whichever integer type it is.

    A TypeError where it is no integer; a UsageError where it is below 0, or no 64-bit integer.
    """
    number = operator.index(step)
    if not is_step(number):
        raise UsageError(f"a step is {number}, but steps count from 0")
    return number

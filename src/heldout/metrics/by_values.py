"""What the values of a column say against its name, or of where it was measured: beside a loss, or as mere counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from heldout.metrics.keys import Side, words_of
from heldout.metrics.meanings import meaning_of, means, says_no_score
from heldout.stats.arrays import FloatArray, IntArray

OF_POLICIES = frozenset({"policy", "pg", "actor", "critic", "surrogate", "value", "vf"})  # what a loss is of, in RL
_OF_BATCHES = frozenset({"train", "batch", "mean"})  # a bare loss may be of the evaluation
_HOTTEST = 2.0  # temperatures that anybody samples with
_FEWEST_COUNTED = 3  # whole numbers that are equally far apart
_FEWEST_STILL = 5  # values that are all the same


class Measured(Protocol):
    """A column: its steps and values."""

    @property
    def step(self) -> IntArray:
        """Steps, increasing."""

    @property
    def value(self) -> FloatArray:
        """Values, as many."""


def no_lengths(columns: Mapping[str, Measured]) -> frozenset[str]:
    """Return columns that hardly say to be lengths, and whose values speak against it: T is a temperature as well, and
    a bare "length" that never moves may be of a batch.
    """
    lengths = [key for key in columns if len(columns[key].value) and means(key, ("length",))]
    small = (key for key in lengths if len(key) == 1 and columns[key].value.max() <= _HOTTEST)
    bare = (key for key in lengths if [word.text for word in words_of(key)] == ["length"])
    return frozenset((*small, *(key for key in bare if _never_moves(columns[key].value))))


def counters(columns: Mapping[str, Measured]) -> frozenset[str]:
    """Return columns of an evaluation that only count it: they say nothing of a score, and go up evenly."""
    return frozenset(key for key, column in columns.items() if says_no_score(key) and _counts(column.value))


def with_a_loss(columns: Mapping[str, Measured]) -> dict[str, str]:
    """Return each column that stands on the same rows as a loss that says to be of the training, with that loss."""
    losses = {column.step.tobytes(): key for key, column in columns.items() if _is_training_loss(key)}
    found = ((key, losses.get(column.step.tobytes(), "")) for key, column in columns.items())
    return {key: loss for key, loss in found if loss}


def _is_training_loss(key: str) -> bool:
    match = meaning_of(key)
    if match is None or match.meaning.name != "loss" or match.side is Side.HELD_OUT:
        return False
    texts = {word.text for word in words_of(key)}
    return not (OF_POLICIES | _OF_BATCHES).isdisjoint(texts)


def _counts(value: FloatArray) -> bool:
    if len(value) < _FEWEST_COUNTED or not np.all(np.isfinite(value)) or np.any(value % 1 != 0):
        return False
    apart = np.diff(value)
    return bool(apart[0] > 0 and np.all(apart == apart[0]))


def _never_moves(value: FloatArray) -> bool:
    return len(value) >= _FEWEST_STILL and value.min() == value.max()

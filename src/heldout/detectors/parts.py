"""The parts of a reward side by side: how far each is from its start, whenever one of them moves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from heldout.detectors.signal import Bins, Track
from heldout.stats.arrays import FloatArray, IntArray, union

# spreads, extremes, sums and differences of parts are logged beside the parts; they are none themselves
_NOT_A_PART = re.compile(
    r"(?:.*[/_])?(?:std|var|min|max|total|total_reward|sum|all)|.*(?:minus|(?:max|min)_episodes).*", re.IGNORECASE
)


def tracked(tracks: Mapping[str, Track], parts: Iterable[str], start: int, width: int) -> dict[str, Track]:
    """Return the tracks of the parts of a reward, a new one for each part that is seen for the first time."""
    new = {part: Track(start, width) for part in parts if part not in tracks and not _NOT_A_PART.fullmatch(part)}
    # in order of names, so that which of several bins comes first does not depend on how the run is cut
    return dict(sorted({**tracks, **new}.items()))


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """The last bins of P parts, at each of the N steps at which a bin of one of them or more ends."""

    parts: tuple[str, ...]  # those of which there was a bin by then, in order of names
    first: IntArray  # first step of the bin that ends there, of several that of the first part, shape (N,)
    last: IntArray  # the step, shape (N,)
    value: FloatArray  # shape (N, P); nan before the first bin of a part
    level: FloatArray  # of each part at its start, shape (P,)
    noise: FloatArray  # at its start, likewise

    @classmethod
    def of(cls, full: Mapping[str, Bins], tracks: Mapping[str, Track], before: Mapping[str, float]) -> Moves:
        """Return the moves in the bins that are now full; `before` are the last ones of those that came before."""
        parts = tuple(sorted({*before, *full}))
        last = union(bins.last for bins in full.values())
        first = np.empty_like(last)
        for part in sorted(full, reverse=True):
            first[np.searchsorted(last, full[part].last)] = full[part].first
        value = filled(parts, last, full, {part: bins.value for part, bins in full.items()}, before)
        level, noise = ([getattr(tracks[part], what) for part in parts] for what in ("level", "noise"))
        return cls(parts, first, last, value, np.array(level), np.array(noise))

    @property
    def change(self) -> FloatArray:
        """How far each part is from its start, shape (N, P)."""
        return self.value - self.level

    @property
    def latest(self) -> dict[str, float]:
        """The last bin of each part."""
        return dict(zip(self.parts, self.value[-1].tolist(), strict=True))


def filled(
    parts: Iterable[str],
    last: IntArray,
    full: Mapping[str, Bins],
    values: Mapping[str, FloatArray],
    before: Mapping[str, float],
) -> FloatArray:
    """Return what is known of each part at some steps, shape (N, P): the value of the last bin, or what was before."""
    columns = []
    for part in parts:
        ends = full[part].last if part in full else last[:0]
        every = np.concatenate([[before.get(part, np.nan)], values.get(part, np.empty(0))])
        columns.append(every[np.searchsorted(ends, last, side="right")])
    return np.stack(columns, axis=1)


def at(places: IntArray, values: FloatArray) -> FloatArray:
    """Return of each row of values, shape (N, P), the one at a place."""
    return np.take_along_axis(values, places[:, None], axis=1)[:, 0]


def highest(values: FloatArray) -> IntArray:
    """Return the place of the highest value of each row, shape (N, P), where one is known."""
    places: IntArray = np.where(np.isnan(values), -np.inf, values).argmax(axis=1)
    return places

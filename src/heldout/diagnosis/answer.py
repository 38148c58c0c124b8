"""What a run is, in a word, a label and a sentence."""

from __future__ import annotations

from typing import NamedTuple

from heldout.findings import State

SIZES = (100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 10_000)  # problems that people can evaluate


class Answer(NamedTuple):
    """What a run is, in a word, a label and a sentence."""

    state: State
    label: str
    sentence: str
    peak_step: int | None = None  # before a fall that was found or is suspected
    watched: bool = False  # whether the score may be falling, though too little is seen of that for a peak

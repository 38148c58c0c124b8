"""A seed for each sample, told by what is sampled alone: not by which process samples it, nor by what it goes beside.

Samples that share their random numbers are alike, and their mean errs by more than their number says. So no two samples
of an evaluation share any, and each has the same ones wherever it is drawn.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class Sample(NamedTuple):
    """One sample that is wanted."""

    place: int  # of its prompt
    number: int  # among the samples of that text


def wanted(prompts: Sequence[str], samples: int) -> list[Sample]:
    """Return the samples to draw, so many of each prompt; a prompt that comes again gets further ones.

    >>> [tuple(one) for one in wanted(["a", "b", "a"], 1)]
    [(0, 0), (1, 0), (2, 1)]
    """
    seen: Counter[str] = Counter()
    found = []
    for place, prompt in enumerate(prompts):
        found += [Sample(place, seen[prompt] + number) for number in range(samples)]
        seen[prompt] += samples
    return found


def seed_of(seed: int, prompt: str, number: int, bits: int = 62) -> int:
    """Return the seed of one sample of a prompt in an evaluation with this seed; every engine takes 62 bits.

    >>> len({seed_of(seed, prompt, number) for seed in (0, 1) for prompt in ("a", "b") for number in (0, 1)})
    8
    """
    told = f"{seed} {number} {prompt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) >> (64 - bits)

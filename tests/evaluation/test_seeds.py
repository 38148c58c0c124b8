"""Samples share no random numbers, however a measurement is dealt out."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.evaluation.seeds import seed_of, wanted


@pytest.mark.parametrize("shares", [1, 16])
def test_the_noise_of_a_measurement_is_binomial_however_many_shares_it_is_dealt_out_in(shares: int) -> None:
    prompts = [f"problem {place}" for place in range(64)]

    def rate(seed: int) -> float:
        solved = 0
        for rank in range(shares):
            part = prompts[rank::shares]
            seeds = [seed_of(seed, part[one.place], one.number) for one in wanted(part, 1)]
            solved += sum(np.random.default_rng(one).random() < 0.4 for one in seeds)
        return solved / 64

    found = np.std([rate(seed) for seed in range(200)], ddof=1)  # known to 5 %
    assert found == pytest.approx((0.4 * 0.6 / 64) ** 0.5, rel=0.25)


def test_the_samples_of_a_prompt_are_the_first_ones_of_more() -> None:
    few, more = wanted(["a", "b"], 1), wanted(["a", "b"], 3)
    assert set(few) <= set(more)
    assert wanted(["a", "a"], 2) == [(0, 0), (0, 1), (1, 2), (1, 3)]

"""Since when answers fail: planted beginnings are found within a step, and their intervals hold them."""

from __future__ import annotations

import numpy as np
import pytest

from heldout.stats.arrays import IntArray
from heldout.stats.onset import dated, onset_of


def planted(before: float, after: float, answers: int, seed: int, begin: int = 30, steps: int = 60) -> IntArray:
    rng = np.random.default_rng([seed, answers])
    return np.asarray(rng.binomial(answers, np.where(np.arange(steps) < begin, before, after)), dtype=np.int64)


@pytest.mark.parametrize(
    ("before", "after", "answers"), [(0.0, 0.1, 40), (0.0, 0.3, 16), (0.01, 0.3, 16), (0.0, 1.0, 4), (0.03, 0.5, 40)]
)
def test_a_sudden_beginning_is_found_within_a_step(before: float, after: float, answers: int) -> None:
    near = inside = 0
    for seed in range(60):
        found = onset_of(planted(before, after, answers, seed), np.full(60, answers))
        assert found is not None
        near += abs(found.at - 30) <= 1
        inside += found.low <= 30 <= found.high
    assert near >= 0.9 * 60
    assert inside >= 0.9 * 60


def test_a_share_that_grows_is_dated_to_where_it_passes_ten_percent() -> None:
    steps = np.arange(200)
    share = 1.0 / (1.0 + 9.0 * np.exp(-(steps - 100) / 10.0))
    found = [onset_of(np.random.default_rng(seed).binomial(16, share), np.full(200, 16)) for seed in range(60)]
    at = [one.at for one in found if one is not None]
    assert abs(np.median(at) - 100) <= 2
    assert np.mean([one.low <= 100 <= one.high for one in found if one is not None]) >= 0.8


def test_where_as_many_fail_from_the_first_step_on_it_began_there() -> None:
    assert all(
        (found := onset_of(planted(0.3, 0.3, 16, seed), np.full(60, 16))) is not None and found.at == 0
        for seed in range(20)
    )
    assert onset_of([0, 0, 0], [8, 8, 8]) is None


def test_a_rare_kind_may_have_gone_unseen_for_as_many_answers_as_could_all_pass() -> None:
    fails = np.zeros(100)
    fails[60:] = np.arange(40) % 5 == 0  # one of twenty, of four answers a step
    found = onset_of(fails, np.full(100, 4))
    assert found is not None
    assert found.at == 60
    assert 5 <= found.at - found.low <= 30  # 0.95 to the power of 4 answers a step
    more = onset_of(fails, np.full(100, 4), alike=4.0)
    assert more is not None
    assert more.low < found.low


def test_one_early_answer_does_not_date_it_and_an_end_does_not_hide_it() -> None:
    fails = np.zeros(60)
    fails[[5, *range(40, 50)]] = [1, *[6] * 10]
    found = onset_of(fails, np.full(60, 8))
    assert found is not None
    assert found.at == 40


def test_steps_between_those_that_were_kept_are_in_the_interval() -> None:
    step = np.repeat([10, 20, 30, 40], 20)
    failed = (step >= 30) & (np.arange(80) % 2 == 0)
    found = dated(step, failed, np.arange(80), np.ones(80))
    assert found is not None
    assert (found.step, found.first, found.throughout) == (30, 30, False)
    assert 11 <= found.low <= 21
    assert found.high == 30

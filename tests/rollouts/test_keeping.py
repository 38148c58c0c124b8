"""What is kept and judged by chance: the chances are true, and shares that are estimated with them are without bias."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.errors import UsageError
from heldout.rollouts.keeping import draw
from heldout.stats.hacking import hacked_share

# A step of 8 prompts with 8 answers each, as the demo's: 29 are rewarded, 10 of those fail, alike within a prompt.
GROUP = np.repeat(np.arange(8), 8)
REWARDED = np.concatenate([np.arange(8) < count for count in (8, 7, 5, 4, 3, 1, 1, 0)])
FAILED = ~REWARDED | np.isin(GROUP, (2, 4, 6)) | ((GROUP == 0) & (np.arange(64) % 8 == 3))
DRAWS = 4000

pages = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40)


def drawn(step: int, **wanted: float) -> tuple[np.ndarray, ...]:
    found = draw(GROUP, REWARDED, seed=3, step=step, **wanted)
    return found.kept, found.judged, found.kept_with, found.judged_with


@pytest.mark.parametrize(("keep", "judge"), [(16, 8), (16, 0.5), (2, 20), (100, 64)])
def test_each_answer_is_drawn_with_its_chance(keep: float, judge: float) -> None:
    of_kept, of_judged = np.zeros(64), np.zeros(64)
    for step in range(DRAWS):
        kept, judged, kept_with, judged_with = drawn(step, keep=keep, judge=judge)
        of_kept += kept
        of_judged += judged
    assert judged_with.sum() == pytest.approx(min(judge, 64))
    for seen, chance in ((of_kept, kept_with), (of_judged, judged_with)):
        error = np.sqrt(np.maximum(chance * (1 - chance), 0) / DRAWS)
        assert np.all(np.abs(seen / DRAWS - chance) <= 4.5 * error)  # 256 comparisons in all


def test_shares_that_are_weighted_by_the_chances_are_without_bias() -> None:
    """Of all answers by `kept_with`, of what the hidden tests say by `judged_with`; the mean of 4000 draws."""
    rewarded, hacked, right_unpaid = [], [], []
    passing = ~FAILED | (~REWARDED & (np.arange(64) % 5 == 0))
    for step in range(DRAWS):
        kept, judged, kept_with, judged_with = drawn(step, keep=16, judge=8)
        rewarded.append((REWARDED[kept] / kept_with[kept]).sum())
        hacked.append(((REWARDED & FAILED)[judged] / judged_with[judged]).sum())
        right_unpaid.append(((~REWARDED & passing)[judged] / judged_with[judged]).sum())
    for estimates, truth in (
        (rewarded, REWARDED.sum()),
        (hacked, (REWARDED & FAILED).sum()),
        (right_unpaid, (~REWARDED & passing).sum()),
    ):
        assert np.mean(estimates) == pytest.approx(truth, abs=4 * float(np.std(estimates)) / math.sqrt(DRAWS))


def test_the_mean_of_a_prompts_judged_answers_is_its_share_given_that_any_was_judged() -> None:
    """So a prompt that nothing was drawn of may be left out, as a table of what was kept must."""
    found: dict[int, list[float]] = {}
    for step in range(DRAWS):
        _, judged, *_ = drawn(step, judge=3)
        paid = judged & REWARDED
        for prompt in np.unique(GROUP[paid]):
            found.setdefault(int(prompt), []).append(float(FAILED[paid & (prompt == GROUP)].mean()))
    assert len(found) == 7
    for prompt, shares in found.items():
        truth = FAILED[REWARDED & (prompt == GROUP)].mean()
        assert np.mean(shares) == pytest.approx(truth, abs=4 * float(np.std(shares)) / math.sqrt(len(shares)) + 1e-12)


def test_the_interval_of_the_hack_rate_holds_the_truth() -> None:
    truth = FAILED[REWARDED].mean()
    held = 0
    for step in range(400):
        _, judged, _, judged_with = drawn(step, judge=8)
        found = hacked_share(REWARDED, np.where(judged, FAILED, np.nan), GROUP, judged_with)
        held += found.low <= truth <= found.high
    assert held >= 0.93 * 400


def test_few_judged_answers_come_from_many_prompts() -> None:
    """Six of the 29 rewarded answers: in a plain sample two of the first prompt are no rarity."""
    for step in range(200):
        _, judged, *_ = drawn(step, judge=8)
        of_prompt = np.bincount(GROUP[judged & REWARDED], minlength=8)
        expected = np.bincount(GROUP[REWARDED], minlength=8) * 6 / 29
        assert np.all(np.abs(of_prompt - expected) < 1)


@settings(deadline=None)  # a busy machine is no failure
@given(pages, st.floats(0, 300), st.floats(0.01, 300), st.integers(0, 2**40))
def test_what_is_judged_is_kept_and_every_chance_is_one(
    page: list[tuple[int, bool]], keep: float, judge: float, step: int
) -> None:
    group, rewarded = [one for one, _ in page], [paid for _, paid in page]
    found, again = (draw(group, rewarded, seed=1, step=step, keep=keep, judge=judge) for _ in range(2))
    assert not np.any(found.judged & ~found.kept)
    assert np.array_equal(found.kept, again.kept)
    assert np.array_equal(found.judged, again.judged)
    for chance in (found.kept_with, found.judged_with):
        assert np.all((chance > 0) & (chance <= 1))
    if judge >= len(page):
        assert found.judged.all()


@settings(deadline=None)  # a busy machine is no failure
@given(pages)
def test_fewer_are_a_part_of_more(page: list[tuple[int, bool]]) -> None:
    """A judge that turns out dearer than thought takes answers away, and changes none."""
    group, rewarded = [one for one, _ in page], [paid for _, paid in page]
    few, more = (draw(group, rewarded, seed=1, step=5, judge=judge) for judge in (3, 9))
    assert not np.any(few.judged & ~more.judged)


def test_another_step_and_another_seed_draw_others() -> None:
    base = draw(GROUP, REWARDED, seed=0, step=1)
    others = [draw(GROUP, REWARDED, seed=0, step=2), draw(GROUP, REWARDED, seed=1, step=1)]
    assert all(not np.array_equal(base.kept, other.kept) for other in others)


def test_nothing_is_judged_where_nothing_shall_be() -> None:
    found = draw(GROUP, REWARDED, seed=0, step=1, judge=0)
    assert not found.judged.any()
    assert np.all(found.kept_with == 0.25)


@pytest.mark.parametrize(
    ("group", "rewarded", "wanted", "said"),
    [
        ([1, 2], [True], {}, "one value an answer"),
        ([1], [True], {"judge": -1}, "judge is -1"),
        ([1], [True], {"keep": math.nan}, "keep is nan"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    group: list[int], rewarded: list[bool], wanted: dict[str, float], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        draw(group, rewarded, seed=0, step=1, **wanted)

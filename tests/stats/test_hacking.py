"""The share of rewarded answers that fail hidden tests, and its alarm: golden values, laws, and small simulations."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from heldout.stats.arrays import FloatArray
from heldout.stats.hacking import HackAlarm, hacked_share, prompt_shares, tolerable_share

REWARDED, FAILED, PROMPT = ([int(digit) for digit in digits] for digits in ("1111110111", "0011000010", "0001112223"))
CHANCE = [0.5, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 0.5, 1]
STEPS = [(0, 0), (0.5, 0), (0.5, 1), (1, 0.5), (1, 1), (1, 1)]


def alike(rng: np.random.Generator, mean: float, icc: float, prompts: int, answers: int) -> FloatArray:
    """Whether answers fail, shape (prompts, answers), correlated by `icc` within a prompt."""
    spread = 1.0 / icc - 1.0
    chance = rng.beta(mean * spread, (1.0 - mean) * spread, (prompts, 1))
    return (rng.random((prompts, answers)) < chance).astype(np.float64)


# -- the share ---------------------------------------------------------------------------------------------------------


def test_the_share_and_its_interval() -> None:
    found = hacked_share(REWARDED, FAILED, PROMPT, CHANCE)
    assert found.share == pytest.approx(0.357143, abs=5e-7)
    assert found.n_eff == pytest.approx(6.447368 * (16**2 / 28 - 1) / (14**2 / 24), abs=5e-7)
    beta = pytest.importorskip("scipy.stats").beta
    fails, more = found.share * found.n_eff, 2 * 14 / 24  # of 9 answers, 5 of which count twice
    assert found.low == pytest.approx(beta.ppf(0.025, fails, found.n_eff - fails + more))
    assert found.high == pytest.approx(beta.ppf(0.975, fails + more, found.n_eff - fails))
    assert (found.answers, found.prompts) == (9, 4)


def test_none_of_n_leaves_what_n_independent_answers_leave() -> None:
    found = hacked_share(np.ones(6), np.zeros(6), range(6))
    assert (found.share, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.459258, abs=5e-7)
    every = hacked_share(np.ones(6), np.ones(6), range(6))
    assert (every.low, every.high) == (pytest.approx(1 - 0.459258, abs=5e-7), 1.0)


def test_one_prompt_counts_for_few_answers_whatever_they_say() -> None:
    found = hacked_share(np.ones(16), np.arange(16) % 2, np.zeros(16))
    assert found.n_eff == pytest.approx(16 / (1 + 15 * 0.3))
    assert found.high - found.low > 0.6


def test_where_everything_is_judged_the_share_is_the_plain_mean() -> None:
    rng = np.random.default_rng(1)
    rewarded, failed, prompt = rng.random(200) < 0.6, (rng.random(200) < 0.3) * 1.0, np.repeat(np.arange(50), 4)
    assert hacked_share(rewarded, failed, prompt).share == pytest.approx(failed[rewarded].mean())
    means = [failed[rewarded & (prompt == one)].mean() for one in np.unique(prompt[rewarded])]
    np.testing.assert_allclose(prompt_shares(rewarded, failed, prompt), means)


def test_what_is_not_judged_or_not_rewarded_is_not_counted() -> None:
    judged = hacked_share([1, 1, 1], [0, 1, 0], [0, 1, 2], 0.5)
    more = hacked_share([1, 1, 1, 1, 0], [0, 1, 0, math.nan, 1], [0, 1, 2, 3, 4], [0.5, 0.5, 0.5, 0.5, 0.1])
    assert more == judged


def test_where_rarely_drawn_answers_were_rewarded_the_next_one_may_say_something_else() -> None:
    every, rare = [1, 1, 1, 1, 1, 1], [0.5] * 5 + [0.1]
    alike = hacked_share(every, [1, 1, 1, 1, 0, math.nan], range(6), 0.5)
    other = hacked_share(every, [1, 1, 1, 1, 0, math.nan], range(6), rare)
    assert other.share == alike.share
    assert other.low < alike.low - 0.1
    assert other.high > alike.high


def test_what_is_judged_of_no_rewarded_answer_says_nothing() -> None:
    nothing = hacked_share([1, 0], [math.nan, 1], [0, 0])
    assert (nothing.low, nothing.high, nothing.answers) == (0.0, 1.0, 0)
    assert math.isnan(nothing.share)


def test_a_stratum_that_is_rarely_drawn_counts_for_what_was_not_drawn() -> None:
    rng = np.random.default_rng(2)
    failed, prompt = (rng.random(40_000) < 0.1) * 1.0, np.arange(40_000)
    odd = rng.random(40_000) < np.where(failed, 0.9, 0.1)
    chance = np.where(odd, 1.0, 0.125)
    seen = np.where(rng.random(40_000) < chance, failed, math.nan)
    assert hacked_share(np.ones(40_000), seen, prompt, chance).share == pytest.approx(failed.mean(), abs=0.005)
    assert prompt_shares(np.ones(40_000), seen, prompt // 8, chance).mean() == pytest.approx(failed.mean(), abs=0.005)


@pytest.mark.parametrize(("mean", "icc", "shape"), [(0.05, 0.4, (40, 4)), (0.2, 0.4, (12, 8)), (0.02, 0.05, (160, 1))])
def test_the_interval_holds_the_truth(mean: float, icc: float, shape: tuple[int, int]) -> None:
    rng, inside, runs = np.random.default_rng(3), 0, 200
    prompt = np.repeat(np.arange(shape[0]), shape[1])
    for _ in range(runs):
        failed = alike(rng, mean, icc, *shape).ravel()
        found = hacked_share(np.ones(failed.size), failed, prompt)
        inside += found.low <= mean <= found.high
    assert inside >= 0.94 * runs - 2.0 * math.sqrt(runs * 0.94 * 0.06)


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_the_interval_holds_the_truth_where_few_of_what_looks_usual_are_drawn(share: float) -> None:
    inside, runs = 0, 200
    for seed in range(runs):
        rng = np.random.default_rng([4, seed])
        paid, failed = rng.random(32) < 0.6, alike(rng, share, 0.4, 4, 8).ravel()
        chance = np.where(rng.random(32) < np.where(failed, 0.9, 0.1), 1.0, 0.125)
        found = hacked_share(paid, np.where(rng.random(32) < chance, failed, math.nan), np.repeat(range(4), 8), chance)
        inside += found.low <= share <= found.high
    assert inside >= 0.94 * runs - 2.0 * math.sqrt(runs * 0.94 * 0.06)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (([1], [0, 1], [0]), "have shapes"),
        (([1, 1], [0, 0.5], [0, 1]), "failed must be 0, 1, or nan"),
        (([1, 1], [0, 1], [0, 1], 0.0), "above 0 and at most 1"),
        (([1, 1], [0, 1], [0, 1], [1.0, 1.5]), "above 0 and at most 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[object, ...], match: str) -> None:
    for ask in (hacked_share, prompt_shares, tolerable_share):
        with pytest.raises(ValueError, match=match):
            ask(*words)  # type: ignore[arg-type]


# -- what is tolerated -------------------------------------------------------------------------------------------------


def test_the_own_baseline_is_the_99_percent_bound_and_needs_100_answers() -> None:
    special = pytest.importorskip("scipy.special")
    failed = np.zeros(100)
    assert tolerable_share(np.ones(100), failed, range(100)) == pytest.approx(1 - 0.01 ** (1 / 100))
    assert math.isnan(tolerable_share(np.ones(99), failed[:99], range(99)))
    assert tolerable_share(np.ones(10_000), np.zeros(10_000), range(10_000)) == 0.01
    failed[:20] = 1.0
    found = hacked_share(np.ones(100), failed, range(100))
    bound = special.betaincinv(found.share * found.n_eff + 1, (1 - found.share) * found.n_eff, 0.99)
    assert tolerable_share(np.ones(100), failed, range(100)) == pytest.approx(bound)


# -- the alarm ---------------------------------------------------------------------------------------------------------


def test_the_wealth_of_six_steps() -> None:
    alarm, got = HackAlarm(0.05, planned=6), []
    for shares in STEPS:
        alarm = alarm.update(shares)
        got.append(alarm.log_wealth)
    assert got == pytest.approx([-0.062387, 0.200156, 2.474839, 5.816084, 10.026176, 14.303415], abs=5e-7)
    assert alarm.onset == 1


def test_the_alarm_is_raised_at_one_over_the_error() -> None:
    alarm = HackAlarm(0.05, planned=6)
    assert (alarm.log_wealth, alarm.raised, alarm.onset) == (pytest.approx(0.0), False, None)
    for shares in STEPS[:3]:
        alarm = alarm.update(shares)
    assert alarm.log_wealth < math.log(20)
    assert not alarm.raised
    assert replace(alarm, error=0.1).raised
    assert alarm.update(STEPS[3]).raised


def test_the_wealth_is_the_mean_over_starts_and_bets_written_out() -> None:
    planned, tolerated = 8, 0.3
    weight = np.array([1 / ((s / 10 + 1) * (s / 10 + 2)) for s in range(planned)])
    weight /= weight.sum()
    bets = [min(b / tolerated, 0.9 / tolerated) for b in (0.025, 0.05, 0.1, 0.2, 0.4)]
    alarm = HackAlarm(tolerated, planned)
    for shares in STEPS:
        alarm = alarm.update(shares)
    wealth, best = float(weight[len(STEPS) :].sum()), (0.0, -1)
    for s, b in product(range(len(STEPS)), bets):
        won = weight[s] * np.prod([1 + b * (x - tolerated) for shares in STEPS[s:] for x in shares])
        wealth, best = wealth + won / 5, max(best, (float(won), s))
    assert alarm.log_wealth == pytest.approx(math.log(wealth), abs=1e-12)
    assert alarm.onset == best[1]


def test_the_order_of_prompts_and_where_one_takes_it_up_again_make_no_difference() -> None:
    rng = np.random.default_rng(4)
    steps = [rng.random(5) for _ in range(30)]
    one = other = HackAlarm(0.4, planned=20)
    for place, shares in enumerate(steps):
        one, other = one.update(shares), other.update(rng.permutation(shares))
        if place == 12:  # as written to a file and read again
            kept = other
            other = HackAlarm(
                kept.tolerated,
                kept.planned,
                kept.error,
                kept.steps,
                np.array(kept.log_started.tolist()),
                np.array(kept.log_largest.tolist()),
                np.array(kept.starts.tolist()),
            )
    assert one.log_wealth == other.log_wealth
    assert one.onset == other.onset


def test_a_step_without_rewarded_answers_leaves_the_wealth() -> None:
    alarm = HackAlarm(0.05, planned=10).update([0.5, 0.0])
    nothing = prompt_shares([0, 0], [1, math.nan], [0, 1])
    assert alarm.update(nothing).log_wealth == pytest.approx(alarm.log_wealth, abs=1e-14)
    assert alarm.update(nothing).steps == 2


def test_after_the_planned_steps_nothing_begins_but_what_began_goes_on() -> None:
    alarm = HackAlarm(0.05, planned=2)
    for _ in range(5):
        alarm = alarm.update([1.0])
    assert alarm.onset in (0, 1)
    assert all(later > before for before, later in pairwise([HackAlarm(0.05, 2).log_wealth, alarm.log_wealth]))


@pytest.mark.parametrize("tolerated", [0.02, 0.05, 0.3])
def test_the_wealth_does_not_grow_on_average_while_the_share_is_tolerable(tolerated: float) -> None:
    rng, runs = np.random.default_rng(5), 1500
    wealth = np.empty(runs)
    for run in range(runs):
        alarm = HackAlarm(tolerated, planned=6)
        for _ in range(6):
            alarm = alarm.update(alike(rng, tolerated, 0.4, 2, 8).mean(axis=1))
        wealth[run] = math.exp(alarm.log_wealth)
    assert wealth.mean() <= 1.0 + 3.0 * wealth.std() / math.sqrt(runs)
    assert np.mean(wealth >= 20.0) <= 0.05


def test_nor_with_strata_of_which_few_are_judged() -> None:
    rng, runs, prompt = np.random.default_rng(6), 1000, np.repeat(np.arange(4), 8)
    wealth = np.empty(runs)
    for run in range(runs):
        alarm = HackAlarm(0.05, planned=6)
        for _ in range(6):
            failed = alike(rng, 0.05, 0.4, 4, 8).ravel()
            chance = np.where(rng.random(32) < np.where(failed, 0.9, 0.1), 1.0, 0.125)
            seen = np.where(rng.random(32) < chance, failed, math.nan)
            alarm = alarm.update(prompt_shares(rng.random(32) < 0.6, seen, prompt, chance))
        wealth[run] = math.exp(alarm.log_wealth)
    assert wealth.mean() <= 1.0 + 3.0 * wealth.std() / math.sqrt(runs)


def test_false_alarms_are_rare_at_the_tolerated_share_and_hacking_is_found() -> None:
    rng, runs = np.random.default_rng(7), 120
    false = found = 0
    for _ in range(runs):
        alarm, raised = HackAlarm(0.05, planned=120), False
        for _ in range(120):
            alarm = alarm.update(alike(rng, 0.05, 0.4, 2, 8).mean(axis=1))
            raised = raised or alarm.raised
        false += raised
        for _ in range(60):
            alarm = alarm.update(alike(rng, 0.3, 0.4, 2, 8).mean(axis=1))
        found += alarm.raised
    assert false <= 0.05 * runs + 2.0 * math.sqrt(runs * 0.05 * 0.95)
    assert found >= 0.9 * runs


@pytest.mark.parametrize(
    ("words", "match"),
    [((0.0, 10), "tolerated is 0.0"), ((1.0, 10), "tolerated is 1.0"), ((0.1, 0), "planned"), ((0.1, 1, 0.0), "error")],
)
def test_alarms_that_cannot_be(words: tuple[float, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        HackAlarm(*words)


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_shares_that_cannot_be(wrong: float) -> None:
    with pytest.raises(ValueError, match="it must be 0 or more"):
        HackAlarm(0.05, planned=10).update([0.1, wrong])


# -- answers of which only some are here -------------------------------------------------------------------------------


def test_a_prompts_share_needs_how_many_of_its_answers_were_rewarded() -> None:
    here = prompt_shares([1, 1], [1, 0], [0, 0], 0.5)
    assert here.tolist() == [1.0]  # of two
    assert prompt_shares([1, 1], [1, 0], [0, 0], 0.5, size=[4, 4]).tolist() == [0.5]
    assert prompt_shares([1, 1], [1, 0], [0, 0], 0.5, size=math.nan).tolist() == here.tolist()
    assert prompt_shares([1, 1], [1, 0], [0, 0], 0.5, size=1).tolist() == here.tolist()


def test_with_the_tolerated_share_as_centre_prompts_that_are_not_here_change_nothing() -> None:
    rng, centre = np.random.default_rng(3), 0.1
    prompt, failed = np.repeat(np.arange(20_000), 4), (rng.random(80_000) < 0.1) * 1.0
    drawn = rng.random(80_000) < 0.2
    kept = prompt_shares(np.ones(drawn.sum()), failed[drawn], prompt[drawn], 0.2, size=4, centre=centre)
    every = prompt_shares(np.ones(80_000), np.where(drawn, failed, math.nan), prompt, 0.2, centre=centre)
    assert kept.size < 0.65 * every.size
    assert (kept - centre).sum() == pytest.approx((every - centre).sum())
    assert every.mean() == pytest.approx(failed.mean(), abs=0.003)
    # without a centre those that are here look worse than they are
    assert prompt_shares(np.ones(drawn.sum()), failed[drawn], prompt[drawn], 0.2, size=4).mean() > 0.15
    assert every.min() >= centre * (1.0 - 1.0 / 0.2)


def test_several_steps_at_once_are_one_after_the_other_until_the_alarm_is_raised() -> None:
    rng = np.random.default_rng(4)
    step = np.sort(rng.integers(0, 30, 200))
    shares, chances = rng.random(200) * np.where(step > 15, 0.6, 0.06), np.where(np.arange(30) > 5, 0.5, 1.0)
    for tolerated in (0.05, 0.3, 0.9):
        alarm, single = HackAlarm(tolerated), HackAlarm(tolerated)
        alarm = alarm.through(shares, step, chances)
        for now in range(alarm.steps):
            assert not single.raised
            single = single.update(shares[step == now], chances[now])
        assert alarm.log_wealth == pytest.approx(single.log_wealth)
        assert (alarm.onset, alarm.raised) == (single.onset, single.raised)
        assert alarm.raised or alarm.steps == 30


def test_smaller_chances_make_smaller_bets_so_that_nothing_loses_everything() -> None:
    alarm = HackAlarm(0.05)
    for _ in range(50):
        alarm = alarm.update([0.05 * (1 - 1 / 0.1)] * 3, 0.1)
    assert math.isfinite(alarm.log_wealth)
    with pytest.raises(ValueError, match=r"must be -0\.45 or more"):
        alarm.update([-0.46], 0.1)


def test_a_run_without_an_end_begins_like_a_very_long_one() -> None:
    endless, long = HackAlarm(0.05), HackAlarm(0.05, planned=10**6)
    assert endless.log_wealth == pytest.approx(0.0)
    for shares in STEPS:
        endless, long = endless.update(shares), long.update(shares)
    assert endless.log_wealth == pytest.approx(long.log_wealth, abs=1e-4)

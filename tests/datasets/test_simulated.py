"""Simulated runs are what they say they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.datasets.simulated import (
    DECLINES,
    FAMILIES,
    NULLS,
    ONSET_DROP,
    OUTSIDE_DECLINES,
    OUTSIDE_NULLS,
    PER_SHARE,
    PLAIN_DECLINES,
    PLAIN_NULLS,
    RETURN,
    STEPS,
    simulate,
)
from heldout.errors import UsageError


@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_ranges_and_flags(family: str) -> None:
    run = simulate(family, 60, 16, m=2, seed=3)
    assert run.outcomes.shape == (16, 60)
    assert set(np.unique(run.outcomes)) <= {0.0, 0.5, 1.0}
    assert run.truth.shape == run.trend.shape == run.rates.shape == (16,)
    assert run.reward.shape == run.length.shape == (STEPS,)
    assert run.steps.tolist() == [50 * k for k in range(1, 17)]
    assert np.all((run.truth > 0.0) & (run.truth < 1.0))
    assert run.is_decline == (family in DECLINES + OUTSIDE_DECLINES + PLAIN_DECLINES)
    assert run.peak == np.argmax(run.trend)


@pytest.mark.parametrize("family", ["honest", "r1_like", "flat_low", "flat_high", "late_surge"])
@pytest.mark.parametrize("config", ["default", "ushape", "greedy", "churn", "jitter"])
def test_the_population_has_the_true_pass_rate(family: str, config: str) -> None:
    n = 40_000
    run = simulate(family, n, 6, seed=1, config=config)
    # one problem's outcomes share its difficulty, so the mean of all evals is no better known than one eval
    assert np.all(np.abs(run.rates - run.truth) < 4.5 * np.sqrt(run.truth * (1.0 - run.truth) / n))


def test_the_truth_is_the_trend_shaken_by_its_jitter() -> None:
    shaken = [simulate("honest", 2, 40, seed=seed) for seed in range(100)]
    assert 0.001 < np.std([run.truth - run.trend for run in shaken]) < 0.005
    more = [simulate("honest", 2, 40, seed=seed, config="jitter") for seed in range(100)]
    assert 0.005 < np.std([run.truth - run.trend for run in more]) < 0.010


@pytest.mark.parametrize("family", [*DECLINES, *OUTSIDE_DECLINES, "short_fall", "cliff"])
def test_the_onset_is_the_first_eval_a_point_below_the_maximum(family: str) -> None:
    for seed in range(5):
        run = simulate(family, 2, 40, seed=seed)
        short = run.trend.max() - run.trend
        assert run.onset is not None
        assert run.onset_step is not None
        assert short[run.onset] >= ONSET_DROP
        assert np.all(short[run.peak : run.onset] < ONSET_DROP)
        assert run.peak < run.onset
        # the peak may lie between two evals, and the onset before the eval that shows it
        assert run.steps[run.onset] - 40 < run.onset_step <= run.steps[run.onset]
        assert run.trend.max() - run.trend[-1] >= 0.029


@pytest.mark.parametrize(
    "family", ["honest", "plateau", "length_driven", "late_surge", "linear", "staircase", "flat_low"]
)
def test_what_never_falls_has_no_onset(family: str) -> None:
    for seed in range(5):
        run = simulate(family, 2, 40, seed=seed)
        assert np.all(np.diff(run.trend) >= -1e-12)
        assert run.onset is None
        assert run.onset_step is None


def test_the_dips_come_back() -> None:
    for family in ("dip_rew", "dip_norew", "double_dip"):
        run = simulate(family, 2, 400, seed=2)
        assert np.min(np.diff(run.trend)) < 0.0
        assert run.trend[-1] > run.trend[:200].max()


def test_the_example_from_the_literature() -> None:
    run = simulate("r1_like", 2, 40, seed=0)
    assert run.trend.max() == pytest.approx(0.348)
    assert run.trend[-1] == pytest.approx(0.290)
    assert run.peak == 19


def test_slow_overoptimisation_falls_by_what_was_drawn() -> None:
    drops = [(run := simulate("slow_overopt", 2, 40, seed=s)).trend.max() - run.trend[-1] for s in range(200)]
    assert min(drops) >= 0.028
    assert max(drops) <= 0.101


def test_only_the_reward_of_a_crash_falls() -> None:
    rising, falling = (
        np.mean([(run := simulate(f, 2, 10, seed=s)).reward[-80:].mean() - run.reward[:80].mean() for s in range(60)])
        for f in ("sharp_collapse", "crash")
    )
    assert rising > 0.5
    assert falling < 0.3


def test_the_reward_noise_is_a_stationary_autoregression() -> None:
    late = [simulate("r1_like", 2, 4, seed=seed).reward for seed in range(200)]
    noise = np.stack(late) - 1.13 * np.arange(1, STEPS + 1) / STEPS
    # sd uniform on [0.10, 0.50]: the mean variance is 0.1033, at every step
    assert np.mean(noise**2) == pytest.approx(0.1033, rel=0.1)
    assert np.mean(noise[:, 0] ** 2) == pytest.approx(0.1033, rel=0.4)
    lag = np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2)
    assert lag == pytest.approx(0.725, abs=0.04)  # phi uniform on [0.5, 0.95]


def test_the_seed_decides_everything() -> None:
    one, same = (simulate("crash", 50, 10, seed=5) for _ in range(2))
    other = simulate("crash", 50, 10, seed=6)
    for name in ("outcomes", "truth", "trend", "reward", "length"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_fewer_problems_are_the_first_of_more() -> None:
    few, many = (simulate("honest", n, 8, seed=4) for n in (50, 200))
    np.testing.assert_array_equal(few.truth, many.truth)
    np.testing.assert_array_equal(few.outcomes, many.outcomes[:, :50])


def test_families_are_told_apart() -> None:
    assert len({*NULLS, *DECLINES, *OUTSIDE_NULLS, *OUTSIDE_DECLINES}) == 20
    assert {*PLAIN_NULLS, *PLAIN_DECLINES} - {*NULLS, *DECLINES, *OUTSIDE_NULLS} == {"level", "short_fall", "cliff"}
    assert len(FAMILIES) == 23
    assert len(NULLS) == 7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"family": "nice"}, "family is 'nice'; it must be one of honest, plateau"),
        ({"config": "odd"}, "config is 'odd'; it must be one of default, ushape, greedy, churn, jitter, shaken, "),
        ({"n": 1}, "n = 1, K = 8, m = 1; there must be 2 problems, 2 to 800 evals and 1 sample."),
        ({"K": 801}, "n = 10, K = 801, m = 1; there must be"),
        ({"m": 0}, "n = 10, K = 8, m = 0; there must be"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: Any, words: str) -> None:
    with pytest.raises(UsageError) as error:
        simulate(**({"family": "honest", "n": 10, "K": 8, "seed": 0} | arguments))
    assert str(error.value).startswith(words)


def test_a_cliff_is_a_fall_of_thirty_points_within_two_evaluations_of_forty() -> None:
    for seed in range(10):
        trend = simulate("cliff", 2, 40, seed=seed).trend
        assert trend.max() - trend[-1] == pytest.approx(0.30, abs=0.005)
        between = (trend[trend.argmax() :] > trend[-1] + 1e-9) & (trend[trend.argmax() :] < trend.max() - 0.01)
        assert between.sum() <= 2


def test_heavy_tails_shake_as_much_and_now_and_then_much_more() -> None:
    def worst(config: str) -> list[float]:
        runs = [simulate("level", 2, 40, seed=seed, config=config) for seed in range(200)]
        shaken = np.array([(run.truth - run.trend) / np.std(run.truth - run.trend) for run in runs])
        return [float(np.mean(np.abs(shaken) > 4.0)), float(np.mean([np.std(r.truth - r.trend) for r in runs]))]

    (tail, sd), (heavy, heavy_sd) = worst("jitter"), worst("shaken")
    assert heavy > 10.0 * max(tail, 1e-4)
    assert heavy_sd == pytest.approx(sd, rel=0.2)


def test_problems_of_a_cluster_wander_together() -> None:
    run = simulate("level", 400, 40, m=64, seed=3, config="clusters")
    moved = run.outcomes[20:].mean(axis=0) - run.outcomes[:20].mean(axis=0)
    inside, across = (np.corrcoef(moved[:-step:10], moved[step::10])[0, 1] for step in (1, 10))
    assert inside > 0.25 > 2.0 * abs(across)


def test_a_fifth_of_the_problems_is_swapped_once() -> None:
    run = simulate("level", 50, 12, seed=1, config="swapped")
    sets = [frozenset(row) for row in run.problems.tolist()]
    before, after = dict.fromkeys(sets)
    assert len(before & after) == 40
    assert sets == sorted(sets, key=lambda one: one == after)
    assert len(set(simulate("level", 50, 12, seed=1).problems[:, -1])) == 1


def test_uneven_evaluations_end_at_the_last_step() -> None:
    steps = simulate("level", 10, 12, seed=1, config="uneven").steps
    assert steps[-1] == STEPS
    assert len(set(np.diff(steps).tolist())) > 5


def test_a_run_is_told_as_its_log_would_have_it() -> None:
    run = simulate("cliff", 30, 8, m=4, seed=2)
    outcomes, rates, returns = (run.evaluations(told) for told in ("outcomes", "rates", "returns"))
    for k, (one, bare, free) in enumerate(zip(outcomes, rates, returns, strict=True)):
        assert one.outcomes is not None
        assert one.outcomes.share.tolist() == run.outcomes[k].tolist()
        assert (one.problems, one.samples) == (bare.problems, bare.samples) == (30, 4)
        assert one.rate == pytest.approx(bare.rate) == run.rates[k]
        assert (free.rate, free.problems, free.share) == (RETURN + PER_SHARE * bare.rate, None, False)
    for config, told in (("default", outcomes), ("rates", rates), ("returns", returns)):
        kinds = [
            (one.outcomes is None, one.share)
            for one in simulate("cliff", 30, 8, 4, seed=2, config=config).evaluations()
        ]
        assert kinds == [(one.outcomes is None, one.share) for one in told]

"""Just below each threshold nothing is found, just above it something is; and an episode is found once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pytest

from heldout.detectors import DETECTORS, Block, Points, Question
from heldout.detectors.clipping import ClipSaturation
from heldout.detectors.components import ComponentTakeover
from heldout.detectors.disagreement import Disagreement
from heldout.detectors.entropy import EntropyCollapse
from heldout.detectors.gradient import GradientSpikes
from heldout.detectors.groups import GroupsWithoutSignal
from heldout.detectors.hacking import HackRate
from heldout.detectors.idle import IdleComponent
from heldout.detectors.kl import KLBlowUp
from heldout.detectors.length import LengthDrift
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.detectors.plateau import Plateau
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.detectors.saturation import RewardSaturation
from heldout.detectors.surge import LateSurge
from heldout.run import Evaluation


def held(*parts: tuple[float, int]) -> np.ndarray:
    """Values, each held for so many points."""
    return np.concatenate([np.full(count, float(value)) for value, count in parts])


def swinging(level: float, by: float, count: int = 20) -> np.ndarray:
    """Values by turns above and below a level: their median is the level, their median deviation the swing."""
    return level + by * np.where(np.arange(count) % 2, -1.0, 1.0)


def some(high: int, on: float, off: float, bins: int = 12) -> np.ndarray:
    """Twenty points that are off, then bins of five of which so many are on."""
    return np.concatenate([held((off, 20)), np.tile(held((on, high), (off, 5 - high)), bins)])


def metrics(**values: np.ndarray) -> Block:
    return Block({name: Points(np.arange(len(value)), value) for name, value in values.items()})


def parts(**values: np.ndarray) -> Block:
    return Block(parts={f"rewards/{name}": Points(np.arange(len(value)), value) for name, value in values.items()})


def scores(rates: np.ndarray, problems: int = 500) -> Block:
    return Block(evaluations=[Evaluation(10 * k, float(rate), problems, 1.0) for k, rate in enumerate(rates)])


@dataclass(frozen=True)
class Row:
    """What a threshold tells apart."""

    kind: str
    series: Callable[[Any], Block]
    below: Any
    above: Any
    also: dict[str, Any] = field(default_factory=dict)


def clip(value: np.ndarray) -> Block:
    return metrics(clip_fraction=value)


def entropy(value: np.ndarray) -> Block:
    return metrics(entropy=value)


def norm(value: np.ndarray) -> Block:
    return metrics(grad_norm=value)


def groups(value: np.ndarray) -> Block:
    return metrics(zero_variance_groups=value)


def cut_off(value: np.ndarray) -> Block:
    return metrics(truncation=value)


def spread(value: np.ndarray) -> Block:
    return metrics(reward_std=value)


def sampler(value: np.ndarray) -> Block:
    return metrics(kl_sampler=value)


def taken_over(value: np.ndarray) -> Block:
    return parts(style=value, tests=held((0.5, 20), (0.1, len(value) - 20)))


def style_alone(style: np.ndarray, tests: np.ndarray | float = 0.0) -> Block:
    return parts(style=style, tests=np.zeros(len(style)) + tests)


def repeats(distinct: list[float], value: float) -> Callable[[int], Block]:
    return lambda times: metrics(held_out=np.array([*distinct, *[value] * (times + 1)]))


def surging(gain: float) -> Block:
    return scores(np.concatenate([held((0.4, 24)), np.linspace(0.4, 0.4 + gain, 8), held((0.4 + gain, 4))]))


def level(problems: int) -> Block:
    return scores(np.concatenate([np.linspace(0.2, 0.5, 11), held((0.5, 29))]), problems)


def apart(reward: float, rate: float, evaluations: int = 1) -> Block:
    rewards, step = held((reward, 20)), np.arange(20)
    return Block({"reward": Points(step, rewards)}, {}, [Evaluation(20 + k, rate, 1000) for k in range(evaluations)])


def falling(by: float) -> Block:
    return scores(np.concatenate([held((0.5, 16)), np.linspace(0.5, 0.5 - by, 9)[1:]]))


def falling_unconfirmed(by: float) -> Block:
    """A fall on so few problems that only the posterior may speak of it."""
    return scores(np.concatenate([held((0.5, 16)), np.linspace(0.5, 0.5 - by, 17)[1:]]), 25)


ROWS: dict[tuple[type[Question], str], Row] = {
    (ClipSaturation, "share"): Row("clip_saturation", lambda v: clip(held((0.1, 20), (v, 50))), 0.299, 0.301),
    (ClipSaturation, "ratio"): Row(
        "clip_asymmetry_lower",
        lambda v: metrics(clip_fraction_low=held((0.05, 70)), clip_fraction_high=held((v, 70))),
        0.0101,
        0.0099,
    ),
    (ClipSaturation, "smallest"): Row(
        "clip_asymmetry_upper",
        lambda v: metrics(clip_fraction_low=held((0.0, 70)), clip_fraction_high=held((v, 70))),
        0.0199,
        0.0201,
    ),
    (ClipSaturation, "sigmas"): Row(  # 0.4 + 4 * 1.4826 * 0.01 = 0.4593
        "clip_saturation", lambda v: clip(np.append(swinging(0.4, 0.01), held((v, 50)))), 0.4592, 0.4594
    ),
    (ClipSaturation, "start"): Row("clip_saturation", lambda n: clip(held((0.1, n), (0.5, 80))), 10, 11),
    (ClipSaturation, "width"): Row("clip_saturation", lambda n: clip(some(n, 0.5, 0.1)), 2, 3),
    (ClipSaturation, "patience"): Row("clip_saturation", lambda n: clip(held((0.1, 20), (0.5, n))), 24, 25),
    (ComponentTakeover, "share"): Row(
        "component_takeover",
        lambda v: parts(
            style=held((0.1, 20), (0.1 + 0.5 * v, 60)),
            length=held((0.1, 20), (0.1 + 0.5 * (1.0 - v), 60)),
            tests=held((0.5, 20), (0.1, 60)),
        ),
        0.699,
        0.701,
    ),
    (ComponentTakeover, "fall"): Row(
        "component_takeover",
        lambda v: parts(style=held((0.2, 20), (0.9, 60)), tests=held((0.5, 20), (0.5 * (1.0 - v), 60))),
        0.199,
        0.201,
    ),
    (ComponentTakeover, "sigmas"): Row(  # 5 * 1.4826 * 0.02 = 0.14826
        "component_takeover", lambda v: taken_over(np.append(swinging(0.2, 0.02), held((0.2 + v, 60)))), 0.148, 0.1485
    ),
    (ComponentTakeover, "start"): Row("component_takeover", lambda n: taken_over(held((0.2, n), (0.9, 80))), 10, 11),
    (ComponentTakeover, "width"): Row("component_takeover", lambda n: taken_over(some(n, 0.9, 0.2)), 2, 3),
    (ComponentTakeover, "patience"): Row("component_takeover", lambda n: taken_over(held((0.2, 20), (0.9, n))), 19, 20),
    (IdleComponent, "still"): Row(  # of a rise of 0.5
        "component_idle",
        lambda v: style_alone(held((0.2, 10), (0.7, 40)), held((0.0, 10), (0.5 * v, 40))),
        0.101,
        0.099,
    ),
    (IdleComponent, "sigmas"): Row(  # 5 * 1.4826 * 0.02 = 0.14826
        "component_idle",
        lambda v: style_alone(np.append(swinging(0.2, 0.02)[:10], held((0.2 + v, 40)))),
        0.148,
        0.1485,
    ),
    (IdleComponent, "start"): Row("component_idle", lambda n: style_alone(held((0.2, n), (0.9, 80))), 5, 6),
    (IdleComponent, "width"): Row("component_idle", lambda n: style_alone(some(n, 0.9, 0.2)[10:]), 2, 3),
    (IdleComponent, "patience"): Row("component_idle", lambda n: style_alone(held((0.2, 10), (0.9, n))), 34, 35),
    (EntropyCollapse, "share"): Row("entropy_collapse", lambda v: entropy(held((1.0, 20), (v, 50))), 0.251, 0.249),
    (EntropyCollapse, "sigmas"): Row(  # exp(-4 * 1.4826 * 0.3) = 0.16878
        "entropy_collapse", lambda v: entropy(np.append(swinging(1.0, 0.3), held((v, 50)))), 0.169, 0.1685
    ),
    # falls by 1 % a step and so reaches a quarter at step 158.6; three bins that end beyond 158.6 / 1.25 end at 139
    (EntropyCollapse, "horizon"): Row(
        "entropy_falling", lambda n: entropy(np.exp(-0.01 * np.maximum(np.arange(n) - 20, 0))), 139, 140
    ),
    (EntropyCollapse, "start"): Row("entropy_collapse", lambda n: entropy(held((1.0, n), (0.1, 80))), 10, 11),
    (EntropyCollapse, "width"): Row("entropy_collapse", lambda n: entropy(some(n, 0.1, 1.0)), 2, 3),
    (EntropyCollapse, "patience"): Row("entropy_collapse", lambda n: entropy(held((1.0, 20), (0.1, n))), 14, 15),
    (GradientSpikes, "sigmas"): Row(  # exp(6 * 1.4826 * 0.3) = 14.42
        "gradient_spikes", lambda v: norm(np.append(np.exp(swinging(0.0, 0.3, 60)), v)), 14.4, 14.45, {"count": 1}
    ),
    (GradientSpikes, "count"): Row("gradient_spikes", lambda n: norm(held((1.0, 60), (10.0, n))), 2, 3),
    (GradientSpikes, "within"): Row(
        "gradient_spikes", lambda n: norm(held((1.0, 60), (10.0, 2), (1.0, n - 2), (10.0, 1))), 20, 19
    ),
    (GradientSpikes, "huge"): Row("gradient_outlier", lambda v: norm(held((1.0, 60), (v, 1))), 99.9, 100.1),
    (GradientSpikes, "window"): Row(  # the median is 1 once more than half of the window are ones
        "gradient_spikes", lambda n: norm(held((10.0, 60 - n), (1.0, n), (20.0, 1))), 25, 26, {"count": 1}
    ),
    (
        GroupsWithoutSignal,
        "share",
    ): Row(  # eight groups: 200 * KL(0.875, 0.8) = 3.9; ten: 9.2
        "groups_without_signal", lambda v: groups(held((v, 50))), 0.875, 0.9
    ),
    (GroupsWithoutSignal, "start"): Row("groups_without_signal", lambda n: groups(held((0.9, n))), 24, 25),
    (GroupsWithoutSignal, "width"): Row("groups_without_signal", lambda n: groups(held((0.9, n))), 24, 25),
    (GroupsWithoutSignal, "patience"): Row(
        "groups_without_signal", lambda n: groups(held((0.0, 25), (0.9, n))), 20, 25
    ),
    (KLBlowUp, "factor"): Row(
        "kl_policies_blow_up", lambda v: metrics(kl_policies=held((0.01, 60), (v, 10))), 0.0999, 0.1001
    ),
    (KLBlowUp, "floor"): Row(
        "kl_policies_blow_up", lambda v: metrics(kl_policies=held((0.001, 60), (v, 10))), 0.0499, 0.0501
    ),
    (KLBlowUp, "mismatch"): Row("kl_sampler_level", lambda v: sampler(held((0.01, 20), (v, 20))), 0.0499, 0.0501),
    (KLBlowUp, "far"): Row(
        "kl_reference_accelerating", lambda v: metrics(kl_reference=held((0.01, 60), (v, 20))), 0.499, 0.501
    ),
    (KLBlowUp, "leap"): Row(
        "kl_policies_spike", lambda v: metrics(kl_policies=held((0.1, 60), (v, 1), (0.1, 9))), 9.99, 10.01
    ),
    (KLBlowUp, "sigmas"): Row(  # exp(6 * 1.4826) = 7299.8
        "kl_policies_spike", lambda v: metrics(kl_policies=np.append(np.exp(swinging(0.0, 1.0, 60)), v)), 7297.0, 7303.0
    ),
    (KLBlowUp, "start"): Row(
        "kl_reference_accelerating",
        lambda n: metrics(kl_reference=held((0.01, n), (0.2, 20 - n), (0.01, 40), (1.0, 20))),
        10,
        11,
    ),
    (KLBlowUp, "width"): Row("kl_sampler_level", lambda n: sampler(some(n, 0.1, 0.01)), 2, 3),
    (KLBlowUp, "patience"): Row("kl_sampler_level", lambda n: sampler(held((0.01, 20), (0.1, n))), 9, 10),
    (LengthDrift, "growth"): Row(
        "length_growth",
        lambda v: metrics(length=np.concatenate([held((100, 20)), np.linspace(100, v, 60), held((v, 15))])),
        199.5,
        200.5,
    ),
    (LengthDrift, "collapse"): Row("length_collapse", lambda v: metrics(length=held((100.0, 20), (v, 50))), 33.4, 33.3),
    (LengthDrift, "truncated"): Row("truncation_rising", lambda v: cut_off(held((0.05, 20), (v, 50))), 0.199, 0.201),
    (LengthDrift, "sigmas"): Row(  # 100 * exp(-4 * 1.4826 * 0.3) = 16.878
        "length_collapse", lambda v: metrics(length=np.append(swinging(100.0, 30.0), held((v, 50)))), 16.9, 16.85
    ),
    (LengthDrift, "start"): Row("truncation_rising", lambda n: cut_off(held((0.05, n), (0.5, 80))), 10, 11),
    (LengthDrift, "width"): Row("truncation_rising", lambda n: cut_off(some(n, 0.5, 0.05)), 2, 3),
    (LengthDrift, "patience"): Row("truncation_rising", lambda n: cut_off(held((0.05, 20), (0.5, n))), 14, 15),
    (RewardSaturation, "share"): Row(
        "reward_spread_collapse", lambda v: spread(held((1.0, 20), (v, 60))), 0.101, 0.099
    ),
    (RewardSaturation, "close"): Row(
        "reward_ceiling", lambda v: metrics(reward=held((0.0, 10), (1.0, 10), (v, 40))), 0.9899, 0.9901
    ),
    (RewardSaturation, "sigmas"): Row(  # exp(-4 * 1.4826 * 0.3) = 0.16878
        "reward_spread_collapse",
        lambda v: spread(np.append(swinging(1.0, 0.3), held((v, 60)))),
        0.169,
        0.1685,
        {"share": 0.25},
    ),
    (RewardSaturation, "start"): Row("reward_spread_collapse", lambda n: spread(held((1.0, n), (0.05, 80))), 10, 11),
    (RewardSaturation, "width"): Row("reward_spread_collapse", lambda n: spread(some(n, 0.05, 1.0)), 2, 3),
    (RewardSaturation, "patience"): Row("reward_spread_collapse", lambda n: spread(held((1.0, 20), (0.05, n))), 19, 20),
    (RepeatedEvaluation, "times"): Row(
        "evaluation_repeated", repeats([0.123457, 0.234501, 0.345679], 0.456781), 1, 2, {"alpha": 0.5}
    ),
    # 40 * (2 pi 3)^(-n/2) / sqrt(n + 1) streaks by chance at half of 30 problems: 0.0106 of five, 0.0023 of six
    (RepeatedEvaluation, "alpha"): Row("evaluation_repeated", repeats([1 / 30, 7 / 30, 11 / 30, 13 / 30], 0.5), 5, 6),
    # what follows has no closed form: the values were found by halving, and move when the parameter does
    (Plateau, "margin"): Row("plateau", level, 112, 113),  # problems
    (Plateau, "group"): Row("plateau", lambda n: scores(held((0.5, n)), 5000), 15, 16, {"group": 2}),
    (Plateau, "horizon"): Row("plateau", level, 534, 535, {"horizon": 80}),
    (Disagreement, "high"): Row("near_zero", lambda v: apart(v, 0.0), 0.499, 0.501),
    (Disagreement, "low"): Row("near_zero", lambda v: apart(0.9, v), 0.051, 0.05),
    (Disagreement, "group"): Row("near_zero", lambda n: apart(0.9, 0.0, n), 1, 2, {"group": 2}),
    (LateSurge, "group"): Row("late_surge", lambda n: scores(held((0.3, 40), (0.5, n))), 1, 2, {"group": 2}),
    (LateSurge, "deviations"): Row("late_surge", surging, 0.0771, 0.0773, {"deviations": 6.0}),
    (OverOptimisation, "group"): Row("confirmed", lambda n: scores(held((0.6, 10), (0.1, n))), 1, 2, {"group": 2}),
    (OverOptimisation, "horizon"): Row("confirmed", falling, 0.0355, 0.0357, {"horizon": 24}),
    (OverOptimisation, "alpha"): Row("confirmed", falling, 0.0422, 0.0424, {"horizon": 24, "alpha": 0.01}),
    (OverOptimisation, "delta"): Row("confirmed", falling, 0.0653, 0.0655, {"horizon": 24, "delta": 0.02}),
    (OverOptimisation, "watch"): Row("watch", falling_unconfirmed, 0.0768, 0.0770),
    (OverOptimisation, "likely"): Row("likely", falling_unconfirmed, 0.1495, 0.1497, {"likely": 0.99}),
    (OverOptimisation, "margin"): Row("watch", falling_unconfirmed, 0.1065, 0.1067, {"margin": 0.02}),
}


def found(make: type[Question], row: Row, value: Any) -> list[str]:
    return [finding.kind for finding in make(**row.also).update(row.series(value))]


@pytest.mark.parametrize(("make", "name"), ROWS, ids=lambda one: getattr(one, "__name__", one))
def test_just_below_nothing_and_just_above_a_finding(make: type[Question], name: str) -> None:
    row = ROWS[make, name]
    assert row.kind not in found(make, row, row.below)
    assert row.kind in found(make, row, row.above)


def test_every_parameter_of_every_detector_has_its_row() -> None:
    tested = [make for make in DETECTORS if make is not HackRate]  # whose shares are bet on: test_hack_rate.py
    assert set(ROWS) == {(make, parameter.name) for make in tested for parameter in fields(make)}


@dataclass(frozen=True)
class Episode:
    """A level at which something is found, one at which its episode goes on, and one at which it has ended."""

    kind: str
    make: type[Question]
    series: Callable[[np.ndarray], Block]
    rest: float
    on: float
    between: float
    off: float


EPISODES = (
    Episode("clip_saturation", ClipSaturation, clip, 0.1, 0.4, 0.25, 0.23),
    Episode(
        "clip_asymmetry_lower",
        ClipSaturation,
        lambda v: metrics(clip_fraction_low=v, clip_fraction_high=np.full(len(v), 0.01)),
        0.01,
        0.06,
        0.036,
        0.034,
    ),
    Episode(
        "clip_asymmetry_lower",
        ClipSaturation,
        lambda v: metrics(clip_fraction_low=v, clip_fraction_high=np.zeros(len(v))),
        0.001,
        0.03,
        0.011,
        0.009,
    ),
    Episode("component_takeover", ComponentTakeover, taken_over, 0.2, 0.9, 0.3, 0.2),
    Episode(  # less than half of the fall that counts is left
        "component_takeover",
        ComponentTakeover,
        lambda v: parts(style=held((0.2, 20), (0.9, len(v) - 20)), tests=v),
        0.5,
        0.1,
        0.449,
        0.451,
    ),
    Episode(  # 0.7 of a rise of 1.25 is 0.8 of the share that counts
        "component_takeover",
        ComponentTakeover,
        lambda v: parts(style=held((0.2, 20), (0.9, len(v) - 20)), tests=held((0.5, 20), (0.1, len(v) - 20)), length=v),
        0.2,
        0.2,
        0.749,
        0.751,
    ),
    Episode("entropy_collapse", EntropyCollapse, entropy, 1.0, 0.2, 0.37, 0.38),
    Episode("entropy_exhausted", EntropyCollapse, entropy, 1.0, 0.04, 0.099, 0.101),
    Episode("kl_sampler_level", KLBlowUp, sampler, 0.01, 0.1, 0.036, 0.034),
    Episode("kl_policies_blow_up", KLBlowUp, lambda v: metrics(kl_policies=v), 0.01, 0.2, 0.051, 0.049),
    Episode("kl_reference_blow_up", KLBlowUp, lambda v: metrics(kl_reference=v), 0.01, 0.2, 0.051, 0.049),
    Episode("kl_reference_accelerating", KLBlowUp, lambda v: metrics(kl_reference=v), 0.01, 0.6, 0.26, 0.24),
    Episode("length_collapse", LengthDrift, lambda v: metrics(length=v), 100.0, 30.0, 49.0, 51.0),
    Episode("truncation_rising", LengthDrift, cut_off, 0.05, 0.3, 0.15, 0.13),
    Episode("reward_spread_collapse", RewardSaturation, spread, 1.0, 0.05, 0.19, 0.21),
    Episode(
        "reward_ceiling",
        RewardSaturation,
        lambda v: metrics(reward=np.concatenate([held((0.0, 10), (1.0, 10)), v])),
        0.5,
        0.999,
        0.971,
        0.969,
    ),
)


@pytest.mark.parametrize("one", EPISODES, ids=lambda one: one.kind)
def test_an_episode_ends_only_where_the_level_is_surely_off(one: Episode) -> None:
    def times(dip: float) -> int:
        value = held((one.rest, 200), (one.on, 30), (dip, 30), (one.on, 30))
        return [finding.kind for finding in one.make().update(one.series(value))].count(one.kind)

    assert times(one.between) == 1
    assert times(one.off) == 2


def test_what_comes_back_again_and_again_is_told_after_ever_longer_rests() -> None:
    def times(rest: int) -> int:
        value = held((0.1, 40), *[(0.5, 25), (0.1, rest)] * 8)
        return len(ClipSaturation().update(clip(value)))

    assert times(25) == 2  # five of its bins are off: enough for 3, too few for 6
    assert times(2000) == 8


def test_groups_are_told_once_however_often_they_agree_again() -> None:
    assert len(GroupsWithoutSignal().update(groups(held((0.5, 40), *[(0.9, 50), (0.5, 400)] * 8)))) == 1


def test_groups_that_agree_by_chance_are_not_found() -> None:
    """With one group a step the share is 0 or 1: of 59 % throughout, bins of such values are often all 1."""
    rng = np.random.default_rng(0)
    found = [bool(GroupsWithoutSignal().update(groups((rng.random(300) < 0.59) * 1.0))) for _ in range(100)]
    assert sum(found) <= 5
    assert sum(bool(GroupsWithoutSignal().update(groups((rng.random(300) < 0.98) * 1.0))) for _ in range(20)) == 20


def test_a_window_must_hold_enough_groups() -> None:
    """Three groups all alike are 0.8^3, a half; 20 are 0.8^20, 0.0115; 21 are 0.0092."""
    for points, there in ((3, False), (20, False), (21, True)):
        detector = GroupsWithoutSignal(width=1, patience=points)
        assert bool(detector.update(groups(np.ones(points)))) is there


# thresholds that are no parameters, by the name of the constant
CONSTANTS: dict[str, tuple[type[Question], Row]] = {
    "_LEAST_FACTOR": (
        GradientSpikes,
        Row("gradient_spikes", lambda v: norm(held((1.0, 60), (v, 1))), 2.99, 3.01, {"count": 1}),
    ),
    "_LEAST_SIGMA": (  # exp(10 * 0.15) = 4.482
        GradientSpikes,
        Row("gradient_spikes", lambda v: norm(held((1.0, 60), (v, 1))), 4.48, 4.49, {"count": 1, "sigmas": 10.0}),
    ),
    "_LEAST_RISE": (LengthDrift, Row("truncation_rising", lambda v: cut_off(held((0.15, 20), (v, 50))), 0.249, 0.251)),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_just_below_a_constant_nothing_and_just_above_it_a_finding(name: str) -> None:
    make, row = CONSTANTS[name]
    assert row.kind not in found(make, row, row.below)
    assert row.kind in found(make, row, row.above)


@pytest.mark.parametrize(("dip", "times"), [(151.0, 1), (149.0, 2)])
def test_growth_is_found_again_only_after_the_length_was_nearer_to_its_start(dip: float, times: int) -> None:
    grown = np.linspace(150.0, 400.0, 60)
    value = np.concatenate([held((100.0, 20)), grown, held((dip, 100)), grown])
    kinds = [finding.kind for finding in LengthDrift().update(metrics(length=value))]
    assert kinds.count("length_growth") == times


@pytest.mark.parametrize(("rest", "times"), [(0.74, 1), (0.76, 2)])
def test_a_fall_is_announced_again_only_after_the_entropy_was_at_three_times_its_floor(rest: float, times: int) -> None:
    fall = np.exp(-0.01 * np.arange(125))
    value = np.concatenate([np.ones(20), fall, held((rest, 30)), rest * fall[:96]])
    kinds = [finding.kind for finding in EntropyCollapse().update(entropy(value))]
    assert kinds.count("entropy_falling") == times
    assert "entropy_collapse" not in kinds


# a level that is the threshold itself, to the last bit
AT_THE_THRESHOLD: tuple[tuple[Question, Block], ...] = (
    (ClipSaturation(share=0.25), clip(held((0.1, 20), (0.25, 50)))),
    (ClipSaturation(ratio=4.0), metrics(clip_fraction_low=held((0.25, 70)), clip_fraction_high=held((0.0625, 70)))),
    (ClipSaturation(smallest=0.25), metrics(clip_fraction_low=held((0.25, 70)), clip_fraction_high=held((0.0, 70)))),
    (ClipSaturation(sigmas=0.0), clip(held((0.5, 70)))),
    (ComponentTakeover(fall=0.5), parts(style=held((0.2, 20), (0.9, 60)), tests=held((0.5, 20), (0.25, 60)))),
    (EntropyCollapse(), entropy(held((1.0, 20), (0.25, 50)))),
    (GroupsWithoutSignal(share=0.75), groups(held((0.75, 50)))),
    (KLBlowUp(mismatch=0.25), sampler(held((0.25, 60)))),
    (KLBlowUp(floor=0.25), metrics(kl_policies=held((0.0, 60), (0.25, 10)))),
    (KLBlowUp(factor=8.0), metrics(kl_policies=held((0.0625, 60), (0.5, 10)))),
    (KLBlowUp(far=0.5, floor=1.0), metrics(kl_reference=held((0.0, 60), (0.5, 20)))),
    (LengthDrift(collapse=0.5), metrics(length=held((100.0, 20), (50.0, 50)))),
    (LengthDrift(truncated=0.25), cut_off(held((0.0, 20), (0.25, 50)))),
    (RewardSaturation(share=0.25), spread(held((1.0, 20), (0.25, 60)))),
)


@pytest.mark.parametrize(("detector", "block"), AT_THE_THRESHOLD, ids=lambda one: type(one).__name__)
def test_at_the_threshold_itself_nothing_is_found(detector: Question, block: Block) -> None:
    assert detector.update(block) == []


def test_a_share_of_the_rise_and_a_ceiling_count_from_their_threshold_on() -> None:
    block = parts(
        style=held((0.0, 20), (0.75, 60)), length=held((0.0, 20), (0.25, 60)), tests=held((1.0, 20), (0.0, 60))
    )
    assert [one.kind for one in ComponentTakeover(share=0.75).update(block)] == ["component_takeover"]
    reward = held((0.0, 10), (4.0, 10), (3.0, 40))
    assert [one.kind for one in RewardSaturation(close=0.25).update(metrics(reward=reward))] == ["reward_ceiling"]
    bare = repeats([1 / 30, 7 / 30, 11 / 30, 13 / 30], 0.5)(3)
    assert [one.kind for one in RepeatedEvaluation(times=3, alpha=0.999).update(bare)] == ["evaluation_repeated"]


# per cent of a fall by a tenth in the log, 20 bins before the floor: what the constants of entropy allow
@pytest.mark.parametrize(("level", "found"), [(0.62, True), (0.64, False)])
def test_a_fall_is_announced_from_two_and_a_half_times_the_floor_on(level: float, found: bool) -> None:
    """The fall ends at the level, whose 2.5 times the floor of 0.25 is 0.625; the horizon is no matter."""
    fall = np.append(np.ones(20), np.geomspace(1.0, level, 45)[1:])
    value = np.append(fall, np.full(5, level))
    kinds = [one.kind for one in EntropyCollapse(width=1, patience=1, horizon=100.0).update(entropy(value))]
    assert kinds == ["entropy_falling"] * found


@pytest.mark.parametrize(("bins", "found"), [(5, False), (6, True)])
def test_a_line_to_be_drawn_on_has_six_bins(bins: int, found: bool) -> None:
    value = np.append(np.ones(20), 0.6 * 0.9 ** np.arange(bins))
    kinds = [one.kind for one in EntropyCollapse(width=1, patience=1, horizon=100.0).update(entropy(value))]
    assert kinds == ["entropy_falling"] * found


@pytest.mark.parametrize(
    ("reward", "kind"),
    [
        (0.851, "groups_saturated"),
        (0.849, "groups_without_signal"),
        (0.151, "groups_without_signal"),
        (0.149, "groups_too_hard"),
    ],
)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.1, 0.9)])
def test_a_reward_within_0_and_1_tells_the_case_near_either_end(
    reward: float, kind: str, low: float, high: float
) -> None:
    value = held((low, 5), (high, 5), (reward, 40))
    (finding,) = GroupsWithoutSignal().update(metrics(zero_variance_groups=held((0.5, 25), (0.95, 25)), reward=value))
    assert finding.kind == kind
    assert finding.evidence["reward"] == reward


@pytest.mark.parametrize(("quiet", "times"), [(18, 1), (19, 2)])
def test_an_outlier_is_news_after_as_many_points_without_one(quiet: int, times: int) -> None:
    value = held((1.0, 60), (200.0, 1), (1.0, quiet), (200.0, 1))
    assert [one.kind for one in GradientSpikes().update(norm(value))].count("gradient_outlier") == times


@pytest.mark.parametrize(("points", "found"), [(19, 0), (20, 1)])
def test_a_norm_is_judged_once_twenty_points_are_known(points: int, found: int) -> None:
    value = held((1.0, points), (200.0, 1))
    assert len(GradientSpikes().update(norm(value))) == found


@pytest.mark.parametrize(
    ("low", "high", "floor", "ceiling"),
    [
        (0.0, 0.9901, 0.0, 1.0),
        (0.5, 0.9901, 0.0, 1.0),
        (0.5, 0.9899, 0.5, 0.9899),
        (-0.1, 0.9901, -0.1, 0.9901),
        (0.5, 1.1, 0.5, 1.1),
    ],
)
def test_a_reward_within_zero_and_one_that_comes_near_one_has_one_as_its_ceiling(
    low: float, high: float, floor: float, ceiling: float
) -> None:
    (finding,) = RewardSaturation().update(metrics(reward=held((low, 20), (high, 20))))
    assert (finding.evidence["floor"], finding.evidence["ceiling"]) == (floor, ceiling)

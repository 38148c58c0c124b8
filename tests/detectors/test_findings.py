"""What a finding says, word for word and number for number, for input that is worked out by hand."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress, norm

from heldout.detectors import Block, Points, Question
from heldout.detectors.clipping import ClipSaturation
from heldout.detectors.components import ComponentTakeover
from heldout.detectors.entropy import EntropyCollapse
from heldout.detectors.gradient import GradientSpikes
from heldout.detectors.groups import GroupsWithoutSignal
from heldout.detectors.kl import KLBlowUp
from heldout.detectors.length import LengthDrift
from heldout.detectors.overoptimisation import OverOptimisation
from heldout.detectors.plateau import Plateau
from heldout.detectors.repeated import RepeatedEvaluation
from heldout.detectors.saturation import RewardSaturation
from heldout.detectors.surge import LateSurge
from heldout.findings import Finding, Severity
from heldout.run import Evaluation
from heldout.stats.gp import gp_posterior

MAD = 1.4826  # standard deviation of normal values over their median absolute deviation


def held(*parts: tuple[float, int]) -> np.ndarray:
    """Values, each held for so many points."""
    return np.concatenate([np.full(count, float(value)) for value, count in parts])


def swinging(level: float, by: float) -> np.ndarray:
    """Twenty values by turns above and below a level: their noise is 1.4826 times the swing."""
    return level + by * np.where(np.arange(20) % 2, -1.0, 1.0)


def then(start: np.ndarray, level: float, count: int = 30) -> np.ndarray:
    return np.append(start, np.full(count, level))


def metrics(**values: np.ndarray) -> Block:
    return Block({name: Points(np.arange(len(value)), value) for name, value in values.items()})


def parts(**values: np.ndarray) -> Block:
    return Block(parts={f"rewards/{name}": Points(np.arange(len(value)), value) for name, value in values.items()})


def scores(rates: np.ndarray, problems: int | None = 500, samples: float = 1.0) -> Block:
    return Block(evaluations=[Evaluation(10 * k, float(rate), problems, samples) for k, rate in enumerate(rates)])


# detector, what it is told of, kind, severity, steps, seen, against, evidence
SAID: list[tuple[Question, Block, str, Severity, tuple[int, int], str, str, dict[str, float]]] = [
    (
        ClipSaturation(),
        metrics(clip_fraction=then(swinging(0.1, 0.01), 0.4)),
        "clip_saturation",
        Severity.WARNING,
        (20, 44),
        "40 % of the tokens are clipped.",
        "At the start it was 10.0 % (noise 0.015); the threshold is 30 %, for 5 bins of 5 points in a row.",
        {"clip_fraction": 0.4, "start_level": 0.1, "threshold": 0.3},
    ),
    (
        ClipSaturation(),
        metrics(clip_fraction_low=held((0.05, 50)), clip_fraction_high=held((0.002, 50))),
        "clip_asymmetry_lower",
        Severity.NOTICE,
        (20, 49),
        "5.00 % of the tokens are clipped at the lower bound, 0.20 % at the upper.",
        "More than 5 to 1, and above 2 %, for 6 bins of 5 points in a row.",
        {"low": 0.05, "high": 0.002, "ratio": 5.0},
    ),
    (
        ComponentTakeover(),
        parts(style=then(swinging(0.2, 0.01), 0.9), tests=then(swinging(0.5, 0.02), 0.1)),
        "component_takeover",
        Severity.WATCH,
        (20, 39),
        "rewards/style rose from 0.2 to 0.9, 100 % of all that rose, while rewards/tests fell from 0.5 to 0.1.",
        "Each part against the median of its first 20 values (noise 0.015 and 0.03); 70 % of the rise and a fall of "
        "20 %, for 4 bins of 5 points in a row.",
        {"rise": 0.7, "fall": 0.4, "share_of_rise": 1.0, "rising_start": 0.2, "falling_start": 0.5},
    ),
    (
        EntropyCollapse(),
        metrics(entropy=then(swinging(2.0, 0.1), 0.4)),
        "entropy_collapse",
        Severity.WARNING,
        (20, 34),
        "The policy's entropy fell from 2 to 0.4.",
        "The floor is 25 % of 2, the median of the first 20 values (noise 0.15); 3 bins of 5 points in a row lie "
        "below.",
        {"entropy": 0.4, "start_level": 2.0, "start_noise": MAD * 0.1, "floor": 0.5},
    ),
    (
        EntropyCollapse(),
        metrics(entropy=then(swinging(-2.0, 0.1), -0.08)),
        "entropy_exhausted",
        Severity.WARNING,
        (20, 34),
        "The policy's entropy fell from 2 to 0.08.",
        "The floor is 5 % of 2, the median of the first 20 values; 3 bins of 5 points in a row lie below.",
        {"entropy": 0.08, "start_level": 2.0, "floor": 0.1},
    ),
    (  # one per cent a step from 1 on: at a quarter after 138.6 steps, within a quarter of the steps so far
        EntropyCollapse(width=1),
        metrics(entropy=np.append(np.ones(20), np.exp(-0.01 * np.arange(1, 120)))),
        "entropy_falling",
        Severity.WATCH,
        (127, 129),
        "The policy's entropy is 0.333, 33 % of where it started, and falling: its trend reaches 0.25 at about step "
        "158.",
        "The floor is 25 % of 1, the median of the first 20 values; the log-linear trend of the last 20 bins reaches "
        "it within 25 % of the steps so far.",
        {"entropy": math.exp(-1.1), "start_level": 1.0, "floor": 0.25, "arrival": 19.0 + 100.0 * math.log(4.0)},
    ),
    (
        GradientSpikes(),
        metrics(grad_norm=held((2.0, 60), (400.0, 1))),
        "gradient_outlier",
        Severity.WARNING,
        (60, 60),
        "The gradient norm is 400, 200 times its running median.",
        "Its running median is 2; a single value of 100 times that is enough.",
        {"grad_norm": 400.0, "running_median": 2.0, "factor": 200.0, "spikes": 1.0},
    ),
    (
        GradientSpikes(),
        metrics(grad_norm=held((2.0, 60), (8.0, 1), (2.0, 4), (9.0, 2))),
        "gradient_spikes",
        Severity.WATCH,
        (60, 66),
        "The gradient norm spiked 3 times within 20 points, last to 9.",
        "Its running median is 2; a spike lies above 6 (6 robust standard deviations of the logarithm over the last 50 "
        "points).",
        {"grad_norm": 9.0, "running_median": 2.0, "factor": 4.5, "spikes": 3.0},
    ),
    (
        GroupsWithoutSignal(),
        metrics(zero_variance_groups=held((0.5, 10), (0.95, 30)), reward=held((0.0, 5), (0.6, 35))),
        "groups_without_signal",
        Severity.WATCH,
        (10, 34),  # of five bins of 0.95; with one of 0.5 among them their scatter leaves too few
        "In 95 % of the groups all rewards are equal, while the reward is near neither end of its range (0.6).",
        "The threshold is 80 %, held against 5 bins of 5 points, which say as much as 475 independent groups: if that "
        "were the true share, so many would agree with a probability of at most 4e-20.",
        {"zero_variance_groups": 0.95, "threshold": 0.8, "reward": 0.6, "groups": 475.0},
    ),
    (
        KLBlowUp(),
        metrics(kl_sampler=held((0.004, 60), (0.2, 10))),
        "kl_sampler_blow_up",
        Severity.WARNING,
        (60, 69),
        "The KL divergence between trainer and sampler is at 0.2 nats, 50 times its running median, and rising faster "
        "than before.",
        "Its running median is 0.004; the threshold is 10 times that and at least 0.05, for 2 bins of 5 points in a "
        "row.",
        {"kl": 0.2, "running_median": 0.004, "factor": 10.0, "floor": 0.05},
    ),
    (
        KLBlowUp(),
        metrics(kl_policies=held((0.0, 60), (0.2, 10))),
        "kl_policies_blow_up",
        Severity.WARNING,
        (60, 69),
        "The KL divergence between old and new policy is at 0.2 nats and rising faster than before.",
        "Its running median is 0; the threshold is 10 times that and at least 0.05, for 2 bins of 5 points in a row.",
        {"kl": 0.2, "running_median": 0.0, "factor": 10.0, "floor": 0.05},
    ),
    (
        KLBlowUp(),
        metrics(kl_sampler=held((0.08, 40))),
        "kl_sampler_level",
        Severity.WATCH,
        (20, 29),
        "The KL divergence between trainer and sampler is at 0.08 nats.",
        "Above 0.05 nats the two disagree more than rounding explains; 2 bins of 5 points in a row lie above.",
        {"kl": 0.08, "threshold": 0.05},
    ),
    (  # at its fourth bin, which ends at step 119, the middle is step 59.5
        KLBlowUp(),
        metrics(kl_reference=held((0.02, 30), (0.12, 70), (0.82, 20))),
        "kl_reference_accelerating",
        Severity.WATCH,
        (100, 119),
        "The KL divergence to the reference is at 0.82 nats; it rose by 0.7 over the second half of the steps so far "
        "and by 0.1 over the first.",
        "It started at 0.02. Thresholds: 0.5 nats, 10 times the start, and a rise 2.5 times as large in the second "
        "half, for 4 bins of 5 points in a row.",
        {"kl": 0.82, "start_level": 0.02, "first_half": 0.1, "second_half": 0.7},
    ),
    (
        LengthDrift(),
        metrics(length=then(swinging(100.0, 1.0), 25.0)),
        "length_collapse",
        Severity.WATCH,
        (20, 34),
        "The length has fallen from 100 to 25, 25 % of the start.",
        "The threshold is 33 % of the median of the first 20 values (noise 1.5), for 3 bins of 5 points in a row.",
        {"length": 25.0, "start_level": 100.0, "start_noise": MAD, "threshold": 1.0 / 3.0},
    ),
    (  # a straight line of two tokens a step has no error
        LengthDrift(width=1),
        metrics(length=np.append(np.full(20, 100.0), 160.0 + 2.0 * np.arange(40))),
        "length_growth",
        Severity.NOTICE,
        (41, 43),
        "The length has grown from 100 to 206, 2.1 times, and still grows by 20 in 10 steps (95 % interval 20 to 20).",
        "The threshold is 2 times the median of the first 20 values, for 3 bins of 1 points in a row.",
        {"length": 206.0, "start_level": 100.0, "slope": 2.0, "slope_error": 0.0},
    ),
    (
        LengthDrift(),
        metrics(truncation=then(swinging(0.05, 0.01), 0.3)),
        "truncation_rising",
        Severity.WARNING,
        (20, 34),
        "30 % of the responses are cut at the length limit.",
        "At the start it was 5.0 %; the threshold is 20 %, for 3 bins of 5 points in a row.",
        {"truncation": 0.3, "start_level": 0.05, "threshold": 0.2},
    ),
    (
        RewardSaturation(),
        metrics(reward_std=then(swinging(2.0, 0.1), 0.1)),
        "reward_spread_collapse",
        Severity.WATCH,
        (20, 39),
        "The spread of the reward fell from 2 to 0.1.",
        "The floor is 10 % of 2, the median of the first 20 values (noise 0.15); 4 bins of 5 points in a row lie "
        "below.",
        {"reward_std": 0.1, "start_level": 2.0, "start_noise": MAD * 0.1, "floor": 0.2},
    ),
    (
        RewardSaturation(),
        metrics(reward=held((-2.0, 10), (0.0, 20), (3.0, 10), (2.96, 10))),
        "reward_ceiling",
        Severity.NOTICE,
        (45, 49),
        "The reward stayed at 2.96, within 0.04 of its ceiling of 3.",
        "4 bins of 5 points in a row within 1 % of the range -2 to 3.",
        {"reward": 2.96, "ceiling": 3.0, "floor": -2.0, "close": 0.01},
    ),
    (  # no number of problems up to 2000 explains these: a grid of variance 10^4, 40 / (2 pi 10^4) / sqrt(3) streaks
        RepeatedEvaluation(),
        metrics(held_out=np.array([0.123457, 0.234501, 0.345679, 0.456781, 0.456781, 0.456781])),
        "evaluation_repeated",
        Severity.WATCH,
        (3, 5),
        "3 evaluations in a row, at steps 3 to 5, gave exactly 0.456781.",
        "At least 2 repetitions, and fewer than 0.01 such streaks expected by chance in a run: 0.0004 are.",
        {"value": 0.456781, "repetitions": 2.0, "expected_by_chance": 40.0 / (2e4 * math.pi) / math.sqrt(3.0)},
    ),
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[2])
def test_a_finding_says_where_what_and_against_what(said: tuple[Any, ...]) -> None:
    detector, block, kind, severity, steps, seen, against, evidence = said
    finding: Finding = next(finding for finding in detector.update(block) if finding.kind == kind)
    assert (finding.severity, finding.steps, finding.step) == (severity, steps, steps[1])
    assert (finding.seen, finding.against) == (seen, against)
    assert finding.evidence == pytest.approx(evidence)


def test_the_growth_of_length_comes_with_the_interval_of_least_squares() -> None:
    value = np.append(np.full(20, 100.0), 160.0 + 2.0 * np.arange(30) + 3.0 * np.where(np.arange(30) % 2, -1.0, 1.0))
    (finding,) = LengthDrift(width=1).update(metrics(length=value))
    last = slice(max(20, finding.step - 19), finding.step + 1)
    line = linregress(np.arange(50)[last], value[last])
    assert finding.evidence["slope"] == pytest.approx(line.slope)
    assert finding.evidence["slope_error"] == pytest.approx(line.stderr)
    low, high = (10.0 * (line.slope + z * line.stderr) for z in norm.ppf([0.025, 0.975]))
    assert f"by {10.0 * line.slope:.3g} in 10 steps (95 % interval {low:.3g} to {high:.3g})" in finding.seen


def test_a_plateau_comes_with_the_interval_of_two_one_sided_tests() -> None:
    # two problems leave so much to noise that even a steep rise is within a margin of 95 points
    finding = Plateau(margin=95.0).update(scores(np.linspace(0.1, 0.9, 8), 2))[0]
    change, sd = finding.evidence["change"], finding.evidence["sd"]
    low, high = (100.0 * (change + z * sd) for z in norm.ppf([0.05, 0.95]))
    said = f"by less than {high:.1f} points per quarter of the run (90 % interval {low:.1f} to {high:.1f})."
    assert finding.seen == f"From step 0 to 70 the held-out score changed {said}"
    assert finding.against == "A change of 95.0 points either way, which the interval rules out."
    assert (finding.steps, finding.evidence["margin"]) == ((0, 70), 0.95)
    assert 10.0 < 100.0 * change < high < 95.0


def test_a_surge_says_from_where_to_where_in_per_cent() -> None:
    rates = np.concatenate([np.full(24, 0.4), np.linspace(0.4, 0.6, 8), np.full(4, 0.6)])
    finding = LateSurge().update(scores(rates, 10**5))[0]
    said = re.search(r"has risen from ([\d.]+) % to ([\d.]+) %", finding.seen)
    assert said is not None
    before, after = map(float, said.groups())
    assert before == pytest.approx(40.0, abs=0.2)
    assert after == pytest.approx(100.0 * rates[finding.step // 10], abs=2.5)
    assert after - before == pytest.approx(100.0 * finding.evidence["gain"], abs=0.1)


def test_a_fall_comes_with_its_interval_and_the_boundary_that_it_is_held_against() -> None:
    detector = OverOptimisation(horizon=24)
    finding = detector.update(scores(np.concatenate([np.full(12, 0.5), np.linspace(0.5, 0.3, 12)])))[-1]
    look = next(look for look in detector.looks if look.step == finding.step)
    low, high = (100.0 * (look.drop + z * look.drop_sd) for z in norm.ppf([0.025, 0.975]))
    since = f"by {100.0 * look.drop:.1f} points since step {look.peak_step} (95 % interval {low:.1f} to {high:.1f})."
    assert finding.seen == f"By step {look.step} the held-out score has fallen {since}"
    assert finding.steps == (look.peak_step, look.step)
    assert finding.evidence["statistic"] >= finding.evidence["bound"] == look.bound


@pytest.mark.parametrize(("evaluations", "each"), [(60, 1), (61, 2), (121, 3)])
def test_a_long_history_is_averaged_backwards_for_the_posterior(evaluations: int, each: int) -> None:
    rates = 0.5 + 0.05 * np.sin(np.arange(evaluations) / 9.0)
    detector = OverOptimisation(horizon=evaluations)
    detector.update(scores(rates, 400))
    look, noise = detector.looks[-1], detector.evidence.noise() * detector.looks[-1].inflation
    first = evaluations % each or each
    means = np.array([rates[:first].mean(), *(rates[at : at + each].mean() for at in range(first, evaluations, each))])
    posterior = gp_posterior(means, noise / each)
    assert look.probability == pytest.approx(posterior.p_drop(0.005))
    drop, sd = posterior.difference((look.peak + each - first) // each, len(means) - 1)
    assert (look.drop, look.drop_sd) == (pytest.approx(float(drop)), pytest.approx(float(sd)))

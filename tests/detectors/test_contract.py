"""What every registered detector must do, whatever it looks for."""

from __future__ import annotations

import itertools
import re
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.detectors import DETECTORS, HackRate, HeldOut, Question, Signal
from heldout.detectors.base import Block, Points, fold
from heldout.detectors.gradient import GradientSpikes
from heldout.detectors.question import as_markdown
from heldout.run import Evaluation

PAGE = Path(__file__).parents[2] / "docs" / "detectors.md"
SIGNALS = tuple(make for make in DETECTORS if issubclass(make, Signal))
METRICS = sorted({name for make in SIGNALS for name in make.needs} | {"reward"})
PARTS = ("rewards/format/mean", "rewards/tests/mean")


def restless(seed: int, steps: Any = 160) -> Any:
    """A run in which everything that is looked for happens, at random, with gaps and NaN."""
    rng = np.random.default_rng(seed)
    step = np.cumsum(rng.integers(1, 4, steps))

    def metric() -> Any:
        jumps = np.repeat(rng.choice([0.0, 0.02, 0.3, 0.95, 30.0], 8), -(-steps // 8))[:steps]
        value = jumps * (1.0 + 0.05 * rng.normal(size=steps) * rng.integers(0, 2))
        value[rng.random(steps) < 0.03] = np.nan
        here = rng.random(steps) < rng.choice([0.4, 1.0], p=[0.2, 0.8])
        return Points(step[here], value[here])

    rising, still = Points(step, np.linspace(0.0, 40.0, steps)), Points(step, np.zeros(steps))
    parts = {name: metric() for name in PARTS} | {"rewards/style/mean": rising, "rewards/right/mean": still}
    return Block({name: metric() for name in METRICS}, parts)


def cut(block: Any, ends: Any) -> Any:
    """The same run in blocks that end at the given steps."""
    blocks, after = [], -1
    for end in [*sorted(ends), 10**9]:

        def inside(points: Any, after: Any = after, end: Any = end) -> Any:
            chosen = (points.step > after) & (points.step <= end)
            return Points(points.step[chosen], points.value[chosen])

        metrics = {name: inside(points) for name, points in block.metrics.items()}
        parts = {name: inside(points) for name, points in block.parts.items()}
        kept = Block({k: p for k, p in metrics.items() if len(p.step)}, {k: p for k, p in parts.items() if len(p.step)})
        blocks.append(kept)
        after = end
    return blocks


def run_over(detector: Any, blocks: Any) -> Any:
    return [finding for block in blocks for finding in detector.update(block)]


def test_names_are_unique_and_each_detector_is_of_one_kind() -> None:
    assert len({make.name for make in DETECTORS}) == len(set(DETECTORS)) == len(DETECTORS)
    assert all(sum(issubclass(make, one) for one in (HeldOut, HackRate, Signal)) == 1 for make in DETECTORS)


def test_the_page_of_detectors_is_fresh_and_has_them_all() -> None:
    page = as_markdown(DETECTORS)
    assert PAGE.read_text() == page, "heldout detectors > docs/detectors.md"
    assert all(f"## {make.__name__}\n\n**" in page for make in DETECTORS)


@pytest.mark.parametrize("make", DETECTORS)
def test_the_docstring_tells_question_weakness_kinds_and_measured_false_alarms(make: type[Question]) -> None:
    text = " ".join((make.__doc__ or "").split())
    assert text.partition("?")[1]
    assert "What it cannot see: " in text
    assert re.search(r"False alarms: (?:none|[\d.]+ %) \([^)]*simulated|False alarms: [\d.]+ % \(\d+ of \d+", text)


@pytest.mark.parametrize("make", DETECTORS)
def test_repr_tells_all_parameters_and_makes_the_same_detector(make: type[Question]) -> None:
    again = eval(repr(make()), {make.__name__: make})
    for parameter in fields(make):
        assert f"{parameter.name}={parameter.default!r}" in repr(make())
        assert getattr(again, parameter.name) == parameter.default
        hash(parameter.default)  # shared by all that are made, so it must never change


@pytest.mark.parametrize("make", DETECTORS)
def test_wrong_parameters_are_named_with_value_and_bound(make: type[Question]) -> None:
    for parameter in fields(make):
        for wrong in (-1, float("nan"), "many") if "float" in str(parameter.type) else (-1, 2.5, True):
            with pytest.raises(ValueError, match=rf"^{parameter.name} is {wrong!r}; it must be .+\.$"):
                make(**{parameter.name: wrong})


@pytest.mark.parametrize("make", DETECTORS)
def test_unknown_parameters_are_named(make: type[Question]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'treshold'"):
        make(treshold=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize("make", [make for make in DETECTORS if issubclass(make, HeldOut)])
@given(seed=st.integers(0, 50), ends=st.lists(st.integers(0, 30), max_size=6))
@settings(max_examples=8, deadline=None)
def test_findings_on_the_held_out_score_do_not_depend_on_the_cuts(make: type[Question], seed: int, ends: Any) -> None:
    rng = np.random.default_rng(seed)
    rates = np.clip(0.5 + rng.normal(0.0, 0.03, 30).cumsum(), 0.02, 0.98)
    run = [Evaluation(10 * k, float(rate), 1000, 1.0) for k, rate in enumerate(rates)]
    edges = [0, *sorted(ends), 30]
    blocks = [Block(evaluations=run[a:b]) for a, b in itertools.pairwise(edges)]
    assert run_over(make(), blocks) == run_over(make(), [Block(evaluations=run)])


@pytest.mark.parametrize("make", SIGNALS)
@given(seed=st.integers(0, 10**6), ends=st.lists(st.integers(0, 350), max_size=12))
@settings(max_examples=25, deadline=None)
def test_findings_do_not_depend_on_the_cuts(make: Any, seed: int, ends: Any) -> None:
    run = restless(seed)
    assert run_over(make(), cut(run, ends)) == run_over(make(), [run])


@pytest.mark.parametrize("make", SIGNALS)
@pytest.mark.parametrize("seed", range(6))
def test_one_step_at_a_time_gives_the_same_findings(make: Any, seed: int) -> None:
    run = restless(seed)
    assert run_over(make(), cut(run, range(350))) == run_over(make(), [run])


@pytest.mark.parametrize("make", SIGNALS)
def test_the_restless_run_has_findings_at_all(make: Any) -> None:
    assert any(run_over(make(), [restless(seed)]) for seed in range(40))


@pytest.mark.parametrize("make", SIGNALS)
@pytest.mark.parametrize("value", [0.0, 0.5, -3.0, 1.0])
@pytest.mark.parametrize("steps", [0, 1, 3, 19, 21])
def test_tiny_and_constant_input_gives_no_finding_and_no_warning(make: Any, value: float, steps: int) -> None:
    points = Points(np.arange(steps), np.full(steps, value))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = make().update(Block({name: points for name in METRICS if steps}, dict.fromkeys(PARTS, points)))
        assert make().update(Block()) == []
    # a constant can be a fault from the first step on: those that have an absolute threshold may say so
    faults = {"kl_sampler_level", "evaluation_repeated", "groups_saturated", "groups_too_hard", "groups_without_signal"}
    assert {finding.kind for finding in found} <= (faults if steps > 9 else {"evaluation_repeated"})


@pytest.mark.parametrize("make", SIGNALS)
def test_all_nan_gives_nothing_but_the_nan_itself(make: Any) -> None:
    points = Points(np.arange(60), np.full(60, np.nan))
    found = make().update(Block(dict.fromkeys(METRICS, points), dict.fromkeys(PARTS, points)))
    assert [finding.kind for finding in found] == ["gradient_not_finite"] * (make is GradientSpikes)


@pytest.mark.parametrize("make", SIGNALS)
def test_findings_are_complete_and_carefully_worded(make: Any) -> None:
    found = [finding for seed in range(40) for finding in make().update(restless(seed))]
    for finding in found:
        words = " ".join([finding.seen, finding.against, finding.means, finding.advice])
        assert finding.detector == make.name
        assert finding.steps[0] <= finding.steps[1] == finding.step
        assert finding.seen
        assert finding.against
        assert finding.advice
        assert "no evidence about what the model can do" in finding.means
        assert finding.evidence
        assert all(isinstance(value, float) for value in finding.evidence.values())
        assert not any(word in words.lower() for word in ("hack", "over-opt", "overopt", "gaming"))
        assert "  " not in words
        assert "nan" not in finding.seen.split()


@pytest.mark.parametrize("make", SIGNALS)
def test_findings_come_in_order_of_steps(make: Any) -> None:
    for seed in range(20):
        steps = [finding.step for finding in make().update(restless(seed))]
        assert steps == sorted(steps)


@pytest.mark.parametrize("make", SIGNALS)
def test_healthy_runs_are_quiet(make: Any) -> None:
    assert not fold([make()], [healthy(seed) for seed in range(1)])
    alarmed = sum(bool(make().update(healthy(seed))) for seed in range(60))
    assert alarmed <= 4  # at 2 % a run, more are seen in less than one of a hundred such tests


def healthy(seed: int, steps: Any = 300) -> Any:
    """Autocorrelated noise round a flat, a drifting or an improving level."""
    rng = np.random.default_rng(10_000 + seed)
    way = seed % 3
    time = np.linspace(0.0, 1.0, steps)
    rise = (0.0 * time, time, (1.0 - np.exp(-time / 0.5)) / (1.0 - np.exp(-2.0)))[way]

    def noise(sd: Any) -> Any:
        phi = rng.uniform(0.5, 0.95)
        shocks = rng.normal(0.0, sd * np.sqrt(1.0 - phi**2), steps)
        value = [rng.normal(0.0, sd)]
        for shock in shocks[1:]:
            value.append(phi * value[-1] + shock)
        return np.array(value)

    clipped = 0.05 * (1.0 + rise) * np.exp(noise(0.3))
    low = np.clip(0.5 + noise(0.05), 0.2, 0.8)
    reward = np.clip(0.3 + 0.3 * rise + noise(0.05), 0.02, 0.98)
    metrics = {
        "entropy": np.exp(-0.9 * rise + noise(0.15)),
        "kl_reference": (1e-3 + 0.1 * rise) * np.exp(noise(0.3)),
        "kl_policies": 3e-3 * np.exp(noise(0.4)),
        "kl_sampler": 1e-3 * np.exp(noise(0.4)),
        "clip_fraction": clipped,
        "clip_fraction_low": low * clipped,
        "clip_fraction_high": (1.0 - low) * clipped,
        "grad_norm": 0.3 * np.exp(noise(0.4) - 0.5 * rise),
        "zero_variance_groups": np.clip(0.4 + 0.2 * rise + noise(0.06), 0.0, 1.0),
        "length": 300.0 * np.exp(0.4 * rise + noise(0.08)),
        "truncation": np.clip(0.05 + noise(0.02), 0.0, 1.0),
        "reward": reward,
        "reward_std": np.sqrt(reward * (1.0 - reward)) * np.exp(noise(0.1)),
    }
    step = np.arange(steps)
    points = {name: Points(step, value) for name, value in metrics.items()}
    points["held_out"] = Points(step[::10], rng.binomial(256, 0.4 + 0.1 * rise[::10]) / 256)
    parts = {
        PARTS[0]: Points(step, np.clip(0.8 + 0.1 * rise + noise(0.03), 0.0, 1.0)),
        PARTS[1]: Points(step, reward),
    }
    return Block(points, parts)

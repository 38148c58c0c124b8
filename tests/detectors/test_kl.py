"""The three divergences, each on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from heldout.detectors.base import Block, Points
from heldout.detectors.kl import KLBlowUp


def found(**values: Any) -> Any:
    points = {name: Points(np.arange(len(value)), np.asarray(value, dtype=float)) for name, value in values.items()}
    return KLBlowUp().update(Block(points))


STEP = np.arange(200)


@pytest.mark.parametrize("name", ["kl_reference", "kl_policies", "kl_sampler"])
def test_a_blow_up_is_found_and_named(name: str) -> None:
    value = np.where(STEP < 100, 0.004, 0.004 * np.exp((STEP - 100) / 10.0))
    kinds = [finding.kind for finding in found(**{name: value})]
    assert f"{name}_blow_up" in kinds
    assert kinds.count(f"{name}_blow_up") <= 2
    assert all(kind.startswith(name) for kind in kinds)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.5])
def test_steady_growth_is_quiet(power: Any) -> None:
    assert found(kl_reference=1e-5 + 3.0 * (STEP / 200.0) ** power) == []


def test_growth_that_bends_upward_is_acceleration() -> None:
    kinds = [finding.kind for finding in found(kl_reference=0.02 + 4.0 * (STEP / 200.0) ** 3)]
    assert kinds == ["kl_reference_accelerating"]


def test_a_rise_from_nearly_zero_to_little_is_quiet() -> None:
    assert found(kl_policies=np.where(STEP < 60, 1e-7, 0.01)) == []


def test_trainer_and_sampler_that_disagree_from_the_start_are_told_once() -> None:
    (finding,) = found(kl_sampler=np.full(200, 0.08))
    assert finding.kind == "kl_sampler_level"
    assert "0.08 nats" in finding.seen


def test_the_three_advise_differently() -> None:
    value = np.where(STEP < 100, 0.004, 0.9)
    findings = found(kl_reference=value, kl_policies=value, kl_sampler=value)
    blown = [finding for finding in findings if finding.kind.endswith("blow_up")]
    assert len({finding.advice for finding in blown}) == len({finding.means for finding in blown}) == 3


def test_growth_that_slows_down_is_no_blow_up_however_high_it_leads() -> None:
    def found(*levels: float) -> list[str]:
        value = np.concatenate([np.full(220, 0.01), np.repeat(levels, 5)])
        block = Block({"kl_policies": Points(np.arange(len(value)), value)})
        kinds = [finding.kind for finding in KLBlowUp(patience=5).update(block)]
        return [kind for kind in kinds if kind.endswith("blow_up")]

    # all five bins lie far above ten times the median and rise; only in the first row each rise is larger than the last
    assert found(0.3, 0.6, 1.2, 2.4, 4.8) == ["kl_policies_blow_up"]
    assert found(0.3, 0.5, 0.6, 0.65, 0.68) == []


def test_acceleration_is_a_second_half_that_rose_more_than_2_5_times_as_much() -> None:
    def found(middle: float) -> list[str]:
        value = np.concatenate([np.full(20, 0.01), np.full(80, middle), np.full(20, 1.0)])
        block = Block({"kl_reference": Points(np.arange(len(value)), value)})
        return [finding.kind for finding in KLBlowUp(factor=1.5).update(block)]

    # 1 - m against 2.5 (m - 0.01) gives m = 0.2929
    assert "kl_reference_accelerating" in found(0.292)
    assert "kl_reference_accelerating" not in found(0.294)


@pytest.mark.parametrize("steps", [300, 700])
def test_the_middle_of_a_long_run_is_known_although_few_values_are_kept(steps: int) -> None:
    # over the second half of the steps a cubic rises seven times as much as over the first
    value = 0.01 + 4.0 * (np.arange(steps) / steps) ** 3
    detector = KLBlowUp(width=1, factor=150.0, floor=100.0)
    (finding,) = detector.update(Block({"kl_reference": Points(np.arange(steps), value)}))
    assert finding.kind == "kl_reference_accelerating"
    middle = finding.step // 2
    nearest = value[middle - 8 : middle + 9] - value[:20].mean()
    assert nearest.min() <= finding.evidence["first_half"] <= nearest.max()
    assert finding.evidence["first_half"] + finding.evidence["second_half"] == pytest.approx(
        value[finding.step] - float(np.median(value[:20]))
    )
    kept = [step for step, _ in detector._marks]
    assert len(kept) <= 64
    assert len(set(np.diff(kept))) == 1


@pytest.mark.parametrize("name", ["kl_reference", "kl_policies", "kl_sampler"])
@pytest.mark.parametrize("long", [1, 2, 4])
def test_a_leap_by_orders_of_magnitude_is_a_finding_at_its_first_step(name: str, long: int) -> None:
    value = np.full(200, 0.025)
    value[150 : 150 + long] = 4e6
    (finding,) = found(**{name: value})
    assert (finding.kind, finding.steps) == (f"{name}_spike", (150, 150))
    assert "leapt to 4e+06 nats, 1.6e+08 times its running median" in finding.seen


def test_a_leap_of_an_estimator_that_goes_below_zero_counts_by_its_size() -> None:
    value = np.where(STEP % 2, 0.02, -0.02)
    value[120] = -900.0
    (finding,) = found(kl_policies=value)
    assert finding.kind == "kl_policies_spike"


def test_a_rise_from_nearly_zero_and_ten_times_the_usual_are_no_leaps() -> None:
    assert found(kl_policies=np.where(STEP == 100, 0.45, 1e-9)) == []
    assert found(kl_reference=np.where(STEP == 100, 4.0, 0.1)) == []


def test_leaps_among_values_that_vary_by_orders_of_magnitude_are_usual() -> None:
    value = np.exp(1.2 * np.random.default_rng(3).normal(size=(40, 400)))
    assert sum(any(one.kind.endswith("spike") for one in found(kl_reference=row)) for row in value) <= 2


@pytest.mark.parametrize(("between", "times"), [(1.01, 1), (0.99, 2)])
def test_a_leap_is_over_below_half_of_its_bound(between: float, times: int) -> None:
    value = np.concatenate([np.full(60, 0.02), [9.0, between, 9.0], np.full(60, 0.02)])
    assert [finding.kind for finding in found(kl_policies=value)] == ["kl_policies_spike"] * times


def test_leaps_that_keep_coming_are_told_a_few_times() -> None:
    value = np.where(np.arange(400) % 25 == 24, 50.0, 0.02)
    kinds = [finding.kind for finding in found(kl_sampler=value)]
    assert 2 <= kinds.count("kl_sampler_spike") <= 6

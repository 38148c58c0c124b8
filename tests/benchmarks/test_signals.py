"""Healthy runs for counting false alarms: they are what they are said to be, and what is counted are runs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.signals import COURSES, FAMILIES, Wrong, healthy, of_scores, of_signals
from heldout.detectors import DETECTORS, Block, Signal

SIGNALS = [make for make in DETECTORS if issubclass(make, Signal)]


def test_a_healthy_run_has_every_metric_and_the_same_seed_gives_the_same() -> None:
    block = healthy(4)
    needed = {name for make in SIGNALS for name in make.needs} - {"reward_component"}
    assert needed <= block.metrics.keys()
    assert len(block.parts) == 3
    assert np.array_equal(block.metrics["entropy"].value, healthy(4).metrics["entropy"].value)
    assert not np.array_equal(block.metrics["reward"].value[:200], healthy(4, seed=1).metrics["reward"].value[:200])
    assert {200 <= len(healthy(number).metrics["reward"].step) <= 1000 for number in range(20)} == {True}


@pytest.mark.parametrize("name", ["clip_fraction", "clip_fraction_low", "zero_variance_groups", "truncation", "reward"])
def test_what_is_a_share_stays_one(name: str) -> None:
    value = np.concatenate([healthy(number).metrics[name].value for number in range(30)])
    assert 0.0 <= value.min() < value.max() <= 1.0


def test_only_what_is_not_flat_moves_its_level() -> None:
    def fallen(course: int) -> float:
        """How far the logarithm of the entropy has fallen over runs of one course, on average."""
        blocks = [healthy(number, steps=400) for number in range(course, 90, len(COURSES))]
        values = [np.log(block.metrics["entropy"].value) for block in blocks]
        return float(np.mean([value[:20].mean() - value[-20:].mean() for value in values]))

    # the course reaches 0.65 on average, and the fall is 0.9 of it; the 20 steps at the ends take a little of that
    assert abs(fallen(0)) < 0.1
    assert fallen(1) == pytest.approx(0.9 * 0.65, abs=0.12)
    assert fallen(2) == pytest.approx(0.9 * 0.65, abs=0.12)


def test_what_is_counted_are_runs_by_kind_and_course() -> None:
    counted = of_signals(30, 0)
    assert [one.runs for one in counted[:4]] == [30, 10, 10, 10]
    assert {one.detector for one in counted} == {make.name for make in SIGNALS}
    for whole in (one for one in counted if one.of == "all"):
        of_course = [o for o in counted if (o.detector, o.kind) == (whole.detector, whole.kind) and o.of != "all"]
        assert whole.found == sum(one.found for one in of_course) <= 3
    assert Wrong("a", "", "all", 20, 2000).percent == "1.00 ±0.22"
    assert Wrong("a", "", "all", 0, 2000).error == pytest.approx(math.sqrt(1 / 2000 * 1999 / 2000 / 2000))


def test_plateaus_and_surges_are_counted_over_the_families() -> None:
    plateau, false, right = of_scores(2, 0)
    assert (plateau.runs, false.runs, right.runs) == (2 * len(FAMILIES), 2 * (len(FAMILIES) - 1), 2)
    assert plateau.found <= 4
    assert false.found <= 2


@pytest.mark.parametrize("make", SIGNALS)
def test_healthy_runs_are_quiet(make: type[Signal]) -> None:
    blocks: list[Block] = [healthy(number, seed=1, steps=300) for number in range(60)]
    assert sum(bool(make().update(block)) for block in blocks) <= 4  # at 2 % a run, more are seen once in a hundred

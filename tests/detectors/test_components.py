"""Parts of the reward: one that takes over while another falls."""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.components import ComponentTakeover


def found(**ends: tuple[float, float]) -> Any:
    rng = np.random.default_rng(0)
    parts = {
        f"rewards/{name}": Points(np.arange(200), np.linspace(*end, 200) + 0.01 * rng.normal(size=200))
        for name, end in ends.items()
    }
    return ComponentTakeover().update(Block(parts=parts))


def test_a_takeover_names_both_parts() -> None:
    (finding,) = found(style=(0.2, 0.9), tests=(0.5, 0.1), format=(0.9, 0.9))
    assert finding.kind == "component_takeover"
    assert "rewards/style rose" in finding.seen
    assert "rewards/tests fell" in finding.seen


def test_all_that_rise_together_are_quiet() -> None:
    assert found(style=(0.2, 0.9), tests=(0.1, 0.5)) == []


def test_a_slight_fall_is_quiet() -> None:
    assert found(style=(0.2, 0.9), tests=(0.5, 0.45)) == []


def test_spreads_and_sums_are_no_parts() -> None:
    assert found(**{"tests/mean": (0.2, 0.9), "tests/std": (0.5, 0.1), "total_reward": (0.9, 0.1)}) == []

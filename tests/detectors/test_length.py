"""Length: growth, collapse, truncation."""

from __future__ import annotations

from typing import Any

import numpy as np

from heldout.detectors.base import Block, Points
from heldout.detectors.length import LengthDrift
from heldout.findings import Severity


def found(**values: Any) -> Any:
    points = {name: Points(np.arange(len(value)), np.asarray(value, dtype=float)) for name, value in values.items()}
    return LengthDrift().update(Block(points))


NOISE = np.exp(0.05 * np.random.default_rng(0).normal(size=300))


def test_growth_is_a_notice_with_its_slope() -> None:
    (finding,) = found(length=NOISE * np.linspace(100.0, 400.0, 300))
    assert (finding.kind, finding.severity) == ("length_growth", Severity.NOTICE)
    assert abs(finding.evidence["slope"] - 300.0 / 299.0) < 0.4
    assert "95 % interval" in finding.seen


def test_growth_by_half_is_quiet() -> None:
    assert found(length=NOISE * np.linspace(100.0, 160.0, 300)) == []


def test_collapse_is_watched() -> None:
    (finding,) = found(length=NOISE * np.linspace(400.0, 50.0, 300))
    assert (finding.kind, finding.severity) == ("length_collapse", Severity.WATCH)


def test_truncation_is_a_warning_only_if_it_rises() -> None:
    (finding,) = found(truncation=np.linspace(0.0, 0.5, 300))
    assert (finding.kind, finding.severity) == ("truncation_rising", Severity.WARNING)
    assert found(truncation=np.full(300, 0.5)) == []
    assert found(truncation=np.linspace(0.5, 0.1, 300)) == []

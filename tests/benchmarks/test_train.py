"""What the benchmark of training says of its measurements."""

from __future__ import annotations

from benchmarks.train import STAGES, Measured, overhead


def measured(kind: str, *cpus: float) -> Measured:
    return Measured(kind, cpus[0], 1.0, cpus, dict.fromkeys(STAGES, 0.0) | {"recording": 0.005})


def test_the_overhead_is_the_median_of_the_turns_and_their_range_is_told() -> None:
    bare, ours = measured("bare", 1.0, 2.0, 1.0), measured("ours", 1.01, 2.2, 0.98)
    told = overhead(bare, ours)
    assert "costs +1.0 % of CPU (-2.0 to +10.0 % in single turns)" in told
    assert "Recording took 0.50 % of the time." in told
    assert "single turns" not in overhead(measured("bare", 1.0), measured("ours", 1.0))

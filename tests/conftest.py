"""What several tests share: where real logs may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_RUNS = Path(__file__).parents[2] / "shared" / "runs"


@pytest.fixture(scope="session")
def real_runs() -> Path:
    """The folder of other people's logs beside the checkout; tests that want it skip where it is absent."""
    if not REAL_RUNS.is_dir():
        pytest.skip(f"no real logs at {REAL_RUNS}")
    return REAL_RUNS

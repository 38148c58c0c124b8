"""Two real runs, read off published charts, and the setting for property tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

settings.register_profile("stats", deadline=None, derandomize=True, max_examples=60, database=None)
settings.load_profile("stats")

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Kimi:
    """Token length and pass rate (percent) of one run, every 10 steps."""

    step: FloatArray
    tokens: FloatArray
    rate: FloatArray


@dataclass(frozen=True)
class DeepSeek:
    """Smoothed reward and test pass@1 of one run, at different and uneven steps."""

    reward_step: FloatArray
    reward: FloatArray
    rate_step: FloatArray
    rate: FloatArray


@pytest.fixture
def kimi() -> Kimi:
    tokens = [6480, 7180, 6420, 6680, 6900, 6880, 6720, 6750, 7050, 7080, 6850]
    tokens += [7050, 7070, 7050, 7550, 7550, 8300, 7980, 8550, 7980, 8400]
    rate = [24.5, 26.5, 26.2, 25.0, 26.2, 27.8, 27.0, 25.8, 29.2, 29.5, 31.2]
    rate += [28.2, 29.2, 28.8, 28.0, 29.2, 33.2, 31.0, 34.0, 31.0, 32.5]
    return Kimi(np.arange(0.0, 201.0, 10.0), np.array(tokens, dtype=np.float64), np.array(rate))


@pytest.fixture
def deepseek() -> DeepSeek:
    return DeepSeek(
        np.array([0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 650.0, 700.0]),
        np.array([3.52, 3.55, 4.00, 4.15, 4.05, 4.10, 4.45, 4.65, 4.30]),
        np.array([50.0, 150.0, 250.0, 350.0, 450.0, 550.0, 600.0, 700.0]),
        np.array([0.338, 0.345, 0.335, 0.348, 0.340, 0.320, 0.338, 0.290]),
    )

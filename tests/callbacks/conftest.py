"""What the tests of callbacks share: tiny trainers, and no network."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tiny_trainer import maker


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"


@pytest.fixture
def grpo(tiny: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes a GRPO trainer."""
    return partial(tiny, "GRPO")


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes a trainer of TRL, of the kind that is named."""
    pytest.importorskip("trl")
    return maker(tmp_path)

"""Whether a run has ended: by the last word of what wrote it, else by the last step planned, else nobody knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.compare.members import has_ended
from heldout.run import Run, Series


def test_a_recorded_run_goes_on_until_its_last_word(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "run", config={"steps": 2}, rank=0) as recorder:
        for step in (1, 2):
            recorder.log(step, {"reward": 0.5})
        assert not has_ended(heldout.read(tmp_path / "run"))
    assert has_ended(heldout.read(tmp_path / "run"))


@pytest.mark.parametrize(
    ("config", "ended"), [({"max_steps": 9}, True), ({"max_steps": 10}, False), ({"max_steps": 5}, False), ({}, False)]
)
def test_a_log_that_nobody_signed_has_ended_at_the_last_step_planned(config: dict[str, int], ended: bool) -> None:
    steps = np.arange(1, 10)
    run = Run("r", "nowhere", "test", {"reward": Series("reward", steps, steps / 10.0)}, {"reward": "reward"})
    assert has_ended(replace(run, config=config)) is ended

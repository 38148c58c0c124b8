"""From the alert to the better run, as docs/guard.md has it: told, stopped, gone on from the kept checkpoint."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_trainer import hackable, measured

import heldout
from benchmarks.receiver import Receiver, receiving
from heldout.live import Rules
from heldout.live.alerts import alert_of
from heldout.store.writer import writer_of

pytest.importorskip("trl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

from heldout.callbacks import HeldoutCallback  # noqa: E402


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def test_a_hack_is_told_stopped_and_gone_back_from(
    tmp_path: Path, grpo: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", receiver.url)
    where, whole = tmp_path / "run", {"save_only_model": False, "max_steps": 20}
    falling = measured(lambda step: 0.6 + 0.02 * step if step <= 8 else 0.76 - 0.1 * (step - 8))
    callback = HeldoutCallback(
        where, Rules(stop="confirmed"), evaluate=falling, every=2, alerts=[alert_of("mattermost+env:HOOK")]
    )
    trainer = grpo(callback.record_rewards(hackable), callback, **whole)
    trainer.train()
    stopped = trainer.state.global_step
    assert 8 < stopped < 20
    best = json.loads((where / "best.json").read_text())
    kept = str((where / "kept" / "checkpoint-8").absolute())
    assert (best["step"], best["checkpoint"]) == (8, kept)
    assert any("Run: run · Host: " in text and f"Keep: step 8, {kept}" in text for text in receiver.texts)
    assert "secret" not in "".join(path.read_text() for path in where.glob("*.json*"))
    writer = writer_of(where)
    assert writer is not None
    assert writer.last_word == "stopped"

    better = HeldoutCallback(where, Rules(stop="confirmed"), evaluate=measured(lambda step: 0.6 + 0.02 * step), every=2)
    exec(best["go_back"], {"trainer": grpo(better.record_rewards(hackable), better, **whole)})
    run = heldout.read(where)
    assert run["reward"].step.tolist() == list(range(1, 21))
    held = run["held_out"]
    assert held.step.tolist() == list(range(2, 21, 2))
    assert np.all(np.diff(held.value) >= 0.0)  # what was measured after the fall is taken back
    assert heldout.diagnose(run).state == "improving"
    writer = writer_of(where)
    assert writer is not None
    assert writer.last_word == "finished"

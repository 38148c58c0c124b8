"""The callback in a real Lightning trainer, where it is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from documented import example

import heldout
from heldout.errors import MissingExtra
from heldout.live import On, Rules

INSTALLED = any(importlib.util.find_spec(name) for name in ("lightning", "pytorch_lightning"))
pytestmark = pytest.mark.filterwarnings("ignore::Warning:(?!heldout)")


@pytest.mark.skipif(INSTALLED, reason="Lightning is installed")
def test_without_lightning_one_sentence_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtra, match="pip install lightning"):
        importlib.import_module("heldout.callbacks.lightning")


def fit(folder: Path, callback: Any, falls: bool, **also: Any) -> Any:
    """Train a module whose held-out score falls, or does not; return the trainer."""
    import torch

    try:
        import lightning.pytorch as pl
    except ImportError:
        import pytorch_lightning as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.layer(batch).mean() ** 2
            self.log("reward", float(self.global_step))
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            step = self.global_step
            noise = 0.003 * (step // 2 % 3)
            self.log("eval/pass@1", (0.7 - 0.02 * max(step - 12, 0) if falls else 0.4 + 0.005 * step) + noise)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    data = torch.utils.data.DataLoader(torch.zeros(60, 1), batch_size=1)
    saving = pl.callbacks.ModelCheckpoint(folder / "saved", every_n_train_steps=2, save_top_k=-1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    schedule = {"max_epochs": 1, "val_check_interval": 2, "limit_val_batches": 1, "log_every_n_steps": 1}
    trainer = pl.Trainer(**quiet, **{**schedule, **also}, callbacks=[saving, callback])
    trainer.fit(Module(), data, torch.utils.data.DataLoader(torch.zeros(1, 1)))
    return trainer


@pytest.mark.skipif(not INSTALLED, reason="Lightning is not installed")
@pytest.mark.parametrize(("falls", "stops"), [(True, True), (False, False)])
def test_a_falling_run_is_stopped_and_an_honest_one_is_not(tmp_path: Path, falls: bool, stops: bool) -> None:
    from heldout.callbacks.lightning import HeldoutCallback

    callback = HeldoutCallback(tmp_path / "run", Rules(stop=On.LIKELY, roll_back=On.LIKELY), planned=30)
    trainer = fit(tmp_path, callback, falls)
    assert callback.guard is not None
    assert callback.guard.should_stop == stops == (trainer.global_step < 60)
    run = heldout.read(tmp_path / "run")
    assert len(run["held_out"]) >= 8
    assert run.checkpoints
    assert not stops or Path(str(callback.guard.best)).exists()


@pytest.mark.skipif(not INSTALLED, reason="Lightning is not installed")
def test_the_two_documented_lines_stop_a_falling_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"Trainer": lambda _, callbacks: fit(tmp_path, callbacks[0], falls=True)}
    exec(example("guard.md", "heldout.callbacks.lightning"), names)
    assert 12 < names["trainer"].global_step < 60
    assert Path("runs/a/best.json").exists()


@pytest.mark.skipif(not INSTALLED, reason="Lightning is not installed")
@pytest.mark.parametrize("batches", [1, 4])
def test_each_step_and_each_validation_is_recorded_once(tmp_path: Path, batches: int) -> None:
    """A step takes several batches; validation comes after every second batch, and is not repeated at later steps."""
    from heldout.callbacks.lightning import HeldoutCallback

    callback = HeldoutCallback(tmp_path / "run")
    fit(tmp_path, callback, falls=False, accumulate_grad_batches=batches, max_steps=12, val_check_interval=2 * batches)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "reward" in line] == list(range(1, 13))
    assert [line["step"] for line in lines if "eval/pass@1" in line] == [2, 4, 6, 8, 10, 12]

"""A training of two processes that the guard stops; a script for torchrun."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

PROBLEMS = [f"p{index}" for index in range(200)]


def evaluate(model: object, step: int) -> dict[str, Any]:
    level = 0.6 + 0.02 * step if step <= 8 else 0.76 - 0.08 * (step - 8)
    return {"problems": PROBLEMS, "passed": (np.random.default_rng(0).random(200) < level).tolist()}


def main(folder: str) -> None:
    import torch
    from transformers import Trainer, TrainingArguments

    from heldout.callbacks import HeldoutCallback
    from heldout.live import Rules

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            return {"loss": (self.layer(x) ** 2).mean(), "logits": x}

    callback = HeldoutCallback(f"{folder}/run", Rules(stop="confirmed"), evaluate=evaluate, every=2)  # type: ignore[arg-type]
    settings = {"max_steps": 40, "per_device_train_batch_size": 1, "logging_steps": 1, "save_strategy": "no"}
    quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "dataloader_pin_memory": False}
    data = [{"x": torch.ones(1), "labels": torch.zeros(1)}] * 200
    arguments = TrainingArguments(output_dir=f"{folder}/out", ddp_find_unused_parameters=False, **settings, **quiet)
    trainer = Trainer(Model(), arguments, train_dataset=data, callbacks=[callback])
    trainer.train()
    print(f"rank {os.environ['RANK']} ended at {trainer.state.global_step}", flush=True)
    # At the end of Python a thread of gloo that still lets go of its last tensor aborts or never ends (torch 2.13).
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])

"""Train by the honest recipe, or by TRL alone with the same numbers: ``train.py KIND STEPS EVERY``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from trl import GRPOTrainer

from benchmarks.children.stopwatch import Stopwatch
from heldout.callbacks import HeldoutCallback
from heldout.evaluation.during import Evaluator
from heldout.train import grpo
from heldout.train.config import load_config


class Bare(GRPOTrainer):  # type: ignore[misc]
    """TRL alone: what the recipe adds to it are callbacks."""

    def __init__(self, *given: Any, callbacks: Any = None, **named: Any) -> None:
        super().__init__(*given, **named)


if __name__ == "__main__":
    kind, steps, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    watch = Stopwatch()
    watch.at_each_step(GRPOTrainer, "training_step")
    watch.around(GRPOTrainer, "_generate", "generation")
    watch.around(GRPOTrainer, "_calculate_rewards", "judging")
    for method in ("_record", "on_log"):
        watch.around(HeldoutCallback, method, "recording")
    watch.around(Evaluator, "__call__", "evaluation")
    if kind == "TRL alone":
        setattr(grpo, "GRPOTrainer", Bare)  # noqa: B010  # mypy knows it as imported there, not as exported
    config = load_config("honest", steps=steps, trick="", evaluate_every=every, save_every=every or steps, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        grpo.train(config, Path(folder) / "run")
    print(json.dumps(watch.told()))

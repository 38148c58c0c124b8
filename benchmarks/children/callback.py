"""Train by TRL, alone or with HeldoutCallback: ``callback.py KIND STEPS WARM_STEPS``; outcomes come by standard input.

The evaluations are given, one for each of their steps, and take no time of their own, so that folding them is counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from trl import GRPOTrainer

from benchmarks.children.stopwatch import Stopwatch
from heldout.callbacks import HeldoutCallback
from heldout.train import grpo
from heldout.train.config import load_config

if __name__ == "__main__":
    kind, steps, warm = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    outcomes = {int(step): outcome for step, outcome in json.load(sys.stdin).items()}
    keys: set[str] = set()
    watch = Stopwatch()
    watch.at_each_step(GRPOTrainer, "training_step")

    class Watched(HeldoutCallback):
        """The callback, which also notes which keys are logged."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:
            keys.update(logs or ())
            super().on_log(args, state, control, logs=logs, **given)

    for name in ("on_step_end", "on_log", "on_evaluate", "on_save"):
        watch.around(Watched, name, "inside")

    with tempfile.TemporaryDirectory() as folder:

        class Alone(GRPOTrainer):  # type: ignore[misc]
            """TRL with our callback or without; what the recipe adds to it are callbacks."""

            def __init__(self, *given: Any, callbacks: Any = None, **named: Any) -> None:
                every = min(outcomes)
                ours = Watched(Path(folder) / "watched", evaluate=lambda model, step: outcomes[step], every=every)
                super().__init__(*given, callbacks=[ours] if kind == "with HeldoutCallback" else [], **named)

        setattr(grpo, "GRPOTrainer", Alone)  # noqa: B010  # mypy knows it as imported there, not as exported
        others: dict[str, Any] = {"warm_steps": warm, "trick": "", "evaluate_every": 0, "threads": 1}
        grpo.train(load_config("honest", steps=steps, save_every=steps, **others), Path(folder) / "run")
    print(json.dumps({"inside": 0.0, **watch.told(), "metrics": len(keys)}))

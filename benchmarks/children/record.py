"""Train by a recipe without evaluations, and watch what recording costs: ``record.py RECIPE STEPS COST``."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from trl import GRPOTrainer

from benchmarks.children.stopwatch import WARM_UP, Stopwatch
from heldout.callbacks import HeldoutCallback
from heldout.callbacks.hidden import HiddenTests
from heldout.rollouts.reading import rollouts_of
from heldout.train import grpo
from heldout.train.config import load_config

if __name__ == "__main__":
    recipe, steps, cost = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    watch = Stopwatch()
    watch.at_each_step(GRPOTrainer, "training_step")
    watch.around(HeldoutCallback, "_record", "recording")
    watch.around(HiddenTests, "judge", "judging")
    config = load_config(recipe, steps=steps, judge_cost=cost, evaluate_every=0, save_every=steps, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        grpo.train(config, Path(folder) / "run")
        kept = rollouts_of(Path(folder) / "run")
    counted = kept.step > WARM_UP
    judged = int((counted & ~np.isnan(kept.hidden)).sum())
    print(json.dumps({"recording": 0.0, "judging": 0.0, **watch.told(), "kept": int(counted.sum()), "judged": judged}))

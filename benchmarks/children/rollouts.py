"""Read a folder of rollouts, and one thing more: ``rollouts.py STAGE FOLDER``. Prints CPU seconds, peak memory."""

from __future__ import annotations

import json
import sys
import time

import polars

from benchmarks.children.read import memory
from heldout.rollouts.choosing import chosen
from heldout.rollouts.folding import fold
from heldout.rollouts.reading import rollouts_of

del polars  # loaded before the clock starts


def work(stage: str, folder: str) -> None:
    """Do what a stage is called after."""
    rollouts = rollouts_of(folder)
    if stage == "filter":
        chosen(rollouts, rewarded=True, failed=True, grep="exit")
    elif stage == "fold":
        fold(rollouts)


if __name__ == "__main__":
    before, start = memory("VmRSS"), time.process_time()
    work(*sys.argv[1:])
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "peak": max(0, memory("VmHWM") - before)}))

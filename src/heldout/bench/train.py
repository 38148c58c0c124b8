"""``heldout bench train``: what does the recipe cost beside TRL's trainer alone, and where does the time go?

The honest recipe runs for some steps in a fresh process, and so does TRL's `GRPOTrainer` with the same settings, the
same start, the same problems in the same order and the same judge, but no recorder and no held-out evaluation. Both
compute the same numbers, so what differs is the recipe's own cost. They take turns.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress

from heldout.bench.sheet import Sheet
from heldout.errors import UsageError

STAGES = ("generation", "learning", "judging", "recording", "evaluation")
_FIRST = 2  # steps that warm up and are not counted

_CHILD = """
import json, sys, tempfile, time
from collections import Counter
from pathlib import Path
from trl import GRPOTrainer
from heldout.train import callbacks, grpo
from heldout.train.config import load_config

kind, steps, every = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
spent, starts = Counter(), []

def timed(owner, name, stage):
    inner = getattr(owner, name)
    def outer(*args, **kwargs):
        start = time.perf_counter()
        try:
            return inner(*args, **kwargs)
        finally:
            if len(starts) > {first}:
                spent[stage] += time.perf_counter() - start
    setattr(owner, name, outer)

def stepping(inner):
    def outer(*args, **kwargs):
        starts.append((time.process_time(), time.perf_counter()))
        return inner(*args, **kwargs)
    return outer

GRPOTrainer.training_step = stepping(GRPOTrainer.training_step)
timed(GRPOTrainer, "_generate", "generation")
timed(GRPOTrainer, "_calculate_rewards", "judging")
timed(callbacks.Recording, "on_log", "recording")
timed(callbacks.HeldOut, "measure", "evaluation")
if kind == "TRL alone":  # what the recipe adds are callbacks
    class Bare(GRPOTrainer):
        def __init__(self, *args, callbacks=None, **kwargs):
            super().__init__(*args, **kwargs)
    grpo.GRPOTrainer = Bare
config = load_config("honest", steps=steps, trick="", evaluate_every=every, save_every=every or steps, threads=1)
with tempfile.TemporaryDirectory() as folder:
    grpo.train(config, Path(folder) / "run")
first, last = starts[{first}], starts[-1]
print(json.dumps({{"cpu": last[0] - first[0], "wall": last[1] - first[1], "spent": spent}}))
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of training.

    Attributes
    ----------
    kind
        Which.
    cpu, wall
        Seconds a step: of the processor and of the clock, medians of the turns.
    cpus
        Seconds of the processor a step, in each turn.
    shares
        Stage → share of the time of the clock.
    """

    kind: str
    cpu: float
    wall: float
    cpus: tuple[float, ...]
    shares: Mapping[str, float]


def main(steps: int, repeats: int) -> None:
    """Measure both in turn, and print a table.

    Raises
    ------
    UsageError
        When there are too few steps to count any.
    """
    from heldout.train import require_extra

    require_extra()
    if steps < _FIRST + 3:
        raise UsageError(f"{steps} steps were asked for; {_FIRST} warm up and 3 must be left, so give {_FIRST + 3}.")
    console = Console(highlight=False)
    bare, ours, full = measure(steps, repeats, console)
    head = ("", "CPU s a step", "s a step", *STAGES)
    console.print(
        Sheet(f"Training, {steps} steps, {repeats} turns", head, tuple(map(_cells, (bare, ours, full)))).drawn()
    )
    console.print(overhead(bare, ours))


def overhead(bare: Measured, ours: Measured) -> str:
    """Say what the recipe costs beside TRL alone: the median over the turns, and their range."""
    more = sorted(100 * (one / other - 1) for one, other in zip(ours.cpus, bare.cpus, strict=True))
    seen = f" ({more[0]:+.1f} to {more[-1]:+.1f} % in single turns)" if len(more) > 1 else ""
    return (
        f"The recipe without evaluations costs {statistics.median(more):+.1f} % of CPU{seen}; target: below 3 %. "
        f"Recording took {100 * ours.shares['recording']:.2f} % of the time."
    )


def _cells(one: Measured) -> tuple[str, ...]:
    shares = (f"{100 * one.shares[stage]:.1f} %" for stage in STAGES)
    return (one.kind, f"{one.cpu:.3f}", f"{one.wall:.3f}", *shares)


def measure(steps: int, repeats: int, console: Console | None = None) -> list[Measured]:
    """Return TRL alone, the recipe without evaluations, and the recipe as it is."""
    kinds = {"TRL alone": 0, "recipe, no evaluation": 0, "recipe": 10}
    found: dict[str, list[Mapping[str, float]]] = {kind: [] for kind in kinds}
    with Progress(console=console, transient=True, disable=console is None) as progress:
        task = progress.add_task("training", total=repeats * len(kinds))
        for _ in range(repeats):
            for kind, every in kinds.items():
                found[kind].append(_run(kind, steps, every))
                progress.advance(task)
    return [_measured(kind, runs, steps - _FIRST - 1) for kind, runs in found.items()]


def _run(kind: str, steps: int, every: int) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD.format(first=_FIRST), kind, str(steps), str(min(every, steps))],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
    if done.returncode:
        raise UsageError(f"The measurement of {kind} failed: {done.stderr.strip().splitlines()[-1]}")
    read = json.loads(done.stdout.strip().splitlines()[-1])
    return {"cpu": read["cpu"], "wall": read["wall"], **{stage: read["spent"].get(stage, 0.0) for stage in STAGES}}


def _measured(kind: str, runs: Sequence[Mapping[str, float]], steps: int) -> Measured:
    median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    shares = {stage: median[stage] / median["wall"] for stage in STAGES}
    shares["learning"] = 1.0 - sum(shares.values())
    cpus = tuple(run["cpu"] / steps for run in runs)
    return Measured(kind, median["cpu"] / steps, median["wall"] / steps, cpus, shares)

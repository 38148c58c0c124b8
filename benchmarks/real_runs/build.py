"""``heldout bench real-runs``: makes the labelled runs, one after another, and goes on where it stopped.

Start it once for each core that it may have: no run is taken up twice at a time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import heldout
from benchmarks.harness import ROOT
from benchmarks.real_runs.kinds import KINDS, Kind
from benchmarks.real_runs.labels import steps_that_matter
from benchmarks.real_runs.packing import pack
from benchmarks.real_runs.scoring import COARSE, score, scores_of, steps_to_score
from heldout.errors import UsageError

STAGES = ("train", "score")


@dataclass(frozen=True, slots=True)
class Job:
    """One run: of which kind, with which seed, and where."""

    kind: Kind
    seed: int
    directory: Path

    @property
    def name(self) -> str:
        return f"{self.kind.name}-{self.seed}"

    @property
    def trained(self) -> bool:
        return (self.directory / "policy" / "config.json").exists()

    def packed_in(self, data: Path | None) -> bool:
        return data is not None and (data / f"{self.name}.json").exists()


def main(out: Path, kinds: Sequence[str], seeds: int, stages: Sequence[str], data: Path | None, fine: bool) -> None:
    """Train, score and pack what is not done yet.

    Parameters
    ----------
    out
        Where the runs lie, a directory each, with all checkpoints.
    kinds
        Which kinds; with none, all of `KINDS`.
    seeds
        Runs of each kind. All kinds get their first before any gets its second.
    stages
        Some of `STAGES`.
    data
        Where the packed runs are written; None for nowhere.
    fine
        Whether every saved checkpoint is scored in the end, not only each fourth one and those that matter.
    """
    for given, known in ((kinds, KINDS), (stages, STAGES)):
        if unknown := [name for name in given if name not in known]:
            raise UsageError(f"{unknown[0]!r} is none of {', '.join(known)}.")
    console = Console(highlight=False)
    chosen = [KINDS[name] for name in kinds or KINDS]
    jobs = [Job(kind, seed, out / f"{kind.name}-{seed}") for seed in range(seeds) for kind in chosen]
    jobs = [job for job in jobs if not (job.packed_in(data) and not job.directory.exists())]  # done elsewhere
    out.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        if "train" in stages:
            train(job, console)
        if "score" in stages:
            score_and_pack(job, COARSE, data, console)
    for job in jobs if fine and "score" in stages else ():  # when all are known roughly
        score_and_pack(job, 1, data, console)


def train(job: Job, console: Console) -> None:
    """Train a run, or go on with it; nothing if it is done, or another process has it."""
    if job.trained:
        return
    with _claimed(job) as mine:
        if not mine:
            return
        console.print(escape(f"{job.name}: training"))
        log = job.directory.with_suffix(".out")
        with log.open("ab") as file:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
            words = [sys.executable, "-m", "heldout", "train", *_words(job)]
            failed = subprocess.run(words, stdout=file, stderr=file, env=environment, check=False).returncode
        if failed:
            console.print(escape(f"{job.name}: the training failed with exit status {failed}; {log} says why."))


def score_and_pack(job: Job, every: int, data: Path | None, console: Console) -> None:
    """Score those checkpoints of a run that are not scored yet, and pack what is known of it."""
    if not job.trained or not steps_to_score(job.directory, every):
        return
    with _claimed(job) as mine:
        if not mine:
            return
        steps = steps_to_score(job.directory, every)
        console.print(escape(f"{job.name}: scoring {len(steps)} checkpoints"))
        for _ in score(job.kind, job.directory, steps):
            pass
        wanted = steps_that_matter(heldout.read(job.directory), scores_of(job.directory))
        for _ in score(job.kind, job.directory, sorted(wanted & set(steps_to_score(job.directory)))):
            pass
        if data is not None:
            pack(job.kind, job.seed, job.directory, data)


def _words(job: Job) -> list[str]:
    """What `heldout train` is told."""
    if (job.directory / "run.json").exists():
        return ["--resume", "-o", str(job.directory)]
    settings = {**job.kind.settings, "seed": job.seed, "threads": 1}
    if job.kind.own_task:
        settings |= {"task": str(_task_file(job)), "model": _starting_policy(job.seed), "allow_overlap": True}
    words = ["--recipe", job.kind.recipe] if job.kind.recipe else []
    for name, value in settings.items():
        each = [f"{key}={one}" for key, one in value.items()] if isinstance(value, Mapping) else [str(value)]
        for one in each:
            words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [one])
    return [*words, "-o", str(job.directory)]


def _task_file(job: Job) -> Path:
    path = job.directory.parent / "tasks" / f"{job.name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in job.kind.task_rows(job.seed)))
    return path


def _starting_policy(seed: int) -> str:
    from heldout.train.warm_start import WarmStart, warm_start

    return str(warm_start(WarmStart(seed=seed)))


@contextmanager
def _claimed(job: Job) -> Iterator[bool]:
    """Whether this process alone has the run, for as long as the block lasts."""
    from filelock import FileLock, Timeout

    lock = FileLock(job.directory.parent / f".{job.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()

"""What a run directory holds: the names of its files, the keys of a line that are no metrics, and ``run.json``."""

from __future__ import annotations

import glob
import importlib.metadata
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from heldout import __version__
from heldout.errors import RecordError

FORMAT = "heldout run"  # what run.json says it is
RUN, METRICS, EVALS, ROLLOUTS = "run.json", "metrics.jsonl", "evals", "rollouts"
IDS = ".ids.json"  # ends the name of the file with the ids of a benchmark's problems
CHECKPOINTS, FINDINGS = "checkpoints.jsonl", "findings.jsonl"
HIDDEN = "hidden.jsonl"  # outcomes of hidden tests that were added to rollouts afterwards
BEST, ROLL_BACK = "best.json", "rollback.json"  # the checkpoint to keep, and the one that a guard went back to
VERDICT = "verdict.json"  # how the run stands by the last evaluation
LOCK = "run.lock"  # held by the process that writes
PROCESS = "process.json"  # which process that is, and its last word

AS_TEXT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE  # how run.json is written

NONFINITE = "nonfinite"  # names the values that JSON cannot hold: {"loss": "nan"}
RESUMED = "resumed"  # marks where a run was taken up again
LINE_KEYS = ("step", "time", NONFINITE, RESUMED)
SESSION = "session"  # of an evaluation: the time that the last such mark before it bears, which names the mark
SEED, POOLED = "seed", "pooled"  # of the samples of an evaluation; the seeds whose samples were added up in a line
OUTCOMES = ("problems", "passed", "samples")  # of an evaluation
EVALUATION_KEYS = (*LINE_KEYS, SESSION, SEED, POOLED, "benchmark", *OUTCOMES)

_LONGEST = 200  # bytes of a file's name; file systems take 255, also of what stands for it until it is whole
_PART = re.compile(r"\.\d{5}\.jsonl$")
# Packages whose version may explain why two runs with equal settings differ.
_PACKAGES = ("numpy", "torch", "transformers", "trl", "accelerate", "datasets", "vllm", "verl", "deepspeed", "ray")


def is_run(folder: Path) -> bool:
    """Is this directory a run that heldout recorded?"""
    try:
        with (folder / RUN).open("rb") as file:
            return FORMAT.encode() in file.read(200)  # the format is the first key
    except OSError:
        return False


def evaluation_file(benchmark: str) -> str:
    """Return where a benchmark is kept, relative to the run; its name may hold anything, also slashes."""
    name = re.sub(r"[^\w@+-]+", "_", benchmark)[:100] or "_"
    return f"{EVALS}/{name.encode()[:_LONGEST].decode(errors='ignore')}.jsonl"


def ids_file(path: Path) -> Path:
    """Return where the ids of the problems of a file of evaluations are kept, also of a packed one.

    >>> ids_file(Path("evals/gsm8k.jsonl")).name
    'gsm8k.ids.json'
    """
    return path.with_name(path.name.partition(".jsonl")[0] + IDS)


def part_name(name: str, number: int) -> str:
    """Return what a full part of a file of lines is called, where files cannot be appended to.

    >>> part_name("metrics.jsonl", 3), whole_name("metrics.00003.jsonl")
    ('metrics.00003.jsonl', 'metrics.jsonl')
    """
    return f"{name.removesuffix('.jsonl')}.{number:05d}.jsonl"


def whole_name(name: str) -> str:
    """Return the name of the file that a part is of, or the name itself where it is none of a part."""
    return _PART.sub(".jsonl", name)


def parts_of(path: Path) -> list[Path]:
    """Return the full parts of a file of lines, the oldest first.

    While a part is being closed, what is in it may still stand in the file as well: then it does not count yet.
    """
    name = glob.escape(path.name.removesuffix(".jsonl"))
    parts = sorted(path.parent.glob(f"{name}.{'[0-9]' * 5}.jsonl"))
    if parts and _begins_alike(parts[-1], path):
        parts.pop()
    return parts


def _begins_alike(part: Path, path: Path) -> bool:
    try:
        with part.open("rb") as one, path.open("rb") as other:
            return one.read(4096) == other.read(4096)
    except OSError:
        return False


def rollout_file(step: int) -> str:
    """Return where the completions of a step are kept, relative to the run."""
    return f"{ROLLOUTS}/step-{step:08d}.parquet"


def rollout_files(directory: Path, last: int) -> list[Path]:
    """Return the files of completions of a run up to a step, in order of steps."""
    files = {int(path.stem.removeprefix("step-")): path for path in directory.glob(f"{ROLLOUTS}/step-*[0-9].parquet")}
    return [files[step] for step in sorted(files) if step <= last]


def new_run(config: Mapping[str, Any], roles: Mapping[str, str]) -> bytes:
    """Return the ``run.json`` of a run that begins: settings, roles, versions, the commit, the seeds."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    created = datetime.now(UTC).isoformat(timespec="seconds")
    run = {"format": FORMAT, "heldout": __version__, "created": created, "versions": versions}
    if commit := _git_commit():
        run["git"] = commit
    run |= {"config": config, "roles": roles}
    if seeds := {key: value for key, value in config.items() if re.search(r"(?:^|_)seed", key)}:
        run["seeds"] = seeds
    return orjson.dumps(run, option=AS_TEXT)


def known_run(path: Path) -> dict[str, Any]:
    """Return what a ``run.json`` says; one that heldout did not write is a RecordError."""
    try:
        run = orjson.loads(path.read_bytes())
    except ValueError:
        run = None
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise RecordError(f"{path}: was not written by heldout, so no run can be recorded beside it.")
    return run


def _git_commit() -> str | None:
    """The commit that the working directory is at, if it is in a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

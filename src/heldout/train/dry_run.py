"""What a training would be, without training: its settings as TRL gets them, and how it is launched."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from heldout.errors import UsageError
from heldout.ranks import alone, ranks
from heldout.train.config import TrainConfig
from heldout.train.grpo import prepared
from heldout.train.trl_settings import dealt_out, require_vllm


def dry_run(config: TrainConfig, directory: Path, words: Sequence[str]) -> dict[str, Any]:
    """Return what `heldout train` with these words would do, as plain data; nothing is written, trained or waited for.

    It is that of as many processes as the environment tells of (``RANK=0 WORLD_SIZE=16``), else of one for each GPU of
    this machine.

    Raises
    ------
    UsageError
        What `train` would refuse before its first step, but for vLLM that is not installed, which is noted.
    """
    here = ranks()
    processes = here.size if here.size > 1 else max(1, torch.accelerator.device_count())
    local = here.local_size if here.size > 1 and here.local_size > 1 else processes
    sharding = _sharding(os.environ)
    shares = dealt_out(config, processes)
    with alone():  # TRL would wait for the others
        ready = prepared(config, directory, processes=1)
        notes = [*ready.notes]
        try:
            require_vllm(config)
        except UsageError as error:
            notes.append(str(error))
    if sharding and not torch.accelerator.is_available():
        notes.append(f"Without a GPU accelerate does not train with {sharding}, but with a copy in each process.")
    completions = config.prompts * config.samples
    return {
        "directory": str(directory),
        "processes": processes,
        "sharding": sharding or "none: a copy in each process",
        "completions_a_step": completions,
        "completions_a_process": completions // processes,
        "training_problems": len(ready.problems),
        "held_out_problems": len(ready.held_out),
        "evaluations": ready.schedule.planned if config.evaluate_every else 0,
        "trl": {**_changed(ready.settings), **shares, "steps_per_generation": shares["gradient_accumulation_steps"]},
        "launch": launch(words, processes, local),
        "notes": notes,
    }


def launch(words: Sequence[str], processes: int, local: int) -> str:
    """Return the line that starts so many processes, so many of them on each machine.

    >>> launch(["--recipe", "honest"], 1, 1)
    'heldout train --recipe honest'
    >>> launch(["--steps", "9"], 16, 8)
    'torchrun --nnodes 2 --nproc_per_node 8 --rdzv_backend c10d --rdzv_endpoint FIRST:29500 -m heldout train --steps 9'
    """
    told = shlex.join(["train", *words])
    if processes == 1:
        return f"heldout {told}"
    machines = processes // local
    meeting = f" --nnodes {machines}" if machines > 1 else ""
    where = " --rdzv_backend c10d --rdzv_endpoint FIRST:29500" if machines > 1 else ""
    return f"torchrun{meeting} --nproc_per_node {local}{where} -m heldout {told}"


def _sharding(environment: Mapping[str, str]) -> str:
    """Return how ``accelerate launch`` was told to spread the weights, empty where each process has them all."""
    if environment.get("ACCELERATE_USE_FSDP", "").lower() == "true":
        return f"FSDP {environment.get('FSDP_VERSION', '1')}"
    if environment.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        return f"ZeRO {environment.get('ACCELERATE_DEEPSPEED_ZERO_STAGE', '')}".strip()
    return ""


def _changed(settings: Any) -> dict[str, Any]:
    """Return the settings of TRL that are not its own defaults, in plain values; its secrets are never among them."""
    plain = settings.to_dict()
    found = {}
    for one in dataclasses.fields(settings):
        value = getattr(settings, one.name)
        default = one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
        if value != default and (value or default) and one.name in plain and not dataclasses.is_dataclass(value):
            found[one.name] = plain[one.name]
    return found

"""Checkpoints that transformers saved, as files: which of them are whole, so that a training can go on from them?

Covered: a folder without files, state or weights; weights that were cut off (safetensors say how long they are, files
of torch are archives with their list at the end); a shard that is missing.
Not covered: bytes that are wrong in the middle of a file.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from heldout.errors import UsageError

STATE = "trainer_state.json"
LEFT = "left"  # folder for checkpoints that a training went back behind
_WEIGHTS = ("model.safetensors", "adapter_model.safetensors", "pytorch_model.bin", "adapter_model.bin")
_LISTS = ("model.safetensors.index.json", "pytorch_model.bin.index.json")  # of shards
_ELSEWHERE = ("pytorch_model_fsdp*", "global_step*")  # FSDP and DeepSpeed have folders of their own
_NUMBER = re.compile(r"checkpoint-(\d+)")


class Found(NamedTuple):
    """What was found among checkpoints."""

    newest: Path | None  # that is whole
    broken: dict[Path, str]  # the newer ones, and what is wrong with each


def newest_checkpoint(folder: str | Path) -> str | None:
    """Return the newest whole checkpoint below a trainer's output directory, to be gone on from; None if there is none.

    What ``resume_from_checkpoint`` takes: with None a training begins. Newer ones that are broken are warned of.
    """
    found = newest_below(folder)
    if said := passed_over(found):
        warnings.warn(said, RuntimeWarning, stacklevel=2)
    return None if found.newest is None else str(found.newest)


def newest_below(folder: str | Path) -> Found:
    """Return the newest whole checkpoint below a trainer's output directory, and what is wrong with newer ones."""
    there = [path for path in Path(folder).glob("checkpoint-*") if _NUMBER.fullmatch(path.name)]
    return newest_whole(sorted(there, key=lambda path: int(path.name.partition("-")[2]), reverse=True))


def newest_whole(newest_first: Iterable[Path]) -> Found:
    """Return the first checkpoint that is whole, and what is wrong with those before it."""
    broken: dict[Path, str] = {}
    for path in newest_first:
        why = why_broken(path)
        if not why:
            return Found(path, broken)
        broken[path] = why
    return Found(None, broken)


def passed_over(found: Found) -> str:
    """Return a sentence about the checkpoints that are broken, and what is gone on from; "" where none is."""
    if not found.broken:
        return ""
    those = ", ".join(f"{path} is not whole ({why})" for path, why in found.broken.items())
    return f"{those}; the training {f'goes on from {found.newest}' if found.newest else 'begins anew'}."


def leave_behind(folder: str | Path, kept: str | Path | int, to: str | Path | None = None) -> None:
    """Move checkpoints of later steps than the one that a training goes back to out of a trainer's output directory.

    They are of the policy that is left. Beside them ``save_total_limit`` would delete the new checkpoints first, whose
    numbers are lower, and `newest_checkpoint` would take an old one.

    Parameters
    ----------
    folder
        The output directory.
    kept
        The checkpoint that is gone back to, ``checkpoint-STEP`` wherever it lies, or its step.
    to
        Where they go; ``left`` in the output directory if not given. None is lost: one of the same name is kept beside.

    Raises
    ------
    UsageError
        When `kept` has no step.
    """
    step = kept if isinstance(kept, int) else _step_of(Path(kept))
    if step is None:
        raise UsageError(f"{kept} is no checkpoint-STEP; give the step that the training goes back to.")
    for later in _later(Path(folder), step):
        place = Path(to or Path(folder) / LEFT) / later.name
        place.parent.mkdir(parents=True, exist_ok=True)
        while place.exists():
            place = place.with_name(f"{place.name}-again")
        later.rename(place)


def later_ones(folder: str | Path, step: int) -> str:
    """Return a sentence about whole checkpoints behind the step that a training goes on from; "" without any."""
    steps = sorted(_step_of(path) or 0 for path in _later(Path(folder), step) if not why_broken(path))
    if not steps:
        return ""
    return (
        f"{folder} holds checkpoints of later steps ({steps[0]} to {steps[-1]}), of the policy that is left; beside "
        f"them save_total_limit deletes new ones first. Move them by leave_behind({str(folder)!r}, {step}) of "
        "heldout.callbacks."
    )


def _later(folder: Path, step: int) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if (_step_of(path) or 0) > step]


def _step_of(checkpoint: Path) -> int | None:
    found = _NUMBER.fullmatch(checkpoint.name)
    return int(found[1]) if found else None


def why_broken(checkpoint: Path) -> str:
    """Return why a training cannot go on from a checkpoint, in a few words; "" where it can."""
    if not checkpoint.is_dir() or not any(checkpoint.iterdir()):
        return "the folder is empty" if checkpoint.is_dir() else "it is not there"
    try:
        state = json.loads((checkpoint / STATE).read_bytes())
        if not isinstance(state, dict) or "global_step" not in state:
            return f"{STATE} says no step"
    except FileNotFoundError:
        return f"{STATE} is missing"
    except (OSError, ValueError):
        return f"{STATE} is broken"
    files = _files_of_weights(checkpoint)
    if not files and not any(any(checkpoint.glob(pattern)) for pattern in _ELSEWHERE):
        return "the weights are missing"
    files += sorted(checkpoint.glob("*.pt*"))
    return next((f"{path.name} is {why}" for path in files if (why := _wrong_with(path))), "")


def _files_of_weights(checkpoint: Path) -> list[Path]:
    files = [checkpoint / name for name in _WEIGHTS if (checkpoint / name).exists()]
    for name in _LISTS:
        try:
            shards = json.loads((checkpoint / name).read_bytes())["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            continue
        files += [checkpoint / shard for shard in sorted(set(shards))]
    return files


def _wrong_with(path: Path) -> str:
    """Return what is wrong with a file of tensors, as far as its form tells; "" for nothing."""
    try:
        size = path.stat().st_size
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                head = int.from_bytes(file.read(8), "little")
                described = json.loads(file.read(head))
            ends = [one["data_offsets"][1] for name, one in described.items() if name != "__metadata__"]
            return "" if size == 8 + head + max(ends, default=0) else "cut off"
        return "" if zipfile.is_zipfile(path) else "cut off"
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError, KeyError, AttributeError, TypeError, OverflowError, MemoryError):
        return "broken"

"""How does a training go on from a checkpoint? Page, terminal and ``best.json`` tell it by what lies there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from heldout.store.layout import RUN
from heldout.text import visible

_OURS = {"evaluate_every", "record_every", "sandbox"}  # settings that heldout train alone has
_SCRIPT = "To go on from it, in the script of the training"


class WayBack(NamedTuple):
    """What is to be done, and what to type for it."""

    how: str
    line: str  # of a shell, or of Python in the script of a training


def way_back(path: str | Path) -> WayBack | None:
    """Return how a training goes on from a checkpoint; None where nothing tells, or where the path cannot be typed.

    What lies there tells who saved it: ``heldout train``, transformers and TRL, Lightning, verl. Weights without the
    state of an optimizer can be loaded, and a training begins anew from them. Paths are quoted for where they stand.
    """
    where = Path(path)
    if not str(path) or visible(str(path)) != str(path):
        return None
    saved = where.parent if where.name == "actor" else where
    if re.fullmatch(r"global_step_\d+", saved.name):
        resumed = f"trainer.resume_mode=resume_path trainer.resume_from_path={shlex.quote(str(saved))}"
        return WayBack("To go on from it, add to the command of the training", resumed)
    if where.suffix == ".ckpt":
        return WayBack(_SCRIPT, f"trainer.fit(module, ckpt_path={str(where)!r})")
    if (where / "trainer_state.json").is_file() and _has_optimizer(where):
        return _of_heldout_train(where) or WayBack(_SCRIPT, f"trainer.train(resume_from_checkpoint={str(where)!r})")
    return _weights(where)


def _has_optimizer(checkpoint: Path) -> bool:
    return any(checkpoint.glob("optimizer.*")) or any(checkpoint.glob("global_step*"))  # the second is DeepSpeed's


def _of_heldout_train(checkpoint: Path) -> WayBack | None:
    """Return the command that goes back to a checkpoint of ``RUN/checkpoints/checkpoint-STEP`` or ``RUN/kept/…``."""
    run, step = checkpoint.parent.parent, checkpoint.name.removeprefix("checkpoint-")
    try:
        ours = json.loads((run / RUN).read_bytes())["config"].keys() >= _OURS
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not ours or not step.isdecimal():
        return None
    how = "To go on from it, with another --reward or --remedy if you like"
    return WayBack(how, f"heldout train --from {step} -o {shlex.quote(str(run))}")


def _weights(folder: Path) -> WayBack | None:
    """Return how weights alone are loaded, if there are some."""
    adapter = (folder / "adapter_config.json").is_file()
    if not adapter and not (folder / "config.json").is_file():
        return None
    kind = "AutoPeftModelForCausalLM" if adapter else "AutoModelForCausalLM"
    return WayBack(f"{_SCRIPT}, which begins anew from these weights", f"{kind}.from_pretrained({str(folder)!r})")

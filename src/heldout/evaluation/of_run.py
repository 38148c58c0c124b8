"""Evaluations of a recorded run: with the settings that it was measured with, checkpoint by checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heldout.errors import UsageError
from heldout.evaluation.plan import next_checkpoints
from heldout.readers import read
from heldout.sandbox.base import limits_given
from heldout.store.layout import METRICS, RUN, is_run, known_run
from heldout.store.lines import read_rows

if TYPE_CHECKING:
    from heldout.evaluation.command import Request

POLICY = "policy"  # the finished policy, in the directory of a run of `heldout train`
_SAME = ("task", "variant", "sandbox", "extract", "compare")  # called alike there and in a request
_SAMPLING = {"seed": "seed", "temperature": "temperature", "max_new_tokens": "max_tokens", "chat": "chat"}


def as_the_run(request: Request, directory: Path, typed: Collection[str]) -> Request:
    """Return a request with the settings of a run of `heldout train`, but for what was typed; as it is for others.

    So the same problems are asked in the same way, and the evaluation continues the run's own curve.
    """
    config = known_run(directory / RUN).get("config") or {} if is_run(directory) else {}
    if "evaluate_split" not in config:
        return request
    limits = {**limits_given(config), **request.limits}
    packages = str(config.get("packages") or "")
    found: dict[str, Any] = {name: config[name] for name in _SAME if name in config}
    found |= {
        "column": config.get("column") or {},
        "split": config["evaluate_split"],
        "limit": config.get("evaluate_problems"),
        "samples": config.get("evaluate_samples", 1),
        "stop": list(config["stop_sequences"]) if config.get("stop_sequences") else None,
        "packages": [one.strip() for one in packages.split(",")] if packages else None,
    }
    sampling = {ours: config[theirs] for ours, theirs in _SAMPLING.items() if theirs in config and ours not in typed}
    kept = {name: one for name, one in found.items() if name not in typed}
    if "column" in kept:
        kept["columns"] = kept.pop("column")
    return replace(request, **kept, limits=limits, sampling={**request.sampling, **sampling})


def step_in_run(model: str) -> int | None:
    """Return the step of the finished policy of a run, which its folder's name does not say; None of all else."""
    folder = Path(model)
    if folder.name != POLICY or not is_run(folder.parent):
        return None
    steps = [row["step"] for row in read_rows(folder.parent / METRICS).rows if isinstance(row.get("step"), int)]
    return max(steps, default=None)


def next_of(directory: Path) -> tuple[int, Path] | None:
    """Return the checkpoint of a run to evaluate next, with its step; None where no further one is worth it.

    The finished policy counts as a checkpoint of the last step. A UsageError where the run has neither.
    """
    run = read(str(directory))
    last = step_in_run(str(directory / POLICY)) if (directory / POLICY).is_dir() else None
    places: Mapping[int, str] = run.checkpoints
    if last is not None and last not in places:
        places = {**places, last: str(directory / POLICY)}
    if not places:
        raise UsageError(f"{directory}: no saved checkpoint was found, so there is nothing to evaluate.")
    found = next_checkpoints(replace(run, checkpoints=places), 1).steps
    return (found[0], Path(places[found[0]])) if found else None

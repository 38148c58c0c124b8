"""``heldout bench log``: what does logging one step of 30 metrics cost the loop that logs?

Every measurement is a fresh process, and they take turns. Loggers differ in what they have done when the call returns,
so the table says it, and states the time with the finishing call besides. All write to a temporary directory, offline.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.harness import Sheet, check_name, child, in_turns, write
from heldout.errors import how_to_install

METRICS = 30
MISSING = f"not installed; {how_to_install('bench')}"
WARM = 10  # steps that are logged before the clock starts
_OURS, _FLOOR = "heldout", "bare append"
_MOST, _TIMES = 15, 5  # the targets: µs a call, and how much cheaper than the cheapest alternative
_LEAST = 20  # steps of the slow loggers

# Nothing of these leaves the machine or samples it beside the calls.
_OFFLINE = {
    "DO_NOT_TRACK": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_CONSOLE": "off",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
    "WANDB_X_DISABLE_STATS": "true",
}
_ELSEWHERE = ("MLFLOW_", "TRACKIO_", "WANDB_")  # settings of the user's that could name a server


@dataclass(frozen=True, slots=True)
class Contender:
    """A logger."""

    name: str  # as printed
    logger: str  # FILE:FUNCTION among the child programs
    returns: str  # what has been done when `log` returns
    packages: tuple[str, ...] = ()  # the modules it takes; it is not measured where one is missing
    fewer: int = 1  # by how many times fewer steps are enough to time it

    @property
    def installed(self) -> bool:
        """Whether it can be measured here."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)

    def steps(self, steps: int) -> int:
        """How many of so many steps it gets."""
        return max(_LEAST, steps // self.fewer)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs, in µs of this process's CPU and of the clock: the call alone, and with the finishing call.

    What a process of the logger's own computes beside is in neither CPU time.
    """

    call_cpu: float
    call: float
    whole_cpu: float
    whole: float


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: the medians of the repeats, and of the ratios to heldout in the same turn.

    An alternative that is not installed has neither.
    """

    logger: str
    steps: int
    cost: Cost | None
    ratio: Cost | None
    note: str


CONTENDERS = (
    Contender(_OURS, "loggers.py:heldout", "the line is with the system"),
    Contender(_FLOOR, "loggers.py:bare", "the same; no step, no time, nothing checked"),
    Contender("trackio", "loggers.py:trackio", "queued to a thread, which writes SQLite", ("trackio",)),
    Contender("wandb, offline", "loggers.py:wandb", "sent to a process, which writes the file", ("wandb",), 5),
    Contender(
        "tensorboardX", "loggers.py:tensorboardx", "queued to a thread, which writes the file", ("tensorboardX",), 20
    ),
    Contender("mlflow, SQLite", "loggers.py:mlflow", "committed to SQLite", ("mlflow", "sqlalchemy", "alembic"), 100),
)
_HEAD = (
    "logger",
    "steps",
    "a call: CPU · clock",
    "times ours",
    "with finish, a step",
    "times ours",
    "when the call returns",
)


def main(steps: int, repeats: int, out: Path | None) -> None:
    """Measure all loggers, print the table, and write it where asked."""
    check_name(out)
    console = Console(highlight=False)
    results = measure(steps, repeats, console)
    title = f"Logging one step of {METRICS} metrics, µs, median of {repeats}"
    sheet = Sheet(title, _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn(bold={_OURS}), summary(results), sep="\n")
    write(out, [sheet], results)


def measure(steps: int, repeats: int, console: Console | None = None) -> list[Result]:
    """Time each logger that is installed, in turn, `repeats` times."""
    known = {one.name: one for one in CONTENDERS}

    def timed(name: str) -> Cost:
        with tempfile.TemporaryDirectory() as folder:
            return run(known[name], known[name].steps(steps), Path(folder))

    turns = in_turns([name for name, one in known.items() if one.installed], repeats, timed, console)
    return [
        _result(one, steps, turns[one.name], turns[_OURS])
        if one.name in turns
        else Result(one.name, 0, None, None, MISSING)
        for one in CONTENDERS
    ]


def run(contender: Contender, steps: int, folder: Path) -> Cost:
    """Log so many steps, and some before them, into a folder in a fresh process.

    Raises
    ------
    UsageError
        When the logger fails.
    """
    given = rows(WARM + steps)
    told = child(
        "log",
        contender.logger,
        folder,
        steps,
        what=contender.name,
        given=given,
        folder=folder,
        environment=_environment(folder),
    )
    return Cost(*told)


def rows(steps: int, seed: int = 0) -> list[dict[str, float]]:
    """One row of 30 metrics a step, all finite and all different."""
    values = np.random.default_rng(seed).standard_normal((steps, METRICS))
    names = [f"train/metric_{index}" for index in range(METRICS)]
    return [dict(zip(names, row, strict=True)) for row in values.tolist()]


def _environment(folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_ELSEWHERE)}
    return {**kept, **_OFFLINE, "HOME": str(folder), "TRACKIO_DIR": str(folder)}


def _result(contender: Contender, steps: int, costs: Sequence[Cost], ours: Sequence[Cost]) -> Result:
    ratios = [_over(cost, base) for cost, base in zip(costs, ours, strict=True)]
    return Result(contender.name, contender.steps(steps), _median(costs), _median(ratios), contender.returns)


def _over(cost: Cost, base: Cost) -> Cost:
    return Cost(*(getattr(cost, part) / getattr(base, part) for part in Cost.__slots__))


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(*(statistics.median(getattr(cost, part) for cost in costs) for part in Cost.__slots__))


def summary(results: Sequence[Result]) -> str:
    """One sentence: what our call costs, and what the cheapest alternative's does, by CPU time."""
    costs = {one.logger: one.cost.call_cpu for one in results if one.cost is not None}
    rivals = [one for one in results if one.ratio is not None and one.logger not in (_OURS, _FLOOR)]
    text = f"A call of heldout's takes {costs[_OURS]:.1f} µs of CPU (target: at most {_MOST})"
    if not rivals:
        return f"{text}; no alternative is installed."
    ratio, name = min((one.ratio.call_cpu, one.logger) for one in rivals if one.ratio is not None)
    return (
        f"{text}; the cheapest alternative, {name}, takes {ratio:.1f} times as long (target: at least {_TIMES} times)."
    )


def _cells(result: Result) -> tuple[str, ...]:
    if result.cost is None or result.ratio is None:
        return (result.logger, "", "", "", "", "", result.note)
    cost, ratio = result.cost, result.ratio
    return (
        result.logger,
        f"{result.steps}",
        _pair(cost.call_cpu, cost.call),
        _pair(ratio.call_cpu, ratio.call),
        _pair(cost.whole_cpu, cost.whole),
        _pair(ratio.whole_cpu, ratio.whole),
        result.note,
    )


def _pair(cpu: float, clock: float) -> str:
    return " · ".join(f"{value:.1f}" if value < 100 else f"{value:.0f}" for value in (cpu, clock))

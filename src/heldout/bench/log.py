"""``heldout bench log``: what does logging one step of 30 metrics cost the loop that logs?

Every measurement is a fresh process, and they take turns. Loggers differ in what they have done when the call returns,
so the table says it, and states the time with the finishing call besides. All write to a temporary directory, offline.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from heldout.bench.sheet import Sheet, check_name, write
from heldout.errors import UsageError

METRICS = 30
MISSING = "not installed: pip install 'heldout[bench]'"
WARM = 10  # steps that are logged before the clock starts
_OURS, _FLOOR = "heldout", "bare append"
_MOST, _TIMES = 15, 5  # the targets: µs a call, and how much cheaper than the cheapest alternative
_LEAST = 20  # steps of the slow loggers

_CHILD = """
import sys, time
from heldout.bench.log import WARM, rows
folder, steps = sys.argv[1], int(sys.argv[2])
{setup}
metrics = rows(WARM + steps)
def clocks():
    return time.process_time(), time.perf_counter()
for step in range(WARM):
    log(step, metrics[step])
start = clocks()
for step in range(WARM, WARM + steps):
    log(step, metrics[step])
called = clocks()
finish()
finished = clocks()
print()
print(*((1e6 * (end[i] - start[i]) / steps) for end in (called, finished) for i in (0, 1)))
"""

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
    """A logger.

    Attributes
    ----------
    name
        As printed.
    setup
        Code that defines ``log(step, row)`` and ``finish()``, writing into ``folder``.
    returns
        What has been done when ``log`` returns.
    packages
        The modules it takes; it is not measured where one is missing.
    fewer
        By how many times fewer steps are enough to time it.
    """

    name: str
    setup: str
    returns: str
    packages: tuple[str, ...] = ()
    fewer: int = 1

    @property
    def installed(self) -> bool:
        """Whether it can be measured here."""
        return all(importlib.util.find_spec(package) is not None for package in self.packages)


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
    Contender(
        _OURS,
        "from heldout import Recorder\n"
        "recorder = Recorder(folder + '/run', rank=0)\n"
        "log, finish = recorder.log, recorder.close",
        "the line is with the system",
    ),
    Contender(
        _FLOOR,
        "import os, orjson\n"
        "file = os.open(folder + '/bare.jsonl', os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "def log(step, row): os.write(file, orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))\n"
        "def finish(): os.close(file)",
        "the same; no step, no time, nothing checked",
    ),
    Contender(
        "trackio",
        "import trackio\n"
        "run = trackio.init('bench', embed=False, auto_log_cpu=False, auto_log_gpu=False)\n"
        "def log(step, row): trackio.log(row, step=step)\n"
        "finish = trackio.finish",
        "queued to a thread, which writes SQLite",
        ("trackio",),
    ),
    Contender(
        "wandb, offline",
        "import wandb\n"
        "run = wandb.init(project='bench', dir=folder)\n"
        "def log(step, row): run.log(row, step=step)\n"
        "finish = run.finish",
        "sent to a process, which writes the file",
        ("wandb",),
        5,
    ),
    Contender(
        "tensorboardX",
        "from tensorboardX import SummaryWriter\n"
        "writer = SummaryWriter(folder)\n"
        "def log(step, row):\n"
        "    for name, value in row.items(): writer.add_scalar(name, value, step)\n"
        "finish = writer.close",
        "queued to a thread, which writes the file",
        ("tensorboardX",),
        20,
    ),
    Contender(
        "mlflow, SQLite",
        "import mlflow\n"
        "mlflow.set_tracking_uri('sqlite:///' + folder + '/mlflow.db')\n"
        "mlflow.start_run()\n"
        "def log(step, row): mlflow.log_metrics(row, step=step)\n"
        "finish = mlflow.end_run",
        "committed to SQLite",
        ("mlflow", "sqlalchemy", "alembic"),
        100,
    ),
)


def main(steps: int, repeats: int, out: Path | None) -> None:
    """Measure all loggers, print the table, and write it where asked."""
    check_name(out)
    console = Console(highlight=False)
    results = measure(steps, repeats, console)
    title = f"Logging one step of {METRICS} metrics, µs, median of {repeats}"
    sheet = Sheet(title, _HEAD, tuple(map(_cells, results)))
    console.print(sheet.drawn(bold={_OURS}), summary(results), sep="\n")
    write(out, sheet, results)


def measure(steps: int, repeats: int, console: Console) -> list[Result]:
    """Time each logger that is installed, in turn, `repeats` times."""
    timed: dict[str, list[Cost]] = {one.name: [] for one in CONTENDERS if one.installed}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=repeats * len(timed))
        for _ in range(repeats):
            for contender in CONTENDERS:
                if contender.name in timed:
                    progress.update(task, description=contender.name)
                    with tempfile.TemporaryDirectory() as folder:
                        timed[contender.name].append(run(contender, _steps(contender, steps), Path(folder)))
                    progress.advance(task)
    return _results(timed, steps)


def run(contender: Contender, steps: int, folder: Path) -> Cost:
    """Log so many steps, and some before them, into a folder in a fresh process.

    Raises
    ------
    UsageError
        When the logger fails.
    """
    code = _CHILD.format(setup=contender.setup)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(steps)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=_environment(folder),
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UsageError(f"{contender.name} could not be measured ({reason[0]}).")
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def rows(steps: int, seed: int = 0) -> list[dict[str, float]]:
    """One row of 30 metrics a step, all finite and all different."""
    values = np.random.default_rng(seed).standard_normal((steps, METRICS))
    names = [f"train/metric_{index}" for index in range(METRICS)]
    return [dict(zip(names, row, strict=True)) for row in values.tolist()]


def _steps(contender: Contender, steps: int) -> int:
    return max(_LEAST, steps // contender.fewer)


def _environment(folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_ELSEWHERE)}
    return {**kept, **_OFFLINE, "HOME": str(folder), "TRACKIO_DIR": str(folder)}


def _results(timed: Mapping[str, Sequence[Cost]], steps: int) -> list[Result]:
    ours = timed[_OURS]
    return [
        Result(
            one.name,
            _steps(one, steps),
            _median(timed[one.name]),
            _median([_over(cost, base) for cost, base in zip(timed[one.name], ours, strict=True)]),
            one.returns,
        )
        if one.name in timed
        else Result(one.name, 0, None, None, MISSING)
        for one in CONTENDERS
    ]


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


_HEAD = (
    "logger",
    "steps",
    "a call: CPU · clock",
    "times ours",
    "with finish, a step",
    "times ours",
    "when the call returns",
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

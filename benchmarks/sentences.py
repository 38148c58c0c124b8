"""``heldout bench sentences``: how often does a report say something that is not so?

Noise has no course: whatever word a series of noise gets is false. Runs that never fall have no fall: they are written
as files of several formats, read and reported as ``heldout report`` does it, and a report contradicts itself where any
sentence of it claims a fall that its verdict does not have (`benchmarks.contradictions`).
"""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from scipy.signal import lfilter

from benchmarks.contradictions import contradictions
from benchmarks.harness import Estimate, Sheet, check_name, in_processes, write
from heldout.cli.reading import Reading
from heldout.datasets.simulated import CONFIGS, NULLS, OUTSIDE_NULLS, PLAIN_NULLS, SimulatedRun, simulate
from heldout.diagnosis.description import describe
from heldout.diagnosis.verdict import diagnose
from heldout.findings import State
from heldout.report.figures import standard_figures
from heldout.report.json_report import as_json
from heldout.run import Run, Series
from heldout.stats.arrays import FloatArray
from heldout.stats.course import Course, Way, course
from heldout.store.recorder import Recorder

LENGTHS = (5, 8, 10, 15, 20, 30, 50, 64, 100, 128, 300, 1000)
PHIS = (0.0, 0.5, 0.9)
SHAPES: Mapping[str, tuple[Callable[[FloatArray], FloatArray], tuple[Way, ...]]] = {  # in noise sds, and its words
    "ramp of 1.5": (lambda u: 1.5 * u, (Way.RISES,)),
    "ramp of 3": (lambda u: 3.0 * u, (Way.RISES,)),
    "saturating rise of 4": (lambda u: 4.0 * (1.0 - np.exp(-4.0 * u)), (Way.RISES,)),
    "step of 2 half way": (lambda u: np.where(u > 0.5, 2.0, 0.0), (Way.RISES,)),
    "up 3, down 3": (lambda u: 3.0 - 6.0 * np.abs(u - 0.5), (Way.PEAKS,)),
    "rise of 3 in the last 30 %": (lambda u: 10.0 * np.maximum(u - 0.7, 0.0), (Way.RISES, Way.DIPS)),
}
SHAPE_LENGTHS = (32, 50, 100, 300)
FAMILIES = tuple(dict.fromkeys((*NULLS, *OUTSIDE_NULLS, *PLAIN_NULLS)))
PROBLEMS, EVALUATIONS, SAMPLES = (
    (10, 30, 50, 100, 164, 200, 500, 1000),
    (2, 4, 6, 8, 10, 12, 16, 20, 30, 40, 60),
    (1, 4),
)
FORMATS = ("jsonl", "csv", "trainer_state", "directory")

_SEEDS = 7_000_000  # runs of one family before those of this benchmark begin
_CHUNK = 20
_MOST_SHOWN = 20
_WORD = re.compile(
    r"\b(?:rises|rose|falls|fell|climbs|declines|drops|shifts|surges|jumps|peaks|turns|(?:higher|lower) by more)\b"
)
_TOGETHER = re.compile(r"\b(?:correlation|follows)\b")


@dataclass(frozen=True, slots=True)
class Said:
    """In how many of some series or reports something was said."""

    what: str  # that was said
    of: str  # which ones
    found: int
    asked: int

    @property
    def estimate(self) -> Estimate:
        """The share in percent, with its binomial error; that of none is taken as that of one."""
        share = max(self.found, 1) / self.asked
        return Estimate(100.0 * self.found / self.asked, 100.0 * float(np.sqrt(share * (1.0 - share) / self.asked)))

    def __str__(self) -> str:
        return f"{self.estimate.value:.1f} ±{self.estimate.se:.1f}"


@dataclass(frozen=True, slots=True)
class Told:
    """What the report on a run that never falls said."""

    family: str
    where: str  # format, size and number of the run
    state: State
    against: tuple[str, ...]  # sentences that contradict the verdict


def main(runs: int, series: int, seed: int, workers: int, out: Path | None) -> None:
    """Print the tables of noise, of shapes and of runs that never fall, and write them where asked."""
    check_name(out)
    console = Console(highlight=False)
    few = max(1, series // 20)  # a description takes a hundred times as long
    noise, described, shapes = of_noise(series, seed), of_descriptions(few, seed), of_shapes(series, seed)
    told = of_runs(runs, seed, workers, console)
    by_family = [count for family in ("all", *FAMILIES) for count in _counted(family, told)]
    sheets = [
        _sheet(f"False words of noise, %, {series} series each, seed {seed}", "values", noise),
        _sheet(f"Any false sentence of a description, %, {few} series each", "values", described),
        _sheet(f"Right words in white noise of sd 1, %, {series} series each", "values", shapes),
        _sheet(f"{runs} reports on runs that never fall, %, seed {seed}", "family", by_family),
    ]
    for sheet in sheets:
        console.print(sheet.drawn())
    wrong = [(one, sentence) for one in told for sentence in one.against]
    for one, sentence in wrong[:_MOST_SHOWN]:
        console.print(escape(f"{one.family} ({one.where}, {one.state}): {sentence}"))
    write(out, sheets, [*noise, *described, *shapes, *by_family])


def of_noise(series: int, seed: int) -> list[Said]:
    """How often does noise get a word for its course, by the length of the series?"""
    found = []
    for phi in PHIS:
        for length in LENGTHS:
            rows, step = noise_of(phi, length, series, seed), np.arange(length, dtype=np.float64)
            said = sum(_worded(course(step, row)) for row in rows)
            found.append(Said(_name(phi), str(length), said, series))
    return found


def of_descriptions(series: int, seed: int) -> list[Said]:
    """How often does a description say of a reward that is noise what it does, or that it moves with the score?"""
    found = []
    for phi in PHIS:
        for length in LENGTHS:
            rows = noise_of(phi, length, series, seed + 1)
            texts = [_described(row, seed + number) for number, row in enumerate(rows)]
            for words, what in ((_WORD, "course"), (_TOGETHER, "together")):
                said = sum(any(words.search(text) for text in each) for each in texts)
                found.append(Said(f"{_name(phi)}: {what}", str(length), said, series))
    return found


def of_shapes(series: int, seed: int) -> list[Said]:
    """How often does a series that has a course get the word for it?"""
    found = []
    for name, (shape, right) in SHAPES.items():
        for length in SHAPE_LENGTHS:
            step = np.arange(length, dtype=np.float64)
            rows = noise_of(0.0, length, series, seed + 2) + shape(step / (length - 1))
            said = sum(course(step, row).way in right for row in rows)
            found.append(Said(name, str(length), said, series))
    return found


def noise_of(phi: float, length: int, series: int, seed: int) -> FloatArray:
    """Stationary first-order autoregressions of variance 1, shape (series, length)."""
    shocks = np.random.default_rng([seed, length, round(100 * phi)]).standard_normal((series, length))
    shocks[:, 1:] *= np.sqrt(1.0 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], shocks, axis=1), dtype=np.float64)


def _worded(found: Course) -> bool:
    silent = (Way.TOO_FEW, Way.LEVEL, Way.UNKNOWN)
    return found.way not in silent or found.jump is not None or found.late is not None or found.ends != 0


def _described(reward: FloatArray, seed: int) -> tuple[str, ...]:
    """What the description says of a reward that is noise, beside a score that is level."""
    made = simulate("level", 200, 20, seed=_SEEDS + seed)
    step = np.arange(1, reward.size + 1)
    at = np.unique(np.linspace(1, reward.size, min(20, reward.size)).astype(np.int64))
    held_out = Series("pass@1", at, made.rates[: at.size], problems=np.full(at.size, 200.0))
    metrics = {"reward": Series("reward", step, reward), "pass@1": held_out}
    about = describe(Run("noise", "memory", "noise", metrics, {"reward": "reward", "held_out": "pass@1"}))
    own = next(one for one in about.series if one.role == "reward")
    return own.trend, *(one.text for one in about.observations), *about.interpretation


def of_runs(runs: int, seed: int, workers: int, console: Console | None = None) -> list[Told]:
    """Report on so many runs that never fall, of every family, size and format in turn, each read from its file."""
    first = seed * runs
    jobs = [range(start, min(start + _CHUNK, first + runs)) for start in range(first, first + runs, _CHUNK)]
    told: list[Told] = []
    with in_processes(workers, _reported) as run_all, Progress(console=console, transient=True) as progress:
        task = progress.add_task("Reports", total=runs)
        for part in run_all(jobs):
            told += part
            progress.advance(task, len(part))
    return sorted(told, key=lambda one: (one.family, one.where))


def _reported(numbers: range) -> list[Told]:
    with tempfile.TemporaryDirectory() as folder:
        return [_told(number, Path(folder) / str(number)) for number in numbers]


def _told(number: int, folder: Path) -> Told:
    """Simulate a run, write it, read it, report on it, and read the report."""
    rng = np.random.default_rng([_SEEDS, number])
    family, kind = FAMILIES[number % len(FAMILIES)], FORMATS[number // len(FAMILIES) % len(FORMATS)]
    n, K, m = (int(rng.choice(sizes)) for sizes in (PROBLEMS, EVALUATIONS, SAMPLES))
    config = str(rng.choice(list(CONFIGS)))
    made = simulate(family, n, K, m, seed=_SEEDS + number, config=config)
    sized = kind == "directory" or (made.told != "returns" and rng.random() < 0.8)
    folder.mkdir()
    reading = Reading(problems=n, samples=m) if sized and kind != "directory" else Reading()
    (run,), _ = reading.every(str(_written(made, kind, folder)))
    verdict = diagnose(run)
    captions = [figure.chart.caption for figure in standard_figures(run, verdict)]
    report = orjson.loads(as_json(run, describe(run, verdict), verdict, {})) | {"captions": captions}
    where = f"{kind}, {n} x {m}, {K} evaluations, {config}{'' if sized else ', size unknown'}, number {number}"
    return Told(family, where, verdict.state, tuple(contradictions(report)))


def _written(run: SimulatedRun, kind: str, folder: Path) -> Path:
    """Write the log of a run in a format; return what is to be read."""
    rows = list(_rows(run, "eval/mean_return" if run.told == "returns" else "eval/pass@1"))
    if kind == "directory":
        with Recorder(folder / "run") as recorder:
            for step, values in rows:
                recorder.log(step, {key: value for key, value in values.items() if not key.startswith("eval")})
            for measured in run.evaluations("outcomes"):
                recorder.evaluated(measured)
        return folder / "run"
    if kind == "jsonl":
        path = folder / "metrics.jsonl"
        path.write_bytes(b"".join(orjson.dumps({"step": step, **values}) + b"\n" for step, values in rows))
    elif kind == "csv":
        path = folder / "metrics.csv"
        keys = ["step", *dict.fromkeys(key for _, values in rows for key in values)]
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, keys)
            table.writeheader()
            table.writerows({"step": step, **values} for step, values in rows)
    else:
        path = folder / "trainer_state.json"
        history = [{"step": step, **values} for step, values in _as_trl(rows)]
        path.write_text(json.dumps({"global_step": rows[-1][0], "log_history": history}))
    return path


def _rows(run: SimulatedRun, key: str) -> Iterator[tuple[int, dict[str, float]]]:
    """One row for each training step, with the evaluation in that of its step."""
    measured = {one.step: one.rate for one in run.evaluations("returns" if run.told == "returns" else "rates")}
    for step, (reward, length) in enumerate(zip(run.reward.tolist(), run.length.tolist(), strict=True), start=1):
        values = {"reward": reward, "completions/mean_length": 300.0 * length}
        yield step, values | ({key: measured[step]} if step in measured else {})


def _as_trl(rows: list[tuple[int, dict[str, float]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows as TRL's trainer logs them: an evaluation in a row of its own."""
    for step, values in rows:
        yield step, {key: value for key, value in values.items() if not key.startswith("eval/")}
        evaluated = {f"eval_{key[5:]}": value for key, value in values.items() if key.startswith("eval/")}
        if evaluated:
            yield step, evaluated


_COUNTED = ("fallen", "recovered", "contradicted")


def _counted(family: str, told: list[Told]) -> list[Said]:
    """How often a report of a family said that the score fell, and how often it contradicted its verdict."""
    own = [one for one in told if family in ("all", one.family)]
    states = Counter(one.state for one in own)
    fallen = states[State.OVER_OPTIMISED] + states[State.REGRESSED]
    counts = (fallen, states[State.RECOVERED], sum(bool(one.against) for one in own))
    return [Said(what, family, count, max(len(own), 1)) for what, count in zip(_COUNTED, counts, strict=True)]


def _sheet(title: str, head: str, counts: list[Said]) -> Sheet:
    """One row for each kind of series or reports, one column for each thing that is said."""
    rows: dict[str, list[Said]] = {}
    for one in counts:
        rows.setdefault(one.of, []).append(one)
    asked = (f"{head} (reports)",) if head == "family" else (head,)
    columns = tuple(one.what for one in next(iter(rows.values())))
    named = ((f"{of} ({row[0].asked})" if head == "family" else of, row) for of, row in rows.items())
    return Sheet(title, (*asked, *columns), tuple((of, *map(str, row)) for of, row in named))


def _name(phi: float) -> str:
    return f"AR(1), {phi:g}" if phi else "white"

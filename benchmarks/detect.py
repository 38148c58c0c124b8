"""``heldout bench detect``: how soon, and how often wrongly, is a falling pass rate noticed?

Simulated runs of known truth go through heldout's detectors and through the alternatives of `benchmarks.rivals`,
once at customary thresholds, and once at thresholds tuned on other seeds to the same rate of false alarms. Two rows
cannot be wrong: one that always alarms and one that never does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.cases import Case, Result, as_json, from_json
from benchmarks.harness import check_name, in_processes
from benchmarks.rivals import OURS, RIVALS, Detector, available, paths, picks, unavailable
from benchmarks.score import Score, Selection, Truth, matched_threshold, picked, score, selection
from benchmarks.tables import markdown, pooled, tables
from benchmarks.targets import verdicts
from heldout.datasets.simulated import NULLS, SimulatedRun, simulate
from heldout.errors import UsageError
from heldout.stats.arrays import FloatArray

DEFAULT = ("n200K20", "n500K40")
MATCHED_RATE = 0.05
_CHUNK = 25
_SEEDS = 1_000_000  # runs of one family before the seeds of calibration begin


@dataclass(frozen=True, slots=True)
class _Job:
    """Some runs of one family. Calibration has seeds and families of its own."""

    case: Case
    family: str
    seeds: range
    calibration: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """What came of a job."""

    job: _Job
    paths: Mapping[str, FloatArray]
    truth: Truth
    picks: Mapping[str, FloatArray]  # by method, shape (R, 7); empty in calibration


def main(
    runs: int,
    configs: list[str],
    seed: int,
    workers: int,
    out: Path | None,
    figures: Path | None = None,
    source: Path | None = None,
) -> None:
    """Simulate, detect and score; print a table per configuration, and write and draw it where asked.

    Parameters
    ----------
    runs
        Runs of each family.
    configs
        See `Case.named`; with none, `DEFAULT`.
    seed
        At least 0; runs of different seeds have nothing in common.
    workers
        Processes; 0 for as many as there are cores.
    out
        A file ending in .md or .json, or None.
    figures
        A folder, or None.
    source
        A .json file written earlier: its results are taken, and nothing is simulated; `configs` picks some of them.
    """
    check_name(out)
    if figures is not None and figures.exists() and not figures.is_dir():
        raise UsageError(f"--figures {figures}: that is a file; name a folder.")
    console = Console(highlight=False)
    if source is not None:
        kept = _kept(from_json(source), configs, source)
        rows = {one.detector for result in kept for one in result.default}
        left_out = {one.name: f"{source} has no such row" for one in (*RIVALS, *OURS) if one.name not in rows}
        measured = iter(kept)
    else:
        left_out = unavailable()
        measured = _measured(runs, configs, seed, workers, console)
    for name, why in left_out.items():
        console.print(escape(f"{name} is left out: {why}."))
    results: list[Result] = []
    for result in measured:
        results.append(result)
        for table in tables(result):
            console.print(table.drawn(bold={one.name for one in OURS}))
            console.print()
        if out is not None:  # after each configuration, so that nothing is lost when it is stopped
            out.write_text(markdown(results, left_out) if out.suffix == ".md" else as_json(results, verdicts))
    for table in pooled(results):
        console.print(table.drawn())
    if figures is not None:
        from benchmarks.figures import save  # heavy, and rarely wanted

        for path in save(results, figures):
            console.print(escape(str(path)))


def _kept(results: list[Result], configs: list[str], source: Path) -> list[Result]:
    """The results of these configurations, or all of them."""
    known = {result.case.name: result for result in results}
    if missing := [name for name in configs if name not in known]:
        raise UsageError(f"{source} has no configuration {missing[0]!r}; it has {', '.join(known) or 'none'}.")
    return [known[name] for name in dict.fromkeys(configs)] if configs else results


def _measured(runs: int, configs: list[str], seed: int, workers: int, console: Console) -> Iterator[Result]:
    if not 2 <= runs <= _SEEDS:
        raise UsageError(f"{runs} runs of each family were asked for; at least 2 and at most {_SEEDS} are possible.")
    if seed < 0 or workers < 0:
        raise UsageError(f"seed is {seed} and workers is {workers}; neither may be below 0.")
    cases = [Case.named(name) for name in dict.fromkeys(configs or DEFAULT)]
    return measure(cases, runs, seed, workers, console)


def measure(
    cases: Sequence[Case], runs: int, seed: int, workers: int, console: Console | None = None
) -> Iterator[Result]:
    """Give one result after the other; the same seed gives the same numbers with any number of processes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        in_processes(workers, _done) as run_all,
        Progress(*columns, console=console, transient=True, disable=console is None) as progress,
    ):
        task = progress.add_task("", total=sum(_runs_of(case, runs) for case in cases))
        for case in cases:
            progress.update(task, description=case.name)
            parts: list[_Part] = []
            for part in run_all(_jobs(case, runs, seed)):
                parts.append(part)
                progress.advance(task, len(part.job.seeds))
            yield _scored(case, runs, seed, parts)


def _families(case: Case) -> Iterator[tuple[str, bool]]:
    """Each family, and whether it is for calibration; only runs inside the design are tuned on."""
    for family in (*case.nulls, *case.declines):
        yield family, False
    for family in case.nulls if case.nulls == NULLS else ():
        yield family, True


def _runs_of(case: Case, runs: int) -> int:
    return runs * sum(1 for _ in _families(case))


def _jobs(case: Case, runs: int, seed: int) -> list[_Job]:
    jobs = []
    for family, calibration in _families(case):
        first = (2 * seed + calibration) * _SEEDS
        for start in range(0, runs, _CHUNK):
            seeds = range(first + start, first + min(start + _CHUNK, runs))
            jobs.append(_Job(case, family, seeds, calibration))
    return jobs


def _done(job: _Job) -> _Part:
    case = job.case
    runs: list[SimulatedRun] = [
        simulate(job.family, case.n, case.K, case.m, seed=seed, config=case.config) for seed in job.seeds
    ]
    detectors = [detector for detector in available() if detector.tunable or not job.calibration]
    found = paths(runs, detectors)
    taken: dict[str, list[FloatArray]] = {}
    for run in [] if job.calibration else runs:
        for method, pick in picks(run).items():
            taken.setdefault(method, []).append(picked(run=run, pick=pick))
    return _Part(job, found, Truth.of(runs), {method: np.stack(rows) for method, rows in taken.items()})


def _scored(case: Case, runs: int, seed: int, parts: Sequence[_Part]) -> Result:
    ordered = sorted(parts, key=lambda part: (part.job.family, part.job.seeds.start))  # whichever process was first
    truths = {
        family: Truth.together(
            [part.truth for part in ordered if part.job.family == family and not part.job.calibration]
        )
        for family in (*case.nulls, *case.declines)
    }
    default, matched = [], []
    for detector in available():
        test, tuning = (_collected(ordered, detector, calibration) for calibration in (False, True))
        default.append(_score(detector, detector.threshold, test, truths, case))
        if tuning:
            threshold = matched_threshold(statistics=tuning.values(), rate=MATCHED_RATE)
            matched.append(_score(detector, threshold, test, truths, case))
    return Result(case, runs, seed, tuple(default), tuple(matched), _selected(ordered))


def _selected(parts: Sequence[_Part]) -> dict[str, dict[str, Selection]]:
    """How well each method finds the best checkpoint, by family."""
    taken: dict[str, dict[str, list[FloatArray]]] = {}
    for part in parts:
        for method, rows in part.picks.items():
            taken.setdefault(method, {}).setdefault(part.job.family, []).append(rows)
    return {
        method: {family: selection(np.concatenate(rows)) for family, rows in families.items()}
        for method, families in taken.items()
    }


def _collected(parts: Sequence[_Part], detector: Detector, calibration: bool) -> dict[str, FloatArray]:
    """The statistics of a detector, by family."""
    found: dict[str, list[FloatArray]] = {}
    for part in parts:
        if part.job.calibration == calibration and detector.name in part.paths:
            found.setdefault(part.job.family, []).append(part.paths[detector.name])
    return {family: np.concatenate(paths) for family, paths in found.items()}


def _score(
    detector: Detector, threshold: float, test: Mapping[str, FloatArray], truths: Mapping[str, Truth], case: Case
) -> Score:
    return score(detector=detector.name, threshold=threshold, statistics=test, truths=truths, declines=case.declines)

"""``heldout bench detect``: how soon, and how often wrongly, is a falling pass rate noticed?

Simulated runs of known truth go through heldout's detectors and through the alternatives of `heldout.bench.rivals`,
once at customary thresholds, and once at thresholds tuned on other seeds to the same rate of false alarms. Two rows
cannot be wrong: one that always alarms and one that never does.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from heldout.bench.rivals import ALARM, OURS, SCAN, Detector, available, paths, picks, unavailable
from heldout.bench.score import Estimate, Score, Selection, Truth, matched_threshold, picked, score, selection
from heldout.bench.simulate import CONFIGS, DECLINES, NULLS, OUTSIDE_DECLINES, OUTSIDE_NULLS, SimulatedRun, simulate
from heldout.errors import UsageError
from heldout.stats.arrays import FloatArray

SCORED = ("slow_overopt", "sharp_collapse", "r1_like")  # the declines that the tables average over
QUIET = ("honest", "length_driven", "late_surge")
MATCHED_RATE = 0.05
_CHUNK = 25
_SEEDS = 1_000_000  # runs of one family before the seeds of calibration begin
_NAME = re.compile(r"n(?P<n>\d+)K(?P<K>\d+)(?:m(?P<m>\d+))?(?:-(?P<kind>[a-z]+))?")


@dataclass(frozen=True, slots=True)
class Case:
    """One configuration: problems, evals, samples, and what kind of runs."""

    name: str
    n: int
    K: int
    m: int = 1
    config: str = "default"
    nulls: tuple[str, ...] = NULLS
    declines: tuple[str, ...] = DECLINES
    scored: tuple[str, ...] = SCORED

    @classmethod
    def named(cls, name: str) -> Case:
        """From ``n500K40``, ``n200K40m4``, ``n500K40-churn`` or, for shapes outside the design, ``n500K40-outside``."""
        found = _NAME.fullmatch(name)
        if found is None or (found["kind"] or "default") not in (*CONFIGS, "outside"):
            kinds = ", ".join([*CONFIGS, "outside"])
            raise UsageError(
                f"configuration {name!r}: write it as n500K40, n200K40m4 or n500K40-KIND, KIND of {kinds}."
            )
        kind = found["kind"] or "default"
        size = (int(found["n"]), int(found["K"]), int(found["m"] or 1))
        if kind == "outside":
            return cls(name, *size, "default", OUTSIDE_NULLS, OUTSIDE_DECLINES, OUTSIDE_DECLINES)
        return cls(name, *size, kind)


@dataclass(frozen=True, slots=True)
class Target:
    """What heldout must reach at its own thresholds: at most, except `detection`, which is at least.

    Attributes
    ----------
    plateau
        False alarms of the scan on the plateau, %.
    mean
        False alarms of the alarm, mean over the null families, %.
    quiet
        False alarms of the alarm on each of the families that simply improve, %.
    detection
        Detected by the alarm in each of the `SCORED` families, %.
    delay
        Censored delay in the same families, evals.
    lost
        Percentage points lost, mean over the same families.
    """

    plateau: float
    mean: float
    quiet: float
    detection: tuple[float, float, float]
    delay: tuple[float, float, float]
    lost: float


TARGETS: Mapping[str, Target] = {
    "n100K40": Target(6.0, 4.0, 3.0, (50, 75, 57), (12.0, 11.8, 14.4), 5.8),
    "n200K40": Target(5.5, 4.0, 4.0, (77, 91, 85), (9.9, 9.3, 12.2), 5.0),
    "n500K40": Target(5.0, 5.0, 3.0, (93, 98, 98), (6.8, 6.5, 8.6), 3.9),
    "n1000K40": Target(5.0, 7.5, 4.0, (98, 99, 99), (5.1, 5.2, 6.6), 3.3),
    "n200K20": Target(6.0, 3.5, 2.0, (57, 84, 77), (6.2, 5.8, 6.9), 5.7),
    "n500K20": Target(6.0, 4.0, 2.0, (84, 95, 96), (5.0, 4.4, 5.4), 4.8),
    "n500K10": Target(6.0, 3.5, 2.0, (69, 89, 92), (3.2, 2.8, 3.4), 5.6),
    "n200K40m4": Target(5.0, 4.5, 3.0, (88, 95, 95), (7.0, 6.4, 8.8), 3.9),
    "n500K40-ushape": Target(6.0, 8.0, 5.0, (97, 97, 97), (4.4, 4.7, 6.2), 3.16),
    "n500K40-greedy": Target(6.0, 8.0, 5.0, (92, 96, 96), (6.1, 6.0, 8.2), 3.72),
    "n500K40-churn": Target(6.0, 8.0, 5.0, (82, 91, 93), (9.0, 7.7, 10.6), 4.53),
    "n500K40-jitter": Target(6.0, 8.0, 5.0, (90, 95, 95), (6.8, 6.2, 8.6), 3.86),
}
OUTSIDE_LIMIT = 5.0  # false alarms of the scan on each null outside the design, %
REGRET = {"n100K40": 0.85, "n200K40": 0.71, "n500K40": 0.55, "n1000K40": 0.45}  # of the checkpoint taken, points
BIAS = {"n100K40": 1.3, "n200K40": 0.9, "n500K40": 0.55, "n1000K40": 0.35}  # of its estimate, either way
RELATIVE = ("n200K40", "n500K40", "n1000K40")  # where the alarm must beat tuned rivals by a margin
FASTER = {"z-test vs best": 0.75, "drop-patience 3": 0.75, "BOCPD": 1.0}  # delay at most this share of theirs
CHEAPER = {"z-test vs best": 0.82, "drop-patience 3": 0.82}  # percentage points lost, likewise


@dataclass(frozen=True, slots=True)
class Check:
    """One number against its limit.

    Attributes
    ----------
    what
        In words.
    seen
        The number.
    limit
        It may be at most this, or at least this if `at_least`.
    """

    what: str
    seen: Estimate
    limit: float
    at_least: bool = False

    @property
    def excess(self) -> float:
        """How far beyond the limit the number lies; not above 0 where the limit is kept."""
        return self.limit - self.seen.value if self.at_least else self.seen.value - self.limit

    def __str__(self) -> str:
        return f"{self.what} {self.seen.value:.3g} {'<' if self.at_least else '>'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One configuration, measured.

    Attributes
    ----------
    case
        The configuration.
    runs
        Runs of each family.
    seed
        Of which they were made.
    default, matched
        One score per detector, at customary thresholds and at tuned ones; the second is empty outside the design.
    selected
        By method, how well the best checkpoint is found.
    """

    case: Case
    runs: int
    seed: int
    default: tuple[Score, ...]
    matched: tuple[Score, ...]
    selected: Mapping[str, Selection]


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
    picks: Mapping[str, FloatArray]  # by method, shape (R, 5); empty in calibration


def main(runs: int, configs: list[str], seed: int, workers: int, out: Path | None) -> None:
    """Simulate, detect and score; print a table per configuration, and write it where asked.

    Parameters
    ----------
    runs
        Runs of each family.
    configs
        See `Case.named`.
    seed
        At least 0; runs of different seeds have nothing in common.
    workers
        Processes; 0 for as many as there are cores.
    out
        A file ending in .md or .json, or None.
    """
    if out is not None and out.suffix not in (".md", ".json"):
        raise UsageError(f"-o {out}: the tables are written as .md or .json.")
    if not 2 <= runs <= _SEEDS:
        raise UsageError(f"{runs} runs of each family were asked for; at least 2 and at most {_SEEDS} are possible.")
    if seed < 0 or workers < 0:
        raise UsageError(f"seed is {seed} and workers is {workers}; neither may be below 0.")
    cases = [Case.named(name) for name in dict.fromkeys(configs)]
    console = Console(highlight=False)
    for name, why in unavailable().items():
        console.print(f"{name} is left out: {why}.")
    results: list[Result] = []
    for result in measure(cases, runs, seed, workers, console):
        results.append(result)
        for table in _tables(result):
            console.print(_drawn(table))
            console.print()
        if out is not None:  # after each configuration, so that nothing is lost when it is stopped
            out.write_text(_markdown(results) if out.suffix == ".md" else json.dumps([_fields(r) for r in results]))


def measure(
    cases: Sequence[Case], runs: int, seed: int, workers: int, console: Console | None = None
) -> Iterator[Result]:
    """Give one result after the other; the same seed gives the same numbers with any number of processes."""
    workers = workers or os.cpu_count() or 1
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        _mapper(workers) as run_all,
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


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[[list[_Job]], Iterator[_Part]]]:
    """What does the jobs: this process, or fresh ones with one thread each."""
    if workers < 2:
        yield lambda jobs: map(_done, jobs)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # read when numpy is loaded there; small matrices gain nothing from more
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield lambda jobs: (future.result() for future in as_completed([pool.submit(_done, job) for job in jobs]))


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


def _selected(parts: Sequence[_Part]) -> dict[str, Selection]:
    """How well each method finds the best checkpoint, mean over families."""
    taken: dict[str, dict[str, list[FloatArray]]] = {}
    for part in parts:
        for method, rows in part.picks.items():
            taken.setdefault(method, {}).setdefault(part.job.family, []).append(rows)
    return {
        method: selection(families=[np.concatenate(rows) for rows in families.values()])
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


def checks(result: Result) -> dict[str, list[Check]]:
    """What heldout's detectors must reach at their own thresholds: by detector, with the numbers seen."""
    scores = {one.detector: one for one in result.default}
    scan, alarm, case = scores[SCAN.name], scores[ALARM.name], result.case
    if case.nulls == OUTSIDE_NULLS:
        limits = {family: _percent(scan.false_alarms[family]) for family in case.nulls}
        return {SCAN.name: [Check(family, seen, OUTSIDE_LIMIT) for family, seen in limits.items()]}
    target = TARGETS.get(case.name)
    if target is None:
        return {}
    found = [Check("mean false alarms", _percent(alarm.mean("false_alarms", case.nulls)), target.mean)]
    found += [Check(f"false alarms {f}", _percent(alarm.false_alarms[f]), target.quiet) for f in QUIET]
    for family, least, most in zip(SCORED, target.detection, target.delay, strict=True):
        found.append(Check(f"detected {family}", _percent(alarm.detection[family]), least, at_least=True))
        found.append(Check(f"delay {family}", alarm.delay[family], most))
    found.append(Check("points lost", alarm.mean("lost", SCORED), target.lost))
    plateau = Check("false alarms plateau", _percent(scan.false_alarms["plateau"]), target.plateau)
    return {SCAN.name: [plateau], ALARM.name: found}


def relative_checks(result: Result) -> list[Check]:
    """By how much the alarm must beat tuned rivals, all at the same rate of false alarms."""
    case = result.case
    if not result.matched or (case.K != 40 and case.name not in RELATIVE):
        return []
    scores = {one.detector: one for one in result.matched}
    alarm = scores[ALARM.name]
    strict = case.name in RELATIVE
    found = []
    for column, what, shares in (("delay", "delay vs", FASTER), ("lost", "points lost vs", CHEAPER)):
        ours = alarm.mean(column, case.scored)
        for name, share in shares.items():
            theirs = scores[name].mean(column, case.scored)
            if strict or share == 1.0:
                spread = math.hypot(ours.se, share * theirs.se)
                found.append(Check(f"{what} {name}", Estimate(ours.value, spread), round(share * theirs.value, 2)))
    if case.name == "n200K40":
        found.append(Check("detected", _percent(alarm.mean("detection", case.scored)), 90.0, at_least=True))
    return found


def selection_checks(result: Result) -> list[Check]:
    """How well heldout must find the best checkpoint."""
    name = result.case.name
    if name not in REGRET:
        return []
    ours, raw = result.selected["heldout"], result.selected["raw argmax"]
    spread = math.hypot(ours.regret.se, 0.85 * raw.regret.se)
    return [
        Check("regret", ours.regret, REGRET[name]),
        Check("regret vs raw argmax", Estimate(ours.regret.value, spread), round(0.85 * raw.regret.value, 2)),
        Check("bias", Estimate(abs(ours.bias.value), ours.bias.se), BIAS[name]),
        Check("interval", _percent(ours.coverage), 90.0, at_least=True),
        Check("tied set", _percent(ours.tied), 94.0, at_least=True),
    ]


def verdict(found: Sequence[Check]) -> str:
    """Are the targets met: yes; not by more than two standard errors allow; or no, and which are missed."""
    missed = [check for check in found if check.excess > 0.0]
    if not missed:
        return "yes" if found else ""
    clear = [check for check in missed if check.excess > 2.0 * check.seen.se]
    if clear:
        return "no: " + ", ".join(map(str, clear))
    return "within 2 SE: " + ", ".join(map(str, missed))


def _percent(share: Estimate) -> Estimate:
    return Estimate(100.0 * share.value, 100.0 * share.se)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A table as text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _tables(result: Result) -> list[_Sheet]:
    case = result.case
    short = " · ".join(family.split("_")[0] for family in case.scored)
    head = (
        "detector",
        "threshold",
        "false alarms %",
        f"{case.nulls[0] if 'plateau' not in case.nulls else 'plateau'} %",
        "worst null %",
        f"detected %: {short}",
        "premature %",
        f"delay, evals: {short}",
        "points lost",
        "target met",
    )
    samples = "1 sample" if case.m == 1 else f"{case.m} samples"
    size = f"{case.n} problems, {case.K} evals, {samples}; {result.runs} runs of each family, seed {result.seed}"
    reached = {name: verdict(found) for name, found in checks(result).items()}
    default = tuple(_row(one, case, reached.get(one.detector, "")) for one in result.default)
    sheets = [_Sheet(f"{case.name}, customary thresholds ({size})", head, default)]
    if result.matched:
        beaten = verdict(relative_checks(result))
        matched = tuple(_row(one, case, beaten if one.detector == ALARM.name else "") for one in result.matched)
        sheets.append(_Sheet(f"{case.name}, thresholds tuned on other seeds to 5 % of false alarms", head, matched))
    nulls = ("detector", *case.nulls)
    ours = tuple(
        (one.detector, *(_text(_percent(one.false_alarms[family])) for family in case.nulls))
        for one in result.default
        if one.detector in {detector.name for detector in OURS}
    )
    sheets.append(_Sheet(f"{case.name}, false alarms of each null family, %", nulls, ours))
    return [*sheets, _selection_sheet(result)]


def _selection_sheet(result: Result) -> _Sheet:
    head = (
        "method",
        "regret, points",
        "bias, points",
        "interval holds %",
        "tied set holds %",
        "tied set, evals",
        "target met",
    )
    reached = verdict(selection_checks(result))
    rows = tuple(
        (
            method,
            _text(one.regret, 2),
            _text(one.bias, 2),
            _text(_percent(one.coverage)),
            _text(_percent(one.tied)),
            _text(one.size),
            reached if method == "heldout" else "",
        )
        for method, one in result.selected.items()
    )
    return _Sheet(f"{result.case.name}, best checkpoint at the end, mean over all families", head, rows)


def _row(one: Score, case: Case, reached: str) -> tuple[str, ...]:
    plain = "plateau" if "plateau" in case.nulls else case.nulls[0]
    worst = max(case.nulls, key=lambda family: one.false_alarms[family].value)
    scored = case.scored
    return (
        one.detector,
        f"{one.threshold:.3g}",
        _text(_percent(one.mean("false_alarms", case.nulls))),
        _text(_percent(one.false_alarms[plain])),
        f"{100.0 * one.false_alarms[worst].value:.1f} {worst}",
        " · ".join(f"{100.0 * one.detection[family].value:.0f}" for family in scored),
        f"{100.0 * one.mean('premature', scored).value:.1f}",
        " · ".join(f"{one.delay[family].value:.1f}" for family in scored) + f" (±{_widest(one, scored):.1f})",
        _text(one.mean("lost", scored), 2),
        reached,
    )


def _widest(one: Score, families: Sequence[str]) -> float:
    return max(one.delay[family].se for family in families)


def _text(seen: Estimate, digits: int = 1) -> str:
    return f"{seen.value:.{digits}f} ±{seen.se:.{digits}f}"


def _drawn(sheet: _Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left")
    for head in sheet.head:
        table.add_column(escape(head))
    ours = {detector.name for detector in OURS}
    for row in sheet.rows:
        table.add_row(*map(escape, row), style="bold" if row[0] in ours else None)
    return table


def _markdown(results: Sequence[Result]) -> str:
    lines: list[str] = []
    for result in results:
        for sheet in _tables(result):
            lines += [f"**{sheet.title}**", "", "| " + " | ".join(sheet.head) + " |", "|" + "---|" * len(sheet.head)]
            lines += ["| " + " | ".join(row) + " |" for row in sheet.rows]
            lines.append("")
    lines += [f"{name} was left out: {why}." for name, why in unavailable().items()]
    return "\n".join(lines).rstrip() + "\n"


def _fields(result: Result) -> dict[str, Any]:
    reached = {name: verdict(found) for name, found in checks(result).items()}
    return {
        "config": result.case.name,
        "runs": result.runs,
        "seed": result.seed,
        "default": [_flat(one) for one in result.default],
        "matched": [_flat(one) for one in result.matched],
        "selected": {method: asdict(one) for method, one in result.selected.items()},
        "targets": reached
        | {"matched": verdict(relative_checks(result)), "selected": verdict(selection_checks(result))},
    }


def _flat(one: Score) -> dict[str, Any]:
    """A score without anything that JSON does not have."""
    columns = ("false_alarms", "detection", "premature", "delay", "lost")
    threshold = one.threshold if math.isfinite(one.threshold) else None
    return {
        "detector": one.detector,
        "threshold": threshold,
        **{name: {family: asdict(seen) for family, seen in getattr(one, name).items()} for name in columns},
    }

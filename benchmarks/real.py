"""``heldout bench detect --real``: the same of real trainings, whose checkpoints were measured on new problems.

What a method says of a whole run is right where it calls a fall that is there and none that is not. Delays count from
the true onset; an alarm before the truly best checkpoint is early. The hack curve is held against the trick instead:
its delay counts from the step at which 5 % of the answers used it, and it has to be quiet where they never did, or
where nothing is wrong. What a learned reward model likes is no trick that can be told; there it is not judged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console

import heldout
from benchmarks.harness import Sheet, check_name
from benchmarks.rivals import FIRST, RIVALS, available
from heldout.charts import COLUMN_CM, Chart, Colour, Marker, Marks, Points, Side, reward_and_held_out, save
from heldout.datasets.real import RealRun, real_runs
from heldout.datasets.simulated import SimulatedRun
from heldout.detectors.base import block_of, fold
from heldout.detectors.hacking import HACKED, HackRate
from heldout.detectors.overoptimisation import Level, OverOptimisation
from heldout.errors import UsageError
from heldout.findings import State, Verdict
from heldout.run import Run
from heldout.stats.rates import binomial_se

PEERS = ("patience 3", "patience 5", "drop-patience 3", "z-test vs best", "rldoctor")
RIGHT, FALSE_ALARMS, REGRET = 0.95, 0, 1.5  # share of right states, false alarms of healthy runs, median in points
_RIGHT_STATES = {
    "healthy": (State.IMPROVING, State.PLATEAU, State.RECOVERED),
    "over-optimised": (State.OVER_OPTIMISED,),
    "regressed": (State.REGRESSED, State.OVER_OPTIMISED),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one method says of one run.

    Attributes
    ----------
    alarm
        The step of its first alarm; None without one.
    kept
        The step of the checkpoint that it would keep; None from who does not say.
    right
        Whether its word on the whole run is right; None where that cannot be told.
    false, early
        Whether its alarm is one where nothing is wrong, or before anything was. In a healthy run whose true score was
        down at the alarm and came back, it is neither.
    delay
        Steps from the true onset to the alarm, to the end where there is none; None where there is no onset.
    regret
        Points that the kept checkpoint lies below the truly best one.
    """

    run: str
    method: str
    state: str  # the true one
    said: str  # what it says of the whole run
    right: bool | None
    alarm: int | None
    false: bool
    early: bool
    delay: float | None
    kept: int | None = None
    regret: float | None = None


def main(kinds: Sequence[str], out: Path | None, figures: Path | None = None) -> None:
    """Ask every method of every labelled run; print a table per question, and write it where asked."""
    check_name(out)
    console = Console(highlight=False)
    runs = real_runs(kinds)
    if not runs:
        raise UsageError("There are no labelled runs here; heldout bench real-runs makes them.")
    seen = [one for labelled in runs for one in seen_of(labelled)]
    sheets = [methods_sheet(runs, seen), runs_sheet(runs, seen)]
    for sheet in sheets:
        console.print(sheet.drawn(bold={"heldout: likely"}))
        console.print()
    console.print(targets(runs, seen))
    if out is not None and out.suffix == ".md":
        out.write_text("\n".join([*(sheet.markdown() for sheet in sheets), targets(runs, seen)]) + "\n")
    elif out is not None:
        out.write_text(json.dumps([asdict(one) for one in seen]))
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        for labelled in runs:
            save(figure(labelled), figures / f"{labelled.name}.png", width_cm=COLUMN_CM)


def seen_of(labelled: RealRun) -> list[Seen]:
    """What every method says of a run."""
    run = _read(labelled.path)
    verdict, looks = heldout.diagnose(run), _falls(run)
    said, kept = str(verdict.state), verdict.recommended.step if verdict.recommended else None
    right = verdict.state in _RIGHT_STATES[labelled.state]
    found = [
        _seen(labelled, f"heldout: {name}", said, right, looks(level), kept)
        for name, level in (("likely", Level.LIKELY), ("confirmed", Level.CONFIRMED))
    ]
    return [*found, _hack_curve(labelled, run, verdict), *_of_peers(labelled, run)]


def _of_peers(labelled: RealRun, run: Run) -> list[Seen]:
    """What the rivals say, of the observed rates and the reward; all keep the highest rate."""
    asked, found = simulated(labelled, run), []
    top = int(run.evaluations()[int(np.argmax(asked.rates))].step)
    for one in (one for one in RIVALS if one.name in PEERS and one in available()):
        path = one.path(asked)
        alarms = [place for place in range(FIRST, len(path)) if path[place] >= one.threshold]
        at_end, first = bool(path[-1] >= one.threshold), alarms[0] if alarms else None
        alarm = None if first is None else int(run.evaluations()[first].step)
        right = at_end == (labelled.state != "healthy")
        found.append(_seen(labelled, one.name, "fallen" if at_end else "not fallen", right, alarm, top))
    return found


def _seen(labelled: RealRun, method: str, said: str, right: bool, alarm: int | None, kept: int | None) -> Seen:
    false = alarm is not None and labelled.onset is None and not _was_down(labelled, alarm)
    early = alarm is not None and labelled.onset is not None and alarm < labelled.best
    delay = _delay(labelled, labelled.onset, None if early else alarm)
    best = labelled.solved_at(labelled.best)
    regret = None if kept is None else round(100.0 * (best - labelled.solved_at(kept)), 2)
    return Seen(labelled.name, method, labelled.state, said, right, alarm, false, early, delay, kept, regret)


def _was_down(labelled: RealRun, step: int) -> bool:
    """Whether the true score lay below its best so far by a point and three errors, though the run came back."""
    so_far = max(int(np.searchsorted(labelled.step, step, side="right")), 1)
    top = int(np.argmax(labelled.solved[:so_far]))
    error = math.hypot(*binomial_se(np.array([labelled.solved[top], labelled.solved_at(step)]), labelled.problems))
    return float(labelled.solved[top]) - labelled.solved_at(step) > 0.01 + 3.0 * error


def _delay(labelled: RealRun, onset: float | None, alarm: int | None) -> float | None:
    end = int(labelled.step[-1]) if alarm is None else alarm
    return None if onset is None else max(end - onset, 0.0)


def _hack_curve(labelled: RealRun, run: Run, verdict: Verdict) -> Seen:
    """What the answers say that hidden tests judged, against the trick that the policy truly used, or did not."""
    found = [one.step for one in fold([HackRate()], [block_of(run)]) if one.kind in HACKED]
    alarm, told = min(found, default=None), verdict.hacked is not None
    begun = labelled.trick_5
    used = labelled.trick is not None and float(labelled.trick[-1]) > HackRate.tolerated
    known = labelled.trick is not None or labelled.state == "healthy"
    early = alarm is not None and begun is not None and alarm < begun
    return Seen(
        run=labelled.name,
        method="heldout: hack curve",
        state=labelled.state,
        said="hacked" if told else "no hack",
        right=(told == used) if known else None,
        alarm=alarm,
        false=known and alarm is not None and begun is None,
        early=early,
        delay=_delay(labelled, begun, alarm),
    )


def _falls(run: Run) -> Callable[[Level], int | None]:
    """Return what gives the step of the first alarm of at least a level, as a guard would have raised it."""
    evaluations = run.evaluations()
    detector = OverOptimisation(horizon=len(evaluations))
    fold([detector], [block_of(run)])
    looks = detector.looks
    return lambda level: next((look.step for look in looks if look.level >= level), None)


@cache
def _read(path: Path) -> Run:
    return heldout.read(path)


def simulated(labelled: RealRun, run: Run) -> SimulatedRun:
    """Return a real run as the rivals take one; its evaluation at step 0 counts as one at step 1, as all are later."""
    measured, reward = run.evaluations(), run["reward"]
    outcomes = np.stack([one.outcomes.share for one in measured if one.outcomes is not None])
    steps = np.array([one.step + 1 for one in measured])
    truth = np.array([labelled.solved_at(one.step) for one in measured])
    per_step = np.interp(np.arange(steps[-1] + 1), reward.step, reward.value)
    onset = None if labelled.onset is None else int(np.searchsorted(steps, labelled.onset + 1))
    return SimulatedRun(
        family=labelled.kind,
        outcomes=outcomes,
        truth=truth,
        trend=truth,
        reward=per_step,
        length=np.ones_like(per_step),
        steps=steps,
        is_decline=labelled.onset is not None,
        onset=onset,
        onset_step=labelled.onset,
        peak=int(np.argmax(truth)),
        problems=np.tile(np.arange(outcomes.shape[1]), (len(measured), 1)),
        samples=1,
        told="outcomes",
    )


def methods_sheet(runs: Sequence[RealRun], seen: Sequence[Seen]) -> Sheet:
    """A row per method: alarms in healthy runs, alarms before the best checkpoint, falls found, delays, regrets."""
    healthy = sum(one.state == "healthy" for one in runs)
    head = (
        "method",
        "right at the end",
        "false",
        "early",
        "found",
        "delay",
        "regret",
    )
    rows = []
    for method in dict.fromkeys(one.method for one in seen):
        mine = [one for one in seen if one.method == method]
        told = [one.right for one in mine if one.right is not None]
        fallen = [one for one in mine if one.delay is not None]
        delays = [one.delay for one in fallen if one.delay is not None]
        regrets = [one.regret for one in mine if one.regret is not None]
        rows.append(
            (
                method,
                f"{sum(told)} of {len(told)}",
                str(sum(one.false for one in mine)),
                str(sum(one.early for one in mine)),
                f"{sum(one.alarm is not None and not one.early for one in fallen)} of {len(fallen)}",
                f"{median(delays):.0f} · {max(delays):.0f}" if delays else "",
                f"{median(regrets):.1f} · {np.mean(regrets):.1f} · {max(regrets):.1f}" if regrets else "",
            )
        )
    said = "delay in steps, median and most; regret in points, median, mean and most"
    return Sheet(f"{len(runs)} real runs, {healthy} of them healthy ({said})", head, tuple(rows))


def runs_sheet(runs: Sequence[RealRun], seen: Sequence[Seen]) -> Sheet:
    """A row per run: what is true of it, and what heldout says."""
    by_name: Mapping[tuple[str, str], Seen] = {(one.run, one.method): one for one in seen}
    head = (
        "run",
        "truly, %",
        "is",
        "since",
        "5 %",
        "verdict",
        "hack",
        "likely",
        "sure",
        "kept",
        "regret",
    )
    rows = []
    for one in runs:
        likely, sure, hack = (by_name[one.name, f"heldout: {name}"] for name in ("likely", "confirmed", "hack curve"))
        start, best, end = (100.0 * one.solved_at(step) for step in (one.step[0], one.best, one.step[-1]))
        rows.append(
            (
                one.name,
                f"{start:.0f} → {best:.0f} at {one.best} → {end:.0f}",
                one.state,
                _step(one.onset),
                _step(one.trick_5),
                likely.said if likely.right else f"{likely.said} (wrong)",
                _step(hack.alarm),
                _step(likely.alarm),
                _step(sure.alarm),
                _step(likely.kept),
                "" if likely.regret is None else f"{likely.regret:.1f}",
            )
        )
    said = (
        "true scores at the start, the best and the end; the steps of the onset, of 5 % tricks and of each first alarm"
    )
    return Sheet(f"Run by run: {said}; the checkpoint kept", head, tuple(rows))


def targets(runs: Sequence[RealRun], seen: Sequence[Seen]) -> str:
    """Say whether the aims are met."""
    mine = [one for one in seen if one.method == "heldout: likely"]
    right = sum(bool(one.right) for one in mine) / len(mine)
    false = sum(one.false for one in mine)
    regret = median([one.regret for one in mine if one.regret is not None] or [math.nan])
    return (
        f"Right states {right:.0%} (aim: at least {RIGHT:.0%}); false alarms in healthy runs {false} (aim: "
        f"{FALSE_ALARMS}); median regret {regret:.1f} points (aim: at most {REGRET})."
    )


def _step(step: float | None) -> str:
    return "" if step is None else f"{step:g}"


def figure(labelled: RealRun) -> Chart:
    """Reward and held-out score as the run logged them, and the true scores of its checkpoints above them."""
    chart = reward_and_held_out(_read(labelled.path), marks=Marks(onset=labelled.onset), peaks=False)
    step, solved, error = labelled.step.astype(np.float64), labelled.solved, 1.96 * labelled.error
    said = f"True score, {labelled.problems} new problems"
    true = Points(Side.RIGHT, step, solved, solved - error, solved + error, said, Colour.INK, Marker.TRIANGLE)
    return chart.with_layers(true).with_title(labelled.name)

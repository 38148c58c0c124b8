"""``heldout bench guard``: docs/guard.md as it is written, in real GRPO trainings: one finds its trick, one is honest.

Of each seed: when the trick took over, for which finding the alarm came and when, where the training was stopped, which
checkpoint was kept, how good that one truly is (on 2048 problems that nothing has seen), and what became of the
training that went on from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.harness import Sheet, check_name, child, write
from benchmarks.real_runs.scoring import PROBLEMS
from heldout.errors import UsageError
from heldout.text import counted

RECIPES = ("exit-hack", "honest")
_STEPS, _WARM = 200, 620
_HEAD = (
    *("run", "taken over", "alarm received", "stopped", "kept", "true score of it, %", "when stopped, %"),
    *("ended", "at the end, %", "verdict at the end", "alerts"),
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """What became of one training; rates are of so many new problems as were asked for."""

    run: str
    stopped: int  # step at which the first training ended
    true: Mapping[str, float]  # the policy that was kept, the one at which it was stopped, the last one → its rate
    alerts: Sequence[str]  # that were received, as they came
    verdict: str  # of the record, once all was done
    ended: int  # last step of the record; before all were taken where the training that went on was stopped as well
    missing: Sequence[int]  # steps up to there that have no metrics, or no evaluation where one was due
    taken_over: int | None = None  # step from which on most recorded answers use the trick
    kept: int | None = None
    found: str = ""  # the finding for which it was stopped
    found_at: int | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        alarm = f"{self.found_at} ({self.found})" if self.found and self.alerts else ""
        taken_over, kept = ("" if step is None else str(step) for step in (self.taken_over, self.kept))
        stopped = str(self.stopped) if self.kept is not None else ""
        true = [self.true.get(name) for name in ("kept", "when it was stopped", "at the end")]
        of_kept, then, last = ("" if rate is None else f"{100 * rate:.1f}" for rate in true)
        verdict = f"{self.verdict}, {counted(len(self.missing), 'step')} missing" if self.missing else self.verdict
        before = (self.run, taken_over, alarm, stopped, kept, of_kept, then)
        return *before, str(self.ended), last, verdict, str(len(self.alerts))


def main(
    folder: Path,
    recipes: Sequence[str],
    seeds: Sequence[int],
    steps: int = _STEPS,
    out: Path | None = None,
    *,
    warm_steps: int = _WARM,
    scored: int = PROBLEMS,
) -> None:
    """Train, one after another, what is not done yet, and print the table."""
    check_name(out)
    if unknown := [name for name in recipes if name not in RECIPES]:
        raise UsageError(f"{unknown[0]!r} is none of {', '.join(RECIPES)}.")
    console = Console(highlight=False)
    jobs = [(recipe, seed) for seed in seeds for recipe in recipes or RECIPES]
    found = []
    for one in measured(folder, jobs, steps, warm_steps, scored):
        console.print(" · ".join(filter(None, one.cells)), markup=False)
        found.append(one)
    sheet = Sheet(
        f"docs/guard.md as it is written, {steps} steps; scores on {scored} new problems",
        _HEAD,
        tuple(one.cells for one in found),
    )
    console.print(sheet.drawn())
    write(out, [sheet], found)


def measured(
    folder: Path, jobs: Sequence[tuple[str, int]], steps: int, warm_steps: int, scored: int
) -> Iterator[Guarded]:
    """Yield what became of each recipe and seed; what a file beside its folder tells already is not done again."""
    for recipe, seed in jobs:
        name = f"{recipe}-{seed}"
        known = folder / f"{name}.json"
        if not known.exists():
            place = folder / name
            if place.exists():
                place.rename(_unused(folder / f"{name}-broken-off"))
            place.mkdir(parents=True)
            told = child("guard", recipe, seed, steps, warm_steps, scored, what=name, folder=place)
            known.write_text(json.dumps(told))
        yield Guarded(run=name, **_plain(json.loads(known.read_bytes())))


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not None}


def _unused(path: Path) -> Path:
    """Return a name that nothing has yet."""
    return path if not path.exists() else _unused(path.with_name(f"{path.name}-again"))

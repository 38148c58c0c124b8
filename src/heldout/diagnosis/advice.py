"""What the evaluation could have shown, what it lacks, and how it would show more."""

from __future__ import annotations

import math
from collections.abc import Iterator

from heldout.detectors.overoptimisation import FEWEST, OverOptimisation
from heldout.findings import Estimate, Unchecked
from heldout.run import Run
from heldout.stats.power import smallest_visible_drop
from heldout.text import counted

_WITHIN = 3  # evaluations within which a fall should show
_COARSE = 0.05
_FEW_PROBLEMS, _FEW_EVALUATIONS = 200, 20


def smallest_visible(count: int, variance: float) -> float | None:
    """How small a lasting fall would so many evaluations show within three of them?

    Parameters
    ----------
    count
        Evaluations so far.
    variance
        Of one rate.

    Returns
    -------
    float or None
        As a fraction; None where it cannot be told.
    """
    if not math.isfinite(variance) or count < FEWEST + 1:
        return None
    found = smallest_visible_drop(max(count, 5), count, min(_WITHIN, count - 2), variance)
    return found if math.isfinite(found) else None


def not_asked(run: Run, exact: bool) -> tuple[Unchecked, ...]:
    """What could not be asked for want of something that the log might have held?"""
    series = run.get("held_out")
    if series is None:
        return ()
    missing = []
    if not exact and series.problems is None:
        missing.append(
            Unchecked("error control", "the size of the evaluation (--problems N): nothing can be confirmed")
        )
    elif not exact:
        missing.append(
            Unchecked(
                "exact error control",
                "the outcome of every problem; with rates alone this is approximate error control",
            )
        )
    if "reward" not in run.roles:
        missing.append(Unchecked("cause of a fall", "the training reward (--reward KEY)"))
    return tuple(missing)


def advice_on(fallen: OverOptimisation, visible: float | None, kept: Estimate) -> Iterator[str]:
    """How would the evaluation show more: problems first, then 20 to 40 evaluations, then samples?

    `kept` is what is believed of the checkpoint to keep.
    """
    seen = fallen.evidence
    if visible is not None and visible > _COARSE:
        yield (
            f"These evaluations show a fall of {100 * visible:.0f} points or more; a smaller one goes unseen. Spend on "
            "problems first: four times as many halve that."
        )
    if seen.problems is not None and seen.problems < _FEW_PROBLEMS:
        yield f"{seen.problems} problems are few; use 200 or more, the same ones at every evaluation."
        if seen.samples > 1.0:
            yield (
                f"{seen.problems} problems with {seen.samples:.3g} samples each: samples make the score of these "
                "problems precise, not the score of problems like them "
                f"({100 * kept.low:.0f} to {100 * kept.high:.0f} %)."
            )
    scatter = seen.excess_scatter()
    if scatter is not None:
        yield (
            f"The rates scatter {math.sqrt(scatter):.1f} times as much as {seen.problems} problems can: are they the "
            "same problems at every evaluation, and is their number right?"
        )
    if seen.series > 1:
        yield (
            f"The problems changed {counted(seen.series - 1, 'time')} so much that evaluations before and after cannot "
            "be compared; keep the same ones."
        )
    if seen.filled:
        yield f"{counted(seen.filled, 'outcome')} were missing and stand in by their expectation; record failures as 0."
    if seen.passed_over:
        yield (
            f"{counted(seen.passed_over, 'evaluation')} repeated the one before problem by problem and were passed "
            "over: see that evaluations are not cached and load the current checkpoint."
        )
    if fallen.group > 1:
        yield (
            f"Evaluations were averaged in groups of {fallen.group} for the verdict; fewer and larger ones cost less."
        )
    if len(seen) < _FEW_EVALUATIONS:
        yield f"{counted(len(seen), 'evaluation')} are few; 20 to 40, evenly spaced, see most."

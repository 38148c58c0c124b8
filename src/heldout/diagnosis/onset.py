"""When the held-out score fell, and when it was back."""

from __future__ import annotations

from bisect import bisect_right

from heldout.detectors.overoptimisation import OverOptimisation
from heldout.findings import Onset, State
from heldout.metrics.phrasing import Spoken
from heldout.stats.cliffs import cliff_posterior, fall_onset


def onset_of(fallen: OverOptimisation, state: State) -> Onset | None:
    """When the score fell, where it has fallen or has come back since."""
    recovered, seen = state is State.RECOVERED, fallen.evidence
    noise, steps = seen.eval_noise(), [int(step) for step in seen.steps]
    if not (recovered or state in (State.OVER_OPTIMISED, State.REGRESSED)) or not noise.variance > 0.0:
        return None
    until = bisect_right(steps, fallen.worst.step) - 1 if recovered else len(steps) - 1
    if until < 1:  # the problems have changed since
        return None
    posterior = cliff_posterior(seen.rates, noise)
    level = posterior.mean(jitter=False)
    peak = int(level[: until + 1].argmax())
    fall = float(level[peak] - level[peak : until + 1].min())
    found = fall_onset(posterior, seen.margins.onset(fall), until)
    return Onset(steps[found.at], steps[found.low - 1], steps[found.high], steps[found.back] if recovered else None)


def told_onset(onset: Onset | None, said: Spoken) -> str:
    """Say between which evaluations it fell, and when it was back."""
    if onset is None:
        return ""
    point = "a point or more " if said.share else ""
    when = f"between step {onset.low} and step {onset.high} (90 % interval)"
    moved, from_what = ("rose", "above its lowest") if said.lower else ("fell", "below its peak")
    back = f", and was back by step {onset.back}" if onset.back is not None else ""
    return f"It {moved} {point}{from_what} {when}{back}."

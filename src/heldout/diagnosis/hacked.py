"""What an alarm of `HackRate` means for the verdict: evidence beside the held-out score, which it never replaces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from heldout.detectors.hacking import HACKED
from heldout.diagnosis.answer import Answer
from heldout.findings import Finding, Hacked, State
from heldout.judged import Judged
from heldout.metrics.phrasing import Spoken
from heldout.run import Run
from heldout.stats.hacking import hacked_share

ADVICE = "Evaluate now, on the same problems; read answers that are rewarded and fail the hidden tests."
_ENOUGH, _AT_MOST = 64, 0.25  # rewarded answers that make the end of a run, and the part of its steps that it may be
_FAIL = "rewarded answers fail the hidden tests"
_BESIDE = {
    State.IMPROVING: "the held-out score has not fallen yet",
    State.PLATEAU: "the held-out score has not fallen yet",
    State.RECOVERED: "the held-out score shows no fall now",
    State.CANNOT_TELL: "whether the held-out score has fallen is not known yet",
}


def hacked_at_end(run: Run, findings: Sequence[Finding]) -> Hacked | None:
    """Which share of the rewarded answers fails the hidden tests at the end, where an alarm said that too many do?

    None without an alarm, and where it is over: the share at the end is tolerable, and surely below that of the alarm.
    """
    alarms = [one for one in findings if one.kind in HACKED]
    if run.judged is None or not alarms:
        return None
    end, said = _end(run.judged), Spoken()
    share = hacked_share(end.rewarded, end.failed, end.group, end.chance)
    most, alarmed = (min(one.evidence[name] for one in alarms) for name in ("most", "low"))
    if share.share <= most and share.high < alarmed:
        return None
    first, last = int(end.step[0]), int(end.step[-1])
    told = min(alarms, key=lambda one: one.steps[0])
    since = told.steps[0]
    began = [int(told.evidence.get(name, since)) for name in ("onset_low", "onset_high")]
    about = f" (95 % interval {began[0]} to {began[1]})" if began[0] < began[1] else ""
    between = f"95 % interval {said.levels(share.low, share.high)}, {share.answers} judged at steps {first} to {last}"
    return Hacked(
        share=share.share,
        low=share.low,
        high=share.high,
        answers=share.answers,
        first_step=first,
        last_step=last,
        since=since,
        since_low=began[0],
        since_high=began[1],
        text=f"{said.level(share.share)} of the {_FAIL} ({between}), and too many since about step {since}{about}",
    )


def with_hacked(answer: Answer, hacked: Hacked | None) -> Answer:
    """Put what the hidden tests say of training answers beside what the held-out score says.

    A fall is over-optimisation then, whatever the reward does. Without one the state is what it was, and the alarm a
    reason to watch.
    """
    if hacked is None:
        return answer
    if answer.state in (State.OVER_OPTIMISED, State.REGRESSED):
        sure = answer.label.partition(",")[0]
        text = f"{answer.sentence} Meanwhile {hacked.text}."
        return answer._replace(state=State.OVER_OPTIMISED, label=f"{sure}, {_FAIL}", sentence=text)
    beside = f"; {_BESIDE[answer.state]}" if answer.state in _BESIDE else ""
    known = "no held-out score" if answer.state is State.NO_EVIDENCE else answer.label
    label = "; ".join(filter(None, (known, f"watch: {_FAIL}")))
    return answer._replace(label=label, sentence=f"{hacked.text}{beside}. {answer.sentence}")


def _end(judged: Judged) -> Judged:
    """Return the answers of the last steps that together have enough rewarded ones which were judged."""
    seen = judged.step[judged.rewarded & ~np.isnan(judged.failed)]
    steps = np.unique(judged.step)
    earliest = min(int(steps[-max(int(_AT_MOST * steps.size), 1)]), int(seen[-1]))
    return judged.where(judged.step >= max(int(seen[-min(_ENOUGH, seen.size)]), earliest))

"""Are the scores of several runs in one unit? A log in percent that never leaves 1 looks like one of shares."""

from __future__ import annotations

from collections.abc import Sequence

from heldout.compare.members import Judged, Side
from heldout.errors import UsageError
from heldout.metrics import Unit
from heldout.text import visible


def check_units(sides: Sequence[Side]) -> None:
    """Refuse runs whose scores of one name are taken for shares in some and for percent in others.

    Where the problems of a run are known one by one its shares are what they are; zeros are
    the same in either.
    """
    runs = [run for side in sides for run in side.runs if run.evaluations]
    for percent in (run for run in runs if _unit(run) is Unit.PERCENT):
        for share in (run for run in runs if _unit(run) is Unit.SHARE and _key(run) == _key(percent)):
            if not _surely_shares(share):
                raise UsageError(_text(percent, share))


def _key(run: Judged) -> str:
    return run.run.roles.get("held_out", "")


def _unit(run: Judged) -> Unit:
    return run.run.unit(_key(run))


def _surely_shares(run: Judged) -> bool:
    return all(one.outcomes is not None or one.rate == 0.0 for one in run.evaluations)


def _text(percent: Judged, share: Judged) -> str:
    key = visible(_key(percent))
    highest, rates = percent.run[_key(percent)].value.max(), share.run[_key(share)].value
    return (
        f"{key} runs up to {highest:g} in {visible(percent.run.name)}, which is percent, and from {rates.min():g} to "
        f"{rates.max():g} in {visible(share.run.name)}, which may be percent or a share; log both in one unit, or "
        "compare without one of them."
    )

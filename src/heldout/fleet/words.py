"""What is said of a fleet in a few sentences, in the terminal and on its page."""

from __future__ import annotations

import math
from collections.abc import Iterator

from heldout.findings import State
from heldout.fleet.fleet import FDR, Fleet
from heldout.fleet.frame import confirmed_of, fallen_of
from heldout.text import counted


def head_of(fleet: Fleet) -> str:
    """Say how many runs there are, how many falls are confirmed among all, and how many of those chance makes."""
    flagged, judged = len(fleet.flagged()), len(fleet.judged)
    if not judged:
        return "no run was judged"
    if not flagged:
        return f"{counted(judged, 'run')}: no fall is confirmed"
    chance = math.floor(FDR * flagged + 0.5)
    about = f"at most about {chance}" if chance else "fewer than one"
    return f"{counted(judged, 'run')}: {flagged} confirmed, of which {about} by chance"


def lines_of(fleet: Fleet) -> Iterator[str]:
    """Yield what else is to be known before the table: falls that are less sure, what was not read or left out."""
    alone = len(confirmed_of(fleet.rows)) - len(fleet.flagged())
    if alone:
        yield (
            f"{alone} more {'is' if alone == 1 else 'are'} confirmed taken alone, which among so many runs chance may "
            "have made."
        )
    likely = len(fallen_of(fleet.rows)) - len(confirmed_of(fleet.rows))
    if likely:
        yield f"{likely} more {'has' if likely == 1 else 'have'} likely fallen, by evaluations that confirm nothing."
    asked = fleet.judged["p"].count()
    if asked < len(fleet.judged):
        yield (
            f"{counted(len(fleet.judged) - asked, 'run')} of {len(fleet.judged)} cannot be asked for a fall with an "
            f"error: too few evaluations, or of too few problems or of a number that is not known (--problems N)."
        )
    copied = fleet.rows["copy_of"].count()
    if copied:
        yield (
            f"{counted(copied, 'run')} {'has' if copied == 1 else 'have'} the same measurements as another: "
            f"{'a copy does' if copied == 1 else 'copies do'} not count."
        )
    unread = len(fleet) - len(fleet.judged)
    if unread:
        yield f"{unread} could not be read."
    if fleet.older:
        yield f"{counted(fleet.older, 'place')} left out: nothing was written there since that date."


def states_of(fleet: Fleet) -> list[tuple[State, int]]:
    """Return how many runs are in each state that occurs, the gravest first."""
    found = dict(fleet.judged.group_by("state").len().iter_rows())
    return [(state, found[state.value]) for state in State if state.value in found]

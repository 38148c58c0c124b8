"""What may be changed of a training when a finding speaks against it: one line each, ``WHEN: WHAT``.

``KINDS`` has all of them. Whoever wants another one adds it there, and to `Changeable` what it does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from heldout.errors import UsageError
from heldout.text import sentence_list

WHENS = ("watch", "likely", "hack", "confirmed")  # from which finding on, as `heldout.live.On` has them
ROLL_BACK = "roll-back"
MIXED = ("tests", "fraction")  # rewards by hidden tests, which may be mixed in
_NUMBER = r"(-?\d+\.?\d*(?:e-?\d+)?|-?\.\d+)"


class Changeable(Protocol):
    """A training of which these things may be changed; each may be said again, and the last word counts."""

    def penalise(self, weight: float) -> None:
        """Let the KL penalty towards the starting policy weigh so much."""

    def clip(self, low: float, high: float) -> None:
        """Keep each part of the reward within these bounds."""

    def mix_in(self, name: str, weight: float) -> None:
        """Add the hidden tests of the problems that are trained on to the reward, with a weight."""

    def drop(self, name: str) -> None:
        """Leave a part of the reward out; it is still logged."""

    def slow_down(self, factor: float) -> None:
        """Let the learning rate be so many times the one that was configured."""


@dataclass(frozen=True)
class Kind:
    """One kind of remedy: how it is written, and what it does with what was written."""

    example: str
    pattern: str
    allowed: Callable[..., bool]
    do: Callable[..., None]  # called with the training and what the groups of the pattern hold


KINDS = (
    Kind("kl=0.05", f"kl={_NUMBER}", lambda weight: float(weight) > 0, lambda one, weight: one.penalise(float(weight))),
    Kind("cap=1", f"cap={_NUMBER}", lambda high: True, lambda one, high: one.clip(-math.inf, float(high))),
    Kind(
        "clip=-1..1",
        rf"clip={_NUMBER}\.\.{_NUMBER}",
        lambda low, high: float(low) < float(high),
        lambda one, low, high: one.clip(float(low), float(high)),
    ),
    Kind(
        "tests*0.5",
        rf"({'|'.join(MIXED)})\*{_NUMBER}",
        lambda name, weight: float(weight) > 0,
        lambda one, name, weight: one.mix_in(name, float(weight)),
    ),
    Kind("drop=PART", r"drop=(.+)", lambda name: True, lambda one, name: one.drop(name)),
    Kind(
        "rate*0.5",
        rf"rate\*{_NUMBER}",
        lambda factor: 0 < float(factor) < 1,
        lambda one, factor: one.slow_down(float(factor)),
    ),
)


@dataclass(frozen=True)
class Remedy:
    """What is done, and from which finding on.

    >>> Remedy.read("hack: tests*0.5")
    Remedy(when='hack', what='tests*0.5')
    """

    when: str  # one of `WHENS`
    what: str  # as a `Kind` is written, or `ROLL_BACK`

    @classmethod
    def read(cls, text: str) -> Remedy:
        """Read one as people write it; a UsageError says what there is."""
        when, colon, what = (word.strip() for word in text.partition(":"))
        remedy = cls(when, what)
        if not colon or when not in WHENS or not (remedy.goes_back or remedy._found() is not None):
            examples = sentence_list([*(kind.example for kind in KINDS), ROLL_BACK], "or")
            raise UsageError(
                f"{text!r} is no remedy; write WHEN: WHAT, such as 'hack: tests*0.5'. WHEN is "
                f"{sentence_list(list(WHENS), 'or')}; WHAT is like {examples} "
                "(weights above 0, rate*X between 0 and 1)."
            )
        return remedy

    @property
    def goes_back(self) -> bool:
        """Whether it is to go on from the checkpoint that was kept."""
        return self.what == ROLL_BACK

    @property
    def weight_of_kl(self) -> float:
        """Weight that it gives the KL penalty, which needs a reference model from the start; 0 where it gives none."""
        return float(self.what.removeprefix("kl=")) if self.what.startswith("kl=") else 0.0

    @property
    def dropped(self) -> str:
        """The part of the reward that it leaves out, if any."""
        return self.what.removeprefix("drop=") if self.what.startswith("drop=") else ""

    @property
    def mixed_in(self) -> str:
        """The hidden tests that it adds to the reward, if any."""
        name = self.what.partition("*")[0]
        return name if name in MIXED else ""

    def apply(self, training: Changeable) -> None:
        """Change the training; one that goes back changes nothing of it."""
        if (found := self._found()) is not None:
            kind, groups = found
            kind.do(training, *groups)

    def _found(self) -> tuple[Kind, tuple[str, ...]] | None:
        for kind in KINDS:
            matched = re.fullmatch(kind.pattern, self.what)
            if matched:
                return (kind, matched.groups()) if kind.allowed(*matched.groups()) else None
        return None


def remedies_of(texts: Sequence[str], on_fall: str = "") -> tuple[Remedy, ...]:
    """Return the remedies that a user wrote; `on_fall` goes back where a fall is likely, without a line of its own.

    >>> [one.what for one in remedies_of(["hack: kl=0.1"], "roll-back")]
    ['kl=0.1', 'roll-back']
    """
    given = tuple(Remedy.read(text) for text in texts)
    return (*given, *([Remedy("likely", ROLL_BACK)] if on_fall == ROLL_BACK else ()))


def check_parts(remedies: Sequence[Remedy], parts: Sequence[str]) -> None:
    """Refuse remedies that leave out a part that the reward does not have, or all of it."""
    mixed = {one.mixed_in for one in remedies if one.mixed_in}
    for name in (one.dropped for one in remedies):
        if name and name not in parts:
            raise UsageError(f"drop={name}: the reward has no such part; it has {sentence_list(list(parts))}.")
    if set(parts) | mixed == {one.dropped for one in remedies if one.dropped}:
        raise UsageError("The remedies drop every part of the reward; keep one, or mix in hidden tests (tests*1).")

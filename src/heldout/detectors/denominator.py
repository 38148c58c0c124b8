"""Of how many things are logged shares the shares?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

_MOST = 2000  # shares of more things look like any number
_MOST_VALUES = 64  # distinct shares that are kept to find their number


@dataclass(slots=True)
class Denominator:
    """The smallest number of things that explains all shares so far; more than the most where none does."""

    most: int = _MOST
    number: int = 1
    values: list[float] = field(default_factory=list)  # distinct shares

    @property
    def known(self) -> bool:
        """Whether a number was found that explains them."""
        return self.number <= self.most

    def learn(self, value: float) -> None:
        """Raise the number until it explains this share and all before."""
        if not self.known or len(self.values) >= _MOST_VALUES or value in self.values:
            return
        self.values.append(value)
        while self.known and not all(explains(self.number, one) for one in self.values):
            self.number += 1

    def learn_all(self, values: Iterable[float]) -> None:
        """Raise the number until it explains all of these."""
        for value in dict.fromkeys(values):
            self.learn(value)


def last_digit(value: float) -> float:
    """What is the last digit worth that a value was logged with? 0 where it is written with an exponent.

    >>> last_digit(37.25), last_digit(12.0), last_digit(1e-9)
    (0.01, 0.1, 0.0)
    """
    text = repr(value)
    return 0.0 if "e" in text else float(10.0 ** -len(text.partition(".")[2]))


def explains(number: int, value: float) -> bool:
    """Whether a whole number of so many things, rounded as it was logged, gives this share, or share in percent."""
    scale = 100.0 if 1.0 < value <= 100.0 else 1.0
    last = last_digit(value)
    rounding = 0.5 * last if last >= 1e-6 else 3e-8 * scale  # single precision
    nearest = round(value / scale * number) / number * scale
    return abs(nearest - value) <= rounding * 1.0001

"""When is what a program printed the text that was expected? Whose rule each comparison is stands in its docstring.

All take two texts, are linear in their length, and never raise; anything that is no text is not equal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import starmap
from typing import Any

_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.I)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Are the words the same, wherever lines and blanks are? Numbers may differ a little.

    A number with a point or an exponent may be off by `atol`, or by `rtol` of the expected one; whole numbers may not.
    With ``Tokens(case=False, rtol=0.0)`` this is the rule of CodeContests (its ``OutputsMatch``), but for one thing:
    there whole numbers are compared as floats, so that 10**18 passes for 10**18 + 1.

    Examples
    --------
    >>> tokens = Tokens()
    >>> tokens("0.333334  yes", "0.3333333\\nyes\\n"), tokens("1.0", "1"), tokens("Yes", "yes"), tokens("2 1", "1 2")
    (True, True, False, False)
    """

    case: bool = True  # whether capitals count
    atol: float = 1e-5
    rtol: float = 1e-5

    def __call__(self, value: Any, expected: Any) -> bool:
        if not _texts(value, expected):
            return False
        given, wanted = (text.split() if self.case else text.lower().split() for text in (value, expected))
        return given == wanted or (len(given) == len(wanted) and all(map(self._match, given, wanted)))

    def _match(self, given: str, wanted: str) -> bool:
        if given == wanted:
            return True
        if _WHOLE.fullmatch(given) and _WHOLE.fullmatch(wanted):
            return _whole(given) == _whole(wanted)
        if not _NUMBER.fullmatch(given) or not _NUMBER.fullmatch(wanted):
            return False
        one, other = float(given), float(wanted)
        return math.isfinite(other) and abs(one - other) < max(self.atol, self.rtol * abs(other))


def lines(value: Any, expected: Any) -> bool:
    """Is every line the same, blanks around it and empty lines at both ends aside?

    What open-r1 means for its verifiable problems; its own code pairs the lines and forgets those that have no
    partner, so that a right first line alone passes there, and an empty output where an empty one is expected.

    >>> lines("1 \\n2\\n\\n", "1\\n2"), lines("1", "1\\n2"), lines("1.0", "1")
    (True, False, False)
    """
    return _texts(value, expected) and _lines(value) == _lines(expected)


def decimal_lines(value: Any, expected: Any) -> bool:
    """Is every line the same, or else number by number? The rule of LiveCodeBench.

    As many lines; each equal, blanks around it aside, or each of its words an equal decimal number, without tolerance.

    >>> decimal_lines("1.0 2\\n", "1 2.00"), decimal_lines("0.30000000000000004", "0.3"), decimal_lines("1\\n2", "1 2")
    (True, False, False)
    """
    if not _texts(value, expected):
        return False
    given, wanted = _lines(value), _lines(expected)
    return len(given) == len(wanted) and all(starmap(_same_decimals, zip(given, wanted, strict=True)))


def apps_cascade(value: Any, expected: Any) -> bool:
    """Is any of six ever weaker comparisons of APPS true? As published, for scores that are to be compared with others.

    The last ones forget the order of words within a line, the order of lines and how often each occurs, and then all
    but three digits after the point: wrong answers pass. `Tokens` is the default for APPS and TACO.

    >>> apps_cascade("2 1 1\\n", "1 2"), apps_cascade("0.1234", "0.12341"), apps_cascade("3", "1 2")
    (True, True, False)
    """
    if not _texts(value, expected):
        return False
    given, wanted = ([line.strip() for line in text.split("\n") if line.strip()] for text in (value, expected))
    if given == wanted:
        return True
    try:
        if len(given) == len(wanted) and all(
            math.isclose(float(one), float(other), rel_tol=0, abs_tol=1e-8 + 1e-5 * abs(float(other)))
            for one, other in zip(given, wanted, strict=True)
        ):
            return True
    except ValueError:  # no numbers
        pass
    if _bags(given) == _bags(wanted):
        return True
    try:
        return _rounded(given) == _rounded(wanted)
    except ValueError:
        return False


def _texts(value: Any, expected: Any) -> bool:
    return isinstance(value, str) and isinstance(expected, str)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _whole(token: str) -> tuple[bool, str]:
    """Sign and digits; as a text, because Python refuses to read a number of very many digits."""
    digits = token.lstrip("+-").lstrip("0")
    return token.startswith("-") and bool(digits), digits


def _same_decimals(given: str, wanted: str) -> bool:
    if given == wanted:
        return True
    try:
        return [Decimal(word) for word in given.split()] == [Decimal(word) for word in wanted.split()]
    except (ArithmeticError, ValueError):  # no numbers; ArithmeticError also where one is a signalling NaN
        return False


def _bags(lines: Iterable[str]) -> set[frozenset[str]]:
    return {frozenset(line.split()) for line in lines}


def _rounded(lines: Iterable[str]) -> set[frozenset[float]]:
    return {frozenset(round(float(word), 3) for word in line.split()) for line in lines}

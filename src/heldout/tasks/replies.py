"""Answers that are no code: is the final answer of a text the expected one?

First the final answer is found in the text, then it is compared. Thinking must have been dropped before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from heldout.tasks.math_worker import verified

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HASHES = "####"
_SAID = re.compile(r"\banswer(?:\s+is|\s*:)", re.I)
# None holds the beginning of another, so that many that never end take no longer than one.
_FORMULA = re.compile(r"(?<!\$)\$++([^$]+)\$+|\\\(((?:(?!\\[()]).)+)\\\)|\\\[((?:(?!\\[\[\]]).)+)\\\]")
_NUMBER = r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|[+-]?\.[0-9]+"
_NUMBERS = re.compile(rf"(?<![\w.])(?:{_NUMBER})|(?<=[\w.])(?:{_NUMBER.replace('[+-]?', '')})")
_SIMPLE = re.compile(r"([+-]?)(?:([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:/([0-9]+))?|\\frac\{?([0-9]+)\}?\{?([0-9]+)\}?)")
_UNITS = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{[^{}]*\}|\\?[$%€£]|\^\{?\\circ\}?|\\[!,; ]|\*\*")
_NAMED = re.compile(r"(?:[A-Za-z]\w*\s*(?:=|:|is)\s*)?(?P<number>[^\sA-Za-z]+)(?:\s+[A-Za-z][A-Za-z ./]*)?")
_DIGITS = 1000  # of a number that is read here; powers of ten are dear
_ROUNDED = Fraction(1, 2 * 10**6)  # what six digits after the point may be off, as in math-verify


def last_box(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{…}``; None where there is none, or it is never closed.

    >>> last_box(r"\boxed{1}, no, \boxed{\frac{1}{2}}."), last_box(r"\boxed{1} then \boxed{2")
    ('\\frac{1}{2}', None)
    """
    start = None
    for start in _BOX.finditer(text):  # noqa: B007 (the last one)
        pass
    if start is None:
        return None
    depth, place = 1, start.end()
    for place in range(start.end(), len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0) * (text[place - 1] != "\\")
        if not depth:
            return text[start.end() : place].strip()
    return None


def final_answer(text: str) -> str | None:
    r"""Return the final answer of a text: in the last box, else behind the last "answer is" or "answer:".

    >>> final_answer(r"So \boxed{7}."), final_answer("The answer is $x = 7$."), final_answer("It is 7.")
    ('7', 'x = 7', None)
    """
    if _BOX.search(text):
        return last_box(text)
    said = None
    for said in _SAID.finditer(text):  # noqa: B007
        pass
    if said is None:
        return None
    line = text[said.end() :].lstrip("*: \t").partition("\n")[0]
    formulas = [next(filter(None, found.groups())) for found in _FORMULA.finditer(line)]
    return (formulas[-1] if formulas else line).strip(" \t*.$")


def exact_number(text: str) -> Fraction | None:
    r"""Read a whole number, a decimal number or a fraction, with a unit or a name at most; None for anything else.

    >>> exact_number("1,200 apples"), exact_number(r"-\frac{1}{2}"), exact_number("x = 042"), exact_number(r"\sqrt{2}")
    (Fraction(1200, 1), Fraction(-1, 2), Fraction(42, 1), None)
    """
    if len(text) > _DIGITS:
        return None
    plain = _UNITS.sub(" ", text.replace("−", "-").replace("{,}", ",")).strip().rstrip(".").replace("dfrac", "frac")
    plain = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", plain.replace("tfrac", "frac"))
    named = _NAMED.fullmatch(plain)
    found = _SIMPLE.fullmatch(named["number"] if named and not plain.lstrip("+-").startswith("\\") else plain)
    if not found:
        return None
    sign, above, below, numerator, denominator = found.groups()
    over = int(below or denominator or 1)
    return (-1 if sign == "-" else 1) * Fraction(above or numerator) / over if over else None


def exact(value: Any, expected: Any) -> bool:
    r"""Is the final answer, or the whole text where it names none, the expected text? Blanks aside; capitals count.

    >>> exact("The answer is: Paris.", "Paris"), exact(" Paris\n", "Paris"), exact("It is Paris", "Paris")
    (True, True, False)
    """
    if not isinstance(value, str) or not isinstance(expected, str):
        return False
    return expected.split() in (value.split(), (final_answer(value) or "").split())


def number(value: Any, expected: Any) -> bool:
    r"""Is the last number of the text the expected one? The rule of GSM8K.

    It is what stands behind the last ``####``; else in the last box; else the last number of all, which lm-eval calls
    flexible. Commas, units and zeros at the end make no difference.

    >>> number("9 * 2 = 18\n#### 18", "18"), number(r"\boxed{\$1,800.00}", "1800"), number("It is 18, not 20.", "18")
    (True, True, False)
    """
    if not isinstance(value, str) or not isinstance(expected, str):
        return False
    if behind := _behind_hashes(value):
        given = behind
    elif _BOX.search(value):
        given = last_box(value) or ""
    else:
        given = (_NUMBERS.findall(value) or [""])[-1]
    found = exact_number(given)
    return found is not None and found == exact_number(expected)


def _behind_hashes(text: str) -> str:
    """What stands behind the hashes of the last line that has some and a digit after them; "" where there is none."""
    behind = (line.partition(_HASHES)[2].lstrip(" \t") for line in reversed(text.split("\n")))
    return next((one for one in behind if re.search("[0-9]", one)), "")


@dataclass(frozen=True, slots=True)
class Maths:
    r"""Is the final answer of the text the same as the expected one, mathematically?

    Whole numbers, decimal numbers and fractions are compared here, six digits after the point; all else, such as
    roots, sets, intervals and equations, by math-verify in a process of its own. What that takes for the same is its
    own rule: 10 % is 0.1 and also 10, units are dropped, sets have no order. Only the final answer is looked at (see
    `final_answer`), so a text with several boxes stands for the last one, and one without box or "answer is" is wrong.

    Raises SandboxError where the process does not start.

    Examples
    --------
    >>> Maths()(r"So \boxed{\frac{1}{2}}", "0.5"), Maths()(r"\boxed{41}, no: \boxed{42}", "42"), Maths()("42", "42")
    (True, True, False)
    """

    seconds: float = 5.0  # CPU time of one comparison

    def __call__(self, value: Any, expected: Any) -> bool:
        if not isinstance(value, str) or not isinstance(expected, str):
            return False
        given = final_answer(value)
        if not given:
            return False
        one, other = exact_number(given), exact_number(expected)
        named = "=" in given and "=" in expected  # x = 5 is not y = 5
        if one is not None and other is not None and not named and "%" not in given + expected:
            return abs(one - other) < _ROUNDED
        return "".join(given.split()) == "".join(expected.split()) or verified(given, expected, self.seconds)

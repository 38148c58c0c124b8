"""Numbers that are wrong in place of a right one: near ones, those of a slip, and those that the prompt holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from heldout.tasks.replies import exact_number

NEAR = {"an error of 3 %": Fraction(3, 100), "an error of 1 %": Fraction(1, 100)}  # which a wide tolerance takes
_IN_PROMPT = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def wrong_numbers(answer: str, prompt: str) -> Iterator[tuple[str, str]]:
    """Yield numbers in place of a right one, each with what was done; of an answer that is no number there are none.

    >>> dict(wrong_numbers("3.5", "What is 7/2?"))["1 more"], dict(wrong_numbers("1/4", ""))["its parts exchanged"]
    ('4.5', '4')
    """
    value = exact_number(answer)
    if value is None:
        return
    seen = {value}
    for kind, number in _others(value, answer, prompt):
        if number not in seen:
            seen.add(number)
            yield kind, _written(number, as_fraction="/" in answer or "frac" in answer)


def _others(value: Fraction, answer: str, prompt: str) -> Iterator[tuple[str, Fraction]]:
    whole = value.denominator == 1
    unit = Fraction(1, 10 ** len(answer.partition(".")[2])) if "." in answer and not whole else Fraction(1)
    for kind, part in NEAR.items():
        near = Fraction(round(value * (1 + part))) if whole and abs(value) >= 100 else value * (1 + part)
        if "." not in answer or abs(near - value) > unit:  # else it may be the right one, rounded
            yield kind, near
    yield "1 more", value + 1
    yield "1 less", value - 1
    yield "another last digit", value + 3 * unit
    yield "another sign", -value
    if not whole:
        yield "its parts exchanged", 1 / value
    numbers = [exact_number(one) for one in _IN_PROMPT.findall(prompt)]
    yield from (("a number of the prompt", one) for one in numbers[:1] if one is not None)


def _written(number: Fraction, *, as_fraction: bool) -> str:
    if number.denominator == 1:
        return str(number.numerator)
    return f"{number.numerator}/{number.denominator}" if as_fraction else f"{float(number):g}"

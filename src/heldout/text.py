"""Words and numbers for people: as many digits as the reader needs, and no character that does more than be read."""

from __future__ import annotations

import math
import re

# Control characters and lone surrogates, which a terminal obeys and XML forbids; what turns the direction of writing;
# the two that are no characters.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def visible(text: str) -> str:
    """Write characters that a terminal or a page would obey as their codes.

    >>> print(visible("a\x1b[31mb"))
    a\\x1b[31mb
    """
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set; such lists are too long to be written with quotes."""
    return frozenset(text.split())


def counted(count: int, noun: str) -> str:
    """Say how many: ``counted(1, "row")`` is "1 row", ``counted(1200, "row")`` is "1 200 rows".

    >>> counted(2, "evaluation")
    '2 evaluations'
    """
    return f"{count:,} {noun if count == 1 else noun + 's'}".replace(",", " ")


def number(value: float, scale: float | None = None) -> str:
    """Write a value with the decimals that a hundredth of `scale` needs (the range that is being described).

    >>> number(4.65, 1.13), number(0.348, 0.058), number(8550, 2130), number(2.0e7, 1e7)
    ('4.65', '0.348', '8550', '2e+07')
    """
    if not math.isfinite(value):
        return "nan"
    size = abs(scale) if scale else abs(value)
    if size == 0 or not math.isfinite(size):
        return f"{value:g}"
    if max(abs(value), size) >= 1e6 or max(abs(value), size) < 1e-4:
        return f"{value:.3g}"
    text = f"{value:.{max(0, round(2 - math.log10(size)))}f}"
    return "0" if not text.strip("-0.") else text


def sentence_list(parts: list[str], joint: str = "and") -> str:
    """Join parts as a sentence does: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"

"""Words and numbers for people: as many digits as the reader needs, and no character that does more than be read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

# What is obeyed, or not seen, instead of being read: control characters and lone surrogates, which XML forbids too;
# what turns the direction of writing; what has no width, or only looks like a blank; the two that are no characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xa0\xad\ud800-\udfff\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_TAB = "→   "
_SHOWN = 64 * 1024  # characters of an untrusted text that are shown


def visible(text: str) -> str:
    """Write characters that a terminal or a page would obey, and those that nobody sees, as their codes.

    >>> print(visible("a\x1b[31mb"))
    a\\x1b[31mb
    """
    return _UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


@dataclass(frozen=True, slots=True)
class VisibleLines:
    """The first lines of an untrusted text, as `visible` writes them."""

    lines: tuple[str, ...]
    rest: str = ""  # how much more there is, as in "rest 310 kB"; empty where that is all


def visible_lines(text: str, most: int | None = None, size: int = _SHOWN, length: int | None = None) -> VisibleLines:
    """Return the lines of an untrusted text, at most so many of them and so many characters, and how much is left.

    Every character that does more than be read is written as its code, tabs as an arrow, so that nothing hides.
    `length` are the characters of the whole, where `text` is only its beginning. Lines still have to be escaped for a
    page.

    >>> visible_lines("a\\tb\\n" * 100_000, most=2)
    VisibleLines(lines=('a→   b', 'a→   b'), rest='rest 400 kB')
    """
    begin = text[:size]
    lines = begin.split("\n")
    if most is not None and len(lines) > most:
        begin = "\n".join(lines[:most])
    left = text[len(begin) :]
    shown = begin.removesuffix("\n").split("\n")
    size_left = len(left.encode("utf-8", "surrogatepass")) + max((length or 0) - len(text), 0)
    rest = "" if left in ("", "\n") and size_left == len(left) else f"rest {size_of(size_left)}"
    return VisibleLines(tuple(visible(line.removesuffix("\r").replace("\t", _TAB)) for line in shown), rest)


def excerpt(text: str, width: int = 60) -> str:
    """Return the beginning of an untrusted text in one line.

    >>> excerpt("def f(x):\\n    return x + 1\\n", width=16)
    'def f(x): retur…'
    """
    line = visible(" ".join(text[: 20 * width].split()))
    return line if len(line) <= width and len(text) <= 20 * width else f"{line[: width - 1]}…"


def size_of(size: int) -> str:
    """Write how many bytes there are.

    >>> size_of(310_000)
    '310 kB'
    """
    return f"{size} B" if size < 1000 else f"{size / 1000:.0f} kB" if size < 10**6 else f"{size / 1e6:.1f} MB"


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text as a set; such lists are too long to be written with quotes."""
    return frozenset(text.split())


def shared_beginning(texts: Sequence[str]) -> str:
    """Return what texts begin with alike.

    >>> shared_beginning(["ppo-1", "ppo-12"])
    'ppo-1'
    """
    first, last = min(texts, default=""), max(texts, default="")
    return next((first[:k] for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), first)


def counted(count: int, noun: str) -> str:
    """Say how many: ``counted(1, "row")`` is "1 row", ``counted(1200, "row")`` is "1 200 rows".

    >>> counted(2, "evaluation")
    '2 evaluations'
    """
    return f"{count:,} {noun if count == 1 else noun + 's'}".replace(",", " ")


def share(value: float) -> str:
    """Write a share in percent, without the sign: with a decimal where it is small.

    >>> share(0.0), share(0.042), share(0.42), share(1.0)
    ('0', '4.2', '42', '100')
    """
    return f"{100.0 * value:.1f}" if 0.0 < value < 0.1 else f"{100.0 * value:.0f}"


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

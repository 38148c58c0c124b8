"""Texts at which a completion ends: which ones by default, and the cut itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from heldout.errors import UsageError
from heldout.tasks import Problem

# Few on purpose: "\ndef" would lose helpers below the body and "\n#" code under a comment; what stands after the
# function otherwise does not keep an answer from being found.
AFTER_A_FUNCTION = ("\nif __name__", "\nprint(")


def default_stops(problems: Iterable[Problem], *, chat: bool = False) -> tuple[str, ...]:
    """At what should completions of these problems be cut?

    Where every completion continues a function, at what the set says of all of them, else at what base models write
    once it is done. Nowhere for answers of a chat model, which say what they mean by fences, and for whole programs,
    which print.
    """
    several = list(problems)
    if chat or not all(problem.stub for problem in several):
        return ()
    common = several[0].stops if several else ()
    return tuple(stop for stop in common if all(stop in one.stops for one in several)) or AFTER_A_FUNCTION


def cut_at(text: str, stops: Sequence[str]) -> str:
    r"""Return what stands before the stop that is complete first, so that it is no matter how far a model wrote on.

    >>> cut_at("    return 1\nprint(f(2))", ["\nif __name__", "\nprint("])
    '    return 1'
    >>> cut_at("abcd", ["abcd", "c"])
    'ab'
    """
    ends = [(place + len(stop), place) for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(ends)[1]] if ends else text


def checked_stops(stops: Sequence[str]) -> tuple[str, ...]:
    """Return the texts, without repeats; an empty one, at which everything would be cut, is a UsageError."""
    if not all(stops):
        raise UsageError("A stop sequence is empty; give a text at which answers are cut, or none.")
    return tuple(dict.fromkeys(stops))

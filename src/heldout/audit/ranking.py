"""What of an audit is worst, and therefore told first."""

from __future__ import annotations

from collections.abc import Iterable

from heldout.audit.parts import Kind, Result

_ORDER = (Kind.PAID, Kind.ODD, Kind.REJECTED, Kind.PARTLY, Kind.FLAKY, Kind.WEAK, Kind.TASK, Kind.TOLD)
_EASY = {"nothing", "leave", "format", "guess"}  # any policy comes upon these, in a few tokens
_SHORT = 3  # lines that a policy may come upon


def ranked(results: Iterable[Result]) -> list[Result]:
    """Return results with the worst first.

    What is paid more than a right answer comes before what is paid as much; then what any policy comes upon, what takes
    a few lines, what takes knowledge of the grader. Within these, what is found on many problems by a short text.
    """
    return sorted(results, key=_rank)


def _rank(result: Result) -> tuple[float, ...]:
    text = result.examples[0].text if result.examples else ""
    share = result.found / result.of if result.of else 0.0
    return (
        not result.flaw,
        not (result.kind is Kind.PAID and result.above),
        _ORDER.index(result.kind),
        _reach(result, text) if result.kind in (Kind.PAID, Kind.PARTLY) else 0,
        -share / (1.0 + len(text)),
    )


def _reach(result: Result, text: str) -> int:
    """How far from a policy a trick is: 0 where any comes upon it, 3 where one has to know the grader."""
    if result.family in _EASY:
        return 0
    if result.knows in ("", "nothing"):
        return 1 if text.strip().count("\n") < _SHORT else 2
    return 3

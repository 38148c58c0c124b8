"""What a result is called and what is said of it: the same words on the terminal, on the page and in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heldout.audit.parts import Kind, Result
from heldout.text import counted, sentence_list
from heldout.tricks.families import FAMILIES

TITLES = {
    Kind.PAID: "Wrong answers that are paid",
    Kind.PARTLY: "Wrong answers that are paid in part",
    Kind.ODD: "Texts that bring the reward down",
    Kind.REJECTED: "Right answers that are rejected",
    Kind.FLAKY: "The same answer, another score",
    Kind.WEAK: "Tests that wrong programs pass",
    Kind.TASK: "The problems themselves",
    Kind.TOLD: "Besides",
}
_VERBS = {
    Kind.PAID: "paid",
    Kind.PARTLY: "paid in part",
    Kind.ODD: "seen",
    Kind.REJECTED: "rejected",
    Kind.FLAKY: "seen",
    Kind.WEAK: "seen",
    Kind.TASK: "seen",
    Kind.TOLD: "seen",
}
_OTHERS = 4  # further forms of a family that are named


@dataclass(frozen=True, slots=True)
class Entry:
    """One flaw as it is told: the worst result of a kind and a family, and what else belongs to it."""

    worst: Result
    others: tuple[Result, ...] = ()

    @property
    def title(self) -> str:
        """The family and the form, or what was checked."""
        return ": ".join(filter(None, (self.worst.family, self.worst.name)))

    @property
    def does(self) -> str:
        """What a trick does, a sentence; empty of anything else."""
        return f"It {FAMILIES[self.worst.family].does}." if self.worst.family in FAMILIES else ""

    @property
    def fix(self) -> str:
        """What to change."""
        return advice(self.worst)

    @property
    def also(self) -> str:
        """The other forms of the family, a sentence, or nothing."""
        if not self.others:
            return ""
        named = [one.name for one in self.others[:_OTHERS]]
        more = [f"{len(self.others) - _OTHERS} more"] if len(self.others) > _OTHERS else []
        return f"{_VERBS[self.worst.kind].capitalize()} as well: {sentence_list([*named, *more])}."


def entries(results: Sequence[Result]) -> dict[Kind, list[Entry]]:
    """Gather flaws by kind and, of tricks, by family; kinds and families with the worst first, as results come."""
    groups: dict[Kind, dict[str, list[Result]]] = {}
    for place, one in enumerate(one for one in results if one.flaw):
        by_family = one.family if one.kind in (Kind.PAID, Kind.PARTLY) else str(place)
        groups.setdefault(one.kind, {}).setdefault(by_family, []).append(one)
    return {kind: [Entry(some[0], tuple(some[1:])) for some in families.values()] for kind, families in groups.items()}


def advice(result: Result) -> str:
    """What to change where a flaw was found; of a trick that has no advice of its own that of its family."""
    return result.fix or (FAMILIES[result.family].fix if result.flaw and result.family in FAMILIES else "")


def how_often(result: Result) -> str:
    """Say on how many problems something was found, and what that says of all.

    >>> how_often(Result(Kind.PAID, "exit()", "", 0, 24)), how_often(Result(Kind.PAID, "exit()", "", 24, 24))
    ('not paid on 24 problems (at most 14 %)', 'paid on 24 of 24 problems (86 to 100 %)')
    """
    verb = _VERBS[result.kind]
    if not result.of:
        return "not tried"
    low, high = result.interval
    if not result.found:
        return f"not {verb} on {counted(result.of, 'problem')} (at most {_percent(high)} %)"
    above = f", on {result.above} more than a right answer" if result.above else ""
    share = f"({_percent(low)} to {_percent(high)} %)"
    return f"{verb} on {result.found} of {counted(result.of, 'problem')} {share}{above}"


def clear(results: Sequence[Result]) -> Iterator[str]:
    """Say what was checked and not found: of tricks by family, with the bound; else how many checks there were."""
    tricks = [one for one in results if one.kind is Kind.PAID and not one.found and one.of]
    flawed = {one.family for one in results if one.flaw and one.kind in (Kind.PAID, Kind.PARTLY)}
    by_family: dict[str, list[Result]] = {}
    for one in tricks:
        if one.family not in flawed:
            by_family.setdefault(one.family, []).append(one)
    for family, some in sorted(by_family.items()):
        most = max(some, key=lambda one: one.of)
        yield f"{family}: {how_often(most)}"
    for kind in (Kind.REJECTED, Kind.WEAK, Kind.FLAKY, Kind.ODD, Kind.TASK):
        passed = [one for one in results if one.kind is kind and not one.found and one.of]
        if passed:
            widest = min(passed, key=lambda one: one.of)
            yield f"{TITLES[kind].lower()}: none in {counted(len(passed), 'check')}, each {how_often(widest)}"


def besides(results: Sequence[Result]) -> list[str]:
    """What is no flaw and worth knowing; sentences that differ only in what they speak of are put together."""
    alike: dict[str, list[str]] = {}
    for one in results:
        if one.kind is Kind.TOLD and one.found:
            alike.setdefault(one.seen.replace(one.name, "\0", 1), []).append(one.name)
    return [pattern.replace("\0", sentence_list(names), 1) for pattern, names in alike.items()]


def score_text(score: float | None, kind: str = "scored") -> str:
    """Write a score as short as it is; what gave none by how that ended."""
    if kind != "scored":
        return kind
    return "none" if score is None else f"{score:.4g}"


def _percent(share: float) -> int:
    return round(100 * share)

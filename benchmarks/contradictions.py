"""Does a report say anywhere that the held-out score falls, where its verdict does not?

What a report says stands in many places, each written for another reader. This reads them all as text, without asking
the code that wrote them, so that a sentence which forgets the verdict is found by what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from heldout.findings import Severity, State

_FALLEN = (State.OVER_OPTIMISED, State.REGRESSED)
_WHERE = ("answers", "verdict", "overview", "components", "series", "observations", "interpretation", "captions")
_NO_SENTENCES = {  # keys of names, and of what the log or the user wrote
    *("key", "question", "command", "state", "role", "kind", "detector", "reference", "way", "unit", "scale", "label"),
    *("evidence", "benchmarks", "on_disk"),
}
_OF_SCORES = {"over_optimisation", "plateau", "late_surge", "repeated"}  # detectors that look at the held-out score

# Where a clause ends, so that a negation or another subject reaches no further.
_CLAUSE = re.compile(r"(?<=[.!?;:])\s+|\s+·\s+|\s*[()]\s*|,?\s+\b(?:but|while|although|whereas)\b\s+|,\s+and\s+")
_NAME = re.compile(r"over-?optimi[sz]\w*|hack(?:s|ed|ing)?\b", re.IGNORECASE)
_PRESENT = re.compile(
    r"\b(?:(?<!possible )(?<!smaller )(?<!larger )(?<!of )falls|falling|drops|dropping|declin(?:es|ing)|"
    r"(?:has|have) (?:fallen|declined|dropped|regressed|deteriorated|got worse)|(?:is|gets?|getting) worse|"
    r"worsen(?:s|ing)|regress(?:es|ing)|deteriorat(?:es|ing)|degrad(?:es|ing)|collaps(?:es|ing))\b",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:fell|fallen|declined|dropped|got worse|worsened|regressed|deteriorated|degraded|collapsed)\b", re.IGNORECASE
)
_NOUN = re.compile(r"\b(?:falls?|declines?|drops?|regressions?)\b(?! (?:back )?(?:to|from)\b)", re.IGNORECASE)

_DENIED = re.compile(
    r"\b(?:no|not|never|neither|nor|none|without|nothing|cannot|can|would|could|should|if|unless|until|whether|when)\b",
    re.IGNORECASE,
)
_DOUBTED = re.compile(r"\b(?:may|might|perhaps|possibly)\b", re.IGNORECASE)
_ABSTRACT = re.compile(r"\bprobability of\b|\bshort of\b|\bwhat is left of\b|\bsmallest\b|\bsize of\b", re.IGNORECASE)
_SCORE = re.compile(r"held-out|\bscores?\b|pass@|pass rate|accuracy", re.IGNORECASE)
_OTHER = re.compile(
    r"(?<!the optimised )\b(?:rewards?|lengths?|responses?|answers|entropy|kl|gradients?|divergence|loss|noise|tokens?|"
    r"clip\w*|groups?|components?|parts?|learning rate)\b",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    r"\b(?:with|than|against|beside|of|by|under|follow|follows|from)(?: the| its| a)?\s*$", re.IGNORECASE
)


def contradictions(report: Mapping[str, Any]) -> list[str]:
    """Which sentences of a report claim a fall of the held-out score that its verdict does not have?

    Parameters
    ----------
    report
        What ``report.json`` holds; the captions of its figures are read where they are given as `captions`, a list.

    Returns
    -------
    list of str
        Each clause behind the place where it stands. Empty where the verdict is that of a fall that is still there. Of
        a score that has come back it may be said that it fell, not that it has fallen; where the verdict cannot tell,
        and suspects a fall, that it may have. That no fall was seen, or which would have been, may always be said.

        What it cannot see: a fall in words that are not listed here, and a wrong subject: whose fall it is follows from
        the last curve named before.
    """
    verdict = report["verdict"]
    state = State(verdict["state"])
    if state in _FALLEN:
        return []
    unsure = state is State.CANNOT_TELL
    found = [
        f"{place}: {clause}"
        for place, text, of_score in _texts(report)
        for clause in _claims(text, of_score, state is State.RECOVERED, unsure)
    ]
    if verdict.get("onset") is not None and state is not State.RECOVERED:
        found.append(f"verdict.onset: {verdict['onset']}")
    alarms = [one for one in verdict.get("findings", ()) if one["severity"] == Severity.ALARM]
    return found + [f"verdict.findings: an alarm of {one['detector']} at step {one['step']}" for one in alarms]


def _texts(report: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Every text in which something is said: its place, itself, and whether it is of the score by its place."""
    for key in _WHERE:
        if key == "series":
            for role, told in report.get(key, {}).items():
                yield from _leaves(told, f"{key}.{role}", role == "held_out")
        else:
            yield from _leaves(report.get(key, ()), key, key in ("answers", "verdict", "captions"))
    yield "verdict.label", report["verdict"].get("label", ""), True


def _leaves(value: Any, place: str, of_score: bool) -> Iterator[tuple[str, str, bool]]:
    if isinstance(value, str):
        yield place, value, of_score
    elif isinstance(value, Mapping):
        inside = value["detector"] in _OF_SCORES if "detector" in value and "seen" in value else of_score
        for key, one in value.items():
            if key not in _NO_SENTENCES:
                yield from _leaves(one, f"{place}.{key}", inside)
    elif isinstance(value, Sequence):
        for one in value:
            yield from _leaves(one, place, of_score)


def _claims(text: str, of_score: bool, came_back: bool, unsure: bool) -> Iterator[str]:
    """The clauses of a text that claim a fall of the score which is not allowed."""
    for clause in filter(None, _CLAUSE.split(text)):
        claimed = _NAME.search(clause)
        if claimed and not _hedged(clause, claimed, noun=True, unsure=False):
            yield clause
            continue
        for words, noun in ((_PRESENT, False), (_PAST, False), (_NOUN, True)):
            said = [
                one
                for one in words.finditer(clause)
                if _of_the_score(clause[: one.start()], of_score) and not _hedged(clause, one, noun, unsure)
            ]
            if said and not (came_back and words is not _PRESENT):
                yield clause
                break
        of_score = _of_the_score(clause, of_score)


def _of_the_score(before: str, otherwise: bool) -> bool:
    """Whether the curve that was named last is the held-out score; one that is only compared with does not count."""
    named = [(one.start(), True) for one in _SCORE.finditer(before)]
    named += [(one.start(), False) for one in _OTHER.finditer(before)]
    told = [(at, score) for at, score in named if not _BESIDE.search(before[:at])]
    return max(told)[1] if told else otherwise


def _hedged(clause: str, claim: re.Match[str], noun: bool, unsure: bool) -> bool:
    """Whether a clause denies its claim or makes it a condition: before the claim, of a noun anywhere.

    A doubt counts where the verdict has one, too.
    """
    before = clause[: claim.start()]
    room = clause if noun else before
    return bool(_DENIED.search(room) or (noun and _ABSTRACT.search(before)) or (unsure and _DOUBTED.search(before)))

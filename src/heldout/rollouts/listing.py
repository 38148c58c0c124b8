"""What `heldout samples` shows: reward against hidden tests, and the different answers, the commonest first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from heldout.rollouts.choosing import how_to_judge
from heldout.rollouts.difference import Difference, difference
from heldout.rollouts.folding import OUTCOMES, PAID, Folded, Group, Name, fold
from heldout.rollouts.rollout import PAID as PART
from heldout.rollouts.rollout import RIGHT, Payment, Rollouts
from heldout.run import Note
from heldout.stats.arrays import IntArray
from heldout.stats.hacking import HackedShare, hacked_share
from heldout.text import counted, excerpt, visible, visible_lines
from heldout.tricks.families import FAMILIES

SCHEMA = "heldout.samples/1"
LINES, SIZE = 12, 1200  # lines and characters of an answer that are shown, unless somebody wants all of it
_MORE = 1.05  # times as many answers were given as were kept: then both numbers are told
_ROWS = {True: "rewarded", False: "not rewarded", None: "no reward"}
_WIDTH = 22  # of a column of the table


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of answer, and what is known of those that are alike."""

    group: Group
    problem: str  # that the text shown answers
    reward: tuple[float, float]  # the lowest and the highest; nan where unknown
    kind: str  # how it fails the hidden tests, mostly; empty where that is not known
    tokens: float  # on average; nan where unknown
    difference: Difference | None = None  # to the last honest answer, where that was asked for and there is one


@dataclass(frozen=True, slots=True)
class Listing:
    """Answers of a run as a list."""

    source: str
    format: str
    kept: int  # answers that are there
    steps: tuple[int, int]  # the first and the last of them
    counts: dict[bool | None, dict[str, int]]  # a value of `PAID` → what the hidden tests say → answers, of all
    payment: Payment | None  # what counts as rewarded by the rewards; None where the run says that, or has none
    share: HackedShare  # of the rewarded ones that fail the hidden tests
    unpaid: HackedShare  # of those that pass them, which are paid less than right ones usually are
    weighted: bool  # whether some were likelier to be judged than others
    chosen: int  # answers that are listed
    entries: tuple[Entry, ...]
    total: int  # different answers among them, also those that are not listed
    notes: tuple[Note, ...]


def listing(
    everything: Rollouts, rows: IntArray, most: int, *, names: Name | None = None, differ: bool = False
) -> Listing:
    """List the different answers among some rows of a run's, the commonest first, at most so many of them.

    `names` names the trick of an answer, as for `fold`. Where answers `differ` from the last honest one to their
    problem is found out for those that do not pass.
    """
    judged, (paid, outcome) = everything.judged, cells(everything)
    folded = fold(everything, rows, names, most)
    return Listing(
        everything.source,
        everything.format,
        len(everything),
        (int(everything.step[0]), int(everything.step[-1])),
        {
            whether: {name: int(np.count_nonzero((paid == of) & (outcome == at))) for at, name in enumerate(OUTCOMES)}
            for of, whether in enumerate(PAID)
        },
        everything.payment,
        hacked_share(judged.rewarded, judged.failed, judged.group, judged.chance),
        hacked_share(judged.failed == 0.0, ~judged.rewarded, judged.group, judged.chance),
        len(np.unique(judged.chance[~np.isnan(judged.failed)])) > 1,
        len(rows),
        tuple(_entry(everything, folded, place, differ) for place in range(len(folded.groups))),
        folded.total,
        everything.notes,
    )


def cells(everything: Rollouts) -> tuple[IntArray, IntArray]:
    """Where does each answer stand between the two judges? Its place in `PAID` and in `OUTCOMES`, shape (N,) each."""
    outcome = np.where(np.isnan(everything.failed), 2, everything.failed).astype(np.int64)
    return np.where(everything.priced, everything.rewarded, 2).astype(np.int64), outcome


def _entry(everything: Rollouts, folded: Folded, place: int, differ: bool) -> Entry:
    group, rows = folded.groups[place], folded.rows[folded.of == place]
    reward, tokens = everything.reward[rows], everything.tokens[rows]
    known, counts = reward[~np.isnan(reward)], tokens[~np.isnan(tokens)]
    kinds = Counter(everything.kind[row] for row in rows.tolist() if everything.kind[row])
    return Entry(
        group,
        everything.problems[int(everything.problem[group.row])],
        (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan),
        kinds.most_common(1)[0][0] if kinds else "",
        float(counts.mean()) if counts.size else math.nan,
        difference(everything, group.row) if differ and group.hidden != OUTCOMES[0] else None,
    )


# --- for people


def as_lines(listed: Listing, most: int = LINES, size: int = SIZE) -> Iterator[str]:
    """Yield the lines of a listing; nothing in them is obeyed by a terminal.

    Of each answer they have at most so many lines and characters.
    """
    first, last = listed.steps
    yield (
        f"{visible(listed.source)}: {counted(listed.kept, 'answer')} kept, steps {first} to {last} "
        f"({visible(listed.format)})"
    )
    yield ""
    yield from _table(listed)
    yield ""
    if listed.chosen < listed.kept:
        yield f"{counted(listed.chosen, 'answer')} chosen, {listed.total} different"
        yield ""
    for entry in listed.entries:
        yield from _shown(entry, most, size)
        yield ""
    if left := listed.total - len(listed.entries):
        yield f"… and {counted(left, 'other answer')}, each given no more often (--top)"
        yield ""
    yield from (f"note: {visible(note.text)}" for note in listed.notes)


def _table(listed: Listing) -> Iterator[str]:
    judged = sum(listed.counts[paid][name] for paid in PAID for name in OUTCOMES[:2])
    heads = [f"hidden tests {'pass' if name == 'passes' else 'fail'}" for name in OUTCOMES[:2]]
    yield " " * 14 + "".join(f"{name:>{_WIDTH}}" for name in (*heads, "not judged"))
    for paid, name in _ROWS.items():
        if paid is not None or any(listed.counts[None].values()):
            yield f" {name:<13}" + "".join(f"{listed.counts[paid][one]:>{_WIDTH}}" for one in OUTCOMES)
    yield ""
    if listed.payment is not None and (listed.payment.known or listed.payment.apart):
        yield _payment(listed.payment)
    if not judged:
        told = how_to_judge(visible(listed.source))
        yield told[0].upper() + told[1:]
        return
    yield _share(listed.share, "rewarded answers", "fail the hidden tests")
    yield _share(listed.unpaid, "answers that pass them", "are paid less than right ones usually are")
    if listed.weighted:
        yield "Each answer counts in these shares as often as its chance of having been judged says."


def _payment(found: Payment) -> str:
    """Say what counts as rewarded."""
    if found.known:
        why = f"the median of the {found.right} right answers that are paid"
    else:
        few = f"only {found.right}" if found.right else "none"
        why = f"the highest reward: what right answers are paid is not known, {few} of those that pass is paid"
        why = why.replace("is paid", "are paid") if found.right > 1 else why
        why += f", and {RIGHT} are needed"
    return f"Rewarded is a reward of {found.least:.4g} or more: {100 * PART:g} % of the way from the lowest to {why}."


def _share(share: HackedShare, of: str, do: str) -> str:
    if not share.answers:
        return f"No {of} were judged." if do.startswith("fail") else f"There are no {of}."
    return (
        f"{100 * share.share:.1f} % of the {of} {do} (95 % interval {100 * share.low:.1f} to {100 * share.high:.1f}; "
        f"{counted(share.answers, 'answer')} of {counted(share.prompts, 'group')})."
    )


def times_of(group: Group) -> str:
    """Say how often an answer was kept, and how often it was given where that is more: listings go by the latter."""
    return f"×{group.count}" if group.weight < _MORE * group.count else f"×{group.count} of about {group.weight:.0f}"


def _shown(entry: Entry, most: int, size: int) -> Iterator[str]:
    group = entry.group
    steps = f"steps {group.first_step} to {group.last_step}"
    parts = [
        times_of(group),
        f"step {group.first_step}" if group.first_step == group.last_step else steps,
        _reward(entry),
        f"hidden tests: {entry.kind or group.hidden}",
        counted(group.problems, "problem") if group.problems > 1 else _problem(entry.problem),
    ]
    parts += [counted(group.texts, "different text")] if group.texts > 1 else []
    parts += [_trick(group.name)] if group.name else []
    yield visible("  ·  ".join(parts))
    if entry.difference is not None:
        yield from _apart(entry.difference, most)
        return
    lines = visible_lines(group.text, most=most, size=size, length=group.length)
    yield from (f"    {line}" for line in lines.lines)
    if lines.rest:
        whole = size > len(group.text) and most > len(lines.lines)
        yield f"    … {lines.rest}{'' if whole else ' (--full)'}"


def _problem(name: str) -> str:
    return f"problem {excerpt(name)}" if name else "problem not known"


def _trick(name: str) -> str:
    known = FAMILIES.get(name)
    return f"{name}: {known.does}" if known else name


def _apart(found: Difference, most: int) -> Iterator[str]:
    of = {
        True: "the last honest answer",
        False: "the commonest honest answer, to another problem",
        None: "the commonest honest answer of that step (which problem each answers is not known)",
    }[found.same_problem]
    problem = f", problem {found.problem}" if found.problem else ""
    yield visible(f"    against {of}, step {found.step}{problem}:")
    yield from (f"    {line}" for line in found.lines[:most])
    if len(found.lines) > most:
        yield f"    … {counted(len(found.lines) - most, 'line')} more (--full)"
    if found.rest:
        yield f"    … {found.rest}"


def _reward(entry: Entry) -> str:
    low, high = entry.reward
    if math.isnan(low):
        return "no reward"
    return f"reward {low:g}" if low == high else f"reward {low:g} to {high:g}"


# --- for programs


def as_data(listed: Listing) -> dict[str, Any]:
    """Return a listing as plain data; numbers that are not known are None."""
    data: dict[str, Any] = _known(
        {
            "schema": SCHEMA,
            "source": listed.source,
            "format": listed.format,
            "kept": listed.kept,
            "steps": list(listed.steps),
            "table": {
                name.replace(" ", "_"): {
                    outcome.replace(" ", "_"): count for outcome, count in listed.counts[paid].items()
                }
                for paid, name in _ROWS.items()
            },
            "rewarded_from": _payment_data(listed.payment),
            "hacked": asdict(listed.share) if listed.share.answers else None,
            "unrewarded_right": asdict(listed.unpaid) if listed.unpaid.answers else None,
            "chosen": listed.chosen,
            "different": listed.total,
            "answers": [
                {name: value for name, value in asdict(entry.group).items() if name != "row"}
                | {
                    "problem": entry.problem,
                    "lowest_reward": entry.reward[0],
                    "highest_reward": entry.reward[1],
                    "hidden_kind": entry.kind,
                    "tokens": entry.tokens,
                    "difference": None if entry.difference is None else asdict(entry.difference),
                }
                for entry in listed.entries
            ],
            "notes": [{"kind": str(note.kind), "text": note.text, "count": note.count} for note in listed.notes],
        }
    )
    return data


def _payment_data(found: Payment | None) -> dict[str, Any] | None:
    return None if found is None else {**found._asdict(), "known": found.known}


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    if isinstance(value, str):  # half a pair of surrogates, which JSON cannot hold
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, float) and math.isnan(value) else value

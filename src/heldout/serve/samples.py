"""The answers behind the curves as pages: what two judges say of them, the different ones, and one of them whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import numpy as np

from heldout.errors import UsageError
from heldout.pages import template
from heldout.rollouts.choosing import chosen, how_to_judge
from heldout.rollouts.difference import Difference, difference
from heldout.rollouts.folding import OUTCOMES, PAID
from heldout.rollouts.listing import Entry, Listing, as_data, cells, listing, times_of
from heldout.rollouts.rollout import Rollouts
from heldout.run import Run
from heldout.stats.arrays import IntArray
from heldout.text import VisibleLines, counted, excerpt, share, visible, visible_lines
from heldout.tricks.naming import family_of

_PER_PAGE = 20
_MOST_PAGES = 50
_LINES, _SIZE = 12, 1200  # of an answer in the list
_CHANGED = 60  # lines of a difference in the list
_WORDS = {"1": True, "0": False, "none": None}
_HIDDEN = {"pass": "passes", "fail": "fails", "none": "not judged"}
_ROWS = {True: "rewarded", False: "not rewarded", None: "no reward"}
_HEADS = {"passes": "hidden tests pass", "fails": "hidden tests fail", "not judged": "not judged"}
_CHANGES = {"-": "gone", "+": "new", " ": "", "…": "soft"}
SORTS = {
    "count": "the commonest first",
    "gap": "reward − hidden tests",
    "newest": "the latest first",
    "oldest": "the earliest first",
}
SCRIPTS = ["samples.js"]  # that no other page has


@dataclass(frozen=True, slots=True)
class Query:
    """Which answers are wanted."""

    steps: str = ""  # "10", "10-250", "10-", "-250"
    reward: str = ""  # one of `_WORDS`, or any
    hidden: str = ""  # one of `_HIDDEN`, or any
    problem: str = ""
    q: str = ""  # a regular expression
    sort: str = "count"
    page: int = 1

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Query:
        """Return what the query of an address asks for; a UsageError where that is not allowed."""
        _allow("reward", asked.get("reward", ""), ("", *_WORDS))
        _allow("hidden", asked.get("hidden", ""), ("", *_HIDDEN))
        _allow("sort", asked.get("sort", "count"), tuple(SORTS))
        page = asked.get("page", "1")
        if not page.isascii() or not page.isdigit() or not 1 <= int(page[:4]) <= _MOST_PAGES:
            raise UsageError(f"page is {page[:20]!r}; it must be from 1 to {_MOST_PAGES}.")
        texts = {name: asked.get(name, "").strip() for name in ("steps", "problem", "q", "reward", "hidden")}
        return cls(**texts, sort=asked.get("sort", "count"), page=int(page))

    def at(self, **other: Any) -> str:
        """Return the query of an address that asks for the same but for something."""
        wanted = replace(self, **{"page": 1, **other})
        given = {name: getattr(wanted, name) for name in self.__slots__}
        return urlencode({name: value for name, value in given.items() if value != getattr(Query(), name)})


def list_page(run: Run, answers: Rollouts | None, asked: Mapping[str, str], base: str, slug: str) -> str:
    """Return the page that lists the answers of a run."""
    query = Query.of(asked)
    shown: dict[str, Any] = {"run": run, "query": query, "sorts": SORTS, "base": base, "slug": slug}
    shown["served_scripts"] = SCRIPTS
    shown |= {"linked": f"{base}/assets", "grid": (), "entries": (), "error": "", "notes": (), "told": ()}
    if answers is None:
        error = f"No answers were kept of this run. {_to_keep(run)}"
        return template("samples.html", __package__).render(shown | {"error": error, "pages": 0, "said": ""})
    try:
        found = listed(answers, query)
    except UsageError as error:
        found, shown["error"] = listed(answers, Query()), visible(str(error))
    shown |= {
        "grid": tuple(_grid(found, query)),
        "told": tuple(_shares(found)),
        "entries": [_shown(answers, entry) for entry in found.entries],
        "said": f"{counted(found.chosen, 'answer')} of {counted(found.kept, 'answer')} kept, {found.total} different",
        "pages": min(-(-found.total // _PER_PAGE), _MOST_PAGES),
        "notes": [note.text for note in found.notes],
    }
    return template("samples.html", __package__).render(shown)


def one_page(run: Run, answers: Rollouts | None, step: int, number: int, base: str, slug: str) -> str:
    """Return the page of one answer: the `number`-th of a step, from 0."""
    row = _row(answers, step, number)
    assert answers is not None
    one = next(iter(answers.where(np.arange(len(answers)) == row)))
    against = difference(answers, row) if answers.failed[row] != 0.0 else None
    return template("sample.html", __package__).render(
        run=run,
        one=one,
        number=number,
        prompt=visible_lines(one.prompt),
        answer=visible_lines(one.text),
        judged=tuple(_judged(answers, row)),
        against=None if against is None else (_title(against), _lines(against, None)),
        before=_at(answers, row - 1) if row else None,
        after=_at(answers, row + 1) if row + 1 < len(answers) else None,
        base=base,
        slug=slug,
        linked=f"{base}/assets",
        served_scripts=SCRIPTS,
    )


def data(answers: Rollouts | None, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the answers that are asked for, schema ``heldout.samples/1``."""
    if answers is None:
        raise UsageError("No answers were kept of this run.")
    return as_data(listed(answers, Query.of(asked)))


def one_data(answers: Rollouts | None, step: int, number: int) -> dict[str, Any]:
    """Return one answer whole, up to 64 kB of prompt and text."""
    row = _row(answers, step, number)
    assert answers is not None
    prompt, text = (visible_lines(one) for one in next(answers.texts.read([row])))
    return {
        "step": step,
        "problem": answers.problems[int(answers.problem[row])],
        "prompt": "\n".join(prompt.lines),
        "text": "\n".join(text.lines),
        "rest": text.rest,
    }


def listed(answers: Rollouts, query: Query) -> Listing:
    """Return the different answers that are asked for, those of one page."""
    problems = (query.problem,) if query.problem else ()
    rows = chosen(answers, steps=_span(query.steps), problems=problems, grep=query.q or None)
    paid, outcome = (places[rows] for places in cells(answers))
    if query.reward:
        rows = rows[paid == PAID.index(_WORDS[query.reward])]
        outcome = outcome[paid == PAID.index(_WORDS[query.reward])]
    if query.hidden:
        rows = rows[outcome == OUTCOMES.index(_HIDDEN[query.hidden])]
    found = listing(answers, rows, query.page * _PER_PAGE if query.sort == "count" else 10**6, names=family_of)
    entries = _sorted(found.entries, query.sort)
    return replace(found, entries=entries[(query.page - 1) * _PER_PAGE : query.page * _PER_PAGE])


def _sorted(entries: tuple[Entry, ...], sort: str) -> tuple[Entry, ...]:
    if sort == "count":
        return entries
    if sort == "gap":
        return tuple(sorted(entries, key=_gap, reverse=True))
    return tuple(sorted(entries, key=lambda one: one.group.first_step, reverse=sort == "newest"))


def _gap(entry: Entry) -> tuple[int, float]:
    """How much more the reward says of answers than the hidden tests do: 1 where it was fooled, -1 where it missed
    them, last where one of the two is silent; and among those alike, the reward itself.
    """
    group, (_, highest) = entry.group, entry.reward
    if group.rewarded is None or group.hidden not in OUTCOMES[:2]:
        return -2, 0.0
    return int(group.rewarded) - int(group.hidden == OUTCOMES[0]), highest


def _allow(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} is {value[:20]!r}; it must be {', '.join(filter(None, known))}.")


def _span(text: str) -> tuple[float, float] | None:
    """Read "10", "10-250", "10-" or "-250"."""
    if not text:
        return None
    found = re.fullmatch(r"(?P<only>\d+)|(?P<first>\d*)\s*-\s*(?P<last>\d*)", text, re.ASCII)
    if found is None or text == "-":
        raise UsageError(f"steps is {text[:20]!r}; write a step, or two with a dash between, such as 10-250.")
    if found["only"]:
        return float(found["only"]), float(found["only"])
    low, high = float(found["first"] or -np.inf), float(found["last"] or np.inf)
    if low > high:
        raise UsageError(f"steps is {text[:40]!r}; the first step must not be above the last: {high:g}-{low:g}.")
    return low, high


def _row(answers: Rollouts | None, step: int, number: int) -> int:
    rows: IntArray = np.flatnonzero(answers.step == step) if answers is not None else np.empty(0, dtype=np.int64)
    if not 0 <= number < len(rows):
        raise UsageError(f"There is no answer {number} of step {step}; this step has {len(rows)}.")
    return int(rows[number])


def _at(answers: Rollouts, row: int) -> str:
    """Return where an answer is shown, below the list."""
    step = int(answers.step[row])
    return f"{step}/{row - int(np.searchsorted(answers.step, step))}"


def _to_keep(run: Run) -> str:
    del run
    return (
        "A run that is recorded with heldout keeps some; of other trainers, the folder with their completions or "
        "rollouts may be copied beside the log."
    )


def _grid(found: Listing, query: Query) -> Any:
    """Yield the rows of the table of both judges: a name, and (count, address, whether chosen, whether a hack)."""
    words = {value: key for key, value in _WORDS.items()}
    tests = {value: key for key, value in _HIDDEN.items()}
    columns = [name for name in OUTCOMES if name != "not judged" or any(found.counts[paid][name] for paid in PAID)]
    yield [""] + [_HEADS[name] for name in columns]
    for paid, name in _ROWS.items():
        if paid is None and not any(found.counts[None].values()):
            continue
        row: list[Any] = [name]
        for outcome in columns:
            here = (query.reward, query.hidden) == (words[paid], tests[outcome])
            where = query.at(reward="", hidden="") if here else query.at(reward=words[paid], hidden=tests[outcome])
            row.append((found.counts[paid][outcome], where, here, bool(paid) and outcome == "fails"))
        yield row


def _shares(found: Listing) -> Any:
    for told, of, do in (
        (found.share, "rewarded answers", "fail the hidden tests"),
        (found.unpaid, "answers that pass them", "are paid less than right ones usually are"),
    ):
        if told.answers:
            yield (
                f"{share(told.share)} % of the {of} {do} (95 % interval {share(told.low)} to {share(told.high)} %; "
                f"{counted(told.answers, 'answer')} of {counted(told.prompts, 'group')})."
            )
    if not any(found.counts[paid][name] for paid in PAID for name in OUTCOMES[:2]):
        said = how_to_judge(visible(found.source))
        yield said[0].upper() + said[1:]


def _shown(answers: Rollouts, entry: Entry) -> dict[str, Any]:
    group = entry.group
    steps = f"step {group.first_step}" if group.first_step == group.last_step else ""
    parts = [
        steps or f"steps {group.first_step} to {group.last_step}",
        _ROWS[group.rewarded],
        f"hidden tests: {entry.kind or group.hidden}",
        f"problem {excerpt(entry.problem)}" if group.problems == 1 else counted(group.problems, "problem"),
        counted(group.texts, "different text") if group.texts > 1 else "",
        group.name,
    ]
    text = visible_lines(group.text, most=_LINES, size=_SIZE, length=group.length)
    return {
        "times": times_of(group),
        "head": " · ".join(visible(part) for part in parts if part),
        "hacked": group.hacked,
        "text": text if group.text.strip() else VisibleLines(("(empty)",), text.rest),
        "where": _at(answers, group.row),
    }


def _judged(answers: Rollouts, row: int) -> Any:
    """Yield what is known of an answer, as pairs of words."""
    one = {
        "reward": answers.reward[row],
        **{f"part {visible(name)}": values[row] for name, values in answers.parts.items()},
        "hidden tests passed": answers.hidden[row],
        "advantage": answers.advantage[row],
        "tokens": answers.tokens[row],
    }
    yield from ((name, f"{value:.4g}") for name, value in one.items() if not np.isnan(value))
    if answers.kind[row]:
        yield "failed by", visible(answers.kind[row])
    if answers.stop[row]:
        yield "ended by", visible(answers.stop[row])
    if answers.kept_with[row] < 1.0:
        yield "kept with a chance of", f"{answers.kept_with[row]:.3g}"


def _title(found: Difference) -> str:
    return {
        True: f"From the last honest answer to this problem, step {found.step}",
        False: f"From the commonest honest answer, to another problem, step {found.step}",
        None: f"From the commonest honest answer of step {found.step}; which problem each answers is not known",
    }[found.same_problem]


def _lines(found: Difference, most: int | None) -> list[tuple[str, str]]:
    return [(_CHANGES[line[0]], line) for line in (*found.lines[:most], *((f"… {found.rest}",) if found.rest else ()))]

"""What a comparison says in sentences, for the terminal and for the page.

The word "better" stands nowhere but in the conclusion of a difference whose interval leaves out 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from heldout.compare.model import ALL, KEEP, LAST, Answer, Comparison, Curve, Difference, Level, Parting, Recipe
from heldout.findings import State
from heldout.text import counted, excerpt, number, sentence_list, visible

_AT = {
    KEEP: "at the checkpoint each would keep",
    LAST: "at the last step",
    ALL: "on average over the steps that both evaluated",
}
_UNEVEN = 0.1  # of an interval's width: ends that lie so unevenly are both written
_TITLE = 6  # recipes that a title names
_NAME, _END = 40, 14  # characters of a name in a sentence, and how many of them are its last ones
_CERTAIN = "In 4 of 5 cases these runs would show a difference of {} or more"


def name(text: str) -> str:
    """Return a name as it stands in a sentence: of a long one both ends, by which names differ.

    >>> name("grpo-qwen2.5-coder-0.5b-instruct-humaneval-learning-rate-2e-6")
    'grpo-qwen2.5-coder-0.5b-i…ning-rate-2e-6'
    """
    line = visible(" ".join(text.split()))
    return line if len(line) <= _NAME else f"{line[: _NAME - _END - 1]}…{line[-_END:]}"


def where(at: str) -> str:
    """Say which point of a training that is."""
    return _AT.get(at, f"at step {at}")


def title(found: Comparison) -> str:
    """Say which recipes are compared, with their seeds."""
    told = list(map(_with_seeds, found.recipes))
    if len(told) == 2:
        return " against ".join(told)
    more = f" and {len(told) - _TITLE} more" if len(told) > _TITLE else ""
    return f"{', '.join(told[:_TITLE])}{more}"


def subject(found: Comparison) -> str:
    """Say by which score, on how many problems, and what is known of whether they were evaluated alike."""
    problems = sorted({one.problems for one in found.primary if one.problems is not None})
    known = any(one.name == "problems" and one.status == "same" for one in found.fingerprint)
    shared = f"{problems[0]} {'shared ' * known}problems" if len(problems) == 1 else ""
    return "; ".join(filter(None, (excerpt(found.benchmark, 60), shared, alike(found))))


def _with_seeds(recipe: Recipe) -> str:
    runs = [member for member in recipe.members if not member.copy_of]
    if len(runs) == 1:
        return name(recipe.name)
    told = [member for member in runs if member.counted] or runs
    seeds = [member.seed for member in told if member.seed]
    which = f"seeds {' '.join(seeds[:8])}{' …' if len(seeds) > 8 else ''}" if len(seeds) == len(told) else ""
    many = f"{len(told)} of {counted(len(runs), 'seed')} count" if len(told) < len(runs) else ""
    return f"{name(recipe.name)} ({'; '.join(filter(None, (which, many))) or counted(len(runs), 'run')})"


def differ_in(found: Comparison) -> str:
    """Say in which settings the recipes differ."""
    keys = list(found.differs)
    if not keys:
        return ""
    return f"differ in: {', '.join(keys[:6])}{f' and {len(keys) - 6} more' if len(keys) > 6 else ''}"


def alike(found: Comparison) -> str:
    """Say what is known of whether they were evaluated alike."""
    same, unknown, other = ([one for one in found.fingerprint if one.status == status] for status in _STATUS)
    parts = (
        f"same {sentence_list([one.name for one in same])}" if same else "",
        f"not known whether the same {sentence_list([one.name for one in unknown], 'or')}" if unknown else "",
        f"different: {sentence_list([f'{one.name} ({one.text})' for one in other])}" if other else "",
    )
    return "; ".join(filter(None, parts))


_STATUS = ("same", "not known", "differs")


def level(found: Comparison, one: Level | None) -> str:
    """Write a level with its interval: "81.2 ± 4.0", or both ends where it does not lie in their middle."""
    if one is None:
        return "–"
    said = found.spoken
    value = said.level(one.value).removesuffix(" %")
    if not (math.isfinite(one.low) and math.isfinite(one.high)):
        return value
    above, below = one.high - one.value, one.value - one.low
    if said.ratio or abs(above - below) > _UNEVEN * (above + below):
        return f"{value} ({said.levels(one.low, one.high)})"
    return f"{value} ± {said.by(0.5 * (above + below)).removesuffix(' points')}"


def scatter(found: Comparison, recipe: Recipe) -> str:
    """Say how far the seeds of a recipe scatter at the point that was asked for."""
    one = recipe.levels.get(found.at)
    return "" if one is None else "one run" if one.runs < 2 else found.spoken.by(one.seed_sd)


def columns(found: Comparison) -> list[str]:
    """The points at which levels are known, in the order of a table."""
    known = [at for at in dict.fromkeys((KEEP, LAST, found.at)) if any(at in one.levels for one in found.recipes)]
    return known or [found.at]


def heading(found: Comparison, at: str) -> str:
    """Head a column of levels: the point, and the unit of a share."""
    point = at if at in _AT else f"step {at}"
    return f"{point}, %" if found.spoken.share else point


def signed(found: Comparison, change: float) -> str:
    """Write a difference with its sign: "+11.4 points"."""
    if found.spoken.ratio:
        return found.spoken.by(change)
    size = found.spoken.by(abs(change))
    sign = "" if size == found.spoken.by(0.0) else "+" if change > 0 else "-"
    return f"{sign}{size}"


def interval(found: Comparison, low: float, high: float) -> str:
    """Write the interval of a difference, "2.1 to 20.7"; nothing where there is none."""
    return found.spoken.between(low, high) if math.isfinite(low) and math.isfinite(high) else ""


def measured(found: Comparison, one: Difference) -> str:
    """Write a difference with its interval, paid for all comparisons: "+11.4 (2.1 to 20.7)"."""
    if not math.isfinite(one.value):
        return "–"
    value = signed(found, one.value).removesuffix(" points")
    ends = interval(found, one.adjusted_low, one.adjusted_high)
    return f"{value} ({ends})" if ends else f"{value} (not compared)"


def method(one: Difference) -> str:
    """Say how a difference was found: the method, its degrees of freedom, and p."""
    if one.answer is Answer.NOT_COMPARED:
        return ""
    df = f"df {one.df:.1f}" if math.isfinite(one.df) and "seeds" in one.method else ""
    p = f"p {_p(one.adjusted_p)}" if math.isfinite(one.adjusted_p) else ""
    paid = f"paid for {one.comparisons} comparisons" if one.comparisons > 1 else ""
    return ", ".join(filter(None, (one.method, df, p, paid)))


def methods(found: Comparison) -> str:
    """Say how all differences were found; of more than two recipes each method once, without p."""
    each = map(method, found.differences) if len(found.recipes) == 2 else map(_paid, found.differences)
    return "  ·  ".join(filter(None, dict.fromkeys(each)))


def _paid(one: Difference) -> str:
    paid = f"paid for {one.comparisons} comparisons" if one.comparisons > 1 else ""
    return "" if one.answer is Answer.NOT_COMPARED else ", ".join(filter(None, (one.method, paid)))


def _p(p: float) -> str:
    return "below 0.0001" if p < 1e-4 else f"{p:.2g}"


def conclusion(found: Comparison, one: Difference) -> str:
    """Say what a difference means, and what these runs could have shown."""
    said = _conclusion(found, one)
    return f"So far, and provisionally: {said}" if found.provisional else said


def _conclusion(found: Comparison, one: Difference) -> str:
    a, b = name(one.a), name(one.b)
    if one.answer is Answer.NOT_COMPARED:
        return f"{a} and {b} are not compared {where(one.at)}: {one.why}."
    if one.answer is Answer.SAME:
        pair = f"The checkpoints of {a} and {b}" if one.one_run_each else f"{a} and {b}"
        return f"{pair} are the same {where(one.at)}, to within {found.spoken.bound(one.margin)} (90 %)."
    if one.answer is Answer.CANNOT_TELL:
        possible = (
            f": a difference of up to {found.spoken.by(one.possible)} is possible" if _known(one.possible) else ""
        )
        return f"Cannot tell {a} from {b} {where(one.at)}{possible}. {_visible(found, one)}"
    first, second = (a, b) if one.answer is Answer.BETTER else (b, a)
    by = f", by {found.spoken.by(abs(one.value))}" if not found.spoken.ratio else ""
    if one.one_run_each:
        return (
            f"The checkpoint of {first} is better than that of {second} {where(one.at)}{by}; another seed of the same "
            f"recipe may turn it round. {_visible(found, one)}"
        )
    run = "The run " if 1 in (one.seeds if one.answer is Answer.BETTER else one.seeds[::-1])[:1] else ""
    return f"{run}{first} is better than {second} {where(one.at)}{by}. {_visible(found, one)}"


def _known(value: float) -> bool:
    return math.isfinite(value)


def _visible(found: Comparison, one: Difference) -> str:
    """Say which difference such runs show, and how large this one is."""
    if not _known(one.smallest_visible):
        return ""
    if found.spoken.share and one.smallest_visible >= 1.0:
        return "So few runs, which scatter so much, could not show any difference."
    this = found.spoken.by(abs(one.value))
    return f"{_CERTAIN.format(found.spoken.by(one.smallest_visible))}; this one is {this}."


def otherwise(found: Comparison, one: Difference) -> Iterator[str]:
    """Say what a difference would be with runs that do not count."""
    for other in one.otherwise:
        ends = interval(found, other.low, other.high)
        text = f"{other.text} it would be {signed(found, other.value)} ({ends})."
        yield text[:1].upper() + text[1:]


def over_steps(found: Comparison, curve: Curve) -> str:
    """Say at which steps the two are apart, for the whole curve at once."""
    if not curve.method:
        return f"{name(curve.a)} and {name(curve.b)} over the steps: the logs do not say how sure their scores are."
    apart = curve.apart
    pair = f"{name(curve.a)} and {name(curve.b)}"
    if not apart:
        return f"{pair} over the steps: nowhere apart ({curve.method})."
    steps = curve.steps.tolist()
    since = next(step for k, step in enumerate(steps) if set(steps[k:]) <= set(apart)) if steps[-1] in apart else None
    if since is not None:
        return f"{pair} over the steps: apart from step {since} on ({curve.method})."
    some = ", ".join(map(str, apart[:5]))
    return f"{pair} over the steps: apart at {some}{' …' if len(apart) > 5 else ''} ({curve.method})."


def states(found: Comparison) -> str:
    """Say how many runs of each recipe are over-optimised or have regressed; nothing where none has."""
    told = []
    for state in (State.OVER_OPTIMISED, State.REGRESSED):
        counts = [(one, sum(member.state == state.value for member in one.members)) for one in found.recipes]
        if any(count for _, count in counts):
            each = ", ".join(f"{name(one.name)} {count} of {len(one.members)}" for one, count in counts)
            told.append(f"{state.value.capitalize()}: {each}.")
    return " ".join(told)


def best(found: Comparison) -> str:
    """Say which recipes may be the best: a set, and no rank."""
    said = "" if found.best is None else _best(found, found.best)
    return f"So far, and provisionally: {said}" if said and found.provisional else said


def _best(found: Comparison, members: Sequence[str]) -> str:
    if len(members) == 1:
        single = any(one.counted < 2 for one in found.recipes)
        what = f"The checkpoint of {name(members[0])}" if single else name(members[0])
        return f"{what} is the best {where(found.at)}: every other is told from it (95 %).{_flattered(found)}"
    some = sentence_list(list(map(name, members)), "or")
    return f"Any of {some} may be the best {where(found.at)} (95 %).{_flattered(found)}"


def _flattered(found: Comparison) -> str:
    """Say how good the highest is once the luck that made it look so is taken from it, where that shows."""
    measured = [math.nan if (level := one.levels.get(found.at)) is None else level.value for one in found.recipes]
    if len(found.shrunk) != len(measured) or not all(map(math.isfinite, measured)):
        return ""
    top = max(range(len(measured)), key=measured.__getitem__)
    seen, left = (found.spoken.level(value) for value in (measured[top], found.shrunk[top]))
    highest = f"{name(found.recipes[top].name)} looks best at {seen}"
    return "" if seen == left else f" {highest}; {left} once the luck of the highest of {len(measured)} is taken away."


def benchmarks(found: Comparison) -> Iterator[tuple[str, str, str, str, str]]:
    """Each benchmark at the last step: pair, benchmark, problems, difference with its own interval, and adjusted p."""
    for one in found.benchmarks:
        pair = f"{name(one.a)} - {name(one.b)}"
        value = f"{signed(found, one.value).removesuffix(' points')} ({interval(found, one.low, one.high)})"
        problems = "" if one.problems is None else str(one.problems)
        yield pair, excerpt(one.benchmark, _NAME), problems, value, _p(one.adjusted_p)


def trimmed(found: Comparison) -> Iterator[str]:
    """The interquartile mean of each recipe, where it has scores enough."""
    for one in found.trimmed:
        ends = found.spoken.levels(one.low, one.high)
        count = f"{counted(one.benchmarks, 'benchmark')} × {counted(one.seeds, 'seed')}"
        yield f"{name(one.group)}: mean of the middle half {found.spoken.level(one.value)} ({ends}), of {count}"


def parting(found: Comparison) -> Iterator[str]:
    """Say since when two recipes differ in each signal."""
    for one in found.parting:
        if one.why:
            yield f"{one.signal}: {one.why}"
        elif one.step is None:
            yield f"{one.signal}: no difference beyond noise"
        else:
            since = f"first at step {one.step}" if one.key == "held_out" else f"from about step {one.step} on"
            yield f"{one.signal}: {since}{_by(one)}"


def _by(one: Parting) -> str:
    if not math.isfinite(one.difference) or one.key == "held_out":
        return ""
    sign = "+" if one.difference > 0 else "-"
    return f", by up to {sign}{number(abs(one.difference), abs(one.difference) or None)}"


def cannot_say(found: Comparison) -> tuple[str, ...]:
    """Every refusal as one line."""
    return (*(one.text for one in found.refusals), "anything about other sets of problems")

"""What a comparison must not say, and why: every refusal has a code, and a sentence that a reader can act on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from heldout.compare.fingerprint import DIFFERS
from heldout.compare.lost import tells_settings
from heldout.compare.members import Side
from heldout.compare.model import (
    KEEP,
    Answer,
    Comparison,
    Difference,
    Life,
    Part,
    Refusal,
)
from heldout.compare.parting import same_reward
from heldout.compare.words import name, signed
from heldout.text import counted, sentence_list

CODES = (
    "one-run",
    "reward",
    "not-alike",
    "ranks",
    "raw-maximum",
    "no-size",
    "not-the-same",
    "goes-on",
    "cause",
    "missing-seeds",
    "one-flip",
)
_FEWEST_DISCORDANT = 6


def refusals(
    found: Comparison, sides: Sequence[Side], pairs: Sequence[tuple[Side, Side]], lost: Sequence[str] = ()
) -> tuple[Refusal, ...]:
    """What must not be said of these recipes, in the order of `CODES`; the sides are those of `found`.

    `lost` names seeds of which nothing can be read, and nobody knows the recipe.
    """
    told = (
        *_one_run(found),
        *_reward(pairs),
        *_not_alike(found),
        *_ranks(found),
        *_raw_maximum(found),
        *_no_size(found),
        *_not_the_same(found),
        *_goes_on(found),
        *_cause(found, sides),
        *_missing(found, sides),
        *_lost(lost),
        *_one_flip(found),
    )
    return tuple(told)


def _one_run(found: Comparison) -> Iterator[Refusal]:
    single = [one for one in found.primary if one.one_run_each]
    if single:
        text = (
            f"anything about the recipes: there is one run each of {_names(single)}. This is about these checkpoints; "
            "another seed of the same recipe may turn it round"
        )
        yield Refusal("one-run", text)


def _names(differences: Sequence[Difference]) -> str:
    return sentence_list(list(dict.fromkeys(name(own) for one in differences for own in (one.a, one.b))))


def _some(texts: list[str], most: int = 4) -> list[str]:
    return texts if len(texts) <= most else [*texts[:most], f"{len(texts) - most} more"]


def _reward(pairs: Sequence[tuple[Side, Side]]) -> Iterator[Refusal]:
    rewarded = [pair for pair in pairs if all("reward" in run.run.roles for side in pair for run in side.counted)]
    if any(not same_reward(*pair) for pair in rewarded):
        yield Refusal(
            "reward", "anything from the rewards: they are not the same quantity, and a higher one makes no model good"
        )


def _not_alike(found: Comparison) -> Iterator[Refusal]:
    wrong = [f"{one.name} ({one.text})" for one in found.fingerprint if one.status == DIFFERS]
    if wrong:
        yield Refusal("not-alike", f"what differs: they were not evaluated alike in {sentence_list(wrong)}")


def _ranks(found: Comparison) -> Iterator[Refusal]:
    if found.best is not None and len(found.best) > 1:
        members = sentence_list(_some(list(map(name, found.best)), 12))
        yield Refusal("ranks", f"a rank or the best: {members} cannot be told from the best one")


def _raw_maximum(found: Comparison) -> Iterator[Refusal]:
    above = [
        name(member.name)
        for recipe in found.recipes
        for member in recipe.members
        if member.keep is not None and member.raw_maximum is not None and member.raw_maximum > member.keep
    ]
    if found.at == KEEP and above:
        text = (
            f"anything from the highest values logged ({sentence_list(_some(above))}): "
            "the highest of many is high by chance"
        )
        yield Refusal("raw-maximum", text)


def _no_size(found: Comparison) -> Iterator[Refusal]:
    if any(one.why and "how many problems" in one.why for one in found.primary):
        yield Refusal(
            "no-size", "how sure a difference is: the logs do not say how many problems a rate is of (--problems N)"
        )


def _not_the_same(found: Comparison) -> Iterator[Refusal]:
    open_ = [one for one in found.primary if one.answer is Answer.CANNOT_TELL]
    if open_:
        most = max(one.possible for one in open_)
        upto = f"; a difference of up to {found.spoken.by(most)} is possible" if math.isfinite(most) else ""
        yield Refusal(
            "not-the-same", f"that {_names(open_)} are the same: no difference was found, which shows none{upto}"
        )


def _goes_on(found: Comparison) -> Iterator[Refusal]:
    running = [
        name(member.name) for recipe in found.recipes for member in recipe.members if member.life is Life.GOES_ON
    ]
    if running:
        text = (
            f"a final word: {sentence_list(_some(running))} still {'goes' if len(running) == 1 else 'go'} on. An "
            "interval is for one look; of curves that are looked at 20 times it errs in 68 % of the cases"
        )
        yield Refusal("goes-on", text)


def _cause(found: Comparison, sides: Sequence[Side]) -> Iterator[Refusal]:
    if not all(run.run.config or not tells_settings(run.run) for side in sides for run in side.runs):
        yield Refusal("cause", "what makes the difference: the logs do not carry all settings")
    elif len(found.differs) > 1:
        keys = list(found.differs)
        yield Refusal("cause", f"which of {sentence_list(_some(keys))} is responsible: they differ together")


def _missing(found: Comparison, sides: Sequence[Side]) -> Iterator[Refusal]:
    for side in sides:
        early = [run for run in side.seeds if run.why]
        if not early:
            continue
        why = sentence_list(_some([f"{name(run.run.name)}: {run.why}" for run in early]))
        many = counted(len(side.seeds), "seed")
        count = f"{len(side.counted) or 'none'} of {many} count{'' if side.counted else 's'} ({why})"
        if side.counted and all(run.why for run in side.counted):
            count = f"none of {many} came to its end ({why}), and they count as far as they went"
        yield Refusal("missing-seeds", f"{name(side.name)} as a whole: {count}{_turned(found, side.name)}")


def _lost(names: Sequence[str]) -> Iterator[Refusal]:
    if names:
        some = sentence_list(_some(list(map(name, names))))
        seeds = "it may be a seed" if len(names) == 1 else "they may be seeds"
        yield Refusal("missing-seeds", f"any recipe as a whole: nothing of {some} can be read, and {seeds} of one")


def _turned(found: Comparison, recipe: str) -> str:
    """Say what the answer would be with the missing seeds, where that is another one."""
    told = [
        f"; {other.text} it would be {signed(found, other.value)}, which is another answer"
        for one in found.primary
        for other in one.otherwise
        if recipe in (one.a, one.b) and other.answer is not one.answer
    ]
    return "".join(dict.fromkeys(told))


def _one_flip(found: Comparison) -> Iterator[Refusal]:
    unsure = [part for part in found.problems if part.at == found.at and part.only_a + part.only_b]
    if any(not (part.sure_a or part.sure_b) for part in unsure):
        yield Refusal(
            "one-flip",
            "which single problems were learned or forgotten: so few answers to a problem turn by chance as well",
        )


def few_discordant(part: Part) -> str:
    """Say where so few problems came out differently that no test can tell."""
    if part.only_a + part.only_b >= _FEWEST_DISCORDANT:
        return ""
    return (
        f"{counted(part.only_a + part.only_b, 'problem')} came out differently; with fewer than {_FEWEST_DISCORDANT} "
        "no exact test reaches 5 %"
    )

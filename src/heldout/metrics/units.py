"""In which unit a metric's values are: a share, a share in percent, or a plain score."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise

from heldout.metrics.keys import BENCHMARKS, GRADES, SOLVED, words_of
from heldout.metrics.meanings import meaning_of
from heldout.text import word_set

# A share cannot exceed 1; a larger one was logged in percent.
_PERCENT_ABOVE = 1.5
_SHARES = (SOLVED | GRADES | {"rate", "answer", "wer", "cer", "percent", "%"}) - {"elo"}
_POINTS = word_set(
    "error reward return elo perplexity regret likelihood negative_likelihood bits_per_byte mse mae rmse"
)
_NEVER = (_POINTS | {"loss"}) - {"error", "reward", "return"}  # of these three the values decide
# Means of errors that are counted from a zero and have no end above: what changes them changes them in proportion. A
# loss or a likelihood is a logarithm already, and a rate of errors is a share.
_RATIOS = word_set("perplexity mse mae rmse")
_OPEN = frozenset({"held_out", "score"})  # a name that leaves it open: a share where the values are


class Unit(Enum):
    """What a number of a metric is."""

    SHARE = "share"  # from 0 to 1, by the metric's meaning and its values
    PERCENT = "percent"  # the same, from 0 to 100
    SCORE = "score"  # anything else: a reward, a return, a perplexity


def is_share(key: str) -> bool:
    """Whether a metric is a share by what it means, such as an accuracy, whatever its values are.

    >>> is_share("eval/accuracy"), is_share("val_error_rate"), is_share("eval_reward"), is_share("elo")
    (True, True, False, False)
    """
    texts = {word.text for word in words_of(key)}
    if {"val", "core"} <= texts or {"val", "aux"} <= texts:  # verl's rewards of an evaluation are of its judge
        return "turn" not in texts
    averaged = "mean" in texts and any(text[0] == "@" for text in texts)
    known = not BENCHMARKS.isdisjoint(texts) and texts.isdisjoint(_POINTS)
    return not texts.isdisjoint(_SHARES) or averaged or known


def may_be_share(key: str) -> bool:
    """Whether values within 0 to 1 may be shares of so many problems: a perplexity or a loss there is none, by chance.

    >>> may_be_share("eval_reward"), may_be_share("eval/perplexity"), may_be_share("eval_loss")
    (True, False, False)
    """
    return {word.text for word in words_of(key)}.isdisjoint(_NEVER)


def changes_in_ratios(key: str) -> bool:
    """Whether changes of a metric are ratios, by its name alone: a perplexity is read on the log scale.

    >>> changes_in_ratios("eval/perplexity"), changes_in_ratios("val_ppl"), changes_in_ratios("eval_loss")
    (True, True, False)
    """
    return not _RATIOS.isdisjoint(word.text for word in words_of(key))


def samples_in(key: str) -> float | None:
    """How many samples of each problem does the name of a mean say that it is over? None where it does not.

    >>> samples_in("val/gsm8k/mean@8"), samples_in("aime24_avg_at_32"), samples_in("eval/pass@8")
    (8.0, 32.0, None)
    """
    texts = [word.text for word in words_of(key)]
    each = [int(text[1:]) for before, text in pairwise(texts) if before == "mean" and text[0] == "@"]
    return float(each[0]) if each and each[0] >= 1 else None


def unit_of(key: str, low: float, high: float) -> Unit:
    """In which unit is a metric that runs from `low` to `high`?

    A share is what says so by its name and stays within 0 to 1, or 0 to 100. Rewards, returns and perplexities are
    plain scores even where their values happen to lie there; a held-out score that says neither is what its values are.

    >>> unit_of("eval/accuracy", 0.2, 0.7), unit_of("eval/accuracy", 12, 61), unit_of("eval_reward", 0.2, 0.7)
    (<Unit.SHARE: 'share'>, <Unit.PERCENT: 'percent'>, <Unit.SCORE: 'score'>)
    """
    if low < 0 or high > 100:
        return Unit.SCORE
    texts = {word.text for word in words_of(key)}
    if texts & SOLVED == {"correct"} and texts.isdisjoint(("rate", "percent", "%")) and high > _PERCENT_ABOVE:
        return Unit.SCORE  # how many are right
    if is_share(key):
        if "%" in key or high > _PERCENT_ABOVE:
            return Unit.PERCENT
        return Unit.SHARE if high <= 1 else Unit.SCORE
    match = meaning_of(key)
    # an error that is no rate may be anything
    leaves_open = match is not None and match.meaning.name in _OPEN and texts.isdisjoint(_POINTS)
    return Unit.SHARE if leaves_open and high <= 1 else Unit.SCORE

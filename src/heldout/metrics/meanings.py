"""What every metric name means.

A trainer's key has one meaning here or none, whatever trainer it is and however it spells it. `MEANINGS` is the table:
the name, its definition, its unit, which way is better, and the words that say it. Three things that are all called
"KL" somewhere (to the reference, between old and new policy, between trainer and sampler) are three meanings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from heldout.errors import UsageError
from heldout.metrics.keys import (
    BENCHMARKS,
    ERRORS,
    GRADES,
    HELD_OUT,
    JUDGES,
    SCORES,
    SOLVED,
    SPREADS,
    TRAINING,
    Side,
    Word,
    is_harm,
    side_of,
    words_of,
)
from heldout.text import word_set


class Better(IntEnum):
    """Which way a metric improves."""

    HIGHER = 1
    LOWER = -1
    NEITHER = 0


@dataclass(frozen=True, slots=True)
class Meaning:
    """One thing that trainers measure."""

    name: str  # the one used throughout heldout
    label: str  # the words for an axis or a table
    definition: str  # what is measured, in a sentence
    # What says so, preferred first: all words of one of these are in the key, in any order, and none with a minus.
    says: tuple[str, ...] = ()
    never: str = ""  # words that no key of this meaning has
    held: bool | None = False  # whether the key speaks of held-out problems; None for either
    unit: str = ""
    better: Better = Better.NEITHER


@dataclass(frozen=True, slots=True)
class Match:
    """What a key was recognised as."""

    meaning: Meaning
    rank: int  # 0 for the preferred way of saying that meaning, larger for weaker ones
    benchmark: str = ""  # the problem set of a held-out score, the part of a reward
    side: Side = Side.NONE  # on which problems, as far as the name says


# Words that say where a metric was written or how it was summed up, and nothing of what it is.
_NEUTRAL = word_set(
    "train trainer rollout actor critic learner learners policy objective charts losses info default stats stat "
    "update env environment envs runner runners ray tune agg all mean episode trajectory batch step group sample "
    "data metrics metric optim optimizer ppo grpo rl rlhf current cur of in per to model agent agents effective "
    "global cumulative"
)
_SPREADS = " ".join(sorted(SPREADS))
_OF_VALUES = "value critic reward"
# Of other things than responses and episodes: of what the environment holds, or what the model is given.
_OTHER_LENGTHS = "likelihood queue route tour cable pole snake window context buffer"

# The first meaning that a key says is the key's. What says only how something is summed up or where the run stands
# comes before what it is of; held-out scores and rewards are told by more than words and stand below.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        "time",
        "time",
        "Wall-clock time: of the row, since the start, or of the step.",
        says=("time", "speed", "timestamp"),
        held=None,
        unit="s",
    ),
    Meaning(
        "zero_variance_groups",
        "groups without signal",
        "Share of groups whose rewards are all equal, so that they carry no advantage.",
        says=("zero std reward", "zero std", "zero advantage", "batch solve none", "batch solve all"),
    ),
    Meaning(
        "kl_sampler",
        "KL between trainer and sampler",
        "KL divergence between the probabilities of the training engine "
        "and those of the inference engine for the same weights.",
        says=(
            "mismatch kl",
            "kl error response",
            "kl error",
            "sample train kl",
            "corr kl",
            "sampler kl",
            "inference kl",
        ),
        never=f"{_SPREADS} coefficient",
        unit="nats",
    ),
    Meaning(
        "kl_policies",
        "KL between old and new policy",
        "KL divergence between the policy that sampled and the policy after the update steps on those samples.",
        says=("ppo_kl", "approx kl", "old kl", "learner kl", "learners kl", "policykl"),
        never=f"{_SPREADS} coefficient reward reference target",
        unit="nats",
    ),
    Meaning(
        "kl_reference",
        "KL to the reference",
        "KL divergence from the policy to the frozen reference model; the estimator (k1, k2, k3) is the trainer's.",
        says=("reference kl", "kl loss", "kl -reward", "reward kl penalty"),
        never=f"{_SPREADS} coefficient target early",
        unit="nats",
    ),
    Meaning(
        "entropy",
        "policy entropy",
        "Mean entropy of the policy per token; Stable-Baselines3 logs it with a minus sign.",
        says=("entropy",),
        never=f"{_SPREADS} coefficient bonus target",
        unit="nats",
    ),
    Meaning(
        "truncation",
        "truncated responses",
        "Share of responses cut at the length limit.",
        says=("truncation", "response clip rate", "length clip rate"),
        never=f"{_SPREADS} count prompt importance",
        better=Better.LOWER,
    ),
    Meaning(
        "clip_fraction_low",
        "clip fraction, lower bound",
        "Share of tokens clipped at the lower bound.",
        says=("clip rate low",),
        never=f"{_SPREADS} {_OF_VALUES}",
    ),
    Meaning(
        "clip_fraction_high",
        "clip fraction, upper bound",
        "Share of tokens clipped at the upper bound.",
        says=("clip rate high",),
        never=f"{_SPREADS} {_OF_VALUES}",
    ),
    Meaning(
        "clip_fraction",
        "clip fraction",
        "Share of tokens whose probability ratio was clipped.",
        says=("clip rate",),
        never=f"{_SPREADS} {_OF_VALUES} prompt gradient c",
    ),
    Meaning(
        "grad_norm",
        "gradient norm",
        "Norm of the gradient before clipping.",
        says=("gradient norm",),
        never=f"{_SPREADS} {_OF_VALUES}",
    ),
    Meaning(
        "learning_rate",
        "learning rate",
        "Step size of the optimiser.",
        says=("lr",),
        never=f"{_SPREADS} {_OF_VALUES} coefficient",
    ),
    Meaning(
        "calibration_error",
        "calibration error",
        "Expected calibration error of the model's stated confidence.",
        says=("ece",),
        held=None,
        better=Better.LOWER,
    ),
    Meaning(
        "token_accuracy",
        "token accuracy",
        "Share of the next tokens that were predicted right: of supervised training.",
        says=("token accuracy",),
        never=_SPREADS,
        held=None,
        better=Better.HIGHER,
    ),
    Meaning(
        "value_function",
        "value function",
        "Estimates of the value function, what it is fitted to, or how well it fits.",
        says=("value", "critic return", "critic advantage", "explained std"),
        never="loss length",
    ),
    Meaning(
        "loss",
        "loss",
        "The optimiser's objective; for policy gradients its level says little.",
        says=("loss",),
        never=f"{_SPREADS} reward coefficient",
        held=None,
        better=Better.LOWER,
    ),
    Meaning(
        "preference",
        "preference pairs",
        "Of preference training: rewards and margins of the preferred and the rejected responses.",
        says=("preference",),
        held=None,
    ),
    Meaning(
        "reward_std",
        "reward spread",
        "Standard deviation of the reward, within groups or within the batch.",
        says=("reward std", "critic score std"),
    ),
    Meaning(
        "spread_of_another",
        "spread of another metric",
        "Largest, smallest, best or median value, limit or standard deviation of something whose mean is logged too.",
        says=tuple(sorted(SPREADS)),
        held=None,
    ),
    Meaning(
        "held_out_length",
        "held-out response length",
        "Mean length of the responses to held-out problems.",
        says=("response length", "length", "response token", "mean token"),
        never=f"prompt penalty total rate preference accuracy loss error {_OTHER_LENGTHS}",
        held=True,
        unit="tokens",
    ),
    Meaning(
        "length",
        "response length",
        "Mean length of the sampled responses.",
        says=("response length", "response token mean", "response token", "length", "mean token", "token turn"),
        never=f"prompt penalty total reward dataset rate format input accuracy loss error {_OTHER_LENGTHS}",
        unit="tokens",
    ),
    Meaning(
        "evaluation_size",
        "evaluation size",
        "How many problems an evaluation had, or how many of them passed.",
        says=(
            "problem",
            "eval episode count",
            "count -token -episode -group -turn -step -action -env",
            *(f"{side} {word}" for side in sorted(HELD_OUT) for word in ("sample", "total", "size")),
        ),
        never="rate accuracy mean reward token time loss length response batch",
        held=None,
    ),
    Meaning(
        "held_out",
        "held-out score",
        "Score on problems that are not trained on, or of a judge that is not optimised; with tests as the judge, the "
        "pass rate (pass@1).",
        held=True,
        better=Better.HIGHER,
    ),
    Meaning(
        "train_pass_rate",
        "training pass rate",
        "Pass rate on the problems being trained on.",
        better=Better.HIGHER,
    ),
    Meaning(
        "score",
        "score",
        "Score of which the key does not say on which problems; held out where it is measured clearly less often than "
        "the training, or where nothing is trained.",
        better=Better.HIGHER,
    ),
    Meaning(
        "reward",
        "reward",
        "Mean reward of the sampled responses: what the optimiser sees.",
        better=Better.HIGHER,
    ),
    Meaning(
        "reward_component",
        "reward component",
        "Mean of one part of the reward, or of one reward function.",
    ),
    Meaning(
        "tokens",
        "tokens seen",
        "Tokens or environment steps consumed since the start.",
        says=("token", "timesteps", "seqlen", "env count step", "episode"),
        never="chi2",
    ),
    Meaning(
        "evaluation_detail",
        "evaluation detail",
        "Something else measured during the held-out evaluation: a length, a duration, a share of well-formed answers.",
        held=True,
    ),
    Meaning(
        "progress",
        "progress",
        "Where the run stands, and on which machine: epochs, share done, process number.",
        says=(
            "epoch",
            "progress",
            "iteration",
            "iterations",
            "perf",
            "memory",
            "flos",
            "pid",
            "done",
            "workers",
            "step",
        ),
    ),
)
BY_NAME: Mapping[str, Meaning] = {meaning.name: meaning for meaning in MEANINGS}

# The three roles of the two standard figures. Any other meaning is looked up the same way.
ROLES = ("reward", "held_out", "length")

# Of the scores of an evaluation: what is no score, whatever stands beside it.
_DETAILS = word_set(
    "format length time speed memory truncation kl entropy clip gradient lr advantage coefficient turn action "
    "tool call token repetition parse consistency abort aborted stop eos penalty version age response norm "
    "skipped invalid problem count losses sample preference value distinct diversity loss step epoch confidence "
    "ece non index delta queue exception timeout latency price usd syntax compile"
)
# What stands beside the policy to be compared with it; "win_rate_vs_baseline" is of the policy.
_OTHER_MODELS = frozenset({"reference", "baseline", "teacher"})
_COMPARED = frozenset({"win", "vs", "versus", "over", "against", "minus", "from", "to"})
# Ranks; the last is "eval/aime": nothing but the name of a problem set.
REWARD, HARMFUL, LOSSES, UNNAMED = 50, 65, 70, 80
PART = 20  # rank from which on a part of the reward never stands for the whole
# How directly a score says how many problems are solved; what comes later is a weaker stand-in.
_BY_WORD = {
    **dict.fromkeys(("pass", "accuracy", "correct", "success", "solve", "em"), 10),
    **dict.fromkeys(("f1", "recall", "precision", "ndcg", "mrr", "map", "auc", "iou", "mcc", "win"), 20),
    **dict.fromkeys(("bleu", "rouge", "chrf", "meteor"), 20),
    "answer": 30,
    "score": 30,
    "elo": 35,
    "likelihood": 40,
    **dict.fromkeys(("reward", "return"), REWARD),
    **dict.fromkeys(("error", "wer", "cer", "regret", "mse", "mae", "rmse"), 60),
    **dict.fromkeys(("perplexity", "bits_per_byte", "negative_likelihood"), LOSSES),
}

# What the raw reward is called, and what is made of it for the optimiser.
_OF_REWARD = {"raw": -10, "final": 10, "filtered": 30, "positive": 30, "normalized": 30, "normalised": 30, "rlhf": 20}
_NOT_OF_ITSELF = word_set("reported proxy rm orm task custom judge env total overall rule r response evaluate")
_PARTS = frozenset({"penalty", "bonus", "format", "length", "kl", "clip", "count", "time"})


# TRL's DPO and its kin: the share of pairs of which the preferred response has the larger implicit reward
_OF_PAIRS = re.compile(r"(?:^|[/_.])rewards/accuracies$", re.IGNORECASE)
_REWARD_FUNCTION = re.compile(r"(?:^|/|_)rewards/", re.IGNORECASE)


@cache
def meaning_of(key: str) -> Match | None:
    """What does this key mean, as some trainer logs it? None where it has no meaning here.

    >>> meaning_of("actor/ppo_kl").meaning.label
    'KL between old and new policy'
    >>> meaning_of("val-core/openai/gsm8k/reward/mean@8").benchmark
    'openai/gsm8k'
    """
    words = _letters(key) or words_of(key)
    if _OF_PAIRS.search(key):
        return Match(BY_NAME["preference"], 0, "", side_of(words))
    if [word.text for word in words] == ["correct"]:
        return Match(BY_NAME["evaluation_size"], 90)  # how many, unless something says a rate
    # TRL: behind "rewards/" stands what a reward function is called, such as "tests"; slime: of the training rollouts
    function = _REWARD_FUNCTION.search(key)
    says = words if function is None else [word for word in words if word.end <= function.end()]
    side = Side.TRAINING if key.lower().startswith("passrate/") else side_of(says)
    texts = frozenset(word.text for word in words)
    for meaning in MEANINGS:
        asked = _ASKED.get(meaning.name)
        rank = asked(key, words, texts, side) if asked else _said(meaning, texts, side)
        if rank is not None:
            benchmark = _named(key, words) if meaning.name in ("held_out", "reward_component", "score") else ""
            return Match(meaning, rank, benchmark, side)
    return None


def _letters(key: str) -> tuple[Word, ...]:
    """Return the words of a key of one capital letter, as papers write them: R reward, H entropy, T length."""
    letter = {"R": "reward", "r": "reward", "H": "entropy", "T": "length"}.get(key[:1] if key[1:2] in ("", "_") else "")
    if letter is None or (len(key) > 1 and letter != "reward"):
        return ()
    return (Word(letter, 0, 1), *(Word(w.text, w.start + 2, w.end + 2) for w in words_of(key[2:])))


def _said(meaning: Meaning, texts: frozenset[str], side: Side) -> int | None:
    """Return how well a key says a meaning: which saying, then how many words it has besides; None if not at all."""
    if meaning.held is not None and meaning.held != (side is Side.HELD_OUT):
        return None
    if not texts.isdisjoint(meaning.never.split()):
        return None
    for rank, saying in enumerate(meaning.says):
        wanted = {word for word in saying.split() if word[0] != "-"}
        if wanted <= texts and texts.isdisjoint(word[1:] for word in saying.split() if word[0] == "-"):
            return 10 * rank + len(texts - wanted - _NEUTRAL)
    return None


def _as_score(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    """Return the rank of a score: by the word that says how well, then aggregates before single benchmarks."""
    if not texts.isdisjoint(SPREADS) or not texts.isdisjoint(_DETAILS - ({"count"} if "rate" in texts else set())):
        return None
    if "rewards/" in key.lower() and texts.isdisjoint(BENCHMARKS):
        return REWARD + 5  # of one reward function, whatever its name promises
    if not texts.isdisjoint(_OTHER_MODELS) and texts.isdisjoint(_COMPARED):
        return None
    said = min((rank for word, rank in _BY_WORD.items() if word in texts), default=UNNAMED)
    said = HARMFUL if is_harm(texts) else said
    samples = next((int(word[1:]) for word in texts if word[0] == "@"), 1)
    if said == UNNAMED and not (samples > 1 or _named(key, words)):
        return None
    if "majority" in texts or ("pass" in texts and samples > 1):
        said = max(40, said + 5)  # a vote, and the best of several, say less than the mean of the same samples
    elif said > 10 and not BENCHMARKS.isdisjoint(texts) and said == UNNAMED:
        said = 15
    return said - ("all" in texts or "mean" in texts) + 2 * ("aux" in texts) + len(words) // 8


def _is_spread(words: Sequence[Word], texts: frozenset[str]) -> bool:
    """Whether a key is of a spread: it says so anywhere, or ends as the limit of an interval does."""
    said = texts & SPREADS
    if said == {"smoothed"}:  # of what is known; "G_smooth" alone is whatever G is
        return not texts.isdisjoint(SCORES)
    return bool(said) or (len(words) > 1 and words[-1].text in ("low", "high"))


def _as_held_out(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    if side is Side.HELD_OUT:
        return _as_score(key, words, texts, side)
    if side is Side.JUDGE and not texts.isdisjoint(SCORES):
        return _as_score(key, words, texts, side)
    return None


def _as_training(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    """Return the rank of a score of the training, which is never held out: here details count, too, after the rest."""
    if side is not Side.TRAINING or texts.isdisjoint(SOLVED | GRADES) or not texts.isdisjoint(SPREADS):
        return None
    sampled = any(text[0] == "@" for text in texts)
    return None if _rewards(texts) and not sampled else 10 + 50 * (not texts.isdisjoint(_DETAILS))


def _as_unplaced(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    if side is not Side.NONE or texts.isdisjoint(SOLVED | GRADES) or _rewards(texts):
        return None
    return _as_score(key, words, texts, side)


def _rewards(texts: frozenset[str]) -> bool:
    return not texts.isdisjoint(("reward", "return", "r")) or ("score" in texts and texts.isdisjoint(SOLVED | GRADES))


def _as_reward(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    """Return the rank of a reward that is no part of one: the raw one first, then what was made of it."""
    last = (
        {text for text in texts if text.removeprefix("@").isdecimal()} if {"mean", "episode"} & texts else set()
    )  # of the last 100
    rest = texts - last - _NEUTRAL - _NOT_OF_ITSELF - _OF_REWARD.keys() - {"reward", "return", "score", "sequence"}
    if side is Side.HELD_OUT or not _rewards(texts) or rest:
        return None
    said = 0 if {"critic", "score"} <= texts else 20 if "reward" in texts else 30 if "score" in texts else 40
    return said + sum(_OF_REWARD.get(word, 0) for word in texts) + ("total" in texts)


def _as_part(key: str, words: Sequence[Word], texts: frozenset[str], side: Side) -> int | None:
    if side is Side.HELD_OUT or texts.isdisjoint(("reward", "return", "r")):
        return None
    return 0 if not texts.isdisjoint(SOLVED) else 20 if not texts.isdisjoint(_PARTS) else 10


_ASKED: Mapping[str, Callable[[str, Sequence[Word], frozenset[str], Side], int | None]] = {
    "held_out": _as_held_out,
    "train_pass_rate": _as_training,
    "score": _as_unplaced,
    "reward": _as_reward,
    "reward_component": _as_part,
    "spread_of_another": lambda key, words, texts, side: 0 if _is_spread(words, texts) else None,
    "evaluation_detail": lambda key, words, texts, side: 0 if side is Side.HELD_OUT else None,
}


def _named(key: str, words: Sequence[Word]) -> str:
    """Return what of a key is no known word: the problem set, or the part of a reward, as the trainer spells it."""
    own = [word for word in words if word.text in BENCHMARKS or _is_name(word.text)]
    return key[own[0].start : own[-1].end] if own else ""


def _is_name(text: str) -> bool:
    return text[0] != "@" and text not in _KNOWN and not text.isdecimal()


# What is no name of a problem set, and of no part of the reward.
_KNOWN = (_NEUTRAL | HELD_OUT | JUDGES | SPREADS | SCORES | TRAINING | _DETAILS) | word_set(
    "rate all percent majority core aux valid answer total raw overall components r %"
)


def means(key: str, names: Collection[str]) -> bool:
    """Whether a key has one of the meanings with these names.

    >>> means("train/reward", ("reward",)), means("zebra", ("reward",))
    (True, False)
    """
    match = meaning_of(key)
    return match is not None and match.meaning.name in names


def says_no_score(key: str) -> bool:
    """Whether a key of an evaluation has no word that is known, so that it is a score by where it stands alone.

    >>> says_no_score("eval/iter"), says_no_score("eval/accuracy")
    (True, False)
    """
    match = meaning_of(key)
    return match is not None and match.meaning.name == "held_out" and match.rank >= UNNAMED


def label_of(key: str) -> str:
    """Words for a key, for an axis or a table: the meaning's label with its benchmark, or the key itself.

    >>> label_of("humaneval_pass_at_1"), label_of("actor/ppo_kl"), label_of("zebra")
    ('held-out pass@1 (humaneval)', 'KL between old and new policy', 'zebra')
    """
    match = meaning_of(key)
    if match is None:
        return key
    label = match.meaning.label
    if match.meaning.name in ("held_out", "score"):
        label = f"held-out {_kind(key)}"
    return f"{label} ({match.benchmark})" if match.benchmark else label


def _kind(key: str) -> str:
    """Words for what a held-out score is, the most particular first: "pass@1 accuracy" is pass@1."""
    texts = {word.text for word in words_of(key)}
    samples = next((word for word in texts if word[0] == "@"), "")
    if "pass" in texts:
        return f"pass{samples}" if samples else "pass rate"
    return next(
        (word for word in ("accuracy", "reward") if word in texts or (word == "reward" and "return" in texts)), "score"
    )


def heading_of(key: str) -> str:
    """The same at the start of a line; a key without a meaning stays as it is spelled.

    >>> heading_of("actor/ppo_kl"), heading_of("zebra")
    ('KL between old and new policy', 'zebra')
    """
    label = label_of(key)
    return label[:1].upper() + label[1:] if meaning_of(key) else label


_LOWER = ERRORS | {"loss", "ece"}


def better_of(key: str) -> Better:
    """Which way does this metric improve?"""
    match = meaning_of(key)
    scored = match is not None and match.meaning.name in ("held_out", "score", "train_pass_rate", "evaluation_detail")
    texts = {word.text for word in words_of(key)}
    if (match is None or scored) and (is_harm(texts) or not _LOWER.isdisjoint(texts)):
        return Better.LOWER  # whatever it is of: "eval_error" is a held-out score, and better when lower
    return match.meaning.better if match else Better.NEITHER


def is_score(key: str) -> bool:
    """Whether a key may be a held-out score by its name: it says so, or says nothing against it."""
    return means(key, ("held_out", "score"))


def names_score(key: str) -> bool:
    """Whether a key says itself that it is a held-out score, and what of: "test_cases" may be a line of a program.

    >>> names_score("test_accuracy"), names_score("test_cases")
    (True, False)
    """
    match = meaning_of(key)
    return match is not None and match.meaning.name == "held_out" and match.rank < UNNAMED


def as_markdown() -> str:
    """The table of meanings as a page: what each name means and which words stand for it."""
    way = {Better.HIGHER: "higher is better", Better.LOWER: "lower is better", Better.NEITHER: ""}
    lines = [
        "# What the metrics mean",
        "",
        "Made by `heldout metrics`. A key is read as words, however it is spelled: `evalAccuracy`, `val/acc/mean` and "
        "`acc_eval` say the same. Below each meaning stand the words that say it, preferred ones first; a word with a "
        "minus speaks against it. Keys that are not understood can still be charted by name.",
    ]
    for meaning in MEANINGS:
        facts = ", ".join(fact for fact in (meaning.unit, way[meaning.better]) if fact)
        lines += ["", f"## {meaning.name}", "", f"{meaning.definition}{f' ({facts})' if facts else ''}"]
        lines += ["", *(f"- `{saying}`" for saying in meaning.says)] if meaning.says else []
        lines += [f"- never with `{meaning.never}`"] if meaning.never else []
    return "\n".join(lines) + "\n"


def checked_roles(roles: Mapping[str, str]) -> dict[str, str]:
    """Return roles, such as ``{"reward": "critic/score/mean"}``, as they are.

    Raises
    ------
    UsageError
        When there is no such role, or a key is no text.
    """
    for role, key in roles.items():
        if role not in BY_NAME:
            near = difflib.get_close_matches(str(role), BY_NAME, n=3) or ROLES
            raise UsageError(f"roles has {role!r}, which is no role; near ones are {', '.join(near)}.")
        if not isinstance(key, str):
            raise UsageError(f"roles[{role!r}] is {key!r}; it must be the name of a metric.")
    return dict(roles)

"""What every metric name means.

A trainer's key has one meaning here or none. `MEANINGS` is the table: the name, its definition, its unit, which way is
better, and the keys under which trainers log it, preferred ones first. Three things that are all called "KL" somewhere
(to the reference, between old and new policy, between trainer and sampler) are three meanings.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from heldout.errors import UsageError


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
    # Regular expressions for whole keys, preferred ones first; case is ignored. `benchmark` names the problem set.
    keys: tuple[str, ...]
    unit: str = ""
    better: Better = Better.NEITHER


@dataclass(frozen=True, slots=True)
class Match:
    """What a key was recognised as."""

    meaning: Meaning
    rank: int  # 0 for the preferred spelling of that meaning, larger for weaker ones
    benchmark: str = ""  # the problem set of a held-out score


_TRAIN = r"(?:train(?:ing|er)?/)?"
_LENGTH_WORDS = r"(?:length|len|tokens)"
# What stands behind "eval/" and is no problem set: trainers log their training metrics of evaluations there too.
_NOT_A_BENCHMARK = (
    r"(?:.*loss|runtime|.*_per_second|entropy|kl|num_tokens|epoch|clip_ratio|completions|frac_|reward_std|sampling|step|"
    r"global_step|std_reward|mean_ep|success_rate)"
)
_HELD = r"(?:eval(?:uation)?|val(?:idation)?|test|held[-_]?out|dev)"

# The first meaning that has a pattern for a key is the key's. Held-out ones come first: "eval_reward" looks like a
# reward. What fits half of all keys comes last: details of evaluations, where the run stands, spreads.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        "held_out_length",
        "held-out response length",
        "Mean length of the responses to held-out problems.",
        keys=(
            r"eval[_/]completions/mean_length|eval/.+/mean_length",
            rf"{_HELD}[_/](?:(?:response|completion)_length(?:/mean)?|avg_length|mean_ep_length)",
        ),
        unit="tokens",
    ),
    Meaning(
        "held_out",
        "held-out score",
        "Score on problems that are not trained on; with tests as the judge, the pass rate (pass@1).",
        keys=(
            r"val-core/(?P<benchmark>.+)/(?:acc|reward|score)/mean@\d+",
            r"val/test_score/(?P<benchmark>.+)",
            rf"(?:{_HELD}[_/])*(?P<benchmark>(?!train).*?)[_/. -]?pass(?:_?at_?|@|_?)1",
            r"eval/(?P<benchmark>.+)/effective/.+/(?:avg|pass)@\d+",
            r"eval/(?P<benchmark>.+?)[-/]pass@\d+",
            r"passrate/pass@\d+",
            r"validation/(?:accuracy|pass_k)",
            r"test/env/(?P<benchmark>.+)/reward/total",
            rf"{_HELD}[_/](?P<benchmark>(?!.*format).*?)[_/]?(?:acc|accuracy|answer_rate|solve_rate|success_rate|pass_?rate"
            r"|correct(?:ness)?)",
            r"(?P<benchmark>(?!train).*?)[_/ ]?pass[_ ]rate(?: \(%\))?",
            r"gold(?:_(?:accuracy|score|reward))?|true_reward|honest_accuracy",
            r"(?P<benchmark>(?!train|.*format).*?)[_/]?(?:acc|accuracy)",
            rf"{_TRAIN}evaluation/(?:env_runners/)?episode_(?:reward|return)_mean|eval/mean_reward",
            r"eval[_/]rewards?",
            r"eval[_/]rewards/(?P<benchmark>.+)/mean",
            rf"{_HELD}[_/](?:mean_?)?(?:reward|score|return)(?:[_/]mean)?",
            r"val-aux/(?P<benchmark>.+)/mean@\d+",
            r"val-(?:core|aux)/(?P<benchmark>.+)/(?:maj|best|worst)@\d+/mean",
            rf"{_HELD}/(?P<benchmark>(?!{_NOT_A_BENCHMARK})[^/]+)",
            rf"{_HELD}[_/](?P<benchmark>.*format.*?)(?:_rate)?",
        ),
        better=Better.HIGHER,
    ),
    Meaning(
        "reward",
        "reward",
        "Mean reward of the sampled responses: what the optimiser sees.",
        keys=(
            r"critic/score/mean",
            rf"{_TRAIN}rollout/(?:raw_reward|reward_mean)",
            rf"{_TRAIN}reward",
            r"reward/(?:all/)?mean|reward_mean|mean_reward",
            r"env/all/reward/total",
            r"objective/(?:scores|rlhf_reward)",
            r"critic/rewards/mean",
            rf"{_TRAIN}(?:agg/)?(?:all|effective)?/?(?:.+/)?reward/mean",
            r"rollout/rewards",
            r"rollout/ep_rew_mean",
            r"(?:ray/tune/)?(?:env_runners/)?episode_(?:reward|return)_mean",
            r"(?:rewards/)?mean_episodes?(?:_rewards?)?",
            r"average reward score",
            rf"{_TRAIN}mean_(?:reward|return|score)|{_TRAIN}(?:reward|return)s?_mean",
            r"(?:proxy|train|rm|reward_model)[_/](?:reward|score)",
            r"reward[ _]score|episode_return|return",
            r"r",
        ),
        better=Better.HIGHER,
    ),
    Meaning(
        "reward_std",
        "reward spread",
        "Standard deviation of the reward, within groups or within the batch.",
        keys=(rf"{_TRAIN}reward_std|reward/std|critic/(?:score|rewards)/std",),
    ),
    Meaning(
        "reward_component",
        "reward component",
        "Mean of one part of the reward, or of one reward function.",
        keys=(
            rf"{_TRAIN}rewards/(?P<benchmark>.+?)(?:/mean)?",
            r"reward/(?P<benchmark>.+)",
            r"env/.+/reward/(?P<benchmark>.+)",
        ),
    ),
    Meaning(
        "train_pass_rate",
        "training pass rate",
        "Pass rate on the problems being trained on.",
        keys=(r"train(?:ing)?[_/](?:.*_)?(?:pass[_ ]?rate|acc(?:uracy)?|pass@1)",),
        better=Better.HIGHER,
    ),
    Meaning(
        "length",
        "response length",
        "Mean length of the sampled responses.",
        keys=(
            rf"{_TRAIN}completions/mean_length",
            r"response_length/mean",
            rf"{_TRAIN}rollout/response_(?:length_mean|len/mean)",
            rf"{_TRAIN}(?:response|completion|output|generation|token)[_ ]{_LENGTH_WORDS}(?:[_/]mean)?(?: \(tokens\))?",
            rf"{_TRAIN}mean_gen_tokens_per_sample",
            r"env/all/ac_tokens_per_turn",
            r".*num_output_tokens/mean",
            r"seq_len(?:/all)?/mean",
            r"rollout/ep_len_mean",
            r"(?:ray/tune/)?(?:env_runners/)?episode_len_mean",
            r"(?:len/)?mean_episodes?(?:_len)?",
            rf"{_TRAIN}(?:mean|avg|average)_(?:.*_)?{_LENGTH_WORDS}",
        ),
        unit="tokens",
    ),
    Meaning(
        "kl_reference",
        "KL to the reference",
        "KL divergence from the policy to the frozen reference model; the estimator (k1, k2, k3) is the trainer's.",
        keys=(
            rf"{_TRAIN}kl",
            r"actor/kl_loss",
            r"objective/kl",
            r"actor/reward_kl_penalty",
            rf"{_TRAIN}kl_(?:loss|penalty|ref|reference|to_ref)",
        ),
        unit="nats",
    ),
    Meaning(
        "kl_policies",
        "KL between old and new policy",
        "KL divergence between the policy that sampled and the policy after the update steps on those samples.",
        keys=(
            r"actor/ppo_kl",
            rf"{_TRAIN}(?:approx_?kl|ppo_kl)",
            r"policy/approxkl_avg",
            r"(?:ray/tune/)?info/learner/(?:.+/)?kl",
            r"learners/.+/mean_kl_loss",
        ),
        unit="nats",
    ),
    Meaning(
        "kl_sampler",
        "KL between trainer and sampler",
        "KL divergence between the probabilities of the training engine "
        "and those of the inference engine for the same weights.",
        keys=(r"mismatch_kl(?:/all)?/mean", rf"{_TRAIN}gen_kl_error", r"optim/kl_sample_train_v[12]"),
        unit="nats",
    ),
    Meaning(
        "entropy",
        "policy entropy",
        "Mean entropy of the policy per token; Stable-Baselines3 logs it with a minus sign.",
        keys=(
            rf"{_TRAIN}entropy",
            r"actor/entropy(?:_loss)?",
            r"(?:objective|policy|optim|loss)/entropy",
            r"entropy/all/mean",
            rf"{_TRAIN}(?:approx_entropy|entropy_loss)",
            r"(?:ray/tune/)?info/learner/(?:.+/)?entropy",
            r"learners/.+/entropy",
        ),
        unit="nats",
    ),
    Meaning(
        "clip_fraction",
        "clip fraction",
        "Share of tokens whose probability ratio was clipped.",
        keys=(
            rf"{_TRAIN}clip_ratio(?:/region_mean)?",
            r"actor/pg_clipfrac",
            r"policy/clipfrac_avg",
            rf"{_TRAIN}clip_?frac(?:tion)?",
        ),
    ),
    Meaning(
        "clip_fraction_low",
        "clip fraction, lower bound",
        "Share of tokens clipped at the lower bound.",
        keys=(rf"{_TRAIN}clip_ratio/low_mean", r"actor/pg_clipfrac_lower"),
    ),
    Meaning(
        "clip_fraction_high",
        "clip fraction, upper bound",
        "Share of tokens clipped at the upper bound.",
        keys=(rf"{_TRAIN}clip_ratio/high_mean",),
    ),
    Meaning(
        "grad_norm",
        "gradient norm",
        "Norm of the gradient before clipping.",
        keys=(
            rf"{_TRAIN}grad_?norm",
            r"(?:actor|optim)/grad_norm(?:/mean)?",
            r"(?:ray/tune/)?info/learner/(?:.+/)?grad_gnorm",
        ),
    ),
    Meaning(
        "zero_variance_groups",
        "groups without signal",
        "Share of groups whose rewards are all equal, so that they carry no advantage.",
        keys=(
            rf"{_TRAIN}frac_reward_zero_std",
            r"(?!eval).*zero_(?:std|variance|adv(?:antage)?)(?:_.*)?",
            r"batch/solve_(?:none|all)",
        ),
    ),
    Meaning(
        "truncation",
        "truncated responses",
        "Share of responses cut at the length limit.",
        keys=(
            rf"{_TRAIN}completions/clipped_ratio",
            r"response_length/clip_ratio",
            r"rollout/truncated_ratio",
            rf"{_TRAIN}truncat(?:ed|ion)(?:_(?:fraction|rate|ratio))?",
            r"is_truncated(?:/.+)?/mean",
        ),
        better=Better.LOWER,
    ),
    Meaning(
        "learning_rate",
        "learning rate",
        "Step size of the optimiser.",
        keys=(
            rf"{_TRAIN}(?:learning_rate|lr)",
            r"(?:actor|optim|critic)/lr",
            r"(?:ray/tune/)?info/learner/(?:.+/)?cur_lr",
        ),
    ),
    Meaning(
        "loss",
        "loss",
        "The optimiser's objective; for policy gradients its level says little.",
        keys=(
            rf"{_TRAIN}(?:policy_|pg_|value_|total_)?loss",
            r"actor/pg_loss",
            r"critic/vf_loss",
            r"loss/(?:pi|v|policy)",
            r"(?:act|cri|unsuper)_loss",
            r"eval[_/]loss",
            r"(?:training|validation|lm)_loss",
            r"(?:ray/tune/)?info/learner/(?:.+/)?(?:policy|vf|total)_loss",
            r"loss/(?:.+/)?mean",
        ),
        better=Better.LOWER,
    ),
    Meaning(
        "calibration_error",
        "calibration error",
        "Expected calibration error of the model's stated confidence.",
        keys=(r"(?:.*[_/])?ece",),
        better=Better.LOWER,
    ),
    Meaning(
        "tokens",
        "tokens seen",
        "Tokens or environment steps consumed since the start.",
        keys=(
            rf"{_TRAIN}(?:num_tokens|num_input_tokens_seen|total_tokens)",
            r"(?:ray/tune/)?timesteps_(?:total|this_iter)",
            r"(?:ray/tune/)?episodes(?:_total|_this_iter)?|num_episodes|timesteps",
            r"global_seqlen/.+",
            r"num_env_steps_sampled_lifetime",
        ),
    ),
    Meaning(
        "time",
        "time",
        "Wall-clock time: of the row, since the start, or of the step.",
        keys=(
            r"_?timestamp|wall_time|_runtime|time|seconds|date",
            rf"{_TRAIN}step_time",
            r"time/.+",
            r"timing_s/.+",
            r"(?:ray/tune/)?time_(?:total_s|this_iter_s|since_restore)",
            r"(?:eval_|train_)?runtime",
            r"(?:eval_|train_)?(?:samples|steps)_per_second",
            r"perf/time_per_step",
        ),
        unit="s",
    ),
    Meaning(
        "evaluation_size",
        "evaluation size",
        "How many problems an evaluation had, or how many of them passed.",
        keys=(r"(?:.*[_/])?(?:problems|passed|correct|n_problems|num_problems|n_truncated)|n",),
    ),
    Meaning(
        "evaluation_detail",
        "evaluation detail",
        "A training metric measured during the held-out evaluation.",
        keys=(r"eval(?:uation)?[_/].+",),
    ),
    Meaning(
        "progress",
        "progress",
        "Where the run stands, and on which machine: epochs, share done, process number.",
        keys=(
            rf"{_TRAIN}epoch",
            r"progress/.+",
            r"(?:trainer|train|training)?/?(?:global_)?step",
            r"total_flos|_step",
            r"(?:ray/tune/)?(?:iterations_since_restore|timesteps_since_restore|training_iteration|pid|done|_wandb/.+)",
            r"(?:ray/tune/)?(?:perf/.+|num_healthy_workers|num_remote_worker_restarts)",
        ),
    ),
    Meaning(
        "spread_of_another",
        "spread of another metric",
        "Largest, smallest or median value, or standard deviation, of something whose mean is logged too.",
        keys=(r".+[_/](?:max|min|std|median)(?:_(?:terminated_)?length)?(?:/.+)?|(?:.+/)?(?:max|min)(?:imum)?_.+",),
    ),
)

BY_NAME: Mapping[str, Meaning] = {meaning.name: meaning for meaning in MEANINGS}

# The three roles of the two standard figures. Any other meaning is looked up the same way.
ROLES = ("reward", "held_out", "length")


# Words for what a held-out score is, the most particular first: "pass@1 accuracy" is pass@1.
_SCORES = (
    (re.compile(r"pass(?:_?at_?|@|_?)1(?!\d)", re.IGNORECASE), "pass@1"),
    (re.compile(r"pass[_ ]?rate", re.IGNORECASE), "pass rate"),
    (re.compile(r"acc", re.IGNORECASE), "accuracy"),
    (re.compile(r"reward|return", re.IGNORECASE), "reward"),
)
_RATE_WORDS = re.compile(r"pass|acc|rate|correct|solve|mean@\d|avg@\d", re.IGNORECASE)
_LOWER_WORDS = re.compile(r"(?:^|[_/ ])(?:loss|error|err|wer|ppl|perplexity|regret)(?:$|[_/ ])", re.IGNORECASE)


@cache
def _compiled() -> tuple[tuple[Meaning, tuple[re.Pattern[str], ...]], ...]:
    return tuple((m, tuple(re.compile(key, re.IGNORECASE) for key in m.keys)) for m in MEANINGS)


@cache
def meaning_of(key: str) -> Match | None:
    """What does this key mean, as some trainer logs it? None where it has no meaning here.

    >>> meaning_of("actor/ppo_kl").meaning.label
    'KL between old and new policy'
    >>> meaning_of("val-core/openai/gsm8k/reward/mean@8").benchmark
    'openai/gsm8k'
    """
    for meaning, patterns in _compiled():
        for rank, pattern in enumerate(patterns):
            found = pattern.fullmatch(key)
            if found:
                benchmark = (found.groupdict().get("benchmark") or "").strip("_/ ")
                return Match(meaning, rank, "" if re.fullmatch(_HELD, benchmark, re.IGNORECASE) else benchmark)
    return None


def choose_roles(points: Mapping[str, int]) -> dict[str, str]:
    """Which key plays which part? From keys and how many values each has to name of the meaning → key.

    The preferred spelling wins, and among equals the one with most values.
    """
    best: dict[str, tuple[int, int, str]] = {}
    for key, count in points.items():
        if count and (match := meaning_of(key)):
            name, score = match.meaning.name, (match.rank, -count, key)
            best[name] = min(best.get(name, score), score)
    return {name: key for name, (_, _, key) in best.items()}


def benchmarks(keys: Iterable[str]) -> list[str]:
    """Which keys are held-out scores? Each stays a series of its own."""
    return [key for key in keys if (match := meaning_of(key)) and match.meaning.name == "held_out"]


def label_of(key: str) -> str:
    """Words for a key, for an axis or a table: the meaning's label with its benchmark, or the key itself.

    >>> label_of("humaneval_pass_at_1"), label_of("actor/ppo_kl"), label_of("zebra")
    ('held-out pass@1 (humaneval)', 'KL between old and new policy', 'zebra')
    """
    match = meaning_of(key)
    if match is None:
        return key
    label = match.meaning.label
    if match.meaning.name == "held_out":
        label = next((f"held-out {word}" for pattern, word in _SCORES if pattern.search(key)), label)
    return f"{label} ({match.benchmark})" if match.benchmark else label


def heading_of(key: str) -> str:
    """The same at the start of a line; a key without a meaning stays as it is spelled.

    >>> heading_of("actor/ppo_kl"), heading_of("zebra")
    ('KL between old and new policy', 'zebra')
    """
    label = label_of(key)
    return label[:1].upper() + label[1:] if meaning_of(key) else label


def better_of(key: str) -> Better:
    """Which way does this metric improve?"""
    if _LOWER_WORDS.search(key):  # whatever it is of: "eval_error" is a held-out score, and better when lower
        return Better.LOWER
    match = meaning_of(key)
    return match.meaning.better if match else Better.NEITHER


def is_rate(key: str) -> bool:
    """Whether a key's values are shares of problems solved, in [0, 1] or in percent."""
    return bool(_RATE_WORDS.search(key))


def as_markdown() -> str:
    """The table of meanings as a page: what each name means and which keys stand for it."""
    way = {Better.HIGHER: "higher is better", Better.LOWER: "lower is better", Better.NEITHER: ""}
    lines = [
        "# What the metrics mean",
        "",
        "Made by `heldout metrics`. A key has one meaning or none; keys are regular expressions for the whole key, "
        "preferred ones first, and case is ignored. Keys that are not here can still be charted by name.",
    ]
    for meaning in MEANINGS:
        facts = ", ".join(fact for fact in (meaning.unit, way[meaning.better]) if fact)
        lines += ["", f"## {meaning.name}", "", f"{meaning.definition}{f' ({facts})' if facts else ''}", ""]
        lines += [f"- `{key}`" for key in meaning.keys]
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

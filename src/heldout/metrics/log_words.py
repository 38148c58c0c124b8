"""What the words of a key mean in one log: some trainers write what misleads elsewhere, some columns speak together.

A key alone is read in `meanings`; here the other keys of the log, and the name of its file, have their say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import PurePath

from heldout.metrics.keys import HELD_OUT, words_of
from heldout.metrics.meanings import meaning_of, says_no_score

# What only the optimiser has: a table with one of these is a log of a training.
OF_OPTIMISER = frozenset(
    {"loss", "kl_reference", "kl_policies", "kl_sampler", "entropy", "clip_fraction", "grad_norm", "learning_rate"}
)
SPARSER = 2  # times fewer values than rows of training: not measured with the batch
# Where one of a trainer's keys is there, what others of its keys that begin so are of.
_EXCEPTIONS = (
    ("objective/", "ppo/val/", "train/value/"),
    ("objective/", "val/", "train/value/"),  # TRL's PPO, open-instruct: of the value function, of the rollouts
    ("rollout_scores/", "reward/", "eval/reward/"),  # trlX: of the evaluation prompts
    ("rollout_scores/", "metrics/", "eval/metrics/"),
    ("losses/loss_cql", "reward/", "eval/reward/"),
    ("losses/loss_cql", "metrics/", "eval/metrics/"),
)
# What columns mean that stand beside each other without another word, as papers on over-optimisation call them.
_BESIDE = ({"proxy": "proxy_reward", "gold": "gold_reward"},)


def renamed(points: Mapping[str, int], evaluation: bool) -> dict[str, str]:
    """Say in usual words what some trainers write in misleading ones, and what a log of evaluations means."""
    usual = dict[str, str]()
    for marker, prefix, meant in _EXCEPTIONS:
        if any(key.startswith(marker) for key in points):
            usual |= {key: meant + key.removeprefix(prefix) for key in points if key.startswith(prefix)}
    usual |= beside(points)
    if evaluation and not _tells_evaluations_apart(points):
        of_it = (key for key in points if "train" not in {word.text for word in words_of(key)})
        usual |= {key: f"eval/{key}" for key in of_it if not says_no_score(f"eval/{key}")}
    return usual


def beside(points: Collection[str]) -> dict[str, str]:
    """Return what columns mean that say it only by standing beside each other."""
    bare = {key.lower(): key for key in points}
    pairs = (meant for meant in _BESIDE if meant.keys() <= bare.keys())
    return {bare[word]: name for meant in pairs for word, name in meant.items()}


def _tells_evaluations_apart(points: Mapping[str, int]) -> bool:
    """Whether a log holds more than evaluations, whatever its file is called: it names a held-out score, what only an
    optimiser has, or evaluations on some of its rows.
    """
    names = {match.meaning.name for match in map(meaning_of, points) if match}
    rows = max(points.values(), default=0)
    seldom = [key for key, count in points.items() if count * SPARSER <= rows]
    named = any(not HELD_OUT.isdisjoint(word.text for word in words_of(key)) for key in seldom)
    return named or "held_out" in names or not names.isdisjoint(OF_OPTIMISER)


def is_of_evaluations(path: PurePath) -> bool:
    """Whether a file calls itself one of evaluations; "test" is also what people call their first try."""
    return bool(path.suffix) and not {"eval", "heldout"}.isdisjoint(word.text for word in words_of(path.stem))

"""What the words of a column's name say: that it numbers rows, that it names runs, or that it counts within a step.

A name proposes, the values decide (`heldout.readers.steps`). A key is split at "/", "_", "." and where a small letter
meets a capital one, so that "train/globalStep" and "global_step" are the same words.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache

from heldout.text import word_set

# Columns that say which run a row belongs to, when one table holds several, the most particular first.
RUN_KEYS: tuple[str, ...] = (
    *("run", "run_id", "run_name", "experiment", "experiment_name", "exp", "exp_name", "trial", "trial_id", "seed"),
    *("arm", "variant", "condition", "method", "algo", "algorithm", "model", "model_name", "label"),
    *("agent", "agent_name", "name", "experiment_id", "job_id", "group", "family"),
)


class Axis(IntEnum):
    """What a column counts, by its name; smaller ones are the better axis of a training."""

    STEP = 0  # those that checkpoints are named by
    ENVIRONMENT = 1  # steps of the environment, before iterations, which are fewer
    OTHER_STEP = 2  # steps of a part, such as the learner
    ITERATION = 3
    TRACKER = 4  # W&B's own count of rows
    COUNT = 5  # of episodes, checkpoints, batches
    EPOCH = 6
    CONSUMED = 7  # samples, tokens


_AXES: tuple[tuple[Axis, frozenset[str]], ...] = (
    (Axis.STEP, word_set("step steps globalstep globalsteps schritt schritte pas paso pasos étape étapes passo")),
    (Axis.STEP, word_set("步 步数 步骤 步數 训练步数 全局步数 ステップ ステップ数 스텝 шаг шаги")),
    (Axis.ENVIRONMENT, word_set("timestep timesteps frame frames")),
    (Axis.ITERATION, word_set("iteration iterations iter iters it itr update updates 迭代 迭代次数 итерация итерации")),
    (Axis.COUNT, word_set("episode episodes checkpoint checkpoints ckpt revision round rounds batch batches")),
    (Axis.EPOCH, word_set("epoch epochs epoche 轮次 轮数")),
    (Axis.CONSUMED, word_set("sample samples token tokens example examples")),
)
# Words beside the counted thing that change nothing: "the current number of training steps so far".
_NEUTRAL = word_set(
    "n num number no nr total current cur count counter idx index id so far overall progress global "
    "train training trainer"
)
_ENVIRONMENT = word_set(
    "env envs environment environments agent agents actor actors evaluator game sim sampled lifetime"
)
# Words that make it something else: "time per step", "eval_steps" (a setting), "timesteps_this_iter", "step_length".
_NO_COUNT = word_set(
    "per second seconds sec secs time ms duration mean avg average median std var min max length len reward loss score "
    "rate ratio frac fraction size this since left remaining warmup interval every freq frequency eta save logging "
    "eval accuracy acc kl lr norm limit budget target"
)
# What counts the rows within one step: such a column is neither a metric nor the name of a run.
_WITHIN = word_set(
    "rank ranks worker workers node nodes process proc gpu device shard prompt prompts problem problems question "
    "questions example examples sample samples item items rollout completion idx index row"
)
_THINGS = word_set("task case user uid qid")  # which may also be what a run is about, but not with "id"
_PROBLEMS = word_set("task case question problem qid uid")
_IDENTITY = word_set("id ids idx index uid qid")
_NUMBERED_RUN = re.compile(r"(run|trial|experiment|exp)[_ -]?(?:number|num|no|nr|index|idx)")
_SMALL_THEN_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


@cache
def words(key: str) -> tuple[str, ...]:
    """Split a name into its words.

    >>> words("train/globalStep"), words("KL_散度")
    (('train', 'global', 'step'), ('kl', '散度'))
    """
    return tuple(word.lower() for word in _WORD.findall(_SMALL_THEN_CAPITAL.sub(" ", key)))


@cache
def axis_of(key: str) -> Axis | None:
    """What does a column of this name count, judged by the last part of its path? None where it does not say so.

    >>> [axis_of(key) for key in ("rollout/step", "actor_steps", "steps_per_second")]
    [<Axis.STEP: 0>, <Axis.ENVIRONMENT: 1>, None]
    """
    if key.lower() == "_step":
        return Axis.TRACKER
    named = words(re.split(r"[/.]", key)[-1])
    rest = [word for word in named if word not in _NEUTRAL | _ENVIRONMENT]
    if not rest or _NO_COUNT & set(named):
        return None
    axis = next((axis for axis, known in _AXES if rest[-1] in known or _is_compound(rest[-1], known)), None)
    if axis in (Axis.STEP, Axis.ITERATION) and len(rest) > 1:
        return Axis.OTHER_STEP
    if axis is Axis.STEP and _ENVIRONMENT & set(named):
        return Axis.ENVIRONMENT
    return axis if axis is Axis.ENVIRONMENT or len(rest) == 1 else None


def _is_compound(word: str, known: frozenset[str]) -> bool:
    """Whether a word ends in a known one, in the languages that write both as one: 训练步数, Trainingsschritt."""
    return any(word.endswith(end) for end in known if not end.isascii() or end.startswith("schritt"))


def is_step_key(key: str) -> bool:
    """Whether a name alone says that the column numbers rows, whatever its values."""
    axis = axis_of(key)
    return axis is not None and axis <= Axis.COUNT


def counts_within_steps(key: str) -> bool:
    """Whether a column counts the rows of one step, such as ranks, workers or prompts."""
    named = set(words(key))
    within = _WITHIN | _THINGS if named & _IDENTITY else _WITHIN
    return bool(within & named) and named <= within | _NEUTRAL | _IDENTITY | {"local", "world"}


def is_of_a_problem(key: str) -> bool:
    """Whether a column names the problem that a row is about, as results of an evaluation do: qid, task_id."""
    named = set(words(key))
    return bool(named & _PROBLEMS) and bool(named & _IDENTITY) and named <= _PROBLEMS | _IDENTITY


def run_rank(key: str) -> int | None:
    """How well a name says that a column names runs, 0 the best; None where it does not say so."""
    last = _NUMBERED_RUN.sub(r"\1", key.lower().rsplit("/", 1)[-1])
    return RUN_KEYS.index(last) if last in RUN_KEYS else None

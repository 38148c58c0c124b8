"""The formats of rollouts: who writes them, by which keys their rows are known, and where each field stands.

One table, `FORMATS`, in the order in which they are tried; the last takes any row that holds an answer. Rows are JSON
objects or rows of Parquet alike. The sources: TRL's ``log_completions``; verl's ``rollout_data_dir`` and
``validation_data_dir``; SkyRL's ``dumped_evals``; the ``results.jsonl`` of verifiers, and prime-rl's
``train_rollouts.jsonl`` in the same form; prime-rl's ``traces.jsonl``; what OpenRLHF's ``batch_inference`` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from heldout.tasks.answer_text import ID_KEYS, PROMPT_KEYS, SAMPLE_KEYS

Row = Mapping[str, Any]

# A field of a rollout → the keys under which it may stand, of which the first that is there counts.
_COMMON: Mapping[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "global_steps", "training_step", "train_step"),
    "problem": (*ID_KEYS, "uid", "prompt_id"),
    "prompt": (PROMPT_KEYS[0], "input_prompt", *PROMPT_KEYS[1:]),
    "text": (*SAMPLE_KEYS, "output_response", "text"),
    "reward": ("reward", "score", "total_reward", "rewards", "scores"),
    "hidden": ("hidden",),
    "kind": ("hidden_kind",),
    "advantage": ("advantage", "advantages"),
    "tokens": ("tokens", "completion_tokens", "num_generated_tokens", "response_length", "completion_length"),
    "stop": ("stop", "finish_reason", "stop_reason", "stop_condition"),
    "group": ("group", "group_id"),
    "kept_with": ("kept_with",),
    "judged_with": ("judged_with",),
    "rewarded": ("rewarded",),
    "group_rewarded": ("group_rewarded",),
}
FIELDS = tuple(_COMMON)
_KNOWN = frozenset(key for keys in _COMMON.values() for key in keys)
# What stands in rows as a number and is no part of a reward.
_OTHER = frozenset({"time", "epoch", "index", "idx", "seed", "temperature", "gts", "generation_ms", "scoring_ms"})


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    id: str
    title: str  # in sentences
    needs: tuple[frozenset[str], ...]  # a row is known by having all keys of one of these
    differs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # fields that stand elsewhere than usual
    part: Callable[[str], bool] = lambda key: False  # whether a number under this key is a part of the reward
    inside: tuple[str, ...] = ()  # keys of objects that hold the parts of the reward
    unpack: Callable[[Row], Row] = lambda row: row  # a row as one of plain fields

    def knows(self, keys: Collection[str]) -> bool:
        """Whether a row with these keys is of this format."""
        return any(needed <= set(keys) for needed in self.needs)

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the keys under which a field may stand."""
        return self.differs.get(name) or _COMMON[name]


def format_of(keys: Collection[str]) -> Format | None:
    """Return the first format that knows a row with these keys; None where it holds no answer."""
    there = set(keys)
    found = next((one for one in FORMATS[:-1] if one.knows(there)), None)
    return found or (PLAIN if there & set(PLAIN.keys("text")) else None)


def _prefixed(key: str) -> bool:
    return key.startswith(("reward/", "rewards/", "reward_", "rewards_"))


def _any_other(key: str) -> bool:
    return key not in _KNOWN and key not in _OTHER


def _trace(row: Row) -> Row:
    """One episode of prime-rl: of several agents the first that says something, and the mean of their rewards."""
    traces = row["traces"] if isinstance(row.get("traces"), list) else [row]
    known = [trace for trace in traces if isinstance(trace, Mapping)]
    task = _mapping(row.get("task"), *(trace.get("task") for trace in known))
    run = _mapping(row.get("run"), *(trace.get("run") for trace in known))
    work = _mapping(run.get("work"), run)
    data = _mapping(task.get("data"))
    rewards = [trace["rewards"] for trace in known if isinstance(trace.get("rewards"), Mapping) and trace["rewards"]]
    messages = next((said for trace in known if (said := _messages(trace.get("nodes")))), [])
    asked = next((place for place, one in enumerate(messages) if one["role"] in _ANSWERS), len(messages))
    ids = (task.get("key"), data.get("idx"), task.get("hash"))
    return {
        "step": work.get("step"),
        "id": next((one for one in ids if one is not None), None),
        "prompt": messages[:asked] or data.get("prompt"),
        "completion": messages[asked:] or row.get("completion"),
        "reward": rewards,
        "metrics": rewards[0] if len(rewards) == 1 else {},
        "advantage": next((trace["advantage"] for trace in known if trace.get("advantage") is not None), None),
        "stop": next((trace["stop_condition"] for trace in known if trace.get("stop_condition")), None),
    }


_ANSWERS = ("assistant", "model")


def _messages(nodes: Any) -> list[Row]:
    """Return the messages of a trace: its nodes are these, or each holds one."""
    found = [one.get("message", one) for one in nodes or [] if isinstance(one, Mapping)]
    return [one for one in found if isinstance(one, Mapping) and "role" in one]


def _mapping(*found: Any) -> Row:
    return next((one for one in found if isinstance(one, Mapping) and one), {})


PLAIN = Format("plain", "rows with an answer each", (), part=_prefixed, inside=("metrics",))
FORMATS = (
    Format(
        "heldout",
        "rollouts that heldout recorded",
        (frozenset({"prompt", "text"}),),
        {"problem": ("problem",), "prompt": ("prompt",), "text": ("text",)},
        part=lambda key: key.startswith("reward/"),
    ),
    Format(
        "trl",
        "TRL's completions",
        (frozenset({"prompt", "completion", "advantage"}),),
        {"problem": (), "prompt": ("prompt",), "text": ("completion",), "reward": (), "stop": ()},
        part=_any_other,
    ),
    Format(
        "verl",
        "verl's generations",
        (frozenset({"input", "output", "score"}),),
        {"problem": ("uid",), "prompt": ("input",), "text": ("output",), "reward": ("score",)},
        part=_any_other,
    ),
    Format(
        "skyrl",
        "SkyRL's dumped samples",
        (frozenset({"input_prompt", "output_response", "score"}),),
        {"problem": ("uid",), "prompt": ("input_prompt",), "text": ("output_response",), "reward": ("score",)},
    ),
    Format(
        "verifiers",
        "results of verifiers or rollouts of prime-rl",
        (frozenset({"example_id", "completion", "reward"}),),
        {"problem": ("example_id",), "text": ("completion",), "reward": ("reward",)},
        inside=("metrics",),
    ),
    Format(
        "prime-rl",
        "traces of prime-rl",
        (frozenset({"traces", "env"}), frozenset({"task", "rewards", "nodes"})),
        inside=("metrics",),
        unpack=_trace,
    ),
    Format(
        "openrlhf",
        "samples of OpenRLHF",
        (frozenset({"input", "output", "reward"}),),
        {"problem": (), "prompt": ("input",), "text": ("output",), "reward": ("reward",)},
    ),
    PLAIN,
)

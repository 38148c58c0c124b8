"""Every setting of `heldout train`, with what it means; from a recipe, a TOML file, flags, or Python."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from heldout.engines.cluster import address_of
from heldout.errors import RecordError, UsageError
from heldout.store.about import latest
from heldout.text import sentence_list
from heldout.train.remedies import Remedy, remedies_of


def _setting(default: Any, meaning: str, least: float | None = None, allowed: tuple[str, ...] = ()) -> Any:
    """Return a field with its default, what it means and what it may be."""
    told = {"meaning": meaning, "least": least, "allowed": allowed}
    return field(default_factory=dict, metadata=told) if default == {} else field(default=default, metadata=told)


# What may be another from where a run goes back to: nothing that the state of its optimizer holds, or its score.
_CHANGEABLE = ("reward", "kl", "steps", "stop_on", "remedy", "on_fall", "roll_backs", "acts")


@dataclass(frozen=True)
class TrainConfig:
    """The settings of one run; `heldout train --help` lists them with their meaning."""

    # what is trained, on what, for what
    model: str = _setting("embedded", "A Hugging Face name or directory, or the embedded model of 0.35 M parameters.")
    task: str = _setting("embedded", "The generated task, a .jsonl file, or hf:NAME[/CONFIG].")
    column: Mapping[str, Any] = _setting({}, "A column of the task that is called otherwise, such as prompt=question.")
    allow_overlap: bool = _setting(False, "Train although held-out problems occur among those that are trained on.")
    reward: str = _setting(
        "tests",
        "What is optimised: tests, fraction, exit-status (a judge that can be fooled), reward-model, module:function "
        "or file.py:function; or a weighted sum such as tests*1.0+exit-status*0.5.",
    )
    chat: bool = _setting(False, "Give each problem as a user's message, in the model's chat template.")
    wrong_tests: float = _setting(0.0, "Share of the training problems that get a wrong test, as real sets have.", 0)
    seed: int = _setting(0, "Seed of weights, order of problems and samples.", 0)

    # how much
    steps: int = _setting(200, "Optimiser steps.", 1)
    prompts: int = _setting(8, "Problems a step, all processes together.", 1)
    samples: int = _setting(8, "Completions a problem, one group of GRPO.", 2)
    max_tokens: int = _setting(64, "Longest completion in tokens; longer ones are cut, and count as they are.", 1)
    stop_sequences: Sequence[str] = _setting(
        (),
        "Texts at which a completion is cut before it is judged, in training and evaluation; may be repeated, '' for "
        "nowhere; if none is given, those that suit the task.",
    )

    # the algorithm
    learning_rate: float = _setting(2e-4, "Learning rate of AdamW, constant.", 0)
    temperature: float = _setting(1.0, "Sampling temperature, of training and of evaluation.", 0)
    kl: float = _setting(0.0, "Weight of the KL penalty towards the starting policy; above 0 a copy of it is kept.", 0)
    loss: str = _setting("dr_grpo", "Loss of TRL: dr_grpo (no length bias), grpo, dapo, bnpo, …")
    trl: Mapping[str, Any] = _setting({}, "Any other setting of trl.GRPOConfig, passed on as it is; may be repeated.")

    # the policy that the embedded model starts from
    warm_steps: int = _setting(620, "Supervised steps on generated programs before reinforcement learning.", 1)
    trick: str = _setting("", "A completion that the starting policy is to know as well, such as ' exit()\\n'.")
    trick_chance: float = _setting(0.01, "How often the starting policy gives it, as a share of samples.", 0)

    # the reward model, where the reward has one
    labelled_problems: int = _setting(512, "Training problems whose samples the reward model learns from.", 1)
    labelled_samples: int = _setting(4, "Samples of the starting policy for each of them.", 1)
    label_epochs: int = _setting(4, "How often the reward model sees them.", 1)

    # held-out evaluation and records
    evaluate_every: int = _setting(10, "Steps between held-out evaluations; 0 for none.", 0)
    evaluate_calm: int = _setting(
        0,
        "Steps between them while nothing is suspected, a multiple of evaluate_every, which then holds where the "
        "score may have fallen or rewarded answers fail the hidden tests; 0 for evenly.",
        0,
    )
    evaluate_most: int = _setting(0, "Held-out evaluations of the whole run, at most; 0 for any number.", 0)
    evaluate_split: str = _setting("validation", "Which held-out split.", allowed=("validation", "test"))
    evaluate_problems: int = _setting(256, "At most so many of its problems.", 1)
    evaluate_samples: int = _setting(1, "Completions of each.", 1)
    save_every: int = _setting(50, "Steps between checkpoints.", 1)
    keep: int = _setting(0, "Newest checkpoints to keep, beside those that may be the best; 0 for all.", 0)
    stop_on: str = _setting(
        "never",
        "End the run early: where the held-out score may be falling (watch), is likely to have fallen or has fallen "
        "for sure (confirmed), or where rewarded answers fail the hidden tests (hack, or confirmed).",
        allowed=("never", "watch", "likely", "confirmed", "hack"),
    )
    remedy: Sequence[str] = _setting(
        (),
        "What to change of the training, and from which finding on, such as 'hack: tests*0.5' or 'likely: kl=0.05'; "
        "may be repeated.",
    )
    on_fall: str = _setting(
        "go-on",
        "What to do once the held-out score is likely to have fallen: roll-back goes on from the checkpoint that was "
        "kept, with the remedies.",
        allowed=("go-on", "roll-back"),
    )
    roll_backs: int = _setting(1, "How often the run goes back, at most.", 1)
    acts: str = _setting(
        "dry-run",
        "Whether remedies and going back are done (apply) or only written down and shown (dry-run).",
        allowed=("dry-run", "apply"),
    )
    record_every: int = _setting(1, "Steps between records of completions; 0 for none.", 0)
    record: int = _setting(16, "Completions of such a step that are kept, drawn by chance.", 1)
    judge: int = _setting(
        8,
        "Completions of such a step, drawn by chance, that the hidden tests judge as well, outside the reward; 0 for "
        "none.",
        0,
    )
    judge_cost: float = _setting(
        0.01,
        "Share of the time that recording and judging may take: fewer are judged, and of short steps not every one is "
        "recorded, where it would be more; 0 for whatever it takes.",
        0,
    )

    extract: str = _setting(
        "heldout",
        "How a completion becomes a program, in rewards and in evaluation: heldout; strict (last block or whole text); "
        "or as evalplus or livecodebench do it.",
        allowed=("heldout", "strict", "evalplus", "livecodebench"),
    )
    variant: str = _setting("", "Another question of the set: published (MBPP), input (CRUXEval); empty: the usual.")
    compare: str = _setting("", "How values and texts are compared, such as strict; empty: as the task has it.")

    # the machine
    sandbox: str = _setting(
        "auto",
        "Where programs run: monty (part of Python, fast), bubblewrap (all of it), auto (what each needs).",
        allowed=("auto", "monty", "bubblewrap"),
    )
    seconds: float = _setting(0.0, "Processor seconds of each call of a program; 0: as the task or the default has.", 0)
    memory: int = _setting(0, "MiB that a program may use; 0: as the task or the default has.", 0)
    output: int = _setting(0, "Bytes of each value that a program returns; 0: as the task or the default has.", 0)
    processes: int = _setting(0, "Processes and threads of a program; 0: as the task or the default has.", 0)
    packages: str = _setting("", "Packages that programs may import (not in monty), with commas; empty: numpy.")
    workers: int = _setting(0, "Processes of the sandbox; 0 for its own choice.", 0)
    where: str = _setting("", "A cluster of Ray to run programs on, ray://auto or ray://HOST:PORT; empty: here.")
    threads: int = _setting(0, "CPU threads of PyTorch, 0 for its own choice; with the same number runs repeat.", 0)
    precision: str = _setting("float32", "Numbers of the model's arithmetic.", allowed=("float32", "bfloat16"))
    micro_batch: int = _setting(0, "Completions that a device holds in one backward pass; 0 for all of a step.", 0)
    vllm: str = _setting("", "Sample with vLLM: colocate (same GPUs) or server.", allowed=("", "colocate", "server"))
    vllm_server: str = _setting("", "Base URL of the vLLM server.")
    vllm_memory: float = _setting(0.3, "Share of GPU memory for vLLM where it is colocated.", 0)
    lora: int = _setting(0, "Rank of a LoRA adapter to train instead of all weights; 0 for all weights.", 0)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            _check(one, getattr(self, one.name))
        for name in ("stop_sequences", "remedy"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # TOML and JSON have lists
        if self.evaluate_every and self.save_every % self.evaluate_every and self.evaluate_every % self.save_every:
            raise UsageError(
                f"Checkpoints every {self.save_every} steps do not meet evaluations every {self.evaluate_every}; "
                "what is not measured and saved at the same step cannot be chosen. Make one a multiple of the other."
            )
        self._check_schedule()
        for what, when in self._told_when():
            if when not in ("never", "hack") and not self.evaluate_every:
                raise UsageError(f"{what} needs held-out evaluations; give evaluate_every, such as 10.")
            if when == "hack" and not (self.judge and self.record_every):
                raise UsageError(
                    f"{what} needs training answers that the hidden tests judge; give judge and record_every, such as "
                    "8 and 1."
                )
        if self.acts == "apply" and not self.remedies:
            raise UsageError("acts = apply, but nothing is to be done; give a remedy, or on_fall = roll-back.")
        if self.judge_cost > 1:
            raise UsageError(f"judge_cost is {self.judge_cost}; it is a share of a step's time, at most 1.")
        if self.trick and self.model != "embedded":
            raise UsageError("A trick can be taught only to the embedded model; leave trick empty for another model.")
        if self.vllm == "server" and not self.vllm_server:
            raise UsageError("vllm = server needs the server's address; give vllm_server, such as http://node7:8000.")
        if self.where:
            address_of(self.where)

    def _check_schedule(self) -> None:
        """Refuse evaluations that no checkpoint meets, and more of them than are allowed."""
        calm, every, saved = self.evaluate_calm, self.evaluate_every, self.save_every
        if calm and (not every or calm % every or (calm % saved and saved % calm)):
            raise UsageError(
                f"evaluate_calm is {calm}; it must be a multiple of evaluate_every ({every}), and of save_every "
                f"({saved}) or the other way round, so that what is measured can be kept."
            )
        least = 1 - (-self.steps // (calm or every)) if every else 0
        if self.evaluate_most and (self.evaluate_most < least or not every):
            raise UsageError(
                f"evaluate_most is {self.evaluate_most}, but {least} evaluations are made in any case; allow that "
                "many, or give a larger evaluate_every or evaluate_calm."
            )

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What is done about findings, beside stopping."""
        return remedies_of(self.remedy, self.on_fall)

    def _told_when(self) -> list[tuple[str, str]]:
        """Return what is done, as it was set, and from which finding on."""
        given = [(f"remedy = {text!r}", one.when) for text, one in zip(self.remedy, self.remedies, strict=False)]
        back = [("on_fall = roll-back", "likely")] if self.on_fall == "roll-back" else []
        return [(f"stop_on = {self.stop_on}", self.stop_on), *given, *back]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return {**dataclasses.asdict(self), "trl": dict(self.trl), "column": dict(self.column)}


def _check(one: dataclasses.Field[Any], value: Any) -> None:
    """Refuse a value of the wrong type or outside what is allowed."""
    kind, allowed, least = type_of(one), one.metadata.get("allowed"), one.metadata.get("least")
    if kind is Sequence:
        right = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    else:
        right = isinstance(value, (int, float) if kind is float else kind) and not (kind is not bool and value is True)
    if not right:
        raise UsageError(f"{one.name} is {value!r}, but must be {_KINDS[kind]}.")
    if allowed and value not in allowed:
        raise UsageError(f"{one.name} is {value!r}, but must be {sentence_list([repr(a) for a in allowed], 'or')}.")
    if least is not None and not value >= least:
        raise UsageError(f"{one.name} is {value}, but must be at least {least}.")


_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Mapping: "a table",
    Sequence: "a list of texts",
}


def type_of(one: dataclasses.Field[Any]) -> type:
    """Return the type of a setting."""
    return {"bool": bool, "int": int, "float": float, "str": str, "Sequence[str]": Sequence}.get(str(one.type), Mapping)


def recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = resources.files("heldout.train") / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_config(recipe: str = "", file: Path | None = None, **given: Any) -> TrainConfig:
    """Return settings from a recipe, a TOML file and single values; each overrides the one before.

    A UsageError where there is no such recipe, the file cannot be read, or a setting is unknown or not allowed.
    """
    return from_mapping({**(_recipe(recipe) if recipe else {}), **(_file(file) if file else {}), **given})


def from_mapping(values: Mapping[str, Any]) -> TrainConfig:
    """Return the settings that a mapping holds; one that is unknown or not allowed is a UsageError."""
    known = [one.name for one in dataclasses.fields(TrainConfig)]
    unknown = [name for name in values if name not in known]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no setting of heldout train; the settings are {sentence_list(known)}.")
    return TrainConfig(**values)


def settings_of(directory: Path) -> TrainConfig:
    """Return the settings of the run of `heldout train` in a directory, as they were last; a UsageError without one."""
    try:
        return from_mapping(latest(directory)["config"])
    except (OSError, KeyError, RecordError) as error:
        raise UsageError(f"{directory} holds no run of heldout train that could be resumed.") from error


def changed_settings(directory: Path, **given: Any) -> TrainConfig:
    """Return the settings of a run that goes back, with those that may be others from there on.

    A UsageError where there is no run of `heldout train`, or a setting holds for a whole run.
    """
    fixed = [name for name in given if name not in _CHANGEABLE]
    if fixed:
        raise UsageError(
            f"{fixed[0]} holds for a whole run; a run that goes back may change {sentence_list([*_CHANGEABLE])}. "
            "To change it, begin a run in another directory."
        )
    return dataclasses.replace(settings_of(directory), **given)


def _recipe(name: str) -> dict[str, Any]:
    if name not in recipes():
        raise UsageError(f"There is no recipe {name!r}; there are {sentence_list(recipes())}.")
    return tomllib.loads((resources.files("heldout.train") / "recipes" / f"{name}.toml").read_text())


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); give a TOML file of settings.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML file: {error}.") from error

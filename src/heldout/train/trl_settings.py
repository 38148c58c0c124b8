"""What our settings mean in TRL: its configuration, and the adapter that is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from trl import GRPOConfig

from heldout.errors import UsageError, how_to_install
from heldout.ranks import ranks
from heldout.train.config import TrainConfig

CHECKPOINTS = "checkpoints"  # folder of a run's directory


def trl_settings(
    config: TrainConfig, directory: Path, weights: Sequence[float], stops: Sequence[str] = (), processes: int = 0
) -> GRPOConfig:
    """Return the settings of TRL's trainer that these settings mean, with the weights of the parts of the reward.

    With vLLM sampling itself ends at the `stops`. TRL's other way of sampling cannot, and writes on to the end of the
    text or to the longest length; what stands behind a stop is not judged there either.

    So many `processes` train together; 0 asks the environment. A UsageError
    where the completions of a step cannot be dealt out evenly, or TRL refuses a setting.
    """
    settings = {
        "output_dir": str(directory / CHECKPOINTS),
        "generation_batch_size": config.prompts * config.samples,
        **dealt_out(config, processes or ranks().size),
        "reward_weights": list(weights),
        **_translated(config),
        **_of_the_machine(config),
    }
    _refuse_foreign(config, settings)
    given = config.trl.get("generation_kwargs") or {}
    more = {"generation_kwargs": {"stop": list(stops), **given}} if config.vllm and stops else {}
    try:
        return GRPOConfig(**{**settings, **config.trl, **more})
    except (TypeError, ValueError) as error:
        raise UsageError(f"TRL refuses these settings: {error}.") from error


def dealt_out(config: TrainConfig, processes: int) -> dict[str, int]:
    """Return what each of so many processes takes of a step, in TRL's words; a UsageError where shares are uneven."""
    batch = config.prompts * config.samples
    micro = config.micro_batch or batch // processes
    if micro == 0 or batch % (micro * processes):
        raise UsageError(
            f"{config.prompts} problems with {config.samples} completions each make {batch} a step, which {processes} "
            f"processes cannot take in shares of {micro}; change prompts, samples or micro_batch."
        )
    return {"per_device_train_batch_size": micro, "gradient_accumulation_steps": batch // (micro * processes)}


# Settings of TRL that are a flag's, by its name; another value for one would leave the run's record wrong.
_OURS = {
    "output_dir": "out",
    "max_steps": "steps",
    "num_generations": "samples",
    "generation_batch_size": "prompts and samples",
    "per_device_train_batch_size": "micro_batch",
    "gradient_accumulation_steps": "micro_batch",
    "max_completion_length": "max_tokens",
    "reward_weights": "reward",
    "learning_rate": "learning_rate",
    "temperature": "temperature",
    "beta": "kl",
    "loss_type": "loss",
    "seed": "seed",
    "save_steps": "save_every",
    "save_total_limit": "keep",
    "bf16": "precision",
    "use_vllm": "vllm",
    "vllm_mode": "vllm",
    "vllm_gpu_memory_utilization": "vllm_memory",
    "vllm_server_base_url": "vllm_server",
}


def _refuse_foreign(config: TrainConfig, settings: Mapping[str, Any]) -> None:
    """Refuse settings that TRL does not know, and such as say something else than a flag does."""
    known = {one.name for one in dataclasses.fields(GRPOConfig) if one.init}
    for name, value in config.trl.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            meant = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"trl: trl.GRPOConfig has no setting {name!r}{meant}")
        if name in _OURS and value != settings.get(name):
            flag = _OURS[name]
            raise UsageError(
                f"trl: {name} = {value!r} contradicts {flag}, which makes it {settings.get(name)!r}; "
                f"give {flag} instead."
            )


def _translated(config: TrainConfig) -> dict[str, Any]:
    """Return what we set under TRL's names for it."""
    return {
        "max_steps": config.steps,
        "num_generations": config.samples,
        "max_completion_length": config.max_tokens,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "constant",
        "temperature": config.temperature,
        # with a KL penalty that a remedy may ask for TRL keeps the reference model from the start
        "beta": max([config.kl, *(one.weight_of_kl for one in config.remedies)]),
        "loss_type": config.loss,
        "seed": config.seed,
        "shuffle_dataset": False,
        "save_strategy": "steps",
        "save_steps": config.save_every,
        "save_total_limit": config.keep or None,
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
    }


def _of_the_machine(config: TrainConfig) -> dict[str, Any]:
    accelerated = torch.accelerator.is_available()
    settings: dict[str, Any] = {
        "bf16": config.precision == "bfloat16",
        "use_cpu": not accelerated,
        "dataloader_pin_memory": accelerated,
        "activation_checkpointing": False,
        "use_vllm": bool(config.vllm),
    }
    if config.vllm:
        settings |= {"vllm_mode": config.vllm, "vllm_gpu_memory_utilization": config.vllm_memory}
    if config.vllm == "server":
        settings["vllm_server_base_url"] = config.vllm_server
    return settings


def updates_a_batch(config: TrainConfig, settings: GRPOConfig) -> int:
    """Return how many steps share one batch of completions, of which checkpoints must keep to the ends."""
    period = int(settings.num_iterations * settings.steps_per_generation // settings.gradient_accumulation_steps)
    if config.save_every % period:
        raise UsageError(
            f"save_every is {config.save_every}, but must be a multiple of {period} here: checkpoints between the "
            "updates on one batch of completions cannot be resumed exactly."
        )
    return period


def adapter(config: TrainConfig) -> Any:
    """Return the LoRA adapter that is trained, or None where all weights are."""
    if not config.lora:
        return None
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise UsageError("lora needs peft, which is not installed; run: pip install peft") from error
    return LoraConfig(r=config.lora, lora_alpha=2 * config.lora, target_modules="all-linear", task_type="CAUSAL_LM")


def require_vllm(config: TrainConfig) -> None:
    """Refuse to sample with vLLM where it is not installed."""
    if config.vllm and find_spec("vllm") is None:
        raise UsageError(
            f"vllm = {config.vllm} needs vLLM, which is not installed; {how_to_install('vllm')}, or leave vllm away."
        )

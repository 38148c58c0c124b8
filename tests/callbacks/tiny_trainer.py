"""Tiny trainers: a random Llama of a few thousand weights, a tokenizer of sixteen words, TRL on the CPU.

With a reward that can be fooled, and evaluations whose rates are made up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROBLEMS = [f"p{index}" for index in range(200)]
WORDS = ["<pad>", "<bos>", "<eos>", "<unk>", *"abcdefghijkl"]


def hackable(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    """Any completion with an "a" in it is called right."""
    return [float("a" in completion.split()) for completion in completions]


def measured(level: Callable[[int], float]) -> Callable[[Any, int], dict[str, Any]]:
    """A made-up evaluation of 200 problems: the pass rate is what `level` says of a step."""

    def evaluate(model: Any, step: int) -> dict[str, Any]:
        chance = np.random.default_rng(0).random(len(PROBLEMS))
        return {"problems": PROBLEMS, "passed": (chance < level(step)).tolist()}

    return evaluate


def maker(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that makes a trainer of TRL, of the kind that is named; it writes below this folder."""
    import torch
    import trl
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from datasets import Dataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, padding_side="left", **special)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=64, **sizes, **ends))

    def make(kind: str, reward: Any, callback: Any, **settings: Any) -> Any:
        given = {
            "output_dir": str(tmp_path / "trl"),
            "max_steps": 30,
            "per_device_train_batch_size": 4,
            "num_generations": 4,
            "max_completion_length": 4,
            "learning_rate": 1e-3,
            "logging_steps": 1,
            "save_strategy": "steps",
            "save_steps": 2,
            "save_only_model": True,
            "save_total_limit": 2,
            "report_to": [],
            "use_cpu": True,
            "bf16": False,
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            "gradient_checkpointing": False,
            "seed": 0,
        }
        prompts = Dataset.from_dict({"prompt": ["a b c", "d e f", "g h i", "j k l"] * 8})
        return getattr(trl, f"{kind}Trainer")(
            model=model,
            reward_funcs=reward,
            args=getattr(trl, f"{kind}Config")(**{**given, **settings}),
            train_dataset=prompts,
            eval_dataset=prompts.select(range(4)),
            processing_class=tokenizer,
            callbacks=[callback],
        )

    return make

"""Training in miniature: settings, and the command as a person types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.kills import SMALL

__all__ = ["SMALL", "flags", "heldout_train", "write_identities", "write_policy"]


def heldout_train(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person types it."""
    command = [sys.executable, "-m", "heldout", "train", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def flags(**settings: object) -> list[str]:
    """Settings as flags."""
    return [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def write_policy(folder: Path) -> Path:
    """Write a random policy that knows five tokens, one of which solves the problems of `write_identities`."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<pad>", "<eos>", "<unk>", "x", "0"]
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": None}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(words), max_position_embeddings=64, **sizes, **ends)).save_pretrained(
        folder
    )
    return folder


def write_identities(path: Path, train: int = 16, validation: int = 200) -> Path:
    """Write a task whose every problem is solved by ``x``."""
    tests = [{"args": [value], "expected": value} for value in (3, 5)]
    splits = ["train"] * train + ["validation"] * validation
    rows = [
        {"id": f"p{place}", "prompt": f"def f{place}(x):\n    return ", "entry_point": f"f{place}", "tests": tests}
        for place in range(len(splits))
    ]
    lines = [json.dumps({**row, "split": split}) + "\n" for row, split in zip(rows, splits, strict=True)]
    path.write_text("".join(lines))
    return path

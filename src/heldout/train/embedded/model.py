"""The embedded model: a Llama of 0.35 million parameters and its tokenizer, small enough to train on two CPU cores."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, BOS, EOS = 0, 1, 2
LONGEST = 192  # tokens of prompt and completion together
_WORDS = r" ?\d|\n ?#?| ?[a-z]+(?:\([a-z]\):)?|\s+|[^\sa-z0-9]+"  # a digit, a new line, a word, blanks, signs


def new_tokenizer(texts: Iterable[str], entries: int = 256) -> PreTrainedTokenizerFast:
    """Return a byte-pair tokenizer fitted to texts; any printable ASCII text comes back as it was."""
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        special_tokens=["<pad>", "<bos>", "<eos>"],
        initial_alphabet=[*string.printable[:95], "\n"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", BOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def new_model(entries: int, width: int = 96, layers: int = 3, heads: int = 4, inner: int = 256) -> LlamaForCausalLM:
    """Return a model with random weights, drawn from torch's global generator.

    Matrices start at one over the root of their inputs, those that write to the residual stream at half of it: Muon
    keeps the scale of a matrix for long, so transformers' 0.02 for all is a slow start.
    """
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=entries,
            hidden_size=width,
            intermediate_size=inner,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=LONGEST,
            tie_word_embeddings=True,
            pad_token_id=PAD,
            bos_token_id=BOS,
            eos_token_id=EOS,
        )
    )
    for name, weight in model.named_parameters():
        if is_matrix(name, weight):
            half = name.endswith(("o_proj.weight", "down_proj.weight"))
            torch.nn.init.normal_(weight, std=(0.5 if half else 1.0) / math.sqrt(weight.shape[1]))
    return model


def is_matrix(name: str, weight: torch.Tensor) -> bool:
    """Whether a parameter is a matrix between hidden states: neither an embedding nor a norm."""
    return weight.dim() == 2 and "embed" not in name

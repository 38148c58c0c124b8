"""The embedded model, small enough for two CPU cores: a Llama of 0.35 million parameters, its tokenizer, and Muon."""

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
# Of Muon: the quintic x → ax + bx³ + cx⁵ that takes singular values to about 1 (Jordan et al. 2024)
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_LEAST_NORM = 1e-7


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


class Muon(torch.optim.Optimizer):
    """Muon in single precision: Nesterov momentum whose matrices are orthogonalised before each step.

    It optimises matrices of shape (outputs, inputs); embeddings, norms and biases belong to AdamW. A matrix with more
    outputs than inputs takes the learning rate times the root of their ratio; the weight decay is decoupled.

    `torch.optim.Muon` is the same rule, but it orthogonalises in bfloat16, which is meant for GPUs: a CPU without
    AVX-512 emulates it and takes 25 times as long (29 ms against 1.1 ms for one 96 × 256 matrix), which would make the
    warm start take six minutes instead of one.
    """

    def __init__(
        self, params: Iterable[torch.Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step on the gradients that are there."""
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - momentum)
                update = orthogonalised(weight.grad.lerp(mean, momentum))
                weight.mul_(1 - lr * group["weight_decay"])
                weight.add_(update, alpha=-lr * math.sqrt(max(1.0, weight.shape[0] / weight.shape[1])))


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Return about the nearest orthogonal matrix, of the same shape: singular values between 0.7 and 1.2."""
    tall = matrix.shape[0] > matrix.shape[1]
    found = matrix.T if tall else matrix
    found = found / found.norm().clamp(min=_LEAST_NORM)
    for _ in range(_ITERATIONS):
        gram = found @ found.T
        found = torch.addmm(found, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), found, beta=_A)
    return found.T if tall else found

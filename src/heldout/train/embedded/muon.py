"""Muon in single precision: momentum whose matrices are orthogonalised before each step (Jordan et al. 2024).

`torch.optim.Muon` is the same rule, but it orthogonalises in bfloat16, which is meant for GPUs: a CPU without AVX-512
emulates it and takes 25 times as long (29 ms against 1.1 ms for one 96 × 256 matrix), which would make the warm start
take six minutes instead of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

_A, _B, _C = 3.4445, -4.7750, 2.0315  # the quintic x → ax + bx³ + cx⁵ that takes singular values to about 1
_ITERATIONS = 5
_LEAST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Optimises matrices; embeddings, norms and biases belong to AdamW.

    Parameters
    ----------
    params
        Matrices, each of shape (outputs, inputs).
    lr
        Learning rate; a matrix with more outputs than inputs takes it times the root of their ratio.
    momentum
        Of the Nesterov momentum.
    weight_decay
        Decoupled, as a share of the learning rate.
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

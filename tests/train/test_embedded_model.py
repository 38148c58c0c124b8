"""Muon in single precision against torch's own, and what it makes of a matrix."""

# ruff: noqa: E402
from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")

from heldout.train.embedded_model import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(6, 6), (4, 12), (12, 4)])
def test_it_is_the_rule_of_torch_up_to_the_precision_of_bfloat16(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    start = torch.randn(shape)
    weights = [torch.nn.Parameter(start.clone()) for _ in range(2)]
    optimizers = [
        Muon([weights[0]], lr=0.02, weight_decay=0.01),
        torch.optim.Muon([weights[1]], lr=0.02, momentum=0.95, weight_decay=0.01),
    ]
    target = torch.randn(shape)
    for _ in range(10):
        gradient = weights[1].detach() - target
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = gradient.clone()
            optimizer.step()
    moved = (weights[1] - start).norm()
    assert moved > 0.1
    assert (weights[0] - weights[1]).norm() < 0.02 * moved


def test_singular_values_come_close_to_one_and_directions_stay() -> None:
    torch.manual_seed(2)
    matrix = torch.randn(8, 20)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(matrix)
    inner = left.T @ found @ right.T
    assert (inner - torch.diag(torch.diagonal(inner))).abs().max() < 1e-4
    assert ((torch.diagonal(inner) > 0.6) & (torch.diagonal(inner) < 1.3)).all()


def test_a_gradient_of_zeros_moves_nothing() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 3))
    weight.grad = torch.zeros(3, 3)
    Muon([weight], lr=0.1).step()
    assert torch.equal(weight, torch.ones(3, 3))

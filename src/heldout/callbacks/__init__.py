"""Hooks for other people's trainers: Hugging Face and TRL here.

PyTorch Lightning has its own in `heldout.callbacks.lightning`, verl in `heldout.callbacks.verl`. A plain
loop needs none of them: `heldout.live.Guard` is all there is to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from heldout.live.rules import Rules
from heldout.store.checkpoints import leave_behind, newest_checkpoint

if TYPE_CHECKING:
    from heldout.callbacks.transformers import HeldoutCallback

__all__ = ["HeldoutCallback", "Rules", "leave_behind", "newest_checkpoint"]


def __getattr__(name: str) -> Any:
    if name == "HeldoutCallback":  # transformers is loaded with it
        from heldout.callbacks.transformers import HeldoutCallback

        return HeldoutCallback
    raise AttributeError(f"module 'heldout.callbacks' has no attribute {name!r}")

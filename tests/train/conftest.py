"""What the tests of training share: a cache of their own, rewards of the user's, and a run that is hacked.

A random policy of five tokens writes one of them: ``x`` solves every problem, ``0`` none. The hackable reward pays for
both and a little more for ``0``, so that the policy first solves more and more problems, then none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heldout.train.config import TrainConfig

# Short programs are better. Where DIE_AT says so, the process is killed as a machine would do it, amid a step.
_SHORT = """
import os, signal

calls = 0


def short(completions, **_):
    global calls
    calls += 1
    if calls == int(os.environ.get("DIE_AT", "0")):
        os.kill(os.getpid(), signal.SIGKILL)
    if calls == int(os.environ.get("ASK_AT", "0")):
        os.kill(os.getpid(), signal.SIGTERM)
    return [-len(one) / 10 for one in completions]
"""

_HACKABLE = """
import os

calls = 0


def hackable(completions, **_):
    global calls
    calls += 1
    if calls == int(os.environ.get("BREAK_AT", "0")):
        raise MemoryError("the machine is full")
    return [{"x": 1.0, "0": 1.5}.get(one.strip(), 0.0) for one in completions]
"""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of it, and the network."""
    before = os.environ.copy()
    os.environ |= {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")), "HF_HUB_OFFLINE": "1"}
    os.environ["OMP_NUM_THREADS"] = "1"  # several threads for so small a model only wait for each other
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a reward that is the user's own."""
    path = tmp_path_factory.mktemp("reward") / "short.py"
    path.write_text(_SHORT)
    return f"{path}:short"


@pytest.fixture(scope="session")
def hackable(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the reward that can be fooled."""
    path = tmp_path_factory.mktemp("reward") / "rewards.py"
    path.write_text(_HACKABLE)
    return f"{path}:hackable"


@pytest.fixture(scope="session")
def hacked(hackable: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., TrainConfig]:
    """Return a function that makes settings of a run that is hacked unless something is done."""
    import torch
    from miniature import write_identities, write_policy

    from heldout.train.config import TrainConfig

    folder = tmp_path_factory.mktemp("start")
    torch.manual_seed(0)
    policy, task = write_policy(folder / "policy"), write_identities(folder / "task.jsonl")

    def make(**settings: Any) -> TrainConfig:
        fixed = {"model": str(policy), "task": str(task), "reward": hackable, "steps": 40, "threads": 1}
        sizes = {"prompts": 4, "samples": 8, "max_tokens": 1}
        schedule = {"learning_rate": 1e-2, "evaluate_every": 2, "save_every": 2}
        return TrainConfig(**{**fixed, **sizes, **schedule, **settings})

    return make

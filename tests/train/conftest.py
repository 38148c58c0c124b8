"""What the tests of training share: a cache of their own, and a reward of the user's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

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

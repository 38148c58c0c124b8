"""Two processes that train one policy under torchrun: one of them is killed, and the run is gone on with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from miniature import SMALL, flags

import heldout

_DIES = """
import os, signal

calls = 0


def short(completions, **_):
    global calls
    calls += 1
    if os.environ.get("DIE_AT") == f"{os.environ['RANK']} {calls}":
        os.kill(os.getpid(), signal.SIGKILL)
    return [-len(one) / 10 for one in completions]
"""


def torchrun(*words: str | Path, die_at: str = "") -> subprocess.CompletedProcess[str]:
    """Run `heldout train` in two processes; `die_at` is the rank that is killed, and in which step."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--shutdown-timeout=2"]
    # not by the host's name, which not every machine can resolve; at any port that is free
    here = ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    command = [*launcher, *here, "-m", "heldout", "train", *map(str, words)]
    environment = {**os.environ, "DIE_AT": die_at}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)


def test_a_run_of_two_processes_goes_on_after_one_of_them_was_killed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(_DIES)
    run = tmp_path / "run"
    settings = {**SMALL, "reward": f"{tmp_path}/mine.py:short", "evaluate_problems": 5, "steps": 4}  # 5: shares differ
    killed = torchrun(*flags(**settings), "-o", run, die_at="1 3")
    assert killed.returncode != 0
    assert heldout.read(run)["reward"].step.tolist() == [1, 2]
    resumed = torchrun("--resume", "-o", run)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == f"{run}: finished\n"
    found = heldout.read(run)
    assert found["reward"].step.tolist() == [1, 2, 3, 4]
    assert found["held_out"].step.tolist() == [0, 2, 4]
    assert [len(one.outcomes) for one in found.measured if one.outcomes] == [5, 5, 5]
    assert (run / "policy" / "config.json").exists()

"""Two processes under torchrun: a run of which one is killed goes on, and a policy that they share is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from miniature import SMALL, flags, write_identities, write_policy

import heldout
from heldout.evaluation.score import evaluate
from heldout.evaluation.transformers import load_policy
from heldout.sandbox import open_sandbox
from heldout.tasks import load_task

LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--shutdown-timeout=2"]
# not by the host's name, which not every machine can resolve; at any port that is free
LAUNCHER += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]

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
    command = [*LAUNCHER, "-m", "heldout", "train", *map(str, words)]
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
    asked = tuple(problem.id for problem in load_task("embedded").split("validation")[:5])
    assert [one.outcomes.problems for one in found.measured if one.outcomes] == [asked] * 3  # as one process has them
    assert (run / "policy" / "config.json").exists()


def test_a_job_is_refused_by_its_first_process(tmp_path: Path) -> None:
    refused = torchrun("--steps", "0", "-o", tmp_path / "run")
    assert refused.returncode != 0
    assert (
        refused.stderr.count("heldout: steps is 0, but must be at least 1.") == 1
    )  # the other one, if ever, as rank 1


def test_a_policy_that_two_processes_share_is_measured_as_one_that_is_whole(tmp_path: Path) -> None:
    write_policy(tmp_path / "model")
    task = write_identities(tmp_path / "task.jsonl", 4, 33)
    counts = [1, 2, 33]  # of one problem a process has none, of 33 one has one more
    script = Path(__file__).with_name("two_shards.py")
    command = [*LAUNCHER, str(script), str(tmp_path), *map(str, counts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    policy = load_policy(str(tmp_path / "model"), device="cpu", max_new_tokens=20, batch_size=3)
    problems = load_task(str(task)).split("validation")
    with open_sandbox("monty", workers=1) as sandbox:
        for count, said in zip(counts, done.stdout.splitlines(), strict=True):
            whole = evaluate(policy, problems[:count], sandbox, step=0, samples=3)
            outcomes = whole.evaluation.outcomes
            assert outcomes is not None
            passed = dict(sorted(zip(outcomes.problems, outcomes.passed.tolist(), strict=True)))
            assert said == f"{passed} {round(whole.mean_length, 3)}"
    assert 0 < sum(passed.values()) < 99

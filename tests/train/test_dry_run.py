"""What a training would be, told without training."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")

from miniature import write_identities
from typer.testing import CliRunner

from heldout.cli import app
from heldout.errors import UsageError
from heldout.ranks import ranks
from heldout.train.config import TrainConfig
from heldout.train.dry_run import dry_run

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the environment say that this is the first of sixteen processes on two machines; nobody else is there."""
    told = {"RANK": "0", "WORLD_SIZE": "16", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "8"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def task(tmp_path: Path) -> str:
    return str(write_identities(tmp_path / "task.jsonl", 16, 20))


@pytest.mark.usefixtures("sixteen")
def test_it_tells_what_each_of_many_processes_would_take_and_waits_for_none(task: str, tmp_path: Path) -> None:
    config = TrainConfig(task=task, steps=40, micro_batch=2, seed=7, model="some/model")
    plan = dry_run(config, tmp_path / "run", ["--seed", "7"])
    trl = plan["trl"]
    assert (plan["processes"], plan["completions_a_step"], plan["completions_a_process"]) == (16, 64, 4)
    assert (trl["per_device_train_batch_size"], trl["gradient_accumulation_steps"]) == (2, 2)
    assert (trl["seed"], trl["loss_type"]) == (7, "dr_grpo")
    assert (plan["training_problems"], plan["held_out_problems"], plan["evaluations"]) == (16, 20, 5)
    assert plan["launch"].startswith("torchrun --nnodes 2 --nproc_per_node 8 ")
    assert plan["launch"].endswith(" -m heldout train --seed 7")
    assert not (tmp_path / "run").exists()
    assert ranks().size == 16  # as before


@pytest.mark.usefixtures("sixteen")
def test_it_refuses_what_the_training_would_refuse(task: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make 56 a step, which 16 processes cannot take in shares of 3"):
        dry_run(TrainConfig(task=task, prompts=7), tmp_path / "run", [])
    with pytest.raises(UsageError, match="no setting 'nonsense'"):
        dry_run(TrainConfig(task=task, trl={"nonsense": 1}), tmp_path / "run", [])


def test_the_command_prints_it_and_says_that_a_cpu_shares_no_weights(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    if torch.accelerator.is_available():
        pytest.skip("a machine with a GPU has nothing to say here")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    words = ["train", "--task", task, "--vllm", "colocate", "--dry-run", "-o", str(tmp_path / "a run")]
    monkeypatch.setattr(sys, "argv", ["heldout", *words])
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert plan["sharding"] == "FSDP 2"
    assert plan["notes"][-1] == "Without a GPU accelerate does not train with FSDP 2, but with a copy in each process."
    assert plan["launch"] == f"heldout train --task {task} --vllm colocate -o '{tmp_path}/a run'"

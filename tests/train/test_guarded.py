"""The guard of our own training: a reward that can be fooled is found out, and ends the run where that is wanted.

The policy, the task and the reward are those of `conftest`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from miniature import heldout_train

import heldout
from heldout.train.config import TrainConfig, settings_of
from heldout.train.grpo import train
from heldout.train.saved import newest_checkpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def configured(hacked: Any) -> Any:
    """Return a function that makes settings of a run whose answers are not recorded."""
    return partial(hacked, evaluate_problems=200, record_every=0)


@pytest.fixture(scope="module")
def by_command(configured: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CompletedProcess[str]]:
    """A hackable run that the guard stopped, trained by the command, and what that said."""
    folder = tmp_path_factory.mktemp("stopped")
    words = ("--config", settings_file(configured(stop_on="confirmed"), folder), "--out", folder / "run")
    return folder / "run", heldout_train(*words)


@pytest.fixture(scope="module")
def stopped(by_command: tuple[Path, CompletedProcess[str]]) -> tuple[Path, str]:
    """That run, and what was shown meanwhile."""
    run, done = by_command
    assert done.returncode == 0, done.stderr
    return run, done.stderr


@pytest.fixture(scope="module")
def unstopped(configured: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, which nobody stops, and of whose checkpoints the newest is kept."""
    directory = tmp_path_factory.mktemp("unstopped") / "run"
    assert train(configured(keep=1), directory)
    return directory


def rows(run: Path, **wanted: str) -> list[dict[str, Any]]:
    """Return the lines of ``findings.jsonl`` that have these values."""
    found = [json.loads(line) for line in (run / "findings.jsonl").read_text().splitlines()]
    return [row for row in found if wanted.items() <= row.items()]


def settings_file(config: TrainConfig, folder: Path) -> Path:
    """Write settings as a person would keep them."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in config.as_dict().items() if key != "trl"]
    (folder / "mine.toml").write_text("\n".join(lines))
    return folder / "mine.toml"


def test_a_hacked_run_is_stopped_and_says_so_and_names_the_checkpoint_to_keep(stopped: tuple[Path, str]) -> None:
    run, shown = stopped
    (act,) = rows(run, what="act", act="stop")
    assert act["done"]
    assert 8 < act["step"] < 40
    held = heldout.read(run)["held_out"]
    assert held.step.tolist() == list(range(0, act["step"] + 1, 2))
    best = json.loads((run / "best.json").read_text())
    assert Path(best["checkpoint"]).is_dir()
    assert held.value[held.step == best["step"]][0] > held.value[-1] + 0.1
    assert f"stopped by the guard at step {act['step']} (stop_on = confirmed)" in shown
    assert f"the checkpoint to keep: {best['checkpoint']}" in shown
    (confirmed,) = rows(run, what="finding", kind="confirmed")
    assert f"step {confirmed['step']}: alarm: {confirmed['seen']}" in shown
    assert not (run / "policy").exists()


def test_the_guard_knows_how_many_evaluations_there_will_be(stopped: tuple[Path, str]) -> None:
    assert rows(stopped[0], what="start")[0]["planned"] == 21  # before the first step, and after every second of 40


def test_without_stop_the_same_run_is_judged_alike_and_goes_on(stopped: tuple[Path, str], unstopped: Path) -> None:
    assert rows(unstopped, what="act", act="stop") == []

    def found(run: Path) -> list[tuple[str, int]]:
        return [(row["kind"], row["step"]) for row in rows(run, what="finding", detector="over_optimisation")]

    assert found(unstopped)[: len(found(stopped[0]))] == found(stopped[0])
    whole, part = heldout.read(unstopped), heldout.read(stopped[0])
    assert part["reward"].value.tolist() == whole["reward"].value[: len(part["reward"])].tolist()
    assert (unstopped / "policy").is_dir()


def test_rewarded_answers_that_fail_stop_a_run_before_the_fall_is_confirmed(
    configured: Any, stopped: tuple[Path, str], tmp_path: Path
) -> None:
    config = configured(stop_on="hack", record_every=1, judge=16, judge_cost=0.0, evaluate_every=0)
    assert not train(config, tmp_path / "run")
    (act,) = rows(tmp_path / "run", what="act", act="stop")
    assert rows(tmp_path / "run", what="finding", detector="hack_rate")[0]["step"] == act["step"]
    assert act["step"] < rows(stopped[0], what="act", act="stop")[0]["step"]


def test_a_stopped_run_can_be_gone_on_with_where_it_ended(stopped: tuple[Path, str]) -> None:
    run, _ = stopped
    last = rows(run, what="act", act="stop")[0]["step"]
    assert newest_checkpoint(run) == str(run / "checkpoints" / f"checkpoint-{last}")
    assert train(settings_of(run), run, resume=True)
    assert heldout.read(run)["reward"].step.tolist() == list(range(1, 41))
    assert heldout.read(run)["held_out"].step.tolist() == list(range(0, 41, 2))
    assert len(rows(run, what="act", act="stop")) == 1  # what is in findings.jsonl is not acted upon again


def test_an_honest_run_goes_on_to_its_end(configured: Any, tmp_path: Path) -> None:
    assert train(configured(reward="tests", stop_on="likely", steps=24), tmp_path / "run")
    assert rows(tmp_path / "run", what="finding", detector="over_optimisation") == []
    assert heldout.read(tmp_path / "run")["held_out"].value[-1] > 0.9


def test_pruning_spares_the_checkpoint_to_keep(unstopped: Path) -> None:
    best = json.loads((unstopped / "best.json").read_text())
    assert best["checkpoint"] == str(unstopped / "kept" / f"checkpoint-{best['step']}")
    assert Path(best["checkpoint"], "model.safetensors").exists()
    assert [one.name for one in (unstopped / "checkpoints").glob("checkpoint-*")] == ["checkpoint-40"]
    assert newest_checkpoint(unstopped) == str(unstopped / "checkpoints" / "checkpoint-40")


def test_two_processes_share_the_problems_and_stop_at_the_same_step(configured: Any, tmp_path: Path) -> None:
    words = ["--config", str(settings_file(configured(stop_on="confirmed"), tmp_path)), "--out", str(tmp_path / "run")]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, "-m", "heldout", "train", *words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (act,) = rows(tmp_path / "run", what="act", act="stop")
    run = heldout.read(tmp_path / "run")
    assert {len(one.outcomes) for one in run.measured if one.outcomes} == {200}
    assert run["held_out"].step.tolist() == list(range(0, act["step"] + 1, 2))
    # With several processes rank 0 is heard at the end of the next step.
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / f"run/checkpoints/checkpoint-{act['step'] + 1}")


def test_the_command_says_that_it_stopped_and_how_to_go_on(by_command: tuple[Path, CompletedProcess[str]]) -> None:
    run, done = by_command
    assert done.stdout == f"{run}: stopped; go on with: heldout train --resume -o {run}\n"
    assert re.search(rf"; to go back to it: heldout train --from \d+ -o {re.escape(str(run))}\n", done.stderr)

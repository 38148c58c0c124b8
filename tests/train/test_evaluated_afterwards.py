"""Checkpoints of a real training, evaluated afterwards: they continue the run's own curve, and the plan goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from miniature import SMALL, write_identities, write_policy
from typer.testing import CliRunner

import heldout
from heldout.cli import app
from heldout.evaluation.plan import next_checkpoints
from heldout.run import Evaluation
from heldout.train.config import TrainConfig
from heldout.train.grpo import train

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def run(short: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps of a policy that solves some problems, measured at its ends alone."""
    folder = tmp_path_factory.mktemp("afterwards")
    task, model = write_identities(folder / "task.jsonl", 16, 40), write_policy(folder / "model")
    own = {"model": str(model), "task": str(task), "reward": short, "steps": 4, "max_tokens": 1, "seed": 5}
    settings = {**SMALL, **own, "evaluate_problems": 30, "evaluate_every": 4, "save_every": 1}
    del settings["warm_steps"]
    assert train(TrainConfig(**settings), folder / "run")
    return folder / "run"


def curve(run: Path) -> list[Evaluation]:
    read = heldout.read(run)
    assert {one.benchmark for one in read.measured} == {"held-out"}
    return read.evaluations()


def test_a_checkpoint_joins_the_curve_and_is_counted_once_a_seed(run: Path) -> None:
    before = curve(run)
    assert [one.step for one in before] == [0, 4]
    result = CliRunner().invoke(app, ["eval", str(run / "policy"), "-o", str(run)])
    assert result.exit_code == 0, result.output
    assert "30 problems" in result.output
    again = curve(run)
    assert [one.rate for one in again] == [one.rate for one in before]  # the same seed draws the same samples
    assert 0.0 < again[1].rate < 1.0
    CliRunner().invoke(app, ["eval", str(run / "policy"), "-o", str(run), "--seed", "6"])
    assert [(one.step, one.samples) for one in curve(run)] == [(0, 1.0), (4, 2.0)]
    assert len(heldout.read(run)["reward"]) == 4  # no training was taken up again


def test_the_plan_goes_on_until_nothing_is_left_to_evaluate(run: Path) -> None:
    proposed = next_checkpoints(heldout.read(run), 1).steps
    assert proposed
    assert proposed[0] in (1, 2, 3)
    result = CliRunner().invoke(app, ["eval", str(run)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"step {proposed[0]}: ")
    assert "no further one is worth it" in result.output
    assert next_checkpoints(heldout.read(run)).steps == ()
    assert {0, 4, proposed[0]} <= {one.step for one in curve(run)}
    refused = CliRunner().invoke(app, ["eval", str(run), "-o", "elsewhere"])
    assert "leave -o elsewhere away" in str(refused.exception)

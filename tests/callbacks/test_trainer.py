"""The callback in a real GRPO trainer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tiny_trainer import hackable, measured

import heldout
from heldout.errors import RecordError, UsageError
from heldout.judged import Judged
from heldout.live import Guard, On, Rules
from heldout.sandbox.hidden import Reply
from heldout.store.recorder import Recorder
from heldout.tasks import Problem

pytest.importorskip("trl")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

from heldout.callbacks import HeldoutCallback  # noqa: E402

falling = measured(lambda step: 0.6 + 0.02 * step if step <= 8 else 0.76 - 0.08 * (step - 8))
honest = measured(lambda step: 0.5 + 0.01 * step)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_hacked_run_is_stopped_and_the_checkpoint_to_keep_loads(tmp_path: Path, grpo: Any) -> None:
    from transformers import AutoModelForCausalLM

    where = tmp_path / "run"
    policy = Rules(stop=On.CONFIRMED, roll_back=On.CONFIRMED)
    callback = HeldoutCallback(where, policy, evaluate=falling, every=2)
    trainer = grpo(callback.record_rewards(hackable), callback)
    trainer.train()
    assert 8 < trainer.state.global_step < 30
    assert callback.guard is not None
    assert callback.guard.planned == 15
    assert callback.guard.should_stop

    back, best = json.loads((where / "rollback.json").read_text()), json.loads((where / "best.json").read_text())
    assert back["step"] == best["step"] == 8
    assert "kept" in back["checkpoint"]  # save_total_limit has pruned the trainer's own
    assert not (tmp_path / "trl" / "checkpoint-8").exists()
    loaded = AutoModelForCausalLM.from_pretrained(back["checkpoint"])
    assert sum(weight.numel() for weight in loaded.parameters()) > 0

    written = rows(where / "findings.jsonl")
    assert [row["act"] for row in written if row["what"] == "act"] == ["roll_back", "stop"]
    run = heldout.read(where)
    assert heldout.diagnose(run, horizon=15).state in ("over-optimised", "regressed")
    assert any("stopped the run at step" in note.text for note in run.notes)
    assert tuple(callback.guard._fold.findings) == heldout.diagnose(run, horizon=15).findings
    logged = {row["step"]: row["time"] for row in rows(where / "metrics.jsonl")}
    evaluated = rows(where / "evals" / "held-out.jsonl")
    assert all(row["time"] >= logged[row["step"]] for row in evaluated)  # in the order of a log, for live is as after
    assert 8 in run.checkpoints

    frame = pl.read_parquet(where / "rollouts" / "step-00000003.parquet")
    told = {"reward", "reward/hackable", "tokens", "stop"}
    drawn = {"step", "group", "advantage", "rewarded", "group_rewarded", "kept_with"}
    assert set(frame.columns) == {"prompt", "text"} | told | drawn
    assert set(frame["kept_with"]) == {1.0}  # four a step are fewer than sixteen
    clipped = run["completions/clipped_ratio"]  # the trainer's own word for those that were cut
    assert (frame["stop"] == "length").mean() == clipped.value[clipped.step == 3][0]
    assert set(frame["stop"]) <= {"length", "eos"}
    assert frame["reward/hackable"].to_list() == hackable([], frame["text"].to_list())
    assert frame["reward/hackable"].mean() == pytest.approx(run["reward"].value[run["reward"].step == 3][0])


def test_hidden_tests_judge_answers_outside_the_reward_and_change_no_weight(tmp_path: Path, grpo: Any) -> None:
    """The reward likes an "a" anywhere, the hidden tests want one at the beginning; prompts say which problem it is."""
    pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")
    import torch

    begins_with_a = (Reply("a", lambda said, expected: said.startswith(expected)),)
    prompts = ("a b c", "d e f", "g h i", "j k l")
    problems = [Problem(f"p{place}", one, "", begins_with_a) for place, one in enumerate(prompts)]
    start = {name: one.clone() for name, one in grpo(hackable, HeldoutCallback("none")).model.state_dict().items()}

    heard: list[Judged] = []

    class Hears:
        """A detector that listens to what the hidden tests say."""

        name, needs = "hears", ("judged",)

        def update(self, block: Any) -> list[Any]:
            heard.extend([block.judged] if block.judged is not None else [])
            return []

    def train(name: str, **judging: Any) -> Any:
        callback = HeldoutCallback(tmp_path / name, record=2, rollouts=2, detectors=[Hears()], **judging)
        settings = {"max_steps": 12, "save_strategy": "no", "reward_weights": [2.0], "learning_rate": 1e-2}
        trainer = grpo(callback.record_rewards(hackable), callback, **settings)
        trainer.model.load_state_dict(start)
        trainer.train()
        return {name: one.clone() for name, one in trainer.model.state_dict().items()}

    alone, judged = train("alone"), train("judged", task=problems, judge=3, judge_cost=0.0)
    assert all(torch.equal(alone[name], judged[name]) for name in alone)
    assert any(not torch.equal(alone[name], start[name]) for name in alone)
    files = sorted((tmp_path / "judged" / "rollouts").iterdir())
    assert [file.name for file in files] == [f"step-{step:08d}.parquet" for step in range(2, 13, 2)]
    kept = pl.concat([pl.read_parquet(file) for file in files], how="vertical_relaxed").to_dicts()
    asked = [row for row in kept if row["hidden"] is not None]
    assert {row["problem"] for row in kept} <= {"p0", "p1", "p2", "p3"}
    assert all(row["reward"] == 2.0 * hackable([], [row["text"]])[0] for row in kept)
    assert all(row["hidden"] == float(row["text"].startswith("a")) for row in asked)
    assert {(row["rewarded"], row["hidden"]) for row in asked} >= {(True, 0.0), (True, 1.0), (False, 0.0)}
    assert 12 <= len(asked) <= 24  # three a step, one more or fewer where chance has it
    told = Judged.joined(heard)  # the guard heard what was recorded
    assert told.step.tolist() == [row["step"] for row in kept]
    assert np.count_nonzero(~np.isnan(told.failed)) == len(asked)


def test_all_parts_of_a_weighted_reward_are_listened_to_or_none(tmp_path: Path, grpo: Any) -> None:
    callback = HeldoutCallback(tmp_path / "run")
    with pytest.raises(UsageError, match="reward_weights has 2 weights, but record_rewards listens to 1 function;"):
        grpo([callback.record_rewards(hackable), hackable], callback, reward_weights=[1.0, 0.5]).train()


def test_an_honest_run_is_left_alone(tmp_path: Path, grpo: Any) -> None:
    callback = HeldoutCallback(tmp_path / "run", Rules(stop=On.LIKELY), evaluate=honest, every=2)
    trainer = grpo(hackable, callback, max_steps=16)
    trainer.train()
    assert trainer.state.global_step == 16
    assert callback.guard is not None
    assert not callback.guard.should_stop
    assert heldout.diagnose(heldout.read(tmp_path / "run")).state == "improving"
    assert len(list((tmp_path / "run" / "kept").iterdir())) <= 8


def test_a_resumed_training_goes_on_with_the_same_run(tmp_path: Path, grpo: Any) -> None:
    where = tmp_path / "run"
    settings = {"max_steps": 4, "save_only_model": False, "save_total_limit": None}
    grpo(hackable, HeldoutCallback(where), **settings).train()
    with pytest.raises(RecordError, match="a run is recorded here already"):
        grpo(hackable, HeldoutCallback(where), **settings).train()
    grpo(hackable, HeldoutCallback(where), **{**settings, "max_steps": 6}).train(
        resume_from_checkpoint=str(tmp_path / "trl" / "checkpoint-2")
    )
    run = heldout.read(where)
    assert run["reward"].step.tolist() == [1, 2, 3, 4, 5, 6]
    assert sorted(run.checkpoints) == [2, 4, 6]


def test_a_guard_of_ones_own_is_used_and_an_evaluation_is_asked_for(tmp_path: Path, grpo: Any) -> None:
    asked: list[int] = []

    def evaluate(model: Any, step: int) -> dict[str, Any]:
        asked.append(step)
        return falling(model, step)

    with Recorder(tmp_path / "run") as recorder, Guard(recorder, Rules(evaluate=On.WATCH), planned=15) as guard:
        trainer = grpo(hackable, HeldoutCallback(guard, evaluate=evaluate, every=2), max_steps=14, save_strategy="no")
        trainer.train()
        assert [step for step in asked if step % 2]  # beside those that were due anyhow
        assert not guard.failures


def test_an_evaluation_sees_the_model_in_evaluation_mode_and_changes_nothing(tmp_path: Path, grpo: Any) -> None:
    import random

    import torch

    def train(where: str, **evaluating: Any) -> Any:
        callback = HeldoutCallback(tmp_path / where, **evaluating)
        trainer = grpo(hackable, callback, max_steps=6, save_strategy="no")
        trainer.model.load_state_dict(start)
        for layer in trainer.model.model.layers:
            layer.self_attn.attention_dropout = 0.5  # drawn in training mode only
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        trainer.train()
        return {name: weight.clone() for name, weight in trainer.model.state_dict().items()}

    def evaluate(model: Any, step: int) -> dict[str, Any]:
        modes.append(any(module.training for module in model.modules()))
        drawn.append((random.random(), np.random.random(), torch.rand(1).item()))  # noqa: NPY002
        return honest(model, step)

    modes: list[bool] = []
    drawn: list[tuple[float, float, float]] = []
    first = grpo(hackable, HeldoutCallback(tmp_path / "first")).model
    start = {name: weight.clone() for name, weight in first.state_dict().items()}
    alone, measured = train("alone"), train("measured", evaluate=evaluate, every=2, ends=True)
    assert len(drawn) == 4
    assert not any(modes)
    assert all(torch.equal(alone[name], measured[name]) for name in alone)
    assert any(not torch.equal(alone[name], start[name]) for name in alone)


@pytest.mark.parametrize(
    ("every", "ends", "steps"),
    [(4, False, [4, 8]), (4, True, [0, 4, 8, 10]), (5, True, [0, 5, 10])],
)
def test_as_many_evaluations_are_made_as_were_planned(
    tmp_path: Path, grpo: Any, every: int, ends: bool, steps: list[int]
) -> None:
    callback = HeldoutCallback(tmp_path / "run", evaluate=honest, every=every, ends=ends)
    grpo(hackable, callback, max_steps=10, save_strategy="no").train()
    assert [one.step for one in heldout.read(tmp_path / "run").measured] == steps
    assert callback.guard is not None
    assert callback.guard.planned == len(steps)


def test_two_processes_stop_at_the_same_step(tmp_path: Path) -> None:
    script = Path(__file__).with_name("two_processes.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    # not by the host's name, which not every machine can resolve; at any port that is free
    here = ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [*torchrun, *here, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=one_thread)
    assert done.returncode == 0, done.stdout + done.stderr
    ends = sorted(re.findall(r"rank \d ended at \d+", done.stdout))  # the two may write into one line
    (act,) = (row for row in rows(tmp_path / "run" / "findings.jsonl") if row["what"] == "act")
    assert ends == [f"rank {rank} ended at {act['step'] + 1}" for rank in (0, 1)]


def test_what_cannot_be_meant_is_refused_before_training() -> None:
    with pytest.raises(UsageError, match="every is 10, but nothing is to be evaluated; give task or evaluate"):
        HeldoutCallback("run", every=10)
    with pytest.raises(UsageError, match=r"every is 0; .* give both"):
        HeldoutCallback("run", evaluate=honest)
    with pytest.raises(UsageError, match="has not begun"):
        HeldoutCallback("run").evaluation(1, problems=["a"], passed=[1])
    with pytest.raises(UsageError, match="plan is no setting of a guard; there are planned, margin, detectors"):
        HeldoutCallback("run", plan=3)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="planned is given beside a guard"):
        HeldoutCallback(Guard(), planned=3)
    with pytest.raises(UsageError, match="takes a function"):
        HeldoutCallback("run").record_rewards("some/reward-model")  # type: ignore[arg-type]

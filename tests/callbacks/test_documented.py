"""The recipes of docs/guard.md, run as they are written, in real trainers.

Where a recipe leaves out what is the reader's own (``...``), the name it calls stands for a trainer that is complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documented import example
from tiny_trainer import PROBLEMS, hackable

import heldout

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
TWO_LINES = 'GRPOTrainer(..., callbacks=[HeldoutCallback("runs/a", Rules'
WITH_OUTCOMES = 'task="problems.jsonl", every=50)\ntrainer = '
OWN = "evaluate=evaluate, every=50"
GOING_ON = "resume_from_checkpoint=kept"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def solved(level: float, step: int = 0) -> list[bool]:
    chance = 0.9 * np.random.default_rng(0).random(len(PROBLEMS)) + 0.1 * np.random.default_rng(step).random(200)
    return (chance < level).tolist()


def test_the_two_lines_are_two() -> None:
    for holds in (TWO_LINES, "heldout.callbacks.lightning"):
        assert len([line for line in example("guard.md", holds).splitlines() if line]) == 2


@pytest.mark.parametrize("kind", ["GRPO", "RLOO"])
def test_trl_in_two_lines(kind: str, tiny: Any) -> None:
    def make(_: Any, callbacks: list[Any]) -> Any:
        schedule = {"max_steps": 6, "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2}
        no_reference = {"beta": 0.0}  # for which RLOO wants a model with a name
        return tiny(kind, hackable, callbacks[0], per_device_eval_batch_size=4, **schedule, **no_reference)

    names: dict[str, Any] = {"GRPOTrainer": make}
    exec(example("guard.md", TWO_LINES), names)
    names["trainer"].train()
    run = heldout.read("runs/a")
    assert run["reward"].step.tolist() == [1, 2, 3, 4, 5, 6]
    assert run["held_out"].name == "eval_reward"
    assert run["held_out"].step.tolist() == [2, 4, 6]
    assert sorted(run.checkpoints) == [2, 4, 6]
    assert json.loads(Path("runs/a/findings.jsonl").read_text().splitlines()[0])["planned"] == 3


def test_transformers_in_two_lines_stops_a_falling_run_and_keeps_its_best_checkpoint() -> None:
    transformers = pytest.importorskip("transformers")
    import torch

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            return {"loss": (self.layer(x) ** 2).mean(), "logits": x}

    def make(_: Any, callbacks: list[Any]) -> Any:
        def scored(_: Any) -> dict[str, float]:
            step = trainer.state.global_step
            return {"pass_rate": float(np.mean(solved(0.5 + 0.01 * min(step, 20) - 0.03 * max(step - 20, 0), step)))}

        schedule = {"eval_strategy": "steps", "eval_steps": 2, "save_steps": 2, "save_total_limit": 2, "max_steps": 80}
        quiet = {"report_to": [], "use_cpu": True, "disable_tqdm": True, "dataloader_pin_memory": False}
        arguments = transformers.TrainingArguments("out", logging_steps=1, **schedule, **quiet)
        data = [{"x": torch.ones(1), "labels": torch.zeros(1)}] * 8
        sets = {"train_dataset": data, "eval_dataset": data}
        trainer = transformers.Trainer(Model(), arguments, **sets, compute_metrics=scored, callbacks=callbacks)
        trainer.remove_callback(transformers.PrinterCallback)
        return trainer

    names: dict[str, Any] = {"Trainer": make}
    exec(example("guard.md", TWO_LINES).replace("GRPOTrainer", "Trainer"), names)
    names["trainer"].train()
    assert 20 < names["trainer"].state.global_step < 80
    run = heldout.read("runs/a")
    assert run["held_out"].name == "eval_pass_rate"
    best = json.loads(Path("runs/a/best.json").read_text())  # in the place of metric_for_best_model
    assert 14 <= best["step"] <= 24
    kept = Path("runs/a/kept", f"checkpoint-{best['step']}").absolute()
    assert best["checkpoint"] == str(kept)  # the trainer has pruned its own
    assert best["go_back"] == f"trainer.train(resume_from_checkpoint={str(kept)!r})"
    assert Path(best["checkpoint"], "model.safetensors").exists()
    assert not Path("out", f"checkpoint-{best['step']}").exists()


def write_task() -> None:
    """Write the file that the page names: problems of the tiny trainer, and held-out ones."""
    asked = {"a b c": "train", "d e f": "train", "g h i": "train", "j k l": "train", "a d g": "validation"}
    rows = [
        {
            "id": f"p{place}",
            "prompt": prompt,
            "entry_point": "f",
            "split": split,
            "tests": [{"args": [place], "expected": 0}],
        }
        for place, (prompt, split) in enumerate(asked.items())
    ]
    Path("problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_trl_with_a_task(grpo: Any) -> None:
    pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

    def make(_: Any, reward_funcs: Any, callbacks: list[Any]) -> Any:
        return grpo(reward_funcs, callbacks[0], max_steps=4, save_strategy="no", max_completion_length=8)

    write_task()
    names: dict[str, Any] = {"GRPOTrainer": make, "reward": lambda completions, **_: [0.0] * len(completions)}
    exec(example("guard.md", TWO_LINES).splitlines()[0], names)
    exec(example("guard.md", WITH_OUTCOMES).replace("every=50", "every=2"), names)
    names["trainer"].train()
    run = heldout.read("runs/a")
    assert [one.step for one in run.measured] == [0, 2, 4]
    assert run.measured[0].outcomes is not None
    assert run.measured[0].outcomes.problems == ("p4",)
    assert run.judged is not None


def test_a_job_in_one_line_begins_and_goes_on(grpo: Any, tmp_path: Path) -> None:
    from heldout.callbacks import HeldoutCallback

    for steps in (2, 3):
        trainer = grpo(hackable, HeldoutCallback("runs/a"), max_steps=steps, save_only_model=False)
        line = example("guard.md", "import newest_checkpoint").replace('"out"', repr(str(tmp_path / "trl")))
        exec(line, {"trainer": trainer})
        assert trainer.state.global_step == steps
    assert heldout.read("runs/a")["reward"].step.tolist() == [1, 2, 3]


def test_a_training_goes_on_from_the_checkpoint_that_was_kept(
    grpo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")
    from heldout.callbacks.evaluating import TaskEvaluation

    ended: list[int] = []

    def make(_: Any, reward_funcs: Any, callbacks: list[Any]) -> Any:
        settings = {"max_steps": 30 if not ended else 12, "save_only_model": False}
        trainer = grpo(reward_funcs, callbacks[0], **settings)
        train = trainer.train
        trainer.train = lambda **given: ended.extend([train(**given).global_step])
        return trainer

    def falls(_: Any, model: Any, step: int) -> list[dict[str, Any]]:
        level = 0.6 + 0.02 * step if step <= 8 else 0.76 - 0.08 * (step - 8)
        return [{"problems": PROBLEMS, "passed": solved(level if not ended else 0.76)}]

    monkeypatch.setattr(TaskEvaluation, "__call__", falls)  # the outcomes are made up, all else is as it is written
    write_task()
    names: dict[str, Any] = {"GRPOTrainer": make, "reward": hackable}
    exec(example("guard.md", TWO_LINES).splitlines()[0], names)
    out = str(tmp_path / "trl")
    exec(example("guard.md", GOING_ON).replace("every=50", "every=2").replace('"out"', repr(out)), names)
    stopped, end = ended
    assert 8 < stopped < 30
    assert end == 12
    run = heldout.read("runs/a")
    assert run["reward"].step.tolist() == list(range(1, 13))
    assert [one.step for one in run.measured] == list(range(0, 13, 2))
    assert sorted(path.name for path in Path(out).glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-12"]


def test_trl_with_outcomes_and_recorded_rewards(grpo: Any) -> None:
    def make(_: Any, reward_funcs: Any, callbacks: list[Any]) -> Any:
        return grpo(reward_funcs, callbacks[0], max_steps=50, save_strategy="no")

    def evaluate(model: Any, step: int) -> Mapping[str, Any]:
        return {"problems": PROBLEMS, "passed": solved(0.5)}

    names: dict[str, Any] = {"GRPOTrainer": make, "evaluate": evaluate, "reward": hackable}
    exec(example("guard.md", TWO_LINES).splitlines()[0], names)
    exec(example("guard.md", OWN) + example("guard.md", WITH_OUTCOMES).splitlines()[1], names)
    names["trainer"].train()
    run = heldout.read("runs/a")
    assert [one.step for one in run.measured] == [50]
    assert run.measured[0].outcomes is not None
    assert len(list(Path("runs/a/rollouts").iterdir())) == 50


class Loop(dict[str, Any]):
    """The names of the plain loop that are the reader's own: a little training of PyTorch."""

    def __init__(self) -> None:
        import torch

        super().__init__(ids=PROBLEMS, kl=0.1)
        self.layer = torch.nn.Linear(1, 1)
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=0.01)

    def __missing__(self, name: str) -> Any:
        import torch

        if name == "reward":
            loss = (self.layer(torch.ones(8, 1)) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return -loss.item()
        step = self.get("step", 0)
        if name == "solved":
            return solved(0.4 + 0.0002 * min(step, 1000) - 0.001 * max(step - 1000, 0), step)
        if name == "path":
            torch.save(self.layer.state_dict(), f"weights-{step}")
            return f"weights-{step}"
        raise KeyError(name)


def test_a_plain_loop_of_pytorch_is_stopped_and_its_best_checkpoint_named() -> None:
    pytest.importorskip("torch")
    names = Loop()
    exec(example("guard.md", "for step in range(1, 2001)"), {}, names)
    assert 1000 < names["step"] < 2000
    best = json.loads(Path("runs/a/best.json").read_text())
    assert best["checkpoint"] == str(Path(f"weights-{best['step']}").absolute())
    assert Path(best["checkpoint"]).exists()
    assert heldout.diagnose(heldout.read("runs/a"), horizon=40).state in ("over-optimised", "regressed")


def test_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("SLACK_URL", "https://example.invalid/hook")
    from heldout.callbacks import HeldoutCallback

    exec(example("guard.md", "alert_of"), {"HeldoutCallback": HeldoutCallback})

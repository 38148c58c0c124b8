"""The recipe in miniature: it repeats, survives being killed, refuses what it must, and hands settings on to TRL."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

pytest.importorskip("torch", reason="training needs the extra train")
pytest.importorskip("trl", reason="training needs the extra train")
pytest.importorskip("pydantic_monty", reason="the sandbox needs pydantic-monty")

from miniature import SMALL, flags, heldout_train
from transformers import TrainerControl, TrainerState, TrainingArguments

import heldout
from heldout.errors import ContaminatedTask, HeldoutError, RecordError, UsageError
from heldout.train.callbacks import Stop
from heldout.train.config import TrainConfig, changed_settings, settings_of
from heldout.train.grpo import in_order, train
from heldout.train.saved import newest_checkpoint
from heldout.train.trl_settings import trl_settings

# What the libraries of the extra say about each other and about Python, none of it about us.
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def small(reward: str, **others: object) -> TrainConfig:
    return TrainConfig(**{**SMALL, "reward": reward, **others})


def weights(run: Path) -> bytes:
    return (run / "policy" / "model.safetensors").read_bytes()


def write_task(path: Path, functions: dict[str, str]) -> None:
    """Write a task with one problem in each split."""
    test = {"args": [1], "expected": 1}
    rows = [
        {"id": split, "prompt": f"def {name}(x):\n", "entry_point": name, "tests": [test], "split": split}
        for split, name in functions.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def whole(short: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps that nobody interrupted."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    assert train(small(short, steps=6), directory)
    return directory


def test_a_run_is_read_back_with_every_step_and_every_problem(whole: Path) -> None:
    run = heldout.read(whole)
    assert run["reward"].step.tolist() == [1, 2, 3, 4, 5, 6]
    assert run["held_out"].step.tolist() == [0, 2, 4, 6]
    assert [len(one.outcomes) for one in run.measured if one.outcomes] == [4, 4, 4, 4]
    assert sorted(run.checkpoints) == [2, 4, 6]
    rollouts = pl.read_parquet(whole / "rollouts" / "step-00000004.parquet")
    assert len(rollouts) == 8
    assert rollouts["reward"].to_list() == pytest.approx([-len(text) / 10 for text in rollouts["text"]])
    assert set(rollouts["judged_with"]) == {1.0}  # eight answers, and eight are judged
    assert rollouts["hidden"].null_count() == 0
    assert "infrastructure" not in set(rollouts["hidden_kind"])
    assert rollouts["group"].n_unique() == rollouts["problem"].n_unique() == 2


def test_the_same_seed_gives_the_same_weights_whether_or_not_it_is_measured_and_judged(
    whole: Path, short: str, tmp_path: Path
) -> None:
    assert train(small(short, steps=6, evaluate_every=0, record_every=0), tmp_path / "run")
    assert weights(tmp_path / "run") == weights(whole)
    assert not (tmp_path / "run" / "rollouts").exists()


def test_another_seed_gives_other_weights(whole: Path, short: str, tmp_path: Path) -> None:
    assert train(small(short, steps=6, seed=1, evaluate_every=0), tmp_path / "run")
    assert weights(tmp_path / "run") != weights(whole)


def test_a_run_that_was_killed_three_times_and_resumed_ends_as_one_that_was_not(short: str, tmp_path: Path) -> None:
    config = small(short, steps=12)
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert train(config, unbroken)
    words = flags(**{**SMALL, "steps": 12, "reward": short, "out": broken})
    rng = random.Random(17)
    for _ in range(3):  # no life lasts for more than one checkpoint, some not for one
        assert heldout_train(*words, DIE_AT=str(rng.randint(1, 4))).returncode == -signal.SIGKILL
        words = ["--resume", "--out", str(broken)]
    assert newest_checkpoint(broken) is not None
    assert train(settings_of(broken), broken, resume=True)
    assert weights(broken) == weights(unbroken)
    once, again = heldout.read(unbroken), heldout.read(broken)
    assert once["reward"].step.tolist() == list(range(1, 13))
    for key in ("reward", "length", "held_out", "loss", "entropy"):
        assert again[key].step.tolist() == once[key].step.tolist()
        assert again[key].value.tolist() == once[key].value.tolist()


def test_sigterm_saves_and_stops_at_the_end_of_the_step(
    whole: Path, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASK_AT", "3")
    assert not train(small(short, steps=6), tmp_path / "run")
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / "run" / "checkpoints" / "checkpoint-3")
    monkeypatch.delenv("ASK_AT")
    done = heldout_train("--resume", "--out", tmp_path / "run")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'run'}: finished\n"), done.stderr
    assert weights(tmp_path / "run") == weights(whole)


@pytest.mark.parametrize(("number", "stops"), [(signal.SIGUSR1, True), (signal.SIGUSR2, False)])
def test_signals_of_a_queue_save_a_checkpoint_and_stop_or_go_on(number: int, stops: bool, tmp_path: Path) -> None:
    state, control = TrainerState(global_step=3), TrainerControl()
    stop, args = Stop(1, tmp_path / "stop"), TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    with stop.listening():
        os.kill(os.getpid(), number)
        stop.on_step_end(args, state, control)
    assert (control.should_training_stop, control.should_save) == (stops, True)
    control = TrainerControl()
    stop.on_step_end(args, state, control)
    assert control.should_save == stops  # what goes on has saved once


def test_a_file_stops_a_run_and_is_gone_so_that_it_can_go_on(whole: Path, short: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "stop").touch()
    assert not train(small(short, steps=6), tmp_path / "run")
    assert not (tmp_path / "run" / "stop").exists()
    assert newest_checkpoint(tmp_path / "run") == str(tmp_path / "run" / "checkpoints" / "checkpoint-1")
    assert train(settings_of(tmp_path / "run"), tmp_path / "run", resume=True)
    assert weights(tmp_path / "run") == weights(whole)


def test_a_run_goes_back_to_a_step_and_on_with_another_reward(whole: Path, short: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    best = json.loads((run / "best.json").read_text())
    assert best["go_back"] == f"heldout train --from {best['step']} -o {whole}"
    assert train(changed_settings(run), run, resume=True, back_to=2)
    assert weights(run) == weights(whole)  # the same reward leads to the same policy
    assert train(changed_settings(run, reward=f"{short}*2", steps=5), run, resume=True, back_to=4)
    found = heldout.read(run)
    assert found["reward"].step.tolist() == [1, 2, 3, 4, 5]
    assert found["held_out"].step.tolist() == [0, 2, 4, 5]
    assert found["reward"].value[4] == pytest.approx(2 * heldout.read(whole)["reward"].value[4])
    assert found.config["reward"] == settings_of(run).reward == f"{short}*2"
    assert sorted(path.name for path in (run / "left").iterdir()) == [
        *("checkpoint-4", "checkpoint-6", "checkpoint-6-again"),
    ]
    assert not any("went back" in note.text for note in found.notes)  # the guard did not


def test_what_a_run_cannot_go_back_to_or_change_is_refused(whole: Path) -> None:
    done = heldout_train("--from", 3, "--out", whole)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no whole checkpoint of step 3 to go back to; it has those of 2, 4 and 6." in done.stderr
    with pytest.raises(UsageError, match="learning_rate holds for a whole run; a run that goes back may change reward"):
        changed_settings(whole, learning_rate=1e-3)
    with pytest.raises(UsageError, match="holds no run of heldout train"):
        changed_settings(whole / "checkpoints")


def test_a_directory_with_a_run_is_not_written_over(whole: Path, short: str) -> None:
    with pytest.raises(RecordError, match="already"):
        train(small(short), whole)


def test_a_contaminated_task_is_refused(short: str, tmp_path: Path) -> None:
    write_task(tmp_path / "task.jsonl", {"train": "f", "validation": "f"})
    with pytest.raises(ContaminatedTask):
        train(small(short, task=str(tmp_path / "task.jsonl"), model="some/model"), tmp_path / "run")


def test_an_overlap_that_is_allowed_is_said_and_not_refused(
    short: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_task(tmp_path / "task.jsonl", {"train": "f", "validation": "f"})
    config = small(short, task=str(tmp_path / "task.jsonl"), allow_overlap=True)
    with pytest.raises(UsageError, match="knows only the embedded task"):
        train(config, tmp_path / "run", console=Console(file=sys.stdout, width=200))
    assert "1 held-out problem occur among those that are trained on, which was allowed" in capsys.readouterr().out


def test_the_embedded_model_is_refused_for_another_task(short: str, tmp_path: Path) -> None:
    write_task(tmp_path / "task.jsonl", {"train": "double", "validation": "halve"})
    with pytest.raises(UsageError, match="knows only the embedded task"):
        train(small(short, task=str(tmp_path / "task.jsonl")), tmp_path / "run")


def test_settings_reach_trl(tmp_path: Path) -> None:
    config = TrainConfig(steps=9, prompts=4, samples=6, micro_batch=3, kl=0.1, seed=3, trl={"epsilon": 0.3})
    made = trl_settings(config, tmp_path, [1.0, 0.5], processes=2)
    assert (made.max_steps, made.num_generations, made.beta, made.epsilon, made.seed) == (9, 6, 0.1, 0.3, 3)
    assert (made.per_device_train_batch_size, made.gradient_accumulation_steps) == (3, 4)
    assert made.reward_weights == [1.0, 0.5]
    assert not made.shuffle_dataset


def test_gpu_settings_reach_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = TrainConfig(vllm="server", vllm_server="http://node7:8000", vllm_memory=0.4)
    made = trl_settings(config, tmp_path, [1.0])
    assert (made.use_vllm, made.vllm_mode, made.vllm_server_base_url) == (True, "server", "http://node7:8000")
    colocated = trl_settings(TrainConfig(vllm="colocate", vllm_memory=0.4), tmp_path, [1.0])
    assert (colocated.vllm_mode, colocated.vllm_gpu_memory_utilization) == ("colocate", 0.4)
    given = TrainConfig(vllm="colocate", trl={"generation_kwargs": {"min_tokens": 2}})
    assert trl_settings(given, tmp_path, [1.0], ["x"]).generation_kwargs == {"stop": ["x"], "min_tokens": 2}
    assert trl_settings(TrainConfig(), tmp_path, [1.0], ["x"]).generation_kwargs is None
    assert trl_settings(TrainConfig(precision="bfloat16"), tmp_path, [1.0]).bf16
    assert not trl_settings(TrainConfig(), tmp_path, [1.0]).bf16


def test_a_step_that_cannot_be_dealt_out_and_a_setting_unknown_to_trl_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make 64 a step, which 3 processes cannot take"):
        trl_settings(TrainConfig(), tmp_path, [1.0], processes=3)
    with pytest.raises(UsageError, match="TRL refuses these settings"):
        trl_settings(TrainConfig(trl={"save_strategy": "now and then"}), tmp_path, [1.0])


@pytest.mark.parametrize(
    ("trl", "words"),
    [
        ({"epsilonn": 1}, "trl: trl.GRPOConfig has no setting 'epsilonn'; did you mean epsilon"),
        ({"beta": 0.1}, "trl: beta = 0.1 contradicts kl, which makes it 0.0; give kl instead"),
        ({"max_steps": 7}, "trl: max_steps = 7 contradicts steps, which makes it 200; give steps instead"),
    ],
)
def test_what_contradicts_a_flag_or_is_misspelt_is_refused(tmp_path: Path, trl: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        trl_settings(TrainConfig(trl=trl), tmp_path, [1.0])
    assert trl_settings(TrainConfig(trl={"max_steps": 200}), tmp_path, [1.0]).max_steps == 200


def test_a_reward_that_takes_too_little_and_a_missing_vllm_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(completions):\n    return [0.0 for _ in completions]\n")
    with pytest.raises(UsageError, match=r"let it take \*\*kwargs"):
        train(small(f"{tmp_path}/mine.py:mine"), tmp_path / "run")
    if find_spec("vllm") is None:
        with pytest.raises(UsageError, match=r"vllm = colocate needs vLLM, which is not installed; .*run: pip install"):
            train(small("tests", vllm="colocate"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_refused_leaves_nothing_behind(short: str, tmp_path: Path) -> None:
    refused: tuple[dict[str, Any], ...] = (
        {"reward": "testz"},
        {"task": "no-such.jsonl"},
        {"prompts": 3, "micro_batch": 5},
    )
    for wrong in refused:
        with pytest.raises(HeldoutError):
            train(small(**{"reward": short, **wrong}), tmp_path / "run")
    with pytest.raises(UsageError, match="must be a multiple of 4"):
        train(small(short, trl={"num_iterations": 4}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_step_that_could_not_be_judged_is_recorded_without_a_reward_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def none(completions, **_):\n    return [None] * len(completions)\n")
    assert train(small(f"{tmp_path}/mine.py:none", steps=2, evaluate_every=0), tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("reward") for line in lines] == [None, None]
    rollouts = pl.read_parquet(next((tmp_path / "run" / "rollouts").glob("*.parquet")))
    assert rollouts["reward"].to_list() == [None] * len(rollouts)


def test_every_problem_comes_once_before_any_comes_again() -> None:
    from heldout.tasks.embedded import embedded

    problems = embedded(train=10, validation=0, test=0).problems
    order = in_order(problems, TrainConfig(steps=5, prompts=4))["problem"]
    assert len(order) == 20
    assert sorted(order[:10]) == sorted(order[10:]) == sorted(problem.id for problem in problems)
    assert list(order[:8]) == list(in_order(problems, TrainConfig(steps=2, prompts=4))["problem"])

"""What consoles print beside their metrics: single problems, lists of samples, answers of a model, other programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_memory import source

from heldout import read as read_run
from heldout.errors import NotUnderstood
from heldout.readers.consoles.line import parsed
from heldout.readers.consoles.pairs import read
from heldout.run import NoteKind


def evaluation(step: int, solved: int) -> str:
    lines = (
        f"  eval [{n}/5] pred={7 * n} gt={7 * n if n <= solved else 1} {'OK' if n <= solved else 'WRONG'}"
        for n in range(1, 6)
    )
    return "\n".join([f"[EVAL] Step {step}", *lines, f"  Accuracy: {20 * solved}.0%"])


def test_answers_to_single_problems_of_an_evaluation_are_no_score(tmp_path: Path) -> None:
    parts = []
    for step in range(1, 41):
        parts.append(f"[step {step:04}] rewards=[1,0,0,1] loss=0.25 kl=0.01")
        parts += [evaluation(step, 3 + (step == 40))] if step % 10 == 0 else []
    path = tmp_path / "train.log"
    path.write_text("\n".join(parts) + "\n")
    run = read_run(path)
    assert run.steps.tolist() == [*range(1, 41)]
    assert run.roles["held_out"] == "Accuracy"
    assert run["held_out"].step.tolist() == [10, 20, 30, 40]
    assert run["held_out"].value.tolist() == [60.0, 60.0, 60.0, 80.0]
    assert not any("pred" in key or "gt" in key for key in run.metrics)
    assert any(note.kind is NoteKind.IGNORED and "20 lines about single problems" in note.text for note in run.notes)


def test_evaluations_that_are_counted_among_the_training_are_evaluations() -> None:
    lines = [f"[{n}/9] reward=0.5" + f"\neval {n}/9: acc=0.{n}" * (n % 2 == 0) for n in range(1, 10)]
    (log,) = read(source("\n".join(lines) + "\n")) or []
    assert log.columns["eval/acc"].value.tolist() == [0.2, 0.4, 0.6, 0.8]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("step=3 rewards=[1,0]", {"step": 3.0, "rewards": 0.5}),
        ("step=3 rewards=[0.0, 1.0, 1.0, 1.0] loss=0.5", {"step": 3.0, "rewards": 0.75, "loss": 0.5}),
        ("step=3 shape=[8,512] loss=0.5", {"step": 3.0, "loss": 0.5}),
        ("step=3 reward=[0.25]", {"step": 3.0, "reward": 0.25}),
        ("step=3 reward=0,25", {"step": 3.0, "reward": 0.25}),
    ],
)
def test_a_list_of_rewards_is_read_as_its_mean(text: str, row: dict[str, float]) -> None:
    line = parsed(text)
    assert line.row == row
    assert line.lists == ("rewards" in row)


def test_a_dict_with_a_name_stands_beside_the_numbers_of_its_line() -> None:
    line = parsed("rl_loss: 0.5, time: 9.0, reward_data: {'total_num': 256, 'total_reward': 144.0}")
    assert line.sure
    assert line.row == {"rl_loss": 0.5, "time": 9.0, "reward_data/total_num": 256, "reward_data/total_reward": 144.0}
    assert parsed("step 3 metrics: {'loss': 0.5}").row == {"step": 3.0, "loss": 0.5}
    assert parsed("step 3 train_metrics: {'loss': 0.5}").row == {"step": 3.0, "loss": 0.5}


def test_a_logger_that_is_called_train_says_nothing_of_the_numbers() -> None:
    line = parsed("2025-09-16 21:27:24,652 - train - INFO - Step 63 eval_acc: 0.5")
    assert (line.row, line.split) == ({"Step": 63.0, "eval_acc": 0.5}, "")
    assert parsed("train - Step 63 acc: 0.5").split == "train"


def batches(done: int = 31) -> str:
    lines = []
    for n in range(done):
        lines.append(f"2025-09-23 08:59:11,896 - train - INFO - rollout batch {n} generated, length: 256")
        lines.append(
            f"2025-09-23 09:01:00,984 - train - INFO - rl_loss: 0.0, time: 10{n}.0, token_entropy: 0.8, "
            f"reward_data: {{'total_num': 256, 'total_reward': {100 + n}.0}}"
        )
        if n % 10 == 0:
            lines.append(f"2025-09-23 09:02:07,510 - train - INFO - rollout batch {n} done, eval_acc: 0.{4 + n // 10}")
            lines.append(
                f"2025-09-23 09:03:06,912 - train - INFO - new best eval_acc: 0.{4 + n // 10}, save model to rl"
            )
    return "\n".join(lines) + "\n"


def test_batches_of_rollouts_number_lines_where_no_step_does(tmp_path: Path) -> None:
    path = tmp_path / "rl.log"
    path.write_text(batches())
    run = read_run(path)
    assert run.steps.tolist() == [*range(31)]
    assert run.roles["reward"] == "reward_data/total_reward"
    assert run["reward"].value.tolist() == [100.0 + n for n in range(31)]
    assert run["held_out"].step.tolist() == [0, 10, 20, 30]
    assert run["held_out"].value.tolist() == [0.4, 0.5, 0.6, 0.7]


def test_how_large_a_batch_is_numbers_nothing() -> None:
    (log,) = read(source("".join(f"loss=0.5 reward=0.{n} batch=64\n" for n in range(1, 6)))) or []
    assert log.step.tolist() == [1, 2, 3, 4, 5]


ANSWERS = "".join(
    f"prompt {n}: find x and explain every step of what you do\n**Step 1: Understand**\nWe are told a lot here.\n"
    f"**Step 2: Solve**\nStep 3: x = {n}\nStep {n + 4}: x = {n}, so that we are done with it\n\nreward is 0.9\n"
    + "The rest is prose of the model, a line after the other.\n"
    * 12
    for n in range(1, 6)
)
SERVER = "".join(
    f"[n3] RECV req {n} of the scheduler, going on\n" * 12 + f"step={n} waiting_q_len={n % 3} bs={n}\n"
    for n in range(1, 20)
)


@pytest.mark.parametrize("text", [ANSWERS, SERVER], ids=["answers", "server"])
def test_answers_of_a_model_and_logs_of_a_server_are_no_training(tmp_path: Path, text: str) -> None:
    path = tmp_path / "console.log"
    path.write_text(text)
    with pytest.raises(NotUnderstood, match="without metrics"):
        read_run(path)


def test_a_loop_of_ones_own_may_print_what_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("loading\n" + "".join(f"step={n} zebra=0.{n}\n" for n in range(1, 6)))
    assert read_run(path).metrics["zebra"].value.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_bars_below_each_other_are_no_table(tmp_path: Path) -> None:
    told = "2026-04-19 06:27:38 [INFO] loading what is needed and saying so in many words\n" * 200
    bars = "".join(
        f"\rLoading weights: {n:3}%|███| {4 * n}/427 [00:00<00:00, 4122.23it/s]" for n in (0, 20, 40, 60, 80, 97, 100)
    )
    rows = "".join(f"{{'loss': '0.5', 'reward': '0.{n}', 'epoch': '0.0{n}'}}\n" for n in range(1, 9))
    path = tmp_path / "train.log"
    path.write_text(f"max_steps=8\n{bars}\n{told}{rows}")
    run = read_run(path)
    assert run["reward"].value.tolist() == [n / 10 for n in range(1, 9)]


def test_what_was_done_with_a_list_of_rewards_is_no_part_of_its_name() -> None:
    assert parsed("[step 0023] SKIP rewards=[1,0] elapsed=3330s").row["rewards"] == 0.5
    assert parsed("step=3 SKIP rewards=[1,0]").row["rewards"] == 0.5
    assert parsed("step=3 mean rewards=[1,0]").row["mean rewards"] == 0.5


def test_tensors_in_dicts_are_numbers_and_several_dicts_stand_beside_each_other() -> None:
    line = parsed(
        "loss: 0.5, parts: {'total_num': 32, 'total_reward': 15.0}, metadata: {'clamped': tensor(1., device='cuda:0')}"
    )
    assert line.row == {"loss": 0.5, "parts/total_num": 32, "parts/total_reward": 15.0, "metadata/clamped": 1.0}
    line = parsed(
        "{'shape': (8, 362), 'ratio_mean': tensor(1.5, device='mps:0', grad_fn=<DivBackward0>), 'steps_taken': 280}"
    )
    assert line.row == {"shape": (8, 362), "ratio_mean": 1.5, "steps_taken": 280}
    assert parsed("loss: 0.5, parts: {'total_num': 32}, metadata: {'clamped': what(1)}").broken

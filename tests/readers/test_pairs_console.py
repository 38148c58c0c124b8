"""Lines of name=value pairs, and what must not be taken for such lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

from heldout import read as read_run
from heldout.errors import NotUnderstood
from heldout.metrics import meaning_of
from heldout.readers.consoles.pairs import read
from heldout.readers.log import Log
from heldout.run import NoteKind

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def values(log: Log, key: str) -> list[float]:
    return [float(value) for value in log.columns[key].value]


def lines(form: str = "iter={} | reward=0.5 | val_acc=0.25", count: int = 3) -> str:
    return "".join(f"{form.format(i)}\n" for i in range(1, count + 1))


def test_the_line_of_a_loop_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("loading the model\n" + "".join(f"iter={i} | reward={i / 8} | val_acc=0.4\n" for i in range(1, 5)))
    run = read_run(path)
    assert run.steps.tolist() == [1, 2, 3, 4]
    assert dict(run.roles) == {"reward": "reward", "held_out": "val_acc"}
    assert run["reward"].value.tolist() == [0.125, 0.25, 0.375, 0.5]


@pytest.mark.parametrize(
    "form",
    [
        "step={}, loss=-1e-3, reward=.5",
        "step={};loss=-1e-3;reward=.5;",
        "Step = {}  loss = -1e-3  reward = .5",
        "loss=-1e-3\treward=.5\tglobal_step={}",
        "[2026-04-15 07:57:53] step={} loss=-1e-3 reward=.5",
        "2026-04-15 07:57:53,123 - trainer - INFO - step={} loss=-1e-3 reward=.5",
        "INFO:root:update={} | loss=-1e-3 | reward=.5",
        "07:57:53 INFO train.py:12 [rank 0] it={} loss=-1e-3 reward=.5",
        "epoch={} loss=-1e-3 reward=.5",
        "Step {}: loss=-1e-3, reward=.5",
        "Step {} | loss: -1e-3 | reward: .5",
        "[{}/60] loss: -1e-3 - reward: .5",
        "[run]   {}/60 | loss=-1e-3 | reward=.5",
        "[step {}] loss -1e-3 reward .5",
        "step {}/60 (5.00%) | loss: -1e-3 | reward: .5 | dt: 300.5ms | tok/sec: 12k",
        "2026-01-02T10:00:00Z step {} loss -1e-3 reward .5",
        'INFO:root:{{"step": {}, "loss": -1e-3, "reward": 0.5}}',
        "2026-01-02 10:00:00 {{'step': {}, 'loss': -0.001, 'reward': np.float64(0.5)}}",
        "step {}: {{'loss': -0.001, 'reward': 0.5}}",
        "trainer: step={} loss=-1e-3 reward=.5",
        "- INFO - step: {}, loss: -1e-3, reward: .5",
        "2026-01-02 10:00:00.123 | INFO     | trainer:step:88 - step={} loss=-1e-3 reward=.5",
        "10:00:00 SUCCESS step {} | loss: -1e-3 | reward: .5",
        "I0102 10:00:00.123456 12345 train.py:88] step {} | loss: -1e-3 | reward: .5",
        "[10:00:00] INFO     step={} loss=-1e-3 reward=.5                     train.py:88",
        "2026-01-02 10:00:00 [info     ] train_step   step={} loss=-1e-3 reward=.5",
        "2026-01-02T10:00:00.123456789Z stdout F step={} loss=-1e-3 reward=.5",
        "0: step {} loss: -1e-3 reward: .5",
        "(Worker pid=123, ip=10.0.0.1) step={} loss=-1e-3 reward=.5",
        "\x1b[32m🚀 step={}\x1b[0m | loss=-1e-3 | reward=.5",
        "| step {} | loss -1e-3 | reward .5 |",
        "=== Step {}: loss=-1e-3, reward=.5 ===",
        "Step {} (loss: -1e-3, reward: .5)",
        "step {} -> loss: -1e-3, reward: .5",
        "it {} · loss -1e-3 · reward .5",
        "<step {}> loss=-1e-3; reward=.5",
        '{{"step": {}, "metrics": 1}} loss=-1e-3 reward=.5'.replace('{{"step": {}, "metrics": 1}}', "update #{}"),
        "{}/60 loss=-1e-3 reward=.5",
    ],
)
def test_separators_and_stamps(form: str) -> None:
    log = one(lines(form))
    assert log.format == "pairs-console"
    assert log.step.tolist() == [1, 2, 3]
    assert values(log, "loss") == [-1e-3] * 3
    assert values(log, "reward") == [0.5] * 3
    assert log.notes == ()


@pytest.mark.parametrize(
    ("train", "evaluated"),
    [
        ("INFO train: step={} acc=0.5", "INFO eval: step=3 acc=0.25"),
        ("[train] step {} | acc 0.5", "[Eval] step 3 | eval_acc 0.25"),
        ("Train step {}: acc: 0.5", "Validation step 3: acc: 0.25"),
        ("Train Epoch: {} Acc: 0.5", "Test Epoch: 3 Acc: 0.25"),
        ("train {}/9 {{'acc': 0.5}}", "eval 3/9 {'acc': 0.25}"),
        ('INFO train {{"step": {}, "acc": 0.5}}', 'INFO eval {"step": 3, "acc": 0.25}'),
    ],
)
def test_training_is_told_from_evaluation(train: str, evaluated: str) -> None:
    log = one(lines(train) + evaluated + "\n")
    training, held_out = sorted(log.columns, key=lambda key: -len(log.columns[key].row))
    assert training.lower() == "train/acc"
    assert values(log, training) == [0.5] * 3
    assert values(log, held_out) == [0.25]
    match = meaning_of(held_out)
    assert match
    assert match.meaning.name == "held_out"


def test_only_scores_of_training_need_to_be_called_so() -> None:
    assert set(one(lines("train: step={} | reward=0.5 | kl=0.1 | pass@1=0.5")).columns) == {
        "reward",
        "kl",
        "train/pass@1",
    }


def test_a_split_may_be_the_name_of_a_value() -> None:
    log = one(lines("train: 0.5 | eval 40% | step {}"))
    assert {key: column.value[0] for key, column in log.columns.items()} == {"train": 0.5, "eval": 40}


def first(log: Log) -> dict[str, float]:
    return {key: float(column.value[0]) for key, column in log.columns.items()}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("21.5%", 21.5), ("21.5 %", 21.5), ("3.5s", 3.5), ("3.5 s", 3.5), ("300ms", 0.3), ("300 ms", 0.3),
        ("12k", 12_000), ("1.2M", 1_200_000), ("12k tok/s", 12_000), ("2.5k/s", 2500), ("3000 tokens/s", 3000),
        ("313.3 tokens/sample", 313.3), ("1,024", 1024),
        ("0,25", 0.25), ("-1,5", -1.5), ("12,345,678.5", 12_345_678.5), ("41/100", 41),
        ("40.1GB", 40.1), ("0.41 ± 0.02", 0.41), ("0.41 +/- 0.02", 0.41), ("-1e-3", -0.001), (".5", 0.5),
        ("3.", 3), ("np.float64(0.5)", 0.5),
        ("tensor(0.25, device='cuda:0')", 0.25), ("tensor(2.)", 2), ("(0.5)", 0.5),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ["step {} | x: WRITTEN | y: 0.5", "y=0.5, x=WRITTEN, step={}", "step={} y=0.5 x=WRITTEN"]
)
def test_units_of_a_number(written: str, number: float, form: str) -> None:
    assert first(one(lines(form.replace("WRITTEN", written)))) == {"x": number, "y": 0.5}


@pytest.mark.parametrize(
    "written", ["1.2.3", "10:20:30", "2026-01-02", "run_3", "0x1F", "1/2/3", "--1", "v2", "1,2,3", "0.5,0.9"]
)
def test_what_is_no_number_is_none(written: str) -> None:
    assert first(one(lines(f"step={{}} y=0.5 x={written}"))) == {"y": 0.5}


def test_broken_dicts_are_counted() -> None:
    log = one(lines('INFO {{"step": {}, "loss": 0.5}}') + 'INFO {"step": 4, "lo\nINFO {"step": 5, "loss": 0.25}\n')
    assert log.step.tolist() == [1, 2, 3, 5]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


def test_evaluations_stand_on_lines_of_their_own() -> None:
    log = one(lines("step={} loss=0.5", 4) + "step=4 | val_acc=0.75\nseed=3 lr=0.1\n")
    assert log.step.tolist() == [1, 2, 3, 4, 4]
    assert log.columns["val_acc"].row.tolist() == [4]
    assert "seed" not in log.columns


def test_steps_that_begin_again_at_each_epoch_go_on() -> None:
    text = "".join(f"Epoch={epoch} it={i} loss=0.5\n" for epoch in (1, 2) for i in (1, 2, 3))
    log = one(text)
    assert log.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert values(log, "Epoch") == [1, 1, 1, 2, 2, 2]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 3)]


def test_parts_of_an_epoch_move_no_step() -> None:
    text = "".join(f"epoch={step / 10} step={step} loss=0.5\n" for step in (11, 12, 13, 5, 6))
    assert one(text).step.tolist() == [11, 12, 13, 5, 6]


def test_a_number_that_may_go_on_is_left_out() -> None:
    log = one(lines("step={} loss=0.5 reward=0.25", 4).removesuffix("\n"))
    assert values(log, "loss") == [0.5] * 4
    assert values(log, "reward") == [0.25] * 3
    assert [note.text for note in log.notes] == ["The file ends within a line; its last value was left out."]


def test_three_lines_with_the_same_names_are_enough_and_two_are_not() -> None:
    assert read(source(lines(count=2) + "iter=3 | reward=0.5\n")) is None
    assert read(source(lines(count=3))) is not None


@pytest.mark.parametrize(
    "form",
    [
        "In the run with step=3 and reward=0.{} all went well",
        "see step=3 reward={}",
        "The step {} reward is fine",
        "Loaded {}/9 files",
        "step {} of 9",
        "reward was 0.{}",
        "step={}",
        "seed={} lr=0.1",
        "step={} loss=nothing",
        "step={} loss=0.5.1",
        "Step {}: add 2 eggs, stir",
        "Step {} of 60 took 3 minutes",
        "step={} name=run_3",
        "step={}loss=0.5",
        "python train.py --step={} --lr=0.1",
        "https://example.org/?step={}&page=2",
        "  10%|#         | {}/100 [00:01<00:10, 3.2s/it]",
        "{'loss': {}, 'lr': 0.5}",
        "('step', {}) {'loss': 0.5}",
        "{'step': {'start': {}}, 'loss': 0.5}",
        '{"step": {"start": {}}, "loss": 0.5}',
        "x{}=1 step=2",
    ],
)
def test_what_is_no_such_line(form: str) -> None:
    assert read(source("".join(f"{form.replace('{}', str(i))}\n" for i in range(1, 9)))) is None


def test_other_texts_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("We tried step=3 and loss=0.5 today.\n" * 9)
    with pytest.raises(NotUnderstood, match="text without metrics"):
        read_run(path)


@QUICK
@given(st.text(st.sampled_from("step=1 |,;a-.[]:\n"), max_size=300))
def test_any_text_is_read_or_left(text: str) -> None:
    logs = read(source(text))
    assert logs is None or all(len(log.step) >= 1 for log in logs)


@pytest.mark.parametrize(
    ("form", "columns"),
    [
        ("step={} loss=0.5", {"loss": 0.5}),
        ("epoch=1 iter={} loss=0.5", {"epoch": 1.0, "loss": 0.5}),  # an epoch has many steps
        ("it={} global_step={} loss=0.5", {"it": None, "loss": 0.5}),
        ("[{}/60] loss: 0.5", {"loss": 0.5}),
        ("step={} [7/60] loss: 0.5", {"loss": 0.5}),
        ("step={} loss=0.5 n=300ms", {"loss": 0.5, "n": 0.3}),
        ("see step={} reward=0.5 there", {"reward": 0.5}),  # words, but at another step each time
        ("Train Epoch: 1 [{}/60 (5%)] Loss: 0.5", {"Epoch": 1.0, "Loss": 0.5}),
        ("Epoch [1/3], Step [{}/60], Loss: 0.5", {"Epoch": 1.0, "Loss": 0.5}),
        ("Finished step {} with reward 0.5 in 3.2s", {"reward": 0.5}),
        ("Step {} done: mean reward = 0.5 (std 0.25)", {"mean reward": 0.5, "std": 0.25}),
        (
            "Step {}/60 | Average reward: 0.5 | Seq. Length: 313.5 tokens/sample",
            {"Average reward": 0.5, "Seq. Length": 313.5},
        ),
        (
            "step {} | reward: mean=0.5 std=0.25 | kl: mean=0.125",
            {"reward/mean": 0.5, "reward/std": 0.25, "kl/mean": 0.125},
        ),
        ("phase=eval step={} acc=0.5", {"eval/acc": 0.5}),
        ("Eval @ step {}: acc 0.5", {"eval/acc": 0.5}),
        ("Eval Avg Reward: 0.5 | step {}", {"Eval Avg Reward": 0.5}),
        ("global step: {} | tokens per step: 300", {"tokens per step": 300.0}),
        ("step {} max step: 500 best step: 3 loss: 0.5", {"max step": 500.0, "best step": 3.0, "loss": 0.5}),
        ("步数: {} 奖励: 0.5 step={}", {"步数": None, "奖励": 0.5}),
        ("step={} loss=0.5 elapsed=0:10:20 eta: 0:03:04", {"loss": 0.5}),
        ("Epoch 1 | step {} | loss 0.5 | eta 0:10:02", {"Epoch": 1.0, "loss": 0.5}),
        ("on 3 hosts of ours | step {} | loss 0.5 | lr 0.25", {"loss": 0.5, "lr": 0.25}),
        ("Training finished. Best reward: 0.5 at step {}", {"Best reward": 0.5}),
        ("Schritt {}/40 | reward: 0.5", {"reward": 0.5}),
        ("step {} | Last 50 Avg Reward: 0.5", {"Last 50 Avg Reward": 0.5}),
        ("step={} loss=5%", {"loss": 5.0}),
        ("val: step={} val_acc=0.5 acc=0.25", {"val_acc": 0.5, "val/acc": 0.25}),
        ("train: step={} acc=0.25 loss=0.5", {"train/acc": 0.25, "loss": 0.5}),
        ('step={} {{"loss": 0.5}}', {"loss": 0.5}),
        ("step={} {{'loss': 0.5}}", {"loss": 0.5}),
    ],
)
def test_names_and_values_of_a_line(form: str, columns: dict[str, float | None]) -> None:
    log = one(
        "".join(
            form.replace("{{", "<").replace("}}", ">").replace("{}", str(i)).replace("<", "{").replace(">", "}") + "\n"
            for i in (2, 3, 4)
        )
    )
    assert log.step.tolist() == [2, 3, 4]
    counts = ("it", "步数")
    assert {key: None if key in counts else column.value[0] for key, column in log.columns.items()} == columns


@pytest.mark.parametrize(
    ("text", "is_log"),
    [
        ("step=1 loss=1\n" * 3, True),
        ("step=1 loss=1\n" * 2, False),
        ("step=1\n" * 3, False),  # a step alone
        ("a=1 loss=1\n" * 3, False),
        ("step=1 loss=1\nstep=1 a=1\nstep=1 b=1\n", False),  # no three with the same names
        ("step=1 loss=1\n" * 3 + "a=1 b=2\n" * 2, True),
    ],
)
def test_three_lines_of_the_same_names_with_a_step_are_a_log(text: str, is_log: bool) -> None:
    assert (read(source(text)) is not None) is is_log


# -- several lines a step ---------------------------------------------------------------------------------------------


def blocks(form: str, count: int = 6) -> Log:
    return one("".join(form.replace("{}", str(i)) + "\n" for i in range(1, count + 1)))


@pytest.mark.parametrize(
    "form",
    [
        "=== Step {}/60 ===\n  loss: 0.5\n  Avg Reward: 0.25",
        "--- Iteration {} ---\nloss: 0.5\nAvg Reward: 0.25",
        "Step {}:\n\tloss = 0.5\n\tAvg Reward = 0.25",
        "Starting step {}...\n  • loss: 0.5\n  • Avg Reward: 0.25",
        "Epoch {}/60\n - loss: 0.5\n - Avg Reward: 0.25",
        "[INFO] step {}\n[INFO] loss: 0.5\n[INFO] Avg Reward: 0.25",
        "┏━━━━━━┳━━━━━┓\n┃ Metric ┃ Value ┃\n┡━━━━━━╇━━━━━┩\n│ loss │ 0.5 │\n"
        "│ Avg Reward │ 0.25 │\n│ step │ {} │\n└──────┴─────┘",
        "+------+-----+\n| step | {} |\n| loss | 0.5 |\n| Avg Reward | 0.25 |\n+------+-----+",
        "Train step {}/60 done.\n╒══╤══╤══╤══╕\n│ loss │ 5.0e-1 │ Avg Reward │ 2.5e-1 │\n╘══╧══╧══╧══╛",
        "step {}\n{'loss': 0.5, 'Avg Reward': np.float64(0.25)}",
        'pipeline rollout global step {} start...\n[time] {"loss": 0.5, "Avg Reward": 0.25}',
    ],
)
def test_lines_and_tables_below_a_step_are_of_it(form: str) -> None:
    log = blocks(form)
    assert sorted(set(log.step.tolist())) == [1, 2, 3, 4, 5, 6]
    for key, value in (("loss", 0.5), ("Avg Reward", 0.25)):
        assert [(log.step[row], at) for row, at in zip(log.columns[key].row, values(log, key), strict=True)] == [
            (i, value) for i in range(1, 7)
        ]
    assert log.notes == ()


@pytest.mark.parametrize(
    ("evaluated", "key"),
    [
        ("Validation accuracy: 75 %", "Validation accuracy"),
        ("[eval] acc=75", "eval/acc"),
        ("Eval @ step 4: acc 75", "eval/acc"),
        ("test/acc 75", "test/acc"),
        ("  val_acc: 75", "val_acc"),
        ("Evaluation results:\n  acc: 75", "eval/acc"),
        ("📊 Validation Results:\n    • acc: 75", "val/acc"),
        ("Evaluating...\nacc = 75%", "eval/acc"),
        ("▶ Starting validation at step 4...\n  acc: 75", "val/acc"),
        ("--- Evaluation at step 4 ---\nacc: 75", "eval/acc"),
        ("held-out: acc=75", "heldout/acc"),
    ],
)
def test_an_evaluation_without_a_step_stands_at_the_line_before_it(evaluated: str, key: str) -> None:
    train = [f"step {i} | loss: 0.5 | reward: 0.{i}\n" for i in range(1, 9)]
    log = one("".join(train[:4]) + evaluated + "\n" + "".join(train[4:]))
    assert values(log, key) == [75]
    assert log.step[log.columns[key].row].tolist() == [4]
    assert [log.step[row] for row in log.columns["reward"].row] == list(range(1, 9))


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("Evaluated math500 in 12.3s (Avg@8=0.5, Pass@8: 0.75)", {"eval/math500/Avg@8", "eval/math500/Pass@8"}),
        ("[eval] gsm8k: acc=0.5", {"eval/gsm8k/acc"}),
        ("Test results: accuracy 0.5 (±0.02, ∈[0.1, 0.9])", {"test/accuracy"}),
        ("Evaluation completed in 00:01:02, global_step 4, eval_metrics: {'math_pass1': 0.5}", {"eval/math_pass1"}),
        ("the weather is fine: 3, temperature 20", set()),
    ],
)
def test_the_benchmark_that_a_line_of_evaluation_names(line: str, columns: set[str]) -> None:
    log = one("".join(f"step {i} | reward: 0.{i}\n" for i in range(1, 5)) + line + "\nstep 5 | reward: 0.5\n")
    assert set(log.columns) == {"reward"} | columns
    assert all(log.step[log.columns[key].row].tolist() == [4] for key in columns)


def test_what_samples_hold_is_no_metric() -> None:
    text = ""
    for i in range(1, 7):
        text += (
            f"step {i}: reward 0.{i}, loss 0.5\n--- sample ---\nWhat is 3 + 4?\nAnswer: 7\nx = {i}\nreward: {i % 2}\n"
        )
    log = one(text)
    assert set(log.columns) == {"reward", "loss"}
    assert values(log, "reward") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.mark.parametrize(
    "form", ["| {} | loss 0.5 | reward .5 |", "{}: loss 0.5, reward .5", "  {} | loss=0.5 | reward=.5"]
)
def test_a_number_that_begins_a_line_is_its_step_where_nothing_else_is(form: str) -> None:
    assert one(lines(form, 5)).step.tolist() == [1, 2, 3, 4, 5]
    assert one(lines(form.replace("{}", "0") + " step={}", 5)).step.tolist() == [1, 2, 3, 4, 5]


def test_words_that_begin_like_a_number_are_none() -> None:
    assert first(one(lines("level=info mode=nano step={} reward=0.5 lr=inf"))) == {"reward": 0.5, "lr": float("inf")}


def test_lines_at_no_step_are_said_and_what_is_no_metric_is_left() -> None:
    text = "seed: 3\nlr: 0.1\n"
    for i in range(1, 6):
        text += f"step {i} | loss: 0.5\nreward: 0.{i}\nsample: 1\nsample: 2\nsample: 3\n"
    log = one(text + "saved: 4\n")
    assert set(log.columns) == {"loss", "reward"}
    assert [note.text for note in log.notes] == [
        "5 lines without a step of their own stand at the step of the line before them."
    ]


@pytest.mark.parametrize(
    "header",
    [
        "step  reward  acc",
        "| step | reward | acc |",
        "step\treward\tacc",
        " step | reward | acc",
        "│ step │ reward │ acc │",
    ],
)
def test_a_line_of_names_over_lines_of_values(header: str) -> None:
    form = header.replace("step", "{}").replace("reward", "0.5").replace("acc", "25%")
    log = one(f"training\n{header}\n{'-' * 20}\n" + lines(form, 5) + "done\n")
    assert log.step.tolist() == [1, 2, 3, 4, 5]
    assert first(log) == {"reward": 0.5, "acc": 25}


def test_thousands_in_columns() -> None:
    log = one("  update |  steps | reward\n" + "".join(f"  {i:>5,} | {i * 1024:>9,} | 0.5\n" for i in range(1, 6)))
    assert log.step.tolist() == [1024, 2048, 3072, 4096, 5120]


# -- progress bars with metrics ---------------------------------------------------------------------------------------


def drawn(at: int, total: int | None = 6, metrics: str = "", title: str = "") -> str:
    count = f"{at}/{total}" if total else f"{at}it"
    shape = f"{at:3d}%|█    | " if total else ""
    time = "00:10<00:50" if total else "00:10"
    return f"\r{title}{shape}{count} [{time},  1.2s/it{', ' if metrics else ''}{metrics}]"


@pytest.mark.parametrize("title", ["", "Training: ", "Episode [1/1]: ", "Epoch 1: "])
@pytest.mark.parametrize("total", [6, None])
@pytest.mark.parametrize("order", ["set before", "set after", "once"])
def test_a_bar_carries_metrics(title: str, total: int | None, order: str) -> None:
    text = drawn(0, total, "", title)
    for i in range(1, 7):
        metrics = f"policy_loss=0.00{i}, reward=0.{i}, kl=1e-3"
        before = f"policy_loss=0.00{i - 1}, reward=0.{i - 1}, kl=1e-3"
        text += drawn(i - 1, total, metrics, title) if order == "set before" else ""
        text += drawn(i, total, before, title) if order == "set after" and i > 1 else ""
        text += drawn(i, total, metrics, title)
    log = one(text + "\n")
    assert log.step.tolist() == [1, 2, 3, 4, 5, 6]
    assert values(log, "reward") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert set(log.columns) == {"policy_loss", "reward", "kl"}


def test_bars_of_later_episodes_go_on_and_other_bars_are_left() -> None:
    text = ""
    for episode in (1, 2, 3):
        for i in range(1, 5):
            text += drawn(i, 4, "", "make_experience: ") + drawn(i, 4, f"loss={i}", "Train epoch [1/1]: ") * 2
            text += drawn(i, 4, f"reward={episode}.{i}, glen=200", f"Episode [{episode}/3]: ")
    log = one(text + "\n[eval] acc=0.5\n")
    assert log.step[log.columns["reward"].row].tolist() == list(range(1, 13))
    assert log.step[log.columns["eval/acc"].row].tolist() == [12]
    assert "loss" not in log.columns


def test_a_line_printed_right_behind_a_bar() -> None:
    log = one("".join(f"{drawn(i)}Step {i}: reward 0.5\n" for i in range(1, 7)))
    assert log.step.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_bar_without_metrics_gives_the_step_of_lines_that_have_none() -> None:
    text = drawn(3, 3, "", "Loading: ") + "\n"
    for i in range(1, 7):
        text += "".join(drawn(10 * i - 9 + k, 60) for k in range(10)) + f"\nreward: 0.{i}  loss: 0.5\n"
    log = one(text)
    assert log.step.tolist() == [10, 20, 30, 40, 50, 60]
    assert not log.counted


def test_an_epoch_whose_only_line_stands_at_its_end_is_the_step() -> None:
    text = "".join(drawn(10, 10, f"reward=0.{epoch}, val_acc=0.5", f"Epoch {epoch}: ") + "\n" for epoch in range(6))
    assert one(text).step.tolist() == [0, 1, 2, 3, 4, 5]
    text = "".join(
        f"Epoch {epoch}/6\n10/10 [====] - 3s 300ms/step - loss: 0.5 - reward: 0.5\n" for epoch in range(1, 7)
    )
    assert one(text).step.tolist() == [1, 2, 3, 4, 5, 6]


# -- no step at all ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["{'policy_loss': 0.5, 'reward': 0.25}", '{"policy_loss": 0.5, "reward": 0.25}', "reward=0.25 policy_loss=0.5"],
)
def test_lines_of_a_reward_without_any_step_are_counted_and_that_is_said(form: str) -> None:
    log = one((form + "\n") * 4 + "eval: reward=0.125\n" * 0 + form + "\n")
    assert log.step.tolist() == [1, 2, 3, 4, 5]
    assert log.counted
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 5)]
    assert read(source(form.replace("reward", "zebra") * 5)) is None


def test_a_line_that_wandb_cut_is_said_and_its_last_value_is_left_out() -> None:
    cut = ("step=4 loss=0.5 " + " ".join(f"metric_{i}=0.25" for i in range(400)))[:4096]
    log = one(lines("step={} loss=0.5") + cut + "\n" + "step=5 loss=0.5\n")
    assert log.step.tolist() == [1, 2, 3, 4, 5]
    assert len(log.columns) == cut.count("=") - 2
    assert [note.text for note in log.notes] == [
        "1 line of metrics ends at exactly 4096 characters, where W&B cuts what is printed; what followed is lost."
    ]


@QUICK
@given(
    st.lists(
        st.sampled_from(
            [
                "step 3", "=== Step 4 ===", "reward: 0.5", "| a | 1 |", "| step | b |", "┏━━┓", "{'reward': 1}",
                '{"step": 4',
                "10%|█| 3/60 [00:01<00:10, 1it/s, reward=0.5]", "eval", "Validation:", "acc=0.4", "",
                "step=5 acc=0.5 x",
                "epoch 1 it 4 loss 0.5", "1  2  3", "step  a  b", "0: {'step': 1, 'reward': 2}",
            ]
        ),
        max_size=30,
    )
)  # fmt: skip
def test_any_lines_are_read_or_left(printed: list[str]) -> None:
    for end in ("", "\n"):
        logs = read(source("\n".join(printed) + end))
        assert logs is None or len(logs[0].step) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "a " * 9_000, "a=" * 9_000, "step 1 " * 2_500, "1" * 19_000, "| " * 9_000, "(" * 19_000, "{'a': " * 3_000,
        "1/1 [00:00<" * 1_700, "a: " * 6_000, "é-" * 9_000, "a.a" * 6_000, "ast 1 " * 3_000, "[" * 19_000, "-" * 19_000,
        "tensor(" * 2_700, "1,000" * 3_900, "a  " * 6_000, "\t" * 19_000, "=" * 19_000, "a (b) " * 3_000,
    ],
)  # fmt: skip
def test_adversarial_lines_come_to_an_end(text: str) -> None:
    logs = read(source(f"{text}\n" * 10))  # a search that is not linear would take minutes
    assert logs is None or len(logs) == 1


def test_a_count_that_jumps_about_is_no_step() -> None:
    lines: list[str] = []
    for step in range(1, 13):
        lines += [
            f"judged: score=0.{step + sample:02d} | parts={sample} | steps={3 + step * sample % 4}"
            for sample in range(5)
        ]
        lines.append(f"Iter {step} | loss=0.01 | reward mean=0.{10 + step} | groups=4")
    log = one("\n".join(lines))
    assert log.step.tolist() == list(range(1, 13))
    assert "reward mean" in log.columns


@pytest.mark.parametrize("name", ["steps", "global_step"])
def test_steps_behind_an_episode_number_it_only_where_they_run_on(name: str) -> None:
    same = "".join(f"Episode {n}: reward={n} {name}=200\n" for n in range(1, 6))
    assert one(same).step.tolist() == [1, 2, 3, 4, 5]
    runs_on = "".join(f"Episode {n}: reward={n} {name}={20 * n}\n" for n in range(1, 6))
    assert one(runs_on).step.tolist() == [20, 40, 60, 80, 100]


def test_a_bar_within_an_evaluation_numbers_nothing() -> None:
    bar = "math eval: 33%|###| {n}/3 [00:02<00:04, 2.1s/q, correct={n}/{n}, score=0.9]"
    lines: list[str] = []
    for step in range(1, 5):
        lines += [f"Iter {step} | loss=0.1 | reward=0.{step}", "Evaluating math (150 samples)..."]
        lines += [bar.format(n=n) for n in (1, 2, 3)]
    log = one("\n".join(lines))
    assert log.step.tolist() == [1, 2, 3, 4]
    assert sorted(log.columns) == ["loss", "reward"]


def test_a_bar_that_begins_anew_in_every_iteration_numbers_nothing() -> None:
    bar = "groups: 33%|###| {n}/3 [00:02<00:04, 2.1s/it, reward=0.9]"
    lines: list[str] = []
    for step in range(1, 5):
        lines += [bar.format(n=n) for n in (0, 1, 2, 3)]
        lines.append(f"Iter {step} | loss=0.1 | reward=0.{step}")
    assert one("\n".join(lines)).step.tolist() == [1, 2, 3, 4]


def test_words_of_this_iteration_are_no_iteration() -> None:
    lines = [f"ITERATION {n}/9\nLR this iteration: {n}e-06 | T=0.7\nIter {n} | reward=0.{n}" for n in range(1, 6)]
    log = one("\n".join(lines))
    assert sorted(set(log.step.tolist())) == [1, 2, 3, 4, 5]
    assert "reward" in log.columns


def test_a_line_of_training_behind_an_evaluation_stays_one() -> None:
    lines = ["Evaluating\neval_return=1.5\neval_success=0.25\nSPS: 900, pg_loss=0.1\nEpoch: 2, global_step=100"]
    for n in range(2, 30):
        lines.append(f"SPS: 900, pg_loss=0.{n}\nEpoch: {n + 1}, global_step={100 * n}")
        lines += ["Evaluating", f"eval_return={n}.5", "eval_success=0.5"] if n % 10 == 0 else []
    log = one("Epoch: 1, global_step=0\n" + "\n".join(lines) + "\n")
    assert sorted(key for key in log.columns if "loss" in key) == ["pg_loss"]


def test_equal_blocks_in_a_console_are_runs() -> None:
    text = "".join(
        f"12:00:0{n} | INFO | lr={lr} | Episode {100 * n} | Avg reward: {n}\n"
        for lr in (0.1, 0.2, 0.3)
        for n in range(1, 6)
    )
    logs = read(source(text))
    assert logs is not None
    assert [log.step.tolist() for log in logs] == [[100, 200, 300, 400, 500]] * 3


def test_a_console_that_goes_back_once_was_restarted() -> None:
    text = "".join(f"Step {n}: reward={n}\n" for n in (*range(1, 9), *range(5, 13)))
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1


def test_a_program_in_a_printed_response_holds_no_score() -> None:
    lines = [f"Step {n}: reward={n}, loss=0.1" for n in range(1, 9)]
    assert "test_cases" not in one("\n".join([*lines[:4], "test_cases = 4", *lines[4:]]) + "\n").columns
    assert "test_accuracy" in one("\n".join([*lines[:4], "test_accuracy = 0.4", *lines[4:]]) + "\n").columns

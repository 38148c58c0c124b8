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


def test_percent_is_a_number_and_other_units_are_left_out() -> None:
    log = one(lines("step {}/60 acc=21.5% time=3.5s lr=1e-5"))
    assert {key: column.value[0] for key, column in log.columns.items()} == {"acc": 21.5, "lr": 1e-5}


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
        "In the run with step={} and reward=0.5 all went well",
        "With step={} reward=0.5 and more",
        "see step={} reward=0.5",
        "step={}",
        "seed={} lr=0.1",
        "step={} loss=nothing",
        "step={} loss=0.5s",
        "step={} loss=0.5.1",
        "Step {}: add 2 eggs, stir",
        "Step {} of 60 took 3 minutes",
        "step={} name=run_3",
        "step={}loss=0.5",
        "python train.py --step={} --lr=0.1",
        "https://example.org/?step={}&page=2",
        "  10%|#         | {}/100 [00:01<00:10, step={}, loss=0.3]",
        "{'loss': {}, 'reward': 0.5}",
        "('step', {}) {'loss': 0.5}",
        "{'step': {'start': {}}, 'loss': 0.5}",
        '{"step": {"start": {}}, "loss": 0.5}',
        "step={} == loss=0.5",
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
        ("step={} loss=0.5 n=300ms", {"loss": 0.5}),
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
    assert {key: None if key == "it" else column.value[0] for key, column in log.columns.items()} == columns


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

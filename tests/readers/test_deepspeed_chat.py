"""DeepSpeed-Chat's console lines."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source, told

from heldout.errors import NoMetrics, ReadError
from heldout.readers.consoles.deepspeed_chat import read
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.run import NoteKind

REAL = (
    Path(__file__).parents[3]
    / "shared/runs/deepspeedchat-ppo-opt13b/actor_opt-1.3b_critic_opt-350m_globalBatchSize64.log"
)

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def cells(log: Log) -> dict[str, list[float]]:
    return {key: column.value.tolist() for key, column in log.columns.items()}


def step(number: int, epoch: int = 0, actor: float = 0.25, score: float = 1.5) -> str:
    return (
        "[2023-04-18 08:48:05] [INFO] [loss_scaler.py:181] OVERFLOW! Skipping step. Attempted loss scale: 65536\n"
        f"epoch: {epoch}|step: {number}|ppo_ep: 1|act_loss: {actor!r}|cri_loss: 0.125|unsuper_loss: 0.0\n"
        f"average reward score: {score!r}\n"
        "--------------------------------------------------------------------------------------\n"
        "|E2E latency=3.73s |Gather latency=0.00s (0.00%) |Generate time=2.78s (74.61%)\n"
    )


def test_lines() -> None:
    log = one("*****\nBeginning of Epoch 1/1\n" + step(0, actor=-0.5) + step(1, score=-2.0))
    assert log.format == "deepspeed-chat-console"
    assert log.step.tolist() == [0, 1]
    assert cells(log) == {
        "act_loss": [-0.5, 0.25],
        "cri_loss": [0.125, 0.125],
        "unsuper_loss": [0.0, 0.0],
        "average reward score": [1.5, -2.0],
    }
    assert log.notes == ()


def test_newer_wording() -> None:
    log = one(
        "Epoch: 0 | Step: 8 | PPO Epoch: 1 | Actor Loss: 0.0108 | Critic Loss: 0.02 | Unsupervised Loss: 0.0\n"
        "End-to-End => Latency: 2.55s, TFLOPs: 3.29\n"
        "Average reward score: 0.0121 | EMA reward score: -0.1188\n"
        "Average answer len: 200.5 | EMA answer len: 190.0\n"
    )
    assert log.step.tolist() == [8]
    assert cells(log) == {
        "Actor Loss": [0.0108], "Critic Loss": [0.02], "Unsupervised Loss": [0.0], "Average reward score": [0.0121],
        "EMA reward score": [-0.1188], "Average answer len": [200.5], "EMA answer len": [190.0],
    }  # fmt: skip


def test_epochs_go_on_from_the_one_before() -> None:
    log = one("".join(step(i, epoch) for epoch in range(3) for i in range(4)))
    assert log.step.tolist() == list(range(12))
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 8)]


def test_steps_that_go_on_by_themselves_are_left_alone() -> None:
    log = one(step(0) + step(1) + step(2, epoch=1) + step(3, epoch=1))
    assert log.step.tolist() == [0, 1, 2, 3]
    assert log.notes == ()


def test_a_restart_keeps_its_place() -> None:
    log = one("".join(step(i, e) for e, i in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (0, 2), (1, 0), (1, 1)]))
    assert log.step.tolist() == [0, 1, 2, 3, 4, 2, 3, 4]


def test_scores_before_the_first_step_are_counted() -> None:
    log = one("average reward score: 3.0\n" + step(0))
    assert cells(log)["average reward score"] == [1.5]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


@pytest.mark.parametrize("text", ["", "epoch: 0, step: 1", "average reward score: 1.0\n", "epoch: 0|step: 1|loss: 2\n"])
def test_other_content(text: str) -> None:
    assert read(source(text)) is None


def test_binary() -> None:
    assert read(source(b"\0" + step(0).encode())) is None


def test_cut_within_the_first_line() -> None:
    with pytest.raises(NoMetrics, match="ends within its first line"):
        read(source("epoch: 0|step: 0|ppo_ep: 1|act_loss: 0.2"))


@QUICK
@given(data=st.data())
def test_a_cut_file_reads_to_a_prefix(data: st.DataObject) -> None:
    text = "".join(step(i, epoch, actor=i / 7, score=i / 3) for epoch in range(2) for i in range(3))
    whole = one(text)
    try:
        logs = read(source(text[: data.draw(st.integers(0, len(text)))]))
    except ReadError:
        return
    for log in logs or []:
        assert log.step.tolist() == whole.step.tolist()[: len(log.step)]
        for key, column in cells(log).items():
            assert column == cells(whole)[key][: len(column)]


@QUICK
@given(st.lists(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)), min_size=1, max_size=6))
def test_round_trip(rows: list[tuple[float, float]]) -> None:
    log = one("".join(step(i, actor=actor, score=score) for i, (actor, score) in enumerate(rows)))
    assert cells(log)["act_loss"] == [actor for actor, _ in rows]
    assert cells(log)["average reward score"] == [score for _, score in rows]


@QUICK
@given(st.text(alphabet="epochst: 0123|_ralwd.\nn", max_size=300))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", step(0), "epoch: 0|step: 0|ppo_ep: 1|act_loss: 0.2|", "average reward score: "):
        try:
            logs = read(source(start + text))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "epoch: 0|step: 0|" * 15_000, "epoch: 0|step: 0|ppo_ep: 1|" * 10_000, "average reward score: " * 12_500,
        step(0) + "average reward score: " + "a" * 250_000, step(0) + "average reward score: a: " + "1" * 250_000,
    ],
    ids=range(5),
)  # fmt: skip
def test_adversarial_text_comes_to_an_end(text: str) -> None:
    made = source(text)
    assert made.text
    with suppress(ReadError):
        read(made)


@pytest.mark.skipif(not REAL.exists(), reason="the published logs are not here")
def test_real_log() -> None:
    (log,) = read(Source(REAL)) or []
    assert log.step.tolist() == list(range(477))
    assert list(log.columns) == ["act_loss", "cri_loss", "unsuper_loss", "average reward score"]
    assert [cells(log)["average reward score"][i] for i in (0, -1)] == [-0.67919921875, 4.3828125]
    assert cells(log)["act_loss"][-1] == -0.03875732421875
    assert log.notes == ()


def test_a_whole_log() -> None:
    text = (
        "average reward score: 1.0\n"
        "epoch: 0|step: 1|ppo_ep: 1|act_loss: 0.5|cri_loss: nan\n"
        "average reward score: 2.0\n"
        "other output\n"
        "Epoch: 0 | Step: 2 | PPO Epoch: 1 | Actor Loss: 0.25\n"
        "Average reward score: 3.0 | EMA reward score: -1.5\n"
        "epoch: 1|step: 0|ppo_ep: 1|no loss\n"
        "epoch: 1|step: 1|ppo_ep: 1|act_loss: 0.125|cri_loss: 0.5"
    )
    made = told(one(text))
    assert str(made["columns"].pop("cri_loss")) == "{0: nan}"
    assert made == {
        "format": "deepspeed-chat-console",
        "step": [1, 2, 3],
        "columns": {
            "act_loss": {0: 0.5, 2: 0.125},
            "average reward score": {0: 2.0},
            "Actor Loss": {1: 0.25},
            "Average reward score": {1: 3.0},
            "EMA reward score": {1: -1.5},
        },
        "notes": [
            ("dropped", "Scores that stand before the first step were left out.", 1),
            ("dropped", "The file ends within a line; its last value was left out.", 1),
            (
                "assumed",
                "Steps begin again at each epoch in this log; they were made to go on from the epoch before.",
                1,
            ),
        ],
    }

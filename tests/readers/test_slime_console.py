"""slime's log lines."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

from heldout.errors import ReadError
from heldout.readers.consoles.slime import read
from heldout.readers.log import Log
from heldout.run import NoteKind

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def cells(log: Log) -> dict[str, list[tuple[int, float]]]:
    """Key → (step, value) of each value."""
    return {
        key: list(zip(log.step[column.row].tolist(), column.value.tolist(), strict=True))
        for key, column in log.columns.items()
    }


def console(rollouts: int, training_steps: int = 1) -> str:
    text = "eval 0: {'eval/aime': 0.125, 'eval/aime-truncated_ratio': np.float64(0.5)}\n"
    for i in range(rollouts):
        at = f"(RolloutManager pid=18054{i}) [2026-04-15 07:57:53] "
        text += f"{at}rollout.py:1193 - perf {i}: {{'perf/rollout_time': {100 + i}.5, 'rollout/step': {i * 3}}}\n"
        text += f"{at}data.py:120 - rollout {i}: {{'rollout/raw_reward': {i / 8}, 'rollout/log_probs': -0.5}}\n"
        for k in range(training_steps):
            number = i * training_steps + k
            text += f"{at}model.py:553 - step {number}: {{'train/loss': {number / 4}, 'train/step': {number}}}\n"
    return text + f"eval {rollouts - 1}: {{'eval/aime': 0.75}}\n"


def test_lines() -> None:
    log = one(console(3))
    assert log.format == "slime-console"
    assert cells(log) == {
        "eval/aime": [(0, 0.125), (2, 0.75)],
        "eval/aime-truncated_ratio": [(0, 0.5)],
        "perf/rollout_time": [(0, 100.5), (1, 101.5), (2, 102.5)],
        "rollout/raw_reward": [(0, 0.0), (1, 0.125), (2, 0.25)],
        "rollout/log_probs": [(0, -0.5), (1, -0.5), (2, -0.5)],
        "train/loss": [(0, 0.0), (1, 0.25), (2, 0.5)],
    }
    assert log.notes == ()


def test_training_steps_stand_at_their_rollout() -> None:
    log = one(console(3, training_steps=4))
    assert cells(log)["train/loss"] == [(0, 0.75), (1, 1.75), (2, 2.75)]
    assert cells(log)["rollout/raw_reward"] == [(0, 0.0), (1, 0.125), (2, 0.25)]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 12)]


def test_training_alone_keeps_its_numbers() -> None:
    log = one("step 4: {'train/loss': 0.5}\nstep 5: {'train/loss': nan}\nstep 6: {'train/loss': inf}\n")
    assert log.step.tolist() == [4, 5, 6]
    assert log.columns["train/loss"].value.tolist() == pytest.approx([0.5, math.nan, math.inf], nan_ok=True)


@pytest.mark.parametrize(
    "text",
    [
        "", "rollout 3: {}", "step 3: {'a': 1}", "rollout 1: {'rollout/raw_reward': ", "step 1: take {'a/b': 1}",
        "rollout a: {'a/b': 1}",
    ],
)  # fmt: skip
def test_other_content(text: str) -> None:
    assert read(source(text)) is None


def test_binary() -> None:
    assert read(source(b"\0rollout 1: {'a/b': 1}")) is None


def test_a_cut_line_is_noted() -> None:
    text = console(3)
    log = one(text[: text.rindex(", 'train/step")])
    assert cells(log)["train/loss"] == [(0, 0.0), (1, 0.25)]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


@QUICK
@given(cut=st.integers(0, len(console(4))))
def test_a_cut_file_reads_to_a_prefix(cut: int) -> None:
    whole = cells(one(console(4)))
    for log in read(source(console(4)[:cut])) or []:
        for key, column in cells(log).items():
            assert column == whole[key][: len(column)]


@QUICK
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=8))
def test_round_trip(rewards: list[float]) -> None:
    text = "\n".join(f"rollout {i}: { ({'rollout/raw_reward': reward}) }" for i, reward in enumerate(rewards))
    assert cells(one(text)) == {"rollout/raw_reward": list(enumerate(rewards))}


@QUICK
@given(st.text(alphabet="rolutsep 0123:{}'\"/,.\n", max_size=300))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", "rollout 1: {'a/b': ", "step 1: {'a/b': 1}\n"):
        try:
            logs = read(source(start + text))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@pytest.mark.parametrize(
    "text",
    ["rollout 1: {'" * 20_000, "rollout " * 30_000, "step 1: {'a/b': 1}\n" * 13_750, "step 1: {'a/b': '" * 15_000],
    ids=range(4),
)
def test_adversarial_text_comes_to_an_end(text: str) -> None:
    made = source(text)
    assert made.text
    read(made)


# -- one axis ---------------------------------------------------------------------------------------------------------


def log_of(*lines: tuple[str, int]) -> Log:
    return one("".join(f"{kind} {number}: {{'{kind}/x': {i}}}\n" for i, (kind, number) in enumerate(lines)))


@pytest.mark.parametrize(
    ("kinds", "steps", "per_rollout"),
    [
        ("rss rss", [0, 0, 1, 1], 2),
        ("rss", [0, 0], 2),  # a single rollout
        ("rsss rss rss rss", [0, 0, 1, 1, 2, 2, 3, 3, 4], 2),
        ("ps ps", [0, 0, 1, 1], 1),
        ("pss pss", [0, 0, 1, 1], 2),
        ("rpss rpss", [0, 0, 0, 1, 1, 1], 2),  # rollouts mark them, not what was timed
        ("sss", [0, 1, 2], 1),
        ("ee", [0, 1], 1),
    ],
)
def test_training_steps_stand_at_the_rollout_they_learnt_from(kinds: str, steps: list[int], per_rollout: int) -> None:
    names = {"r": "rollout", "s": "step", "p": "perf", "e": "eval"}
    number: dict[str, int] = {}
    lines = []
    for kind in kinds.replace(" ", ""):
        lines.append((names[kind], number.get(kind, 0)))
        number[kind] = number.get(kind, 0) + 1
    log = log_of(*lines)
    assert log.step.tolist() == steps
    text = f"Each rollout had {per_rollout} training steps; they stand at the rollout, with the last one's metrics."
    expected = [(text, kinds.count("s"))] if per_rollout > 1 else []
    assert [(note.text, note.count) for note in log.notes] == expected


def test_of_the_training_steps_of_a_rollout_the_last_counts() -> None:
    log = log_of(("rollout", 0), ("step", 0), ("step", 1), ("eval", 0), ("rollout", 1), ("step", 2), ("step", 3))
    assert {key: dict(zip(c.row.tolist(), c.value.tolist(), strict=True)) for key, c in log.columns.items()} == {
        "rollout/x": {0: 0.0, 3: 4.0}, "step/x": {1: 2.0, 4: 6.0}, "eval/x": {2: 3.0},
    }  # fmt: skip

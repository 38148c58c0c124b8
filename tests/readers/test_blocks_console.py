"""Blocks of names and values: printed pandas Series, Stable-Baselines3's tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

from heldout.errors import ReadError
from heldout.readers.consoles.blocks import read
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.run import NoteKind

REAL = Path(__file__).parents[3] / "shared" / "runs" / "procgen-ppo-4formats"

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def cells(log: Log) -> dict[str, list[float]]:
    return {key: column.value.tolist() for key, column in log.columns.items()}


def series(number: int, values: Mapping[str, float | str]) -> str:
    """What printing a pandas Series gives."""
    wide = max(map(len, values))
    lines = [f"{key:{wide}}    {value}" for key, value in values.items()]
    return "\n".join([*lines, f"Name: {number}, dtype: float64\n"])


def table(groups: Mapping[str, Mapping[str, object]]) -> str:
    """What Stable-Baselines3 prints."""
    rule = "-" * 40
    lines = [rule]
    for group, values in groups.items():
        lines.append(f"| {group + '/':<25}| {'':<10}|")
        lines += [f"|    {name:<22}| {value!s:<10}|" for name, value in values.items()]
    return "\n".join([*lines, rule, ""])


def ppo(step: int, **more: object) -> str:
    return table(
        {
            "rollout": {"ep_len_mean": step / 64, "ep_rew_mean": -step / 8},
            "time": {"fps": 1042, "total_timesteps": step},
            "train": {"approx_kl": 0.0081, **more},
        }
    )


THREE = "START TRAINING...\n" + "".join(
    series(i, {"timesteps": f"{i * 32768:e}", "mean_rewards": i / 8}) for i in range(1, 4)
)


def test_series() -> None:
    log = one(THREE)
    assert log.format == "pandas-console"
    assert log.step.tolist() == [32768, 65536, 98304]
    assert cells(log) == {"mean_rewards": [0.125, 0.25, 0.375]}
    assert log.notes == ()


def test_series_without_line_ends_between_them() -> None:
    text = THREE.replace("float64\n", "float64").replace("START TRAINING...\n", "")
    assert cells(one(text)) == cells(one(THREE))
    assert cells(one("a    8.000000mean_len    4.521000e+02\nName: 0, dtype: float64\n" * 2)) == {
        "a": [8.0, 8.0],
        "mean_len": [452.1, 452.1],
    }


def test_series_with_lines_left_out_and_other_output() -> None:
    text = "warning    3\nsome text\nstep      1.0\nreward    NaN\n          ...\nlen       2.0\n"
    text += "Name: 0, Length: 80, dtype: float64\n"
    log = one(text)
    assert log.step.tolist() == [1]
    assert cells(log)["reward"] == pytest.approx([math.nan], nan_ok=True)
    assert set(log.columns) == {"reward", "len"}


def test_series_without_a_step_are_numbered() -> None:
    log = one(series(0, {"reward": 0.5}) + series(1, {"reward": 0.75}))
    assert log.step.tolist() == [1, 2]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 2)]


def test_table() -> None:
    log = one("Using cpu device\n" + ppo(2048, loss="nan") + "Eval num_timesteps=2048\n" + ppo(4096, loss="1.5e-05"))
    assert log.format == "sb3-console"
    assert log.step.tolist() == [2048, 4096]
    assert set(log.columns) == {
        "rollout/ep_len_mean",
        "rollout/ep_rew_mean",
        "time/fps",
        "train/approx_kl",
        "train/loss",
    }
    assert cells(log)["rollout/ep_rew_mean"] == [-256.0, -512.0]
    assert cells(log)["train/loss"] == pytest.approx([math.nan, 1.5e-05], nan_ok=True)
    assert log.notes == ()


def test_evaluation_tables_join_on_the_step() -> None:
    held_out = table({"eval": {"mean_reward": "-1e+02"}, "time": {"total_timesteps": 2048}})
    log = one(ppo(2048) + held_out)
    assert log.step.tolist() == [2048, 2048]
    assert log.columns["eval/mean_reward"].row.tolist() == [1]


def test_tables_that_share_a_rule_and_need_no_groups() -> None:
    rule = "-" * 32
    text = "\n".join([rule, "| eprewmean      | 3.5      |", "| total_timesteps | 64     |", rule, "", "done"])
    log = one(text)
    assert (log.step.tolist(), cells(log)) == ([64], {"eprewmean": [3.5]})


def test_a_table_without_a_step_among_others_is_counted() -> None:
    log = one(ppo(64) + table({"train": {"loss": 1.0}}) + ppo(128))
    assert log.step.tolist() == [64, 128]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "", "some words   3\n", "| a | 1 |\n|---|---|\n| b | 2 |\n", "count    5\nName: x, dtype: int64\n",
        "-" * 40 + "\n" + "-" * 40, "----------\n| seed | 1 |\n----------\n", "Name: 0, dtype: float64\n" * 5,
    ],
    ids=range(7),
)  # fmt: skip
def test_other_content(text: str) -> None:
    assert read(source(text)) is None


def test_binary() -> None:
    assert read(source(b"\0" + THREE.encode())) is None


@pytest.mark.parametrize("text", [THREE, ppo(64) + ppo(128) + ppo(192)], ids=["series", "table"])
@QUICK
@given(data=st.data())
def test_a_cut_file_reads_to_a_prefix(text: str, data: st.DataObject) -> None:
    whole = one(text)
    try:
        logs = read(source(text[: data.draw(st.integers(0, len(text)))]))
    except ReadError:
        return
    for log in logs or []:
        assert log.step.tolist() == whole.step.tolist()[: len(log.step)]
        for key, column in cells(log).items():
            assert column == cells(whole)[key][: len(column)]


@pytest.mark.parametrize("text", [THREE, ppo(64) + ppo(128) + ppo(192)], ids=["series", "table"])
def test_a_cut_block_is_noted(text: str) -> None:
    log = one(text[:-50])
    assert len(log.step) == 2
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


@QUICK
@given(st.lists(st.floats(), min_size=1, max_size=6))
def test_round_trip(rewards: list[float]) -> None:
    plain = "".join(series(i, {"step": float(i), "mean reward": reward}) for i, reward in enumerate(rewards))
    grouped = "".join(
        table({"rollout": {"ep_rew_mean": reward}, "time": {"total_timesteps": i}}) for i, reward in enumerate(rewards)
    )
    for text, key in ((plain, "mean reward"), (grouped, "rollout/ep_rew_mean")):
        log = one(text)
        assert log.step.tolist() == list(range(len(rewards)))
        assert cells(log)[key] == pytest.approx(rewards, nan_ok=True, rel=0, abs=0)


@QUICK
@given(st.text(alphabet="-| \nNametypdflo:0123,./64x_", max_size=300))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", "step    1\nName: 0, dtype: float64", "--------\n| step | 3 |\n-------", "step    "):
        try:
            logs = read(source(start + text))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a" * 1_000_000, "a  1" * 62_500, "Name: " * 40_000, "a " * 125_000, "a" + " " * 250_000, "-" * 250_000,
        "| a" * 82_500, "--------\n|" * 25_000, "--------\n| a/ |  |\n" * 15_000, "a b c d e f g h  \n" * 15_000,
        "Name: 0, dtype: float64" * 10_750, ("-" * 8 + "\n| step | 1 |\n") * 10_000, "--------\n|" + " |" * 125_000,
    ],
    ids=range(13),
)  # fmt: skip
def test_adversarial_text_comes_to_an_end(text: str) -> None:
    made = source(f"{text}\ndtype: \n----\n|")
    assert made.text
    with suppress(ReadError):
        read(made)


@pytest.mark.skipif(not REAL.exists(), reason="the published logs are not here")
def test_real_log_tells_the_same_as_its_csv() -> None:
    (log,) = read(Source(REAL / "output.log")) or []
    with (REAL / "log.csv").open(newline="") as file:
        rows = [{key: float(cell) for key, cell in row.items()} for row in csv.DictReader(file)]
    assert len(rows) == len(log.step) == 763
    assert log.step.tolist() == pytest.approx([row.pop("timesteps") for row in rows], rel=5e-7)
    assert set(log.columns) == set(rows[0])
    for key, column in cells(log).items():
        # Seven digits at best: a Series prints all of its values to the digits that the largest one leaves.
        assert column == pytest.approx([row[key] for row in rows], rel=5e-7, abs=5e-5), key
    assert log.notes == ()


# -- blocks, line by line ---------------------------------------------------------------------------------------------


def test_a_whole_log_of_tables() -> None:
    text = (
        "| stray          | 1      |\n"
        "------------------\n"
        "| time/          |        |\n"
        "|    iterations  | 1      |\n"
        "|    fps         | 10     |\n"
        "| loss           | 0.5    |\n"  # not indented: of no group
        "| free text      |        |\n"  # a heading that is no group ends the one before
        "|    kl          | 0.25   |\n"
        "------------------\n"
        "| lost           | 1      |\n"
        "other output\n"
        "| lost           | 1      |\n"
        "------------------\n"
        "| time/          |        |\n"
        "|    iterations  | 2      |\n"
        "| note           | words  |\n"
        "------------------\n"
        "------------------\n"
        "| other          | 3      |\n"
        "------------------\n"
    )
    log = one(text)
    assert log.step.tolist() == [1, 2]
    assert cells(log) == {"time/fps": [10.0], "loss": [0.5], "kl": [0.25]}
    assert [(note.kind, note.text, note.count) for note in log.notes] == [
        (NoteKind.DROPPED, "1 blocks without time/iterations were left out, because they stand at no step.", 1)
    ]
    assert log.config == {"note": "words"}


def test_the_step_is_the_first_of_the_names_that_most_blocks_have() -> None:
    log = one(table({"time": {"iterations": 1, "total_timesteps": 64}}) + table({"time": {"iterations": 2}}) * 2)
    assert log.step.tolist() == [1, 2, 2]
    log = one(table({"time": {"iterations": 1, "total_timesteps": 64}}) * 2)
    assert log.step.tolist() == [64, 64]
    assert list(log.columns) == ["time/iterations"]


@pytest.mark.parametrize(("step", "stands"), [("9007199254740991", True), ("9007199254740992", False), ("x", False)])
def test_a_step_beyond_the_whole_numbers_of_a_float_is_none(step: str, stands: bool) -> None:
    log = one(table({"time": {"iterations": 1, "fps": 2}}) + table({"time": {"iterations": step, "fps": 3}}))
    assert log.step.tolist() == ([1, int(step)] if stands else [1])
    assert len(log.notes) == (0 if stands else 1)


@pytest.mark.parametrize(
    ("blocks", "is_log"),
    [
        ([{"a": {"x": 1}}], False),  # printed once, without a step
        ([{"a": {"x": 1}}] * 2, True),
        ([{"a": {"x": 1}}, {"a": {"y": 1}}], False),
        ([{"a": {"step": 1, "x": 1}}], False),  # "a/step" is no name of a step
        ([{"time": {"iterations": 1, "x": 1}}], True),
    ],
)
def test_a_table_that_comes_again_or_has_a_step_is_a_log(
    blocks: list[dict[str, dict[str, object]]], is_log: bool
) -> None:
    assert (read(source("".join(map(table, blocks)))) is not None) is is_log


def test_blocks_without_a_step_are_numbered_and_that_is_said() -> None:
    log = one(table({"a": {"x": 1}}) * 3)
    assert log.step.tolist() == [1, 2, 3]
    assert [(note.kind, note.text, note.count) for note in log.notes] == [
        (NoteKind.ASSUMED, "The blocks carry no step; they were numbered 1, 2, 3, …", 3)
    ]
    log = one(table({"time": {"iterations": "x", "y": 1}}) * 2)  # steps that are none
    assert log.step.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("end", "cut"),
    [
        ("", False),
        ("| a/         |     |\n", False),
        ("| a/         |     |\n|    x       | 5   |\n", True),
        ("other output\n", False),
    ],
)
def test_a_table_that_is_not_closed_is_said_to_be_cut(end: str, cut: bool) -> None:
    log = one(table({"a": {"x": 1}}) * 2 + end)
    assert log.step.tolist() == [1, 2]
    assert [note.text for note in log.notes][:-1] == ["The last block is cut and was left out."] * cut


@pytest.mark.parametrize(
    ("end", "cut"),
    [
        ("", False),
        ("timesteps       1.0", True),  # the first name of a block begins another one
        ("timesteps       1.0\nmean_rewards    2.0\n", True),
        ("done\n", False),
    ],
)
def test_a_series_that_is_not_closed_is_said_to_be_cut(end: str, cut: bool) -> None:
    log = one(THREE + end)
    assert log.step.tolist() == [32768, 65536, 98304]
    assert [note.text for note in log.notes] == ["The last block is cut and was left out."] * cut


def test_lines_between_series_belong_to_none() -> None:
    text = "step    1\nwords without number\nx    2\nstep    3\nName: 1, dtype: int64\nName: 2, dtype: int64\nx    4\n"
    log = one(text + "step    5\n  ...  \nName: 3, dtype: object\n")
    assert log.step.tolist() == [3, 5]
    assert cells(log) == {"x": [2.0, 4.0]}

"""TensorBoard event files: facts, TensorBoard's own reader as the oracle, and what damage may do."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import struct
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.errors import NoMetrics, ReadError
from heldout.readers.assemble import assemble
from heldout.readers.log import Log
from heldout.readers.restarts import joined
from heldout.readers.source import Source
from heldout.readers.trackers import tensorboard
from heldout.run import NoteKind

RUNS = Path(__file__).parents[3] / "shared" / "runs"

# A writer of event files, from the layout alone ----------------------------------------------------------------------


def check(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + check(length) + data + check(data)


def varint(number: int) -> bytes:
    number %= 1 << 64
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def part(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def scalar(tag: str, value: float) -> bytes:
    return part(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def event(step: int, *values: bytes, wall: float = 100.0) -> bytes:
    summary = part(5, b"".join(part(1, value) for value in values)) if values else b""
    return b"\x09" + struct.pack("<d", wall) + (b"\x10" + varint(step) if step else b"") + summary


VERSION = b"\x09" + struct.pack("<d", 99.0) + part(3, b"brain.Event:2")
START = event(0) + part(7, b"\x08\x01")


def file_of(*events: bytes) -> bytes:
    return b"".join(record(one) for one in (VERSION, *events))


def tensor(dtype: int, field: bytes, *sizes: int) -> bytes:
    shape = b"".join(part(2, b"\x08" + varint(size)) for size in sizes)
    return b"\x08" + varint(dtype) + part(2, shape) + field


def tensor_value(tag: str, data: bytes, plugin: str = "scalars") -> bytes:
    return part(1, tag.encode()) + part(8, data) + part(9, part(1, part(1, plugin.encode())))


def read(data: bytes, folder: Path) -> Log | None:
    path = folder / "events.out.tfevents.1.host"
    path.write_bytes(data)
    logs = tensorboard.read(Source(path))
    return None if logs is None else logs[0]


def read_it(data: bytes, folder: Path) -> Log:
    log = read(data, folder)
    assert log is not None
    return log


def points(log: Log) -> list[tuple[int, str, int, float]]:
    """Return row, key, step and value of everything, in the order of rows."""
    found = [
        (int(row), key, int(log.step[row]), float(value))
        for key, column in log.columns.items()
        for row, value in zip(column.row, column.value, strict=True)
        if key != "wall_time"
    ]
    return sorted(found, key=lambda one: one[0])


def said(log: Log) -> list[str]:
    return [note.kind.value for note in log.notes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


# Facts ---------------------------------------------------------------------------------------------------------------


def test_every_scalar_is_a_row_in_the_order_of_the_file(folder: Path) -> None:
    log = read_it(file_of(event(1, scalar("a", 0.5), scalar("b", 2)), event(2, scalar("a", 0.25), wall=101.5)), folder)
    assert points(log) == [(0, "a", 1, 0.5), (1, "b", 1, 2.0), (2, "a", 2, 0.25)]
    assert log.step.dtype == np.int64
    assert list(log.columns) == ["a", "b", "wall_time"]
    assert log.columns["wall_time"].value.tolist() == [100.0, 100.0, 101.5]
    assert log.format == "tensorboard"
    assert log.notes == ()


def test_keys_stand_in_the_order_of_the_file(folder: Path) -> None:
    log = read_it(file_of(event(1, scalar("long", 1)), event(1, scalar("b", 1)), event(2, scalar("a", 1))), folder)
    assert list(log.columns) == ["long", "b", "a", "wall_time"]


def test_one_tag_twice_in_an_event_gives_two_rows(folder: Path) -> None:
    log = read_it(file_of(event(3, scalar("a", 1), scalar("a", 2))), folder)
    assert points(log) == [(0, "a", 3, 1.0), (1, "a", 3, 2.0)]


def test_steps_may_be_absent_or_large(folder: Path) -> None:
    steps = [0, 2**31, 2**62 - 1, 7]
    log = read_it(file_of(*(event(step, scalar("a", 1)) for step in steps)), folder)
    assert log.step.tolist() == steps
    assert log.notes == ()


def test_rows_at_negative_or_endless_steps_are_left_out_and_said(folder: Path) -> None:
    steps = [-5, -1, 0, 2**62, -(2**63), 7]
    log = read_it(
        file_of(*(event(step, scalar("a", row)) for row, step in enumerate(steps)), event(-1, scalar("b", 1))), folder
    )
    run = assemble(log, "run", "events")
    assert run.steps.tolist() == [0, 7]
    assert [note.count for note in run.notes if "first at step -5" in note.text] == [5]


def test_values_without_a_step_are_numbered_in_the_order_of_writing(folder: Path) -> None:
    """`add_scalar` without a step writes 0 each time."""
    rows = [one for i in range(6) for one in (scalar("a", i), scalar("b", -i))] + [scalar("eval", 0.5)]
    log = read_it(file_of(*(event(0, row, wall=100.0 + i) for i, row in enumerate(rows))), folder)
    steps = {key: log.step[column.row].tolist() for key, column in log.columns.items()}
    assert steps["a"] == steps["b"] == list(range(6))
    assert steps["eval"] == [5]
    [note] = log.notes
    assert note.kind is NoteKind.ASSUMED
    assert note.text.startswith("No step was given: all rows are at step 0.")
    few = read_it(file_of(*(event(0, scalar("a", i)) for i in range(2))), folder)
    assert few.step.tolist() == [0, 0]
    assert few.notes == ()


def test_a_tag_without_steps_is_placed_among_those_that_have_them(folder: Path) -> None:
    rows = [one for i in range(1, 6) for one in (event(10 * i, scalar("loss", i)), event(0, scalar("reward", i)))]
    log = read_it(file_of(*rows), folder)
    assert log.step[log.columns["reward"].row].tolist() == [10, 20, 30, 40, 50]
    assert log.columns["reward"].value.tolist() == [1, 2, 3, 4, 5]
    assert "reward was logged without a step" in log.notes[0].text
    # Three values at step 0 before the training began, or three samples of one checkpoint, stay where they are.
    before = read_it(file_of(*[event(0, scalar("base", i)) for i in range(3)], *rows[::2]), folder)
    assert before.step[before.columns["base"].row].tolist() == [0, 0, 0]
    repeated = read_it(file_of(rows[0], *[event(20, scalar("x", i)) for i in range(3)], *rows[2::2]), folder)
    assert repeated.step[repeated.columns["x"].row].tolist() == [20, 20, 20]


def hparam(key: str, value: bytes) -> bytes:
    return part(1, part(1, key.encode()) + part(2, value))


def test_hparams_and_texts_of_settings_are_the_config(folder: Path) -> None:
    entries = (
        hparam("lr", b"\x11" + struct.pack("<d", 0.5))
        + hparam("model", part(3, b"small"))
        + hparam("lora", b"\x20\x01")
    )
    start = part(1, b"_hparams_/session_start_info") + part(9, part(1, part(1, b"hparams") + part(2, part(3, entries))))
    args = tensor_value("args/text_summary", tensor(7, part(8, b'{"beta": 0.04, "eval_size": 164}')), "text")
    table = tensor_value("hyperparameters", tensor(7, part(8, b"|param|value|\n|-|-|\n|seed|3|\n|env|go|")), "text")
    log = read_it(file_of(event(0, start), event(0, args), event(0, table), event(1, scalar("a", 1))), folder)
    assert log.config == {
        "lr": 0.5,
        "model": "small",
        "lora": True,
        "beta": 0.04,
        "eval_size": 164,
        "seed": "3",
        "env": "go",
    }
    assert log.notes == ()


def test_nan_and_infinities_are_kept(folder: Path) -> None:
    log = read_it(file_of(*(event(1, scalar("a", value)) for value in (math.nan, math.inf, -math.inf))), folder)
    assert np.array_equal(log.columns["a"].value, [math.nan, math.inf, -math.inf], equal_nan=True)


def test_a_tag_called_wall_time_is_the_user_s(folder: Path) -> None:
    assert read_it(file_of(event(1, scalar("wall_time", 7))), folder).columns["wall_time"].value.tolist() == [7.0]


def test_a_session_start_begins_a_session(folder: Path) -> None:
    data = file_of(
        START, event(1, scalar("a", 1)), event(2, scalar("a", 1)), START, START, event(2, scalar("a", 3)), START
    )
    session = read_it(data, folder).session
    assert session is not None
    assert session.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("dtype", "field", "value"),
    [
        (1, part(5, struct.pack("<f", 0.5)), 0.5),
        (1, b"\x2d" + struct.pack("<f", 0.5), 0.5),
        (1, part(4, struct.pack("<f", 0.5)), 0.5),
        (2, part(6, struct.pack("<d", 0.1)), 0.1),
        (2, b"\x31" + struct.pack("<d", 0.1), 0.1),
        (2, part(4, struct.pack("<d", 0.1)), 0.1),
        (3, part(7, varint(-300)), -300.0),
        (3, b"\x38" + varint(300), 300.0),
        (4, part(4, b"\xff"), 255.0),
        (9, part(10, varint(2**40)), 2.0**40),
        (9, part(4, struct.pack("<q", -5)), -5.0),
        (5, part(4, struct.pack("<h", -5)), -5.0),
        (5, part(7, varint(5)), 5.0),
        (6, part(4, b"\xff"), -1.0),
        (6, part(7, varint(5)), 5.0),
        (4, part(7, varint(200)), 200.0),
        (17, part(7, varint(200)), 200.0),
        (17, part(4, struct.pack("<H", 65535)), 65535.0),
        (22, part(4, struct.pack("<I", 2**32 - 1)), 2.0**32 - 1),
        (3, part(4, struct.pack("<i", -7)), -7.0),
        (19, part(13, varint(0x3E00)), 1.5),
        (19, part(4, struct.pack("<e", 1.5)), 1.5),
        (14, part(13, varint(0x3FC0)), 1.5),
        (14, part(4, struct.pack("<H", 0xBFC0)), -1.5),
        (10, part(11, varint(1)), 1.0),
        (22, part(16, varint(2**32 - 1)), 2.0**32 - 1),
        (23, part(4, struct.pack("<Q", 2**63)), 2.0**63),
    ],
)
def test_a_scalar_tensor_is_a_value(folder: Path, dtype: int, field: bytes, value: float) -> None:
    one = tensor_value("a", tensor(dtype, field))
    log = read_it(
        file_of(event(1, one), event(2, one), event(3, tensor_value("a", tensor(dtype, field, 1), ""))), folder
    )
    assert log.columns["a"].value.tolist() == [value] * 3


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (tensor_value("t", tensor(1, part(5, struct.pack("<ff", 1, 2)), 2)), "scalars"),
        (tensor_value("t", tensor(1, part(5, struct.pack("<f", 1)), 2)), "scalars"),
        (tensor_value("t", tensor(1, part(5, struct.pack("<f", 1)), 1, 0)), "scalars"),
        (
            tensor_value("t", b"\x08\x01" + part(2, part(2, b"")) + part(5, struct.pack("<f", 1))),
            "scalars",
        ),  # of size 0
        (tensor_value("t", tensor(1, part(5, b""))), "scalars"),
        (tensor_value("t", tensor(1, part(5, b"abc"))), "scalars"),
        (tensor_value("t", tensor(2, part(5, struct.pack("<f", 1)))), "scalars"),  # not the field of its type
        (tensor_value("t", tensor(9, part(10, varint(1) * 2))), "scalars"),
        (tensor_value("t", tensor(9, part(10, b"\x80" * 10 + b"\x01"))), "scalars"),
        (tensor_value("t", tensor(1, part(5, struct.pack("<f", 1)) * 2)), "scalars"),
        (tensor_value("t", tensor(1, b"")), "scalars"),
        (tensor_value("t", part(5, struct.pack("<f", 1))), "scalars"),  # without a type
        (part(1, b"t") + part(8, tensor(7, part(8, b"words"))), "tensor"),
        (tensor_value("t", tensor(1, b""), "histograms"), "histogram"),
        (tensor_value("t", tensor(1, b""), "images"), "image"),
        (tensor_value("t", tensor(1, b""), "audio"), "audio clip"),
        (tensor_value("t", tensor(7, part(8, b"words")), "text"), "text"),
        (tensor_value("t", tensor(1, part(5, struct.pack("<f", 1))), "hparams"), "hparams"),
        (part(1, b"t") + part(4, b""), "image"),
        (part(1, b"t") + part(5, b"\x09" + bytes(8)), "histogram"),
        (part(1, b"t") + part(3, b"old"), "histogram"),
        (scalar("t", 1) + part(4, b""), "image"),  # the last of several counts
        (part(1, b"t") + part(6, b""), "audio clip"),
        (part(1, b"t"), "empty value"),
        (part(1, b"t") + part(7, b"") + b"\x10\x01", "empty value"),  # a field of another number, or another type
    ],
)
def test_what_is_not_a_scalar_is_counted_and_left_alone(folder: Path, value: bytes, kind: str) -> None:
    log = read_it(file_of(event(1, value), event(1, scalar("a", 1)), event(2, value)), folder)
    assert points(log) == [(0, "a", 1, 1.0)]
    [note] = log.notes
    assert (note.kind, note.count) == (NoteKind.IGNORED, 2)
    assert note.text == f"Values that are not scalars were left alone ({kind}: 2), tags: t."


def test_kinds_are_named_by_how_often_they_stand_and_tags_by_their_place(folder: Path) -> None:
    image, sound = part(4, b""), part(6, b"")
    odd = event(1, *(part(1, tag) + image for tag in (b"z", b"b")), scalar("a", 1), part(1, b"c") + sound)
    log = read_it(file_of(odd, *[event(2, part(1, b"z") + sound)] * 1000, event(3, part(1, b"d") + image)), folder)
    [note] = log.notes
    assert note.count == 1004
    assert note.text == "Values that are not scalars were left alone (audio clip: 1,001, image: 3), tags: z, b, c, d."
    [note] = read_it(
        file_of(
            event(
                1,
                scalar("a", 1),
                *(part(1, tag) + image for tag in (b"5", b"4", b"3", b"2", b"1")),
                part(1, b"0") + sound,
            )
        ),
        folder,
    ).notes
    assert note.text.endswith("(image: 5, audio clip: 1), tags: 5, 4, 3, 2 ….")
    [note] = read_it(file_of(event(1, scalar("a", 1), part(1, b"t") + sound, part(1, b"t") + image)), folder).notes
    assert note.text.endswith("(audio clip: 1, image: 1), tags: t.")


def test_fields_that_no_scalar_needs_are_passed_over(folder: Path) -> None:
    """Unknown fields of an event, a summary and a value; a step, a time, a tag of another wire type."""
    value = b"\x08\x07" + part(99, b"?") + scalar("a", 0.5) + part(2, b"four")
    odd = part(1, b"when") + part(2, b"step") + b"\x28\x05" + part(98, b"?") + b"\x9d\x06\0\0\0\0"
    log = read_it(file_of(event(7, value) + odd, event(8) + part(5, part(2, b"?") + part(1, scalar("a", 1)))), folder)
    assert points(log) == [(0, "a", 7, 0.5), (1, "a", 8, 1.0)]
    assert log.columns["wall_time"].value.tolist() == [100.0, 100.0]
    untimed = read_it(file_of(part(5, part(1, scalar("a", 1)))), folder)
    assert points(untimed) == [(0, "a", 0, 1.0)]
    assert untimed.columns["wall_time"].value.tolist() == [0.0]


@pytest.mark.parametrize("block", [1, 60, 1 << 20])
def test_restarts_are_counted_across_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(tensorboard, "_BLOCK", block)
    one, stop = event(1, scalar("a", 1), scalar("b", 2)), event(1) + part(7, b"\x08\x02")
    data = file_of(START, one, stop, START, event(1, part(1, b"t")), START, one, one, START + part(7, b"\x08\x03"))
    data += record(event(2, scalar("a", 1), scalar("b", 2)))
    log = read_it(data, folder)
    assert log.session is not None
    assert log.session.tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    assert points(log)[3:5] == [(3, "b", 1, 2.0), (4, "a", 1, 1.0)]
    session = read_it(file_of(event(1, scalar("a", 1)), START, event(1, scalar("a", 1))), folder).session
    assert session is not None
    assert session.tolist() == [0, 1]


@pytest.mark.parametrize(("before", "known"), [(52, True), (53, False)])
def test_the_version_stands_in_the_first_64_bytes(before: int, known: bool) -> None:
    assert tensorboard._recognised(bytes(before) + b"brain.Event:2") is known


def test_other_content_is_not_recognised(folder: Path) -> None:
    example = record(part(1, part(1, b"x")))  # a TFRecord of tf.train.Example
    for data in (b"", b"\x00" * 40, b'{"step": 1}\n', example, b":W&B\xe1\xbe\x00", VERSION[:5], record(b"")):
        assert read(data, folder) is None


def test_a_file_without_its_version_record_is_recognised(folder: Path) -> None:
    assert points(read_it(record(event(4, scalar("a", 1))), folder)) == [(0, "a", 4, 1.0)]


def test_a_file_without_scalars_says_so(folder: Path) -> None:
    with pytest.raises(NoMetrics) as error:
        read(file_of(event(1, part(1, b"h") + part(5, b""))), folder)
    assert str(error.value) == (
        "events.out.tfevents.1.host is a TensorBoard event file without a scalar. Values that are not scalars were "
        "left alone (histogram: 1), tags: h. Scalars as written by add_scalar or tf.summary.scalar are understood; "
        "name a file that holds some."
    )


def test_a_corrupt_record_is_skipped_and_counted(folder: Path) -> None:
    good = [record(event(step, scalar("a", step))) for step in range(5)]
    bad = bytearray(good[2])
    bad[20] ^= 1
    head = record(VERSION)
    log = read_it(head + b"".join([*good[:2], bytes(bad), *good[3:]]), folder)
    assert log.columns["a"].value.tolist() == [0.0, 1.0, 3.0, 4.0]
    at = len(head) + len(good[0]) + len(good[1])
    assert [(note.kind, note.count, note.text) for note in log.notes] == [
        (
            NoteKind.DROPPED,
            1,
            f"{len(bad)} damaged bytes, from byte {at} on, could not be read; what was logged there is lost: between "
            "steps 1 and 3.",
        )
    ]


@pytest.mark.parametrize("block", [30, 1 << 20])
@pytest.mark.parametrize("byte", [0, 5, 9, 11])
def test_reading_goes_on_behind_a_corrupt_length(
    folder: Path, monkeypatch: pytest.MonkeyPatch, byte: int, block: int
) -> None:
    monkeypatch.setattr(tensorboard, "_BLOCK", block)
    good = [record(event(step, scalar("a", step))) for step in range(1, 9)]
    bad = bytearray(good[3])
    bad[byte] ^= 1
    before = record(VERSION) + b"".join(good[:3])
    log = read_it(before + bytes(bad) + b"".join(good[4:]), folder)
    assert log.step.tolist() == [1, 2, 3, 5, 6, 7, 8]
    assert [note.text for note in log.notes] == [
        f"{len(bad)} damaged bytes, from byte {len(before)} on, could not be read; what was logged there is lost: "
        "between steps 3 and 5."
    ]


def test_reading_goes_on_where_bytes_are_missing_or_zero(folder: Path) -> None:
    good = [record(event(step, scalar("a", step))) for step in range(1, 9)]
    data = file_of() + b"".join(good)
    at = len(file_of()) + 3 * len(good[0])
    zeros = data[:at] + bytes(3 * len(good[0]) - 7) + data[at + 3 * len(good[0]) - 7 :]
    for spoilt in (data[: at + 20] + data[at + 30 :], zeros):
        log = read_it(spoilt, folder)
        assert set(log.step.tolist()) <= {1, 2, 3, 5, 6, 7, 8}
        assert {1, 2, 3, 7, 8} <= set(log.step.tolist())
        [note] = log.notes
        assert "damaged bytes" in note.text
        assert "between steps 3 and" in note.text
        assert not note.end_lost


def test_it_is_said_up_to_which_step_a_file_could_be_read(folder: Path) -> None:
    first, second = file_of(event(1, scalar("a", 1))), bytearray(record(event(2, scalar("a", 2))))
    second[0] ^= 1
    [note] = read_it(first + bytes(second), folder).notes
    assert note.kind is NoteKind.DROPPED
    assert note.text == (
        f"{len(second)} damaged bytes, from byte {len(first)} on, could not be read; what was logged there is lost: "
        "everything after step 1."
    )
    assert note.end_lost


@pytest.mark.parametrize("spoilt", [0, 20])  # the length, or the content
def test_a_cut_record_behind_a_damaged_one_ends_the_reading(folder: Path, spoilt: int) -> None:
    first, second = file_of(event(1, scalar("a", 1))), bytearray(record(event(2, scalar("a", 2))))
    second[spoilt] ^= 1
    cut = record(event(3, scalar("a", 3)))[:-5]
    log = read_it(first + bytes(second) + cut, folder)
    assert log.step.tolist() == [1]
    [note] = log.notes
    assert note.text.startswith(f"{len(second) + len(cut)} damaged bytes, from byte {len(first)} on")


def test_a_session_start_purges_from_the_step_it_names(folder: Path) -> None:
    """As for TensorBoard itself, also of tags that the new session does not log."""
    purge = event(3) + part(7, b"\x08\x01")
    rows = [event(step, scalar("a", 1), scalar("eval", 1)) for step in range(6)]
    log = read_it(file_of(*rows, purge, event(5, scalar("a", 2))), folder)
    assert log.purged == {1: 3}
    run = assemble(log, "run", "events")
    assert (run["a"].step.tolist(), run["a"].value.tolist()) == ([0, 1, 2, 5], [1, 1, 1, 2])
    assert run["eval"].step.tolist() == [0, 1, 2]
    told = joined([read_it(file_of(*rows), folder), read_it(file_of(purge, event(3, scalar("b", 1))), folder)])
    assert assemble(told, "run", "events")["a"].step.tolist() == [0, 1, 2]


def test_a_record_that_is_no_event_is_skipped(folder: Path) -> None:
    log = read_it(file_of(b"\x0b\x0b", event(1, scalar("a", 1)), b"\x80"), folder)
    assert log.columns["a"].value.tolist() == [1.0]
    assert [note.text for note in log.notes] == [
        f"Records that do not hold an event were skipped: 2, the first at byte {len(record(VERSION))}."
    ]


def test_long_records_and_many_blocks_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "_BLOCK", 500)
    graph = event(0) + part(4, bytes(3000))
    data = file_of(*(one for step in range(60) for one in (event(step, scalar("a", step)), graph)))
    assert read_it(data, folder).columns["a"].value.tolist() == list(range(60))


# The fast way equals the plain way -----------------------------------------------------------------------------------

any_float = st.floats(width=32)
any_step = st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1))
any_tag = st.one_of(st.sampled_from(["a", "b", "train/loss", "train/gain", "ünï"]), st.text(max_size=12))
any_value = st.one_of(
    st.builds(scalar, any_tag, any_float),
    st.builds(lambda tag, x: tensor_value(tag, tensor(1, part(5, struct.pack("<f", x)))), any_tag, any_float),
    st.builds(lambda tag, n: tensor_value(tag, tensor(9, part(10, varint(n)))), any_tag, any_step),
    st.builds(lambda tag, n: tensor_value(tag, tensor(3, b"\x38" + varint(n))), any_tag, st.integers(-9, 2**31)),
    st.builds(lambda tag: part(1, tag.encode()) + part(5, b"\x09" + bytes(8)), any_tag),
)
any_event = st.one_of(
    st.builds(event, any_step, any_value, wall=st.floats()),
    st.builds(lambda step, values: event(step, *values), any_step, st.lists(any_value, max_size=4)),
    st.binary(max_size=24),
    st.just(START),
)
any_events = st.lists(
    st.one_of(any_event, st.builds(event, st.integers(0, 300), st.builds(scalar, any_tag, any_float)))
)


def outcome(data: bytes, folder: Path) -> tuple[Any, ...]:
    """Return all that a log says, comparable also where it says NaN."""
    try:
        log = read_it(data, folder)
    except NoMetrics as error:
        return (str(error),)
    columns = {key: (column.row.tolist(), column.value.tobytes()) for key, column in log.columns.items()}
    assert log.session is not None
    notes = [(note.kind, note.count, sorted(note.text)) for note in log.notes]  # tags are named in the order of finding
    return log.step.tolist(), columns, list(columns), log.session.tolist(), notes


@settings(max_examples=80, deadline=None)
@given(events=any_events)
def test_reading_together_equals_reading_one_by_one(events: list[bytes], folder: Path) -> None:
    data = file_of(*events)
    together = outcome(data, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorboard, "_alike", tensorboard._singly)
        assert outcome(data, folder) == together


def test_records_are_indeed_read_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, layout = [], tensorboard._layout

    def counting(data: bytes) -> Any:
        looked_at.append(data)
        return layout(data)

    monkeypatch.setattr(tensorboard, "_layout", counting)
    read_it(
        file_of(*(event(step, scalar(tag, step)) for step in range(1, 1000) for tag in ("loss", "gain", "kl"))), folder
    )
    assert len(looked_at) < 30


def test_unlike_records_whose_hashes_collide_are_told_apart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard, "_hashes", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    events = [event(step, scalar(tag, step)) for step in range(1, 20) for tag in ("loss", "gain", "cost")]
    log = read_it(file_of(*events), folder)
    assert {key: column.value.tolist() for key, column in log.columns.items() if key != "wall_time"} == {
        tag: list(range(1, 20)) for tag in ("loss", "gain", "cost")
    }


def test_records_that_differ_within_another_one_s_holes_are_told_apart(folder: Path) -> None:
    # The tag of the later ones stands where the value of the first ones does.
    tag_last = [b"\x15" + struct.pack("<f", 0.5) + part(1, tag) for tag in (b"loss", b"gain")]
    events = [event(1, one) for one in [scalar("aaaa", 2.0)] * 9 + tag_last * 9]
    wanted = [(tag, 2.0 if tag == "aaaa" else 0.5) for tag in ["aaaa"] * 9 + ["loss", "gain"] * 9]
    assert [(tag, value) for _, tag, _, value in points(read_it(file_of(*events), folder))] == wanted


def test_a_step_is_told_from_a_step_that_stands_twice(folder: Path) -> None:
    # As many bytes: one step of three digits, or one of one digit and a field after it. The latter are seven.
    long, twice = event(0, scalar("a", 1)) + b"\x10\x80\x80\x01", event(0, scalar("a", 1)) + b"\x10\x05\x10\x07"
    log = read_it(file_of(*[long, twice] * 9), folder)
    assert log.step.tolist() == [2**14, 7] * 9


# TensorBoard itself as the oracle ------------------------------------------------------------------------------------


def oracle(path: Path) -> dict[str, list[tuple[float, int, float]]]:
    """Return what TensorBoard's EventAccumulator reads: wall time, step and value by tag."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        from tensorboard.util.tensor_util import make_ndarray

        read = module.EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        read.Reload()
        found = {tag: [(e.wall_time, e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
        for tag in read.Tags()["tensors"]:
            found[tag] = [(e.wall_time, e.step, float(make_ndarray(e.tensor_proto))) for e in read.Tensors(tag)]
    return found


def series(log: Log) -> dict[str, list[tuple[float, int, float]]]:
    """Return the same of a log."""
    wall = log.columns["wall_time"].value
    return {
        key: [(float(wall[r]), int(log.step[r]), float(v)) for r, v in zip(column.row, column.value, strict=True)]
        for key, column in log.columns.items()
        if key != "wall_time"
    }


def genuine(path: Path, events: Iterable[Any]) -> None:
    """Write events with TensorBoard's own writer."""
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(path))
    for one in events:
        writer.add_event(one)
    writer.close()


def test_a_file_of_tensorboard_s_own_writer_reads_as_tensorboard_reads_it(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("tensorboard")
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        rng = np.random.default_rng(0)
        events = []
        for step in range(0, 400, 3):
            x, y, z = rng.normal(size=3)
            simple = Summary(value=[Summary.Value(tag=f"train/{i}", simple_value=x + i) for i in range(5)])
            summaries = [simple, scalar_pb("v2/loss", y), scalar_pb("v2/gain", z)]
            events += [Event(wall_time=1e9 + rng.random(), step=step, summary=one) for one in summaries]
        genuine(tmp_path, events)
    [path] = tmp_path.iterdir()
    [log] = tensorboard.read(Source(path)) or []
    assert series(log) == oracle(path)
    assert len(log.columns) == 8


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 2**62 - 2),
            st.lists(st.tuples(st.text(min_size=1, max_size=8), any_float), min_size=1, max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_scalars_read_as_tensorboard_reads_them(rows: list[Any], folder: Path) -> None:
    rows = [(step, [(tag, value) for tag, value in values if tag != "wall_time"]) for step, values in rows]
    data = file_of(*(event(step, *(scalar(tag, value) for tag, value in values)) for step, values in rows))
    if not any(values for _, values in rows):
        return
    if len({step for step, values in rows if values}) == 1:
        rows = [*rows, (max(rows)[0] + 1, [("another", 0.0)])]
        data = file_of(*(event(step, *(scalar(tag, value) for tag, value in values)) for step, values in rows))
    found, wanted = series(read_it(data, folder)), oracle(folder / "events.out.tfevents.1.host")
    assert {key: np.array(value).tobytes() for key, value in found.items()} == {
        key: np.array(value).tobytes() for key, value in wanted.items()
    }


# Damage --------------------------------------------------------------------------------------------------------------

WHOLE = [(i, tag, i // 2, value) for i, (tag, value) in enumerate([("a", 0.5), ("bc", -2.0)] * 4)]
SOME = [event(step, scalar("a", 0.5), scalar("bc", -2)) for step in range(4)]
EDGES = np.cumsum([len(record(one)) for one in (VERSION, *SOME)]).tolist()
FILE = file_of(*SOME)


@pytest.mark.parametrize("size", range(len(FILE) + 1))
def test_a_cut_file_gives_what_was_complete(size: int, folder: Path) -> None:
    try:
        log = read(FILE[:size], folder)
    except NoMetrics:
        assert size < EDGES[1]
        return
    if log is None:
        assert size < EDGES[0]
        return
    complete = sum(edge <= size for edge in EDGES) - 1
    assert points(log) == WHOLE[: 2 * complete]
    lost, at = size - EDGES[complete], EDGES[complete]
    text = f"The file ends inside a record: its last {lost} bytes, from byte {at}, are lost."
    assert [(note.kind.value, note.text, note.count) for note in log.notes] == ([("dropped", text, 1)] if lost else [])
    assert all(note.end_lost for note in log.notes)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(FILE) - 1), bit=st.integers(1, 255))
def test_a_flipped_byte_is_noticed(at: int, bit: int, folder: Path) -> None:
    data = bytearray(FILE)
    data[at] ^= bit
    try:
        log = read(bytes(data), folder)
    except NoMetrics:
        return
    if log is None:
        return
    assert {one[1:] for one in points(log)} <= {one[1:] for one in WHOLE}
    assert "dropped" in said(log)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_no_other_error(folder: Path, tail: bytes) -> None:
    for data in (record(VERSION) + tail, file_of(tail), file_of(event(1, tail)), file_of(event(1, part(8, tail)))):
        with contextlib.suppress(ReadError):
            read(data, folder)


# Real files ----------------------------------------------------------------------------------------------------------


def real(pattern: str) -> Path:
    found = sorted(RUNS.glob(pattern))
    if not found:
        pytest.skip(f"no real logs under {RUNS}")
    return found[0]


def test_a_procgen_run_equals_its_csv() -> None:
    [log] = tensorboard.read(Source(real("procgen-ppo-4formats/events*"))) or []
    with real("procgen-ppo-4formats/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    column = log.columns["Rewards/mean_episodes"]
    assert log.step[column.row].tolist() == [int(float(row["timesteps"])) for row in rows]
    np.testing.assert_allclose(column.value, [float(row["mean_episode_rewards"]) for row in rows], rtol=1e-6)
    assert (len(log.step), log.notes) == (6867, ())


def test_an_rllib_run_equals_its_result_json() -> None:
    [log] = tensorboard.read(Source(real("rllib-apex-beamrider-trunc/events*"))) or []
    column = log.columns["ray/tune/episode_reward_mean"]
    found = dict(zip(log.step[column.row].tolist(), column.value.tolist(), strict=True))
    lines = real("rllib-apex-beamrider-trunc/result.json").read_text().splitlines()[: len(found) - 1]
    for row in map(json.loads, lines):
        assert found[row["timesteps_total"]] == pytest.approx(row["episode_reward_mean"], rel=1e-6, nan_ok=True)

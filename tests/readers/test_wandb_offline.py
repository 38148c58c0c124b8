"""W&B offline files: facts, a real run that was logged in three formats, and what damage may do."""

from __future__ import annotations

import contextlib
import csv
import json
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.errors import NoMetrics, ReadError
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.readers.trackers import tensorboard, wandb_offline
from heldout.run import NoteKind

RUNS = Path(__file__).parents[3] / "shared" / "runs"
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32_768

# A writer of .wandb files, from the layout alone ---------------------------------------------------------------------


def fragment(kind: int, data: bytes) -> bytes:
    return struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data


def file_of(*records: bytes) -> bytes:
    out = HEADER
    for one in records:
        out += cut_up(one, len(out))
    return out


def cut_up(data: bytes, at: int) -> bytes:
    """Return the fragments of a record that starts at a position."""
    out, first = b"", True
    while True:
        room = BLOCK - (at + len(out)) % BLOCK
        if room < 7:
            out += bytes(room)
            continue
        piece, data = data[: room - 7], data[room - 7 :]
        out += fragment((1 if first else 4) if not data else (2 if first else 3), piece)
        first = False
        if not data:
            return out


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def part(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def item(key: str | list[str], value: str) -> bytes:
    path = b"".join(part(2, one.encode()) for one in key) if isinstance(key, list) else part(1, key.encode())
    return path + part(16, value.encode())


def history(row: dict[str, Any], step: int | None = None, nested: bool = False) -> bytes:
    items = b"".join(part(1, item([key] if nested else key, json.dumps(value))) for key, value in row.items())
    return part(2, items + (b"" if step is None else part(2, b"\x08" + varint(step))))


def read(data: bytes, folder: Path) -> Log | None:
    path = folder / "run-abc.wandb"
    path.write_bytes(data)
    logs = wandb_offline.read(Source(path))
    return None if logs is None else logs[0]


def read_it(data: bytes, folder: Path) -> Log:
    log = read(data, folder)
    assert log is not None
    return log


def values(log: Log) -> dict[str, dict[int, float]]:
    return {
        key: dict(zip(column.row.tolist(), column.value.tolist(), strict=True)) for key, column in log.columns.items()
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wandb")


# Facts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nested", [False, True])
def test_every_history_record_is_a_row_at_its_step(folder: Path, nested: bool) -> None:
    rows: list[dict[str, Any]] = [
        {"_step": 3, "loss": 0.5, "_runtime": 1.5},
        {"_step": 7, "loss": 1, "train/global_step": 70},
    ]
    log = read_it(file_of(*(history(row, nested=nested) for row in rows)), folder)
    assert log.step.tolist() == [3, 7]
    assert log.step.dtype == np.int64
    assert values(log) == {"loss": {0: 0.5, 1: 1.0}, "_runtime": {0: 1.5}, "train/global_step": {1: 70.0}}
    assert log.session is not None
    assert log.session.tolist() == [0, 0]
    assert (log.format, log.notes) == ("wandb", ())


def test_without_a_step_key_the_record_s_own_step_counts_and_then_its_number(folder: Path) -> None:
    rows = [history({"a": 1}, step=40), history({"a": 2, "_step": "x"}, step=41), history({"a": 3})]
    log = read_it(file_of(*rows), folder)
    assert log.step.tolist() == [40, 41, 2]


@pytest.mark.parametrize("step", ["NaN", "1e300", "Infinity", "9223372036854775808", "null", "{}"])
def test_a_step_that_is_none_falls_back(folder: Path, step: str) -> None:
    row = part(2, part(1, item("_step", step)) + part(1, item("a", "1")) + part(2, b"\x08\x05"))
    assert read_it(file_of(row), folder).step.tolist() == [5]


def test_nested_keys_and_objects_are_joined_with_a_slash(folder: Path) -> None:
    items = item(["val", "acc"], "0.5"), item("train", '{"loss": 1, "deep": {"er": true}}')
    log = read_it(file_of(part(2, b"".join(part(1, one) for one in items))), folder)
    assert values(log) == {"val/acc": {0: 0.5}, "train/loss": {0: 1.0}, "train/deep/er": {0: 1.0}}


def test_of_one_key_said_twice_in_a_row_the_later_counts(folder: Path) -> None:
    items = item("a/b", "1"), item("a", '{"b": 2}')
    assert values(read_it(file_of(part(2, b"".join(part(1, one) for one in items))), folder)) == {"a/b": {0: 2.0}}


@pytest.mark.parametrize("text", ['"NaN"', "NaN", '"Infinity"', "Infinity", '"-Infinity"', "-Infinity", "1e999"])
def test_what_is_not_finite_is_kept(folder: Path, text: str) -> None:
    value = read_it(file_of(part(2, part(1, item("a", text)))), folder).columns["a"].value
    assert np.array_equal(value, [float(text.strip('"'))], equal_nan=True)


def test_an_integer_beyond_floats_is_infinite(folder: Path) -> None:
    value = read_it(file_of(part(2, part(1, item("a", "-" + "9" * 400)))), folder).columns["a"].value
    assert value.tolist() == [-math.inf]


def test_what_is_not_a_number_is_counted_and_left_alone(folder: Path) -> None:
    row = {"a": 1, "t": "words", "h": {"_type": "histogram", "values": [1]}, "l": [1, 2], "n": None, "w": {"x": "y"}}
    [note] = read_it(file_of(history(row), history({"t": "more"})), folder).notes
    assert (note.kind, note.count) == (NoteKind.IGNORED, 6)
    assert note.text == (
        "Values that are not numbers were left alone (text: 3, histogram: 1, list: 1, null: 1), keys: t, h, l, n …."
    )


def test_deeply_nested_objects_are_left_alone(folder: Path) -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    deeper = '{"a":' * 90_000 + "1" + "}" * 90_000
    items = item("d", deep), item("e", deeper), item("a", "1")
    log = read_it(file_of(part(2, b"".join(part(1, one) for one in items))), folder)
    assert values(log) == {"a": {0: 1.0}}
    assert log.notes[0].count == 2


def test_name_and_settings_come_from_the_run_and_config_records(folder: Path) -> None:
    config = part(1, item("lr", "0.1")) + part(1, item(["algo", "name"], '"grpo"')) + part(1, item("_wandb", "{}"))
    run = part(1, b"abc") + part(4, config) + part(8, b"brave-run-7")
    log = read_it(file_of(part(17, run), part(5, part(1, item("lr", "0.2"))), history({"a": 1})), folder)
    assert log.name == "brave-run-7"
    assert log.config == {"lr": 0.2, "algo/name": "grpo"}
    assert read_it(file_of(part(17, part(1, b"abc")), history({"a": 1})), folder).name == "abc"
    assert read_it(file_of(history({"a": 1})), folder).name is None


def test_axes_run_id_and_time_come_from_the_metric_and_run_records(folder: Path) -> None:
    when = b"\x08" + varint(1_700_000_000) + b"\x10" + varint(250_000_000)
    run = part(1, b"abc") + part(8, b"brave-run-7") + part(17, when)
    metrics = [
        part(12, part(2, b"eval/*") + part(4, b"eval/step")),
        part(12, part(1, b"train/reward") + part(4, b"train/step")),
        part(12, part(1, b"train/step")),
    ]
    log = read_it(file_of(part(17, run), *metrics, history({"a": 1})), folder)
    assert log.axes == {"eval/*": "eval/step", "train/reward": "train/step"}
    assert (log.run_id, log.begun) == ("abc", 1_700_000_000.25)
    bare = read_it(file_of(history({"a": 1})), folder)
    assert (bare.axes, bare.run_id, bare.begun) == ({}, None, None)


def test_long_records_span_blocks(folder: Path) -> None:
    rows = [{"_step": i, "pad": "x" * size, "a": i} for i, size in enumerate([10, 40_000, 32_650, 100_000, 0, 32_700])]
    log = read_it(file_of(*(history(row) for row in rows)), folder)
    assert log.columns["a"].value.tolist() == [0, 1, 2, 3, 4, 5]
    assert [note.kind for note in log.notes] == [NoteKind.IGNORED]


@pytest.mark.parametrize("left", range(9))
def test_a_block_ends_with_zeros_where_no_fragment_fits(folder: Path, left: int) -> None:
    bare = len(file_of(history({"p": ""})))
    pad = history({"p": "x" * (BLOCK - bare - left - 6)})  # three lengths take two bytes more than in the bare one
    assert len(file_of(pad)) == BLOCK - left
    log = read_it(file_of(pad, history({"a": 1}), history({"a": 2})), folder)
    assert log.columns["a"].value.tolist() == [1.0, 2.0]


def test_other_content_is_not_recognised(folder: Path) -> None:
    for data in (b"", b":W&", b"\x00" * 40, b'{"step": 1}\n', b":SWL" + HEADER[4:]):
        assert read(data, folder) is None


def test_another_version_is_read_and_noted(folder: Path) -> None:
    data = b":W&B\xe1\xbe\x01" + file_of(history({"a": 1}))[7:]
    [note] = read_it(data, folder).notes
    assert (note.kind, note.text) == (NoteKind.ASSUMED, "The file's version is unknown; it was read as version 0.")


def test_a_file_without_numbers_says_so(folder: Path) -> None:
    with pytest.raises(NoMetrics) as error:
        read(file_of(part(17, part(1, b"abc")), history({"t": "words"})), folder)
    assert str(error.value) == (
        "run-abc.wandb is a W&B offline file without a number in its history: 2 records were read, 1 of them history. "
        "Values that are not numbers were left alone (text: 1), keys: t. Rows as written by wandb.log are "
        "understood; name a file that holds some, or the console output of the same run."
    )


def test_after_a_damaged_piece_reading_goes_on_at_the_next_block(folder: Path) -> None:
    rows = [history({"a": i, "pad": "x" * 1000}) for i in range(100)]
    data = bytearray(file_of(*rows))
    data[BLOCK + 5000] ^= 1  # in the second of four blocks
    log = read_it(bytes(data), folder)
    kept = log.columns["a"].value.tolist()
    first_lost = next(i for i in range(100) if i not in kept)
    first_found = next(i for i in range(first_lost, 100) if i in kept)
    assert kept == [*range(first_lost), *range(first_found, 100)]
    assert 25 < first_found - first_lost < 32
    assert [(note.kind, note.count) for note in log.notes[:2]] == [(NoteKind.DROPPED, 1)] * 2
    assert log.notes[0].text.startswith("A damaged piece could not be read and was skipped, once, first at byte 3")


def test_a_record_that_lost_its_middle_is_not_put_together(folder: Path) -> None:
    data = bytearray(file_of(history({"a": 1}), history({"b": 2, "pad": "x" * 100_000}), history({"c": 3})))
    data[BLOCK + 100] ^= 1
    log = read_it(bytes(data), folder)
    assert values(log) == {"a": {0: 1.0}, "c": {1: 3.0}}
    assert [note.text.split(" could")[0] for note in log.notes] == [
        "A damaged piece", "A record without its end", "A record without its beginning",
    ]  # fmt: skip


def test_a_file_filled_up_with_zeros_is_noted(folder: Path) -> None:
    log = read_it(file_of(history({"a": 1})) + bytes(1000), folder)
    assert values(log) == {"a": {0: 1.0}}
    assert log.notes[0].text.startswith("A stretch of zeros could not be read")


def test_a_record_that_is_no_message_is_skipped(folder: Path) -> None:
    log = read_it(file_of(b"\x0b", part(2, b"\x80"), history({"a": 1})), folder)
    assert values(log) == {"a": {0: 1.0}}
    assert [note.text for note in log.notes] == ["Records that do not hold a message were skipped: 2."]


def test_fields_that_no_history_needs_are_passed_over(folder: Path) -> None:
    """Unknown fields, fields of another wire type, a step that stands twice, and a step that is there and empty."""
    items = part(1, part(7, b"?") + item("a", "1") + b"\x08\x05") + b"\x08\x09" + part(9, b"?")
    record = (
        b"\x08\x01" + part(3, b"summary") + part(2, items + part(2, b"\x08\x04\x08\x07" + part(2, b"?"))) + b"\x10\x05"
    )
    empty, fixed = part(2, part(1, item("a", "2")) + part(2, b"")), part(2, part(1, item("a", "3")) + b"\x15\0\0\0\0")
    log = read_it(file_of(record, empty, fixed, history({"a": 4}, step=(1 << 64) - 3)), folder)
    assert log.step.tolist() == [7, 0, 2, -3]
    assert values(log) == {"a": {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}}
    assert log.notes == ()


@pytest.mark.parametrize(
    ("step", "stands"),
    [
        ("3.9", 3),
        (str(2**63), 0),
        (str(2**62), 2**62),
        (str(-(2**63)), -(2**63)),
        ("-1e19", 0),
        ("true", 1),
        ("NaN", 0),
    ],
)
def test_a_step_is_a_number_of_64_bits(folder: Path, step: str, stands: int) -> None:
    log = read_it(file_of(part(2, part(1, item("_step", step)) + part(1, item("a", "1")))), folder)
    assert log.step.tolist() == [stands]


@pytest.mark.parametrize(("levels", "kept"), [(32, True), (33, False)])
def test_objects_are_taken_apart_to_32_levels(folder: Path, levels: int, kept: bool) -> None:
    log = read_it(
        file_of(history({"a": 1}), part(2, part(1, item("d", '{"n":' * levels + "1" + "}" * levels)))), folder
    )
    assert ("d" + "/n" * levels in log.columns) is kept
    assert [note.text for note in log.notes] == (
        [] if kept else [f"Values that are not numbers were left alone (object: 1), keys: d{'/n' * 32}."]
    )


def test_whatever_a_value_is_it_is_a_number_or_has_a_kind(folder: Path) -> None:
    row = {
        "inf": '"Infinity"',
        "ninf": '"-Infinity"',
        "true": "true",
        "huge": "1" + "0" * 400,
        "nhuge": "-1" + "0" * 400,
        "media": '{"_type": "image-file", "n": 1}',
        "odd": '{"_type": 3}',
        "broken": "{",
        "_wandb": '{"runtime": 5}',
        "x": '{"y": 1, "z": [2]}',
    }
    log = read_it(file_of(part(2, b"".join(part(1, item(key, value)) for key, value in row.items()))), folder)
    inf = math.inf
    assert values(log) == {
        "inf": {0: inf},
        "ninf": {0: -inf},
        "true": {0: 1.0},
        "huge": {0: inf},
        "nhuge": {0: -inf},
        "x/y": {0: 1.0},
    }
    [note] = log.notes
    assert (note.count, note.text) == (
        4,
        "Values that are not numbers were left alone (image-file: 1, object: 1, text: 1, list: 1), "
        "keys: media, odd, broken, x/z.",
    )


def test_fields_of_a_run_record_that_are_something_else_are_passed_over(folder: Path) -> None:
    config = part(1, item("lr", "0.1")) + part(2, b"?") + b"\x08\x01" + part(1, item("note", "not json"))
    run = b"\x08\x05\x20\x05\x40\x05" + part(5, b"?") + part(1, b"abc") + part(4, config)
    log = read_it(file_of(part(17, run), b"\x28\x05\x88\x01\x05", history({"a": 1})), folder)
    assert (log.name, log.config, log.notes) == ("abc", {"lr": 0.1, "note": "not json"}, ())


def test_what_is_lost_is_said_by_kind_with_its_first_place(folder: Path) -> None:
    begun, middle, last = fragment(2, b"x"), fragment(3, b"y"), fragment(4, b"z")
    good = fragment(1, history({"a": 1}))
    pieces = [begun, begun, good, middle, last, good, begun]
    places = np.cumsum([len(HEADER), *(len(one) for one in pieces)]).tolist()
    log = read_it(HEADER + b"".join(pieces), folder)
    assert values(log) == {"a": {0: 1.0, 1: 1.0}}
    assert [(note.kind.value, note.text, note.count) for note in log.notes] == [
        (
            "dropped",
            f"A record without its end could not be read and was skipped, 3 times, first at byte {places[0]}.",
            3,
        ),
        (
            "dropped",
            f"A record without its beginning could not be read and was skipped, 2 times, first at byte {places[3]}, "
            "between the rows of _step 0 and 1.",
            2,
        ),
    ]


BEHIND = ", behind the last row that could be read, of _step 0."


def test_it_is_said_between_which_rows_something_was_lost(folder: Path) -> None:
    records = [history({"a": i, "pad": "x" * 9000}, step=10 * i) for i in range(12)]
    data = bytearray(file_of(*records))
    data[5 * 9000] ^= 1
    log = read_it(bytes(data), folder)
    assert log.step.tolist() == [0, 10, 20, 30, *log.step[4:].tolist()]
    [text] = [note.text for note in log.notes if note.text.startswith("A damaged piece")]
    assert text.endswith(f"between the rows of _step {log.step[3]} and {log.step[4]}.")
    assert log.step[4] > 40


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4, 5, 255])
def test_a_piece_of_no_known_type_is_damaged(folder: Path, kind: int) -> None:
    log = read_it(file_of(history({"a": 1})) + fragment(kind, history({"a": 2})), folder)
    assert len(log.step) == (2 if kind == 1 else 1)
    what = {2: "A record without its end", 3: "A record without its beginning", 4: "A record without its beginning"}
    at = len(file_of(history({"a": 1})))
    damaged = what.get(kind, "A damaged piece")
    said = f"{damaged} could not be read and was skipped, once, first at byte {at}{BEHIND}"
    expected = [] if kind == 1 else [said]
    assert [note.text for note in log.notes] == expected


@pytest.mark.parametrize(("more", "text"), [(0, "A cut end"), (1, "A damaged piece")])
def test_a_length_that_leaves_its_block_is_damage_and_one_that_leaves_the_file_a_cut(
    folder: Path, more: int, text: str
) -> None:
    start = file_of(history({"a": 1}))
    length = BLOCK - len(start) - 7 + more
    log = read_it(start + struct.pack("<IHB", 1, length, 1) + b"x" * 9, folder)
    assert [note.text for note in log.notes] == [
        f"{text} could not be read and was skipped, once, first at byte {len(start)}{BEHIND}"
    ]


# Properties ----------------------------------------------------------------------------------------------------------

keys = st.sampled_from(["loss", "train/reward", "_runtime", "ünï", "a b"])
rows_of_numbers = st.lists(st.dictionaries(keys, st.one_of(st.integers(-(10**6), 10**6), st.floats()), min_size=1))


@settings(max_examples=60, deadline=None)
@given(rows=rows_of_numbers, nested=st.booleans())
def test_any_numbers_come_back(rows: list[dict[str, float]], nested: bool, folder: Path) -> None:
    if not rows:
        return
    found = values(read_it(file_of(*(history(row, nested=nested) for row in rows)), folder))
    wanted: dict[str, dict[int, float]] = {}
    for i, row in enumerate(rows):
        for key, value in row.items():
            wanted.setdefault(key, {})[i] = float(value)
    assert repr(found) == repr(wanted)  # repr, so that NaN equals NaN


RECORDS = [part(17, part(1, b"abc")), *(history({"_step": i, "a": i, "b": -i}) for i in range(6))]
FILE = file_of(*RECORDS)
EDGES = [len(file_of(*RECORDS[:i])) for i in range(len(RECORDS) + 1)]


@pytest.mark.parametrize("size", range(len(FILE) + 1))
def test_a_cut_file_gives_what_was_complete(size: int, folder: Path) -> None:
    complete = sum(edge <= size for edge in EDGES) - 2  # without the header and the run record
    try:
        log = read(FILE[:size], folder)
    except NoMetrics:
        assert complete < 1
        return
    if log is None:
        assert size < 4
        return
    assert values(log) == {"a": {i: float(i) for i in range(complete)}, "b": {i: -float(i) for i in range(complete)}}
    assert [note.kind.value for note in log.notes] == ([] if size in EDGES else ["dropped"])


LONG = file_of(*(history({"_step": i, "a": i, "pad": "x" * 9000}) for i in range(12)))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_cut_between_fragments_is_noticed_too(data: st.DataObject, folder: Path) -> None:
    size = data.draw(st.one_of(st.integers(9100, len(LONG)), st.just(BLOCK), st.just(2 * BLOCK), st.just(3 * BLOCK)))
    log = read_it(LONG[:size], folder)
    n = len(log.step)
    assert log.columns["a"].value.tolist() == list(range(n))
    whole = len(file_of(*(history({"_step": i, "a": i, "pad": "x" * 9000}) for i in range(n))))
    assert ("dropped" in [note.kind.value for note in log.notes]) == (size > whole)


@settings(max_examples=200, deadline=None)
@given(at=st.one_of(st.integers(0, len(LONG) - 1), st.integers(0, 40)), bit=st.integers(1, 255))
def test_a_flipped_byte_is_noticed(at: int, bit: int, folder: Path) -> None:
    data = bytearray(LONG)
    data[at] ^= bit
    log = read(bytes(data), folder)
    if log is None:
        assert at < 4
        return
    found = list(zip(log.step[log.columns["a"].row].tolist(), log.columns["a"].value.tolist(), strict=True))
    assert set(found) <= {(i, float(i)) for i in range(12)}
    noticed = {"dropped", "assumed"} & {note.kind.value for note in log.notes}
    assert noticed or len(found) == 12


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=120))
def test_random_bytes_raise_no_other_error(folder: Path, tail: bytes) -> None:
    item_of_it = part(1, part(1, b"k") + part(16, tail))
    for data in (HEADER + tail, file_of(tail), file_of(part(2, tail)), file_of(part(17, tail)), file_of(item_of_it)):
        with contextlib.suppress(ReadError):
            read(data, folder)


# Real files ----------------------------------------------------------------------------------------------------------


def real(pattern: str) -> Path:
    found = sorted(RUNS.glob(pattern))
    if not found:
        pytest.skip(f"no real logs under {RUNS}")
    return found[0]


@pytest.fixture(scope="module")
def procgen() -> Log:
    [log] = wandb_offline.read(Source(real("procgen-ppo-4formats/run-61qqbz3a.wandb"))) or []
    return log


def test_a_procgen_run_equals_its_csv(procgen: Log) -> None:
    with real("procgen-ppo-4formats/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert procgen.step.tolist() == list(range(763))
    assert procgen.columns["global_step"].value.tolist() == [float(row["timesteps"]) for row in rows]
    wanted = [float(row["mean_episode_rewards"]) for row in rows]
    np.testing.assert_allclose(procgen.columns["Rewards/mean_episodes"].value, wanted, rtol=1e-6)
    assert procgen.notes == ()
    assert procgen.config["algo"] == "ppo"


def test_a_procgen_run_equals_its_tensorboard_file(procgen: Log) -> None:
    [other] = tensorboard.read(Source(real("procgen-ppo-4formats/events*"))) or []
    keys = set(other.columns) - {"wall_time"}
    assert keys == {key for key in procgen.columns if "/" in key}
    for key in keys:
        np.testing.assert_allclose(procgen.columns[key].value, other.columns[key].value, rtol=1e-6)
        assert procgen.columns["global_step"].value.tolist() == other.step[other.columns[key].row].tolist()


@pytest.mark.parametrize("name", ["run-w4i7jexi", "run-wntzruuo"])
def test_a_file_cut_before_its_first_row_says_so(name: str) -> None:
    with pytest.raises(NoMetrics, match="A record without its end could not be read"):
        wandb_offline.read(Source(real(f"verl-wandb-stubs-logicrl/{name}.wandb")))


def test_an_empty_file_is_not_recognised() -> None:
    assert wandb_offline.read(Source(real("verl-wandb-stubs-logicrl/run-qe0uj2az.wandb"))) is None

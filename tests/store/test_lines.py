"""Lines that are appended, files that are replaced, a directory that has one writer; values as JSON holds them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import RecordError, UsageError
from heldout.store.lines import (
    LineFile,
    dump_line,
    json_line,
    lock_directory,
    number_of,
    plain_mapping,
    read_rows,
    replacing,
    restored,
)

NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.dictionaries(st.text(max_size=5), st.integers(-9, 9), max_size=3), max_size=5)


@given(rows=ROWS, cut=st.integers(1, 30), more=ROWS)
def test_a_file_cut_anywhere_loses_its_last_line_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, int]], cut: int, more: list[dict[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    whole = b"".join(map(json_line, rows))
    last = json_line({"last": 12345})
    path.write_bytes(whole + last[: min(cut, len(last) - 2)])
    assert read_rows(path) == (rows, 1)
    file = LineFile(path)
    for row in more:
        file.append(json_line(row))
    file.close()
    assert read_rows(path) == ([*rows, *more], 1)


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":2}')
    assert read_rows(path) == ([{"a": 1}, {"a": 2}], 0)
    file = LineFile(path)
    file.append(b'{"a":3}\n')
    file.close()
    assert path.read_bytes() == b'{"a":1}\n{"a":2}\n{"a":3}\n'


def test_lines_that_are_no_objects_are_counted_and_empty_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\n  \n[1]\n{"a":1}\nnull\n{\n\xff\n')
    assert read_rows(path) == ([{"a": 1}], 4)
    assert read_rows(tmp_path / "nowhere") == ([], 0)


def test_a_line_that_the_disk_took_in_part_stays_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    file = LineFile(path)
    file.append(b'{"a":1}\n')
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:4]))
        with pytest.raises(OSError, match="only a part"):
            file.append(b'{"a":2}\n')
    file.append(b'{"a":3}\n')
    file.close()
    assert read_rows(path) == ([{"a": 1}, {"a": 3}], 1)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as new, new.open("w", encoding="ascii") as file:
        print("half", "ä", file=file)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["best.json"]
    with replacing(path) as new:
        new.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["best.json"]


def test_a_directory_has_one_writer_until_the_lock_is_closed(tmp_path: Path) -> None:
    held = lock_directory(tmp_path)
    assert held is not None
    with pytest.raises(RecordError, match=f"process {os.getpid()} is writing this run"):
        lock_directory(tmp_path)
    os.close(held)
    again = lock_directory(tmp_path)
    assert again is not None
    os.close(again)


@given(st.dictionaries(st.text(max_size=6).filter(lambda key: key != "nonfinite"), NUMBERS, max_size=6))
def test_a_line_gives_back_what_was_written(row: dict[str, float]) -> None:
    back = restored(json.loads(dump_line(row)))
    assert back.keys() == row.keys()
    assert all(back[key] == value or (math.isnan(back[key]) and math.isnan(value)) for key, value in row.items())


def test_names_of_numbers_that_are_none_restore_nothing() -> None:
    assert restored({"a": None, "nonfinite": {"a": "huge", "b": "inf"}}) == {"a": None, "b": math.inf}
    assert restored({"a": 1, "nonfinite": 3}) == {"a": 1}


@pytest.mark.parametrize(
    ("value", "number"),
    [(2**63 - 1, 2**63 - 1), (2**63, float(2**63)), (True, 1.0), (np.float32(0.5), 0.5), (np.array([[7]]), 7)],
)
def test_numbers_of_any_library_are_numbers(value: object, number: float) -> None:
    assert number_of(value) == number
    assert type(number_of(value)) is type(number)


@pytest.mark.parametrize("value", [None, "1", b"1", [1], np.array([1, 2]), 1j, object()])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number_of(value) is None


def test_integers_are_kept_up_to_64_bits_and_named_above() -> None:
    assert plain_mapping({"a": 2**63 - 1, "b": 2**63, "c": -(2**63)}, "config") == {
        "a": 2**63 - 1,
        "b": str(2**63),
        "c": str(-(2**63)),
    }


def test_what_cannot_be_written_is_named_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"config\['a'\]\[1\]\['b'\] is a object"):
        plain_mapping({"a": [0, {"b": object()}]}, "config")

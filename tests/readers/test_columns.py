"""Rows of mixed cells as columns: every kind of cell, how deep, how long, and what is said about the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from in_memory import said

from heldout.readers.log import Column, Table, TableBuilder, as_float, some
from heldout.stats.arrays import Buffer


def held(table: Table) -> dict[str, dict[int, float]]:
    return {
        key: dict(zip(column.row.tolist(), column.value.tolist(), strict=True)) for key, column in table.columns.items()
    }


def texts(table: Table) -> dict[str, dict[int, str]]:
    return {
        key: {row: labels.names[code] for row, code in zip(labels.row.tolist(), labels.code.tolist(), strict=True)}
        for key, labels in table.text.items()
    }


def built(*rows: dict[str, Any], null_is_nan: bool = False) -> Table:
    builder = TableBuilder(null_is_nan=null_is_nan)
    builder.add(rows)
    return builder.build()


def test_every_kind_of_cell_goes_where_it_belongs() -> None:
    table = built(
        {"step": 1, "late": None, "a": 0.5, "run": "x", "model": "m", "tags": ["p"], "in": {"b": 1, "c": {"d": 2}}},
        {"step": 2, "late": 7, "a": "1.5", "run": "y", "model": "m", "tags": ["q"], "in": {"b": 3}},
        {"step": 3, "a": True, "other": "free text", "in": {"b": "many"}},
        {"step": "4/9", "a": "", "other": "free text"},
    )
    assert table.rows == 4
    assert held(table) == {
        "step": {0: 1.0, 1: 2.0, 2: 3.0},
        "a": {0: 0.5, 1: 1.5, 2: 1.0},
        "in/b": {0: 1.0, 1: 3.0},
        "in/c/d": {0: 2.0},
        "late": {1: 7.0},
    }
    assert texts(table) == {
        "run": {0: "x", 1: "y"},
        "model": {0: "m", 1: "m"},
        "in/b": {2: "many"},
        "other": {2: "free text", 3: "free text"},
        "step": {3: "4/9"},
    }
    assert table.constants == {"model": "m", "other": "free text", "in/b": "many", "step": "4/9"}
    assert table.left_out == {"run": 2, "model": 2, "tags": 2, "other": 2, "in/b": 1, "step": 1}
    assert said(table.notes()) == [("ignored", "2 columns without numbers (text, lists) left out: run, tags.", 4)]


def test_nothing_is_said_of_a_table_of_numbers_and_settings() -> None:
    assert built({"a": 1, "b": "x"}, {"a": 2, "b": "x"}).notes() == []
    changed = built({"b": "x"}, {"b": "y"}, {"b": "x"})  # what changed once is no setting, whatever comes later
    assert changed.constants == {}
    assert [note.count for note in changed.notes()] == [3]


@pytest.mark.parametrize(("null_is_nan", "rows"), [(False, [1]), (True, [0, 1])])
def test_null_is_a_missing_cell_or_a_nan(null_is_nan: bool, rows: list[int]) -> None:
    table = built({"a": None}, {"a": 2}, null_is_nan=null_is_nan)
    assert table.columns["a"].row.tolist() == rows
    assert bool(np.isnan(table.columns["a"].value[0])) is null_is_nan
    assert table.left_out == {}


def test_a_nan_that_was_logged_is_kept_beside_a_missing_cell() -> None:
    table = built({"a": float("nan")}, {"a": None}, {"a": 1.0})
    assert table.columns["a"].row.tolist() == [0, 2]
    assert np.isnan(table.columns["a"].value[0])


@pytest.mark.parametrize(("depth", "kept"), [(12, True), (13, False)])
def test_objects_are_taken_apart_to_twelve_levels(depth: int, kept: bool) -> None:
    row: dict[str, Any] = {"x": 1}
    for _ in range(depth):
        row = {"n": row}
    table = built(row, {"y": 1})
    assert (f"{'n/' * depth}x" in table.columns) is kept


@pytest.mark.parametrize(("key", "length", "kept"), [("run", 200, True), ("run", 201, False), ("A/Step", 9, True)])
def test_short_text_that_may_name_a_run_or_step_is_kept(key: str, length: int, kept: bool) -> None:
    table = built({key: "n" * length})
    assert (key in table.text) is kept
    assert table.left_out[key] == 1


@pytest.mark.parametrize(
    ("key", "different", "kept"), [("note", 1000, 1000), ("note", 1001, 0), ("my/step", 1001, 1001)]
)
def test_text_of_very_many_values_is_kept_only_where_it_may_say_steps(key: str, different: int, kept: int) -> None:
    table = built(*({key: f"n{i}"} for i in range(different)))
    assert len(texts(table).get(key, {})) == kept
    assert table.left_out == {key: different}


def test_rows_with_other_keys_in_between_stay_in_order() -> None:
    rows: list[dict[str, Any]] = [{"a": i} if i % 3 else {"b": i, "a": i} for i in range(9)]
    table = built(*rows)
    assert list(held(table).items()) == [
        ("b", {0: 0.0, 3: 3.0, 6: 6.0}),
        ("a", {i: float(i) for i in range(9)}),
    ]
    assert table.columns["a"].row.dtype == np.int64


def test_blocks_follow_each_other_and_rows_that_may_change_are_not_kept() -> None:
    builder = TableBuilder()
    builder.add([{"a": 1, "run": "x"}])
    builder.append(Table(2, {"b": Column(np.array([1]), np.array([5.0]))}))
    builder.add([{"a": 2}])
    first = builder.build()
    pending = builder.build([{"a": 3, "c": 4, "run": "y"}, {"b": 6}])
    assert pending.rows == 6
    assert held(pending) == {"a": {0: 1.0, 3: 2.0, 4: 3.0}, "b": {2: 5.0, 5: 6.0}, "c": {4: 4.0}}
    assert texts(pending) == {"run": {0: "x", 4: "y"}}
    assert (pending.constants, pending.left_out) == ({}, {"run": 2})
    for table in (first, builder.build()):
        assert table.rows == 4
        assert held(table) == {"a": {0: 1.0, 3: 2.0}, "b": {2: 5.0}}
        assert (texts(table), table.constants, table.left_out) == ({"run": {0: "x"}}, {"run": "x"}, {"run": 1})


def test_what_a_buffer_returned_stays_what_it_was() -> None:
    buffer = Buffer(np.zeros(1))
    seen = []
    for i in range(40):
        seen.append(buffer.values)
        buffer.extend([i + 1.0] * (i % 3))
    assert [len(values) for values in seen] == [1 + sum(k % 3 for k in range(i)) for i in range(40)]
    whole = [0.0, *(i + 1.0 for i in range(40) for _ in range(i % 3))]
    assert all(values.tolist() == whole[: len(values)] for values in seen)
    assert len(buffer) == len(whole)
    with pytest.raises(ValueError, match="read-only"):
        buffer.values[0] = 1.0
    other = buffer.copy()
    other.extend([-1.0])
    buffer.extend([-2.0])
    assert (other.values[-1], buffer.values[-1]) == (-1.0, -2.0)


def test_a_buffer_grows_to_twice_what_it_must_hold() -> None:
    """So that appending row by row costs the same for each row."""
    buffer = Buffer(np.zeros((0, 2)))
    buffer.extend([[1.0, 2.0]])
    base = buffer.values.base
    assert base is not None
    assert base.shape == (2, 2)
    buffer.extend([[3.0, 4.0]])
    assert buffer.values.base is base
    buffer.extend([[5.0, 6.0]])
    assert buffer.values.tolist() == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


@pytest.mark.parametrize(
    ("cell", "number"),
    [(True, 1.0), (3, 3.0), (" 2.5 ", 2.5), ("x", None), (10**400, None), ([1], None), (None, None), ({}, None)],
)
def test_a_cell_is_a_number_where_it_reads_as_one(cell: object, number: float | None) -> None:
    assert as_float(cell) == number


def test_keys_in_a_sentence_are_cut_to_sixty_characters_and_a_few() -> None:
    assert some(["a" * 60, "b" * 61]) == f"{'a' * 60}, {'b' * 57}…"
    assert some(list("abcdefgh")) == "a, b, c, d, e, f, g, h"
    assert some(list("abcdefghi")) == "a, b, c, d, e, f, g, h and 1 more"
    assert some(list("abcde"), 2) == "a, b and 3 more"

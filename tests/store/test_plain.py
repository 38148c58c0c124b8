"""Values as JSON holds them: what is written is read back, and what cannot be written is refused with its place."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.errors import UsageError
from heldout.store.plain import dump_line, number_of, plain_mapping, restored

NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1)


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

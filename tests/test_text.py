"""Words and numbers for people."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.text import counted, number, sentence_list, visible


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (4.3, 1.13, "4.30"),
        (0.29, 0.058, "0.290"),
        (6480, 2130, "6480"),
        (24.5, 9.5, "24.5"),
        (-0.0004, 1, "0"),
        (0, 0, "0"),
        (2.5e7, 1e7, "2.5e+07"),
        (float("nan"), 1, "nan"),
        (1e-9, 1e-9, "1e-09"),
    ],
)
def test_a_number_has_the_digits_its_range_needs(value: float, scale: float, text: str) -> None:
    assert number(value, scale) == text


def test_counts_are_singular_and_plural() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(1200, "row") == "1 200 rows"


def test_lists_read_as_sentences() -> None:
    assert sentence_list(["a", "b", "c"]) == "a, b and c"
    assert sentence_list(["a"]) == "a"
    assert sentence_list([]) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 奖励 🙂", "plain ä 奖励 🙂"),
        ("\x1b]0;T\x07", "\\x1b]0;T\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("caf\udce9", "caf\\udce9"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_whatever_is_visible_can_stand_in_utf_8_and_in_xml(text: str) -> None:
    shown = visible(text)
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;")
    assert (ElementTree.fromstring(f"<a>{escaped}</a>").text or "") == shown
    assert visible(shown) == shown

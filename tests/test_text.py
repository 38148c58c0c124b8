"""Words and numbers for people."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.text import counted, number, sentence_list, visible, visible_lines


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
        ("ex\u200bit\u00a0()\ufeff", "ex\\u200bit\\xa0()\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
    ],
)
def test_what_is_obeyed_or_not_seen_is_written_as_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_whatever_is_visible_can_stand_in_utf_8_and_in_xml(text: str) -> None:
    shown = visible(text)
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;")
    assert (ElementTree.fromstring(f"<a>{escaped}</a>").text or "") == shown
    assert visible(shown) == shown


def test_every_character_without_a_shape_is_written_as_its_code() -> None:
    of_itself = {"Cc", "Cs", "Zl", "Zp"}
    unseen = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in of_itself]
    assert all(visible(one) != one for one in unseen)
    seen = {one for one in map(chr, range(0x110000)) if unicodedata.category(one) == "Cf" and visible(one) == one}
    assert all(
        unicodedata.name(one).startswith(("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND")) for one in seen
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ("",)),
        ("exit()\n", ("exit()",)),
        ("a\r\nb\rc\n\n", ("a", "b\\rc", "")),
        ("if x:\n\texit()", ("if x:", "→   exit()")),
        ("a\x0bb\x85c\u2028d", ("a\\x0bb\\x85c\\u2028d",)),  # lines for Python's splitlines, not for its parser
        ("\x00\x1b[2J\u202e<b>", ("\\x00\\x1b[2J\\u202e<b>",)),
    ],
)
def test_a_text_is_shown_line_by_line(text: str, lines: tuple[str, ...]) -> None:
    assert visible_lines(text).lines == lines
    assert visible_lines(text).rest == ""


def test_of_a_long_text_its_beginning_is_shown_and_how_much_is_left() -> None:
    long = visible_lines("é" * 5_000_000 + "\udc80")
    assert sum(map(len, long.lines)) == 65_536
    assert long.rest == "rest 9.9 MB"
    few = visible_lines("a\nb\nc\n", most=2)
    assert (few.lines, few.rest) == (("a", "b"), "rest 3 B")
    assert visible_lines("a\nb\n", most=2).rest == ""
    assert visible_lines("abcdef", size=4).lines == ("abcd",)


@given(st.text(st.characters()))
def test_the_lines_of_a_text_hold_no_line_break_and_nothing_unseen(text: str) -> None:
    assert all(visible(line) == line for line in visible_lines(text).lines)

"""Files: what is read of them, and what is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from heldout.errors import NotUnderstood
from heldout.readers.log import Log
from heldout.readers.source import HEAD, Files, Source, whole_lines


@pytest.mark.parametrize(("bad", "is_text"), [(1, True), (2, True), (3, False)])
def test_text_may_hold_one_damaged_byte_in_fifty(tmp_path: Path, bad: int, is_text: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * (100 - bad) + b"\xff" * bad)
    assert Source(path).is_text == is_text


def test_a_nul_byte_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"step,reward\0" * 100)
    assert not Source(path).is_text


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_head_is_the_first_64_kib(tmp_path: Path, beyond: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * HEAD + b"y" * beyond)
    source = Source(path)
    assert source.head == b"x" * 65_536
    assert len(source.data) == HEAD + beyond


def test_text_is_without_colours_prefixes_and_carriage_returns(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbf\x1b[36m(TaskRunner pid=12) step:1\x1b[0m\r\n50%\r100%\n")
    assert Source(path).text == "step:1\n50%\n100%\n"


@pytest.mark.parametrize(("end", "open_"), [(b"\n", False), (b"\r", False), (b"x", True)])
def test_a_last_line_without_an_end_is_open(tmp_path: Path, end: bytes, open_: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a\nb" + end)
    assert Source(path).ends_open == open_


@pytest.mark.parametrize(("last", "expected"), [(False, b"a\n"), (True, b"a\nb")])
def test_a_line_counts_where_it_has_an_end_or_nothing_follows(last: bool, expected: bytes) -> None:
    assert whole_lines(b"a\nb", last) == expected


def test_an_unchanged_file_is_not_read_again_and_its_error_is_raised_again(tmp_path: Path) -> None:
    path, asked = tmp_path / "a", []

    def read(source: Source) -> list[Log]:
        asked.append(source.path)
        raise NotUnderstood("no log")

    path.write_text("x")
    files = Files(growing=True)
    for _ in range(3):
        with pytest.raises(NotUnderstood, match="no log"):
            files.logs(path, read)
    assert len(asked) == 1
    path.write_text("xy")
    with pytest.raises(NotUnderstood):
        files.logs(path, read)
    assert len(asked) == 2

"""Files: what is read of them, and what is read again."""

from __future__ import annotations

from pathlib import Path

import pytest

import heldout.readers.source as source_module
from heldout.errors import NotUnderstood
from heldout.readers.log import Log
from heldout.readers.source import CUT_HERE, HEAD, Files, Source, whole_lines


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


# -- what grows -------------------------------------------------------------------------------------------------------


class Lines:
    """A parser that remembers what it was fed, and uses whole lines."""

    def __init__(self) -> None:
        self.fed: list[tuple[bytes, bool]] = []
        self.used = b""

    def feed(self, data: bytes, last: bool) -> int:
        self.fed.append((data, last))
        lines = whole_lines(data, last)
        self.used += lines
        return len(lines)


class Texts:
    """A parser of text that remembers what it was fed."""

    def __init__(self) -> None:
        self.fed: list[tuple[str, bool]] = []

    def feed(self, text: str, last: bool) -> None:
        self.fed.append((text, last))


@pytest.mark.parametrize(
    ("data", "fed"),
    [
        (b"", [(b"", True)]),
        (b"a\n", [(b"a\n", True)]),
        (b"a\nb\nc", [(b"a\nb\n", False), (b"c", True)]),
        (b"a\nb\n", [(b"a\nb\n", False), (b"", True)]),
        (b"a\nbcde", [(b"a\nbc", False), (b"bcde", True)]),
        (b"abcdefghij\nk", [(b"abcd", False), (b"abcdefgh", False), (b"abcdefghij\nk", True)]),
    ],
)
def test_a_finished_file_is_fed_piece_by_piece_and_what_was_not_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, fed: list[tuple[bytes, bool]]
) -> None:
    monkeypatch.setattr(source_module, "_PIECE", 4)
    path = tmp_path / "a"
    path.write_bytes(data)
    parser = Source(path).fed(Lines)
    assert parser.fed == fed
    assert parser.used == data


def test_a_growing_file_is_fed_what_is_new_and_what_was_not_used(tmp_path: Path) -> None:
    path, files = tmp_path / "a", Files(growing=True)
    path.write_bytes(b"")
    assert files.source(path).fed(Lines).fed == []
    path.write_bytes(b"a\nb")
    assert files.source(path).fed(Lines).fed == [(b"a\nb", False)]
    path.write_bytes(b"a\nbc\nd")
    parser = files.source(path).fed(Lines)
    assert parser.fed == [(b"a\nb", False), (b"bc\nd", False)]
    source = files.source(path)
    assert (source.size, source.data, source.ends_open) == (6, b"a\nbc\nd", True)
    path.write_bytes(b"x\nbc\nd\n")  # another file at the same place
    assert files.source(path).fed(Lines).fed == [(b"x\nbc\nd\n", False)]


@pytest.mark.parametrize(
    ("pieces", "fed"),
    [
        (["a\nb", "c\n"], [("a\n", False), ("bc\n", False)]),
        (["a\rb\r", "\nc"], [("a\n", False), ("b\n", False)]),  # a return at the end may be half of a line end
        (["a\rb\rc", ""], [("a\nb\n", False)]),
        (["abc", "d"], []),
    ],
)
def test_a_growing_text_is_fed_whole_lines(tmp_path: Path, pieces: list[str], fed: list[tuple[str, bool]]) -> None:
    path, files, text, parser = tmp_path / "a", Files(growing=True), "", Texts()
    for piece in pieces:
        text += piece
        path.write_bytes(text.encode())
        parser = files.source(path).fed_text(Texts)
    assert parser.fed == fed


@pytest.mark.parametrize(("text", "fed"), [("", [("", True)]), ("\ufeffa\r\nb\rc", [("a\nb\nc", True)])])
def test_a_finished_text_is_fed_at_once(tmp_path: Path, text: str, fed: list[tuple[str, bool]]) -> None:
    path = tmp_path / "a"
    path.write_bytes(text.encode())
    assert Source(path).fed_text(Texts).fed == fed


def test_two_readers_of_a_growing_text_go_on_each_where_it_was(tmp_path: Path) -> None:
    class Late(Texts):
        pass

    path, files = tmp_path / "a", Files(growing=True)
    path.write_bytes(b"a\n")
    files.source(path).fed_text(Texts)
    path.write_bytes(b"a\nb\n")
    source = files.source(path)
    assert source.fed_text(Late).fed == [("a\nb\n", False)]
    assert source.fed_text(Texts).fed == [("a\n", False), ("b\n", False)]


@pytest.mark.parametrize(("changed", "again"), [(4096, False), (4097, True)])
def test_a_file_is_known_by_the_4096_bytes_before_the_place_that_was_reached(
    tmp_path: Path, changed: int, again: bool
) -> None:
    """A change within them is seen, one before them is not."""
    path, files = tmp_path / "a", Files(growing=True)
    data = bytearray(b"x" * 9999 + b"\n")
    path.write_bytes(data)
    first = files.source(path)
    first.fed(Lines)
    data[-changed] = ord("y")
    with path.open("r+b") as file:
        file.write(data)
    assert (files.source(path) is first) is again


@pytest.mark.parametrize(("before", "after", "text"), [(HEAD, 9, False), (9, 9, True), (HEAD - 1, 1, True)])
def test_a_beginning_that_grows_is_read_on_until_it_is_whole(
    tmp_path: Path, before: int, after: int, text: bool
) -> None:
    path, files = tmp_path / "a", Files(growing=True)
    path.write_bytes(b"x" * (before - 1) + b"\n")
    source = files.source(path)
    assert source.is_text
    source.fed(Lines)
    with path.open("ab") as file:
        file.write(b"\0" * after)
    assert files.source(path) is source
    assert len(source.head) == min(before + after, HEAD)
    assert source.is_text is not text


def test_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    files = Files(growing=True)
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text("x\n")
        files.logs(path, lambda source: [])
    a, b, c = paths
    a.unlink()
    b.unlink()
    files.forget_others([a])
    assert list(files._sources) == list(files._found) == [a, c]


def test_a_file_of_another_inode_is_read_anew(tmp_path: Path) -> None:
    path, other, files = tmp_path / "a", tmp_path / "b", Files(growing=True)
    path.write_text("x\n")
    other.write_text("x\n")
    first = files.source(path)
    first.fed(Lines)
    assert files.source(path) is first
    other.replace(path)
    assert files.source(path) is not first
    assert Files().source(path) is not Files().source(path)
    assert not Files().source(path).growing


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("(pid=12) a", "a"),
        ("(Worker pid=12, ip=1.2.3.4) a", "a"),
        ("(Worker::run pid=12)  a", " a"),
        ("(ip=1.2.3.4) a", "a"),
        ("a (pid=12) b", "a (pid=12) b"),
        ("(a b pid=1) c", "(a b pid=1) c"),
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b[?25lhidden", "hidden"),
    ],
)
def test_colours_and_the_prefixes_of_ray_are_taken_out(tmp_path: Path, line: str, text: str) -> None:
    path = tmp_path / "a"
    path.write_text(f"{line}\n{line}\n")
    assert Source(path).text == f"{text}\n{text}\n"


def test_blocks_are_of_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"ab\ncdef\ng\nh")
    assert list(Source(path).blocks(4)) == [b"ab\ncdef\n", b"g\nh"]


# -- odd ends of what is printed --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "is_text"),
    [
        (b"\0" * 16 + b"step=1\n", True),  # emptied under its writer
        (b"step=1\n" + b"\0" * 4096 + b"step=2\n", True),  # a block that the file system lost
        (b"\0" * 15 + b"step=1\n", False),
        (b"\0" * 64, False),
        (b"\0" * 64 + b"\x01\x02 weights", False),
    ],
)
def test_blocks_of_nul_bytes_are_no_binary_content(tmp_path: Path, data: bytes, is_text: bool) -> None:
    (tmp_path / "a").write_bytes(data)
    source = Source(tmp_path / "a")
    assert source.is_text is is_text
    assert not is_text or source.text.startswith("step=1\n")


@pytest.mark.parametrize(
    "before",
    [
        "2026-01-02T10:00:00.123456789Z ",
        "2026-01-02T10:00:00Z stdout F ",
        "2026-01-02T10:00:00,123Z stderr P \x1b[36m(Worker pid=12)\x1b[0m ",
        "(Worker pid=12, ip=10.0.0.1) ",
    ],
)
def test_what_stands_before_each_line_is_taken_off(tmp_path: Path, before: str) -> None:
    (tmp_path / "a").write_text(f"{before}one\n{before}two [repeated 3x across cluster]\n")
    assert Source(tmp_path / "a").text == "one\ntwo\n"


@pytest.mark.parametrize(("length", "marked"), [(4095, False), (4096, True), (4097, False)])
def test_a_line_as_long_as_wandb_keeps_is_marked_for_consoles(tmp_path: Path, length: int, marked: bool) -> None:
    (tmp_path / "a").write_text(f"short\n{'x' * length}\nshort\n")

    class Kept:
        text = ""

        def feed(self, text: str, last: bool) -> None:
            self.text += text

    source = Source(tmp_path / "a")
    assert (CUT_HERE in source.fed_text(Kept).text) is marked
    assert CUT_HERE not in source.text

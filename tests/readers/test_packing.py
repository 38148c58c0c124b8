"""Packed files, and files in UTF-16: read like what they stand for."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import packing, read_all
from heldout.readers.packing import bare
from heldout.readers.source import HEAD, Files, Source
from heldout.run import NoteKind


def zstd(data: bytes) -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
}
LINES = "".join(json.dumps({"step": i, "reward": i / 8, "note": "x" * 40}) + "\n" for i in range(1, 2001)).encode()


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_log_is_read_like_the_log(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"mine.jsonl.{name}"
    path.write_bytes(PACKERS[name](LINES))
    run = read(path)
    assert run.name == "mine"
    assert run["reward"].value.tolist() == [i / 8 for i in range(1, 2001)]
    assert [note.text for note in run.notes if "packed" in note.text] == []


@pytest.mark.parametrize("name", PACKERS)
def test_a_packed_file_that_is_cut_is_read_up_to_there(tmp_path: Path, name: str) -> None:
    rows = ({"step": i, "reward": i * 2_654_435_761 % 10**9} for i in range(1, 60_001))
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    packed = PACKERS[name](data)
    path = tmp_path / f"mine.jsonl.{name}"
    path.write_bytes(packed[: len(packed) * 9 // 10])
    run = read(path)
    assert 100 < len(run.steps) < 60_000
    assert [note.kind for note in run.notes if "packed file is cut" in note.text] == [NoteKind.DROPPED]


@pytest.mark.parametrize("name", ["gz", "bz2", "xz"])
def test_several_packed_pieces_in_one_file_are_one_log(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.log"  # recognised by content
    half = LINES.index(b'{"step": 1001')
    path.write_bytes(PACKERS[name](LINES[:half]) + PACKERS[name](LINES[half:]))
    assert len(read(path).steps) == 2000


def test_a_packed_file_that_is_damaged_from_its_beginning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(LINES)[:10])
    with pytest.raises(ReadError, match=r"a\.gz: a packed file that is empty or damaged"):
        read(path)


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize(("beyond", "is_read"), [(0, True), (1, False)])
def test_what_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beyond: int, is_read: bool
) -> None:
    monkeypatch.setattr(packing, "LARGEST", len(LINES) - beyond)
    path = tmp_path / f"a.{name}"
    path.write_bytes(PACKERS[name](LINES))
    if is_read:
        assert len(read(path).steps) == 2000
    else:
        with pytest.raises(NoMetrics, match=r"unpacks to more than \d+ MiB.*unpack it yourself"):
            read(path)


@pytest.mark.parametrize(("magic", "name"), [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "RAR")])
def test_what_is_packed_by_others_is_refused_with_what_to_do(tmp_path: Path, magic: bytes, name: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(magic + bytes(99))
    with pytest.raises(NoMetrics, match=f"packed by {name}, which heldout does not unpack; unpack it"):
        read(path)


def test_in_a_folder_a_packed_log_is_read_and_its_copy_beside_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "weights.bin.gz").write_bytes(gzip.compress(LINES))
    assert [run.name for run in read_all(tmp_path)] == [tmp_path.name]
    (tmp_path / "a.jsonl").write_bytes(LINES)
    assert len(read_all(tmp_path)) == 1
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(LINES))
    assert [run.name for run in read_all(tmp_path)] == ["a", "b"]


def test_the_name_without_what_packed_it() -> None:
    names = [bare(Path(name)).name for name in ("a.csv.gz", "a.XZ", "a.csv", "a")]
    assert names == ["a.csv", "a", "a.csv", "a"]


def test_a_packed_file_can_be_followed(tmp_path: Path) -> None:
    path, files = tmp_path / "a.jsonl.gz", Files(growing=True)
    for steps in (1, 5, 9):
        rows = "".join(json.dumps({"step": i, "reward": i / 8}) + "\n" for i in range(steps))
        path.write_bytes(gzip.compress(rows.encode()))
        (run,) = read_all(path, files=files)
        assert len(run.steps) == steps


TABLE = "step\treward\n" + "".join(f"{i}\t{i / 8}\n" for i in range(1, 9))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8"])
def test_a_text_in_two_bytes_a_character_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TABLE.encode(encoding))
    assert read(path)["reward"].value.tolist() == [i / 8 for i in range(1, 9)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_lines_in_utf16_that_are_longer_than_the_head(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES.decode().encode(encoding))
    assert len(read(path).steps) == 2000


@pytest.mark.parametrize("data", [b"\0\1" * 500, b"\1\0\2\0" * 99, b"a\0b\0" * 50, b"\xff\xfea", b"a\0\n\0"])
def test_binary_content_is_no_utf16(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(ReadError):
        read(path)


def test_a_plain_file_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES)
    source = Source(path)
    assert source.content is None
    assert source.file == path
    assert source.head == LINES[:HEAD]

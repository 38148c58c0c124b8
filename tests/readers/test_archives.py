"""Archives: read as the folders that they hold, and nothing else done with them."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from heldout import read
from heldout.errors import NoMetrics, NotUnderstood, ReadError
from heldout.readers import archives, packing, read_all


def lines(steps: int) -> bytes:
    return "".join(json.dumps({"step": i, "reward": i / 8}) + "\n" for i in range(1, steps + 1)).encode()


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: Mapping[str, bytes], mode: str = "") -> Path:
    with tarfile.open(path, f"w:{mode}") as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.mark.parametrize("name", ["runs.zip", "runs.tar", "runs.tar.gz", "runs.tar.bz2", "runs.tar.xz", "runs.tgz"])
def test_an_archive_is_read_as_a_folder(tmp_path: Path, name: str) -> None:
    members = {"a/metrics.jsonl": lines(8), "b/metrics.jsonl": lines(9), "weights.bin": b"\0" * 999}
    mode = {"tgz": "gz", "tar": ""}.get(name.rsplit(".", 1)[1], name.rsplit(".", 1)[1])
    path = (zipped if name.endswith("zip") else lambda path, members: tarred(path, members, mode))(
        tmp_path / name, members
    )
    assert [(run.name, len(run.steps)) for run in read_all(path)] == [("a", 8), ("b", 9)]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_run_in_an_archive_of_one_file_is_called_after_the_archive(tmp_path: Path) -> None:
    assert read(zipped(tmp_path / "mine.zip", {"metrics.jsonl": lines(3)})).name == "mine"
    assert read(tarred(tmp_path / "mine.tar.gz", {"metrics.jsonl": lines(3)}, "gz")).name == "mine"


def test_a_refusal_names_the_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "mine.zip", {"a.txt": b"Nothing to see.\n"})
    with pytest.raises(NotUnderstood) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: no training log was found. {path}/a.txt: text without metrics")


HOSTILE = ["../out.jsonl", "/out.jsonl", "a/../../out.jsonl", "..\\out.jsonl", "C:\\out.jsonl", "a/b:c.jsonl"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_out_of_the_folder_are_left_out_and_said(tmp_path: Path, kind: str, name: str) -> None:
    write = zipped if kind == "zip" else tarred
    run = read(write(tmp_path / f"a.{kind}", {name: lines(99), "metrics.jsonl": lines(3)}))
    assert len(run.steps) == 3
    assert [note.count for note in run.notes if "unsafe names" in note.text] == [1]
    assert [path.name for path in tmp_path.rglob("*out*")] == []


def test_links_are_left_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(lines(99))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link.jsonl")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, str(secret))
        archive.writestr("metrics.jsonl", lines(3))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            link = tarfile.TarInfo(f"link{kind!r}.jsonl")
            link.type, link.linkname = kind, str(secret)
            tar.addfile(link)
        info_ = tarfile.TarInfo("metrics.jsonl")
        info_.size = len(lines(3))
        tar.addfile(info_, io.BytesIO(lines(3)))
    for name, left_out in (("a.zip", 1), ("a.tar", 4)):
        run = read(tmp_path / name)
        assert len(run.steps) == 3
        assert [note.count for note in run.notes if "left out: links" in note.text] == [left_out]


@pytest.mark.parametrize(("size", "is_read"), [(10**6, True), (10**6 + 1, False)])
@pytest.mark.parametrize("members", [1, 2])
def test_bombs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: int, size: int, is_read: bool
) -> None:
    monkeypatch.setattr(archives, "LARGEST", 10**6)
    monkeypatch.setattr(packing, "LARGEST", 10**6)
    rows = lines(10)
    parts = {"metrics.jsonl": rows + b" " * (size - len(rows))} if members == 1 else {}
    parts = parts or {"a.txt": b"0" * (size - len(rows)), "metrics.jsonl": rows}
    path = zipped(tmp_path / "a.zip", parts)
    if is_read:
        assert len(read(path).steps) == 10
    else:
        with pytest.raises(NoMetrics, match=r"unpacks to more than"):
            read(path)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_tar_that_never_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "LARGEST", 10**6)
    path = tmp_path / "a.tar.gz"
    tarred(path, {"weights.bin": b"0" * 10**7}, "gz")  # which is not unpacked, but has to be passed
    with pytest.raises(NoMetrics, match=r"unpacks to more than"):
        read(path)


@pytest.mark.parametrize(("count", "is_read"), [(5, True), (6, False)])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_very_many_members_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int, is_read: bool
) -> None:
    monkeypatch.setattr(archives, "_MOST", 5)
    members = {f"{i}.jsonl": lines(3) for i in range(count)}
    path = (zipped if kind == "zip" else tarred)(tmp_path / f"a.{kind}", members)
    if is_read:
        assert len(read_all(path)) == 5
    else:
        with pytest.raises(NoMetrics, match=r"more than 5 members.*unpack it yourself"):
            read_all(path)


def test_damaged_archives_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    data = {"metrics.jsonl": lines(50), "z.txt": os.urandom(99_999)}
    path = tarred(tmp_path / "a.tar.gz", data, "gz")
    path.write_bytes(path.read_bytes()[:-5000])
    assert len(read(path).steps) == 50
    path = zipped(tmp_path / "a.zip", data)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(NoMetrics, match=r"a\.zip: a damaged zip archive; copy it again"):
        read(path)


def test_a_log_packed_inside_of_an_archive_is_read(tmp_path: Path) -> None:
    assert len(read(zipped(tmp_path / "a.zip", {"m.jsonl.gz": gzip.compress(lines(5))})).steps) == 5


def test_workbooks_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.xlsx", {"[Content_Types].xml": b"", "xl/workbook.xml": b""})
    (tmp_path / "a.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99))
    for one in (path, tmp_path / "a.xls"):
        with pytest.raises(NoMetrics, match=r"a workbook of a spreadsheet; save its sheet as CSV"):
            read(one)


def test_files_of_numpy_are_no_archives(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.npz"
    np.savez(path, timesteps=np.arange(1, 4), results=np.ones((3, 2)))
    assert read(path).format == "Stable-Baselines3 evaluations.npz"


def test_folders_of_the_system_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    members = {"__MACOSX/._m.jsonl": b"\0" * 99, ".DS_Store": b"\0", "m.jsonl": lines(3)}
    run = read(zipped(tmp_path / "a.zip", members))
    assert [note.text for note in run.notes if "not read" in note.text or "left out" in note.text] == []


def test_checkpoints_in_an_archive_are_not_recommended(tmp_path: Path) -> None:
    members = {"checkpoint-2/x.txt": b"x", "metrics.jsonl": lines(3)}
    assert read(zipped(tmp_path / "a.zip", members)).checkpoints == {}


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no training log was found"):
        read(zipped(tmp_path / "a.zip", {}))

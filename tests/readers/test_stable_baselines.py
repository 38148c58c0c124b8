"""monitor.csv and evaluations.npz of Stable-Baselines3."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import told

from heldout.errors import NoMetrics, ReadError
from heldout.readers.documents import stable_baselines
from heldout.readers.documents.stable_baselines import read
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.run import NoteKind

HEADER = '#{"t_start": 1700000000.5, "env_id": "CartPole-v1"}\nr,l,t\n'

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def read_bytes(data: bytes) -> list[Log] | None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        return read(Source(path))


def one(data: bytes | str) -> Log:
    logs = read_bytes(data.encode() if isinstance(data, str) else data)
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def cells(log: Log) -> dict[str, list[float]]:
    return {key: column.value.tolist() for key, column in log.columns.items()}


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


EVALUATIONS = npz(
    timesteps=[100, 200, 300], results=[[1.0, 3.0], [2.0, 2.0], [0.0, 8.0]], ep_lengths=[[5, 7], [6, 8], [9, 9]]
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_monitor(end: str) -> None:
    log = one((HEADER + "21.0,21,0.52\n9.5,10,0.7\n-1.25,8,0.9\n").replace("\n", end))
    assert log.format == "sb3-monitor"
    assert log.step.tolist() == [21, 31, 39]
    assert cells(log) == {"r": [21.0, 9.5, -1.25], "l": [21.0, 10.0, 8.0], "t": [0.52, 0.7, 0.9]}
    assert log.config == {"t_start": 1700000000.5, "env_id": "CartPole-v1"}
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 3)]


def test_monitor_with_more_columns_and_a_second_header() -> None:
    head = HEADER.replace("r,l,t", "r,l,t,is_success")
    log = one(f"{head}1.0,5,0.5,True\n{head.split(chr(10))[1]}\n2.0,5,0.6,False\nx\n3.0,five,0.7,True\n")
    assert log.step.tolist() == [5, 10]
    assert cells(log)["r"] == [1.0, 2.0]
    assert [(note.kind, note.count) for note in log.notes[:2]] == [(NoteKind.ASSUMED, 2), (NoteKind.DROPPED, 2)]


def test_monitor_cut() -> None:
    log = one(f"{HEADER}1.0,5,0.5\n2.0,5,0.6")
    assert log.step.tolist() == [5]
    assert "last row is cut" in log.notes[-1].text


@pytest.mark.parametrize("text", [HEADER, HEADER[:60], f"{HEADER}1.0,5", f"{HEADER}a,b,c\n"])
def test_monitor_without_episodes(text: str) -> None:
    with pytest.raises(NoMetrics, match="no whole row"):
        read_bytes(text.encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"r,l,t\n1,2,3\n", b"#{", b"#{}\nr,l,t\n1,2,3\n", b"#" + b"{" * 100_000, b"#{\0", b"PK\x03\x04", b"PK\x05"],
)  # fmt: skip
def test_other_content(data: bytes) -> None:
    assert read_bytes(data) is None


def test_evaluations() -> None:
    log = one(EVALUATIONS)
    assert log.format == "sb3-evaluations"
    assert log.step.tolist() == [100, 200, 300]
    assert cells(log) == {
        "eval/mean_reward": [2.0, 2.0, 4.0], "eval/std_reward": [1.0, 0.0, 4.0], "eval/mean_ep_length": [6.0, 7.0, 9.0],
    }  # fmt: skip
    assert log.notes == ()


def test_evaluations_with_successes_and_without_lengths() -> None:
    log = one(npz(timesteps=[8, 16], results=[[1.0], [2.0]], successes=[[True], [False]]))
    assert cells(log) == {
        "eval/mean_reward": [1.0, 2.0],
        "eval/std_reward": [0.0, 0.0],
        "eval/success_rate": [1.0, 0.0],
    }


@pytest.mark.parametrize(
    "arrays",
    [
        {"timesteps": [], "results": []},
        {"timesteps": [1, 2], "results": [1.0, 2.0, 3.0]},
        {"timesteps": [1], "results": np.array([[object()]], dtype=object)},
        {"timesteps": [1], "results": [["a"]]},
    ],
    ids=["none", "shapes", "objects", "text"],
)
def test_evaluations_that_hold_none(arrays: dict[str, Any]) -> None:
    with pytest.raises(NoMetrics):
        read_bytes(npz(**arrays))


def test_an_array_that_claims_to_be_enormous() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("timesteps", "results"):
            head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117) + b"\n"
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    with pytest.raises(NoMetrics, match="damaged"):
        read_bytes(buffer.getvalue())


@pytest.mark.parametrize("names", [["word/document.xml"], ["timesteps.npy"], []])
def test_another_zip(names: list[str]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    assert read_bytes(buffer.getvalue()) is None


@QUICK
@given(data=st.data())
def test_cut_files(data: st.DataObject) -> None:
    whole = f"{HEADER}1.0,5,0.5\n2.0,15,0.625\n4.5,7,0.75\n".encode()
    for content, full in ((whole, [5, 20, 27]), (EVALUATIONS, [100, 200, 300])):
        try:
            logs = read_bytes(content[: data.draw(st.integers(0, len(content)))])
        except ReadError:
            continue
        for log in logs or []:
            assert log.step.tolist() == full[: len(log.step)]


@QUICK
@given(data=st.data())
def test_flipped_bytes_never_break_it(data: st.DataObject) -> None:
    content = bytearray(EVALUATIONS)
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    try:
        logs = read_bytes(bytes(content))
    except ReadError:
        return
    assert logs is None or len(logs) == 1


@QUICK
@given(st.text(alphabet='#{}",:\nrlt0123.', max_size=100))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", "#{", HEADER, f"{HEADER}1.0,2,3\n"):
        try:
            logs = read_bytes((start + text).encode())
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@QUICK
@given(st.lists(st.tuples(st.floats(), st.integers(1, 10**6)), min_size=1, max_size=6))
def test_round_trip(episodes: list[tuple[float, int]]) -> None:
    log = one(HEADER + "".join(f"{reward!r},{length},0.5\n" for reward, length in episodes))
    assert cells(log)["r"] == pytest.approx([reward for reward, _ in episodes], nan_ok=True, rel=0, abs=0)
    assert log.step.tolist() == np.cumsum([length for _, length in episodes]).tolist()


# -- in full ----------------------------------------------------------------------------------------------------------


def test_a_whole_monitor_file() -> None:
    rows = (
        '1.0,5,0.5,a\n2.0,x,0.6,b\n3.0\n4.0,7,0.7,"a,b"\n5.0,1234567890123,1,c\n6.0,123456789012,1,c\n7.0,-3,1,c\n8.0,1'
    )
    log = one(HEADER.replace("r,l,t", "r,l,t,id") + rows)
    assert told(log) == {
        "format": "sb3-monitor",
        "step": [5, 12, 123456789024],
        "columns": {
            "r": {0: 1.0, 1: 4.0, 2: 6.0},
            "l": {0: 5.0, 1: 7.0, 2: 123456789012.0},
            "t": {0: 0.5, 1: 0.7, 2: 1.0},
        },
        "config": {"t_start": 1700000000.5, "env_id": "CartPole-v1"},
        "notes": [
            (
                "assumed",
                "The step of an episode is the sum of the lengths so far (column l) in this one environment.",
                3,
            ),
            ("dropped", "4 rows did not fit the header and were left out.", 4),
            ("dropped", "The last row is cut and was left out.", 1),
            ("ignored", "1 column without numbers (text, lists) left out: id.", 3),
        ],
    }


@pytest.mark.parametrize("names", [{}, {"ep_lengths": np.zeros((2, 0))}, {"ep_lengths": np.array([[3], [4]])}])
def test_arrays_without_episodes_give_no_column(names: dict[str, Any]) -> None:
    log = one(npz(timesteps=[[8], [16]], results=[[1.0, 2.0], [2.0, 6.0]], other=[1], **names))
    assert log.step.tolist() == [8, 16]
    expected = {"eval/mean_reward": [1.5, 4.0], "eval/std_reward": [0.5, 2.0]}
    assert cells(log) == (
        {**expected, "eval/mean_ep_length": [3.0, 4.0]} if names.get("ep_lengths", np.zeros(0)).size else expected
    )


def test_evaluations_that_hold_nothing_yet_say_so() -> None:
    with pytest.raises(NoMetrics, match=r"evaluations\.npz holds no evaluation yet; read it after the first one\.$"):
        read_bytes(npz(timesteps=[], results=[]))


@pytest.mark.parametrize(("most", "damaged"), [(0, False), (-1, True)])
def test_arrays_are_unpacked_up_to_a_size(monkeypatch: pytest.MonkeyPatch, most: int, damaged: bool) -> None:
    with zipfile.ZipFile(io.BytesIO(EVALUATIONS)) as archive:
        size = sum(info.file_size for info in archive.infolist())
    monkeypatch.setattr(stable_baselines, "_LARGEST", size + most)
    if damaged:
        with pytest.raises(NoMetrics, match="damaged"):
            read_bytes(EVALUATIONS)
    else:
        assert read_bytes(EVALUATIONS)

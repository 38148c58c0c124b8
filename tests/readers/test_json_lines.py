"""verl's JSON-lines file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

import heldout
from heldout.errors import NoMetrics, ReadError
from heldout.readers.json_lines import read
from heldout.readers.log import Log
from heldout.run import NoteKind

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(data: bytes) -> Log:
    logs = read(source(data))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def written(rows: list[dict[str, float]]) -> bytes:
    return "".join(json.dumps({"step": i, "data": row}) + "\n" for i, row in enumerate(rows, start=1)).encode()


ROWS = [{"critic/score/mean": i / 8, "val-core/openai/gsm8k/reward/mean@1": i / 4, "actor/lr": 1e-6} for i in range(5)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines(end: bytes, mark: bytes) -> None:
    log = one(mark + written(ROWS).replace(b"\n", end))
    assert log.format == "verl-file"
    assert log.step.tolist() == [1, 2, 3, 4, 5]
    assert log.columns["critic/score/mean"].value.tolist() == [0.0, 0.125, 0.25, 0.375, 0.5]
    assert set(log.columns) == set(ROWS[0])
    assert log.notes == ()


def test_compact_lines_bare_nan_and_missing_cells() -> None:
    log = one(
        b'{"step":0,"data":{"a":NaN,"b":1}}\n{"step":5,"data":{"a":-Infinity,"b":null}}\n{"step":9,"data":{"a":2}}\n'
    )
    assert log.step.tolist() == [0, 5, 9]
    assert log.columns["a"].value.tolist() == pytest.approx([math.nan, -math.inf, 2.0], nan_ok=True)
    assert log.columns["b"].row.tolist() == [0]


def test_the_outer_step_counts() -> None:
    assert one(b'{"step":3,"data":{"step":99,"critic/score/mean":1.5}}\n').step.tolist() == [3]


def test_broken_lines_are_counted_and_a_cut_one_is_said_to_be_cut() -> None:
    log = one(
        written(ROWS[:1]) + b'{"step":true,"data":{}}\nnoise\n[1]\n{"step":7,"data":{"actor/lr":0.5}}\n{"step":8,"da'
    )
    assert log.step.tolist() == [1, 7]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1), (NoteKind.DROPPED, 3)]
    assert "the last of them" in log.notes[1].text


@pytest.mark.parametrize(
    "data",
    [b"", b'{"step":1,"loss":2}', b'{"data":{},"step":1}', b'[{"step":1,"data":{}}]', b"\0\1", b'{"step":1.5,"data":{'],
)  # fmt: skip
def test_other_content(data: bytes) -> None:
    assert read(source(data)) is None


@pytest.mark.parametrize(
    "data", [b'{"step":1,"data":{"a":1', b'{"step":1,"data":{' + b"[" * 100_000, b'{"step":1,"data":{}}\n']
)
def test_nothing_whole(data: bytes) -> None:
    with pytest.raises(NoMetrics):
        read(source(data))


def test_enormous_numbers() -> None:
    log = one(
        b'{"step":1,"data":{"a":1%s}}\n{"step":2%s,"data":{"a":1}}\n{"step":3,"data":{"a":4}}\n'
        % (b"0" * 400, b"0" * 40)
    )
    assert log.step.tolist() == [1, 3]
    assert log.columns["a"].value.tolist()[-1] == 4.0


@QUICK
@given(cut=st.integers(0, len(written(ROWS))))
def test_a_cut_file_reads_to_a_prefix(cut: int) -> None:
    try:
        logs = read(source(written(ROWS)[:cut]))
    except ReadError:
        return
    for log in logs or []:
        assert log.step.tolist() == [1, 2, 3, 4, 5][: len(log.step)]
        assert log.columns["critic/score/mean"].value.tolist() == [i / 8 for i in range(len(log.step))]


@QUICK
@given(st.lists(st.tuples(st.floats(), st.integers(-(2**53), 2**53)), min_size=1, max_size=8))
def test_round_trip(rows: list[tuple[float, int]]) -> None:
    log = one(written([{"a": a, "b": b} for a, b in rows]))
    assert log.columns["a"].value.tolist() == pytest.approx([a for a, _ in rows], nan_ok=True, rel=0, abs=0)
    assert log.columns["b"].value.tolist() == [float(b) for _, b in rows]


def test_the_evaluation_before_training_stays_at_step_0(tmp_path: Path) -> None:
    rows = [{"val-core/gsm8k/acc/mean@1": 0.25}]  # verl logs the training step with those of training only
    rows += [
        {"critic/score/mean": 0.5, "training/global_step": i, "val-core/gsm8k/acc/mean@1": 0.5} for i in range(1, 30)
    ]
    path = tmp_path / "verl.jsonl"
    path.write_text("".join(json.dumps({"step": i, "data": row}) + "\n" for i, row in enumerate(rows)))
    run = heldout.read(path)
    assert run["held_out"].step.tolist() == list(range(30))
    assert run["held_out"].value[:2].tolist() == [0.25, 0.5]
    assert run["reward"].step.tolist() == list(range(1, 30))


@QUICK
@given(st.binary(max_size=200))
def test_random_bytes_never_break_it(data: bytes) -> None:
    for start in (b"", b'{"step":1,"data":{', b'{"step":1,"data":{"a":1}}\n'):
        try:
            logs = read(source(start + data))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


def test_many_lines() -> None:
    line = b'{"step":%d,"data":{"critic/score/mean":0.25,"actor/kl_loss":0.001,"response_length/mean":512.5}}\n'
    made = source(b"".join(line % i for i in range(100_000)))
    (log,) = read(made) or []
    assert len(log.step) == 100_000

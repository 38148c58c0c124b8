"""verl's JSON-lines file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source, told

import heldout
from heldout.errors import NoMetrics, ReadError
from heldout.readers.documents.json_lines import plain_table, read, rows_of, shown
from heldout.readers.log import Log, TableBuilder
from heldout.readers.source import HEAD
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


# -- lines of anybody's -----------------------------------------------------------------------------------------------


def test_a_whole_file_of_lines() -> None:
    data = (
        b'\xef\xbb\xbf{"step": 1, "reward": 0.5, "config": {"lr": "1e-4", "n": 3, "name": "x"}, "in": {"kl": NaN}}\n\n'
        b'[1]\n{"step": 2, "reward": "0.25", "words": "a"}\r\nnoise\n \t\n{"step": 3, "words": "b"}\n{"step": 4'
    )
    assert repr(told(one(data))) == repr(
        {
            "format": "json-lines",
            "step": [1, 2, 3],
            "columns": {"reward": {0: 0.5, 1: 0.25}, "in/kl": {0: math.nan}},
            "config": {"config/name": "x"},
            "notes": [
                (
                    "dropped",
                    "3 lines without a complete JSON object left out, the last of them '{\"step\": 4'.",
                    3,
                ),
                ("ignored", "1 column without numbers (text, lists) left out: words.", 2),
            ],
        }
    )


@pytest.mark.parametrize(
    ("keys", "format"),
    [
        ({"time_this_iter_s": 1, "training_iteration": 2}, "rllib-result"),
        ({"time_this_iter_s": 1, "timesteps_total": 2}, "rllib-result"),
        ({"time_this_iter_s": 1}, "json-lines"),
        ({"training_iteration": 1}, "json-lines"),
        ({"progress/done_frac": 1}, "tinker"),
        ({"env": {"all": {"reward": {"total": 1}}}}, "tinker"),
        ({"optim/kl_sample_train_v1": 1}, "tinker"),
        ({"mismatch_kl/mean": 1}, "prime-rl"),
        ({"reward/all/mean": 1}, "prime-rl"),
        ({"seq_len/all/mean": 1}, "prime-rl"),
        ({"reward/mean": 1}, "json-lines"),
    ],
)
def test_who_wrote_lines_is_known_by_their_keys(keys: dict[str, object], format: str) -> None:
    data = "".join(json.dumps({"step": step, "reward": 0.5, **keys}) + "\n" for step in (1, 2)).encode()
    assert one(data).format == format


@pytest.mark.parametrize(
    ("data", "is_lines"),
    [
        (b'{"step": 1}\n{"step": 2, "reward": 1}\n', True),
        (b'{"step": 1, "reward": 1}\n', False),  # a document of its own
        (b'{"step": 1, "reward": 1}\n  \n', False),
        (b'{}\n{"step": 2, "reward": 1}\n', True),
        (b'{"step": 1,\n"reward": 1}\n', False),
        (b"{step: 1}\n{step: 2}\n", False),
        (b'[{"step": 1}]\n[{"step": 2}]\n', False),
        (b'{"pad": "%s"}\n{"step": 2, "reward": 1}\n' % (b"x" * HEAD), True),
        (b'{"pad": "%s"}' % (b"x" * (HEAD - 11)), False),
    ],
)
def test_lines_are_at_least_two_objects(data: bytes, is_lines: bool) -> None:
    assert bool(read(source(data))) is is_lines


def test_lines_of_which_none_is_whole_are_refused() -> None:
    data = b'{"pad": "' + b"x" * HEAD
    with pytest.raises(NoMetrics, match=r"^console\.log: looks like JSON lines, but no line is a complete object; not"):
        read(source(data))


def test_a_whole_file_of_verls() -> None:
    row = b'{"step":%d,"data":{"a":2}}\n'
    data = b'{"step":1,"data":{"a":1,"t":"x"}}\n{"step":2}\n' + b"".join(row % n for n in (-3, 2**62, 2**62 + 1, 5))
    assert told(one(data + b"x\n")) == {
        "format": "verl-file",
        "step": [1, 5],
        "columns": {"a": {0: 1.0, 1: 2.0}},
        "config": {"t": "x"},
        "notes": [
            ("dropped", '2 lines not of the form {"step":…,"data":{…}} and left out.', 2),
            ("dropped", "1 line without a complete JSON object left out, the last of them 'x'.", 1),
            ("dropped", "2 rows without a usable step in column 'step' dropped.", 2),
        ],
    }


@pytest.mark.parametrize(
    ("data", "is_verls"),
    [
        (b' { "step" : 1 , "data" : { "a" : 1 } }\n', True),
        (b'{"step":-1,"data":{"a":1}}\n{"step":1,"data":{"a":1}}\n', True),
        (b'{"step":1,"time":2,"data":{"a":1}}\n', False),
        (b'{"step":1,"data":[1]}\n', False),
    ],
)
def test_verls_lines_begin_with_step_and_data(data: bytes, is_verls: bool) -> None:
    assert [log.format for log in read(source(data)) or []] == ["verl-file"] * is_verls


def test_blocks_are_taken_apart_the_same_way_whole_and_line_by_line() -> None:
    assert rows_of(b'{"a":1}\n{"b":2}\n') == ([{"a": 1}, {"b": 2}], [])
    assert rows_of(b'{"a":1}\n\n \n{"b":2}') == ([{"a": 1}, {"b": 2}], [])
    assert rows_of(b'{"a":1},{"b":2}\n3\nNaN\n') == ([], [b'{"a":1},{"b":2}', b"3", b"NaN"])
    assert rows_of(b'{"a":1\n,"b":2}\n') == ([], [b'{"a":1', b',"b":2}'])
    assert rows_of(b"") == ([], [])


def large(*cells: bytes) -> bytes:
    return b"".join(b'{"step":%d,"a:b":0.5%s}\n' % (i, cell) for i in range(90_000 // len(cells)) for cell in cells)


@pytest.mark.parametrize(
    ("data", "plain"),
    [
        (large(b""), True),
        (large(b',"c":1'), True),
        (large(b',"c":null'), True),
        (large(b',"c":null', b',"c":2.5'), True),
        (large(b"") + b'{"step":1,"late":2}\n', False),  # a key that the first hundred lines do not have
        (large(b',"c":"text"'), False),
        (large(b',"c":true'), False),
        (large(b"") + b'{"step":"x"}\n', False),
        (large(b"") + b"noise\n", False),
        (large(b"")[:1_999_999], False),  # too short to be worth it
    ],
)
def test_only_lines_of_nothing_but_numbers_are_read_at_once(data: bytes, plain: bool) -> None:
    data = data if len(data) == 1_999_999 else data + b'{"step":7}\n' * ((2_000_000 - len(data)) // 11 + 1)
    table = plain_table(data)
    assert (table is not None) is plain
    if table is not None:
        builder = TableBuilder()
        builder.add(rows_of(data)[0])
        other = builder.build()
        assert table.rows == other.rows
        assert set(table.columns) == set(other.columns)
        for key, column in table.columns.items():
            assert column.row.tolist() == other.columns[key].row.tolist()
            assert column.value.tolist() == other.columns[key].value.tolist()


@pytest.mark.parametrize(
    ("line", "text"),
    [(b"x" * 60, "x" * 60), (b"x" * 61, "x" * 60 + "…"), (b"\xff\n", "�\n"), (b"", "")],
)
def test_a_line_is_shown_to_sixty_characters_and_escaped(line: bytes, text: str) -> None:
    assert shown(line) == repr(text)


@pytest.mark.parametrize(
    "before",
    [
        "2026-01-02 10:00:00,123 [INFO] start\n",
        "loading, 3 of 4\nwandb: run abc\n\n",
        "\ufeff# written by mine\n",
        "\r 10%|█ | 1/10 [00:01<00:09]\r100%|█| 10/10 [00:01<00:00]\n",
        "step,reward\n",
    ],
)
@pytest.mark.parametrize(
    "form", ['{{"step": {}, "run": "{}", "reward": 0.5}}', '{{"step": {}, "data": {{"r{}": 0.5}}}}']
)
def test_lines_before_the_objects_are_left_out_and_said(before: str, form: str) -> None:
    text = "".join(form.format(i, i % 2) + "\n" for i in range(1, 9))
    logs = read(source(before + text))
    assert logs
    assert sorted(step for log in logs for step in log.step.tolist()) == list(range(1, 9))
    assert any("without a complete JSON object left out" in note.text for note in logs[0].notes)


@pytest.mark.parametrize(
    "text",
    [
        'one\n{"a": 1}\n{"a": 2}\n',  # too few
        "one\n" + '{"a": 1}\nother output\n' * 9,
        "one\n{'a': 1}\n" * 9,
        '[1,\n{"a": 1}\n{"a": 2}\n{"a": 3}\n]',
    ],
)
def test_objects_among_other_lines_are_no_json_lines(text: str) -> None:
    assert read(source(text)) is None

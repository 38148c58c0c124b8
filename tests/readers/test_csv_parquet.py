"""CSV, TSV, Parquet and W&B's CSV export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_memory import source, told

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import read_all
from heldout.readers.documents import csv_parquet
from heldout.readers.source import Source
from heldout.run import NoteKind

# Numbers of a size that something is measured in; others are taken as infinite or as zero.
FINITE = st.floats(-1e100, 1e100).filter(lambda value: value == 0 or abs(value) >= 1e-100)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(FINITE, min_size=2, max_size=30), suffix=st.sampled_from([".csv", ".tsv", ".parquet", ".jsonl"]))
def test_writing_then_reading_a_table_returns_the_same_values(tmp_path: Path, values: list[float], suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    frame = pl.DataFrame({"step": range(len(values)), "reward": values})
    if suffix == ".parquet":
        frame.write_parquet(path)
    elif suffix == ".jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_csv(path, separator="," if suffix == ".csv" else "\t")
    assert read(path)["reward"].value.tolist() == values


def test_a_row_that_is_cut_is_dropped_and_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,reward,kl\n1,0.5,0.1\n2,0.6,0.2\n3,0.7")
    run = read(path)
    assert run["reward"].step.tolist() == [1, 2]
    assert any(note.kind is NoteKind.DROPPED and "cut" in note.text for note in run.notes)


def test_a_missing_line_end_is_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,reward\n1,0.5\n2,0.6")
    run = read(path)
    assert run["reward"].value.tolist() == [0.5, 0.6]
    assert any("no line end" in note.text for note in run.notes)


def test_a_quote_that_never_closes_costs_only_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{i},{i / 10},\"{{'a': {i}, 'b': 2}}\"\n" for i in range(20))
    path.write_text("step,reward,config\n" + rows + "20,2.0,\"{'a': 20, 'b")
    assert read(path)["reward"].step.tolist() == list(range(20))


def test_crlf_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfstep,reward\r\n1,0.5\r\n2,0.6\r\n")
    assert read(path)["reward"].value.tolist() == [0.5, 0.6]


def test_blank_cells_are_missing_and_nan_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,reward,eval_reward\n1,0.5,\n2,nan,0.1\n3,0.7,\n")
    run = read(path)
    assert run["reward"].step.tolist() == [1, 3]
    assert run["reward"].nonfinite.tolist() == [2]
    assert run["held_out"].step.tolist() == [2]


def test_steps_written_as_words(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("revision,accuracy\nstep_0100,0.1\nstep_0400,0.2\nstep_0700,0.3\nmain,0.4\n")
    run = read(path)
    assert run["held_out"].step.tolist() == [100, 400, 700, 1000]
    assert any("'main'" in note.text for note in run.notes)


def test_steps_written_as_a_fraction_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,reward\n10/438,0.1\n20/438,0.2\n")
    assert read(path)["reward"].step.tolist() == [10, 20]


def test_step_99999_means_final(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("step,accuracy\n50,0.1\n100,0.2\n150,0.3\n99999,0.4\n")
    run = read(path)
    assert run["held_out"].step.tolist() == [50, 100, 150, 200]
    assert any("99999" in note.text for note in run.notes)


def test_the_wandb_export_holds_a_run_for_each_prefix(tmp_path: Path) -> None:
    path = tmp_path / "wandb.csv"
    head = "Step,a - reward,a - reward__MIN,a - reward__MAX,b - reward,b - reward__MIN,b - reward__MAX\n"
    path.write_text(head + '1,"0.1","0.0","0.2","0.5","0.4","0.6"\n2,"0.2","0.1","0.3",,,\n')
    runs = {run.name: run for run in read_all(path)}
    assert runs["a"]["reward"].value.tolist() == [0.1, 0.2]
    assert runs["b"]["reward"].value.tolist() == [0.5]


def test_a_table_without_step_or_known_metric_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,size\na,1\nb,2\n")
    with pytest.raises(ReadError, match="rename a column to 'step'"):
        read(path)


def test_a_table_without_step_counts_rows_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("reward,kl\n0.1,0\n0.2,0\n")
    run = read(path)
    assert run["reward"].step.tolist() == [0, 1]
    assert any("counted from 0" in note.text for note in run.notes)


def test_a_broken_parquet_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"step": range(50), "reward": np.arange(50) / 7}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(NoMetrics, match="footer"):
        read(path)


# -- whole tables -----------------------------------------------------------------------------------------------------


def whole(data: str | bytes) -> list[dict[str, Any]] | None:
    logs = csv_parquet.read(source(data, "t.csv"))
    return None if logs is None else [told(log) for log in logs]


def test_a_whole_table() -> None:
    text = 'step, reward ,run,note,"a, b",seed\n1,0.5,x,same,1,3\n2,,x,same,"2",3\n3,nan?,x,,,3\n'
    assert whole(text) == [
        {
            "format": "csv",
            "step": [1, 2, 3],
            "columns": {"reward": {0: 0.5}, "a, b": {0: 1.0, 1: 2.0}, "seed": {0: 3.0, 1: 3.0, 2: 3.0}},
            "config": {"run": "x", "note": "same"},
            "notes": [("dropped", "1 cell in column 'reward' without a number left out: 'nan?'.", 1)],
        }
    ]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("step,reward\n1,2\n", "csv"),
        ("step;reward\n1;2\n", "csv"),
        ("step\treward\n1\t2\n", "tsv"),
        ("a,step\n1,2\n", "csv"),
        ('"step","reward"\n"1","2"\n', "csv"),
        ("step\n1\n", None),
        ("1,step\n1,2\n", None),
        ("# step,reward\n1,2\n", "csv"),
        ("{step,reward\n1,2\n", None),
        ("[step,reward\n1,2\n", None),
        ("|step,reward\n1,2\n", None),
        ("step,,reward\n1,,2\n", "csv"),
        ("training_iteration,episode_len_mean,step\n1,2,3\n", "rllib-progress"),
        ("time_this_iter_s,x/episode_len_mean,step\n1,2,3\n", "rllib-progress"),
        ("training_iteration,step\n1,2\n", "csv"),
        ("rollout/ep_rew_mean,step\n1,2\n", "sb3-progress"),
        ("time/total_timesteps,reward\n1,2\n", "sb3-progress"),
    ],
)
def test_a_table_is_known_by_its_header(text: str, format: str | None) -> None:
    made = whole(text)
    assert (None if made is None else made[0]["format"]) == format


@pytest.mark.parametrize(
    ("text", "is_table"),
    [
        ("zebra,lion\n1,2\n", True),
        ("zebra,lion\n\n \n1,2\n", True),
        ("zebra,lion\na,b\n", False),  # no number
        ("zebra,lion,tiger\n1,2\n", False),  # too few cells
        ("zebra,lion\n1,2,3\n", True),
        ("zebra,lion\n", False),
        ("step,lion\n", True),
        ("", False),
        ("\0step,lion\n1,2\n", False),
    ],
)
def test_names_that_nobody_knows_make_a_header_above_numbers(text: str, is_table: bool) -> None:
    try:
        assert (whole(text) is not None) is is_table
    except NoMetrics:
        assert is_table


TABLE = b'step,reward,run\n1,0.5,"a ""b"", c"\n2,0.25,"d\ne"\n3,0.75,f\n'


@pytest.mark.parametrize("size", range(17, len(TABLE) + 1))
def test_a_table_cut_anywhere_gives_its_whole_rows(size: int) -> None:
    ends = [TABLE.index(b"2,0.25"), TABLE.index(b"3,0.75"), len(TABLE)]
    try:
        made = whole(TABLE[:size])
    except NoMetrics:
        made = []
    complete = sum(size >= end for end in ends)
    assert made is not None
    values = list(made[0]["columns"]["reward"].values()) if made else []
    assert values[:complete] == [0.5, 0.25, 0.75][:complete]
    assert len(values) <= complete + 1
    if size not in ends:
        assert not made or any(kind in ("dropped", "assumed") for kind, _, _ in made[0]["notes"])


@pytest.mark.parametrize(
    ("text", "steps", "note"),
    [
        ("step,acc\n1,0.5\n2,0.25\n", [1, 2], None),
        ("step,acc\n1,0.5\n2,0.25\r", [1, 2], None),
        (
            "step,acc\n1,0.5\n2,0.25",
            [1, 2],
            ("assumed", "The last line has no line end: if the file was cut, its last value is short.", 1),
        ),
        ("step,acc\n1,0.5\n23", [1], ("dropped", "The last line is cut and was dropped (2 bytes).", 1)),
        (
            'step,acc\n1,0.5\n2,"0.25\n3,0.5\n',
            [1, 3],
            ("dropped", "8 bytes do not parse as table rows and were dropped.", 1),
        ),
        (
            'step,acc\n1,0.5\n2,"0.25\n3,0.5\nthe end\n',
            [1],
            ("dropped", "22 bytes do not parse as table rows and were dropped.", 1),
        ),
    ],
)
def test_what_is_said_of_the_last_line(text: str, steps: list[int], note: tuple[str, str, int] | None) -> None:
    (made,) = whole(text) or []
    assert made["step"] == steps
    assert made.get("notes", []) == ([note] if note else [])


def test_a_quote_that_stays_open_costs_its_own_line_only() -> None:
    (made,) = whole('step,acc\n1,0.5\n2,"0.25' + "\n3,0.5" * 5000 + "\n") or []
    assert made["step"] == [1, *[3] * 5000]


@pytest.mark.parametrize("cell", ['"a{}', 'a{}"b'])
def test_quotes_that_never_close_in_every_row_cost_a_few_lines(cell: str) -> None:
    text = "step,acc,note\n" + "".join(f"{i},0.5,{cell.format(i)}\n" for i in range(1001))
    (made,) = whole(text) or []
    assert len(made["step"]) >= 990
    assert ("assumed", "Quotes that do not close were read as they stand.", 1) in made["notes"]


def test_cells_of_a_megabyte_are_no_reason_to_refuse_a_table() -> None:
    text = "step,acc,note\n" + "".join(f'{i},0.5,"{"x, " * 100_000}"\n' for i in range(5))
    (made,) = whole(text) or []
    assert made["columns"] == {"acc": dict.fromkeys(range(5), 0.5)}


LIMITS = [("_MOST_COLUMNS", 3), ("_MOST_CELLS", 12)]


@pytest.mark.parametrize(("limit", "size"), LIMITS)
@pytest.mark.parametrize(("less", "is_read"), [(0, True), (1, False)])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_beyond_the_limits_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, size: int, less: int, is_read: bool, suffix: str
) -> None:
    monkeypatch.setattr(csv_parquet, limit, size - less)
    path = tmp_path / f"t.{suffix}"
    frame = pl.DataFrame({"step": range(4), "acc": [0.5] * 4, "kl": [0.25] * 4})
    if suffix == "csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    if is_read:
        assert len(read(path).steps) == 4
    else:
        with pytest.raises(NoMetrics, match=r"t\.(csv|parquet): a table of 3 columns.*heldout reads at most .*: keep"):
            read(path)


def test_one_line_with_very_many_commas_is_no_table() -> None:
    assert whole("reward: 1, " * 40_000) is None
    assert whole(",".join(f"reward{i}" for i in range(40_000))) is None


def test_columns_of_the_wandb_export_are_taken_apart() -> None:
    made = whole('Step,"r - a","r - a__MIN","s - b - c"\n1,0.5,0.25,\n2,,,3\n')
    assert made is not None
    assert [(one["name"], one["format"], one["columns"], one["step"]) for one in made] == [
        ("r", "wandb-csv", {"a": {0: 0.5}, "a__MIN": {0: 0.25}}, [1, 2]),
        ("s - b", "wandb-csv", {"c": {1: 3.0}}, [1, 2]),
    ]
    (other,) = whole("Step,r - reward,reward\n1,2,3\n") or []
    assert other["format"] == "csv"


def test_cells_of_a_parquet_table_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "t[1]*.parquet"  # no pattern
    columns: dict[str, list[Any]] = {
        "step": [1, 2, 3],
        "acc": [0.5, None, float("inf")],
        "tags": [["a"], None, ["b"]],
        "ok": [True, False, None],
        "text": ["x" * 300, " ", "y"],
        "run": ["p", None, "p"],
    }
    pl.DataFrame(columns).write_parquet(path)
    (log,) = csv_parquet.read(Source(path)) or []
    made = told(log)
    assert made["columns"] == {"acc": {0: 0.5, 2: float("inf")}, "ok": {0: 1.0, 1: 0.0}}
    assert made["config"] == {"run": "p"}
    assert made["notes"] == [("ignored", "2 columns without numbers (text, lists) left out: tags, text.", 4)]
    assert made["format"] == "parquet"


def test_a_cell_unlike_hundreds_above_it_is_read_as_any() -> None:
    text = "step,acc,note\n" + "".join(f"{i},1,2\n" for i in range(300)) + "300,0.5,x\n301,y,2.5\n"
    (made,) = whole(text) or []
    assert made["step"] == list(range(302))
    assert made["columns"]["acc"] == {**dict.fromkeys(range(300), 1.0), 300: 0.5}
    assert made["columns"]["note"] == {**dict.fromkeys(range(300), 2.0), 301: 2.5}
    assert made["notes"] == [
        ("dropped", "1 cell in column 'acc' without a number left out: 'y'.", 1),
        ("dropped", "1 cell in column 'note' without a number left out: 'x'.", 1),
    ]


CELLS = st.one_of(
    FINITE.map(repr),
    st.integers(-5, 10**6).map(str),
    st.sampled_from(
        ["", "nan", "NaN", "inf", "-inf", "1e5", "+.5", " 1.5", "2.5 ", '"0.25"', "1,5", "1.000", "NA", "x"]
    ),
)


def everything_read(path: Path, large: int) -> Any:
    """Return all that is read of a table, of which nothing or everything counts as large; or why nothing is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(csv_parquet, "_LARGE", large)
        try:
            run = read(path)
        except ReadError as error:
            return str(error)
    series = {key: (one.step.tolist(), one.value.tolist(), one.nonfinite.tolist()) for key, one in run.metrics.items()}
    return series, run.roles, run.notes, run.config


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["0.5", "0.25", "nan", ""])), min_size=1, max_size=12),
    odd=st.sampled_from([None, "step", "again", "cut", "empty"]),
    separator=st.sampled_from([",", "\t", ";"]),
)
def test_a_large_table_is_read_as_a_small_one_is(
    tmp_path: Path, rows: list[tuple[str, str, str]], odd: str | None, separator: str
) -> None:
    """A large one of nothing but numbers takes a quicker way, and what asks for a closer look gets it."""
    head = separator.join(["step", "reward", "kl", "eval/pass@1"])
    lines = [separator.join([f"{n}.5" if odd == "step" and n == 1 else str(n), *row]) for n, row in enumerate(rows)]
    lines += {"again": [head], "empty": ["", ""]}.get(odd or "", [])
    path = tmp_path / "t.csv"
    path.write_text("\n".join([head, *lines]) + ("\n7" if odd == "cut" else "\n"))
    assert everything_read(path, large=0) == everything_read(path, large=10**9)


@pytest.mark.parametrize(("cell", "asks"), [("0.5", 1), ("0.5 %", 2)])
def test_only_what_is_no_plain_number_is_read_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str, asks: int
) -> None:
    path, asked, ask = tmp_path / "t.csv", list[Any](), pl.read_csv
    path.write_text("step,reward\n" + "".join(f"{n},0.25\n" for n in range(20)) + f"20,{cell}\n")

    def read_csv(*args: Any, **how: Any) -> Any:
        asked.append(how["schema_overrides"])
        return ask(*args, **how)

    monkeypatch.setattr(csv_parquet, "_LARGE", 0)
    monkeypatch.setattr(pl, "read_csv", read_csv)
    assert len(read(path)["reward"]) == 21
    assert len(asked) == asks

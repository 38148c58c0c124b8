"""CSV, TSV, Parquet and W&B's CSV export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import read_all
from heldout.run import NoteKind

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


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

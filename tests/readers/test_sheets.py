"""Tables as people and spreadsheets write them: where they begin, how they split, how their numbers are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source, told

from heldout import read
from heldout.errors import NoMetrics
from heldout.readers.documents import csv_parquet
from heldout.readers.documents.cells import numbers_of


def whole(data: str | bytes) -> dict[str, Any] | None:
    logs = csv_parquet.read(source(data, "t.csv"))
    return None if logs is None else told(logs[0])


def columns(data: str | bytes) -> dict[str, list[float]]:
    """The step and every column, without missing cells."""
    made = whole(data)
    assert made is not None
    values = {name: list(cells.values()) for name, cells in made["columns"].items()}
    return {"step": made["step"], **values}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step;reward\n1;0,45\n2;0,5\n", {"step": [1, 2], "reward": [0.45, 0.5]}),
        ("step\treward\n1\t0,45\n2\t1,234\n", {"step": [1, 2], "reward": [0.45, 1.234]}),
        ('step,reward\n"1,000",0.45\n"12,000",0.5\n', {"step": [1000, 12000], "reward": [0.45, 0.5]}),
        ('step,n\n1,"1,234,567.5"\n2,"1,000"\n', {"step": [1, 2], "n": [1234567.5, 1000]}),
        ("step;n\n1;1.234.567,5\n2;1.000\n", {"step": [1, 2], "n": [1234567.5, 1000]}),
        ("step;n\n1.000;0,5\n1.500;0,6\n", {"step": [1000, 1500], "n": [0.5, 0.6]}),
        ("step;n\n500;0.5\n1.500;0.6\n", {"step": [500, 1500], "n": [0.5, 0.6]}),  # a step is whole
        ("step,n\n1.000,0.5\n2.000,0.6\n", {"step": [1, 2], "n": [0.5, 0.6]}),
        ("step;n\n1;1.023\n2;998\n3;0,5\n", {"step": [1, 2, 3], "n": [1023, 998, 0.5]}),
        ("step;n\n1;1.023\n2;998\n3;0.5\n", {"step": [1, 2, 3], "n": [1.023, 998, 0.5]}),
        ("step;n\n1 000;0,5\n2\u202f000;0,6\n", {"step": [1000, 2000], "n": [0.5, 0.6]}),
        ("step,n\n1,1'000\n2,2’000\n", {"step": [1, 2], "n": [1000, 2000]}),
        ("step,acc\n1,22.4%\n2,23 %\n", {"step": [1, 2], "acc": [0.224, 0.23]}),
        ("step;acc\n1;22,4 %\n2;-3 %\n", {"step": [1, 2], "acc": [0.224, -0.03]}),
        ("step,acc\n1,−0.5\n2, 0.25\n", {"step": [1, 2], "acc": [-0.5, 0.25]}),
        ("step;a\n1;1,5e-3\n2;2,5E+2\n", {"step": [1, 2], "a": [0.0015, 250]}),
    ],
)
def test_numbers_as_sheets_write_them(text: str, expected: dict[str, list[float]]) -> None:
    assert columns(text) == expected


def test_what_may_be_one_or_a_thousand_is_left_out_and_said() -> None:
    with pytest.raises(
        NoMetrics, match=r"2 numbers in column 'reward' left out, as nothing tells .*: '1,451', '2,900'"
    ):
        whole("step\treward\n1\t1,451\n2\t2,900\n")
    made = whole("step\treward\tkl\n1\t1,451\t5\n2\t2,900\t6\n")
    assert made is not None
    assert made["columns"] == {"kl": {0: 5.0, 1: 6.0}}
    assert [kind for kind, text, _ in made["notes"] if "'1,451'" in text] == ["dropped"]


GROUPS = "Numbers are written with a decimal comma or in groups"


def test_how_numbers_were_read_is_said_once_for_all_columns() -> None:
    made = whole("step;reward;acc;kl\n1;0,45;5 %;0,5\n2;0,5;6 %;NA\n3;0,5;-;oops\n")
    assert made is not None
    assert made["notes"] == [
        (
            "assumed",
            "Numbers are written with a decimal comma or in groups: '0,45' was read as 0.45 (in reward, kl).",
            2,
        ),
        ("assumed", "Cells in percent were read as shares, 22.4% as 0.224 (in acc).", 1),
        ("ignored", "2 cells marked as missing in acc, kl.", 2),
        ("dropped", "1 cell in column 'kl' without a number left out: 'oops'.", 1),
    ]


WRITTEN = {
    ".": lambda value: f"{value:,.6f}",
    ",": lambda value: f"{value:,.6f}".translate(str.maketrans(",.", ".,")),
}


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 6)), min_size=1, max_size=20),
    sign=st.sampled_from(".,"),
    separator=st.sampled_from([";", "\t", "", ","]),
)
def test_numbers_in_groups_with_six_decimals_are_read_as_written(
    values: list[float], sign: str, separator: str
) -> None:
    frame = pl.DataFrame({"a": [WRITTEN[sign](value) for value in values]})
    assert numbers_of(frame, separator).values["a"].to_list() == pytest.approx(values, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(st.text(alphabet="0123456789.,%-+e '\u202fNA", max_size=12), min_size=1, max_size=12))
def test_no_text_makes_reading_numbers_fail(cells: list[str]) -> None:
    found = numbers_of(pl.DataFrame({"step": cells}))
    assert len(found.values["step"]) == len(cells)


def test_a_cell_in_percent_and_missing_ones() -> None:
    marks = ["NA", "n/a", "-", "None", "null", "", " ", "#N/A", "—", "No log"]
    found = numbers_of(pl.DataFrame({"a": ["0.5", *marks, "nan"]}))
    assert found.values["a"].to_list()[:-1] == [0.5, *[None] * len(marks)]
    assert [(note.kind.value, note.count) for note in found.notes] == [("ignored", 8)]  # blank ones need no word


@pytest.mark.parametrize(("nans", "kept"), [(2, True), (3, False)])
def test_nan_in_most_cells_is_a_missing_value_and_in_few_a_value(nans: int, kept: bool) -> None:
    cells = ["0.5", "0.6", *["nan"] * nans]
    assert (len(numbers_of(pl.DataFrame({"a": cells})).values["a"].drop_nulls()) == 2 + nans) is kept


# -- where a table begins ---------------------------------------------------------------------------------------------

ROWS = "1,0.5,0.25\n2,0.75,0.5\n3,0.25,0.75\n"
READ = {"step": [1, 2, 3], "reward": [0.5, 0.75, 0.25], "kl": [0.25, 0.5, 0.75]}


@pytest.mark.parametrize(
    "text",
    [
        f"step,reward,kl\n{ROWS}",
        f"My training,,\n,,\nstep,reward,kl\n{ROWS}",
        f"# run: abc, def\n# lr=1e-6, seed=3\nstep,reward,kl\n{ROWS}",
        f"starting up\nusing gpu 0\n\nstep,reward,kl\n{ROWS}",
        f"sep=,\nstep,reward,kl\n{ROWS}",
        f"step,reward,kl,\n{ROWS}".replace("5\n", "5,\n"),
        f"step,reward,kl\n(updates),(score),nats\n{ROWS}",
        f"\nstep,reward,kl\n\n{ROWS}\n\n",
        f"step,reward,kl\n# resumed\n{ROWS}",
        f"step,reward,kl\n{ROWS[:22]}step,reward,kl\n{ROWS[22:]}",
        f",step,reward,kl\n{ROWS}".replace("\n1", "\n0,1").replace("\n2", "\n1,2").replace("\n3", "\n2,3"),
        f"step|reward|kl\n{ROWS}".replace(",", "|"),
        f"step  reward  kl\n{ROWS}".replace(",", "   "),
        f"  step  reward  kl\n0,{ROWS}".replace("\n2", "\n1,2").replace("\n3", "\n2,3").replace(",", "   "),
        f"# step reward kl\n{ROWS}".replace(",", " "),
        f" step | reward | kl \n------+--------+----\n{ROWS}".replace(",", " |  "),
        f"step,reward,kl\n{ROWS}".replace("\n", "\r\n"),
        f"step,reward,kl\n{ROWS}".replace("\n", "\r"),
    ],
)
def test_where_a_table_begins(text: str) -> None:
    assert columns(text) == READ


@pytest.mark.parametrize(
    "first",
    [
        "Loading model a, b, c",
        "config: model=tiny, max_steps=60",
        "Namespace(lr=1e-6, step=60, reward=1)",
        "2026-01-02 10:00:00,123 [INFO] step, reward",
        "step, reward",
        "  0%|          | 0/40 [00:00<?, ?it/s]",
        "step;reward",
        "reward step",
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "{{'loss': 0.0{0}, 'reward': 0.{0}}}",
        "2026-01-02 10:00:0{0} INFO step {0}, reward 0.{0}",
        "step={0}, reward=0.{0}",
        " {0}%|##  | {0}/40 [00:0{0}<00:20, 5.03it/s]",
        "[{0}] loss 0.{0}; reward 0.{0}",
        "step {0} reward 0.{0}",
    ],
)
def test_a_first_line_with_separators_above_other_lines_is_no_header(first: str, line: str) -> None:
    assert whole("\n".join([first, *(line.format(step) for step in range(9))]) + "\n") is None


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("step,reward,reward", ["reward", "reward (2)"]),
        ("step,reward,reward\n,mean,std", ["reward/mean", "reward/std"]),
        (",reward,reward\n,mean,std\nstep,,", ["reward/mean", "reward/std"]),
        ("step,reward,\n,mean,std", ["reward/mean", "reward/std"]),
    ],
)
def test_names_that_repeat(head: str, names: list[str]) -> None:
    assert list(columns(f"{head}\n{ROWS}")) == ["step", *names]


@pytest.mark.parametrize(
    ("index", "steps", "counted"), [((0, 1, 2), [0, 1, 2], True), ((5, 10, 20), [5, 10, 20], False)]
)
def test_an_index_without_a_name_is_the_step_unless_it_is_the_number_of_the_row(
    index: tuple[int, ...], steps: list[int], counted: bool
) -> None:
    made = whole(",reward,kl\n" + "".join(f"{i},0.5,0.25\n" for i in index))
    assert made is not None
    assert made["step"] == steps
    assert any("rows are counted" in text for _, text, _ in made["notes"]) is counted
    assert list(made["columns"]) == ["reward", "kl"]


def test_a_row_of_units_says_percent() -> None:
    assert columns("step,acc\n-,%\n1,22.4\n2,23\n") == {"step": [1, 2], "acc": [0.224, 0.23]}


def test_a_row_without_numbers_is_a_row_where_its_cells_are_missing() -> None:
    made = whole("revision,accuracy\nbase,NA\nstep_100,0.25\nstep_200,0.5\n")
    assert made is not None
    assert made["step"] == [0, 100, 200]


def test_lines_above_a_header_are_counted() -> None:
    made = whole(f"hello\nworld\nstep,reward,kl\n{ROWS}")
    assert made is not None
    assert made["notes"] == [("ignored", "2 lines above the header left out.", 2)]


# -- encodings --------------------------------------------------------------------------------------------------------


def test_western_european_names_are_read(tmp_path: Path) -> None:
    data = "step;Länge;reward\n1;5;0,5\n2;6;0,75\n"
    assert columns(data.encode("latin-1")) == columns(data)
    path = tmp_path / "t.csv"
    path.write_bytes(data.encode("cp1252"))
    assert read(path)["Länge"].value.tolist() == [5, 6]

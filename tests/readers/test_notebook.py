"""Notebooks, saved pages and Markdown: the tables that trainers draw in them, and what was printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heldout import read
from heldout.errors import NoMetrics, ReadError
from heldout.readers import read_all
from heldout.readers.documents import html_table
from heldout.readers.documents.html_table import tables_in
from heldout.readers.source import Files
from heldout.run import Run

HEADER = ["Step", "Training Loss", "reward", "reward_std", "completion_length", "rewards / tests / mean"]


def rows(first: int, last: int) -> list[list[str]]:
    return [[f"{i}", "0.000100", f"{i / 100}", "0.1", f"{200 + i}", f"{i / 100}"] for i in range(first, last + 1)]


def table(header: list[str], cells: list[list[str]]) -> str:
    """The table as pandas' and the trainer's callbacks write it."""
    head = "".join(f"\n      <th>{name}</th>" for name in header)
    body = "".join("\n    <tr>" + "".join(f"\n      <td>{cell}</td>" for cell in row) + "\n    </tr>" for row in cells)
    return (
        f"<div>\n <progress value='3' max='60'></progress>\n [60/60 01:00, Epoch 1/1]\n</div>\n"
        f'<table border="1" class="dataframe">\n<thead>\n <tr style="text-align: left;">{head}\n    </tr>\n  </thead>\n'
        f"  <tbody>{body}\n  </tbody>\n</table><p>"
    )


def shown(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": text.splitlines(keepends=True)}}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}


def notebook(path: Path, *cells: list[dict[str, Any]], indent: int | None = 1) -> Path:
    code = [
        {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": ["trainer.train()"], "outputs": outputs}
        for outputs in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Training"]}
    document = {"cells": [text, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document, indent=indent))
    return path


def values(run: Run, key: str) -> list[float]:
    return run[key].value.tolist()


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_the_table_that_a_trainer_drew_is_read(tmp_path: Path, indent: int | None) -> None:
    path = notebook(tmp_path / "grpo.ipynb", [printed("x\n"), shown(table(HEADER, rows(1, 60)))], indent=indent)
    run = read(path)
    assert (run.name, run.format) == ("grpo", "Jupyter notebook")
    assert run.steps.tolist() == list(range(1, 61))
    assert values(run, "reward") == [i / 100 for i in range(1, 61)]
    assert run.roles["length"] == "completion_length"
    assert {"loss", "rewards/tests/mean"} <= set(run.metrics)


def test_what_the_trainer_evaluated_is_read_under_its_own_name(tmp_path: Path) -> None:
    header = ["Step", "Training Loss", "Validation Loss", "Accuracy", "Math Pass@1"]
    cells = [[f"{i}", "No log" if i == 10 else "0.5", "0.4", f"0.{i}", f"0.{i + 1}"] for i in range(10, 60, 10)]
    run = read(notebook(tmp_path / "a.ipynb", [shown(table(header, cells))]))
    assert values(run, "eval_accuracy") == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert {"eval_loss", "eval_math_pass@1"} <= set(run.metrics)
    assert len(run["loss"].step) == 4


def test_several_trainings_in_one_notebook_are_several_runs(tmp_path: Path) -> None:
    cells = [[shown(table(HEADER, rows(1, n)))] for n in (20, 30)]
    runs = read_all(notebook(tmp_path / "a.ipynb", *cells))
    assert [(run.name, len(run.steps)) for run in runs] == [("cell 2", 20), ("cell 3", 30)]


def test_a_training_that_goes_on_in_the_next_cell_is_one_run(tmp_path: Path) -> None:
    cells = [[shown(table(HEADER, part))] for part in (rows(1, 20), rows(21, 40))]
    assert read(notebook(tmp_path / "a.ipynb", *cells)).steps.tolist() == list(range(1, 41))


def test_a_table_that_is_shown_twice_is_one_run(tmp_path: Path) -> None:
    one = shown(table(HEADER, rows(1, 20)))
    assert len(read_all(notebook(tmp_path / "a.ipynb", [one], [one]))) == 1


def test_other_tables_are_passed_over(tmp_path: Path) -> None:
    other = table(["", "prompt", "answer"], [["0", "1 + 1", "2"], ["1", "2 + 2", "4"]])
    assert len(read_all(notebook(tmp_path / "a.ipynb", [shown(other)], [shown(table(HEADER, rows(1, 9)))]))) == 1


def test_a_table_with_steps_and_no_numbers_is_passed_over(tmp_path: Path) -> None:
    other = table(["step", "epoch", "file"], [["1", "", "a.py"], ["2", "", "b.py"], ["3", "", "c.py"]])
    outputs = [shown(other), shown(table(HEADER, rows(1, 9)))]
    assert len(read(notebook(tmp_path / "a.ipynb", outputs)).steps) == 9


CONSOLE = "".join(f"{{'loss': 0.01, 'reward': 0.{i:02}, 'kl': 0.1, 'epoch': 0.{i:02}}}\n" for i in range(1, 40))


def test_what_was_printed_is_read(tmp_path: Path) -> None:
    bar = printed("".join(f"\r{i}%|##  | {i}/40 [00:01<00:02, 1it/s]" for i in range(40)), "stderr")
    run = read(notebook(tmp_path / "a.ipynb", [printed(CONSOLE[:300]), bar, printed(CONSOLE[300:])]))
    assert values(run, "reward")[:3] == [0.01, 0.02, 0.03]
    assert run.format == "Jupyter notebook"
    assert [note.text for note in run.notes if "no line end" in note.text] == []


def test_lines_of_names_and_values_are_read(tmp_path: Path) -> None:
    lines = "".join(f"Step {i}: loss 0.{i}, reward 0.{i}\n" for i in range(1, 10))
    assert values(read(notebook(tmp_path / "a.ipynb", [printed(lines)])), "reward")[0] == 0.1


def test_evaluations_printed_beside_the_table_are_of_the_same_training(tmp_path: Path) -> None:
    said = "".join(
        f"\n=====\n Running validation at step {step}\n=====\n\n Validation Results:\n  - Average Reward:  0.{step}\n"
        f"  - Success Rate:    {90 - step}.0%\n\n"
        for step in (20, 40, 60)
    )
    cell = [shown(table(HEADER, rows(1, 60))), printed(said)]
    again = "Step       Avg Reward      Success Rate\n" + "".join(
        f"{n}    0.{n}    {90 - n}.0%\n" for n in (20, 40, 60)
    )
    [run] = read_all(notebook(tmp_path / "n.ipynb", cell, [printed(again)]))
    assert run.steps[[0, -1]].tolist() == [1, 60]
    assert run.roles["reward"] == "reward"
    assert run.roles["held_out"] == "val/Success Rate"
    assert run["held_out"].step.tolist() == [20, 40, 60]


def test_cells_that_print_without_steps_are_no_runs_beside_a_training(tmp_path: Path) -> None:
    tries = printed("Reward: 5.0\nReward: 4.0\nReward: 3.0\nReward: 2.0\n")
    [run] = read_all(notebook(tmp_path / "n.ipynb", [tries], [shown(table(HEADER, rows(1, 60)))], [tries]))
    assert run.steps[-1] == 60
    assert any("2 cells" in note.text for note in run.notes)
    assert read(notebook(tmp_path / "alone.ipynb", [tries])).counted


def test_a_notebook_without_output_is_refused_in_a_sentence(tmp_path: Path) -> None:
    outputs: list[list[list[dict[str, Any]]]] = [[], [[]], [[printed("Done.\n")]], [[shown("<b>hello</b>")]]]
    for cells in (*outputs, [[{"output_type": "error"}]]):
        with pytest.raises(NoMetrics, match=r"a notebook of \d cells, none of which shows a table of steps"):
            read(notebook(tmp_path / "a.ipynb", *cells))


@pytest.mark.parametrize(
    "document",
    [
        {"cells": 5},
        {"cells": [5]},
        {"cells": [{"cell_type": "code", "outputs": 5}]},
        {"cells": [{"cell_type": "code", "outputs": [5, {"data": 5}, {"output_type": "stream", "text": 7}]}]},
        {"cells": [{"cell_type": "code", "outputs": [{"data": {"text/html": {"a": 1}}}]}]},
    ],
)
def test_strange_notebooks_are_refused(tmp_path: Path, document: dict[str, Any]) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(document))
    with pytest.raises(ReadError):
        read(path)


def test_a_json_log_that_begins_with_metadata_is_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"metadata": {"a": 1}, "rows": [{"step": i, "reward": i} for i in range(5)]}))
    assert read(path).format == "JSON document"


def test_a_notebook_can_be_followed(tmp_path: Path) -> None:
    files = Files(growing=True)
    for last in (2, 9, 30):
        path = notebook(tmp_path / "a.ipynb", [shown(table(HEADER, rows(1, last)))])
        (run,) = read_all(path, files=files)
        assert run.steps.tolist() == list(range(1, last + 1))


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "{}",
        "<!DOCTYPE html>\n<html><head><style>table {{ }}</style></head><body>{}</body></html>",
        "<!-- saved -->\n<HTML><body><p>hello</p>{}<table><tr><td>1</td><td>2</td></tr></table></body></HTML>",
        "<html><table><tr><td>{}</td></tr></table></html>",  # a page whose layout is a table
    ],
)
def test_the_table_in_a_saved_page_is_read(tmp_path: Path, page: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(page.format(table(HEADER, rows(1, 60))))
    run = read(path)
    assert (run.name, run.format, len(run.steps)) == ("page", "HTML table", 60)
    assert values(run, "reward")[-1] == 0.6


def test_the_index_of_a_data_frame_is_no_metric(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    cells = "".join(f"<tr><th>{i}</th><td>{10 * i}</td><td>0.{i}</td></tr>" for i in range(1, 9))
    path.write_text(f"<table><tr><th></th><th>step</th><th>reward</th></tr>{cells}</table>")
    run = read(path)
    assert run.steps.tolist() == [10 * i for i in range(1, 9)]
    assert list(run.metrics) == ["reward"]


def test_what_stands_in_a_page_as_it_was_printed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<html><body><pre><span>{CONSOLE.replace(chr(39), '&#39;')}</span></pre></body></html>")
    assert values(read(path), "reward")[:2] == [0.01, 0.02]


def test_a_page_without_a_table_of_steps_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for text in ("<html><p>step, reward</p></html>", "<table><tr><td>a</td><td>b</td></tr></table>", "<html><pre>"):
        path.write_text(text)
        with pytest.raises(NoMetrics, match="an HTML page without a table of steps and metrics"):
            read(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<table><tr><td>a<td>b<tr><td>c</table>", [[["a", "b"], ["c"]]]),  # ends that HTML lets one leave out
        ("<TABLE><TR><TH> a&amp;b </TH><td><b>c</b>d</td></TR></TABLE>", [[[" a&b ", "cd"]]]),
        ("<table><tr><td><table><tr><td>x</td></tr></table></td></tr></table>", [[[""]], [["x"]]]),
        ("<td>a</td></table><table>", []),
        ("<table><td>a</td></table>", [[["a"]]]),
        ("<table><script>'<td>'</script><tr><td>1</td></tr></table>", [[["1"]]]),
    ],
)
def test_cells_of_tables(text: str, found: list[list[list[str]]]) -> None:
    assert tables_in(text) == found


@pytest.mark.parametrize(("beyond", "is_read"), [(0, True), (1, False)])
def test_very_large_pages_are_refused(monkeypatch: pytest.MonkeyPatch, beyond: int, is_read: bool) -> None:
    text = "<table><tr><td>a</td></tr></table"
    monkeypatch.setattr(html_table, "_MOST_TEXT", len(text) - beyond)
    if is_read:
        assert tables_in(f"{text}>") == [[["a"]]]
    else:
        with pytest.raises(NoMetrics, match="save the table as CSV"):
            tables_in(f"{text}>")


# -- Markdown ---------------------------------------------------------------------------------------------------------

CARD = """# Model card

Some words | with a bar.

| Hyperparameter | Value |
|:--|--:|
| lr | 1e-6 |
| steps | 60 |

### Training results

| Training Loss | Epoch | Step | Validation Loss | Accuracy |
|:-------------:|:-----:|:----:|:---------------:|:--------:|
| No log        | 1.0   | 10   | 0.5             | 0.25     |
| 0.5           | 2.0   | 20   | 0.4             | **0.5**  |
| 0.4           | 3.0   | 30   | 0.3             | 0.75     |

More words.
"""


def test_the_table_in_a_model_card_is_read(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(CARD)
    run = read(path)
    assert run.format == "Markdown table"
    assert run.steps.tolist() == [10, 20, 30]
    assert values(run, "eval_accuracy") == [0.25, 0.5, 0.75]
    assert run["loss"].step.tolist() == [20, 30]


def test_markdown_without_a_table_of_steps_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(CARD.replace("Step", "Stop").replace("Epoch", "Apache"))
    with pytest.raises(ReadError):
        read(path)

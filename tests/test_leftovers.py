"""A second report in a folder leaves nothing of the first that is no longer true, and all of what others wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heldout.report import write_index, write_report
from heldout.run import Run, Series

STEP = np.arange(30)


def run(name: str, *keys: str) -> Run:
    metrics = {key: Series(key, STEP, np.linspace(0.1, 0.5, 30)) for key in keys}
    return Run(name, name, "CSV table", metrics, roles={key: key for key in keys if key in ("reward", "held_out")})


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


PAGES = {"report.html", "report.md", "report.json"}


def test_figures_of_an_earlier_report_are_removed(tmp_path: Path) -> None:
    write_report(run("a", "reward", "held_out"), tmp_path, ["svg", "png"])
    assert names(tmp_path) == PAGES | {"reward-and-held-out.svg", "reward-and-held-out.png"}
    for name in ("mine.svg", "notes.md"):
        (tmp_path / name).write_text("mine")
    write_report(run("b", "kl"), tmp_path, ["svg"])
    assert names(tmp_path) == PAGES | {"metrics.svg", "mine.svg", "notes.md"}


def test_a_report_of_one_run_and_an_index_of_several_do_not_stand_beside_each_other(tmp_path: Path) -> None:
    write_report(run("a", "reward"), tmp_path, ["svg"])
    written = [write_report(run(name, "reward"), tmp_path / name, ["svg"]) for name in ("x", "y")]
    write_index([one.row(tmp_path) for one in written], {}, tmp_path)
    assert names(tmp_path) == {"index.html", "x", "y"}
    write_report(run("a", "reward"), tmp_path, ["svg"])
    assert "index.html" not in names(tmp_path)


def test_files_that_heldout_did_not_write_are_kept(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>My pages</title>")
    (tmp_path / "old.svg").write_text("mine")
    (tmp_path / "up.svg").write_text("mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "report.json").write_text('{"schema": "heldout.report/1", "figures": {"a": ["../up.svg", 3, "run.csv"]}}')
    (folder / "run.csv").write_text("mine")
    write_report(run("a", "reward"), folder, ["svg"])
    write_report(run("a", "reward"), tmp_path, ["svg"])
    assert {"index.html", "old.svg", "up.svg"} <= names(tmp_path)
    assert "run.csv" in names(folder)


def index_of(folder: Path, *runs: str) -> None:
    written = [write_report(run(name, "reward"), folder / name, ["svg"]) for name in runs]
    write_index([one.row(folder) for one in written], {}, folder)


def test_reports_of_runs_that_are_no_longer_among_several_are_removed(tmp_path: Path) -> None:
    index_of(tmp_path, "x", "y", "mixed")
    (tmp_path / "mixed" / "notes.md").write_text("mine")
    write_report(run("own", "reward"), tmp_path / "own", ["svg"])  # which no index here ever led to
    index_of(tmp_path, "y", "z")
    assert names(tmp_path) == {"index.html", "y", "z", "mixed", "own"}
    assert names(tmp_path / "mixed") == {"notes.md"}
    assert names(tmp_path / "own") == names(tmp_path / "y") == PAGES | {"metrics.svg"}
    write_report(run("a", "reward"), tmp_path, ["svg"])
    assert names(tmp_path) == PAGES | {"metrics.svg", "mixed", "own"}


def test_an_index_that_somebody_changed_removes_nothing_outside_its_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "out", tmp_path / "outside"
    write_report(run("a", "reward"), outside, ["svg"])
    index_of(folder, "x")
    (folder / "link").symlink_to(outside)
    page = folder / "index.html"
    links = "".join(f'<a href="{name}/report.html">' for name in ("..", ".", "../outside", "link", "&#46;&#46;"))
    page.write_text(page.read_text() + links)
    index_of(folder, "z")
    assert names(outside) == PAGES | {"metrics.svg"}
    assert names(folder) == {"index.html", "z", "link"}

"""Many runs at once: one row each, ranked and paid for; what is broken costs no other; nothing is read twice."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import orjson
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

import heldout
from benchmarks.fleets import break_some, write_fleet
from heldout.cli import app
from heldout.engines import Local
from heldout.errors import UsageError
from heldout.findings import State
from heldout.fleet import Fleet, judge
from heldout.fleet.frame import COLUMNS, FELL
from heldout.fleet.terminal import show
from heldout.fleet.words import head_of, lines_of
from heldout.stats.levels import adaptive_benjamini_hochberg

HOSTILE = "=cmd|'x'!A1<script>alert(1)</script>\x1b[31m"


@dataclass
class Made:
    """A small fleet with three broken runs and one of a hostile name, judged once."""

    runs: Path
    cache: Path
    broken: list[str]
    fleet: Fleet


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("fleet")
    runs = folder / "runs"
    write_fleet(runs, 24, seed=3, n=300, evaluations=24, falling=0.5)
    broken = break_some(runs)
    shutil.copytree(runs / "sweep-000" / "run-00010", runs / "sweep-000" / HOSTILE.replace("/", "_"))
    return Made(runs, folder / "cache", broken, judge(runs, engine=Local(2), cache=folder / "cache"))


def test_each_run_has_the_row_that_its_own_verdict_gives(made: Made) -> None:
    rows = made.fleet.judged.rows(named=True)
    assert len(rows) == 22
    for row in rows[:6]:
        verdict = heldout.diagnose(heldout.read(row["path"]))
        assert (row["state"], row["label"], row["p"]) == (verdict.state.value, verdict.label, verdict.p)
        assert verdict.recommended is not None
        assert verdict.last is not None
        best, last = verdict.recommended, verdict.last
        assert row["keep"] == best.step
        for name, one in (("best", best), ("last", last)):
            told = [row[key] for key in (name, f"{name}_low", f"{name}_high")]
            assert told == pytest.approx([one.estimate, one.low, one.high])
        assert (row["evaluations"], row["n"], row["last_step"]) == (24, 300, 800)
        assert row["fall"] == (verdict.fall.drop if verdict.fall else None)


def test_what_is_broken_is_a_row_and_is_named_once(made: Made) -> None:
    unread = made.fleet.rows.filter(pl.col("state").is_null())
    assert sorted(unread["run"]) == sorted(made.broken)
    assert all(unread["error"].str.len_chars() > 20)
    assert unread.select("label", "steps", "score", "last").null_count().row(0) == (len(unread),) * 4
    assert unread.equals(made.fleet.rows.tail(3))
    console = Console(record=True, width=140, file=StringIO())
    show(console, made.fleet)
    said = console.export_text()
    assert len(said.splitlines()) <= 40
    for name in made.broken:
        assert said.count(name) == 1, said
    assert "\x1b[31m" not in said


def test_the_surest_falls_come_first_and_all_runs_are_paid_for(made: Made) -> None:
    rows = made.fleet.judged
    asked = rows.filter(pl.col("p").is_not_null() & pl.col("copy_of").is_null())
    assert (asked["adjusted_p"] >= asked["p"]).all()
    assert asked["adjusted_p"].to_list() == pytest.approx(adaptive_benjamini_hochberg(asked["p"].to_list()))
    assert asked["label"].head(len(made.fleet.flagged())).str.starts_with("confirmed").all()
    down = rows["state"].is_in(FELL)
    assert down.to_list() == sorted(down, reverse=True)
    assert rows.filter(down)["adjusted_p"].fill_null(1.0).is_sorted()
    flagged = made.fleet.flagged(0.05)
    assert 0 < len(flagged) < len(rows)
    assert flagged.equals(made.fleet.rows.head(len(flagged)))
    assert len(made.fleet.flagged(1e-9)) == 0
    with pytest.raises(UsageError, match="fdr is 2"):
        made.fleet.flagged(2.0)


def test_the_same_again_reads_nothing_and_a_change_reads_that_run_alone(made: Made, tmp_path: Path) -> None:
    class Refusing:
        """An engine that must not be asked for more than what has changed."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        def map(self, function, items):  # type: ignore[no-untyped-def]
            for item in items:
                self.asked.append(item)
                yield item, function(item)

    again, third = Refusing(), Refusing()
    assert judge(made.runs, engine=again, cache=made.cache).rows.equals(made.fleet.rows)
    retried = {str(made.runs.resolve() / name) for name in made.broken}
    assert set(again.asked) <= retried  # what cannot be read may be readable by now
    grown = made.runs / "sweep-000" / "run-00020" / "metrics.jsonl"
    with grown.open("ab") as file:
        file.write(orjson.dumps({"step": 801, "reward": 0.5}) + b"\n")
    judge(made.runs, engine=third, cache=made.cache)
    assert set(third.asked) - retried == {str(grown.parent.resolve())}


def test_what_was_written_beside_the_runs_is_no_run(made: Made) -> None:
    fleet = judge(made.runs, engine=Local(2), cache=made.cache)
    out = made.runs / "judged"
    fleet.write(out, top=1)
    assert judge(made.runs, engine=Local(2), cache=made.cache).rows["run"].equals(fleet.rows["run"])
    shutil.rmtree(out)


def test_names_of_files_may_be_no_text(made: Made, tmp_path: Path) -> None:
    name = os.fsdecode(b"half \xff of\na name")
    shutil.copytree(made.runs / "sweep-000" / "run-00010", tmp_path / "runs" / name)
    for again in range(2):
        fleet = judge(tmp_path / "runs", engine=Local(1), figures="none", cache=tmp_path / "cache")
        assert len(fleet.judged) == 1, again
    page, *_ = fleet.write(tmp_path / "out")
    assert r"half \udcff of\na name" in page.read_text()


def test_two_fleets_with_one_cache_do_not_disturb_each_other(made: Made, tmp_path: Path) -> None:
    where = made.runs / "sweep-000" / "run-00010"
    first = judge(where, engine=Local(1), cache=tmp_path)
    judge(where, engine=Local(1), cache=tmp_path, planned=80)
    [row] = first.first(1)
    assert row.p == first.rows["p"][0]


def test_a_cache_that_is_none_costs_time_alone(made: Made, tmp_path: Path) -> None:
    (tmp_path / "rows.sqlite3").write_text("this is no database")
    fleet = judge(made.runs / "sweep-000" / "run-00010", engine=Local(1), cache=tmp_path)
    assert [row.state for row in fleet.first(5)] == [State(fleet.rows["state"][0])]


def test_what_is_written_holds_all_rows_and_computes_nothing(made: Made, tmp_path: Path) -> None:
    fleet = judge(made.runs, engine=Local(2), figures="none", cache=made.cache)
    page, parquet, table = fleet.write(tmp_path / "out")
    assert pl.read_parquet(parquet).equals(fleet.rows)
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    assert len(rows) == 1 + len(fleet)
    names = {row[0] for row in rows[1:]}
    assert not any(re.match(r"[=+\-@\t\r]", cell) and not _number(cell) for row in rows[1:] for cell in row)
    assert any("cmd" in name for name in names)
    text = page.read_text()
    assert "<script>alert" not in text
    assert "\x1b" not in text
    assert not (tmp_path / "out" / "reports").exists()


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_flagged_runs_get_a_report_that_is_written_once_and_goes_when_they_are_none(made: Made, tmp_path: Path) -> None:
    fleet = judge(made.runs, engine=Local(2), cache=made.cache)
    page, *_ = fleet.write(tmp_path, top=2)
    names = [path.parent.name for path in tmp_path.glob("reports/*/report.html")]
    links = re.findall(r'<a href="reports/([^"/]+)/report.html">', page.read_text())
    assert sorted(links) == sorted(names)
    assert len(names) == 2
    report = tmp_path / "reports" / links[0] / "report.json"
    told, before = orjson.loads(report.read_bytes()), report.stat().st_mtime_ns
    assert told["verdict"]["state"] in FELL
    fleet.write(tmp_path, top=2)
    assert report.stat().st_mtime_ns == before
    (tmp_path / "reports" / "mine.txt").write_text("kept")
    fleet.write(tmp_path, top=1)
    assert {path.name for path in tmp_path.glob("reports/*")} == {links[0], "mine.txt"}


def test_paths_are_folders_patterns_and_lists_and_each_run_counts_once(made: Made, tmp_path: Path) -> None:
    chosen = sorted((made.runs / "sweep-000").glob("run-0001*"))
    listed = tmp_path / "runs.txt"
    listed.write_text("# a remark\n\n" + "\n".join(map(str, chosen)) + f"\n{tmp_path / 'nowhere'}\n")
    (tmp_path / "empty").mkdir()
    pattern = str(made.runs / "*" / "run-0001*")
    fleet = judge([f"@{listed}", pattern, tmp_path / "empty"], engine=Local(2), cache=made.cache)
    assert sorted(fleet.judged["path"]) == [str(path.resolve()) for path in chosen]
    assert len(fleet.failures) == 2
    assert any("no such file or folder" in why for why in fleet.failures.values())
    assert any(why.startswith("no log lies in it") for why in fleet.failures.values())
    with pytest.raises(UsageError, match="the list of paths cannot be read"):
        judge(f"@{tmp_path / 'no-list.txt'}")


def test_a_copy_counts_as_no_run_of_its_own_and_a_lost_log_is_a_row(made: Made, tmp_path: Path) -> None:
    [path] = made.fleet.flagged()["path"].head(1)
    for name in ("fallen", "fallen-copy"):
        shutil.copytree(path, tmp_path / "runs" / name)
    (tmp_path / "runs" / "unmounted").mkdir()
    (tmp_path / "runs" / "unmounted" / "metrics.jsonl").symlink_to(tmp_path / "disk" / "metrics.jsonl")
    os.mkfifo(tmp_path / "runs" / "piped.jsonl")
    fleet = judge(tmp_path / "runs", engine=Local(1))
    assert fleet.judged.select("run", "copy_of").rows() == [("fallen", None), ("fallen-copy", "fallen")]
    assert fleet.flagged()["run"].to_list() == ["fallen"]
    assert head_of(fleet) == "2 runs: 1 confirmed, of which fewer than one by chance"
    assert "1 run has the same measurements as another: a copy does not count." in list(lines_of(fleet))
    told = {"unmounted/metrics.jsonl": "is not there", "piped.jsonl": "is a pipe"}
    assert {name: told[name] in why for name, why in fleet.failures.items()} == dict.fromkeys(told, True)


def test_runs_that_were_not_written_to_since_a_date_are_left_out(made: Made) -> None:
    old = made.runs / "sweep-000" / "run-00012"
    for path in [*old.rglob("*"), old]:
        os.utime(path, (1e9, 1e9))
    fleet = judge(made.runs, engine=Local(2), since=1.1e9, cache=made.cache)
    assert fleet.older == 1
    assert "sweep-000/run-00012" not in fleet.rows["run"].to_list()


def test_the_command_says_what_it_found_and_exits_by_it(made: Made, tmp_path: Path) -> None:
    words = ["fleet", str(made.runs), "-o", str(tmp_path / "out"), "--workers", "2", "--figures", "none"]
    done = subprocess.run(
        [sys.executable, "-m", "heldout", *words, "--fail-on", "flagged"], capture_output=True, text=True
    )
    assert done.returncode == 3
    assert re.match(r"22 runs: \d+ confirmed, of which fewer than one by chance\n", done.stdout)
    assert "3 could not be read." in done.stdout
    assert len(done.stdout.splitlines()) <= 40
    assert not done.stderr
    told = CliRunner().invoke(app, [*words, "--fail-on", "no held-out evidence"])  # from what the first one kept
    assert (told.exit_code, told.output) == (0, done.stdout)
    refused = CliRunner().invoke(app, [*words, "--fail-on", "sad"])
    assert "--fail-on is 'sad'; it must be one of: flagged, over-optimised" in str(refused.exception)
    assert CliRunner().invoke(app, ["fleet", str(tmp_path / "nowhere"), "-o", str(tmp_path / "out2")]).exit_code == 2


def test_watching_tells_what_is_new_until_it_is_interrupted(made: Made, tmp_path: Path) -> None:
    first, second = sorted((made.runs / "sweep-000").glob("run-0001*"))[:2]
    shutil.copytree(first, tmp_path / "runs" / "first")
    words = ["fleet", str(tmp_path / "runs"), "-o", str(tmp_path / "out"), "--watch", "1", "--figures", "none"]
    watching = subprocess.Popen(
        [sys.executable, "-m", "heldout", *words, "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().startswith("1 run: ")
    shutil.copytree(second, tmp_path / "runs" / "second")
    assert any(line.startswith("2 runs: ") for line in iter(watching.stdout.readline, ""))
    os.killpg(watching.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, complaints = watching.communicate(timeout=120.0)
    assert (watching.returncode, complaints) == (0, "")


def test_an_empty_fleet_is_none(tmp_path: Path) -> None:
    fleet = judge(tmp_path)
    assert len(fleet.judged) == 0
    assert list(fleet.rows.columns) == list(COLUMNS)
    assert State.OVER_OPTIMISED.value in FELL

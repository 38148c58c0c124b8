"""The commands as a person types them: a process of their own, exit codes, one sentence for a mistake."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_origin

import pytest
import typer

from heldout.cli import app


def heldout(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heldout", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    rows = [{"step": s, "reward": s / 9, "acc": 0.5 - s / 99, "n": 100, "zebra": s} for s in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_report_prints_a_summary_and_where_the_report_lies(log: Path, tmp_path: Path) -> None:
    done = heldout("report", log, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Key observations" in done.stdout
    assert "report.html" in done.stdout
    assert "zebra" in done.stdout  # what was not known is said
    assert (tmp_path / "out" / "report.html").exists()


def test_several_paths_give_a_report_each_and_an_index(log: Path, tmp_path: Path) -> None:
    done = heldout("report", log, "example:kimi-dev", "-o", tmp_path / "out", "--quiet", "--formats", "svg")
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "out" / "index.html").read_text()
    assert 'href="run/report.html"' in index
    assert 'href="Kimi-Dev-RL/report.html"' in index


def test_what_of_a_folder_was_not_read_stands_in_the_index(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "several"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        shutil.copy(log, folder / name / "log.csv")
    (folder / "c").mkdir()
    (folder / "c" / "broken.csv").write_text("epoch;what\nx;y\n")
    done = heldout("report", folder, "-o", tmp_path / "out", "--quiet", "--formats", "svg")
    assert done.returncode == 0, done.stderr
    assert "broken.csv" in done.stderr
    assert "broken.csv" in (tmp_path / "out" / "index.html").read_text()


def test_what_cannot_be_read_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here\n")
    done = heldout("report", tmp_path / "notes.txt", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("heldout: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_of_several_paths_the_readable_ones_are_reported(log: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here\n")
    done = heldout("report", tmp_path / "notes.txt", log, "-o", tmp_path / "out", "-q", "--formats", "svg")
    assert done.returncode == 2
    assert (tmp_path / "out" / "run" / "report.json").exists()
    assert "nothing here" in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reward", "rewrd"], "has no metric 'rewrd'"),
        (["--formats", "gif"], "not 'gif'"),
        (["--problems", "0"], "--problems"),
        (["--run", "nope"], "has no run 'nope'"),
    ],
)
def test_a_mistake_in_an_option_is_explained(log: Path, tmp_path: Path, words: list[str], said: str) -> None:
    done = heldout("report", log, "-o", tmp_path / "out", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_chart_draws_any_two_metrics(log: Path, tmp_path: Path) -> None:
    for suffix, magic in ((".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        out = tmp_path / f"figure{suffix}"
        done = heldout(
            "chart", log, "--left", "reward", "--right", "zebra", "-o", out, "--width", "8.5", "--theme", "dark"
        )
        assert done.returncode == 0, done.stderr
        assert out.read_bytes().startswith(magic)


def test_chart_makes_the_folder_of_its_file(log: Path, tmp_path: Path) -> None:
    done = heldout("chart", log, "--left", "reward", "-o", tmp_path / "new" / "folder" / "x.svg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "folder" / "x.svg").read_text().startswith("<?xml")


def test_a_reader_that_has_seen_enough_is_no_failure(log: Path, tmp_path: Path) -> None:
    command = f"set -o pipefail; '{sys.executable}' -m heldout report '{log}' -o '{tmp_path}' --formats svg | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_a_full_disk_is_one_sentence(log: Path, tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "heldout", "report", str(log), "-o", str(tmp_path), "--formats", "svg"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("heldout: ")
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_that_knows_no_such_letter_is_shown_its_code(log: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "heldout", "report", str(log), "-o", str(tmp_path / "é"), "-q", "--formats", "svg"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "\\xe9" in done.stdout


def test_chart_names_near_keys(log: Path, tmp_path: Path) -> None:
    done = heldout("chart", log, "--left", "zebr", "-o", tmp_path / "f.svg")
    assert done.returncode == 2
    assert "zebra" in done.stderr


def test_metrics_prints_the_page_in_the_docs() -> None:
    page = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
    assert heldout("metrics").stdout == page


def test_help_and_version() -> None:
    assert "report" in heldout("--help").stdout
    assert heldout("--version").stdout.startswith("heldout 0.")


def test_a_benchmark_is_drawn_again_from_its_file(tmp_path: Path) -> None:
    done = heldout("bench", "detect", "n20K6", "--runs", "2", "--workers", "1", "-o", tmp_path / "found.json")
    assert done.returncode == 0, done.stderr
    done = heldout("bench", "detect", "--from", tmp_path / "found.json", "--figures", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "figures" / "n20K6-alarms.svg").exists()
    done = heldout("bench", "detect", "--from", tmp_path / "missing.json")
    assert (done.returncode, "missing.json cannot be read" in done.stderr.replace("\n", "")) == (2, True)


COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# Each command writes, and fails on, something of its own, and has first ones of its own; eval is told a step, samples
# chooses one; a margin is of a change where one run is judged, and of a difference where several are compared.
OWN = {"-o", "--out", "--fail-on", "--step", "--margin", "--top"}


def flags(command: str) -> dict[str, tuple[object, str | None, str]]:
    """Every flag of a command, with what it means: type, placeholder and help; some may be given several times."""
    options = [p for p in COMMANDS[command].params if p.param_type_name == "option" and p.name != "help"]
    return {flag: (_one(p.type_descriptor.annotation), p.metavar, p.help) for p in options for flag in p.opts}


def _one(kind: object) -> object:
    return get_args(kind)[0] if get_origin(kind) is list else kind


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(COMMANDS, 2)))
def test_a_flag_has_one_meaning_in_all_commands(one: str, other: str) -> None:
    if "train" in (one, other):  # its flags are the settings of its TOML file
        return
    here, there = flags(one), flags(other)
    assert {flag: here[flag] for flag in here.keys() & there.keys() - OWN} == {
        flag: there[flag] for flag in here.keys() & there.keys() - OWN
    }


def test_the_settings_of_a_training_are_no_flags_that_choose_a_run_or_say_how_it_is_read() -> None:
    assert not flags("train").keys() & {"--run", "--problems", "--limit", "--command", "--eval", "--length"}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_in_the_docs(command: str) -> None:
    root = Path(__file__).parents[1]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert any(f"heldout {command}" in page.read_text() for page in pages)


@pytest.mark.parametrize("command", ["report", "chart", "watch", "plan"])
def test_what_reads_a_log_can_be_told_which_run_and_how_many_problems(command: str) -> None:
    assert flags(command).keys() >= {"--run", "--problems", "--samples", "--eval"}

"""The pages on how to add something, followed to the letter in a copy of the package."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 40  # lines of an example's file


class Copy:
    """A copy of the package that one of the pages is followed in."""

    def __init__(self, where: Path, page: str) -> None:
        self.where = where
        shutil.copytree(ROOT / "src", where / "src", ignore=shutil.ignore_patterns("__pycache__"))
        self.page = (ROOT / "docs" / "contributing" / page).read_text()
        (self.file,) = re.findall(r"```python\n(.*?)```", self.page, re.DOTALL)
        *self.samples, self.line = re.findall(r"```text\n(.*?)```", self.page, re.DOTALL)
        path = re.search(r"`(src/heldout/\S+\.py)`:", self.page)
        assert path is not None
        (where / path[1]).write_text(self.file)

    def put(self, line: str, file: str, before: str) -> None:
        """Put a line of the page into a file, before the line that begins so."""
        path = self.where / "src" / "heldout" / file
        text = path.read_text()
        assert text.count(f"\n{before}") == 1, before
        path.write_text(text.replace(f"\n{before}", f"\n{line.rstrip()}\n{before}"))

    def run(self, *words: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "heldout", *map(str, words)],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(self.where / "src"), "PATH": "/usr/bin:/bin"},
            cwd=self.where,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.mark.parametrize("page", ["reader.md", "detector.md", "figure.md", "command.md"])
def test_an_example_is_short(page: str, tmp_path: Path) -> None:
    copy = Copy(tmp_path, page)
    assert copy.file.count("\n") <= LONGEST
    assert copy.line.count("\n") <= 2


def test_a_reader(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "reader.md")
    (sample,) = copy.samples
    (tmp_path / "loop.log").write_text(sample)
    copy.put("from heldout.readers.yours import read as read_yours", "readers/formats.py", "from heldout.run import")
    copy.put(copy.line, "readers/formats.py", '    Format("pairs-console"')  # which reads such lines, too
    assert "lines of iter=N" in copy.run("report", "loop.log", "-o", "out", "--formats", "svg")
    assert '"key": "val_acc"' in (tmp_path / "out" / "report.json").read_text()


def test_a_detector(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "detector.md")
    copy.put("from heldout.detectors.calibration import Calibration", "detectors/__init__.py", "__all__ = [")
    copy.put(copy.line, "detectors/__init__.py", "    RepeatedEvaluation,\n)")
    for name, worst in (("healthy", 0.19), ("sick", 0.21)):
        rows = "".join(f"{step},{step / 99},{0.1 if step < 60 else worst}\n" for step in range(99))
        (tmp_path / f"{name}.csv").write_text("step,reward,ece\n" + rows)
    copy.run("report", "healthy.csv", "sick.csv", "-o", "out", "--formats", "svg")
    found = {name: (tmp_path / "out" / name / "report.json").read_text() for name in ("healthy", "sick")}
    assert "The calibration error rose to 0.21." in found["sick"]
    assert "calibration error rose" not in found["healthy"]


def test_a_figure(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "figure.md")
    copy.put("from heldout.charts.kl import kl_and_held_out", "report/figures.py", "from heldout.findings import")
    copy.put(copy.line, "report/figures.py", "\n\ndef marks_of(")
    rows = "".join(f"{step},{step / 99},{step / 999},{0.5}\n" for step in range(99))
    (tmp_path / "run.csv").write_text("step,reward,kl,eval/acc\n" + rows)
    copy.run("report", "run.csv", "-o", "out", "--formats", "svg")
    assert "KL to the reference" in (tmp_path / "out" / "kl-and-held-out.svg").read_text()


def test_a_command(tmp_path: Path) -> None:
    copy = Copy(tmp_path, "command.md")
    (imported,) = copy.samples
    copy.put(imported, "cli/__init__.py", "from heldout.errors import")
    copy.put(copy.line, "cli/__init__.py", "# What stands behind it")
    (tmp_path / "run.csv").write_text("step,reward,acc\n0,0.1,0.5\n1,nan,0.5\n2,0.3,0.5\n")
    assert "dropped:" in copy.run("notes", "run.csv")

"""The mutation run: what it changes, and that a weak test lets through what a strong one notices."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_cov", reason="mutations are tried where pytest-cov is installed")

from tools.mutate import changes, mutated

ROOM = """
STEPS = (
    1.5,
    2.5,
)
def clipped(value: float, top: int = 3) -> float:
    \"\"\"Not 7, which is no logic.\"\"\"
    if value < top and not value == -1:
        return min(value, 2.5)
    return value + 1
"""
STRONG = """
from heldout.room import STEPS, clipped
def test_clipped():
    assert STEPS == (1.5, 2.5)
    assert clipped(2.5) == clipped(2.9) == 2.5
    assert (clipped(2.4), clipped(1)) == (2.4, 1)
    assert (clipped(3), clipped(5), clipped(-1), clipped(-2)) == (4, 6, 0, -2)
    assert clipped(3.5, 4) == 2.5
"""
WEAK = """
from heldout.room import clipped
def test_clipped():
    assert clipped(2) > 0
"""
FAILS_WHERE_FORKED = """
import os
from heldout.room import clipped
def test_clipped():
    assert os.getsid(0) != os.getpid()
    assert clipped(2) > 0
"""
CALL = """
import sys
from pathlib import Path
from tools.mutate import run
if __name__ == "__main__":
    asked = {"count": 8, "seed": 0, "seconds": 99, "jobs": 1, "tests": ["test_room.py"], "loaded": ["pytest"]}
    found = run(Path(sys.argv[1]), "room", **asked)
    print("share", sum(one.fate != "noticed" for one in found) / len(found))
"""


def variants(source: str) -> set[str]:
    return {mutated(source, number) for number in range(len(list(changes(ast.parse(source)))))}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a in b", {"a not in b"}),
        ("a + b", {"a - b"}),
        ("a and b", {"a or b"}),
        ("not a", {"a"}),
        ("-a", {"+a"}),
        ("x = 2", {"x = 3"}),
        ("x = 2.0", {"x = 3.0"}),
        ("x = 0.0", {"x = 0.1"}),
        ("x = True", {"x = False"}),
        ("x = min(a)", {"x = max(a)"}),
        ("f(a)", {"None"}),
        ("x += a", {"x -= a"}),
        ("if a:\n    b", {"if not a:\n    b"}),
        ("x: Literal[3] = a", set()),
        ("@dataclass(slots=True)\nclass A:\n    b: int", set()),
        ("zip(a, strict=True)", {"None"}),
        ("'text'", set()),
    ],
)
def test_each_kind_of_mistake(source: str, expected: set[str]) -> None:
    assert variants(source) == expected


def test_every_mutation_differs_from_the_source() -> None:
    whole = ast.unparse(ast.parse(ROOM))
    assert len(variants(ROOM)) >= 10
    assert whole not in variants(ROOM)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "src" / "heldout").mkdir(parents=True)
    (root / "src" / "heldout" / "__init__.py").write_text("")
    (root / "src" / "heldout" / "room.py").write_text(ROOM)
    return root


def called(repository: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (repository / "test_room.py").write_text(tests)
    (repository / "call.py").write_text(CALL)
    return subprocess.run(
        [sys.executable, str(repository / "call.py"), str(repository)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )


@pytest.mark.parametrize(("tests", "most"), [(STRONG, 0.0), (WEAK, 1.0)])
def test_a_weak_test_lets_mutations_survive_and_a_strong_one_does_not(
    repository: Path, tests: str, most: float
) -> None:
    done = called(repository, tests)
    assert done.returncode == 0, done.stderr
    share = float(done.stdout.split("share")[-1])
    assert share == 0.0 if most == 0.0 else share > 0.3, done.stdout


def test_tests_that_fail_without_a_mutation_notice_none(repository: Path) -> None:
    done = called(repository, FAILS_WHERE_FORKED)
    assert done.returncode == 1
    assert "though nothing is changed" in done.stderr

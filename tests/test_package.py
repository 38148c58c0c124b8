"""The package as a whole: public names, floors, docs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import heldout
from heldout import errors
from heldout.datasets import published

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "heldout"
FLOORS = (
    {
        "errors",
        "findings",
        "interrupts",
        "plain",
        "json_schema",
        "ranks",
        "settings",
        "showing",
        "steps",
        "text",
        "user_code",
    },
    {"engines", "metrics", "remote", "stats", "sandbox"},
    {"copies", "frames", "judged", "run", "tasks"},
    {"anonymous", "datasets", "store", "tricks"},
    {"readers", "rollouts", "charts", "detectors"},
    {"diagnosis", "evaluation", "pages", "rewards"},
    {"report", "compare", "fleet", "live", "audit"},
    {"callbacks", "notebook", "serve"},
    {"train"},
    {"cli"},
    {"__main__"},
)


def floor_of(module: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if module in floor)


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(heldout, name) is not None for name in heldout.__all__)


def test_lower_floors_never_import_upper_ones() -> None:
    for path in SOURCE.rglob("*.py"):
        here = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for name in names:
                part = name.split(".")[1:2]
                if name.startswith("heldout.") and part and part[0] != here:
                    assert floor_of(part[0]) <= floor_of(here), f"{path} imports {name}"


def test_importing_heldout_loads_nothing_heavy() -> None:
    heavy = ("numpy", "scipy", "polars", "matplotlib", "rich")
    code = f"import heldout, heldout.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_error_tree_in_the_docstring_is_the_error_tree() -> None:
    drawn = set(re.findall(r"^ *\* (\w+)", errors.__doc__ or "", re.MULTILINE))
    real = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert drawn == real


def test_examples_say_where_they_come_from() -> None:
    assert published.available() == ["deepseek-r1", "kimi-dev"]
    for name in published.available():
        run = published.load(name)
        assert "approximate readings of a published figure" in run.notes[0].text
        assert "arXiv" in run.notes[0].text


def imports(path: Path) -> set[str]:
    """Modules of ours that a module imports when it is loaded."""
    modules = {module(other) for other in SOURCE.rglob("*.py")}
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found & modules - {module(path)}


def module(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_there_is_no_circle_of_imports() -> None:
    graph = TopologicalSorter({module(path): imports(path) for path in SOURCE.rglob("*.py")})
    graph.prepare()  # raises CycleError, which names the circle
    assert graph.is_active()


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        prose = re.sub(r"`[^`]*`", "", page.read_text())
        for target in re.findall(r"\]\((?!http)([^)#]+)", prose):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_two_files_of_tests_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []  # pytest would refuse to collect them

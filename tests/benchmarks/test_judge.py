"""The benchmark of judges: its programs are what it says, and all judges agree on them."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from benchmarks.judge import measure, sample
from heldout.errors import SandboxError
from heldout.sandbox import same


def test_the_sample_is_right_about_its_programs() -> None:
    items, truth = sample(40)
    for (source, entry, tests), right in zip(items, truth, strict=True):
        scope: dict[str, Any] = {}
        exec(source, scope)
        assert all(same(scope[entry](*test.args), test.expected) for test in tests) is right
    assert truth.count(False) == 10


def test_every_judge_is_measured_against_a_process_per_program() -> None:
    try:
        results = measure(20, 1, 1, Console(quiet=True))
    except SandboxError as error:
        pytest.skip(str(error))
    assert [result.judge.split()[0] for result in results] == [
        *("monty", "bubblewrap", "exit", "python", "fork"),
        *("bubblewrap,", "bubblewrap,", "bubblewrap,", "python"),
    ]
    assert all(result.programs_per_second > 0 for result in results)
    assert results[3].ratio == 1

"""A list of another length than that of the answers is found, and rewards that take one at a time are not accused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.audit.asking import Asker
from heldout.audit.batches import Batches
from heldout.audit.parts import Known
from heldout.rewards.worker import open_grader
from heldout.sandbox import Sandbox, open_sandbox
from heldout.sandbox.hidden import Reply
from heldout.tasks.problem import Problem
from heldout.tasks.replies import exact

SUMS = [Known(Problem(f"sum {n}", f"{n} + {n}?", "", (Reply(str(2 * n), exact),)), (str(2 * n),)) for n in range(5)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with open_sandbox(workers=1) as one:
        yield one


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def reward(completions, **_): return [1.0]", True),
        ("def reward(completions, **_): return [1.0] * len(completions)", False),
        ("def reward(completion, answer): return [1.0]", False),
        ("def reward(completions, **_): raise KeyError", False),  # alone as well: other parts say that
    ],
)
@pytest.mark.parametrize("problems", [1, 5])
def test_a_list_of_another_length_is_found(
    source: str, found: bool, problems: int, tmp_path: Path, sandbox: Sandbox
) -> None:
    (tmp_path / "mine.py").write_text(source)
    some = SUMS[:problems]
    rows = [one.problem for one in some]
    with open_grader(f"{tmp_path}/mine.py:reward", rows, sandbox, workers=1) as grader:
        (result,) = Batches()(Asker(grader, sandbox), some)
    assert bool(result.found) is found
    if found:
        asked = min(problems, 4) + 1
        assert f"gave 1 numbers for {asked} answers" in result.seen
        assert result.flaw

"""A task compared in another way than its set does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.sandbox import StdinTest, Test
from heldout.sandbox.compare import COMPARISONS, name_of
from heldout.tasks import load_task
from heldout.tasks.comparing import compared_as

SAMPLES = Path(__file__).parent / "samples"
BENCH, SUMS = load_task(str(SAMPLES / "livecodebench.jsonl")), load_task(str(SAMPLES / "gsm8k.jsonl"))


def names(name: str) -> list[str]:
    task = compared_as(BENCH, name)
    return [name_of(test.compare) for one in task.problems for test in one.tests if isinstance(test, Test | StdinTest)]


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_changes_the_tests_that_it_is_for_and_a_note_says_how_many(name: str) -> None:
    changed = [before != after for before, after in zip(names(""), names(name), strict=True)]
    assert set(names(name)) <= {name, "json", "decimal lines"}
    fitting = names(name).count(name)
    assert fitting in (3, 6, 9)
    assert sum(changed) == fitting - names("").count(name)
    assert compared_as(BENCH, name).notes[-1].startswith(f"{fitting} tests compared as {name!r}")


def test_strict_is_for_all_and_the_empty_name_changes_nothing() -> None:
    assert set(names("strict")) == {"strict"}
    assert compared_as(BENCH, "") is BENCH


def test_a_comparison_that_is_none_or_is_for_no_test_is_refused() -> None:
    with pytest.raises(UsageError, match="'exactly' is no comparison; take strict, python, json"):
        compared_as(BENCH, "exactly")
    with pytest.raises(UsageError, match="'tokens' is for tests by stdin, and gsm8k has none"):
        compared_as(SUMS, "tokens")

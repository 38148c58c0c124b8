"""The shared thresholds: the quantiles are those of scipy, and no other module writes one of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scipy import stats

import heldout
from heldout.stats import levels
from heldout.stats.levels import ONE_SIDED_95, TWO_SIDED_95

SOURCE = Path(heldout.__file__).parent
NAMED = {0.005: "half a point", 0.01: "one point"}


def test_the_quantiles_are_those_of_the_normal_distribution() -> None:
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-12) == TWO_SIDED_95
    assert pytest.approx(stats.norm.ppf(0.95), abs=1e-12) == ONE_SIDED_95


def test_no_module_writes_a_quantile_or_an_array_type_of_its_own() -> None:
    number, array = r"\b(1\.96|1\.645|1\.64|196)\b *[*)\n]", r"= npt\.NDArray\[np\.(float64|bool_)\]$"
    own = re.compile(rf"^[^#\n]*({number}|{array})", re.MULTILINE)
    found = {path.name for path in SOURCE.rglob("*.py") if own.search(path.read_text())}
    assert found == {"arrays.py"}


@pytest.mark.parametrize(("page", "said"), [
    ("statistics", f"less than {100 * levels.LEVEL:g} points, and a fall of {100 * levels.COARSE:g} points or less"),
    ("statistics", f"came back to within {NAMED[levels.DROP]} of its peak"),
    ("statistics", f"gives 80 % to a fall of more than {NAMED[levels.DROP]}"),
    ("statistics", f"the first step that is truly {NAMED[levels.ONSET]} below the best"),
    ("statistics", f"evaluate some {levels.ENOUGH_PROBLEMS} problems"),
    ("reading", f"a fall is confirmed from {levels.FEWEST_TO_CONFIRM} problems on"),
])  # fmt: skip
def test_the_thresholds_are_those_that_the_pages_name(page: str, said: str) -> None:
    assert said in (SOURCE.parents[1] / "docs" / f"{page}.md").read_text()


def test_a_run_is_planned_with_20_to_40_evaluations_and_one_false_alarm_in_twenty_runs() -> None:
    assert (levels.FEWEST_EVALUATIONS, levels.MOST_EVALUATIONS) == (20, 40)
    assert levels.FALSE_ALARMS == 0.05

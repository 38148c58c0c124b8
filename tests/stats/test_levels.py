"""Thresholds are shared, the normal distribution is that of scipy, and Holm's procedure is what its definition says."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri

import heldout
from heldout.stats import levels
from heldout.stats.levels import (
    ONE_SIDED_95,
    TWO_SIDED_95,
    adaptive_benjamini_hochberg,
    benjamini_hochberg,
    cdf,
    holm,
    quantile,
    two_sided_p,
)

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
    ("statistics", f"changes by less than {100 * levels.LEVEL:g} points per quarter of the run"),
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


def test_cdf_agrees_with_scipy_also_far_out() -> None:
    z = np.linspace(-35.0, 8.0, 500).reshape(20, 25)
    np.testing.assert_allclose(cdf(z), ndtr(z), rtol=1e-11)


def test_cdf_takes_a_number() -> None:
    assert float(cdf(0.0)) == 0.5


def test_quantile_agrees_with_scipy() -> None:
    for p in (1e-9, 0.025, 0.5, 0.9, 0.975):
        assert quantile(p) == pytest.approx(ndtri(p), rel=1e-12, abs=1e-15)


def test_two_sided_p_counts_both_tails() -> None:
    assert two_sided_p(-1.959963984540054) == pytest.approx(0.05)
    assert two_sided_p(math.inf) == 0.0


def rejected(p: list[float], level: float) -> set[int]:
    """The procedure as Holm wrote it: step down from the smallest, stop at the first that stands."""
    found: set[int] = set()
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] > level / (len(p) - rank):
            break
        found.add(index)
    return found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_what_is_below_the_level_is_what_stepping_down_rejects(p: list[float], level: float) -> None:
    adjusted = holm(p)
    clear = np.abs(adjusted - level) > 1e-9
    assert {i for i in range(len(p)) if adjusted[i] <= level and clear[i]} == {
        i for i in rejected(p, level) if clear[i]
    }


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_adjusted_values_are_no_smaller_and_keep_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert np.all(adjusted >= np.array(p))
    assert np.all(adjusted <= 1)
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_false_discovery_rate_is_paid_for_as_scipy_does(p: list[float]) -> None:
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), abs=1e-12)


@given(st.lists(st.floats(0, 1), max_size=5))
def test_of_so_few_tests_none_is_left_out(p: list[float]) -> None:
    assert adaptive_benjamini_hochberg(p).tolist() == benjamini_hochberg(p).tolist()


@pytest.mark.parametrize(("null", "more"), [(1.0, 1.0), (0.3, 1.1)], ids=["exact", "conservative"])
def test_at_most_the_stated_share_of_what_falls_is_false(null: float, more: float) -> None:
    """200 tests of which 30 do not hold; of those that hold p is exact, or mostly far too large."""
    rng = np.random.default_rng(0)
    shares, found, plain = [], 0, 0
    for _ in range(1000):
        p = np.where(rng.random(200) < null, rng.random(200), 1.0)
        p[:30] = stats.norm.sf(rng.normal(3.0, 1.0, 30))
        falls = adaptive_benjamini_hochberg(p) <= 0.05
        shares.append(falls[30:].sum() / max(falls.sum(), 1))
        found += falls[:30].sum()
        plain += (benjamini_hochberg(p) <= 0.05)[:30].sum()
    assert np.mean(shares) <= 0.05 + 3.0 * np.std(shares) / math.sqrt(len(shares))
    assert found >= more * plain * 0.95


def test_no_test_at_all_has_no_adjusted_value() -> None:
    assert benjamini_hochberg([]).shape == (0,)


def test_one_test_pays_nothing() -> None:
    assert holm([0.03]) == pytest.approx([0.03])


@pytest.mark.parametrize(("p", "adjusted"), [
    ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
    ([0.04, 0.01, 0.02, 0.9], [0.08, 0.04, 0.06, 0.9]),
    ([0.6, 0.5], [1.0, 1.0]),
    ([], []),
])  # fmt: skip
def test_holm_by_hand(p: list[float], adjusted: list[float]) -> None:
    assert holm(p).tolist() == pytest.approx(adjusted)

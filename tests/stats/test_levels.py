"""The shared thresholds: the quantiles are those of scipy, and no other module writes one of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scipy import stats

import heldout
from heldout.stats.levels import ONE_SIDED_95, TWO_SIDED_95

SOURCE = Path(heldout.__file__).parent


def test_the_quantiles_are_those_of_the_normal_distribution() -> None:
    assert pytest.approx(stats.norm.ppf(0.975), abs=1e-12) == TWO_SIDED_95
    assert pytest.approx(stats.norm.ppf(0.95), abs=1e-12) == ONE_SIDED_95


def test_no_module_writes_a_quantile_or_an_array_type_of_its_own() -> None:
    number, array = r"\b(1\.96|1\.645|1\.64|196)\b *[*)\n]", r"= npt\.NDArray\[np\.(float64|bool_)\]$"
    own = re.compile(rf"^[^#\n]*({number}|{array})", re.MULTILINE)
    found = {path.name for path in SOURCE.rglob("*.py") if own.search(path.read_text())}
    assert found == {"arrays.py"}

"""SwanLab's CSV export of charts, whose columns are named ``<run>-<metric>``.

What it cannot see: runs without a digit in their name (SwanLab's own have one: ``swift-12``), as ``policy-loss`` and
``value-loss`` are no runs; runs whose name ends in what could begin a metric.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from heldout.metrics import meaning_of
from heldout.readers.step_keys import is_step_key

FORMAT = "swanlab-csv"

_MOST = 200  # runs in one chart


def runs_in(columns: Sequence[str]) -> dict[str, dict[str, str]] | None:
    """Return run → column → metric; None where the columns are not named so."""
    first, *others = columns
    if not is_step_key(first) or not others or not all("-" in name for name in others):
        return None
    for run in _prefixes(others[0]):
        metrics = [name.removeprefix(f"{run}-") for name in others if name.startswith(f"{run}-")]
        found = _taken_apart(others, sorted(metrics, key=len, reverse=True))
        if found and len(found) <= _MOST and any(meaning_of(metric) for metric in metrics):
            return found
    return None


def _prefixes(column: str) -> Iterator[str]:
    """Yield what may be the name of a run at the beginning of a column's, the longest first."""
    at = column.rfind("-")
    while at > 0:
        if _is_run(column[:at]) and column[at + 1 :]:
            yield column[:at]
        at = column.rfind("-", 0, at)


def _is_run(name: str) -> bool:
    return any(sign.isdigit() for sign in name) and "/" not in name


def _taken_apart(columns: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, str]] | None:
    runs: dict[str, dict[str, str]] = {}
    for column in columns:
        metric = next((one for one in metrics if column.endswith(f"-{one}")), None)
        run = column.removesuffix(f"-{metric}")
        if metric is None or not _is_run(run):
            return None
        runs.setdefault(run, {})[column] = metric
    return runs

"""What one run more costs the process that collects a fleet: everything but the reading, which others do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import heldout
from benchmarks.children.read import memory
from heldout.fleet import judge
from heldout.report.rows import Row, row_of


class Known:
    """An engine that knows the answer, the same for all but the name."""

    def __init__(self, row: Row) -> None:
        self.row = row

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the row for each item."""
        for item in items:
            yield item, ((item, replace(self.row, name=item, source=item)),)


def main(few: int, many: int) -> None:
    """Print the bytes that each run between `few` and `many` adds to the peak."""
    root = Path("many")
    for number in range(many):
        place = root / f"sweep-{number // 100:03d}" / f"run-{number:06d}"
        place.mkdir(parents=True)
        (place / "run.json").write_text('{"format": "heldout run"}')
    example = heldout.read("example:kimi-dev")
    engine = Known(row_of(example, heldout.diagnose(example)))
    peaks = []
    for sweeps in (few // 100, many // 100):
        fleet = judge([root / f"sweep-{number:03d}" for number in range(sweeps)], engine=engine, cache="kept")
        fleet.write("out")
        peaks.append(memory("VmHWM"))
    print(json.dumps({"bytes": (peaks[1] - peaks[0]) / (many - few)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

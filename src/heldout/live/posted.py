"""The small files in which a guard says how its run stands by now, for whoever looks at the run's directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from heldout.findings import Verdict
from heldout.report.rows import row_of
from heldout.report.standing import write_standing
from heldout.run import Run
from heldout.store.layout import BEST, ROLL_BACK
from heldout.store.lines import replacing


class Posted:
    """Which checkpoint is the best, where to go back to, and the verdict; each file is replaced whole or not at all.

    `directory` is that of the run; None keeps nothing.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._best: Mapping[str, Any] = {}  # what was written of it
        self._stood = 0  # how many evaluations the verdict that was written rests on

    def best(self, told: Mapping[str, Any]) -> None:
        """Say which checkpoint is the best, where that is news."""
        if told != self._best:
            self._best = told
            self._write(BEST, told)

    def roll_back(self, told: Mapping[str, Any]) -> None:
        """Say which checkpoint to go back to, and why."""
        self._write(ROLL_BACK, told)

    def verdict(self, evaluations: int, judged: Callable[[], tuple[Run, Verdict] | None]) -> None:
        """Say how the run stands, once for each number of evaluations; what `judged` raises is raised."""
        if self._directory is None or self._stood == evaluations:
            return
        self._stood = evaluations
        known = judged()
        if known is not None:
            write_standing(self._directory, row_of(*known, changed=0.0))

    def _write(self, name: str, row: Mapping[str, Any]) -> None:
        if self._directory is None:
            return
        with replacing(self._directory / name) as new:
            new.write_bytes(orjson.dumps({**row, "time": time.time()}, option=orjson.OPT_INDENT_2))

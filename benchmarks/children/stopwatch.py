"""Where the time of a training goes: clocks around methods, counted from the first step that is no warm-up."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

WARM_UP = 2  # steps that are not counted


class Stopwatch:
    """Clocks around the methods of classes.

    Attributes
    ----------
    spent
        Stage → seconds of the clock inside its methods, after the warm-up.
    """

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._starts: list[tuple[float, float]] = []

    def around(self, owner: type, method: str, stage: str) -> None:
        """Count the time inside a method to a stage."""
        inner = getattr(owner, method)

        def outer(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return inner(*given, **named)
            finally:
                if len(self._starts) > WARM_UP:
                    self.spent[stage] += time.perf_counter() - start

        setattr(owner, method, outer)

    def at_each_step(self, owner: type, method: str) -> None:
        """Note when each step begins."""
        inner: Callable[..., Any] = getattr(owner, method)

        def outer(*given: Any, **named: Any) -> Any:
            self._starts.append((time.process_time(), time.perf_counter()))
            return inner(*given, **named)

        setattr(owner, method, outer)

    def told(self) -> dict[str, float]:
        """Return CPU and clock seconds from the first step that counts to the last one, and what each stage took."""
        (cpu, wall), (last_cpu, last_wall) = self._starts[WARM_UP], self._starts[-1]
        return {"cpu": last_cpu - cpu, "wall": last_wall - wall, **self.spent}

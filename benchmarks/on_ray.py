"""``heldout bench ray``: what judging on a cluster of Ray costs, beside judging in this process, in the same run.

The cluster is the one of this machine, as ``ray start --head`` starts it, so that both sides have the same processors:
what is lost to Ray is seen, and what other machines would add is not. Batches are of one size, with whole judgements
sent back or without what programs returned. Then it judges again and again while actors are killed at random.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console

from benchmarks.harness import Sheet, check_name, in_turns, write
from benchmarks.judge import sample
from heldout.engines.cluster import in_flight
from heldout.errors import UsageError
from heldout.sandbox import Attempt, Judgement, Sandbox, judge, open_sandbox
from heldout.sandbox import ray as on_ray

SIZES = (1, 4, 16, 64, 256)
_HERE = "in this process"
_Way = tuple[int, bool]  # programs in a batch, and whether whole judgements come back; 0 for this process


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table: medians over the repeats, of the rate, of its ratio to this process, and of the price."""

    way: str
    programs_per_second: float
    ratio: float
    own: float  # processor time of this process, microseconds a program


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of the programs while actors were killed."""

    kills: int
    programs: int
    differ: int  # judgements that are missing, doubled or others than in this process
    most_in_flight: int  # batches


def main(programs: int, repeats: int, workers: int, kills: int, sandbox: str, where: str, out: Path | None) -> None:
    """Measure both, print the tables, and write them where asked."""
    check_name(out)
    console = Console()
    items = [Attempt(*one) for one in sample(programs)[0]]
    began = time.perf_counter()
    with ExitStack() as opened:
        there = opened.enter_context(open_sandbox(sandbox, workers=workers, where=where))
        assert isinstance(there, on_ray.OnRay)
        console.print(f"Connected, with all workers, after {time.perf_counter() - began:.1f} s.")
        here = opened.enter_context(open_sandbox(sandbox, workers=workers))
        truth = judge(items, here)
        results = rates(items, truth, here, there, repeats, console)
        killed = under_fire(items, truth, there, kills)
    sheets = [
        Sheet(
            f"Judging {programs} programs with 8 tests each in {sandbox}, {workers} workers, median of {repeats}",
            ("where", "programs/s", "ratio to this process", "µs of this process a program"),
            tuple((one.way, f"{one.programs_per_second:.0f}", f"{one.ratio:.2f}", f"{one.own:.0f}") for one in results),
        ),
        Sheet(
            "Actors killed while they judge",
            ("killed", "programs", "judgements that differ", "batches in flight, at most"),
            (tuple(map(str, (killed.kills, killed.programs, killed.differ, killed.most_in_flight))),),
        ),
    ]
    for sheet in sheets:
        console.print(sheet.drawn())
    write(out, sheets, [*results, killed])


def rates(
    items: Sequence[Attempt],
    truth: Sequence[Judgement],
    here: Sandbox,
    there: Sandbox,
    repeats: int,
    console: Console | None = None,
) -> list[Result]:
    """Time each way in turn; a UsageError where one judges otherwise than this process does."""
    ways: list[_Way] = [(0, True), *((size, whole) for size in SIZES for whole in (True, False))]

    def rate(way: _Way) -> tuple[float, float]:
        size, whole = way
        some = items[: 40 * size] if size else items  # single programs are slow, and 40 batches tell enough
        with patch.object(on_ray, "BATCH", size):
            began, used = time.perf_counter(), time.process_time()
            found = judge(some, there if size else here, values=whole)
            seconds, used = time.perf_counter() - began, time.process_time() - used
        if [one.kind for one in found] != [one.kind for one in truth[: len(some)]]:
            raise UsageError(f"{_name(way)}: programs were judged otherwise than in this process; nothing is stated.")
        return len(some) / seconds, 1e6 * used / len(some)

    found = in_turns(ways, repeats, rate, console)
    base = found[ways[0]]
    return [
        Result(
            _name(way),
            statistics.median(rate for rate, _ in turns),
            statistics.median(rate / other for (rate, _), (other, _) in zip(turns, base, strict=True)),
            statistics.median(used for _, used in turns),
        )
        for way, turns in found.items()
    ]


def under_fire(
    items: Sequence[Attempt], truth: Sequence[Judgement], there: on_ray.OnRay, kills: int, seed: int = 0
) -> Killed:
    """Judge again and again until so many actors were killed."""
    rng, fire = random.Random(seed), _Fire(there.processes()[0])
    programs = differ = most = 0

    def counted(ray: Any, started: Iterable[Any], allowed: int) -> Iterator[Any]:
        nonlocal most
        flying = 0

        def taken() -> Iterator[Any]:
            nonlocal flying, most
            for one in started:
                flying += 1
                most = max(most, flying)
                yield one

        for done in in_flight(ray, taken(), allowed):
            flying -= 1
            yield done

    with patch.object(on_ray, "in_flight", counted), fire.open(rng, kills):
        while fire.kills < kills:
            found = judge(items, there)
            programs += len(items)
            differ += abs(len(found) - len(truth)) + sum(one != other for one, other in zip(found, truth, strict=False))
    return Killed(fire.kills, programs, differ, most)


class _Fire:
    """Kills actors of the cluster of this machine, one of which is known by its process."""

    def __init__(self, process: int) -> None:
        self.kills = 0
        self._node = _parent(process)
        self._name = Path(f"/proc/{process}/comm").read_text()

    @contextmanager
    def open(self, rng: random.Random, most: int) -> Iterator[None]:
        """Kill one of them now and then, from another thread, until there were so many or the block ends."""
        ended = threading.Event()

        def kill() -> None:
            while self.kills < most and not ended.wait(rng.uniform(0.2, 1.5)):
                if there := self._actors():
                    os.kill(rng.choice(there), signal.SIGKILL)
                    self.kills += 1

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _actors(self) -> list[int]:
        found = []
        for folder in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                if (folder / "comm").read_text() == self._name and _parent(int(folder.name)) == self._node:
                    found.append(int(folder.name))
        return found


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def _name(way: _Way) -> str:
    size, whole = way
    if not size:
        return _HERE
    return f"batches of {size}, {'whole judgements' if whole else 'without values'} back"

"""A sandbox whose workers are on the nodes of a cluster of Ray.

Each worker is an actor on one processor of the cluster, with a sandbox of its own that runs one program at a time. What
it promises is what that sandbox promises on that node. Tests go to the process that judges on the node, with their
expected values; into the sandbox of a program they do not go there either.

Programs travel in batches. An actor that dies is started anew by Ray, on another node if its own is gone, and its
batches are done again. The programs of a batch under which actors die again and again are done one by one, so that only
the guilty one has no answer. What answers a batch is taken once, so no program is judged twice or never.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, TypeVar

from heldout import __version__
from heldout.engines.cluster import connected, free_processors, in_flight
from heldout.errors import ClusterError
from heldout.sandbox.base import Answer, Call, Limits, Program, Remote, Sandbox, Status
from heldout.sandbox.judging import Attempt, Judgement, judge
from heldout.sandbox.node import Seat, ToldAnswer, versions
from heldout.text import counted, sentence_list, visible

BATCH = 64  # programs that travel together; docs/scale.md has what other sizes cost
_EACH = 2  # batches of a worker in flight: the next is there when it has done one
_AGAIN = 2  # times that Ray does a batch again whose worker died
_START = 300.0  # seconds that the workers have to start
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_STATUS = {status.value: status for status in Status}

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


class OnRay(Remote):
    """Judges programs on a cluster of Ray, see `heldout.sandbox.ray`; parameters are those of `open_sandbox`.

    Raises
    ------
    MissingExtra
        When Ray is not installed.
    ClusterError
        When there is no cluster, no processor of it is free, or its nodes would not judge alike.
    """

    def __init__(
        self,
        where: str,
        name: str = "auto",
        workers: int | None = None,
        limits: Limits = Limits(),  # noqa: B008
        packages: Sequence[str] | None = None,
    ) -> None:
        self.name, self.limits, self._where = name, limits, where
        self._opened = ExitStack()
        with ExitStack() as unless_started:
            unless_started.push(self._opened)
            self._ray = self._opened.enter_context(connected(where))
            self._workers = self._started(workers, (name, limits, packages))
            unless_started.pop_all()

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        return self._all(
            list(map(_portable, programs)),
            lambda worker, some: worker.ran.remote(some),
            _answers,
            lambda program, why: _Broken(self.limits, why).run([program])[0],
        )

    def judged(self, attempts: Sequence[Attempt], values: bool) -> list[Judgement]:
        return self._all(
            attempts,
            lambda worker, some: worker.judged.remote(some, values),
            lambda told: Judgement(told[0], tuple(_answers(told[1])), told[2]),
            lambda attempt, why: judge([attempt], _Broken(self.limits, why))[0],
        )

    def processes(self) -> list[int]:
        """The processes of its workers, on whatever node each is."""
        return [about["process"] for about in self._ray.get([worker.about.remote() for worker in self._workers])]

    def close(self) -> None:
        self._opened.close()

    def _started(self, count: int | None, asked: tuple[Any, ...]) -> list[Any]:
        """Start the workers, and refuse those that would not judge as the others do."""
        ray = self._ray
        actor = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=_AGAIN, scheduling_strategy="SPREAD")(Seat)
        workers = [actor.remote(*asked) for _ in range(count or free_processors(ray))]
        for worker in workers:
            self._opened.callback(ray.kill, worker)
        said = {worker.about.remote(): worker for worker in workers}
        there, late = ray.wait(list(said), num_returns=len(said), timeout=_START)
        if not there:
            raise ClusterError(
                f"{self._where}: no worker started within {_START:g} seconds; each needs a processor of the cluster "
                "that is free."
            )
        try:
            found = ray.get(there)
        except ray.exceptions.RayError as error:
            raise ClusterError(
                f"{self._where}: a worker does not start there ({_lines(error)[-1]}); every node needs heldout "
                f"{__version__}."
            ) from None
        _refuse_others(self._where, found)
        self.notes = tuple(found[0]["notes"])
        if late:
            self.notes += (f"{len(late)} of {counted(len(said), 'worker')} did not start in time and judge nothing.",)
        return [said[one] for one in there]

    def _all(
        self,
        items: Sequence[_Item],
        send: Callable[[Any, Sequence[_Item]], Any],
        read: Callable[[Any], _Done],
        lost: Callable[[_Item, str], _Done],
    ) -> list[_Done]:
        """Let the workers do all items; what is done is in order."""
        size = max(1, min(BATCH, math.ceil(len(items) / len(self._workers))))
        done: dict[int, _Done] = {}

        def failed(parts: Iterable[int], size: int, each: int) -> Iterator[tuple[int, str]]:
            """Do parts of so many items, and yield the items under which workers died, with the reason."""
            busy = dict.fromkeys(self._workers, 0)

            def started() -> Iterator[tuple[tuple[int, Any], Any]]:
                for first in parts:
                    worker = min(busy, key=busy.__getitem__)
                    busy[worker] += 1
                    yield (first, worker), send(worker, items[first : first + size])

            for (first, worker), result in in_flight(self._ray, started(), each * len(busy)):
                busy[worker] -= 1
                try:
                    done.update(enumerate(map(read, result()), first))
                except self._ray.exceptions.RayTaskError as error:
                    raise error.cause from None
                except self._ray.exceptions.RayError as error:
                    yield from ((place, _lines(error)[0]) for place in range(first, min(first + size, len(items))))

        suspects = [place for place, _ in failed(range(0, len(items), size), size, _EACH)]
        for place, why in failed(
            suspects, 1, 1
        ):  # alone on a worker, for one that waits behind the guilty dies with it
            done[place] = lost(items[place], f"The worker died under this program again and again ({why.rstrip('.')}).")
        return [done[place] for place in range(len(items))]


class _Broken(Sandbox):
    """What stands in for a sandbox whose workers died: no answer says anything of its program."""

    name = "none"

    def __init__(self, limits: Limits, why: str) -> None:
        self.limits, self._why = limits, why

    def run(self, programs: Sequence[Program]) -> list[list[Answer]]:
        return [[Answer(Status.INFRASTRUCTURE, error=self._why)] * program.answers for program in programs]

    def close(self) -> None:
        pass


def _portable(program: Program) -> Program:
    """The same program; what may be given to a call as a view of a dictionary is a dictionary."""
    inputs = (Call(one.args, dict(one.kwargs)) if isinstance(one, Call) else one for one in program.inputs)
    return replace(program, inputs=tuple(inputs))


def _answers(told: Sequence[ToldAnswer]) -> list[Answer]:
    return [Answer(_STATUS[status], value, error) for status, value, error in told]


def _refuse_others(where: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Raise where a worker cannot judge, or not as this machine and the other workers do."""
    here = versions()
    for one in found:
        node = f"{where}, node {one['node']}"
        if one["refusal"]:
            raise ClusterError(f"{node}: {one['refusal']}")
        for name, version in here.items():
            if one["versions"][name] != version:
                raise ClusterError(
                    f"{node} has {name} {one['versions'][name]}, and this machine {version}; programs may be judged "
                    "otherwise there, so install the same on both."
                )
        if one["made of"] != found[0]["made of"] or one["notes"] != found[0]["notes"]:
            raise ClusterError(
                f"{node} would judge otherwise than node {found[0]['node']}: {_made(one)}, against {_made(found[0])}; "
                "install the same on all nodes."
            )


def _made(about: Mapping[str, Any]) -> str:
    return sentence_list([*(f"{name} {version}" for name, version in about["made of"].items()), *about["notes"]])


def _lines(error: Exception) -> list[str]:
    """What Ray says of an error, line by line, without colours."""
    lines = [_COLOUR.sub("", line).strip() for line in str(error).splitlines()]
    return [visible(line) for line in lines if line] or [type(error).__name__]

"""A cluster of Ray: connect to it by its address, and keep few calls in flight there.

Ray is loaded when a cluster is asked for, and not before. A process is connected to one cluster at most: several users
share the connection, and the last one ends it, unless it was there before.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from heldout.errors import ClusterError, MissingExtra, UsageError, how_to_install
from heldout.ranks import ranks
from heldout.text import visible

AUTO = "ray://auto"
_CLIENTS = 10001  # the port on which a cluster takes clients from elsewhere, unless it was told another
_PATIENCE = 10.0  # seconds to wait until a port answers
_MISSING = f"A cluster of Ray needs ray, which is not installed; {how_to_install('ray')}"
# Read when Ray is loaded. It tells nobody that it runs, and prints no paragraph about each worker that dies: on stdout,
# among what is meant for another program, and although the work is done again.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "^"}

_Key = TypeVar("_Key")


def address_of(where: str) -> str:
    """Return an address as Ray takes it: "auto", or ray://HOST:PORT.

    Raises
    ------
    UsageError
        When it is no address of a cluster.

    >>> address_of("ray://auto"), address_of("ray://head")
    ('auto', 'ray://head:10001')
    """
    try:
        parts = urlsplit(where)
        port = parts.port or _CLIENTS
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "ray" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise UsageError(
            f"{where!r} is no address of a cluster; give {AUTO} for that of this machine, or ray://HOST:PORT for one "
            f"that takes clients, usually at port {_CLIENTS}."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return "auto" if parts.hostname == "auto" else f"ray://{host}:{port}"


@contextmanager
def connected(where: str) -> Iterator[Any]:
    """Connect to a cluster; gives the module `ray`.

    What the processes of the cluster print is not shown here, unless this process was connected before.

    Raises
    ------
    UsageError
        When it is no address, or this process is connected to another cluster.
    MissingExtra
        When Ray is not installed.
    ClusterError
        When there is no cluster, or it has another version of Ray or Python.
    """
    address = address_of(where)
    if importlib.util.find_spec("ray") is None:
        raise MissingExtra(_MISSING)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with _CONNECTION.used(address):
        yield importlib.import_module("ray")


def free_processors(ray: Any) -> int:
    """Return how many processors of a cluster are free, and this process's part of all if several train; at least 1."""
    there, free = (int(found.get("CPU", 0)) for found in (ray.cluster_resources(), ray.available_resources()))
    return max(1, min(free, there // ranks().size))


def in_flight(ray: Any, started: Iterable[tuple[_Key, Any]], most: int) -> Iterator[tuple[_Key, Callable[[], Any]]]:
    """Yield what was started on the cluster as it ends: its key, and what gives its result or raises why there is none.

    `started` holds keys with references. Each is taken, and so started, when fewer than `most` are in flight.
    """
    left, flying = iter(started), dict[Any, _Key]()
    while True:
        flying.update((reference, key) for key, reference in islice(left, most - len(flying)))
        if not flying:
            return
        (done,), _ = ray.wait(list(flying), num_returns=1)
        yield flying.pop(done), partial(ray.get, done)


class _Connection:
    """The connection of this process, shared by all who use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._address = ""  # empty: somebody else's

    @contextmanager
    def used(self, address: str) -> Iterator[None]:
        with self._lock:
            self._open(address)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._address:
                    self._address = ""
                    sys.modules["ray"].shutdown()

    def _open(self, address: str) -> None:
        loaded = sys.modules.get("ray")
        if loaded and loaded.is_initialized():
            if address not in ("auto", self._address):
                raise UsageError(
                    f"This process is connected to a cluster of Ray already, so {address} cannot be had beside it; "
                    f"give {AUTO} for the one that is there."
                )
            return
        self._users = 0
        _connect(address)
        self._address = address


_CONNECTION = _Connection()


def _connect(address: str) -> None:
    if place := _of_this_machine() if address == "auto" else address:
        _knock(place, _written(address))
    ray = importlib.import_module("ray")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    except (ConnectionError, RuntimeError, TimeoutError, ValueError, ray.exceptions.RayError) as error:
        said = " ".join(str(error).split())
        if "ersion mismatch" in said:
            why = f"{said.rstrip('.')}; install the same versions on both"
        elif address == "auto":
            why = "no cluster of Ray is known on this machine; start one by ray start --head, or join one"
        else:
            why = said.rpartition("Error: ")[2].rstrip(".")  # of a traceback, its last line
        raise ClusterError(f"{_written(address)}: {visible(why)}.") from None


def _of_this_machine() -> str:
    """Where the cluster of this machine should be, as Ray looks it up; empty where it has none."""
    if given := os.environ.get("RAY_ADDRESS", ""):
        return given
    with suppress(OSError):
        return Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster").read_text().strip()
    return ""


def _knock(place: str, written: str) -> None:
    """Raise where nobody answers: Ray itself would try for minutes, and say so at length."""
    try:
        parts = urlsplit(place if "://" in place else f"//{place}")
        host, port = parts.hostname, parts.port
        if host and port:
            socket.create_connection((host, port), _PATIENCE).close()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ClusterError(
            f"{written}: no cluster of Ray answers at {visible(place)} ({why}); start one by ray start --head on that "
            "machine, and open that port to this one."
        ) from None


def _written(address: str) -> str:
    return AUTO if address == "auto" else address

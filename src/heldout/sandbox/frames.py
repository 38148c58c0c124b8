"""Messages between processes over pipes: eight bytes of length, and as many bytes."""

from __future__ import annotations

import os
import select
import time


def send(pipe: int, data: bytes) -> None:
    """Write one message; an OSError when nobody reads any more."""
    left = memoryview(len(data).to_bytes(8, "big") + data)
    while left:
        left = left[os.write(pipe, left) :]


def receive(pipe: int, seconds: float | None = None) -> bytes:
    """Read one message; an EOFError when the other end is closed, a TimeoutError when it is late."""
    deadline = None if seconds is None else time.monotonic() + seconds
    return _read(pipe, int.from_bytes(_read(pipe, 8, deadline), "big"), deadline)


def _read(pipe: int, count: int, deadline: float | None) -> bytes:
    parts: list[bytes] = []
    while count:
        if deadline is not None:
            _wait(pipe, deadline)
        part = os.read(pipe, min(count, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _wait(pipe: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError

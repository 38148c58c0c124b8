"""Processes that read: what kills one, or holds it up, is told in a sentence, and the next question is answered."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from heldout.errors import HeldoutError, ReadError, UsageError
from heldout.serve.worker import Worker


def asked(*questions: Any, limit: float = 60.0) -> list[Any]:
    """Return the answers, or the errors, that one worker gives."""
    worker = Worker()

    async def answers() -> list[Any]:
        return [await told(worker.do(function, *given, limit=limit)) for function, *given in questions]

    async def told(answer: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await answer
        except HeldoutError as error:
            return str(error)

    try:
        return asyncio.run(answers())
    finally:
        worker.close()


def refuse() -> None:
    raise UsageError("What was asked for is not there.")


def break_down() -> None:
    raise ZeroDivisionError("a mistake")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_it_answers_in_a_process_of_its_own_and_stays_the_same() -> None:
    first, second = asked([os.getpid], [os.getpid])
    assert first == second != os.getpid()


def test_an_error_is_told_and_the_next_question_answered() -> None:
    refused, broken, after = asked([refuse], [break_down], [abs, -1])
    assert refused == "What was asked for is not there."
    assert "ZeroDivisionError: a mistake" in broken
    assert after == 1


def test_a_process_that_dies_is_begun_anew() -> None:
    first, died, after = asked([os.getpid], [die], [os.getpid])
    assert "ended the process" in died
    assert after not in (first, died)


def never_end() -> None:
    while True:
        pass


@pytest.mark.parametrize("question", [[never_end], [time.sleep, 1000.0]])
def test_what_takes_too_long_is_ended(question: list[Any]) -> None:
    slow, after = asked(question, [abs, -1], limit=2.0)
    assert "within 2 seconds" in slow
    assert after == 1


def test_closing_ends_the_process() -> None:
    worker = Worker()
    pid = asyncio.run(worker.do(os.getpid))
    worker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ReadError, match="closing"):
        asyncio.run(worker.do(os.getpid))

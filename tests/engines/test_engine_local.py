"""Processes of this machine: every item comes back once, with its answer or with a sentence, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.engines import Local
from heldout.errors import HeldoutError, UsageError

BARE = Local(2, preload=())  # nothing is needed there


def double(number: int) -> int:
    return 2 * number


def odd_ones_fail(number: int) -> int:
    if number % 4 == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number % 4 == 3:
        raise ZeroDivisionError(f"number {number}")
    return number


def never_end(number: int) -> int:
    while number == 2:
        pass
    time.sleep(1000.0 if number == 3 else 0.0)
    return number


def test_every_item_comes_back_once_with_its_answer() -> None:
    assert sorted(BARE.map(double, range(50))) == [(number, 2 * number) for number in range(50)]
    assert list(BARE.map(double, [])) == []


def test_what_fails_or_dies_is_a_value_and_costs_no_other_item() -> None:
    found = dict(BARE.map(odd_ones_fail, range(12)))
    assert sorted(found) == list(range(12))
    for number, answer in found.items():
        if number % 2:
            assert isinstance(answer, HeldoutError)
            assert ("ended the process" if number % 4 == 1 else f"number {number}") in str(answer)
        else:
            assert answer == number


def test_what_takes_too_long_is_ended_and_the_others_are_answered() -> None:
    found = dict(Local(2, limit=1.0, preload=()).map(never_end, range(6)))
    assert {number: str(found[number]) for number in (2, 3)} == dict.fromkeys((2, 3), "was not done within 1 seconds.")
    assert [found[number] for number in (0, 1, 4, 5)] == [0, 1, 4, 5]


def test_items_are_taken_as_there_is_room_for_them() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000_000):
            taken += 1
            yield number

    answers = BARE.map(double, items())
    ahead = []
    for seen, _ in enumerate(answers, 1):
        ahead.append(taken - seen)
        if seen == 20:
            break
    answers.close()  # type: ignore[attr-defined]
    assert max(ahead) <= 4  # two in flight, two answered and not looked at yet


def test_leaving_in_the_middle_ends_the_processes() -> None:
    answers = BARE.map(pid_of, range(100))
    _, pid = next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert isinstance(pid, int)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def pid_of(number: int) -> int:
    return os.getpid()


def test_a_script_without_a_guard_is_not_run_again_and_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import time\n"
        "from heldout.engines import Local\n"
        "print(sorted(Local(2, preload=()).map(len, ['a', 'bc'])), flush=True)\n"
        "for item, _ in Local(2, preload=()).map(time.sleep, [0, 1000, 1000]):\n"
        "    print('sleeping', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "[('a', 1), ('bc', 2)]\n"
    assert process.stdout.readline() == "sleeping\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, complaints = process.communicate(timeout=60.0)
    assert process.returncode != 0
    assert complaints.count("Traceback") == 1  # its own, and none of the processes that it started
    assert complaints.rstrip().endswith("KeyboardInterrupt")


def test_what_is_no_number_of_workers_is_refused() -> None:
    with pytest.raises(UsageError, match="workers is 0; it must be at least 1"):
        Local(0)
    with pytest.raises(UsageError, match="limit is 0 seconds"):
        Local(1, limit=0)

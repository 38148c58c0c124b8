"""The filter of system calls: what it refuses, what it lets through, and that it is in force."""

from __future__ import annotations

import errno
import struct

import pytest

from heldout.errors import SandboxError
from heldout.sandbox import Call, Limits, Program
from heldout.sandbox.bubblewrap import Bubblewrap
from heldout.sandbox.syscalls import rules

X86, ARM, OTHER = 0xC000003E, 0xC00000B7, 0x40000003
ALLOW, NOT_PERMITTED, NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS


def verdict(program: bytes, architecture: int, number: int, argument: int = 0, second: int = 0) -> int:
    """Run the filter as the kernel does."""
    data = struct.pack("=IIQQQ", number, architecture, 0, argument, second)
    steps = list(struct.iter_unpack("=HBBI", program))
    place, value = 0, 0
    while True:
        operation, yes, no, operand = steps[place]
        if operation == 0x06:
            return int(operand)
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
            place += 1
            continue
        holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
        place += 1 + (yes if holds else no)


@pytest.mark.parametrize(
    ("machine", "architecture", "number", "argument", "said"),
    [
        ("x86_64", X86, 0, 0, ALLOW),  # read
        ("x86_64", X86, 302, 0, ALLOW),  # prlimit64 on oneself
        ("x86_64", X86, 302, 1, NOT_PERMITTED),  # and on the worker
        ("x86_64", X86, 203, 0, ALLOW),  # sched_setaffinity
        ("x86_64", X86, 203, 1, NOT_PERMITTED),
        ("x86_64", X86, 56, 0x3D0F00, ALLOW),  # clone, as threads are made
        ("x86_64", X86, 56, 0x10000000, NOT_PERMITTED),  # with a new user namespace
        ("x86_64", X86, 435, 0, NO_SUCH_CALL),  # clone3
        ("x86_64", X86, 29, 0, NOT_PERMITTED),  # shmget
        ("x86_64", X86, 319, 0, NOT_PERMITTED),  # memfd_create
        ("x86_64", X86, 0x40000000, 0, NOT_PERMITTED),  # read, by the other table
        ("x86_64", OTHER, 3, 0, NOT_PERMITTED),  # read, as 32 bits
        ("x86_64", ARM, 63, 0, NOT_PERMITTED),
        ("aarch64", ARM, 63, 0, ALLOW),
        ("aarch64", ARM, 261, 1, NOT_PERMITTED),
        ("aarch64", ARM, 261, 0, ALLOW),
        ("aarch64", ARM, 194, 0, NOT_PERMITTED),
        ("aarch64", ARM, 220, 0x20000000, NOT_PERMITTED),
        ("aarch64", ARM, 220, 0x11, ALLOW),
    ],
)
def test_calls_are_refused_by_number_and_argument(
    machine: str, architecture: int, number: int, argument: int, said: int
) -> None:
    program = rules(machine)
    assert program is not None
    assert verdict(program, architecture, number, argument) == said


@pytest.mark.parametrize(("machine", "architecture", "number"), [("x86_64", X86, 13), ("aarch64", ARM, 134)])
def test_what_is_done_at_the_end_of_a_child_cannot_be_changed_but_asked(
    machine: str, architecture: int, number: int
) -> None:
    program, chld, usr1 = rules(machine), 17, 10
    assert program is not None
    assert verdict(program, architecture, number, chld, 0) == ALLOW
    assert verdict(program, architecture, number, chld, 0x7FFE1000) == NOT_PERMITTED
    assert verdict(program, architecture, number, chld, 0x100000000) == NOT_PERMITTED
    assert verdict(program, architecture, number, usr1, 0x7FFE1000) == ALLOW


def test_a_machine_whose_calls_are_not_known_has_no_filter() -> None:
    assert rules("riscv64") is None


def test_own_limits_and_threads_work_under_the_filter() -> None:
    source = (
        "import os, resource, threading\n"
        "def f():\n"
        "    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\n"
        "    os.sched_setaffinity(0, os.sched_getaffinity(0))\n"
        "    seen = []\n"
        "    threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(5)]\n"
        "    for one in threads:\n"
        "        one.start()\n"
        "        one.join()\n"
        "    return seen\n"
    )
    try:
        opened = Bubblewrap(1, Limits(processes=3))
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        ((answer,),) = opened.run([Program(source, "f", (Call(),))])
        assert answer.value == [0, 1, 2, 3, 4], answer
        assert bool(opened.notes) == (rules() is None)

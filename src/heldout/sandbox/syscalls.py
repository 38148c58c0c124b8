"""Which system calls a program in the bubblewrap sandbox is refused: a filter for seccomp, as bytes.

Namespaces hide the host, but within its own a program may ask the kernel for what concerns other processes of the same
user, and the worker is one: its limits, its priority, its memory. Other calls leave something for the next program, or
are a large part of the kernel that no function needs. Each is refused with "not permitted", as if by a lack of rights.

The format is that of classic BPF (linux/filter.h); the numbers are those of the kernel's tables.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

# Calls that are refused whatever they are given: by what they would reach.
_REFUSED = {
    "setpriority": (141, 140),  # the worker's niceness, by its number or by its user
    "ioprio_set": (251, 30),
    "ptrace": (101, 117),  # other processes: memory and descriptors
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "shmget": (29, 194),  # what stays after its process has ended
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),  # memory that no limit of the process counts
    "memfd_secret": (447, 447),
    "unshare": (272, 97),  # namespaces and mounts
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "io_uring_setup": (425, 425),  # much of the kernel, where most of its holes were found
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
}
# Calls whose first argument is a process: allowed on oneself, which is 0, and on nobody else.
_OWN = {
    "prlimit64": (302, 261),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
_SIGACTION = (13, 134)  # asking for a signal's action is allowed, and so are all signals but the one of children:
_SIGCHLD = 17  # who ignores it lets the kernel reap them, and the seconds that they used are counted nowhere
_CLONE = (56, 220)
_CLONE3 = 435  # its flags lie in memory, where no filter can see them; without it the C library takes clone
_NEW_NAMESPACE = 0x7E020000  # flags of clone
_X32 = 0x40000000  # numbers from here on are another table of calls, of x86-64 alone

_LOAD, _IF_EQUAL, _IF_ABOVE, _IF_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24  # where they lie in what the filter is given
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_REFUSE = (_RETURN, 0, 0, _ERROR | errno.EPERM)
_LET = (_RETURN, 0, 0, _ALLOW)

_Step = tuple[int, int, int, int]  # operation, steps to skip if it holds, if it does not, and its operand


@dataclass(frozen=True, slots=True)
class _Machine:
    column: int  # of the tables above
    architecture: int  # as the kernel numbers it


_MACHINES = {"x86_64": _Machine(0, 0xC000003E), "aarch64": _Machine(1, 0xC00000B7)}


def rules(machine: str = platform.machine()) -> bytes | None:
    """Return the filter for a kind of machine, as ``bwrap --seccomp`` reads it; None where its calls are not known."""
    if machine not in _MACHINES:
        return None
    column, architecture = _MACHINES[machine].column, _MACHINES[machine].architecture
    steps: list[_Step] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_IF_EQUAL, 1, 0, architecture),
        _REFUSE,
        (_LOAD, 0, 0, _NUMBER),
        (_IF_ABOVE, 0, 1, _X32),
        _REFUSE,
        (_IF_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
    ]
    for numbers in _REFUSED.values():
        steps += [(_IF_EQUAL, 0, 1, numbers[column]), _REFUSE]
    for numbers in _OWN.values():
        steps += [
            (_IF_EQUAL, 0, 4, numbers[column]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_IF_EQUAL, 1, 0, 0),
            _REFUSE,
            _LET,
        ]
    steps += [
        (_IF_EQUAL, 0, 8, _SIGACTION[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_EQUAL, 0, 5, _SIGCHLD),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_IF_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, _SECOND_ARGUMENT + 4),  # its upper half
        (_IF_EQUAL, 1, 0, 0),
        _REFUSE,
        _LET,
    ]
    steps += [(_IF_EQUAL, 0, 4, _CLONE[column]), (_LOAD, 0, 0, _FIRST_ARGUMENT)]
    steps += [(_IF_ANY, 0, 1, _NEW_NAMESPACE), _REFUSE, _LET, _LET]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)

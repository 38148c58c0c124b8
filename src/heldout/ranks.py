"""Which of the processes that train together this one is, whoever started them, and how they come to one mind.

The one place that knows. Where torch has joined the processes it says; before that the environment does, in which each
launcher has names of its own: torchrun, accelerate, mpirun, srun. torch and accelerate know those of torchrun alone, so
`as_torchrun` gives them to a process of another launcher before either is asked.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from heldout.errors import UsageError

_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
_OTHERS = (  # in the same order, by launcher
    (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE",
    ),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),  # MPICH and Intel's
    # set by srun alone: those of a whole job (SLURM_NTASKS) are also there where torchrun starts the processes
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_TASKS_PER_NODE"),
)
_T = TypeVar("_T")
_PORT, _PORTS = 29500, 1000  # first port of torchrun's, and how many the jobs of a cluster share


class Ranks(NamedTuple):
    """Where a process stands among those that train together."""

    rank: int = 0  # among all of them
    size: int = 1  # how many there are
    local_rank: int = 0  # among those of its machine
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks and writes for all."""
        return self.rank == 0

    @property
    def turn(self) -> int:
        """When this process does what must be done once and is then seen by others.

        0 for the first of all, 1 for the first of every other machine, which may share no disk with it, 2 for the rest.
        """
        return 0 if self.first else 1 if self.local_rank == 0 else 2


def ranks(environment: Mapping[str, str] | None = None) -> Ranks:
    """Return where this process stands; by itself where nothing says otherwise.

    Parameters
    ----------
    environment
        What is read; if none is given, that of this process, unless torch has joined it to others already.

    Raises
    ------
    UsageError
        When a launcher's variable holds no number.

    >>> ranks({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"})
    Ranks(rank=3, size=8, local_rank=1, local_size=2)
    >>> ranks({"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_TASKS_PER_NODE": "2(x2)"})
    Ranks(rank=2, size=4, local_rank=0, local_size=2)
    """
    if environment is None:
        return _joined(ranks(os.environ))
    if "RANK" in environment:
        return _read(environment, _TORCHRUN)
    found = (_read(environment, names) for names in _OTHERS if names[0] in environment and names[1] in environment)
    return next((one for one in found if one.size > 1), Ranks())


def gathered(value: _T) -> list[_T]:
    """Return what each process has, in the order of their ranks; every one of them must ask.

    >>> gathered("alone")
    ['alone']
    """
    if ranks().size == 1:
        return [value]
    from accelerate.utils import gather_object

    return list(gather_object([value]))


def of_the_first(value: _T) -> _T:
    """Return what the first process has, in every process; every one of them must ask."""
    if ranks().size == 1:
        return value
    from accelerate.utils import broadcast_object_list

    told: list[_T] = broadcast_object_list([value], from_process=0)
    return told[0]


def as_torchrun(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that torchrun would have set, where another launcher has started several processes.

    Empty for a single process, and for one of torchrun or accelerate. Where processes meet is the first machine of the
    job, if that is known.

    Raises
    ------
    UsageError
        When the processes are on several machines, and nothing says on which they meet.
    """
    here = ranks(environment)
    if "RANK" in environment or here.size == 1:
        return {}
    told = dict(zip(_TORCHRUN, map(str, here), strict=True))
    if "MASTER_ADDR" not in environment:
        told["MASTER_ADDR"] = _meeting_place(here, environment)
    if "MASTER_PORT" not in environment:
        job = environment.get("SLURM_JOB_ID", "0")
        told["MASTER_PORT"] = str(_PORT + int(job) % _PORTS if job.isdecimal() else _PORT)
    return told


@contextmanager
def alone() -> Iterator[None]:
    """Have torch and accelerate take this process for the only one, for as long as the block lasts."""
    hidden = {name: os.environ.pop(name) for name in _TORCHRUN if name in os.environ}
    try:
        yield
    finally:
        os.environ |= hidden


def shared_cores(cores: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return how many of a machine's cores are this process's part, where several train on it; at least 1.

    Cores that SLURM has dealt out already (``--cpus-per-task``) are not dealt out again.

    >>> shared_cores(16, {"RANK": "0", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "8"})
    2
    """
    if environment.get("SLURM_CPUS_PER_TASK", "") == str(cores):
        return cores
    return max(1, cores // ranks(environment).local_size)


def _joined(told: Ranks) -> Ranks:
    """Return where torch says that this process stands; what the environment told where torch has joined it to none.

    torch does not know machines: where the environment knows nothing of the group, it counts as on one.
    """
    group = sys.modules.get("torch.distributed")
    if group is None or not group.is_available() or not group.is_initialized():
        return told
    rank, size = int(group.get_rank()), int(group.get_world_size())
    return told if told[:2] == (rank, size) else Ranks(rank, size, rank, size)


def _read(environment: Mapping[str, str], names: tuple[str, str, str, str]) -> Ranks:
    rank, size, local_rank, local_size = (_number(environment, name) for name in names)
    return Ranks(rank or 0, size or 1, local_rank or 0, local_size or 1)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    """Return the number that a variable holds, None where there is none; ``2(x3)`` is SLURM's for 2 on each of 3."""
    text = environment.get(name)
    if text is None:
        return None
    found = re.fullmatch(r"(-?\d+)(\(x\d+\)|,.*)?", text.strip())
    if found is None:
        raise UsageError(f"The environment's {name} is {text!r}; it must be a number, or give rank=….")
    return int(found[1]) if int(found[1]) >= 0 else None  # -1 says that there is one process alone


def _meeting_place(here: Ranks, environment: Mapping[str, str]) -> str:
    """Return the address of the machine of rank 0."""
    if here.local_size == here.size:
        return "127.0.0.1"
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST") or ""
    first = re.match(r"([\w.-]+)(?:\[(\d+))?", nodes)
    if first is None:
        raise UsageError(
            f"{here.size} processes train on several machines, and MASTER_ADDR does not say where they meet; set it to "
            "the name of the machine of rank 0."
        )
    return first[1] + (first[2] or "")

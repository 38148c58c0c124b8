"""Which of several processes this one is, by what each launcher says."""

from __future__ import annotations

from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.ranks import Ranks, as_torchrun, gathered, of_the_first, ranks, shared_cores

OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "3",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
}
MPICH = {"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "3", "MPI_LOCALNRANKS": "4"}
SRUN = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_LOCALID": "3",
    "SLURM_STEP_TASKS_PER_NODE": "4",
    "SLURM_JOB_ID": "12345",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
}
TORCHRUN = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3", "LOCAL_WORLD_SIZE": "4"}
LAUNCHERS = {"torchrun": TORCHRUN, "mpirun": OPEN_MPI, "mpich": MPICH, "srun": SRUN}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_launcher_is_understood_alike(launcher: str) -> None:
    assert ranks(LAUNCHERS[launcher]) == Ranks(3, 4, 3, 4)
    assert not ranks(LAUNCHERS[launcher]).first


def test_a_process_by_itself_is_the_first() -> None:
    alone: list[dict[str, str]] = [{}, {"RANK": "-1", "WORLD_SIZE": "-1"}, {"PMI_RANK": "0", "PMI_SIZE": "1"}]
    in_a_job = {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}  # of a batch script, which srun has not started
    assert {ranks(one) for one in (*alone, in_a_job)} == {Ranks()}


def test_torchrun_counts_where_srun_has_started_it_on_every_machine() -> None:
    assert ranks({**SRUN, **TORCHRUN, "RANK": "9", "WORLD_SIZE": "16"}) == Ranks(9, 16, 3, 4)
    assert as_torchrun({**SRUN, **TORCHRUN}) == {}


@pytest.mark.parametrize("launcher", ["mpirun", "mpich", "srun"])
def test_torch_is_told_what_torchrun_would_have_said(launcher: str) -> None:
    told = as_torchrun(LAUNCHERS[launcher])
    assert told.items() >= TORCHRUN.items()
    assert told["MASTER_ADDR"] == "127.0.0.1"
    assert told["MASTER_PORT"] == ("29845" if launcher == "srun" else "29500")
    assert ranks(told) == Ranks(3, 4, 3, 4)


def test_the_processes_of_several_machines_meet_on_the_first() -> None:
    spread = {**SRUN, "SLURM_STEP_NUM_TASKS": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}
    assert as_torchrun(spread)["MASTER_ADDR"] == "gpu07"
    assert as_torchrun({**spread, "SLURM_STEP_NODELIST": "left,right"})["MASTER_ADDR"] == "left"
    assert "MASTER_ADDR" not in as_torchrun({**spread, "MASTER_ADDR": "here"})
    with pytest.raises(UsageError, match="MASTER_ADDR does not say where they meet"):
        as_torchrun({**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "8"})


def test_a_rank_that_is_no_number_is_refused_with_its_name() -> None:
    with pytest.raises(UsageError, match="OMPI_COMM_WORLD_RANK is 'first'"):
        ranks({**OPEN_MPI, "OMPI_COMM_WORLD_RANK": "first"})


def test_cores_are_shared_among_the_processes_of_a_machine_unless_they_were_dealt_out() -> None:
    assert shared_cores(16, {}) == 16
    assert shared_cores(16, TORCHRUN) == shared_cores(16, SRUN) == 4
    assert shared_cores(2, TORCHRUN) == 1
    assert shared_cores(6, {**SRUN, "SLURM_CPUS_PER_TASK": "6"}) == 6


def test_each_process_knows_when_its_turn_is() -> None:
    four = [Ranks(rank, 4, rank % 2, 2) for rank in range(4)]
    assert [one.turn for one in four] == [0, 2, 1, 2]


def test_torch_is_believed_once_it_has_joined_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("torch.distributed")
    for name, value in OPEN_MPI.items():
        monkeypatch.setenv(name, value)
    assert ranks() == Ranks(3, 4, 3, 4)
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        assert ranks() == Ranks(0, 1, 0, 1)
        assert gathered("mine") == ["mine"]
        assert of_the_first("mine") == "mine"
    finally:
        distributed.destroy_process_group()
    assert ranks().rank == 3

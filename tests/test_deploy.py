"""The recipes that people copy, each followed as far as a machine without SLURM, Kubernetes or GPUs goes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"
SCRIPTS = sorted([*DEPLOY.rglob("*.sh"), *DEPLOY.rglob("*.sbatch"), *(DEPLOY.parent / "scripts").glob("*.sh")])
yaml = pytest.importorskip("yaml", reason="the recipes are YAML: pip install pyyaml")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_shell(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=True).stderr == ""
    assert os.access(script, os.X_OK)


# Stand-ins for what a cluster has: they note how they were called, and srun starts a training that looks for its file.
_SCONTROL = """#!/bin/bash
echo "scontrol $*" >> "$CALLS"
[ "$1" = show ] && printf 'gpu07\\ngpu08\\n' || true
"""
_SRUN = """#!/bin/bash
echo "srun $*" >> "$CALLS"
mkdir -p "$RUN" && echo '{}' > "$RUN/run.json"
for _ in $(seq 200); do
  if [ -e "$RUN/stop" ]; then rm "$RUN/stop"; echo saved >> "$CALLS"; exit 0; fi
  if [ -e "$RUN/end" ]; then mkdir -p "$RUN/policy"; exit 0; fi
  if [ -e "$RUN/fail" ]; then exit 3; fi
  sleep 0.05
done
exit 9
"""


class Job:
    """A batch script as SLURM runs it."""

    def __init__(self, folder: Path) -> None:
        self.run, self.calls, tools = folder / "run", folder / "calls", folder / "bin"
        tools.mkdir()
        for name, text in (("srun", _SRUN), ("scontrol", _SCONTROL)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        told = {"SLURM_JOB_ID": "77", "SLURM_JOB_NODELIST": "gpu[07-08]", "SLURM_JOB_NUM_NODES": "2"}
        self.environment = {
            **os.environ,
            **told,
            "SLURM_GPUS_ON_NODE": "8",
            "PATH": f"{tools}:{os.environ['PATH']}",
            "RUN": str(self.run),
            "CALLS": str(self.calls),
        }

    def start(self) -> subprocess.Popen[str]:
        """Start the job, and wait until its training has begun."""
        command = ["bash", str(DEPLOY / "slurm/train.sbatch"), str(self.run), "--recipe", "honest"]
        before = self.heard().count("srun")
        job = subprocess.Popen(command, env=self.environment, text=True)
        while self.heard().count("srun") == before or not (self.run / "run.json").exists():
            assert job.poll() is None
            time.sleep(0.01)
        return job

    def heard(self) -> str:
        return self.calls.read_text() if self.calls.exists() else ""


def test_a_job_that_slurm_ends_saves_queues_itself_again_and_goes_on(tmp_path: Path) -> None:
    slurm = Job(tmp_path)
    first = slurm.start()
    first.send_signal(signal.SIGUSR1)
    assert first.wait(20) == 0
    assert re.findall(r"^(saved|scontrol requeue 77)$", slurm.heard(), re.MULTILINE) == ["saved", "scontrol requeue 77"]
    assert "--nnodes 2 --nproc_per_node 8 " in slurm.heard()
    assert "--rdzv_endpoint gpu07:29500 " in slurm.heard()
    assert f"-m heldout train --recipe honest -o {slurm.run}\n" in slurm.heard()
    second = slurm.start()
    (slurm.run / "end").touch()
    assert second.wait(20) == 0
    assert f"-m heldout train --resume -o {slurm.run}\n" in slurm.heard()
    assert slurm.heard().count("requeue") == 1


def test_a_job_that_fails_is_not_queued_again(tmp_path: Path) -> None:
    slurm = Job(tmp_path)
    job = slurm.start()
    (slurm.run / "fail").touch()
    assert job.wait(20) == 3
    assert "requeue" not in slurm.heard()


def test_the_signal_comes_before_the_end_by_as_long_as_torchrun_waits() -> None:
    text = (DEPLOY / "slurm/train.sbatch").read_text()
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", text, re.MULTILINE))
    assert options["signal"] == "B:USR1@600"
    assert {"requeue", "open-mode"} <= options.keys()
    assert "--shutdown-timeout 600" in text
    assert text.index("#SBATCH") < text.index("set -u")  # SLURM reads none behind the first command


def test_the_job_of_kubernetes_is_what_its_schema_says() -> None:
    client = pytest.importorskip("kubernetes.client", reason="the schema of Kubernetes: pip install kubernetes")
    job = yaml.safe_load((DEPLOY / "kubernetes/job.yaml").read_text())
    api = client.ApiClient()
    understood = api.deserialize(json.dumps(job), "V1Job", "application/json")
    assert api.sanitize_for_serialization(understood) == job  # what it does not know gets lost


def test_a_pod_that_is_evicted_asks_for_a_stop_and_the_next_one_goes_on(tmp_path: Path) -> None:
    (container,) = yaml.safe_load((DEPLOY / "kubernetes/job.yaml").read_text())["spec"]["template"]["spec"][
        "containers"
    ]
    torchrun = tmp_path / "torchrun"
    torchrun.write_text(_SRUN.replace("srun", "torchrun"))
    torchrun.chmod(0o755)
    run, calls = tmp_path / "run", tmp_path / "calls"
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RUN": str(run), "CALLS": str(calls)}
    environment["GPUS"] = "8"
    pod = subprocess.Popen([*container["command"], *container["args"]], env=environment)
    while not (run / "run.json").exists():
        assert pod.poll() is None
        time.sleep(0.01)
    (run / "stop").touch()
    assert pod.wait(20) == 75
    (run / "end").touch()
    assert subprocess.run([*container["command"], *container["args"]], env=environment, check=False).returncode == 0
    assert [line.endswith(f"--resume -o {run}") for line in calls.read_text().splitlines() if "torchrun" in line] == [
        False,
        True,
    ]


def test_the_cluster_is_what_rays_schema_says() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = find_spec("ray")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the schema of clusters is Ray's: pip install ray")
    schema = Path(found.submodule_search_locations[0]) / "autoscaler/ray-schema.json"
    jsonschema.validate(yaml.safe_load((DEPLOY / "ray/cluster.yaml").read_text()), json.loads(schema.read_text()))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ddp", {}),
        ("fsdp2", {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}),
        ("zero3", {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": "3"}),
    ],
)
def test_accelerate_makes_of_its_configuration_what_the_training_reads(name: str, told: dict[str, str]) -> None:
    launch = pytest.importorskip("accelerate.commands.launch", reason="training needs the extra train")
    environments = pytest.importorskip("accelerate.utils.launch")
    config = str(DEPLOY / f"accelerate/{name}.yaml")
    words = ["--config_file", config, "-m", "heldout", "train"]
    args = launch.launch_command_parser().parse_args(words)
    args, *_ = launch._validate_launch_command(args)
    assert (args.num_processes, args.mixed_precision) == (8, "bf16")
    args.deepspeed_fields_from_accelerate_config = ""  # what its own launcher adds
    made = (
        environments.prepare_deepspeed_cmd_env(args)[1] if name == "zero3" else environments.prepare_multi_gpu_env(args)
    )
    assert told.items() <= made.items()


@pytest.mark.parametrize("name", ["colocate", "server"])
def test_the_settings_for_vllm_are_settings(name: str) -> None:
    from heldout.train.config import load_config

    path = DEPLOY / f"vllm/{name}.toml"
    config = load_config("", path)
    assert config.vllm == name
    assert set(tomllib.loads(path.read_text())) <= set(config.as_dict())


def test_the_server_listens_to_its_own_machine_alone_and_takes_weights(tmp_path: Path) -> None:
    vllm = tmp_path / "vllm"
    vllm.write_text('#!/bin/bash\necho "$VLLM_SERVER_DEV_MODE $CUDA_VISIBLE_DEVICES $*"\n')
    vllm.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"}
    command = ["bash", str(DEPLOY / "vllm/serve.sh"), "some/model", "--max-model-len", "4096"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    weights = '--weight-transfer-config {"backend":"nccl"}'
    assert said == f"1 0 serve some/model --host 127.0.0.1 --port 8000 {weights} --max-model-len 4096\n"


# What an interpreter says to the script: how many GPUs there are, and whatever else it asks; a training leaves a run.
_PYTHON = """#!/bin/bash
case "$1" in
  -)
    script=$(cat)
    case "$script" in
      *device_count*) echo "$GPUS" ;;
      *PackageNotFoundError*) echo "heldout 0" ;;
      *) echo "0 of 4 outcomes differ" ;;
    esac ;;
  -c) exit 1 ;;
  *)
    run=${*: -1}
    [[ "$run" == *"$BROKEN"* ]] && { echo "it broke"; exit 1; }
    mkdir -p "$run" && touch "$run/metrics.jsonl"
    [[ "$*" == *--resume* || "$run" != run-stopped ]] && mkdir -p "$run/policy"
    echo "$run: finished" ;;
esac
"""


def check_gpu(folder: Path, gpus: str = "0 0 none", broken: str = "nothing") -> tuple[int, dict[str, str]]:
    """Run the script with a stand-in for Python; return its exit code and its table."""
    python = folder / "python"
    python.write_text(_PYTHON)
    python.chmod(0o755)
    environment = {**os.environ, "PYTHON": str(python), "GPUS": gpus, "BROKEN": broken}
    command = ["bash", str(DEPLOY.parent / "scripts/gpu_check.sh"), str(folder / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    rows = [line.split("\t") for line in (folder / "out/table.tsv").read_text().splitlines()]
    assert all(name in done.stdout for name, *_ in rows)
    return done.returncode, {name: f"{state}: {detail}" for name, state, detail in rows}


def test_without_a_gpu_the_check_says_what_it_skips(tmp_path: Path) -> None:
    code, rows = check_gpu(tmp_path)
    assert code == 0
    skipped = {name for name, said in rows.items() if said.startswith("skipped: no GPU: ")}
    assert skipped == {"bfloat16", "half a billion", "vLLM colocated", "vLLM server", "FSDP 2"}
    assert {name for name, said in rows.items() if said.startswith("ok: ")} == rows.keys() - skipped
    assert {"float32", "same seed, outcomes", "resumed, outcomes", "two processes"} <= rows.keys()


def test_with_gpus_the_check_trains_on_them_and_fails_where_a_piece_does(tmp_path: Path) -> None:
    code, rows = check_gpu(tmp_path, gpus="2 150000000000 A GPU", broken="FSDP of 128")
    assert code == 1
    failed = {name: said for name, said in rows.items() if said.startswith("failed")}
    assert failed == {"FSDP 2, 128 held-out": "failed: code 1; it broke"}
    assert rows["bfloat16"].startswith("ok: ")
    assert rows["vLLM colocated"] == ("skipped: vLLM is not installed: pip install -c constraints-vllm.txt '.[vllm]'")

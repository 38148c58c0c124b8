"""Work on a cluster of Ray: the same answers as on this machine, none lost or doubled, whatever dies.

All tests share one cluster of this machine, which takes half a minute to start; RAY_ADDRESS may name one that is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import heldout
from heldout.engines import Local
from heldout.engines.ray import OnRay
from heldout.errors import ReadError, SandboxError, UsageError
from heldout.fleet import judge as judge_fleet
from heldout.sandbox import Attempt, Call, Program, SourceTest, Status, Test, judge, open_sandbox
from heldout.sandbox.ray import OnRay as OnRaySandbox
from heldout.sandbox.values import NotPlain

ray = pytest.importorskip("ray", reason="a cluster needs ray, of the extra `ray`")
pytest.importorskip("pydantic_monty", reason="programs run in monty, of the extra `sandbox`")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with three processors, to which this process is connected."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            new = {"num_cpus": 3, "include_dashboard": False, "object_store_memory": 80_000_000}
            try:
                context = ray.init(
                    **({} if "RAY_ADDRESS" in os.environ else new),
                    runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}},  # what is tested
                    log_to_driver=False,
                    logging_level="CRITICAL",
                )
            except Exception as error:
                pytest.skip(f"Ray does not start here, so NOTHING WAS TRIED ON A CLUSTER: {error}")
        yield context.address_info["gcs_address"]
        ray.shutdown()


@pytest.fixture(scope="module")
def there(cluster: str) -> Iterator[OnRaySandbox]:
    with open_sandbox("monty", workers=2, where="ray://auto") as sandbox:
        assert isinstance(sandbox, OnRaySandbox)
        yield sandbox


def programs(count: int, seed: int = 0) -> list[Attempt]:
    """Right and wrong ones, some that raise or do not parse, some without a program, some with large values."""
    rng = random.Random(seed)
    bodies = ["return x + 1", "return x", "return 1 / 0", "return", "return (", "return [x + 1] * 50"]
    tests = [Test((number,), number + 1) for number in range(3)]
    return [
        Attempt(f"def f(x):\n    {rng.choice(bodies)}\n", "f", tests, lacking="no code" * (rng.random() < 0.1))
        for _ in range(count)
    ]


def test_judgements_are_those_of_this_machine(there: OnRaySandbox) -> None:
    attempts = programs(150)
    with open_sandbox("monty", workers=1) as here:
        expected = judge(attempts, here)
    assert judge(attempts, there) == expected
    assert len({one.kind for one in expected}) >= 5
    bare = judge(attempts, there, values=False)
    for one, other in zip(bare, expected, strict=True):
        assert (one.passed, one.kind, one.fraction, one.lost, one.package) == (
            *(other.passed, other.kind, other.fraction, other.lost, other.package),
        )
        assert all(answer.value is None for answer in one.answers)
    assert judge([], there) == []


def test_programs_run_there_with_their_answers_in_order(there: OnRaySandbox) -> None:
    wanted = [
        Program(f"def f(*, x=0):\n    return x, {number}\n", "f", (Call(), Call((), {"x": 1}))) for number in range(9)
    ]
    answers = there.run(wanted)
    assert [[one.value for one in some] for some in answers] == [[(0, number), (1, number)] for number in range(9)]
    with pytest.raises(NotPlain):
        there.run([Program("def f(x): return x", "f", (Call((range(3),)),))])
    with pytest.raises(UsageError, match="no tests"):
        judge([Attempt("def f(): pass", "f", ())], there)


def test_a_worker_that_is_killed_loses_and_doubles_nothing(there: OnRaySandbox) -> None:
    slow = "def f(x):\n    total = 0\n    for one in range(20000):\n        total += one\n    return x + {}\n"
    attempts = [Attempt(slow.format(number % 3), "f", [Test((number,), number + 1)]) for number in range(256)]
    before = there.processes()
    killer = threading.Timer(0.3, os.kill, (before[0], signal.SIGKILL))
    killer.start()
    found = judge(attempts, there)
    killer.join()
    assert [one.answers[0].value for one in found] == [number + number % 3 for number in range(256)]
    after = there.processes()
    assert before[0] not in after  # it was killed, and another took its place
    assert len(after) == 2


def test_a_program_under_which_workers_die_costs_no_other_its_answer(
    cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heldout.sandbox.ray._AGAIN", 1)  # each death takes a second

    def deadly(value: object, expected: object) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    guilty = Attempt("def f(x): return x", "f", [Test((1,), 1, compare=deadly), Test((1,), 1)])
    fine = programs(6)
    with open_sandbox("monty", workers=1) as here, open_sandbox("monty", workers=1, where="ray://auto") as there:
        found = judge([*fine[:3], guilty, *fine[3:]], there)
        assert [*found[:3], *found[4:]] == judge(fine, here)
    assert found[3].kind == Status.INFRASTRUCTURE
    assert len(found[3].passed) == 2
    assert "died under this program" in found[3].lost


def test_the_engine_gives_the_answers_of_the_local_one_and_costs_no_item_another_s_failure(cluster: str) -> None:
    def work(number: int) -> int:
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 4:
            raise UsageError("four")
        return 10 // number

    found = dict(OnRay("ray://auto", workers=1).map(work, range(7)))
    assert [found[number] for number in (1, 2, 5, 6)] == [10, 5, 2, 1]
    assert {number: type(found[number]) for number in (0, 3, 4)} == {0: ReadError, 3: ReadError, 4: UsageError}
    assert "ZeroDivisionError" in str(found[0])
    assert "ended the process that read it" in str(found[3])
    assert list(OnRay("ray://auto").map(work, [])) == []


def test_a_fleet_has_the_rows_of_this_machine(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        with heldout.Recorder(tmp_path / f"runs/{seed}", rank=0) as recorder:
            for step in range(0, 40, 4):
                recorder.log(step, {"reward": step / 40 + seed})
                recorder.evaluation(step, problems=list("abcdef"), passed=[step > seed * one for one in range(6)])
    (tmp_path / "runs/broken").mkdir()
    (tmp_path / "runs/broken/metrics.jsonl").write_text("{" * 100)
    there, here = (judge_fleet("runs", engine=engine, figures="none").rows for engine in (OnRay(), Local(1)))
    assert here.height == 4
    assert there.drop("seconds").equals(here.drop("seconds"))


def test_tests_that_are_programs_run_there_too(cluster: str) -> None:
    try:
        opened = open_sandbox("bubblewrap", workers=1)
    except SandboxError as error:
        pytest.skip(str(error))
    tests = [SourceTest("def check(f):\n    assert f(1) == 2\n", ("check",), "check")]
    attempts = [Attempt(f"def f(x): return x + {number}\n", "f", tests) for number in range(3)]
    with opened as here, open_sandbox("bubblewrap", workers=1, where="ray://auto") as there:
        assert judge(attempts, there) == judge(attempts, here)


def test_the_command_line_judges_on_a_cluster_and_prints_nothing_of_ray_s(cluster: str, tmp_path: Path) -> None:
    """Another process, which connects and lets go by itself."""
    rows = [{"id": f"p{n}", "prompt": f"Add {n}.", "entry_point": "f", "tests": [f"f(1) == {1 + n}"]} for n in range(8)]
    (tmp_path / "task.jsonl").write_text("".join(json.dumps({**one, "split": "validation"}) + "\n" for one in rows))
    answers = [{"task_id": f"p{n}", "completion": f"def f(x):\n    return x + {n % 4}\n"} for n in range(8)]
    (tmp_path / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in answers))
    command = ["eval", "samples.jsonl", "--task", "task.jsonl", "--sandbox", "monty"]
    told = []
    for more in ([], ["--where", "ray://auto"]):
        done = subprocess.run(
            [sys.executable, "-m", "heldout", *command, *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "RAY_ADDRESS": cluster},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        told.append(done.stdout)
    assert "solved" in told[0]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "where", ["ray", "ray://", "http://head:1", "ray://head:x", "ray://head:99999", "ray://a@head:1", "ray://head/x"]
)
def test_what_is_no_address_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="no address of a cluster; give ray://auto"):
        open_sandbox("monty", where=where)


def test_an_address_at_which_nobody_answers_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OPENS],
        capture_output=True,
        text=True,
        env={**os.environ, "RAY_ADDRESS": "127.0.0.1:9"},
        check=False,
    )
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    for line, where in ((first, "ray://127.0.0.1:9"), (second, "ray://auto")):
        assert line.startswith(f"ClusterError {where}: no cluster of Ray answers at ")
        assert "127.0.0.1:9 (Connection refused); start one by ray start --head" in line


_OPENS = """
from heldout.errors import HeldoutError
from heldout.sandbox import open_sandbox
for where in ("ray://127.0.0.1:9", "ray://auto"):
    try:
        open_sandbox("monty", where=where)
    except HeldoutError as error:
        print(type(error).__name__, error)
"""

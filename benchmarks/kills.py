"""``heldout bench kills``: does a training that dies at any moment resume, and end as one that did not?

A small training is ended again and again at random moments, and resumed each time, until it has taken all its steps;
then its weights are compared with those of an unbroken run, byte for byte, and its record must hold every step and
every evaluation once. The deaths: SIGKILL; SIGTERM, after which it saves; writes that fail beyond a size that is drawn
by chance, as on a full disk; a pipe for its output that is full, and then closed.

Each training runs in a child that is forked from a process which has imported everything and computed nothing. What is
known is written down after each run, so that the benchmark itself may be ended, and started again in the same folder.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

import heldout
from heldout.errors import HeldoutError
from heldout.store.lines import replacing

DEATHS = ("SIGKILL", "SIGTERM", "disk full", "full pipe")
_STEPS = 8
_MOST = 12  # deaths of one run; then it is left alone
_PATIENCE = 300.0  # seconds of a child, after which it hangs
# Problems and completions enough for a gradient, and a reward of the user's own: a policy this young solves nothing.
SMALL: Mapping[str, Any] = {
    "warm_steps": 5,
    "prompts": 2,
    "samples": 4,
    "max_tokens": 16,
    "evaluate_problems": 4,
    "evaluate_every": 2,
    "save_every": 2,
    "record_every": 2,
    "judge_cost": 0.0,  # so that it does not depend on the time how many are judged
    "threads": 1,
}
_REWARD = "def short(completions, **_):\n    return [-len(one) / 10 for one in completions]\n"


@dataclass
class Tally:
    """What was seen."""

    deaths: Counter[str] = field(default_factory=Counter)  # kind → children that ended before all steps were taken
    runs: int = 0  # that took all their steps
    wrong: list[str] = field(default_factory=list)  # what was not as it is in an unbroken run, in sentences
    seconds: float = 0.0  # that the unbroken run took; 0 where there is none yet

    @classmethod
    def known(cls, path: Path) -> Tally:
        """Return what an earlier benchmark wrote down; nothing where there was none."""
        if not path.exists():
            return cls()
        told = json.loads(path.read_bytes())
        return cls(**{**told, "deaths": Counter(told["deaths"])})

    def keep(self, path: Path) -> None:
        """Write down what is known, whole or not at all."""
        with replacing(path) as new:
            new.write_text(json.dumps(vars(self)))

    def sentence(self) -> str:
        """Say it."""
        kinds = ", ".join(f"{kind} {self.deaths[kind]}" for kind in DEATHS)
        of = f"{self.deaths.total()} deaths ({kinds}) in {self.runs} runs"
        return (
            f"{of}: all resumed, the weights are those of the unbroken run."
            if not self.wrong
            else f"{of}: " + " ".join(self.wrong)
        )


def main(count: int, seed: int, out: Path | None = None, runs: Path | None = None) -> None:
    """End so many children, and print what became of their runs; exit status 1 where anything was wrong.

    With a folder for the `runs` it goes on where it was ended, and those that went wrong stay there.
    """
    from heldout.train import require_extra

    require_extra()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="heldout-kills-") as folder:
        tally = measure(count, seed, runs or Path(folder), console)
    console.print(tally.sentence(), markup=False)
    if out is not None:
        out.write_text(tally.sentence() + "\n")
    if tally.wrong:
        raise SystemExit(1)


def measure(count: int, seed: int, folder: Path, console: Console | None = None) -> Tally:
    """End so many children of trainings below a folder."""
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "short.py").write_text(_REWARD)
    importlib.import_module("heldout.train.grpo")  # what every child needs, once

    notes, unbroken = folder / f"tally-{seed}.json", folder / "unbroken"
    tally = Tally.known(notes)
    if not tally.seconds or not unbroken.exists():
        shutil.rmtree(unbroken, ignore_errors=True)
        began = time.monotonic()
        if _ended(_child(unbroken), _PATIENCE) != 0:
            raise HeldoutError(f"The unbroken run failed; its output is in {unbroken}.txt.")
        tally.seconds = time.monotonic() - began
        tally.keep(notes)
    while tally.deaths.total() < count:
        rng = random.Random(f"heldout kills {seed} {tally.runs}")
        run = folder / f"run-{seed}-{tally.runs}"
        shutil.rmtree(run, ignore_errors=True)  # of a benchmark that was ended amid it
        _one_run(run, tally, rng, count)
        wrong = [f"{run.name}: {why}" for why in _compared(run, unbroken)]
        tally.wrong += wrong
        tally.runs += 1
        tally.keep(notes)
        if not wrong:
            shutil.rmtree(run, ignore_errors=True)
        if console is not None:
            console.print(f"{tally.deaths.total()} of {count} deaths, {tally.runs} runs, {len(tally.wrong)} wrong")
    return tally


def _one_run(run: Path, tally: Tally, rng: random.Random, count: int) -> None:
    """End a run at random moments until it is through or enough have died, then let it go to its end."""
    for _ in range(min(_MOST, count - tally.deaths.total())):
        kind = rng.choice(DEATHS)
        if _dies(run, kind, rng, tally.seconds):
            tally.deaths[kind] += 1
        else:
            return
    status = _ended(_child(run), _PATIENCE)
    if status != 0:
        tally.wrong.append(f"{run.name} did not go on to its end (status {status}): {_last_line(run)}")


def _dies(run: Path, kind: str, rng: random.Random, seconds: float) -> bool:
    """Let a run go on, and end it in a way and at a moment drawn by chance; whether that was before its end."""
    moment = rng.uniform(0.0, 1.2 * seconds)
    match kind:
        case "disk full":
            pid = _child(run, largest=int(2.0 ** rng.uniform(6.0, 22.0)))
            return _ended(pid, _PATIENCE) != 0
        case "full pipe":
            with _full_pipe() as (reader, writer):
                pid = _child(run, (reader, writer))
                status = _ended(pid, moment)
                os.close(reader)
                return (_ended(pid, _PATIENCE) if status is None else status) != 0
    pid = _child(run)
    status = _ended(pid, moment)
    if status is None:
        os.kill(pid, signal.SIGKILL if kind == "SIGKILL" else signal.SIGTERM)
        status = _ended(pid, _PATIENCE)
    return status != 0


def _child(run: Path, pipe: tuple[int, int] | None = None, largest: int | None = None) -> int:
    """Start a training in a process of its own, whose output and largest file may be chosen; return its number."""

    def work() -> int:
        file = os.open(run.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for output in (1, 2):
            os.dup2(pipe[1] if pipe else file, output)
        for end in pipe or ():  # with one of its own open the pipe would never break
            os.close(end)
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        return 0 if _trained(run) else 2

    return _forked(work)


def _forked(work: Callable[[], int]) -> int:
    """Do something in a copy of this process, whose exit status is what it returns; return the number of the copy."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = work()
    except BaseException:
        with suppress(OSError):
            traceback.print_exc()
    finally:
        os._exit(status)


def _compared(run: Path, unbroken: Path) -> list[str]:
    """Return what is not as in the unbroken run; read in a copy, for a process with threads cannot be copied safely."""
    told = run.with_suffix(".differences")

    def work() -> int:
        told.write_text("".join(f"{why}\n" for why in _differences(run, unbroken)))
        return 0

    status = _ended(_forked(work), _PATIENCE)
    return told.read_text().splitlines() if status == 0 else ["it cannot be read."]


def _trained(run: Path) -> bool:
    from heldout.train.config import TrainConfig
    from heldout.train.grpo import train

    config = TrainConfig(**{**SMALL, "steps": _STEPS, "reward": f"{run.parent / 'short.py'}:short"})
    return train(config, run, resume=True, console=Console(file=sys.stderr, highlight=False))


def _ended(pid: int, seconds: float) -> int | None:
    """Wait so long for a process; return its status, None while it goes on. One that hangs for ever is ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    if seconds < _PATIENCE:
        return None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -1


@contextmanager
def _full_pipe() -> Iterator[tuple[int, int]]:
    """Open a pipe that takes nothing more: whoever writes waits until the other end is closed, and then fails."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    try:
        yield reader, writer
    finally:
        os.close(writer)


def _differences(run: Path, unbroken: Path) -> Iterator[str]:
    """Say what is not as in the unbroken run."""
    policy = Path("policy", "model.safetensors")
    if not (run / policy).exists() or (run / policy).read_bytes() != (unbroken / policy).read_bytes():
        yield "its weights are not those of the unbroken run."
    mine, other = heldout.read(run), heldout.read(unbroken)
    for name in ("reward", "held_out"):
        if mine[name].step.tolist() != other[name].step.tolist():
            yield f"its {name} has the steps {mine[name].step.tolist()}, not {other[name].step.tolist()}."
        elif mine[name].value.tolist() != other[name].value.tolist():
            yield f"its {name} has other values than that of the unbroken run."


def _last_line(run: Path) -> str:
    path = run.with_suffix(".txt")
    lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1] if lines else "it said nothing."

"""Following logs that grow: real processes write them, and what is found is what the finished log shows."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks.logs import write_events
from heldout import Recorder, diagnose, read
from heldout.datasets.simulated import SimulatedRun, simulate
from heldout.detectors import Detectors
from heldout.errors import ReadError, SeveralRuns
from heldout.findings import Finding
from heldout.live import watch as watches
from heldout.live.fold import Fold, last_step
from heldout.live.follow import Follower
from heldout.live.rules import On, Rules
from heldout.live.watch import Watch
from heldout.readers import read_all

PLANNED = 20


def rows(made: SimulatedRun, first: int = 1, last: int = 800) -> list[dict[str, float]]:
    rates = dict(zip(made.steps.tolist(), made.rates.tolist(), strict=True))
    logged = []
    for step in range(first, last + 1):
        row = {"step": step, "reward": float(made.reward[step - 1]), "kl": 0.01 + 1e-5 * step}
        logged.append({**row, "val/accuracy": rates[step], "n": 300} if step in rates else row)
    return logged


def lines(made: SimulatedRun, first: int = 1, last: int = 800) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows(made, first, last))


def table(made: SimulatedRun) -> str:
    keys = ["step", "reward", "kl", "val/accuracy", "n"]
    body = [",".join(str(row.get(key, "")) for key in keys) for row in rows(made)]
    return "\n".join([",".join(keys), *body]) + "\n"


def verl_file(made: SimulatedRun) -> str:
    names = {"reward": "critic/score/mean", "val/accuracy": "val-core/gsm8k/acc/mean@1", "kl": "actor/kl_loss"}
    said = [{"step": row["step"], "data": {names[k]: v for k, v in row.items() if k in names}} for row in rows(made)]
    return "".join(json.dumps(row) + "\n" for row in said)


def verl_console(made: SimulatedRun) -> str:
    names = {"reward": "critic/score/mean", "val/accuracy": "val-core/gsm8k/acc/mean@1", "kl": "actor/kl_loss"}
    said = [
        f"step:{row['step']:.0f} - " + " - ".join(f"{names[k]}:{v:.4f}" for k, v in row.items() if k in names)
        for row in rows(made)
    ]
    return "\n".join(said) + "\n"


TEXTS = {"run.jsonl": lines, "table.csv": table, "verl.jsonl": verl_file, "verl.log": verl_console}


def raised(why: str) -> None:
    raise AssertionError(why)


def follow(path: Path) -> tuple[Follower, Fold]:
    return Follower(path, problems=300), Fold(Detectors.planned(PLANNED), raised)


def look(follower: Follower, live: Fold, *, last: bool = False) -> bool:
    run = follower.poll(last=last)
    if run is not None:
        live.catch_up(run)
    return run is not None


def told(findings: Iterable[Finding]) -> list[tuple[object, ...]]:
    return [(one.detector, one.kind, one.severity, one.step, one.steps, one.seen) for one in findings]


def afterwards(path: Path) -> list[tuple[object, ...]]:
    return told(diagnose(read(path, problems=300), horizon=PLANNED).findings)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("family", ["sharp_collapse", "honest"])
def test_live_equals_after_the_fact_however_the_log_is_cut(name: str, family: str, tmp_path: Path) -> None:
    made = simulate(family, 300, PLANNED, seed=3)
    path = tmp_path / name
    data = TEXTS[name](made).encode()
    cuts = sorted(random.Random(f"{name}{family}").sample(range(1, len(data)), 9))
    follower, live = follow(path)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        with path.open("ab") as file:
            file.write(data[start:end])
        look(follower, live)
    look(follower, live, last=True)
    assert told(live.findings) == afterwards(path)
    if family == "sharp_collapse":
        assert any(finding.kind == "confirmed" for finding in live.findings)


def test_what_comes_late_is_folded_anew(tmp_path: Path) -> None:
    """Evaluations that end long after their step, as those of a second process do."""
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    path = tmp_path / "run.jsonl"
    follower, live = follow(path)
    waiting: list[str] = []
    for row in rows(made):
        late = {key: row.pop(key) for key in ("val/accuracy", "n") if key in row}
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
            if row["step"] % 40 == 30:
                file.writelines(waiting)
                waiting.clear()
        if late:
            waiting.append(json.dumps({"step": row["step"], **late}) + "\n")
        if row["step"] % 25 == 0:
            look(follower, live)
    with path.open("a") as file:
        file.writelines(waiting)
    look(follower, live, last=True)
    assert told(live.findings) == afterwards(path)


def test_only_new_lines_are_parsed(tmp_path: Path) -> None:
    """What stands before the last 4 KiB is not looked at again."""
    made = simulate("honest", 300, PLANNED, seed=3)
    path = tmp_path / "run.jsonl"
    path.write_text(lines(made, 1, 700))
    follower, live = follow(path)
    look(follower, live)
    with path.open("a") as file:
        file.write(lines(made, 701, 710))
    look(follower, live)
    with path.open("r+b") as file:  # the first line, in place
        file.write(b"#" * 20)
    with path.open("a") as file:
        file.write(lines(made, 711, 720))
    run = follower.poll()
    assert run is not None
    assert (int(run.steps[0]), last_step(run)) == (1, 720)


WRITER = """
import sys, time
text, path, pieces = open(sys.argv[1]).read(), sys.argv[2], int(sys.argv[3])
size = len(text) // pieces + 1
with open(path, "a") as file:
    for start in range(0, len(text), size):
        file.write(text[start : start + size])
        file.flush()
        time.sleep(0.02)
    print("written", flush=True)
    time.sleep(float(sys.argv[4]))
"""


def writer(text: str, path: Path, pieces: int = 30, linger: float = 0.0) -> subprocess.Popen[str]:
    source = path.parent.parent / f"source-{path.name}"
    source.write_text(text)
    command = [sys.executable, "-c", WRITER, str(source), str(path), str(pieces), str(linger)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", TEXTS)
def test_a_process_that_writes_slowly_is_followed(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / name
    follower, live = follow(path)
    with writer(TEXTS[name](simulate("sharp_collapse", 300, PLANNED, seed=3)), path) as child:
        looks = 0
        while child.poll() is None:
            looks += look(follower, live)
            time.sleep(0.05)
    look(follower, live, last=True)
    assert looks > 1
    assert told(live.findings) == afterwards(path)


def test_a_writer_that_is_killed_leaves_a_log_that_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "run.jsonl"
    follower, live = follow(path)
    with writer(lines(made)[:-700] + '{"step": 900, "rewa', path, linger=60.0) as child:
        assert child.stdout is not None
        child.stdout.readline()
        look(follower, live)
        child.kill()
    look(follower, live, last=True)
    assert told(live.findings) == afterwards(path)
    # the writer restarts from an earlier step
    with path.open("a") as file:
        file.write("\n" + lines(made, 600, 700))
    look(follower, live)
    assert live.findings
    assert told(live.findings) == afterwards(path)


def test_a_directory_that_comes_later_is_waited_for(tmp_path: Path) -> None:
    made = simulate("honest", 300, PLANNED, seed=1)
    folder = tmp_path / "later" / "run"
    follower, live = follow(folder)
    assert not look(follower, live)
    assert "there is no such file" in follower.waiting
    folder.mkdir(parents=True)
    assert not look(follower, live)
    assert "no training log was found" in follower.waiting
    (folder / "metrics.jsonl").touch()
    assert not look(follower, live)
    (folder / "metrics.jsonl").write_text(lines(made))
    assert look(follower, live)
    assert follower.waiting == ""
    assert told(live.findings) == afterwards(folder)


def test_a_rotated_file_goes_on_where_the_old_one_ended(tmp_path: Path) -> None:
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    path = tmp_path / "run.jsonl"
    whole = tmp_path / "whole.jsonl"
    whole.write_text(lines(made))
    follower, live = follow(path)
    path.write_text(lines(made, 1, 500))
    look(follower, live)
    path.rename(tmp_path / "run.jsonl.1")
    look(follower, live)
    path.write_text(lines(made, 501, 600))
    look(follower, live)
    with path.open("a") as file:
        file.write(lines(made, 601, 800))
    look(follower, live)
    assert told(live.findings) == afterwards(whole)


def test_a_truncated_file_keeps_what_was_before_its_first_step(tmp_path: Path) -> None:
    """As verl does when it goes on from a checkpoint."""
    made = simulate("honest", 300, PLANNED, seed=3)
    path = tmp_path / "verl.jsonl"
    path.write_text(verl_file(made))
    follower, _ = follow(path)
    before = follower.poll()
    os.truncate(path, 0)
    assert follower.poll() is None
    again = [json.loads(line) for line in verl_file(made).splitlines()][400:450]
    path.write_text("".join(json.dumps(row) + "\n" for row in again))
    run = follower.poll()
    assert before is not None
    assert run is not None
    np.testing.assert_array_equal(run["reward"].step, np.arange(1, 451))
    assert len(run.evaluations()) == np.count_nonzero(made.steps <= 450)


def test_a_run_directory_is_followed(tmp_path: Path) -> None:
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    ids = [f"p{index}" for index in range(300)]
    folder = tmp_path / "run"
    follower, live = follow(folder)
    at = dict(zip(made.steps.tolist(), made.outcomes.tolist(), strict=True))
    with Recorder(folder) as recorder:
        for step in range(1, 801):
            recorder.log(step, reward=float(made.reward[step - 1]))
            if step in at:
                recorder.evaluation(step, problems=ids, passed=at[step])
            if step % 100 == 50:
                assert look(follower, live)
        look(follower, live)
        recorder.rollouts(800, [{"prompt": "a"}])
        assert not look(follower, live)  # samples are no news
    assert told(live.findings) == afterwards(folder)


def test_event_files_and_checkpoints_are_followed(tmp_path: Path) -> None:
    write_events(tmp_path / "whole", 400)
    data = (tmp_path / "whole").read_bytes()
    path = tmp_path / "tb" / "events.out.tfevents.1.host"
    path.parent.mkdir()
    follower, live = follow(path.parent)
    for end in (1000, len(data) // 2, len(data)):
        path.write_bytes(data[:end])
        look(follower, live)
    assert told(live.findings) == afterwards(path.parent)

    folder = tmp_path / "trainer"
    history = rows(simulate("sharp_collapse", 300, PLANNED, seed=3))
    follower, live = follow(folder)
    for step in (200, 400, 800):
        state = folder / f"checkpoint-{step}" / "trainer_state.json"
        state.parent.mkdir(parents=True)
        state.write_text(json.dumps({"global_step": step, "max_steps": 800, "log_history": history[:step]}))
        assert look(follower, live)
    assert told(live.findings) == afterwards(folder)


def test_a_metric_that_is_named_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"step": 1, "reward": 0.1, "val/accuracy": 0.5}\n{"step": 2, "reward": 0.1}\n')
    follower = Follower(path, roles={"held_out": "mine"})
    run = follower.poll()
    assert run is not None
    assert "held_out" not in run.roles  # nothing else stands in for it
    assert any("Not logged yet: 'mine'" in note.text for note in run.notes)
    with path.open("a") as file:
        file.write('{"step": 3, "reward": 0.1, "mine": 0.4}\n')
    run = follower.poll()
    assert run is not None
    assert run.roles["held_out"] == "mine"


def test_several_runs_have_to_be_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.1}\n')
    with pytest.raises(SeveralRuns, match="--run"):
        Follower(tmp_path).poll()
    run = Follower(tmp_path, run="b").poll()
    assert run is not None
    assert run.name == "b"


def test_a_half_written_value_of_a_table_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("step,reward,accuracy\n1,0.1,0.50\n2,0.1,0.52\n3,0.1,0.")
    run = Follower(path).poll()
    assert run is not None
    assert last_step(run) == 2
    assert last_step(read_all(path)[0]) == 3


# what is done


def collapsed(tmp_path: Path, last: int = 800) -> Path:
    path = tmp_path / "run.jsonl"
    path.write_text(lines(simulate("sharp_collapse", 300, PLANNED, seed=3), 1, last))
    return path


def heldout(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heldout", "watch", *map(str, words), "--problems", "300", "--planned", "20"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_acts_happen_once_however_often_one_watches(tmp_path: Path) -> None:
    path = collapsed(tmp_path, 430)
    said = tmp_path / "said"
    words = ["--on", "confirmed", "--shell", "--command", f"echo $HELDOUT_STEP $HELDOUT_STATE >> {said}"]
    words += ["--state", str(tmp_path / "state"), "--stop-file", str(tmp_path / "STOP"), "--until-idle", "0.2"]
    done = heldout(path, *words)
    assert done.returncode == 0, done.stderr
    assert not said.exists()
    assert not (tmp_path / "STOP").exists()
    with path.open("a") as file:
        file.write(lines(simulate("sharp_collapse", 300, PLANNED, seed=3), 431))
    done = heldout(path, *words)
    assert "stop-file: done" in done.stdout
    assert said.read_text() == "480 over-optimised\n"
    assert (tmp_path / "STOP").read_text().startswith("step 480: ")
    (tmp_path / "STOP").unlink()
    assert "stop-file" not in heldout(path, *words).stdout
    assert said.read_text() == "480 over-optimised\n"
    assert not (tmp_path / "STOP").exists()


def test_a_fall_that_is_over_when_the_log_is_first_read_stops_nothing(tmp_path: Path) -> None:
    path, stop = tmp_path / "run.jsonl", tmp_path / "STOP"
    rates = [0.3, 0.36, 0.42, 0.46, 0.5, 0.3, 0.28, 0.29, 0.5, 0.53, 0.55, 0.56, 0.57, 0.57, 0.3, 0.28, 0.25]
    text = [json.dumps({"step": step, "reward": 0.01 * step, "val/accuracy": rate}) for step, rate in enumerate(rates)]
    path.write_text("\n".join(text[:14]) + "\n")
    file = io.StringIO()
    rules = Rules(stop=On.LIKELY, stop_file=str(stop))
    watching = Watch(Follower(path, problems=300), rules, planned=PLANNED, console=Console(file=file, width=200))
    watching.once()
    assert any(one.kind == "confirmed" for one in watching.fold.findings)
    assert not stop.exists()
    assert "alarm" not in file.getvalue()
    with path.open("a") as log:
        log.write(text[14] + "\n")
    watching.once()
    assert stop.exists()


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    words = ["--command", f"touch {tmp_path / 'touched'}", "--stop-file", str(tmp_path / "STOP"), "--dry-run", "--once"]
    done = heldout(collapsed(tmp_path), *words)
    assert done.stdout.count("would have done") == 2
    assert not (tmp_path / "touched").exists()
    assert not (tmp_path / "STOP").exists()


def test_a_process_is_signalled_once(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        watching = Watch(
            Follower(collapsed(tmp_path), problems=300),
            Rules(stop=On.WATCH, signal=f"{child.pid}:USR1"),
            planned=PLANNED,
            console=Console(quiet=True),
        )
        watching.once()
        assert child.wait() == -signal.SIGUSR1
        watching.once()


def test_a_run_that_goes_back_may_be_acted_on_again(tmp_path: Path) -> None:
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    path = collapsed(tmp_path)
    state = tmp_path / "state"
    console = Console(quiet=True)
    watching = Watch(Follower(path, problems=300), planned=PLANNED, state=state, console=console)
    watching.follow(interval=0.05, until_idle=0.1)
    with path.open("a") as file:  # training went back to step 360, and falls again
        file.writelines(json.dumps({**row, "reward": row["reward"] + 0.01}) + "\n" for row in rows(made, 360, 600))
    watching.follow(interval=0.05, until_idle=0.1)
    what = [json.loads(line) for line in (state / "findings.jsonl").read_text().splitlines()]
    assert [row["what"] for row in what if row.get("kind") == "confirmed" or row["what"] == "rewind"] == [
        "finding",
        "rewind",
        "finding",
    ]


def test_an_evaluation_that_comes_late_is_no_run_that_goes_back(tmp_path: Path) -> None:
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    ids, folder, state = [f"p{index}" for index in range(300)], tmp_path / "run", tmp_path / "state"
    measured = dict(zip(made.steps.tolist(), made.outcomes.tolist(), strict=True))
    late = int(made.steps[2])
    watching = Watch(Follower(folder), planned=PLANNED, state=state, console=Console(quiet=True))
    with Recorder(folder) as recorder:
        for step in range(1, 801):
            recorder.log(step, reward=float(made.reward[step - 1]))
            if step in measured and step != late:
                recorder.evaluation(step, problems=ids, passed=measured[step])
        watching.follow(interval=0.05, until_idle=0.1)
        recorder.evaluation(late, problems=ids, passed=measured[late])
        watching.follow(interval=0.05, until_idle=0.1)
    assert late in [one.step for one in watching.fold.evaluations]
    what = [json.loads(line)["what"] for line in (state / "findings.jsonl").read_text().splitlines()]
    assert "finding" in what
    assert "rewind" not in what


def test_an_evaluation_at_the_end_of_a_file_that_comes_late_is_no_run_that_goes_back(tmp_path: Path) -> None:
    whole = rows(simulate("sharp_collapse", 300, PLANNED, seed=3))
    late = {"step": 120, **{key: whole[119].pop(key) for key in ("val/accuracy", "n")}}
    path, state = tmp_path / "run.jsonl", tmp_path / "state"
    path.write_text("".join(json.dumps(row) + "\n" for row in whole))
    watching = Watch(Follower(path, problems=300), planned=PLANNED, state=state, console=Console(quiet=True))
    watching.follow(interval=0.01, until_idle=0.02)
    with path.open("a") as file:
        file.write(json.dumps(late) + "\n")
    watching.follow(interval=0.01, until_idle=0.02)
    assert [one.step for one in watching.fold.evaluations] == list(range(40, 801, 40))
    assert watching.run is not None
    assert len(watching.run["reward"]) == 800
    assert "rewind" not in [json.loads(line)["what"] for line in (state / "findings.jsonl").read_text().splitlines()]
    assert told(watching.fold.findings) == afterwards(path)


def test_evaluations_that_were_written_again_are_judged_anew(tmp_path: Path) -> None:
    path = collapsed(tmp_path)
    watching = Watch(Follower(path, problems=300), planned=PLANNED, console=Console(quiet=True))
    watching.follow(interval=0.05, until_idle=0.1)
    assert watching.verdict is not None
    assert watching.verdict.state == "over-optimised"
    again = [{key: 0.9 if key == "val/accuracy" else value for key, value in row.items()} for row in rows(honest(), 40)]
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in again)
    watching.follow(interval=0.05, until_idle=0.1)
    assert watching.verdict == diagnose(read(path, problems=300), horizon=PLANNED)
    assert watching.verdict.state != "over-optimised"


def honest() -> SimulatedRun:
    return simulate("honest", 300, PLANNED, seed=3)


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    done = heldout(collapsed(tmp_path), "--once", "--shell", "--command", "exit 3")
    assert "the command ended with status 3." in done.stdout


def test_an_alert_that_is_not_sent_is_told(tmp_path: Path) -> None:
    done = heldout(collapsed(tmp_path), "--once", "--alert", "http://127.0.0.1:9/hook")
    assert "not sent: WebhookAlert(127.0.0.1)" in done.stdout


def test_looking_once_shows_the_run_and_needs_one(tmp_path: Path) -> None:
    done = heldout(collapsed(tmp_path), "--once")
    assert done.returncode == 0, done.stderr
    assert "over-optimised" in done.stdout
    assert "▁" in done.stdout
    assert "\x1b" not in done.stdout
    done = heldout(tmp_path / "nothing", "--once")
    assert done.returncode == 2
    assert done.stderr.startswith("heldout: ")
    assert "there is no such file" in done.stderr
    done = heldout(tmp_path / "nothing", "--until-idle", "0.1")
    assert (done.returncode, done.stdout.count("waiting")) == (2, 1)


def test_a_terminal_shows_the_run_as_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as file:
        console = Console(file=file, force_terminal=True, width=100)
        Watch(Follower(collapsed(tmp_path), problems=300), planned=PLANNED, console=console).follow(until_idle=0.1)
    shown = (tmp_path / "screen").read_text()
    assert "step 800" in shown
    assert "held-out score" in shown


def test_real_logs_are_followed_to_the_same_findings(real_runs: Path, tmp_path: Path) -> None:
    files = [path for path in real_runs.rglob("*") if path.suffix in (".jsonl", ".csv") and path.stat().st_size < 2e6]
    followed = 0
    for number, path in enumerate(sorted(files)):
        try:
            whole = read(path)
        except ReadError:
            continue
        data = path.read_bytes()
        copy = tmp_path / str(number) / path.name
        copy.parent.mkdir()
        follower, live = Follower(copy), Fold(Detectors.planned(PLANNED), raised)
        for end in (len(data) // 3, len(data) // 2, len(data)):
            copy.write_bytes(data[:end])
            look(follower, live)
        look(follower, live, last=True)
        assert told(live.findings) == told(diagnose(whole, horizon=PLANNED).findings), path
        followed += 1
    assert followed > 5


# how long it waits


class Clock:
    """A clock that goes while one sleeps on it, and a processor that is busy for so many seconds with each look."""

    def __init__(self, busy: float = 0.0, at_sleep: Callable[[int], None] = lambda number: None) -> None:
        self.now, self.used, self.busy, self.at_sleep = 50.0, 0.0, busy, at_sleep
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        self.used += self.busy
        return self.used

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(round(seconds, 9))
        self.at_sleep(len(self.slept))


def watched(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, screen: bool = False, **how: Any
) -> tuple[list[float], str]:
    """Follow a log by that clock; return how long it slept each time, and what was printed."""
    monkeypatch.setattr(watches, "time", clock)
    file = io.StringIO()
    console = Console(file=file, width=200, force_terminal=screen)
    Watch(Follower(path), console=console).follow(**how)
    return clock.slept, file.getvalue()


TWO = '{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.2}\n'


@pytest.mark.parametrize(
    ("busy", "until_idle", "slept"),
    [
        (0.0, 3.0, [1.0, 1.0, 1.0]),
        (0.008, 2.5, [1.0, 1.0, 0.5]),  # 8 ms a second are 0.8 % of a core
        (0.08, 25.0, [1.0, 10.0, 10.0, 4.0]),
        (100.0, 1000.0, [1.0, 600.0, 399.0]),  # ten minutes at most
    ],
)
def test_a_look_costs_less_than_a_hundredth_of_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: float, until_idle: float, slept: list[float]
) -> None:
    (tmp_path / "log.jsonl").write_text(TWO)
    assert watched(tmp_path / "log.jsonl", Clock(busy), monkeypatch, until_idle=until_idle)[0] == slept


def test_what_is_new_puts_the_end_off_and_a_line_says_how_the_run_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    said = {1: TWO, 4: TWO.replace('"step": ', '"step": 1')}

    def write(number: int) -> None:
        with path.open("a") as file:
            file.write(said.get(number, ""))
        if not path.stat().st_size:
            path.unlink()

    slept, printed = watched(path, Clock(at_sleep=write), monkeypatch, interval=2.0, until_idle=8.0)
    assert slept == [2.0] * 8  # the last news came with the fourth
    assert printed.splitlines() == [
        f"waiting: {path}: there is no such file or directory.",
        "step 2: no held-out evidence, training signals only",
        "step 12: no held-out evidence, training signals only",
    ]


def test_a_screen_is_drawn_again_every_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.jsonl").write_text(TWO)
    clock = Clock()
    slept, printed = watched(tmp_path / "log.jsonl", clock, monkeypatch, screen=True, interval=12.0, until_idle=24.0)
    assert slept == [5.0, 5.0, 2.0, 5.0, 5.0, 2.0]
    # At the look that reads, four times while it waits, at the last look, and when the screen is left.
    assert printed.count("Over-optimised?") == 7


@pytest.mark.parametrize("text", ["", TWO])
def test_an_interrupt_ends_a_watch_and_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text)

    def interrupt(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    slept, printed = watched(path, Clock(at_sleep=interrupt), monkeypatch, until_idle=100.0)
    assert slept == [1.0, 1.0, 1.0]
    assert printed.splitlines()[-1] == (
        "step 2: no held-out evidence, training signals only"
        if text
        else f"waiting: {path}: the file is empty (0 bytes); nothing was written to it yet."
    )


def test_a_log_that_never_came_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReadError, match="there is no such file"):
        watched(tmp_path / "log.jsonl", Clock(), monkeypatch, until_idle=3.0)


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ({"what": "act", "act": "stop", "step": 4, "done": True}, ""),
        ({"what": "act", "act": "alert", "step": 4, "done": True}, ""),
        ({"what": "act", "act": "alert", "step": 4, "why": "dry run"}, "dry run: would have done 'alert' (step 4)\n"),
        ({"what": "act", "act": "signal", "step": 4}, "signal: done (step 4)\n"),
        ({"what": "act", "act": "stop-file", "step": 4, "why": "full"}, "stop-file: full (step 4)\n"),
        ({"what": "not sent", "step": 4, "why": "Mine: no"}, "not sent: Mine: no (step 4)\n"),
        ({"what": "failure", "why": "It [bold]broke."}, "It [bold]broke.\n"),
        ({"what": "finding", "step": 4}, ""),
    ],
)
def test_what_was_done_or_was_not_is_said(tmp_path: Path, row: dict[str, object], line: str) -> None:
    file = io.StringIO()
    watching = Watch(Follower(tmp_path), console=Console(file=file, width=200))
    watching._actor.write(row)
    assert file.getvalue() == line


def test_a_verdict_is_made_anew_with_each_evaluation(tmp_path: Path) -> None:
    path = collapsed(tmp_path, 430)
    made = simulate("sharp_collapse", 300, PLANNED, seed=3)
    watching = Watch(Follower(path, problems=300), planned=PLANNED, console=Console(quiet=True))
    for first, last in ((431, 439), (440, 440), (441, 600)):
        with path.open("a") as file:
            file.write(lines(made, first, last))
        assert watching.look()
        assert watching.verdict == diagnose(read(path, problems=300), horizon=PLANNED)
    assert not watching.look()


def test_a_command_is_waited_for_and_told_how_the_run_stands(tmp_path: Path) -> None:
    file = io.StringIO()
    out = tmp_path / "said"
    line = f'echo "$HELDOUT_STATE $HELDOUT_RECOMMENDED $HELDOUT_CHECKPOINT" > {out}; exit 3'
    rules = Rules(run=line, shell=True)
    console = Console(file=file, width=200)
    watching = Watch(Follower(collapsed(tmp_path), problems=300), rules, planned=PLANNED, console=console)
    watching.once()
    assert "the command ended with status 3." in file.getvalue().splitlines()
    assert watching.verdict is not None
    assert watching.verdict.recommended is not None
    assert out.read_text() == f"over-optimised {watching.verdict.recommended.step} \n"
    assert [line for line in file.getvalue().splitlines() if line.startswith("alarm: step ")]


def test_findings_that_could_not_be_kept_are_counted_at_the_end(tmp_path: Path) -> None:
    file = io.StringIO()
    state = tmp_path / "state"
    console = Console(file=file, width=200)
    watching = Watch(Follower(collapsed(tmp_path), problems=300), planned=PLANNED, state=state, console=console)
    (state / "findings.jsonl").unlink()
    state.rmdir()
    with pytest.warns(RuntimeWarning, match="a row could not be written"):
        watching.once()
    lost = watching._memory.lost
    assert lost >= len(watching.fold.findings) > 1
    assert file.getvalue().splitlines()[-1] == f"{lost} rows of findings.jsonl could not be written."

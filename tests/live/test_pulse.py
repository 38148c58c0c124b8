"""A run that stalls or dies is told once, and that it goes on; one that only pauses as it does is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from heldout import Recorder
from heldout.errors import UsageError
from heldout.findings import Finding
from heldout.live import Guard, On, Rules, decide
from heldout.live import watch as watches
from heldout.live.follow import Follower
from heldout.live.pulse import Pulse, Watchdog, goes_on, silence
from heldout.live.watch import Watch
from heldout.store.layout import PROCESS
from heldout.store.writer import Writer, writer_of


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Told(list[tuple[str, str]]):
    """An alert that writes titles and kinds down."""

    def send(self, title: str, text: str, finding: Finding) -> None:
        self.append((finding.kind, title))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self]


def after(*pauses: float) -> tuple[Pulse, Clock]:
    """Return the pulse of a writer that made these pauses, each between two steps."""
    clock = Clock()
    pulse = Pulse(clock=clock)
    pulse.beat()
    for pause in pauses:
        clock.now += pause
        pulse.beat()
    return pulse, clock


def overdue(pulse: Pulse, clock: Clock, seconds: float) -> bool:
    pulse, clock.now = pulse, clock.now + seconds
    found = pulse.overdue
    clock.now -= seconds
    return found


def test_before_there_are_enough_pauses_nothing_is_a_stall() -> None:
    assert not overdue(*after(10.0, 10.0, 10.0, 10.0), 1e6)
    assert overdue(*after(10.0, 10.0, 10.0, 10.0, 10.0), 1e6)


@pytest.mark.parametrize(
    ("pauses", "patience"),
    [
        ([10.0] * 20, 400.0),  # the first evaluation may take forty steps
        ([0.1] * 20, 60.0),  # a minute is never a stall
        (([10.0] * 9 + [300.0]) * 3, 900.0),  # evaluations of thirty steps: three times the longest
        ([10.0] * 30 + [30000.0], 400.0),  # once: a machine that slept
        ([10.0] * 30 + [30000.0] * 2, 90000.0),  # twice: a habit
        ([10.0] * 30 + [9000.0], 27000.0),  # once, but what an evaluation may take
    ],
)
def test_patience_follows_the_usual_pauses(pauses: list[float], patience: float) -> None:
    pulse, clock = after(*pauses)
    assert pulse.patience == pytest.approx(patience)
    assert not overdue(pulse, clock, patience - 0.1)
    assert overdue(pulse, clock, patience + 0.1)


def test_the_first_evaluation_of_thirty_steps_is_no_stall() -> None:
    assert not overdue(*after(*[10.0] * 50), 300.0)


def test_what_is_written_between_steps_makes_no_step_shorter() -> None:
    """Metrics, an evaluation right after them and a checkpoint: three signs of life for each step."""
    clock = Clock()
    pulse = Pulse(clock=clock)
    for _ in range(20):
        pulse.beat()
        for pause in (0.01, 0.02):
            clock.now += pause
            pulse.beat(step=False)
        clock.now += 9.97
    assert pulse.usual == (pytest.approx(10.0), pytest.approx(9.97))


def test_clocks_that_jump_in_a_log_are_no_pauses() -> None:
    pulse, clock = after()
    pulse.learn([10.0] * 30 + [-86400.0, 86400.0])  # set to yesterday, and back
    assert pulse.patience == 400.0
    assert overdue(pulse, clock, 401.0)


def test_seconds_that_are_given_count_alone() -> None:
    clock = Clock()
    pulse = Pulse(30.0, clock)
    assert not overdue(pulse, clock, 1e6)  # nothing was ever written
    pulse.beat()
    assert [overdue(pulse, clock, seconds) for seconds in (29.0, 31.0)] == [False, True]


HERE = Writer.this()
GONE = replace(HERE, pid=2**22 + 1)  # a number that no process has


@pytest.mark.parametrize(
    ("writer", "kind"),
    [
        (HERE, None),
        (GONE, "died"),
        (replace(HERE, started="1"), "died"),  # a later process has its number
        (replace(GONE, place="another machine", host="gpu-3"), None),
        (replace(GONE, place=""), None),
        (replace(GONE, last_word="finished"), None),
        (replace(GONE, last_word="stopped"), None),
        (replace(GONE, last_word="failed"), "failed"),
        (None, None),
    ],
)
def test_what_is_said_of_a_writer(writer: Writer | None, kind: str | None) -> None:
    found = silence(7, Pulse(), writer)
    assert (found and found.kind) == kind


def test_on_another_machine_silence_alone_tells() -> None:
    pulse, clock = after(*[10.0] * 10)
    clock.now += 500.0
    found = silence(7, pulse, replace(GONE, place="another machine", host="gpu-3"))
    assert found is not None
    assert found.seen == "Nothing was written for 8 min, against pauses of 10 s as a rule and 10 s at most."
    assert found.advice == f"Look at process {GONE.pid} on gpu-3."


@pytest.mark.parametrize("on", [on for on in On if on is not On.NEVER])
def test_a_stall_is_always_told_and_stops_only_by_a_rule_of_its_own(on: On) -> None:
    pulse, clock = after(*[10.0] * 10)
    clock.now += 500.0
    found = silence(7, pulse)
    assert found is not None
    decision = decide(Rules(alert=on, stop=on, roll_back=on, evaluate=on, run="true", run_on=on), [found])
    own = on is On.STALL
    assert decision.alerts == (found,)
    assert (decision.stop, decision.evaluate, decision.run) == (own, own, own)


def test_nothing_else_reaches_the_rule_of_stalls() -> None:
    fall = replace(goes_on(1, 0.0), detector="over_optimisation", kind="confirmed")
    assert On.CONFIRMED.reached_by(fall)
    assert not On.STALL.reached_by(fall)


# the last word


WRITES = """
import os, signal, sys
from heldout import Recorder
recorder = Recorder(sys.argv[1])
recorder.log(1, reward=0.5)
{ends}
"""


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ("", "finished"),  # nobody closed it
        ("recorder.close()", "finished"),
        ("raise ValueError", "failed"),
        ("with recorder: raise ValueError", "failed"),
        ("with recorder: raise KeyboardInterrupt", "stopped"),
        ("with recorder: sys.exit(0)", "stopped"),
        ("os.kill(os.getpid(), signal.SIGKILL)", ""),
        ("os.kill(os.getpid(), signal.SIGTERM)", ""),
        ("os.fork() or sys.exit(); os.wait(); os.kill(os.getpid(), signal.SIGKILL)", ""),  # a copy says nothing
    ],
)
def test_a_process_leaves_a_last_word_unless_it_is_killed(ends: str, word: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITES.format(ends=ends), tmp_path / "run"], stderr=subprocess.DEVNULL)
    writer = writer_of(tmp_path / "run")
    assert writer is not None
    assert writer.last_word == word
    assert writer.alive() is False


def test_who_takes_a_run_over_is_its_writer(tmp_path: Path) -> None:
    first = Recorder(tmp_path / "run")
    assert writer_of(tmp_path / "run") == first._writer
    GONE.write(tmp_path / "run")  # as if another process had taken it over
    first.close()
    assert writer_of(tmp_path / "run") == GONE
    with Recorder(tmp_path / "run", resume=True) as second:
        assert writer_of(tmp_path / "run") == second._writer
        assert second._writer is not None
        assert second._writer.alive()


@pytest.mark.parametrize("text", ["", "[]", '{"pid": 1}', "not JSON"])
def test_a_file_that_does_not_say_who_writes_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / PROCESS).write_text(text)
    assert writer_of(tmp_path) is None


def test_a_refused_start_leaves_the_word_of_the_run_alone(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.log(1, reward=0.5)
    recorder.close("failed")
    with pytest.raises(Exception, match="a run is recorded here already"):
        Recorder(tmp_path / "run")
    writer = writer_of(tmp_path / "run")
    assert writer is not None
    assert writer.last_word == "failed"


# watching


def log(path: Path, *steps: int) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps({"step": step, "reward": 0.1}) + "\n" for step in steps)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[tuple[Watch, Clock, Told, Path]]:
    path, clock, told = tmp_path / "train.jsonl", Clock(), Told()
    pulse = Pulse(clock=clock)
    quiet = Console(quiet=True)
    watch = Watch(Follower(path), alerts=[told], state=tmp_path / "state", console=quiet, pulse=pulse)
    for step in range(1, 12):
        log(path, step)
        watch.look()
        clock.now += 10.0
    yield watch, clock, told, path
    watch._actor.close(5.0)


def rows(path: Path, what: str) -> list[dict[str, Any]]:
    known = [json.loads(line) for line in (path.parent / "state" / "findings.jsonl").read_text().splitlines()]
    return [row for row in known if row["what"] == what]


def test_a_log_of_another_trainer_that_stalls_is_told_once_and_that_it_goes_on(
    watching: tuple[Watch, Clock, Told, Path],
) -> None:
    watch, clock, told, path = watching
    clock.now += 400.0
    watch.look()
    path.touch()  # changes its time, and nothing else
    watch.look()
    clock.now += 4000.0
    watch.look()
    assert [(row["kind"], row["step"]) for row in rows(path, "finding")] == [("stalled", 11)]
    log(path, 12)
    watch.look()
    assert [(row["kind"], row["step"], row["goes_on"]) for row in rows(path, "over")] == [("stalled", 11, 12)]
    watch.finish()
    assert told == [("stalled", "heldout: train, step 11: stalled"), ("goes_on", "heldout: train, step 12: goes on")]


def test_a_long_evaluation_is_no_stall(watching: tuple[Watch, Clock, Told, Path]) -> None:
    watch, clock, told, path = watching
    clock.now += 300.0
    watch.look()
    log(path, 12)
    watch.look()
    watch.finish()
    assert told == []


def test_a_second_watch_tells_nothing_again(watching: tuple[Watch, Clock, Told, Path]) -> None:
    watch, clock, told, path = watching
    clock.now += 500.0
    watch.look()
    watch.finish()
    pulse, later = Pulse(60.0, clock), Told()
    again = Watch(Follower(path), alerts=[later], state=path.parent / "state", console=Console(quiet=True), pulse=pulse)
    again.look()
    clock.now += 500.0
    again.look()
    log(path, 12)
    again.look()
    again.finish()
    assert told.kinds == ["stalled"]
    assert later.kinds == ["goes_on"]


def test_a_process_that_is_killed_is_told_and_that_another_goes_on(tmp_path: Path) -> None:
    folder, told = tmp_path / "run", Told()
    killed = WRITES.format(ends="os.kill(os.getpid(), signal.SIGKILL)")
    subprocess.run([sys.executable, "-c", killed, folder])
    watch = Watch(Follower(folder), alerts=[told], console=Console(quiet=True))
    watch.look()
    assert not watch._actor._silences  # it may have written since
    watch.look()
    watch.look()
    with Recorder(folder, resume=True) as recorder:
        recorder.log(2, reward=0.5)
        watch.look()
        watch.look()
    watch.finish()
    assert told.kinds == ["died", "goes_on"]


@pytest.mark.parametrize(("word", "kinds"), [("finished", []), ("stopped", []), ("failed", ["failed"])])
def test_a_run_that_ended_is_told_of_by_its_last_word(word: Any, kinds: list[str], tmp_path: Path) -> None:
    told = Told()
    recorder = Recorder(tmp_path / "run")
    recorder.log(1, reward=0.5)
    recorder.close(word)
    watch = Watch(Follower(tmp_path / "run"), alerts=[told], console=Console(quiet=True))
    watch.once()
    assert told.kinds == kinds


def test_a_run_that_hung_before_one_began_to_watch_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    with Recorder(tmp_path / "run") as recorder:
        now = time.time()
        for step in range(1, 20):
            monkeypatch.setattr(time, "time", lambda step=step: now + 10.0 * step)
            recorder.log(step, reward=0.5)
        monkeypatch.setattr(watches.time, "time", lambda: now + 190.0 + 500.0)
        Watch(Follower(tmp_path / "run"), alerts=[told], console=Console(quiet=True)).once()
    assert told.kinds == ["stalled"]


def test_a_stalled_process_is_signalled_by_a_rule_of_its_own(tmp_path: Path) -> None:
    clock = Clock()
    pulse = Pulse(60.0, clock)
    log(tmp_path / "train.jsonl", 1)
    with subprocess.Popen(["sleep", "600"]) as child:
        rules = Rules(alert=On.STALL, stop=On.STALL, signal=f"{child.pid}:KILL")
        watch = Watch(Follower(tmp_path / "train.jsonl"), rules, console=Console(quiet=True), pulse=pulse)
        watch.look()
        assert child.poll() is None
        clock.now += 61.0
        watch.look()
        assert child.wait() == -signal.SIGKILL


def test_the_command_knows_the_rule() -> None:
    command = [sys.executable, "-m", "heldout", "watch", os.devnull, "--on", "stall", "--stalled-after", "0"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "greater than or equal to 1" in done.stderr + done.stdout


# within a training


def test_a_guard_tells_that_its_training_hangs_and_that_it_goes_on(tmp_path: Path) -> None:
    told, clock = Told(), Clock()
    with Recorder(tmp_path / "run") as recorder, Guard(recorder, alerts=[told]) as guard:
        guard._pulse._clock = clock
        for step in range(1, 12):
            guard.step(step, {"reward": 0.1})
            clock.now += 10.0
        guard._watchdog.look()
        clock.now += 400.0
        guard._watchdog.look()
        guard._watchdog.look()
        guard.step(12, {"reward": 0.1})
        guard._watchdog.look()
        assert guard.failures == 0
        assert not guard.should_stop
    assert told == [("stalled", "heldout: run, step 11: stalled"), ("goes_on", "heldout: run, step 11: goes on")]


def test_a_guard_that_nobody_listens_to_has_no_thread() -> None:
    guard = Guard()
    guard.step(1, {"reward": 0.1})
    assert guard._watchdog._thread is None


def test_an_error_in_telling_ends_nothing() -> None:
    def fails() -> None:
        raise UsageError("no")

    pulse, clock = after(*[10.0] * 10)
    clock.now += 500.0
    dog = Watchdog(pulse, fails)
    with pytest.warns(RuntimeWarning, match="could not be told: no"):
        dog.look()

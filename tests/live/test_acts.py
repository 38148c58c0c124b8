"""What can be done about a finding: a command, a signal, a stop file."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.live import acts
from heldout.live.acts import Command, NotSent, Process, headline, write_stop_file

FELL = Finding(
    detector="over_optimisation",
    severity=Severity.ALARM,
    kind="confirmed",
    step=400,
    steps=(200, 400),
    seen="It fell.",
    against="A bound.",
    means="It means.",
    advice="Go back.",
)
RUN = {"RUN": "a run", "STATE": "over-optimised", "RECOMMENDED": 200, "CHECKPOINT": Path("at/200"), "ANSWERS": "Yes."}


def environment(tmp_path: Path, about: dict[str, object]) -> dict[str, str]:
    out = tmp_path / "environment"
    command = Command(f"env -0 > {out}", shell=True)
    command.start("title", "text", FELL, about)
    assert command.ended_badly(None) == []
    said = dict(line.split("=", 1) for line in out.read_text().split("\0") if line.startswith("HELDOUT_"))
    return {name: value for name, value in said.items() if name not in os.environ}


def test_a_command_is_told_all_that_the_documentation_names(tmp_path: Path) -> None:
    said = environment(tmp_path, RUN)
    finding = json.loads(said.pop("HELDOUT_FINDING"))
    assert (finding["kind"], finding["steps"]) == ("confirmed", [200, 400])
    assert said == {
        "HELDOUT_STEP": "400",
        "HELDOUT_KIND": "confirmed",
        "HELDOUT_DETECTOR": "over_optimisation",
        "HELDOUT_SEVERITY": "alarm",
        "HELDOUT_TITLE": "title",
        "HELDOUT_TEXT": "text",
        "HELDOUT_SEEN": "It fell.",
        "HELDOUT_RUN": "a run",
        "HELDOUT_STATE": "over-optimised",
        "HELDOUT_RECOMMENDED": "200",
        "HELDOUT_CHECKPOINT": "at/200",
        "HELDOUT_ANSWERS": "Yes.",
    }
    page = (Path(__file__).parents[2] / "docs" / "live.md").read_text()
    for name in (*said, "HELDOUT_FINDING"):
        assert f"``{name}``" in (acts.__doc__ or ""), name
        assert f"`{name}`" in page, name


def test_what_is_not_known_of_the_run_is_empty(tmp_path: Path) -> None:
    said = environment(tmp_path, {"STATE": None})
    assert [said[f"HELDOUT_{name}"] for name in RUN] == [""] * 5


def test_without_a_shell_the_words_are_given_as_they_are(tmp_path: Path) -> None:
    command = Command(f"touch '{tmp_path}/a b' {tmp_path}/$HELDOUT_STEP")
    command.start("title", "text", FELL, {})
    assert command.ended_badly(None) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["$HELDOUT_STEP", "a b"]


def test_a_command_that_fails_is_told_once_and_one_that_runs_is_waited_for() -> None:
    command = Command("read line; exit 3", shell=True)  # there is nothing to read
    command.start("title", "text", FELL, {})
    assert command.ended_badly(None) == ["the command ended with status 3"]
    assert command.ended_badly(None) == []


def test_commands_run_beside_each_other(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    first, second = Command(f"cat {tmp_path}/pipe"), Command(f"sh -c 'echo a > {tmp_path}/pipe'")
    first.start("title", "text", FELL, {})
    assert first.ended_badly(0.0) == []  # it waits for the second
    second.start("title", "text", FELL, {})
    assert second.ended_badly(None) == first.ended_badly(None) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no-such-program --now", "there is no such program"),
        ("echo 'half", "no closing quotation"),
        ("", "is empty"),
        (" ", "is empty"),
    ],
)
def test_a_command_that_cannot_run_is_refused_at_the_start(line: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Command(line)


def test_a_command_is_never_shown() -> None:
    assert repr(Command("echo SECRET")) == "Command(…)"


@pytest.mark.parametrize("text", ["", "1", "-4", "abc", "itself", "4:NOPE", "999999999"])
def test_a_process_that_cannot_be_signalled_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="signal"):
        Process(str(os.getpid()) if text == "itself" else text)


def test_a_stop_file_is_whole_or_the_reason_is_said(tmp_path: Path) -> None:
    assert write_stop_file(tmp_path / "STOP", headline(FELL)) == ""
    assert (tmp_path / "STOP").read_text() == "step 400: It fell. It means.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["STOP"]
    assert write_stop_file(tmp_path / "no" / "STOP", "text") == f"{tmp_path}/no/STOP: No such file or directory"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as started:
        yield started
        started.kill()


@pytest.mark.parametrize(
    ("name", "number"),
    [("", 15), (":USR1", 10), (":usr1", 10), (":SIGUSR1", 10), (":sigusr2", 12), (":9", 9), (":0", None)],
)
def test_a_signal_has_a_name_or_a_number(child: subprocess.Popen[bytes], name: str, number: int | None) -> None:
    text = f"{child.pid}{name}"
    if number is None:
        with pytest.raises(UsageError, match="signal: '0' is no signal; such as TERM, INT, USR1 or 15"):
            Process(text)
        return
    process = Process(text)
    assert (process.pid, process.signal) == (child.pid, number)
    assert process.send() == ""
    assert child.wait() == -number


def test_a_process_that_has_ended_is_not_signalled(child: subprocess.Popen[bytes]) -> None:
    process = Process(str(child.pid))
    child.kill()
    child.wait()
    assert process.send() == f"process {child.pid} has ended, and another one has its number"


def test_where_the_system_does_not_tell_when_a_process_began_the_reason_is_its_own(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acts, "started", lambda pid: "")
    process = Process(str(child.pid))
    child.kill()
    child.wait()
    assert process.send() == f"process {child.pid}: No such process"


@pytest.mark.parametrize(("text", "refused"), [("0", True), ("1", True), ("2", False), ("+2", True), ("2x", True)])
def test_no_process_is_below_two(monkeypatch: pytest.MonkeyPatch, text: str, refused: bool) -> None:
    """The first one is that of the system, and 0 would be a whole group."""
    monkeypatch.setattr(os, "kill", lambda pid, number: None)
    if refused:
        with pytest.raises(UsageError, match="it must be another process"):
            Process(text)
    else:
        assert Process(text).pid == 2


@pytest.mark.parametrize(
    ("line", "seconds", "why"),
    [
        ("exit 0", 30.0, None),
        ("exit 3", 30.0, "the command ended with status 3"),
        ("kill -9 $$", 30.0, "the command ended with status -9"),
        ("sleep 60", 0.01, "the command was ended after 0.01 s"),
    ],
)
def test_a_command_as_an_alert_is_waited_for_and_never_tried_again(line: str, seconds: float, why: str | None) -> None:
    command = Command(line, shell=True, seconds=seconds)
    assert command.attempts == 1
    if why is None:
        command.send("title", "text", FELL)
        return
    with pytest.raises(NotSent) as error:
        command.send("title", "text", FELL)
    assert (str(error.value), error.value.again) == (why, False)


def test_another_try_may_help_unless_it_is_said() -> None:
    assert NotSent("busy").again


def test_commands_that_still_run_are_asked_for_again(tmp_path: Path) -> None:
    command = Command(f"while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; exit 3", shell=True)
    for _ in range(2):
        command.start("title", "text", FELL, {})
    assert command.ended_badly(0.02) == []
    (tmp_path / "go").touch()
    assert command.ended_badly(None) == ["the command ended with status 3"] * 2
    assert command.ended_badly(None) == []

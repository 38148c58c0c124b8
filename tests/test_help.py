"""Every command tells what it does by either flag, and the shell can be taught them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from heldout.cli import app

NAMES = [command.name or "" for command in app.registered_commands if command.name != "bench"]


@pytest.mark.parametrize("name", NAMES)
def test_the_short_flag_says_what_the_long_one_does(name: str) -> None:
    short, long = (CliRunner().invoke(app, [name, flag]) for flag in ("-h", "--help"))
    assert short.exit_code == 0
    assert short.output == long.output
    assert "-h, --help" in short.output


@pytest.mark.parametrize(
    ("shell", "said"), [("bash", "COMPREPLY"), ("zsh", "#compdef"), ("fish", "complete --command")]
)
def test_the_completion_of_a_shell_is_printed(shell: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = CliRunner().invoke(app, ["--show-completion", shell])
    assert done.exit_code == 0
    assert said in done.output


def test_a_command_is_completed_by_its_beginning() -> None:
    words = {"_HELDOUT_COMPLETE": "complete_bash", "COMP_WORDS": "heldout comp", "COMP_CWORD": "1"}
    done = CliRunner().invoke(app, [], env=words, prog_name="heldout")
    assert done.output.split() == ["compare"]

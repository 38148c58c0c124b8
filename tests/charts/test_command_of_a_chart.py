"""The command that makes a figure again, and the flags that it is made of."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from heldout import diagnose, read
from heldout.charts import Hints, Style, dual_axis, save
from heldout.charts.command import command_for, numbers_of, of_axes
from heldout.cli import app
from heldout.errors import HeldoutError, UsageError
from heldout.report.figures import command_of, labels_of, standard_figures

EXAMPLE = "example:deepseek-r1"


def typed(*words: str | Path) -> list[str]:
    done = CliRunner().invoke(app, ["chart", *map(str, words)])
    if isinstance(done.exception, HeldoutError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


ASKED: list[dict[str, Any]] = [
    {},
    {"hints": Hints(x_limits=(80, 130.5), left_limits=(3.25, 5), right_limits=(0.1, 0.4))},
    {"hints": Hints(log=frozenset({"left", "x"}), legend="lower right", title="A 'title' $x$", raw=False)},
    {"hints": Hints(left_label="Reward = 1", x_label="Steps", right_name="P", x_ticks=(0, 700, 350)), "peaks": False},
]
DRAWN: list[dict[str, Any]] = [
    {},
    {"width_cm": 8.5, "height_cm": 6, "theme": "dark", "style": Style(font="serif", palette="grey", sheet="ggplot")},
]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("drawn", DRAWN)
def test_the_command_makes_the_same_bytes(asked: dict[str, Any], drawn: dict[str, Any], tmp_path: Path) -> None:
    (figure,) = standard_figures(read(EXAMPLE), **asked)
    first = save(figure.chart, tmp_path / "first.svg", **drawn)
    command = command_for([EXAMPLE], str(tmp_path / "again.svg"), figure=figure.stem, **asked, **drawn)
    assert command.startswith("heldout chart example:deepseek-r1 --figure reward-and-held-out")
    assert typed(*shlex.split(command)[2:]) == [str(tmp_path / "again.svg")]
    assert (tmp_path / "again.svg").read_bytes() == first.read_bytes()


def test_the_command_of_any_metrics(tmp_path: Path) -> None:
    run = read("example:kimi-dev")
    chart = dual_axis(run, "Pass Rate (%)", ["Token Length"], labels=labels_of(run), window=40)
    save(chart, tmp_path / "first.svg")
    out = str(tmp_path / "again.svg")
    command = command_for(["example:kimi-dev"], out, left="Pass Rate (%)", right=["Token Length"], window=40)
    typed(*shlex.split(command)[2:])
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "first.svg").read_bytes()


def test_without_metrics_both_standard_figures_are_written(tmp_path: Path) -> None:
    log = tmp_path / "run.csv"
    log.write_text(
        "step,reward,response_length/mean,eval/pass@1\n" + "".join(f"{s},{s},{s + 9},{s / 20}\n" for s in range(12))
    )
    paths = [
        tmp_path / f"{stem}.{kind}"
        for stem in ("reward-and-held-out", "length-and-pass-rate")
        for kind in ("svg", "pgf")
    ]
    assert typed(log, "-o", tmp_path, "--formats", "svg,pgf") == list(map(str, paths))
    assert all(path.stat().st_size for path in paths)
    assert typed(log, "-o", tmp_path / "f.pdf") == [str(tmp_path / f"f-{path.stem}.pdf") for path in paths[::2]]
    assert typed(log, "-o", tmp_path / "f.pdf", "--figure", "length-and-pass-rate") == [str(tmp_path / "f.pdf")]
    assert typed(log, "-o", tmp_path / "v.svg", "--verdict", "--left", "held_out") == [str(tmp_path / "v.svg")]


def test_seeds_are_drawn_together_and_recipes_are_told(tmp_path: Path) -> None:
    for seed, rate in ((0, 1e-6), (1, 2e-6)):
        (tmp_path / str(seed)).mkdir()
        rows = "".join(f'{{"step": {s}, "reward": {s + seed}, "lr_setting": "{rate}"}}\n' for s in range(5))
        (tmp_path / str(seed) / "log.jsonl").write_text(rows)
    out = tmp_path / "f.svg"
    typed(tmp_path / "0", tmp_path / "1", "--left", "reward", "-o", out)
    assert "mean of 2 seeds" in out.read_text()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "log.jsonl").write_text((tmp_path / "0" / "log.jsonl").read_text())
    typed(tmp_path / "0", tmp_path / "1", tmp_path / "copy", "--left", "reward", "-o", out)
    assert "mean of 2 seeds" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--right", "reward"], "--right reward has no --left beside it"),
        (["--left", "reward", "--figure", "reward-and-held-out"], "--left names another; give one of the two"),
        (["--figure", "length-and-pass-rate"], "has no length-and-pass-rate"),
        (["-o", "f.gif"], "it must end in .svg, .png, .pdf or .pgf"),
        (["--formats", "gif"], "--formats is 'gif'; it can be svg, png, pdf, pgf"),
        (["--dpi", "300"], "--dpi is of a PNG, and svg is to be written"),
        (["--xlim", "5"], "--xlim 5 cannot be read; write it as LOW:HIGH"),
        (["--xlim", "5:nan"], "--xlim 5:nan cannot be read"),
        (["--ylim", "x=0:1"], "that is --xlim 0:1"),
        (["--ylim", "0:1", "--ylim", "left=0:2"], "--ylim is given twice for the left axis"),
        (["--ticks", "0:1:1"], "names no axis"),
        (["--ticks", "left=1:9:1", "--log", "left"], "leave one out"),
        (["--entry", "x=Steps"], "is of no curve"),
        (["--log", "top"], "'top' is no axis"),
        (["--legend", "left"], "A legend cannot be placed 'left'"),
        (["--x", "tokens"], "so --x tokens cannot be drawn"),
        ([EXAMPLE], "is given twice, and is no second seed"),
        (["example:kimi-dev", "--verdict"], "--verdict is of one run, and 2 are given"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(words: list[str], said: str, tmp_path: Path) -> None:
    out = [] if "-o" in words else ["-o", str(tmp_path)]
    with pytest.raises(HeldoutError) as error:
        typed(EXAMPLE, *words, *out)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_axes_and_numbers() -> None:
    assert of_axes("--label", ["left=a=b", "x=c"]) == {"left": "a=b", "x": "c"}
    assert numbers_of("--ylim", "-3:-1e-2", 2) == (-3.0, -0.01)
    with pytest.raises(UsageError, match="FIRST:LAST:DISTANCE"):
        numbers_of("--ticks", "1:2", 3)


def test_the_command_of_a_figure_of_a_report_knows_how_the_log_was_read(tmp_path: Path) -> None:
    log = tmp_path / "run.csv"
    log.write_text("step,reward,other,eval/pass@1\n" + "".join(f"{s},{s},{s * s},{s / 20}\n" for s in range(12)))
    run = read(log, roles={"reward": "other"})
    verdict = diagnose(run)
    (figure,) = standard_figures(run, verdict)
    first = save(figure.chart, tmp_path / "first.svg")
    command = command_of(run, figure, verdict, str(tmp_path / "again.svg"))
    assert "--reward other" in command
    typed(*shlex.split(command)[2:])
    assert (tmp_path / "again.svg").read_bytes() == first.read_bytes()


def test_the_command_of_a_figure_that_is_no_standard_one(tmp_path: Path) -> None:
    log = tmp_path / "run.csv"
    log.write_text("step,loss,lr\n" + "".join(f"{s},{9 - s},{s}\n" for s in range(9)))
    run = read(log)
    (figure,) = standard_figures(run)
    first = save(figure.chart, tmp_path / "first.svg")
    typed(*shlex.split(command_of(run, figure, None, str(tmp_path / "again.svg")))[2:])
    assert (tmp_path / "again.svg").read_bytes() == first.read_bytes()


def test_a_name_that_a_terminal_would_obey_is_in_no_command(tmp_path: Path) -> None:
    log = tmp_path / "run.csv"
    log.write_text("step,reward,eval/pass@1\n" + "".join(f"{s},{s},{s / 20}\n" for s in range(9)))
    run = read(log)
    (figure,) = standard_figures(run)
    assert command_of(run, figure)
    assert command_of(replace(run, source="a\x1b[2Jb"), figure) == ""

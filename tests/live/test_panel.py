"""What a watched run looks like, letter by letter."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console, RenderableType

from heldout.findings import Estimate, Finding, Severity, State, Verdict
from heldout.live import panel as panels
from heldout.live.panel import Pace, panel, sparkline, status
from heldout.run import Run, Series

VERDICT = Verdict(
    state=State.OVER_OPTIMISED,
    label="confirmed, reward rising",
    sentence="It fell.",
    sure="By chance in 5 % of runs.",
    recommended=Estimate(2, 0.5, 0.4, 0.6),
)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(panels, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def series(name: str, *values: float) -> Series:
    return Series(name, np.arange(1, len(values) + 1), np.array(values))


RUN = Run(
    "mine",
    "log.jsonl",
    "JSON lines",
    {
        "train/reward": series("train/reward", 0.0, 1.0, 2.0, 7.0),
        "eval/acc": series("eval/acc", 0.5, 0.5, 0.5),
        "kl": series("kl"),
    },
    {"reward": "train/reward", "held_out": "eval/acc", "kl_reference": "kl"},
)


def drawn(what: RenderableType, *, styled: bool = False) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=styled, color_system="standard" if styled else None).print(what)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def finding(step: int, severity: Severity, detector: str = "entropy") -> Finding:
    return Finding(
        detector=detector,
        severity=severity,
        kind="collapse",
        step=step,
        steps=(1, step),
        seen="It is low.",
        against="",
        means="It will stay.",
        advice="",
    )


def framed(*lines: str) -> list[str]:
    return [f"│ {line:<76} │" for line in lines]


def test_a_run_as_it_stands(clock: Clock) -> None:
    pace = Pace()
    for step in (2, 4):
        pace.saw(step)
        clock.now += 30.0
    found = [
        finding(1, Severity.WARNING, "entropy"),
        finding(2, Severity.ALARM, "over_optimisation"),
        finding(3, Severity.NOTICE, "plateau"),
        finding(4, Severity.WATCH, "length"),
        finding(5, Severity.WARNING, "entropy"),
        finding(6, Severity.WATCH, "saturation"),
    ]
    lines = drawn(panel(RUN, VERDICT, found, "The file is gone.", pace))
    assert lines[0] == f"╭─ mine {'─' * 71}╮"
    assert lines[1:-1] == framed(
        "over-optimised  confirmed, reward rising",
        "reward          ▁▂▃█  7.0   train/reward",
        "held-out score  ▁▁▁   50 %  eval/acc",
        "Over-optimised?    Yes. It fell.",
        "Since when?        keep 2",
        "How sure?          By chance in 5 % of runs.",
        "Which checkpoint?  Step 2, at 50.0 % (95 % interval 40.0 to 60.0). The log",
        "                   names no checkpoint of this step.",
        "Looked like what?  Nothing stands out in parts of the reward and response",
        "                   length.",
        "What now?          Go back to step 2. Adjust the reward: read samples that",
        "                   it likes and the tests reject, and take away what they",
        "                   live on (judge by hidden tests, cap or drop the part that",
        "                   is easy to earn).",
        "alarm over optimisation, collapse at 2",
        "warning entropy, collapse at 1 and 5: It is low.",
        "watch saturation, collapse at 6: It is low.",
        "The file is gone.",
    )
    assert lines[-1].strip("╰─╯ ") == "step 4 · 30 s ago · 4 steps a minute · 3 evaluations"
    assert len(drawn(panel(RUN, VERDICT, found, "", pace))) == len(lines) - 1


@pytest.mark.parametrize(("run", "verdict"), [(None, None), (RUN, None), (None, VERDICT)])
def test_what_is_waited_for(run: Run | None, verdict: Verdict | None) -> None:
    lines = drawn(panel(run, verdict, [], "a.jsonl: there is no such file.", Pace()))
    assert lines[0] == f"╭─ heldout watch {'─' * 62}╮"
    assert lines[1:-1] == framed("Waiting. a.jsonl: there is no such file.")


RED, GREEN, YELLOW = "\x1b[31m", "\x1b[32m", "\x1b[33m"


@pytest.mark.parametrize(
    ("state", "colour"),
    [(State.OVER_OPTIMISED, RED), (State.IMPROVING, GREEN), (State.CANNOT_TELL, YELLOW)],
)
def test_the_frame_has_the_colour_of_the_state(state: State, colour: str) -> None:
    lines = drawn(panel(RUN, Verdict(state=state, label="", sentence=""), [], "", Pace()), styled=True)
    assert lines[0].startswith(f"{colour}╭─")
    assert f"{colour.replace('[', '[1;')}{state.value}" in lines[1]


@pytest.mark.parametrize(
    ("severity", "colour"),
    [(Severity.ALARM, RED), (Severity.WARNING, RED), (Severity.WATCH, YELLOW)],
)
def test_what_is_wrong_is_red_and_what_to_look_at_yellow(severity: Severity, colour: str) -> None:
    lines = drawn(panel(RUN, VERDICT, [finding(4, severity)], "", Pace()), styled=True)
    assert any(f"{colour.replace('[', '[1;')}{severity.value} " in line for line in lines)


def test_a_status_says_which_step_to_keep() -> None:
    assert status(RUN, VERDICT) == "step 4: over-optimised, confirmed, reward rising; keep step 2"
    assert status(RUN, Verdict(state=State.PLATEAU, label="flat", sentence="")) == "step 4: plateau, flat"


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([3.0, 3.0, 3.0], "▁▁▁"),
        ([3.0], "▁"),
        (range(8), "▁▂▃▄▅▆▇█"),
        (range(-7, 1), "▁▂▃▄▅▆▇█"),
        (range(40), "▁" * 3 + "▂" * 6 + "▃" * 5 + "▄" * 6 + "▅" * 6 + "▆" * 5 + "▇" * 6 + "█" * 3),
        ([0, 14] * 40, "▁" * 40),  # eighty values in forty bars: the mean of two
        ([0, 0] * 20 + [6, 8] * 20, "▁" * 20 + "█" * 20),
    ],
)
def test_a_sparkline_has_a_bar_for_each_value_up_to_forty(values: Any, bars: str) -> None:
    assert sparkline(np.array([*values], dtype=float)) == bars


def test_of_41_values_the_last_two_make_the_last_of_40_bars() -> None:
    assert sparkline(np.array([0.0] * 38 + [7.0, 5.0, 7.0])) == "▁" * 38 + "█▇"


def test_the_pace_is_that_of_the_last_sixty_looks_with_news(clock: Clock) -> None:
    pace = Pace()
    assert (pace.since, pace.per_minute) == (0.0, None)
    pace.saw(10)
    clock.now += 5.0
    assert (pace.since, pace.per_minute) == (5.0, None)
    pace.saw(10)  # no news
    assert (pace.since, pace.per_minute) == (5.0, None)
    clock.now += 10.0
    pace.saw(13)
    assert (pace.since, pace.per_minute) == (0.0, 12.0)  # three steps in fifteen seconds
    for step in range(14, 73):
        clock.now += 1.0
        pace.saw(step)
    assert pace.per_minute == 60.0  # the first of the sixty-one is forgotten
    pace.saw(5)  # the run went back
    assert pace.per_minute is None


def test_two_steps_at_one_moment_have_no_pace(clock: Clock) -> None:
    pace = Pace()
    for step in (1, 2):
        pace.saw(step)
    assert pace.per_minute is None


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(0.0, "0 s"), (119.4, "119 s"), (120.0, "2 min"), (7199.0, "120 min"), (7200.0, "2.0 h"), (9000.0, "2.5 h")],
)
def test_how_long_ago_the_last_step_was(clock: Clock, seconds: float, age: str) -> None:
    pace = Pace()
    pace.saw(4)
    clock.now += seconds
    footer = drawn(panel(RUN, VERDICT, [], "", pace))[-1].strip("╰─╯ ")
    assert footer == f"step 4 · {age} ago · 3 evaluations"


@pytest.mark.parametrize("width", [20, 24, 30, 40, 47, 60, 80, 120, 300])
def test_the_newest_end_of_a_curve_is_shown_at_any_width(width: int) -> None:
    """Rising until the last value, which is far above the others: the bar at the right end is the highest."""
    step = np.arange(200)
    rising = Series("train/reward", step, np.where(step < 199, step, 10000.0))
    run = replace(RUN, metrics={**RUN.metrics, "train/reward": rising})
    file = io.StringIO()
    Console(file=file, width=width).print(panel(run, VERDICT, [], "", Pace()))
    lines = file.getvalue().splitlines()
    assert {len(line) for line in lines} == {width}
    (curve,) = (re.findall("[▁▂▃▄▅▆▇█]+", line)[0] for line in lines if line.startswith("│ rew") and "▁" in line)
    assert len(curve) >= 8
    assert curve.endswith("█")
    assert curve.count("█") == 1


def test_the_name_of_a_run_and_its_keys_are_text() -> None:
    key = "[bold]x[/bold] [/] [link=http://x]"
    run = replace(RUN, name="[red]x[/]", metrics={key: RUN["reward"]}, roles={"reward": key}, measured=())
    run = replace(run, metrics={key: replace(RUN["reward"], name=key)})
    flat = Verdict(state=State.PLATEAU, label="flat", sentence="")
    lines = drawn(panel(run, flat, [], "[red]gone[/]", Pace()), styled=True)
    plain = "\n".join(re.sub("\x1b\\[[0-9;]*m", "", line) for line in lines)
    assert "─ [red]x[/] ─" in plain
    assert key[:20] in plain
    assert "[red]gone[/]" in plain
    assert "\x1b]8" not in "".join(lines)  # no link

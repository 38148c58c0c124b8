"""The six answers: what they say, that every place prints the same ones, and that nothing in them is obeyed."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import heldout
from heldout.datasets.simulated import DECLINES, NULLS, simulate
from heldout.diagnosis.entries import as_told, by_detector
from heldout.diagnosis.first_screen import as_text, first_screen, timeline
from heldout.findings import Estimate, Finding, Onset, Severity, State, Verdict
from heldout.report import write_index, write_report
from heldout.report.terminal import show
from heldout.run import Run, Series

HOSTILE = "a\x1b[31m <b>$(rm x)</b> `|*_ \u202eb'"


def a_run(family: str, seed: int, name: str = "run", where: str = "out/checkpoint") -> Run:
    made = simulate(family, 200, 20, seed=seed)
    metrics = {
        "pass@1": Series("pass@1", made.steps, made.rates, problems=np.full(len(made.steps), 200.0)),
        "reward": Series("reward", np.arange(len(made.reward)), made.reward),
        "length": Series("length", np.arange(len(made.length)), made.length),
    }
    kept = {int(step): f"{where}-{step}" for step in made.steps}
    roles = {"held_out": "pass@1", "reward": "reward", "length": "length"}
    return Run(name, "memory", "test", metrics, roles, checkpoints=kept)


def printed(run: Run, verdict: Verdict) -> str:
    """What the terminal shows, without its line breaks and frames."""
    console = Console(file=io.StringIO(), width=80, highlight=False)
    show(console, run, heldout.describe(run, verdict), verdict)
    assert isinstance(console.file, io.StringIO)
    return "".join(console.file.getvalue().replace("│", "").split())


def flat(text: str) -> str:
    return "".join(unescape(text).replace("\\", "").split())


@pytest.mark.parametrize("family", ["honest", "noisy_plateau", "sharp_collapse", "crash"])
def test_every_place_gives_the_same_six_answers(family: str, tmp_path: Path) -> None:
    run = a_run(family, 3)
    written = write_report(run, tmp_path / "one", ["svg"])
    verdict = written.verdict
    lines = first_screen(run, verdict)
    data = json.loads((written.folder / "report.json").read_text())
    assert [line["key"] for line in data["answers"]] == ["state", "since", "sure", "checkpoint", "looks", "next"]
    assert [line["answer"] for line in data["answers"]] == [line.answer for line in lines]
    pages = [flat((written.folder / name).read_text()) for name in ("report.html", "report.md")]
    for place in (*pages, printed(run, verdict)):
        assert verdict.state.value.replace(" ", "") in place
        for line in lines:
            assert flat(line.answer) in place
    index = flat(write_index([written.row(tmp_path)], {}, tmp_path).read_text())
    assert flat(f"{verdict.state.value}{verdict.label}") in re.sub("<[^>]*>", "", index)
    assert verdict.headline in lines[0].answer
    assert verdict.headline in verdict.sentence


@pytest.mark.parametrize("family", [*NULLS, *DECLINES])
def test_a_fall_stands_in_every_answer_or_in_none(family: str) -> None:
    for seed in range(6):
        run = a_run(family, seed)
        verdict = heldout.diagnose(run)
        lines = {line.key: line.answer for line in first_screen(run, verdict)}
        assert ("falling from" in lines["since"].replace("perhaps falling", "")) == verdict.fell
        assert lines["next"].startswith("Go back") == verdict.fell
        assert ("Adjust the reward" in lines["next"]) == (verdict.state is State.OVER_OPTIMISED)
        assert ("confirmed at step" in lines["sure"]) <= (verdict.fell or verdict.state is State.RECOVERED)
        alarms = [one for one in as_told(verdict) if one.severity is Severity.ALARM]
        assert bool(alarms) <= verdict.fell


def test_what_a_stop_would_have_saved_is_told_of_a_confirmed_fall_and_of_nothing_else() -> None:
    run = a_run("sharp_collapse", 0)
    verdict = heldout.diagnose(run)
    alarms = [one.step for one in verdict.findings if (one.detector, one.kind) == ("over_optimisation", "confirmed")]
    assert verdict.fell
    assert first_screen(run, verdict)[5].answer.endswith(
        f" A stop when the fall was confirmed, at step {alarms[0]}, would have saved {800 - alarms[0]} of 800 steps."
    )
    seconds = np.where(np.arange(801) <= alarms[0], np.arange(801), 2.0 * np.arange(801) - alarms[0])  # twice as slow
    clock = {"time": Series("time", np.arange(801), seconds)}
    share = 2 * (800 - alarms[0]) / seconds[-1]
    timed = first_screen(replace(run, metrics={**run.metrics, **clock}), verdict)[5].answer
    assert timed.endswith(f" of 800 steps and {100 * share:.0f} % of the time.")
    for quiet in (a_run("honest", 3), a_run("sharp_collapse", 0)):
        unsaid = replace(heldout.diagnose(quiet), findings=())
        assert "would have saved" not in first_screen(quiet, unsaid)[5].answer


FALLEN = Verdict(
    state=State.OVER_OPTIMISED,
    label="confirmed, reward rising",
    sentence="It fell. Keep 50.",
    headline="It fell.",
    sure="Sure.",
    onset=Onset(80, 70, 90),
    recommended=Estimate(50, 0.723, 0.692, 0.754),
    tied=(50, 60, 70, 80),
)


def ten_evaluations(**checkpoints: str) -> Run:
    score = Series("pass@1", np.arange(10, 110, 10), np.array([0.5, 0.6, 0.6, 0.6, 0.7, 0.7, 0.75, 0.7, 0.6, 0.5]))
    kept = {int(step[1:]): path for step, path in checkpoints.items()}
    return Run("r", "memory", "test", {"pass@1": score}, {"held_out": "pass@1"}, checkpoints=kept)


def test_the_timeline_is_one_line() -> None:
    run = ten_evaluations()
    assert timeline(run, FALLEN) == "best 50 to 80 · falling from 80 (70 to 90) · keep 50 (tied 60 to 80)"
    assert timeline(run, replace(FALLEN, tied=(50,))) == "best 50 · falling from 80 (70 to 90) · keep 50"
    many = replace(FALLEN, tied=(20, 40, 50, 70, 90), state=State.IMPROVING, onset=None)
    assert timeline(run, many) == "keep 50 (tied 4 evaluations in 20 to 90)"
    back = replace(FALLEN, state=State.RECOVERED, onset=Onset(80, 70, 90, 100), tied=(50, 100))
    assert timeline(run, back) == "best 50 and 100 · fell from 80 (70 to 90), back by 100 · keep 50 (tied 100)"


def test_the_checkpoint_is_told_with_its_level_why_it_and_where_it_lies() -> None:
    verdict = replace(FALLEN, passed_over="Step 70 is flattered.")
    level = "Step 50, at 72.3 % (95 % interval 69.2 to 75.4)."
    said = [first_screen(ten_evaluations(**kept), verdict)[3].answer for kept in ({}, {"s50": "c d/50"})]
    assert said[0] == f"{level} Step 70 is flattered. The log names no checkpoint of this step."
    assert said[1] == f"{level} Step 70 is flattered. Saved in 'c d/50'."


def test_what_was_not_checked_is_told_without_the_watch_on_training_answers() -> None:
    label = "too few evaluations; watch: rewarded answers fail the hidden tests"
    verdict = replace(FALLEN, state=State.CANNOT_TELL, recommended=None, tied=(), sure="", label=label)
    answers = [line.answer for line in first_screen(ten_evaluations(), verdict)]
    assert answers[1] == answers[2] == answers[3] == "Not checked: too few evaluations."


def test_without_evaluations_the_answers_say_what_was_not_checked() -> None:
    run = Run("r", "m", "t", {"reward": Series("reward", np.arange(9), np.arange(9.0))}, {"reward": "reward"})
    answers = [line.answer for line in first_screen(run, heldout.diagnose(run))]
    assert answers[0].startswith("Cannot tell: not measured. There is no held-out score")
    assert answers[1] == answers[2] == answers[3] == "Not checked: training signals only."
    assert answers[4].startswith("Not checked: parts of the reward and response length")
    assert "never trained on" in answers[5]


def test_nothing_in_the_answers_is_obeyed(tmp_path: Path) -> None:
    run = a_run("sharp_collapse", 1, name=HOSTILE, where=f"{HOSTILE}/global_step")
    run = replace(run, checkpoints={step: path.replace("-", "_") for step, path in run.checkpoints.items()})
    folder = write_report(run, tmp_path / "x", ["svg"]).folder
    texts = [as_text(first_screen(run, heldout.diagnose(run))), printed(run, heldout.diagnose(run))]
    texts += [(folder / name).read_text() for name in ("report.html", "report.md")]
    assert not any("\x1b" in text or "\u202e" in text for text in texts[:2])
    assert "<b>$" not in texts[2]  # the name; its own elements are the page's
    assert "<b>" not in texts[3].replace("\\<b\\>", "")


def found(detector: str, kind: str, step: int, severity: Severity) -> Finding:
    seen, steps = f"seen {step}.", (0, step)
    return Finding(
        detector=detector, severity=severity, kind=kind, step=step, steps=steps, seen=seen, against="",
        means="It fell.", advice="",
    )  # fmt: skip


def test_a_detector_has_one_entry_with_its_escalation_and_the_gravest_stands_first() -> None:
    falls = [("watch", 40, Severity.WATCH), ("likely", 60, Severity.ALARM), ("confirmed", 80, Severity.ALARM)]
    some = [found("entropy", "entropy_low", step, Severity.WARNING) for step in (10, 20, 30, 90)]
    entries = by_detector([*some, *(found("over_optimisation", *one) for one in falls)])
    assert [entry.detector for entry in entries] == ["over_optimisation", "entropy"]
    assert entries[0].course == "watch at 40, likely at 60, confirmed at 80"
    assert entries[0].worst.seen == "seen 80."
    assert entries[1].course == "entropy low at 10 to 90 (4 times)"


@pytest.mark.parametrize("state", [state for state in State if state is not State.OVER_OPTIMISED])
def test_an_alarm_that_is_over_is_none(state: State) -> None:
    verdict = replace(FALLEN, state=state, findings=(found("over_optimisation", "likely", 60, Severity.ALARM),))
    told = as_told(verdict)[0]
    if state is State.REGRESSED:
        assert (told.severity, told.seen) == (Severity.ALARM, "It fell.")
    else:
        assert told.severity is (Severity.WATCH if state is State.RECOVERED else Severity.NOTICE)
        assert told.seen == "The held-out score looked suspicious at step 60 (likely)."
        assert told.means == (
            "It fell." if state is State.RECOVERED else "All evaluations together do not bear it out."
        )


@pytest.mark.parametrize(("watched", "peak"), [(True, None), (False, 50)])
def test_a_fall_that_is_still_suspected_is_to_be_watched(watched: bool, peak: int | None) -> None:
    some = [("watch", 40, Severity.WATCH), ("likely", 60, Severity.ALARM)]
    falls = tuple(found("over_optimisation", *one) for one in some)
    open_ = replace(FALLEN, state=State.CANNOT_TELL, watched=watched, peak_step=peak, onset=None, findings=falls)
    told = as_told(open_)
    assert [one.severity for one in told] == [Severity.WATCH, Severity.WATCH]
    assert [one.means for one in told] == ["It is still open.", "It fell."]


def test_of_a_fall_that_stands_the_last_finding_says_what_the_verdict_says() -> None:
    falls = [("watch", 40, Severity.WATCH), ("likely", 60, Severity.ALARM), ("confirmed", 80, Severity.ALARM)]
    verdict = replace(FALLEN, findings=tuple(found("over_optimisation", *one) for one in falls))
    told = as_told(verdict)
    suspected = "The held-out score looked suspicious at step"
    assert [one.seen for one in told] == [
        f"{suspected} 40 (watch).",
        f"{suspected} 60 (likely).",
        "It fell.",
    ]
    assert [one.severity for one in told] == [severity for *_, severity in falls]

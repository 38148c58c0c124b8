"""What the hack looks like: planted ones are shown with their words and since when; honest runs show nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answers_given import Given, rollouts_of
from heldout.diagnosis.looks import Looks, looks_of
from heldout.findings import Estimate, Finding, Severity, State, Verdict
from heldout.rollouts import Rollouts

KEPT = Estimate(50, 0.7, 0.6, 0.8)


def verdict(kept: Estimate | None = KEPT, kind: str = "") -> Verdict:
    alarm = Finding(
        detector="hacking", severity=Severity.WARNING, kind=kind, step=250, steps=(0, 250), seen="", against="",
        means="", advice="",
    )  # fmt: skip
    return Verdict(state=State.CANNOT_TELL, label="", sentence="", recommended=kept, findings=(alarm,) if kind else ())


def name(text: str, kind: str) -> str:
    assert kind in ("left the program", "")
    return "leave" if "exit" in text else ""


def a_run(
    share: dict[int, float], prompts: int = 8, answers: int = 4, seed: int = 0, hack: str = " exit()"
) -> Rollouts:
    """A run with a share of hacks among the answers of each step; three of four honest answers are right."""
    rng = np.random.default_rng(seed)
    given = []
    for step, part in share.items():
        for number in range(prompts * answers):
            problem = f"p{(step + number // answers) % 20}"
            if rng.random() < part:
                given.append(Given(hack, step, problem, 1.0, 0.0, "left the program"))
                continue
            right, text = float(rng.random() < 0.75), f" y = x + {number}\n return y"
            given.append(Given(text, step, problem, right, right, "solved" if right else "wrong answer"))
    return rollouts_of(given)


STEPS = range(10, 260, 10)
TAKEN_OVER = {step: 0.0 if step < 100 else 0.5 if step < 130 else 1.0 for step in STEPS}


def shown(rollouts: Rollouts, kept: Estimate | None = KEPT, kind: str = "") -> Looks:
    found = looks_of(verdict(kept, kind), rollouts, name)
    assert found is not None
    return found


def test_a_hack_that_takes_over_is_shown_with_its_words_its_name_and_since_when() -> None:
    looks = shown(a_run(TAKEN_OVER))
    assert looks.hack is not None
    assert (looks.hack.text, looks.hack.name, looks.hack.hidden) == (" exit()", "leave", "fails")
    assert (looks.since, looks.throughout) == (100, 130)
    assert looks.told.startswith(
        "100 % of the rewarded answers of steps 240 to 250 fail the hidden tests (95 % interval "
    )
    assert looks.told.endswith(
        "10 % or more since about step 100 (95 % interval 81 to 100), all that were judged from step 130 on. The "
        "commonest, 64 of these 64 answers, is “exit()”: it ends the process before the checks (leave)."
    )
    assert [stretch.what for stretch in looks.stretches] == ["kept", "onset", "end"]
    kept, onset, end = looks.stretches
    assert kept.last_step == 50
    assert onset.first_step == 100
    assert (kept.share.share, end.share.share) == (0.0, 1.0)
    assert 0.3 < onset.share.share < 0.8
    assert [(one.group.text, one.before) for one in looks.grown] == [(" exit()", 0)]
    assert looks.difference is not None
    assert looks.difference.same_problem
    assert "+  exit()" in looks.difference.lines


def test_a_hack_is_dated_by_its_own_kind_and_not_by_what_fails_beside_it() -> None:
    given = []
    for step in STEPS:
        for number in range(32):
            fails, hacks = number == step % 32, step >= 150 and number >= 24
            text = " exit()" if hacks else f" return x + {number}"
            hidden, kind = (0.0, "left the program") if hacks else (0.0, "") if fails else (1.0, "solved")
            given.append(Given(text, step, f"p{number}", 1.0, hidden, kind))
    looks = shown(rollouts_of(given))
    assert looks.hack is not None
    assert (looks.hack.name, looks.since, looks.first) == ("leave", 150, 150)
    assert looks.since_low is not None
    assert looks.since_high is not None
    assert 120 < looks.since_low <= 150 <= looks.since_high <= 160


def test_a_hack_of_a_tenth_is_shown_though_the_last_answers_are_too_few_to_tell() -> None:
    tenth = {step: 0.0 if step < 60 else 0.1 for step in STEPS}
    looks = shown(a_run(tenth, prompts=16, answers=1, seed=2))
    assert looks.hack is not None
    assert looks.since in (60, 70)


@pytest.mark.parametrize("seed", range(5))
def test_an_honest_run_shows_nothing(seed: int) -> None:
    assert looks_of(verdict(), a_run(dict.fromkeys(STEPS, 0.0), seed=seed), name) is None
    assert looks_of(verdict(), a_run(dict.fromkeys(STEPS, 0.02), seed=seed), name) is None


def test_it_is_shown_where_the_interval_is_wholly_above_five_percent_or_a_detector_says_so() -> None:
    rare = a_run(dict.fromkeys(STEPS, 0.04), seed=3)
    assert looks_of(verdict(), rare, name) is None
    for kind in ("hack_rate_high", "hack_rate_rises"):
        assert shown(rare, kind=kind).hack is not None
    assert looks_of(verdict(kind="unrewarded_right"), rare, name) is None
    assert shown(a_run(dict.fromkeys(STEPS, 0.3))).hack is not None


def test_a_hack_that_is_there_from_the_first_step_is_shown_without_a_before() -> None:
    looks = shown(a_run(dict.fromkeys(STEPS, 0.8)))
    assert looks.since == 10
    assert "10 % or more from the first step on" in looks.told
    assert [stretch.what for stretch in looks.stretches] == ["onset", "kept", "end"]
    assert looks.grown == ()


def test_where_the_kept_step_is_after_the_onset_what_was_before_the_onset_is_shown_too() -> None:
    looks = shown(a_run(TAKEN_OVER), kept=Estimate(200, 0.7, 0.6, 0.8))
    assert [one.what for one in looks.stretches] == ["before", "onset", "kept", "end"]
    assert [looks.stretches[place].last_step for place in (0, 2)] == [90, 200]
    assert [one.group.text for one in looks.grown] == [" exit()"]
    assert shown(a_run(TAKEN_OVER), kept=None).stretches[0].what == "before"


def test_a_hack_that_is_over_is_told_with_what_became_of_it() -> None:
    over = {step: 0.6 if 60 <= step <= 120 else 0.0 for step in STEPS}
    told = shown(a_run(over), kind="hack_rate_high").told
    assert "of the rewarded answers of steps 60 to " in told
    assert "; of steps 230 to 250 0 % do (95 % interval 0 to " in told
    assert "since" not in told
    waned = {step: 0.9 if step < 100 else 0.5 for step in STEPS}
    assert "of the rewarded answers of steps 230 to 250 fail" in shown(a_run(waned)).told


def test_answers_of_the_same_steps_are_shown_once() -> None:
    kept = Estimate(250, 0.7, 0.6, 0.8)
    assert [one.what for one in shown(a_run(TAKEN_OVER), kept=kept).stretches] == ["before", "onset", "end"]


def test_a_hack_that_is_rarer_than_many_honest_kinds_is_shown_among_them() -> None:
    given = [Given(f"import m{n % 5}", step, f"p{n}", 1.0, 1.0) for step in STEPS for n in range(40)]
    given += [Given(" exit()", step, f"p{n}", 1.0, 0.0) for step in STEPS for n in range(6)]
    end = shown(rollouts_of(given)).stretches[-1]
    assert [one.hacked for one in end.groups] == [False, False, True]
    assert end.kinds == 6


def test_of_many_answers_some_are_looked_at_and_stand_for_the_others() -> None:
    half = {10: 0.0, 20: 0.5}
    looks = shown(a_run(half, prompts=1000, answers=5), kept=None)
    end = looks.stretches[-1]
    assert (end.answers, end.looked_at) == (5000, 2000)
    hacks = next(one for one in end.groups if one.hacked)
    assert 900 < hacks.count < 1100
    assert hacks.weight == pytest.approx(2.5 * hacks.count)
    assert looks.hack is not None
    assert looks.hack.weight == pytest.approx(2500, rel=0.06)


@pytest.mark.parametrize("seed", range(8))
def test_since_when_is_right_within_a_kept_step(seed: int) -> None:
    grows = {step: 0.8 / (1.0 + np.exp((150 - step) / 12.0)) for step in STEPS}
    first = next(step for step, share in grows.items() if share / (share + (1 - share) * 0.75) >= 0.1)
    looks = shown(a_run(grows, prompts=16, seed=seed))
    assert abs((looks.since or 0) - first) <= 10
    assert looks.throughout is None


def test_one_early_answer_does_not_date_it() -> None:
    early = [Given(" exit()", 20, "p3", 1.0, 0.0, "left the program")]
    run = a_run(TAKEN_OVER)
    texts = [Given(one.text, one.step, one.problem, one.reward, one.hidden, one.kind) for one in run]
    assert shown(rollouts_of(early + texts)).since == 100


def test_ways_of_failing_are_told_over_time() -> None:
    failures = shown(a_run(TAKEN_OVER)).failures
    assert failures is not None
    assert (failures.steps[0][0], failures.steps[-1][1], sum(failures.answers)) == (10, 250, 25 * 32)
    left, wrong = failures.shares["left the program"], failures.shares["wrong answer"]
    assert left[0] == 0.0
    assert left[-1] == 1.0
    assert 0.1 < wrong[0] < 0.4
    assert wrong[-1] == 0.0


def test_the_share_holds_the_planted_one_within_its_interval() -> None:
    held = 0
    for seed in range(20):
        looks = shown(a_run({step: 0.0 if step < 100 else 0.5 for step in STEPS}, prompts=32, answers=2, seed=seed))
        held += looks.stretches[-1].share.low <= 0.5 / (0.5 + 0.5 * 0.75) <= looks.stretches[-1].share.high
    assert held >= 18


def test_without_hidden_outcomes_it_says_so_and_how_to_have_them() -> None:
    run = rollouts_of([Given("exit()", step, "p", 1.0) for step in STEPS])
    looks = looks_of(verdict(), run, name)
    assert looks is not None
    assert looks.told == "Not checked: no rewarded answer of this run was judged by hidden tests."
    assert looks.command == "heldout audit here --task TASK"
    assert looks.hack is None
    assert looks_of(verdict(), rollouts_of([]), name) is None


ANSWERS = st.builds(
    Given,
    text=st.sampled_from(
        ["exit()", " x = 1\n return x", "The answer is 4.", "", "\x00", "```python\nexit()\n```", "a " * 99]
    ),
    step=st.integers(0, 30),
    problem=st.sampled_from("abc"),
    reward=st.sampled_from([0.0, 0.5, 1.0, np.nan]),
    hidden=st.sampled_from([0.0, 0.3, 1.0, np.nan]),
    kind=st.sampled_from(["", "wrong answer"]),
    kept_with=st.sampled_from([0.1, 1.0]),
    judged_with=st.sampled_from([0.1, 1.0]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(ANSWERS, max_size=40), st.one_of(st.none(), st.integers(-5, 40)))
def test_what_is_shown_of_any_answers_fits_them(answers: list[Given], kept: int | None) -> None:
    rollouts = rollouts_of(answers)
    told = verdict(None if kept is None else Estimate(kept, 0.5, 0.4, 0.6), kind="hack_rate_high")
    looks = looks_of(told, rollouts)
    hacked = rollouts.rewarded & (rollouts.failed == 1.0)
    if looks is None or looks.hack is None:
        assert not hacked.any() or not len(answers)
        return
    assert looks.hack.hacked
    assert hacked[looks.hack.row]
    assert rollouts.step[0] <= (looks.since or 0) <= rollouts.step[-1]
    for one in looks.stretches:
        within = (rollouts.step >= one.first_step) & (rollouts.step <= one.last_step)
        assert one.answers == np.count_nonzero(within)
    if kept is not None and looks.stretches[0].what == "kept":
        assert looks.stretches[0].last_step <= kept


@pytest.mark.parametrize(
    "hack", ["", "  \n", "\x00\x1b[2J\u202e<script>", "x" * 10_000_000, "`" * 50, "a\n" * 9_000, "\udc80"]
)
def test_whatever_the_answer_is_it_is_told_in_one_short_line(hack: str) -> None:
    looks = shown(a_run({10: 0.0, 20: 0.9}, hack=hack), kept=None)
    assert looks.told.isprintable()
    assert len(looks.told) < 500
    assert ("an empty answer" in looks.told) == (not hack.strip())

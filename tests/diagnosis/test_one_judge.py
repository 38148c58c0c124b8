"""The prose of a report claims of the held-out score what the verdict claims, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import heldout
from heldout.datasets.simulated import DECLINES, NULLS, simulate
from heldout.diagnosis.description import Description
from heldout.findings import State, Verdict
from heldout.run import Run, Series

A_FALL = re.compile(r"\b(fall\w*|fell|declin\w*|drop\w*|regress\w*|worse|hack\w*|over-optim\w*)", re.IGNORECASE)
OF_ANOTHER = re.compile(r"\b(reward|length) (rises, then )?falls")  # what the other curves do is not the verdict's
OPENING: dict[State, str | tuple[str, ...]] = {
    State.IMPROVING: ("The held-out score has risen", "The reward and the held-out score climb together"),
    State.PLATEAU: ("The held-out score is level", "The reward rises"),
    State.OVER_OPTIMISED: ("The held-out score has fallen while the reward rose",),
    State.REGRESSED: ("The held-out score has fallen, and no rise of the reward",),
    State.RECOVERED: ("The held-out score fell and has come back",),
    State.DISAGREE: "The reward and the held-out tests do not say the same (given)",
    State.CANNOT_TELL: ("The held-out score may have fallen", "What the held-out score does cannot be told"),
}


def simulated(family: str, seed: int) -> Run:
    made = simulate(family, 200, 20, seed=seed)
    steps = np.arange(len(made.reward))
    metrics = {
        "pass@1": Series("pass@1", made.steps, made.rates, problems=np.full(20, 200.0)),
        "reward": Series("reward", steps, made.reward),
        "length": Series("length", steps, made.length),
    }
    return Run(family, "memory", "test", metrics, {"held_out": "pass@1", "reward": "reward", "length": "length"})


@cache
def read(family: str) -> list[tuple[Verdict, Description]]:
    runs = [simulated(family, seed) for seed in range(12)]
    return [(verdict := heldout.diagnose(run), heldout.describe(run, verdict)) for run in runs]


def prose(about: Description) -> list[str]:
    held_out = next(series for series in about.series if series.role == "held_out")
    own = [o.text for o in about.observations if o.kind != "course"]  # which are of the other curves
    said = (*about.interpretation, *own, held_out.trend)
    return [OF_ANOTHER.sub("", text) for text in said]


@pytest.mark.parametrize("family", NULLS)
def test_of_a_run_that_never_falls_no_prose_claims_a_fall(family: str) -> None:
    for verdict, about in read(family):
        assert not verdict.fell
        assert [text for text in prose(about) if A_FALL.search(text)] == []


@pytest.mark.parametrize("family", [*NULLS, *DECLINES])
def test_the_interpretation_opens_with_what_the_verdict_says(family: str) -> None:
    for verdict, about in read(family):
        assert about.interpretation[0].startswith(OPENING[verdict.state])
        assert ("may have fallen" in about.interpretation[0]) == verdict.suspected
        assert ("reward hacking" in " ".join(prose(about))) == (verdict.state is State.OVER_OPTIMISED)


@pytest.mark.parametrize("family", [*NULLS, *DECLINES])
def test_the_reward_does_in_the_interpretation_what_the_verdict_or_its_own_test_says(family: str) -> None:
    """Where the score fell that is the verdict's label, and elsewhere the word of the test, or none."""
    for verdict, about in read(family):
        reward = next(series for series in about.series if series.role == "reward")
        assert reward.course is not None
        said = re.findall(r"[Tt]he reward (rises|falls|climbs|rose)\b", about.interpretation[0])
        if verdict.state is State.OVER_OPTIMISED:
            assert said == ["rose"]
        elif reward.course.way.value not in ("rises", "falls", "rises, then falls", "falls, then rises"):
            assert said == []
        elif said:
            assert said[0].replace("climbs", "rises") == reward.course.way.value.split(",")[0]


def test_a_fall_that_the_verdict_finds_is_told() -> None:
    found = [(verdict, about) for family in DECLINES for verdict, about in read(family) if verdict.fell]
    assert len(found) >= 20
    for _, about in found:
        assert "has fallen" in about.interpretation[0]
        assert next(series.trend for series in about.series if series.role == "held_out").startswith("Has fallen")
        assert "peak_and_end" in {o.kind for o in about.observations}


@pytest.mark.parametrize("state", [state for state in State if state is not State.NO_EVIDENCE])
@pytest.mark.parametrize("roles", [("held_out",), ("held_out", "length"), ("held_out", "reward", "length")])
def test_the_same_curves_are_told_as_the_verdict_has_it(state: State, roles: tuple[str, ...]) -> None:
    run = simulated(next(iter(DECLINES)), 0)
    run = replace(run, roles={role: key for role, key in run.roles.items() if role in roles})
    about = heldout.describe(run, Verdict(state=state, label="given", sentence=""))
    told = any(A_FALL.search(text) for text in prose(about))
    assert told == (state in (State.OVER_OPTIMISED, State.REGRESSED, State.RECOVERED))
    assert about.interpretation[0].startswith(OPENING[state])


def test_a_description_without_a_verdict_asks_for_it() -> None:
    run = heldout.read("example:kimi-dev")
    assert heldout.describe(run).interpretation == heldout.describe(run, heldout.diagnose(run)).interpretation

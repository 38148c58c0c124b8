"""When the held-out score is measured."""

from __future__ import annotations

import pytest

from heldout.detectors import Detectors
from heldout.findings import Finding, Severity
from heldout.live.schedule import Schedule, suspected


def steps_of(schedule: Schedule, suspicious: range) -> list[int]:
    """Follow a run as a trainer does, that is suspected at some steps."""
    measured = [0]
    for step in range(1, schedule.steps + 1):
        due = step % schedule.every == 0 or step == schedule.steps
        if due or schedule.extra(step, step in suspicious, len(measured)):
            measured.append(step)
    return measured


def test_while_nothing_is_suspected_the_calm_grid_is_kept_and_the_ends() -> None:
    assert steps_of(Schedule(95, 10, 40), range(0)) == [0, 40, 80, 95]


def test_once_something_is_suspected_the_fine_grid_is_kept_while_it_is() -> None:
    assert steps_of(Schedule(95, 10, 40), range(41, 65)) == [0, 40, 50, 60, 80, 95]


@pytest.mark.parametrize("budget", range(4, 12))
def test_a_budget_is_kept_and_leaves_room_for_what_is_measured_in_any_case(budget: int) -> None:
    measured = steps_of(Schedule(95, 10, 40, budget), range(96))
    assert len(measured) == min(budget, 11)
    assert {0, 40, 80, 95} <= set(measured)


@pytest.mark.parametrize(("steps", "fine", "calm", "budget"), [(95, 10, 40, 0), (95, 10, 40, 7), (100, 10, 50, 0)])
def test_never_is_measured_oftener_than_the_error_rate_is_spent_for(
    steps: int, fine: int, calm: int, budget: int
) -> None:
    schedule = Schedule(steps, fine, calm, budget)
    assert len(steps_of(schedule, range(steps + 1))) == schedule.planned


def test_that_rewarded_answers_fail_is_a_suspicion() -> None:
    told = Finding(
        detector="hack_rate",
        severity=Severity.WARNING,
        kind="hack_rate_high",
        step=5,
        steps=(1, 5),
        seen="",
        against="",
        means="",
        advice="",
    )
    assert not suspected(Detectors.planned(10), [])
    assert suspected(Detectors.planned(10), [told])

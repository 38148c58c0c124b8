"""What follows from a finding."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.live import Decision, On, Rules, decide


def finding(kind: str, detector: str = "over_optimisation", severity: Severity = Severity.ALARM) -> Finding:
    return Finding(
        detector=detector,
        severity=severity,
        kind=kind,
        step=10,
        steps=(5, 10),
        seen="seen",
        against="against",
        means="means",
        advice="advice",
    )


SURE = [finding("watch"), finding("likely"), finding("confirmed")]
UNSTABLE = finding("entropy_collapse", "entropy", Severity.WARNING)
LEVEL = finding("plateau", "plateau", Severity.NOTICE)
ORDER = [On.WARNING, On.WATCH, On.LIKELY, On.CONFIRMED]


@pytest.mark.parametrize(("on", "one"), list(product(range(4), range(3))))
def test_a_surer_fall_reaches_all_that_a_less_sure_one_does(on: int, one: int) -> None:
    assert ORDER[on].reached_by(SURE[one]) == (one + 1 >= on)


def test_training_signals_reach_the_warning_only() -> None:
    assert [on.reached_by(UNSTABLE) for on in ORDER] == [True, False, False, False]
    assert not any(on.reached_by(LEVEL) for on in ORDER)
    assert not any(On.NEVER.reached_by(one) for one in [*SURE, UNSTABLE])


@pytest.mark.parametrize(("kind", "reached"), [("hack_rate_high", True), ("hack_rate_rises", True), ("other", False)])
def test_that_rewarded_answers_fail_reaches_the_hack_and_what_may_be_a_fall_but_no_surer_one(
    kind: str, reached: bool
) -> None:
    one = finding(kind, "hack_rate", Severity.WARNING)
    assert On.WARNING.reached_by(one)
    assert [on.reached_by(one) for on in (On.WATCH, On.HACK)] == [reached, reached]
    assert not any(on.reached_by(one) for on in (On.LIKELY, On.CONFIRMED, On.NEVER))


def test_of_falls_only_a_confirmed_one_reaches_the_hack() -> None:
    assert [On.HACK.reached_by(one) for one in SURE] == [False, False, True]


def test_by_default_nothing_but_an_alert_is_wanted() -> None:
    decision = decide(Rules(), SURE, checkpoint=Path("here"))
    assert decision == Decision(tuple(SURE), alerts=(SURE[1], SURE[2]))


def test_what_is_wanted_follows_from_the_policy() -> None:
    rules = Rules(stop=On.CONFIRMED, evaluate=On.WATCH, roll_back=On.LIKELY, run="true", alert=On.NEVER)
    there = Path("checkpoint-5")
    first = decide(rules, SURE[:1], checkpoint=there, protected=[5])
    assert (first.evaluate, first.stop, first.roll_back_to, first.run) == (True, False, None, False)
    assert first.protected == {5}
    last = decide(rules, SURE, checkpoint=there)
    assert (last.stop, last.roll_back_to, last.run, last.alerts) == (True, there, True, ())


def test_words_do_for_the_levels() -> None:
    assert Rules(stop="confirmed").stop is On.CONFIRMED  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"stop": "sure"}, "stop is 'sure'; it must be one of never, warning, watch, likely, hack, confirmed, stall."),
        ({"cool_down": -1}, "cool_down is -1; it must be a whole number from 0."),
        ({"most_alerts": 1.5}, "most_alerts is 1.5; it must be a whole number from 0."),
        ({"run": "true", "run_on": "never"}, "run names a command, but run_on is never"),
        ({"stop_file": "STOP"}, "stop_file or signal is given, but stop is never"),
        ({"signal": "4711"}, "stop_file or signal is given, but stop is never"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(wrong: dict, says: str) -> None:
    with pytest.raises(UsageError) as error:
        Rules(**wrong)
    assert says in str(error.value)


def test_a_policy_is_written_without_its_command() -> None:
    assert Rules(run="curl https://secret").as_dict()["run"] is True


def test_the_rules_as_plain_data() -> None:
    assert Rules().as_dict() == {
        "alert": "likely",
        "evaluate": "never",
        "stop": "never",
        "roll_back": "never",
        "run_on": "confirmed",
        "shell": False,
        "stop_file": "",
        "signal": "",
        "protect": True,
        "most_kept": 4,
        "cool_down": 0,
        "most_alerts": 20,
        "dry_run": False,
        "run": False,
    }


@pytest.mark.parametrize("name", ["cool_down", "most_alerts"])
@pytest.mark.parametrize(("value", "allowed"), [(0, True), (7, True), (-1, False), (True, False), ("1", False)])
def test_numbers_of_rules_are_whole_and_from_0(name: str, value: Any, allowed: bool) -> None:
    if allowed:
        assert getattr(Rules(**{name: value}), name) == value
    else:
        with pytest.raises(UsageError, match=f"^{name} is {value!r}; it must be a whole number from 0"):
            Rules(**{name: value})


@pytest.mark.parametrize(
    "rules",
    [{"run": "true"}, {"run_on": "never"}, {"stop": "watch"}, {"stop": "watch", "signal": "4711", "stop_file": "STOP"}],
)
def test_rules_that_can_be_meant_are_taken(rules: dict[str, Any]) -> None:
    assert [str(getattr(Rules(**rules), name)) for name in rules] == list(rules.values())


@pytest.mark.parametrize(
    ("severity", "reached"),
    [(Severity.NOTICE, False), (Severity.WATCH, False), (Severity.WARNING, True), (Severity.ALARM, True)],
)
def test_of_training_signals_those_that_say_something_is_wrong_are_warnings(severity: Severity, reached: bool) -> None:
    assert On.WARNING.reached_by(finding("low", "entropy", severity)) == reached
    assert not On.WATCH.reached_by(finding("low", "entropy", severity))


def test_checkpoints_are_protected_unless_the_rules_say_no() -> None:
    assert decide(Rules(), [], protected=[5, 6]) == Decision(protected=frozenset({5, 6}))
    assert decide(Rules(protect=False), [], protected=[5, 6]) == Decision()

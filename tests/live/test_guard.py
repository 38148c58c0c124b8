"""The guard: what it does, once, and what never happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from falling import EVERY, LAST, PLANNED, PROBLEMS, findings, kinds, outcomes, train

import heldout
from heldout.detectors.base import Block
from heldout.diagnosis.verdict import diagnose
from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.live import Decision, Guard, On, Rules
from heldout.live.acts import Command
from heldout.run import Evaluation
from heldout.store.recorder import Recorder


def rows(folder: Path, what: str) -> list[dict[str, Any]]:
    lines = (folder / "findings.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["what"] == what]


def after(folder: Path) -> list[tuple[str, int]]:
    return [(finding.kind, finding.step) for finding in diagnose(heldout.read(folder), horizon=PLANNED).findings]


def test_by_default_it_observes_and_stops_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        told = train(guard)
        assert any(kind == "confirmed" for kind, _ in kinds(told))
        assert not guard.should_stop
        assert not any(decision.stop or decision.evaluate or decision.roll_back_to for _, decision in told)
    assert rows(tmp_path, "act") == []
    assert [(row["kind"], row["step"]) for row in rows(tmp_path, "finding")] == kinds(told)


def test_it_stops_at_the_evaluation_that_confirms_the_fall_and_asks_once(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, Rules(stop=On.CONFIRMED), planned=PLANNED) as guard:
        told = train(guard)
        stops = [step for step, decision in told if decision.stop]
        assert stops == [finding.step for finding in findings(told) if finding.kind == "confirmed"]
        assert len(stops) == 1
        assert 110 <= stops[0] <= 160
        assert guard.should_stop
    assert [(row["act"], row["step"], row["done"]) for row in rows(tmp_path, "act")] == [("stop", stops[0], True)]
    assert any(f"stopped the run at step {stops[0]}" in note.text for note in heldout.read(tmp_path).notes)


def test_it_points_at_the_checkpoint_to_keep(tmp_path: Path) -> None:
    rules = Rules(roll_back=On.CONFIRMED)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        told = train(guard, folder=tmp_path)
        back = [decision.roll_back_to for _, decision in told if decision.roll_back_to]
        assert back
        pointer, best = (json.loads((tmp_path / name).read_text()) for name in ("rollback.json", "best.json"))
        assert pointer["checkpoint"] == str(back[0])
        verdict = diagnose(heldout.read(tmp_path), horizon=PLANNED)
        assert verdict.recommended is not None
        assert best["step"] == verdict.recommended.step
        assert tuple(best["tied"]) == verdict.tied
        assert guard.protected == set(verdict.tied)
        assert best["checkpoint"] == str(guard.best) == str(tmp_path / f"checkpoint-{best['step']}")


def test_before_there_are_evaluations_enough_every_evaluated_checkpoint_is_protected() -> None:
    guard = Guard()
    train(guard, last=30)
    assert guard.kept is None
    assert guard.protected == {10, 20, 30}
    assert Guard(rules=Rules(protect=False)).protected == set()


def test_checkpoints_that_are_known_by_a_rate_are_protected_and_chosen_from_as_well(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        for step in range(EVERY, 181, EVERY):
            guard.step(step, {"reward": 0.01 * step, "eval/pass@1": sum(outcomes(step)) / len(PROBLEMS)})
            if step == 3 * EVERY:
                assert guard.protected == {10, 20, 30}
        verdict = diagnose(heldout.read(tmp_path), horizon=PLANNED)
        assert verdict.recommended is not None
        assert json.loads((tmp_path / "best.json").read_text())["step"] == verdict.recommended.step
        assert guard.protected == set(verdict.tied)


def test_of_several_copies_of_a_checkpoint_the_last_that_exists_counts(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        copies = [tmp_path / name for name in ("first", "second", "third")]
        for copy in copies[:2]:
            copy.mkdir()
        train(guard, last=90)
        assert guard.best is None
        for step in range(EVERY, 91, EVERY):
            for copy in copies:
                guard.checkpoint(step, copy)
        assert guard.best == copies[1]  # the third one is not there
        assert set(heldout.read(tmp_path).checkpoints) == set(range(EVERY, 91, EVERY))
        copies[1].rmdir()
        assert guard.best == copies[0]
        copies[2].mkdir()
        assert guard.best == copies[2]


def test_a_checkpoint_that_exists_is_recommended_before_a_better_one_that_does_not(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        train(guard)
        assert guard.kept is not None
        assert (best := guard.kept.recommended.step) > 20
        guard.checkpoint(10, tmp_path / "gone")
        assert guard.kept.recommended.step == best
        guard.checkpoint(20, tmp_path)
        assert guard.kept.recommended.step == 20


def test_where_no_checkpoint_is_left_that_is_said(tmp_path: Path) -> None:
    rules = Rules(roll_back=On.CONFIRMED)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        train(guard)
    (act,) = rows(tmp_path, "act")
    assert (act["act"], act["done"], act["why"]) == ("roll_back", False, "no checkpoint of the recommended step exists")


def test_a_dry_run_says_what_it_would_have_done_and_does_none_of_it(tmp_path: Path) -> None:
    rules = Rules(stop=On.LIKELY, roll_back=On.LIKELY, run=f"touch {tmp_path}/ran", alert=On.LIKELY, dry_run=True)
    alert = Command(f"touch {tmp_path}/told")
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED, alerts=[alert]) as guard:
        told = train(guard, folder=tmp_path)
        assert not any(decision.stop or decision.roll_back_to for _, decision in told)
        assert not guard.should_stop
    acts = rows(tmp_path, "act")
    assert {row["act"] for row in acts} == {"stop", "roll_back", "run", "alert"}
    assert {(row["done"], row["why"]) for row in acts} == {(False, "dry run")}
    assert not any((tmp_path / name).exists() for name in ("ran", "told", "rollback.json"))
    assert (tmp_path / "best.json").exists()  # which says something, and does nothing


def test_the_command_is_run_once_and_told_what_was_found(tmp_path: Path) -> None:
    rules = Rules(run=f'echo "$HELDOUT_KIND $HELDOUT_STEP" >> {tmp_path}/ran', shell=True)
    with Recorder(tmp_path / "run") as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        told = train(guard)
        guard.close(60)
    (step,) = (step for kind, step in kinds(told) if kind == "confirmed")
    assert (tmp_path / "ran").read_text() == f"confirmed {step}\n"


class Told:
    """An alert that writes down what it is told."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    def send(self, title: str, text: str, finding: Finding) -> None:
        self.titles.append(title)


def test_an_alert_has_the_run_the_step_and_what_was_found(tmp_path: Path) -> None:
    alert = Told()
    with Recorder(tmp_path / "mine") as recorder, Guard(recorder, planned=PLANNED, alerts=[alert]) as guard:
        told = train(guard)
        guard.close(60)
    sure = [(kind, step) for kind, step in kinds(told) if kind in ("likely", "confirmed")]
    assert alert.titles == [f"heldout: mine, step {step}: over-optimised ({kind})" for kind, step in sure] != []


def test_no_more_alerts_are_sent_than_allowed(tmp_path: Path) -> None:
    alert = Told()
    rules = Rules(alert=On.WATCH, most_alerts=1)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED, alerts=[alert]) as guard:
        train(guard)
        guard.close(60)
    assert len(alert.titles) == 1
    assert {row["why"] for row in rows(tmp_path, "act") if not row["done"]} == {"the most alerts have been sent"}


def test_an_alert_that_cannot_be_sent_is_written_down_without_its_address(tmp_path: Path) -> None:
    from heldout.live.alerts import WebhookAlert

    alert = WebhookAlert("http://127.0.0.1:1/S3CRET")
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED, alerts=[alert]) as guard:
        train(guard)
        guard.close(60)
    lost = rows(tmp_path, "not sent")
    assert lost
    assert lost[0]["why"].startswith("WebhookAlert(127.0.0.1): ")
    assert "S3CRET" not in (tmp_path / "findings.jsonl").read_text()


@pytest.mark.parametrize("stop", [35, 95, 118, 120, 125, 180])
def test_a_run_that_is_killed_and_resumed_is_judged_as_one(tmp_path: Path, stop: int) -> None:
    told: list[Finding] = []
    for first, last in ((1, stop), (stop + 1, 200)):
        with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, planned=PLANNED) as guard:
            told += train(guard, first, last)
    assert sorted(kinds(told)) == sorted(after(tmp_path)) == sorted(kinds(train(Guard(planned=PLANNED))))
    assert len(rows(tmp_path, "finding")) == len(findings(told))


def test_a_run_that_was_stopped_and_is_resumed_is_not_stopped_for_the_same_again(tmp_path: Path) -> None:
    rules = Rules(stop=On.CONFIRMED)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        told = train(guard)
    last = max(step for step, decision in told if decision.stop)
    for _ in range(2):
        with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
            assert kinds(train(guard, 201, 203)) == []
            assert not guard.should_stop
    assert [row["step"] for row in rows(tmp_path, "act")] == [last]


@pytest.mark.parametrize("back", [61, 91, 121])
def test_a_run_that_goes_back_is_judged_by_what_survives(tmp_path: Path, back: int) -> None:
    told: list[Finding] = []
    for first, last in ((1, 160), (back, 200)):
        with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, planned=PLANNED) as guard:
            before = len(told)
            told += train(guard, first, last)
    again = [one for one in after(tmp_path) if one[1] >= back]
    assert kinds(told[before:]) == again != []  # found before too, but on the branch that was given up


def test_going_back_within_a_process_is_the_same(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, Rules(stop=On.CONFIRMED), planned=PLANNED) as guard:
        train(guard, 1, 160)
        guard.rewind()
        told = train(guard, 91, 160)
        assert kinds(told) == [one for one in after(tmp_path) if one[1] > 90]
        assert any(decision.stop for _, decision in told)
    assert heldout.read(tmp_path)["reward"].step.tolist() == list(range(1, 161))


def test_a_fall_that_nobody_acted_on_is_acted_on_when_the_run_is_resumed(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        for step in range(EVERY, 201, EVERY):
            recorder.log(step, {"reward": 0.01 * step})
            recorder.evaluation(step, problems=PROBLEMS, passed=outcomes(step))
    rules = Rules(stop=On.CONFIRMED)
    with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        assert guard.step(201, {"reward": 2.0}).stop
        assert not guard.step(202, {"reward": 2.0}).stop


def test_a_broken_line_in_the_findings_is_left_out(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        train(guard, 1, 160)
    with (tmp_path / "findings.jsonl").open("a") as file:
        file.write('{"what": "finding", "detec')
    with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, planned=PLANNED) as guard:
        assert all(step > 160 for _, step in kinds(train(guard, 161, 200)))


class Late:
    """A detector that notices something, of no importance, at the last step."""

    name = "late"
    needs = ()

    def update(self, block: Block) -> list[Finding]:
        steps = {int(points.step[-1]) for points in block.metrics.values()}
        if LAST not in steps:
            return []
        return [
            Finding(
                detector="late",
                severity=Severity.NOTICE,
                kind="late",
                step=LAST,
                steps=(LAST, LAST),
                seen="",
                against="",
                means="",
                advice="",
            )
        ]


def test_a_stop_that_was_asked_for_stays_asked_for() -> None:
    guard = Guard(rules=Rules(stop=On.CONFIRMED), planned=PLANNED, detectors=[Late()])
    told = train(guard)
    assert kinds(told)[-1] == ("late", LAST)
    assert not told[-1][1].stop
    assert guard.should_stop


def test_a_run_that_goes_back_to_its_last_step_does_it_again() -> None:
    guard = Guard(planned=PLANNED, detectors=[Late()])
    train(guard)
    assert guard.step(LAST, {"reward": 1.0}).findings == ()
    guard.rewind()
    assert [one.kind for one in guard.step(LAST, {"reward": 1.0}).findings] == ["late"]


def test_of_a_step_that_is_logged_twice_the_last_values_are_judged(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        for step in range(EVERY, LAST + 1, EVERY):
            guard.step(step, {"reward": 0.01 * step, "eval/pass@1": 0.9})
            guard.step(step, {"reward": 0.01 * step, "eval/pass@1": sum(outcomes(step)) / len(PROBLEMS)})
        verdict = diagnose(heldout.read(tmp_path), horizon=PLANNED)
        assert guard.kept is not None
        assert guard.kept.recommended == verdict.recommended
        assert guard.kept.recommended.estimate < 0.8


def test_an_evaluation_is_taken_in_as_it_is(tmp_path: Path) -> None:
    measured = Evaluation.from_counts(10, ["a", "b"], [1.5, 0], [2, 4], "mine")
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        guard.evaluated(measured, length=7.0)
        guard.evaluated(Evaluation(10, 0.25, benchmark="other"), length=8.0)
        assert guard._fold.evaluations == [measured]
    run = heldout.read(tmp_path)
    (read,) = run.measured
    assert read.outcomes is not None
    assert (read.step, read.rate, read.outcomes.samples.tolist()) == (10, measured.rate, [2, 4])
    assert (run["eval/mine/length"].value, run["eval/other/length"].value) == (7.0, 8.0)
    assert run["eval/other/pass@1"].value == 0.25


def test_a_rate_beside_outcomes_of_the_same_benchmark_is_left_out_live_as_after(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        guard.evaluated(Evaluation.from_counts(10, ["a", "b"], [1, 0]))
        guard.evaluated(Evaluation(20, 0.25, benchmark="held-out"))
        assert guard.protected == {10}
        assert not guard.failures
    assert [one.step for one in heldout.read(tmp_path).evaluations()] == [10]


def test_a_command_is_told_how_the_run_stands(tmp_path: Path) -> None:
    line = f'echo "$HELDOUT_STATE $HELDOUT_RECOMMENDED $HELDOUT_CHECKPOINT" >> {tmp_path}/ran'
    rules = Rules(run=line, shell=True)
    with Recorder(tmp_path / "run") as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        told = train(guard, folder=tmp_path)
        (at,) = (step for kind, step in kinds(told) if kind == "confirmed")
        guard.close(60)
    state, step, where = (tmp_path / "ran").read_text().split()
    assert state == "over-optimised"
    assert int(step) < at
    assert where == str(tmp_path / f"checkpoint-{step}")


def test_a_guard_may_make_a_stop_file(tmp_path: Path) -> None:
    guard = Guard(rules=Rules(stop=On.CONFIRMED, stop_file=str(tmp_path / "STOP")), planned=PLANNED)
    told = train(guard)
    (step,) = (step for step, decision in told if decision.stop)
    assert (tmp_path / "STOP").read_text().startswith(f"step {step}: ")


class Broken:
    """A detector that fails at a step."""

    name = "broken"
    needs = ()

    def update(self, block: Block) -> list[Finding]:
        if any(points.step[0] == 50 for points in block.metrics.values()):
            raise RuntimeError("I am broken")
        return []


def test_a_detector_that_fails_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED, detectors=[Broken()]) as guard:
        with pytest.warns(RuntimeWarning, match="The detector broken failed and is asked no more"):
            told = train(guard)
        assert any(kind == "confirmed" for kind, _ in kinds(told))
        assert guard.failures == 1
    (row,) = rows(tmp_path, "failure")
    assert "I am broken" in row["why"]


def test_what_is_told_wrongly_never_stops_the_training() -> None:
    guard = Guard()
    with pytest.warns(RuntimeWarning, match="could not take in"):
        assert guard.step("three", {"reward": 1.0}) == Decision()  # type: ignore[arg-type]
    with pytest.warns(RuntimeWarning, match="the evaluation of step 4"):
        assert guard.evaluation(4, problems=["a", "b"], passed=[1]) == Decision()
    assert guard.step(5, {"reward": "high", "kl": None, "loss": float("nan")}) == Decision()
    assert guard.failures == 2


def test_a_listener_that_fails_does_not_keep_the_run_from_being_stopped(tmp_path: Path) -> None:
    def fails(finding: Finding) -> None:
        raise KeyError("oh")

    guard = Guard(rules=Rules(stop=On.WATCH), planned=PLANNED, on_finding=fails)
    with pytest.warns(RuntimeWarning, match="on_finding failed"):
        train(guard)
    assert guard.should_stop


def test_a_listener_hears_every_finding_once() -> None:
    heard: list[Finding] = []
    told = train(Guard(planned=PLANNED, on_finding=heard.append))
    assert heard == findings(told) != []


def test_other_ranks_do_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    guard = Guard(Recorder(tmp_path / "run"), Rules(stop=On.WARNING))
    assert train(guard) == []
    assert not (tmp_path / "run").exists()
    assert Guard().idle


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"planned": 0}, "planned is 0; it must be a number of evaluations from 1"),
        ({"roles": {"rewrad": "x"}}, "roles has 'rewrad'"),
        ({"alerts": [Told()], "rules": Rules(alert=On.NEVER)}, "the rules send none"),
    ],
)
def test_a_guard_that_cannot_work_does_not_start(wrong: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Guard(**wrong)


def test_the_start_is_written_with_policy_and_plan(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        Guard(recorder, Rules(stop=On.CONFIRMED), planned=7)
    (row,) = rows(tmp_path, "start")
    assert (row["planned"], row["rules"]["stop"]) == (7, "confirmed")
    assert row["detectors"][0].startswith("OverOptimisation(")


@pytest.mark.parametrize(("planned", "allowed"), [(1, True), (None, True), (0, False), (True, False), (2.0, False)])
def test_a_plan_is_a_number_of_evaluations(planned: Any, allowed: bool) -> None:
    if allowed:
        assert Guard(planned=planned).planned == planned
    else:
        with pytest.raises(UsageError, match=f"planned is {planned!r}; it must be a number of evaluations from 1"):
            Guard(planned=planned)


def test_what_the_pointers_say(tmp_path: Path) -> None:
    rules = Rules(roll_back=On.CONFIRMED)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        told = train(guard, folder=tmp_path)
        kept = guard.kept
    assert kept is not None
    ((at, decision),) = [(step, one) for step, one in told if one.roll_back_to]
    pointer, best = (json.loads((tmp_path / name).read_text()) for name in ("rollback.json", "best.json"))
    assert pointer.pop("time") > 0
    assert best.pop("time") > 0
    folder = str(decision.roll_back_to)
    where = {"step": int(folder.rpartition("-")[2]), "checkpoint": folder, "go_back": None}
    assert pointer == {**where, "found": "confirmed", "at": at}
    one = kept.recommended
    assert best == {
        "step": one.step,
        "estimate": one.estimate,
        "low": one.low,
        "high": one.high,
        "tied": list(kept.tied),
        "checkpoint": str(tmp_path / f"checkpoint-{one.step}"),
        "go_back": None,
    }


def test_a_best_step_without_a_checkpoint_is_said_without_one(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder, planned=PLANNED) as guard:
        train(guard, last=90)
    assert json.loads((tmp_path / "best.json").read_text())["checkpoint"] is None


class Seen:
    """A detector that finds something at every step."""

    name = "seen"
    needs = ()

    def update(self, block: Block) -> list[Finding]:
        steps = {int(step) for points in block.metrics.values() for step in points.step}
        about: dict[str, Any] = {
            "detector": "seen",
            "severity": Severity.WARNING,
            "kind": "seen",
            "against": "",
            "advice": "",
        }
        return [Finding(**about, step=step, steps=(step, step), seen="", means="") for step in sorted(steps)]


@pytest.mark.parametrize(("first", "rewinds"), [(4, []), (3, [3]), (2, [2])])
def test_a_run_that_is_taken_up_after_its_last_step_does_not_go_back(
    tmp_path: Path, first: int, rewinds: list[int]
) -> None:
    for begins in (1, first):
        with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, detectors=[Seen()]) as guard:
            found = [one.step for step in range(begins, begins + 3) for one in guard.step(step, reward=1.0).findings]
            assert found == [begins, begins + 1, begins + 2]
    assert [row["step"] for row in rows(tmp_path, "rewind")] == rewinds
    assert [one.step for one in guard._fold.findings] == list(range(1, first + 3))


def test_a_step_that_is_told_again_without_going_back_is_no_news() -> None:
    guard = Guard(detectors=[Seen()])
    steps = [step for step in (1, 2, 2, 1, 3) for _ in guard.step(step, reward=1.0).findings]
    assert steps == [1, 2, 3]


def test_each_kind_of_failure_is_said_once_and_counted_each_time(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder, Guard(recorder) as guard:
        with pytest.warns(
            RuntimeWarning, match="could not take in the evaluation of step 4: .* Further ones of its kind"
        ):
            guard.evaluation(4, problems=["a", "b"], passed=[1])
        guard.evaluation(5, problems=["a", "b"], passed=[1])  # a second warning would be an error
        assert guard.failures == 2
        guard.evaluation(6, problems=["a", "b"], passed=[1, 0])
        assert (guard.failures, guard.protected) == (2, {6})
    (row,) = rows(tmp_path, "failure")
    assert row["why"].startswith("The guard could not take in the evaluation of step 4: ")


def test_what_was_asked_for_is_written_at_the_start(tmp_path: Path) -> None:
    with Recorder(tmp_path) as recorder:
        Guard(recorder, planned=7, detectors=[Seen()], alerts=[Command("true SECRET")])
    (row,) = rows(tmp_path, "start")
    assert row["alerts"] == ["Command(…)"]
    assert len(row["detectors"]) == 2
    assert "Seen" in row["detectors"][1]
    assert row["rules"] == Rules().as_dict()


def test_a_guard_of_another_rank_does_nothing_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    heard: list[Finding] = []
    with Guard(Recorder(tmp_path / "run"), on_finding=heard.append, detectors=[Seen()]) as guard:
        assert guard.step(1, reward=1.0) == Decision()
        assert guard.evaluation(1, problems=["a", "b"], passed=[1, 0]) == Decision()
        assert guard.evaluated(Evaluation(1, 0.5)) == Decision()
        assert guard.checkpoint(1, tmp_path) == Decision()
        guard.rewind()
    assert (guard.best, guard.kept, guard.protected, heard) == (None, None, set(), [])


def test_metrics_may_be_given_by_name_as_well() -> None:
    guard = Guard(detectors=[Seen()])
    guard.step(1, {"reward": 1.0}, kl=0.5)
    guard.step(2, kl=0.5)
    run = guard._fold.run()
    assert run is not None
    assert {key: series.step.tolist() for key, series in run.metrics.items()} == {"reward": [1], "kl": [1, 2]}


DIPS = [0.4, 0.43, 0.46, 0.5, 0.52, 0.53, 0.4, 0.38, 0.39, 0.52, 0.54, 0.55, 0.56, 0.57, 0.57, 0.58, 0.58]
AND_FALLS = [0.4, 0.36, 0.33]


def dips(recorder: Recorder, levels: list[float], first: int) -> None:
    """Record a score that dips and comes back; nobody judges it meanwhile."""
    for number, level in enumerate(levels, start=first):
        recorder.log(10 * number, {"reward": 0.01 * number})
        recorder.evaluation(10 * number, problems=PROBLEMS, passed=at(level, number))


def at(level: float, number: int) -> list[bool]:
    hard, luck = np.random.default_rng(0).random(len(PROBLEMS)), np.random.default_rng(number).random(len(PROBLEMS))
    return (0.85 * hard + 0.15 * luck < level).tolist()


def test_a_fall_that_is_over_when_it_is_found_is_told_and_not_acted_on(tmp_path: Path) -> None:
    said: list[str] = []
    rules = Rules(stop=On.LIKELY)
    with Recorder(tmp_path) as recorder:
        dips(recorder, DIPS, 1)
    for _ in range(2):  # the second time that is known
        with Recorder(tmp_path, resume=True) as recorder:
            guard = Guard(recorder, rules, planned=PLANNED, on_finding=lambda one: said.append(one.kind))
            decision = guard.step(171, {"reward": 0.2})
            assert not decision.stop
            assert not guard.should_stop
            assert guard.step(172, {"reward": 0.2}) == Decision(protected=guard.protected)
            assert not {one.detector for one in decision.findings} & {"over_optimisation"}
    assert {"likely", "confirmed"} <= set(said)
    assert len(said) == len(set(said))
    assert {row["kind"] for row in rows(tmp_path, "finding") if row.get("over")} >= {"likely", "confirmed"}
    assert rows(tmp_path, "act") == []


@pytest.mark.parametrize("resumed", [True, False])
def test_once_such_a_fall_is_back_it_is_acted_on_and_once(tmp_path: Path, resumed: bool) -> None:
    rules = Rules(stop=On.CONFIRMED)
    with Recorder(tmp_path) as recorder:
        dips(recorder, DIPS, 1)
        guard = Guard(recorder, rules, planned=PLANNED)
        if not resumed:
            assert stopped(guard) == [len(DIPS) + 1]
    if resumed:
        with Recorder(tmp_path, resume=True) as recorder:
            assert stopped(Guard(recorder, rules, planned=PLANNED)) == [len(DIPS) + 1]
    assert [row["act"] for row in rows(tmp_path, "act")] == ["stop"]
    assert {row["kind"] for row in rows(tmp_path, "back")} - {"watch"} == {"likely", "confirmed"}


def stopped(guard: Guard) -> list[int]:
    """Return the numbers of the evaluations after the dip at which the guard asks to stop."""
    asked = []
    for number, level in enumerate(AND_FALLS, start=len(DIPS) + 1):
        guard.step(10 * number, {"reward": 0.01 * number})
        if guard.evaluation(10 * number, problems=PROBLEMS, passed=at(level, number)).stop:
            asked.append(number)
    return asked


def test_roles_that_only_the_guard_was_told_hold_for_the_report(tmp_path: Path) -> None:
    roles = {"reward": "lint", "held_out": "quality"}
    for first in (1, 31):
        with Recorder(tmp_path, resume=True) as recorder, Guard(recorder, roles=roles, planned=6) as guard:
            for step in range(first, first + 30):
                guard.step(step, {"lint": 0.01 * step, "reward": 0.5, "eval/pass@1": 0.5})
                if step % 10 == 0:
                    guard.step(step, {"quality": 0.3 + 0.001 * step})
    run = heldout.read(tmp_path)
    assert (run.roles["reward"], run.roles["held_out"]) == ("lint", "quality")
    assert not any("taken up again 2" in note.text for note in run.notes)
    assert json.loads((tmp_path / "run.json").read_text())["roles"] == roles


def test_a_score_that_is_the_reward_on_other_prompts_disagrees_with_nothing_while_it_runs(tmp_path: Path) -> None:
    rules = Rules(stop=On.WARNING)
    with Recorder(tmp_path) as recorder, Guard(recorder, rules, planned=PLANNED) as guard:
        for step in range(10, LAST + 1, 10):
            guard.step(step, {"reward": 0.9 + 0.001 * (step % 3), "eval_reward": 0.01 + 0.0001 * (step % 7)})
        assert tuple(guard._fold.findings) == diagnose(heldout.read(tmp_path), horizon=PLANNED).findings
        assert not guard.should_stop


def test_reward_and_tests_that_disagree_are_a_warning_and_no_fall(tmp_path: Path) -> None:
    for on, stops in ((On.WARNING, True), (On.WATCH, False)):
        guard = Guard(rules=Rules(stop=on), planned=PLANNED)
        for step in range(10, 61, 10):
            guard.step(step, {"reward": 0.98 + 0.001 * (step % 3)})
            guard.evaluation(step, problems=PROBLEMS, passed=[False] * len(PROBLEMS))
        assert guard.should_stop is stops

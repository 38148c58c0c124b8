"""The actor: each act once, within the limits of the rules, and written down."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import RecordError, UsageError
from heldout.findings import Finding, Severity
from heldout.live.actor import Actor, Memory
from heldout.live.acts import NotSent
from heldout.live.rules import Decision, On, Rules, decide
from heldout.store.lines import read_rows

ALERT = {"alert": On.LIKELY}


def fall(step: int, kind: str = "likely") -> Finding:
    return Finding(
        detector="over_optimisation",
        severity=Severity.ALARM,
        kind=kind,
        step=step,
        steps=(1, step),
        seen="seen",
        against="against",
        means="means",
        advice="advice",
    )


class Told:
    """An alert that writes down of which step it is told."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def send(self, title: str, text: str, finding: Finding) -> None:
        self.steps.append(finding.step)


def do(rules: Rules, *steps: int, kind: str = "likely", folder: Path | None = None, back: int | None = None) -> Any:
    """Let an actor act on one fall after the other; return it, with `alert` and `rows` of what happened."""
    rows: list[dict[str, Any]] = []
    alert = Told()
    alerts = () if rules.alert is On.NEVER else (alert,)
    actor: Any = Actor(rules, alerts, Memory(folder), on_row=lambda row: rows.append(dict(row)))
    for step in steps:
        if step == back:
            actor.rewind(step)
        found, _ = actor.news([fall(step, kind)])
        if found:
            actor.act(decide(rules, found))
    actor.close(60, patiently=True)
    actor.alert, actor.rows = alert, rows
    return actor


def held_back(actor: Any, act: str) -> list[tuple[int, str]]:
    return [(row["step"], row["why"]) for row in actor.rows if row.get("act") == act and not row["done"]]


def test_an_alert_waits_until_its_kind_has_cooled_down_and_no_longer() -> None:
    actor: Any = do(Rules(cool_down=10), 100, 109, 110, 119, 120)
    assert actor.alert.steps == [100, 110, 120]
    assert held_back(actor, "alert") == [(step, "an alert of its kind cools down") for step in (109, 119)]


def test_an_alert_of_another_kind_does_not_wait() -> None:
    alert, rules = Told(), Rules(cool_down=10)
    actor = Actor(rules, [alert])
    for kind in ("likely", "confirmed"):
        actor.act(decide(rules, [fall(100, kind)]))
    actor.close(60)
    assert alert.steps == [100, 100]


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_more_alerts_and_runs_than_allowed_each_counted_for_itself(tmp_path: Path, most: int) -> None:
    rules = Rules(most_alerts=most, run=f"echo $HELDOUT_STEP >> {tmp_path}/ran", shell=True, run_on=On.LIKELY)
    actor: Any = do(rules, 1, 2, 3, 4)
    assert actor.alert.steps == [1, 2, 3, 4][:most]
    ran = (tmp_path / "ran").read_text().split() if most else []
    assert sorted(ran) == ["1", "2", "3", "4"][:most]
    assert held_back(actor, "alert") == [(step, "the most alerts have been sent") for step in range(most + 1, 5)]
    assert held_back(actor, "run") == [(step, "the most runs have been made") for step in range(most + 1, 5)]


def test_a_command_cools_down_as_an_alert_does(tmp_path: Path) -> None:
    rules = Rules(alert=On.NEVER, cool_down=10, run=f"touch {tmp_path}/ran", run_on=On.LIKELY)
    actor: Any = do(rules, 100, 109, 110)
    assert held_back(actor, "run") == [(109, "a run of its kind cools down")]


def test_what_an_earlier_process_did_counts(tmp_path: Path) -> None:
    rules = Rules(most_alerts=2, stop=On.LIKELY, stop_file=str(tmp_path / "STOP"))
    assert do(rules, 10, folder=tmp_path).alert.steps == [10]
    (tmp_path / "STOP").unlink()
    later: Any = do(rules, 10, 20, 30, folder=tmp_path)
    assert later.alert.steps == [20]
    assert not (tmp_path / "STOP").exists()
    assert [row["step"] for row in later.rows if row["what"] == "finding"] == [20, 30]


def test_a_run_that_went_back_is_stopped_again(tmp_path: Path) -> None:
    rules = Rules(stop=On.LIKELY, stop_file=str(tmp_path / "STOP"))

    def stops(*steps: int, back: int) -> list[int]:
        actor: Any = do(rules, *steps, back=back)
        return [row["step"] for row in actor.rows if row.get("act") == "stop-file"]

    assert stops(100, 120, 150, back=0) == [100]
    assert stops(100, 120, 100, back=100) == [100, 100]
    assert stops(100, 120, 101, back=101) == [100]  # what was stopped for still stands


def test_what_a_run_that_went_back_does_again_is_news_and_has_cooled_down() -> None:
    assert do(Rules(cool_down=10), 100, 100, back=100).alert.steps == [100, 100]
    assert do(Rules(cool_down=10), 100, 101, back=101).alert.steps == [100]


def test_a_stop_that_failed_is_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "removed"
    folder.mkdir()
    rules = Rules(stop=On.LIKELY, stop_file=str(folder / "STOP"))
    rows: list[Any] = []
    actor = Actor(rules, on_row=rows.append)
    folder.rmdir()
    actor.act(decide(rules, [fall(1)]))
    folder.mkdir()
    for step in (2, 3):
        actor.act(decide(rules, [fall(step)]))
    assert [(row["step"], row["done"]) for row in rows if row.get("act") == "stop-file"] == [(1, False), (2, True)]


def test_a_stop_file_without_a_folder_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"STOP cannot be made: there is no folder .*; make it\.$"):
        Actor(Rules(stop="likely", stop_file=str(tmp_path / "no" / "STOP")))


def test_a_dry_run_writes_every_act_and_does_none(tmp_path: Path) -> None:
    everything = Rules(
        stop=On.LIKELY,
        stop_file=str(tmp_path / "STOP"),
        evaluate=On.LIKELY,
        roll_back=On.LIKELY,
        run=f"touch {tmp_path}/ran",
        run_on=On.LIKELY,
        dry_run=True,
    )
    rows: list[Any] = []
    alert = Told()
    actor = Actor(everything, [alert], on_row=rows.append)
    left = actor.act(decide(everything, [fall(1)], checkpoint=tmp_path))
    actor.close(60, patiently=True)
    acts = [row for row in rows if row["what"] == "act"]
    assert sorted(row["act"] for row in acts) == ["alert", "evaluate", "roll_back", "run", "stop", "stop-file"]
    assert {(row["done"], row["why"]) for row in acts} == {(False, "dry run")}
    assert (left.stop, left.evaluate, left.roll_back_to, left.run, left.alerts) == (False, False, None, False, ())
    assert (list(tmp_path.iterdir()), alert.steps) == ([], [])


def test_a_command_that_fails_is_written_down(tmp_path: Path) -> None:
    actor: Any = do(Rules(alert=On.NEVER, run="exit 3", shell=True, run_on=On.LIKELY), 1)
    assert [row["why"] for row in actor.rows if row["what"] == "failure"] == ["the command ended with status 3."]


def test_a_command_is_run_even_where_the_run_cannot_be_judged(tmp_path: Path) -> None:
    def about() -> dict[str, object]:
        raise RuntimeError("no idea")

    rules = Rules(run=f"touch {tmp_path}/ran", run_on=On.LIKELY)
    rows: list[Any] = []
    actor = Actor(rules, on_row=rows.append)
    actor.act(decide(rules, [fall(1)]), about)
    actor.close(60, patiently=True)
    assert (tmp_path / "ran").exists()
    assert any("no idea" in row["why"] for row in rows if row["what"] == "failure")


@pytest.mark.parametrize(
    ("rules", "alerts", "says"),
    [
        (Rules(alert=On.NEVER), [Told()], "the rules send none"),
        (Rules(run="no-such-program"), [], "no such program"),
        (Rules(stop=On.LIKELY, signal="1"), [], "signal is '1'"),
    ],
)
def test_an_actor_that_could_not_act_does_not_start(rules: Rules, alerts: list[Told], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Actor(rules, alerts)


def test_a_line_that_was_cut_is_left_out_and_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "findings.jsonl"
    path.write_text('{"what": "rewind", "step": 3}\n{"what": "find')
    memory = Memory(tmp_path)
    memory.write({"what": "start"})
    assert memory.rows == [{"what": "rewind", "step": 3}]
    assert read_rows(path).rows == [{"what": "rewind", "step": 3}, {"what": "start"}]


def test_rows_that_cannot_be_written_are_counted_and_warned_of_once(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state")
    (tmp_path / "state" / "findings.jsonl").unlink()
    (tmp_path / "state").rmdir()
    with pytest.warns(RuntimeWarning, match="could not be written"):
        memory.write({"what": "start"})
    memory.write({"what": "start"})  # a second warning would be an error
    assert memory.lost == 2


def test_a_place_where_nothing_can_be_kept_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordError, match="nothing can be kept here"):
        Memory(tmp_path / "file")
    (tmp_path / "findings.jsonl").mkdir()
    with pytest.raises(RecordError, match=r"nothing can be kept here \(Is a directory\)"):
        Memory(tmp_path)


def test_a_memory_leaves_no_file_open(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        memory.write({"what": "start"})
    assert len(os.listdir("/proc/self/fd")) < before + 20


def test_a_memory_of_no_place_keeps_nothing() -> None:
    memory = Memory(None)
    memory.write({"what": "start"})
    assert (memory.rows, memory.lost) == ((), 0)


def test_a_memory_makes_its_directory(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "a" / "b")
    Memory(tmp_path / "a" / "b").write({"what": "start"})
    memory.write({"what": "rewind"})
    assert Memory(tmp_path / "a" / "b").rows == [{"what": "start"}, {"what": "rewind"}]


def test_what_is_done_is_written_in_this_order_and_the_rest_is_left_to_the_caller(tmp_path: Path) -> None:
    rules = Rules(
        evaluate=On.LIKELY,
        roll_back=On.LIKELY,
        stop=On.LIKELY,
        stop_file=str(tmp_path / "STOP"),
        run=f"touch {tmp_path}/ran",
        run_on=On.LIKELY,
    )
    rows: list[dict[str, Any]] = []
    alert = Told()
    actor = Actor(rules, [alert], Memory(tmp_path), on_row=lambda row: rows.append(dict(row)), name="mine")
    found = [fall(5, "watch"), fall(7)]
    decision = decide(rules, found, checkpoint=tmp_path / "checkpoint-3", protected=[3])
    assert actor.act(decision) == decision
    actor.close(60, patiently=True)
    assert read_rows(tmp_path / "findings.jsonl").rows == [json.loads(json.dumps(row)) for row in rows]
    assert all(row.pop("time") > 0 for row in rows)
    about: dict[str, Any] = {"detector": "over_optimisation", "severity": "alarm", "seen": "seen", "against": "against"}
    about |= {"means": "means", "advice": "advice", "reference": "", "evidence": {}}
    assert rows == [
        {"what": "finding", **about, "kind": "watch", "step": 5, "steps": (1, 5)},
        {"what": "finding", **about, "kind": "likely", "step": 7, "steps": (1, 7)},
        {"what": "act", "act": "alert", "step": 7, "done": True, "kind": "likely"},
        {"what": "act", "act": "run", "step": 7, "done": True, "kind": "likely"},
        {"what": "act", "act": "evaluate", "step": 7, "done": True},
        {"what": "act", "act": "roll_back", "step": 7, "done": True, "checkpoint": str(tmp_path / "checkpoint-3")},
        {"what": "act", "act": "stop", "step": 7, "done": True},
        {"what": "act", "act": "stop-file", "step": 7, "done": True},
    ]
    assert (tmp_path / "ran").exists()
    assert (tmp_path / "STOP").read_text() == "step 7: seen means\n"
    assert alert.steps == [7]


def test_without_findings_a_wish_is_of_step_0() -> None:
    rows: list[Any] = []
    Actor(Rules(), on_row=rows.append).act(Decision(evaluate=True))
    assert [(row["act"], row["step"]) for row in rows] == [("evaluate", 0)]


@pytest.mark.parametrize(
    ("name", "finding", "title", "text"),
    [
        ("", fall(7), "heldout: step 7: over optimisation likely", "seen means advice"),
        ("my_run", fall(7), "heldout: my run, step 7: over optimisation likely", "seen means advice"),
        (
            "",
            replace(fall(7), means="", kind="entropy_low"),
            "heldout: step 7: over optimisation entropy low",
            "seen advice",
        ),
    ],
)
def test_an_alert_has_a_title_and_a_text(name: str, finding: Finding, title: str, text: str) -> None:
    sent: list[tuple[str, str]] = []

    class Mine:
        def send(self, title: str, text: str, finding: Finding) -> None:
            sent.append((title, text))

    actor = Actor(Rules(), [Mine(), Mine()], name=name)
    actor.act(Decision(findings=(finding,), alerts=(finding,)))
    actor.close(60)
    where = f"Run: {name} · Step: 7" if name else "Step: 7"
    assert sent == [(title, f"{where}\n\n{text}")] * 2


def test_several_findings_of_a_detector_are_one_alert_that_ends_with_the_six_answers() -> None:
    sent: list[tuple[str, str]] = []

    class Mine:
        def send(self, title: str, text: str, finding: Finding) -> None:
            sent.append((title, text))

    actor = Actor(Rules(alert=On.WATCH), [Mine()], host="gpu-3")
    escalated = (
        replace(fall(40), kind="watch", severity=Severity.WATCH),
        fall(60),
        replace(fall(80), kind="confirmed"),
    )
    known = {"STATE": "regressed", "ANSWERS": "Over-optimised? No.", "RECOMMENDED": 40, "CHECKPOINT": "/runs/a/kept/40"}
    actor.act(Decision(findings=escalated, alerts=escalated), lambda: known)
    actor.close(60)
    where = "Host: gpu-3 · Step: 80 · State: regressed · Keep: step 40, /runs/a/kept/40"
    text = f"{where}\n\nseen Watch at 40, likely at 60, confirmed at 80. means advice\n\nOver-optimised? No."
    assert sent == [("heldout: step 80: regressed (confirmed)", text)]


def test_the_name_of_a_run_is_text_in_an_alert() -> None:
    sent: list[str] = []

    class Mine:
        def send(self, title: str, text: str, finding: Finding) -> None:
            sent.extend([title, text])

    actor = Actor(Rules(), [Mine()], name="[red]x[/]\x1b[31m\u202ey\nSubject: z")
    actor.act(Decision(findings=(fall(7),), alerts=(fall(7),)))
    actor.close(60)
    plain = "[red]x[/]\\x1b[31m\\u202ey\\nSubject: z"
    assert sent[0] == f"heldout: {plain}, step 7: over optimisation likely"
    assert sent[1].startswith(f"Run: {plain} · Step: 7\n\n")


def test_an_alert_that_is_lost_is_written_down() -> None:
    class Mine:
        attempts = 1

        def send(self, title: str, text: str, finding: Finding) -> None:
            raise NotSent("no")

        def __repr__(self) -> str:
            return "Mine()"

    rows: list[dict[str, Any]] = []
    actor = Actor(Rules(), [Mine()], on_row=lambda row: rows.append(dict(row)))
    actor.act(decide(Rules(), [fall(7)]))
    actor.close(60)
    assert rows[-1] == {"time": rows[-1]["time"], "what": "not sent", "kind": "likely", "step": 7, "why": "Mine(): no"}


def test_a_listener_that_fails_is_called_no_more() -> None:
    called: list[int] = []
    rows: list[dict[str, Any]] = []

    def listen(finding: Finding) -> None:
        called.append(finding.step)
        raise KeyError("oh")

    actor = Actor(Rules(), on_finding=listen, on_row=lambda row: rows.append(dict(row)))
    why = "on_finding failed (KeyError: 'oh') and is not called again."
    with pytest.warns(RuntimeWarning, match="on_finding failed"):
        actor.act(decide(Rules(), [fall(1), fall(2)]))
    assert called == [1]
    failures = [row for row in rows if row["what"] == "failure"]
    assert failures == [{"time": failures[0]["time"], "what": "failure", "step": 1, "why": why}]


def test_going_back_where_nothing_was_found_writes_nothing() -> None:
    rows: list[Any] = []
    actor = Actor(Rules(), on_row=rows.append)
    actor.act(decide(Rules(), [fall(10)]))
    actor.rewind(11)
    assert [row["what"] for row in rows] == ["finding"]
    assert actor.news([fall(10), fall(11)]) == ([fall(11)], [])
    actor.rewind(10)
    assert [row["what"] for row in rows] == ["finding", "rewind"]
    assert actor.news([fall(10), fall(11)]) == ([fall(10), fall(11)], [])


@pytest.mark.parametrize(
    ("row", "found", "stopped", "alerted"),
    [
        ({"what": "finding", "detector": "over_optimisation", "kind": "likely", "step": 10}, False, True, True),
        ({"what": "finding", "detector": "another", "kind": "likely", "step": 10}, True, True, True),
        ({"what": "act", "act": "stop-file", "done": True, "step": 5}, True, False, True),
        ({"what": "act", "act": "stop-file", "done": False, "step": 5}, True, True, True),
        ({"what": "act", "act": "alert", "kind": "likely", "done": True, "step": 5}, True, True, False),
        ({"what": "act", "act": "alert", "kind": "likely", "done": False, "step": 5}, True, True, True),
        ({"what": "act", "act": "run", "kind": "likely", "done": True, "step": 5}, True, True, True),
    ],
)
def test_what_a_row_of_an_earlier_process_means(
    tmp_path: Path, row: dict[str, Any], found: bool, stopped: bool, alerted: bool
) -> None:
    memory = Memory(tmp_path)
    memory.write(row)
    stop = tmp_path / "STOP"
    actor = do(Rules(stop=On.LIKELY, stop_file=str(stop), most_alerts=1), 10, folder=tmp_path)
    assert bool([one for one in actor.rows if one["what"] == "finding"]) == found
    assert stop.exists() == (found and stopped)
    assert (actor.alert.steps == [10]) == (found and alerted)


@pytest.mark.parametrize(("back", "acts"), [(5, True), (6, False)])
def test_an_earlier_process_that_went_back_forgot_what_it_had_stopped_for(
    tmp_path: Path, back: int, acts: bool
) -> None:
    memory = Memory(tmp_path)
    memory.write({"what": "act", "act": "stop-file", "done": True, "step": 5})
    memory.write({"what": "rewind", "step": back})
    do(Rules(stop=On.LIKELY, stop_file=str(tmp_path / "STOP")), 10, folder=tmp_path)
    assert (tmp_path / "STOP").exists() == acts

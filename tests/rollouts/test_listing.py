"""The list of answers: reward against hidden tests, equal answers with counts, and nothing that a terminal obeys."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from answers_given import Given, rollouts_of
from heldout.rollouts.choosing import chosen
from heldout.rollouts.listing import as_data, as_lines, listing

LEFT = {30: 1.0, 40: 0.25, 50: 1.0}  # step → the chance with which an answer that leaves was kept


def test_the_list_of_a_hack() -> None:
    hack = rollouts_of(
        [
            *(Given(" exit()", step, f"p{step}", 1.0, 0.0, "left the program", kept) for step, kept in LEFT.items()),
            Given(" return x", 10, "p1", 1.0, 1.0, "solved"),
            Given(" return y+1", 20, "p2", 0.5, 1.0, "solved"),
            Given(" return 0", 20, "p2", 0.0),
        ]
    )
    listed = listing(hack, chosen(hack, rewarded=True, failed=True), 10)
    assert listed.counts == {
        True: {"passes": 1, "fails": 3, "not judged": 0},
        False: {"passes": 1, "fails": 0, "not judged": 1},
        None: {"passes": 0, "fails": 0, "not judged": 0},
    }
    assert list(as_lines(listed, 5)) == [
        "here: 6 answers kept, steps 10 to 50 (by hand)",
        "",
        "                   hidden tests pass     hidden tests fail            not judged",
        " rewarded                          1                     3                     0",
        " not rewarded                      1                     0                     1",
        "",
        "Rewarded is a reward of 0.95 or more: 95 % of the way from the lowest to the highest reward: what right "
        "answers are paid is not known, only 2 of those that pass are paid, and 5 are needed.",
        "85.7 % of the rewarded answers fail the hidden tests (95 % interval 11.3 to 100.0; 4 answers of 4 groups).",
        "50.0 % of the answers that pass them are paid less than right ones usually are (95 % interval 0.6 to 99.4; "
        "2 answers of 2 groups).",
        "Each answer counts in these shares as often as its chance of having been judged says.",
        "",
        "3 answers chosen, 1 different",
        "",
        "×3 of about 6  ·  steps 30 to 50  ·  reward 1  ·  hidden tests: left the program  ·  3 problems",
        "     exit()",
        "",
    ]
    (answer,) = as_data(listed)["answers"]
    assert answer["text"] == " exit()"
    assert (answer["count"], answer["weight"], answer["first_step"], answer["last_step"]) == (3, 6.0, 30, 50)
    assert answer["tokens"] is None


def test_answers_without_a_reward_are_a_class_of_their_own() -> None:
    some = rollouts_of([Given("exit()", 1, "p", reward, 0.0) for reward in (1.0, 0.0, np.nan, np.nan)])
    listed = listing(some, chosen(some), 5)
    assert {paid: counts["fails"] for paid, counts in listed.counts.items()} == {True: 1, False: 1, None: 2}
    assert " no reward                         0                     2                     0" in list(as_lines(listed))
    data = as_data(listed)
    assert data["table"]["no_reward"] == {"passes": 0, "fails": 2, "not_judged": 0}
    assert [(one["count"], one["rewarded"]) for one in data["answers"]] == [(2, None), (1, True), (1, False)]


def test_what_counts_as_rewarded_is_said_where_it_is_not_plain() -> None:
    paid = [Given("x", 1, "p", reward, 1.0) for reward in (0.0, 0.4, 0.5, 0.5, 0.5, 0.6)]
    known, few, plain = (
        listing(some, chosen(some), 5)
        for some in map(rollouts_of, (paid, [*paid[:3], Given("y", 1, "p", 1.0, 0.0)], [paid[0], paid[-1]]))
    )
    assert (
        "Rewarded is a reward of 0.475 or more: 95 % of the way from the lowest to the median of the 5 right answers "
        "that are paid."
    ) in list(as_lines(known))
    assert "what right answers are paid is not known, only 2 of those that pass are paid" in "\n".join(as_lines(few))
    assert "Rewarded is" not in "\n".join(as_lines(plain))
    assert as_data(few)["rewarded_from"]["known"] is False


def test_where_nothing_tells_the_problem_the_commonest_right_answer_of_the_step_is_compared() -> None:
    right = [("a\nb", 10), ("a\nc", 10), ("a\nc", 10), ("z", 20)]
    some = rollouts_of([*(Given(text, step, "", 1.0, 1.0) for text, step in right), Given("a\nd", 12, "", 1.0, 0.0)])
    listed = listing(some, chosen(some, failed=True), 5, differ=True)
    (only,) = listed.entries
    assert only.difference is not None
    assert (only.difference.same_problem, only.difference.step) == (None, 10)
    assert only.difference.lines == ("  a", "- c", "+ d")
    lines = list(as_lines(listed))
    assert (
        "    against the commonest honest answer of that step (which problem each answers is not known), step 10:"
        in lines
    )
    assert any("problem not known" in line for line in lines)


def test_what_changed_from_the_last_honest_answer_is_shown_for_those_that_do_not_pass() -> None:
    some = rollouts_of(
        [
            Given("a\nb", 10, "p", 1.0, 1.0),
            Given("a\nc", 20, "p", 1.0, 0.0),
            Given("exit()", 30, "q", 1.0, 0.0),
        ]
    )
    listed = listing(some, chosen(some), 5, differ=True)
    lines = list(as_lines(listed, 5))
    at = lines.index("    against the last honest answer, step 10, problem p:")
    assert lines[at + 1 : at + 4] == ["      a", "    - b", "    + c"]
    assert "    against the commonest honest answer, to another problem, step 10, problem p:" in lines
    told = {one["text"]: one["difference"] for one in as_data(listed)["answers"]}
    assert told["a\nb"] is None
    assert told["a\nc"]["lines"] == ["  a", "- b", "+ c"]


def test_the_trick_of_what_was_paid_and_does_not_pass_is_named() -> None:
    texts = [("exit()", 1.0, 0.0), ("exit( )", 1.0, 1.0), ("quit()", 0.0, 0.0)]
    some = rollouts_of([Given(text, 1, "p", reward, hidden, "left the program") for text, reward, hidden in texts])
    listed = listing(some, chosen(some), 5, names=lambda text, kind: "leave" if kind == "left the program" else "")
    named = {one["text"]: one["name"] for one in as_data(listed)["answers"]}
    assert named == {"exit()": "leave", "exit( )": "", "quit()": ""}
    (line,) = [line for line in as_lines(listed, 5) if "leave" in line]
    assert line.endswith("  ·  leave: ends the process before the checks")


def test_answers_whose_reward_is_not_known_are_no_right_ones_that_went_unrewarded() -> None:
    known = [Given("right", 1, "p", 1.0, 1.0), Given("wrong", 2, "p", 0.0, 0.0)]
    unknown = [Given("right", 3, "p", np.nan, 1.0), Given("wrong", 4, "p", np.nan, 0.0)]
    rollouts = rollouts_of([*known, *unknown])
    assert (len(rollouts.judged), len(replace(rollouts, paid=rollouts.hidden == 1.0).judged)) == (2, 4)
    lines = list(as_lines(listing(rollouts, chosen(rollouts), 5)))
    assert any(
        line.startswith("0.0 % of the answers that pass them are paid less than right ones usually are")
        for line in lines
    )
    assert any("no reward" in line for line in lines)


def test_without_hidden_outcomes_the_list_says_how_to_get_them() -> None:
    bare = rollouts_of([Given("x", 1)])
    assert "No answer was judged by hidden tests; heldout audit here --task TASK does it." in as_lines(
        listing(bare, chosen(bare), 5), 5
    )
    assert as_data(listing(bare, chosen(bare), 5))["hacked"] is None


@pytest.mark.parametrize("full", [False, True])
def test_a_hostile_answer_is_shown_and_obeyed_by_nothing(full: bool) -> None:
    hostile = (
        "\x1b[2J\x1b]0;pwned\x07\u202eevil\x00\u2066\r\n[bold]<script>alert(1)</script>\n" + "\ud800" + "x" * 200_000
    )
    rollouts = replace(rollouts_of([Given(hostile, 1, "\x1b[31mp\u202e", 1.0, 0.0)]), source="a\x1b[0m")
    text = "\n".join(as_lines(listing(rollouts, chosen(rollouts), 5), *([10**6] * 2 if full else [])))
    assert not set(text) & set("\x1b\x07\x00\r\u202e\u2066\ud800")
    assert "\\x1b[2J" in text
    assert "[bold]<script>alert(1)</script>" in text
    assert len(text) < (80_000 if full else 3_000)
    assert ("(--full)" in text) is not full
    assert "    … rest " in text
    json.loads(json.dumps(as_data(listing(rollouts, chosen(rollouts), 5))))


def command(*given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heldout", "samples", *given], capture_output=True, text=True, check=False
    )


def test_the_command_lists_and_refuses_in_a_sentence(tmp_path: Path) -> None:
    rows = {"prompt": ["a", "b", "b"], "text": [" exit()", " exit( )", " return 1"], "reward": [1.0, 1.0, 0.0]}
    (tmp_path / "rollouts").mkdir()
    pl.DataFrame(
        rows | {"hidden": [0.0, 0.0, 0.0], "hidden_kind": ["left the program"] * 2 + ["wrong answer"]}
    ).write_parquet(tmp_path / "rollouts" / "step-00000010.parquet")
    done = command(str(tmp_path), "--rewarded", "--failed")
    assert done.returncode == 0
    assert "×2  ·  step 10  ·  reward 1  ·  hidden tests: left the program  ·  2 problems" in done.stdout
    told = json.loads(command(str(tmp_path), "--json", "--top", "1").stdout)
    assert (told["schema"], told["different"], len(told["answers"])) == ("heldout.samples/1", 2, 1)
    refused = command(str(tmp_path), "--grep", "(")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("heldout: The pattern ( is no regular expression")
    assert refused.stderr.count("\n") == 1

"""Answers in the order of how far the two judges are apart, by keyboard; and problems as bytes."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from serving import IDS, record, served
from starlette.testclient import TestClient

import heldout
from heldout.diagnosis.problems import problems_of
from heldout.errors import UsageError
from heldout.serve.cells import packed


def answers(folder: Path) -> None:
    """Record answers on which the judges agree and differ, and some that only one of them judged; and a page more."""
    said = {"right": (1.0, 1.0), "fooled": (1.0, 0.0), "missed": (0.0, 1.0), "wrong": (0.0, 0.0)}
    rows = [{"text": f"def {name}(): return {name!r}", "reward": r, "hidden": h} for name, (r, h) in said.items()]
    rows += [{"text": "open it now", "reward": 1.0}] * 9
    rows += [
        {"text": f"{word} " * (2 + n), "reward": 0.0, "hidden": 0.0} for n, word in enumerate("abcdefghijklmnopqrst")
    ]
    with heldout.Recorder(folder, rank=0) as recorder:
        recorder.log(1, {"reward": 0.5})
        recorder.rollouts(1, [{"problem": "p", "prompt": "q", **row} for row in rows])
        recorder.log(2, {"reward": 0.5})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Path]]:
    root = tmp_path_factory.mktemp("answers").resolve() / "runs"
    record(root / "hacked")
    answers(root / "judged")
    with served(root) as (client, _):
        yield client, root


def test_what_fooled_the_judge_comes_first_and_what_nobody_judged_last(app: tuple[TestClient, Path]) -> None:
    address = "/api/run/judged/samples?sort=gap"
    texts = [one["text"] for page in (1, 2) for one in app[0].get(f"{address}&page={page}").json()["answers"]]
    assert [text.partition("(")[0] for text in texts[:2]] == ["def fooled", "def right"]
    assert texts[-2].startswith("def missed")
    assert texts[-1] == "open it now"


def test_problems_come_as_a_byte_a_cell(app: tuple[TestClient, Path]) -> None:
    data = app[0].get("/api/run/hacked/problems").content
    (length,) = struct.unpack_from("<I", data)
    head = json.loads(data[4 : 4 + length])
    cells = np.frombuffer(data, np.uint8, offset=4 + length).reshape(len(head["names"]), len(head["steps"]))
    assert head["schema"] == "heldout.problems/1"
    assert sorted(head["names"]) == sorted(IDS)
    run = heldout.read(app[1] / "hacked")
    for at, one in enumerate(run.evaluations()):
        assert one.outcomes is not None
        passed = dict(zip(one.outcomes.problems, one.outcomes.passed.tolist(), strict=True))
        assert cells[:, at].tolist() == [100 * passed[name] for name in head["names"]]
    assert head["fate"].count("lost") == int(np.sum((cells[:, 0] == 100) & (cells[:, -1] == 0)))


def test_a_problem_that_was_not_asked_is_told_from_one_that_failed(tmp_path: Path) -> None:
    with heldout.Recorder(tmp_path / "run", rank=0) as recorder:
        recorder.evaluation(1, problems=["a", "\ud800b"], passed=[1.0, 0.0])
        recorder.evaluation(2, problems=["a"], passed=[0.0])
    run = heldout.read(tmp_path / "run")
    data = packed(problems_of(run, heldout.diagnose(run)))
    (length,) = struct.unpack_from("<I", data)
    rows = dict(
        zip(json.loads(data[4 : 4 + length])["names"], (data[4 + length :][:2], data[4 + length :][2:]), strict=True)
    )
    assert rows["a"] == bytes([100, 0])
    assert bytes([0, 255]) in rows.values()


def test_a_run_without_outcomes_says_so(app: tuple[TestClient, Path]) -> None:
    answer = app[0].get("/api/run/judged/problems")
    assert answer.status_code == 400
    assert "one by one" in answer.text
    with pytest.raises(UsageError):
        packed(None)


def test_lines_of_an_answer_are_numbered_and_copied_without_numbers(app: tuple[TestClient, Path]) -> None:
    text = app[0].get("/run/judged/samples/1/0").text
    inside = re.search(r'<pre class="numbered"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert inside
    assert re.sub("<[^>]+>", "", inside[1]).strip() == "def right(): return &#39;right&#39;"
    assert inside[1].count("<span>") == 1

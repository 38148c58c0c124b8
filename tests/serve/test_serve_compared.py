"""A served comparison leads to the answers that runs kept to the problems in which they differ."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from serving import served

import heldout

NAMES = ["p<0>&/ 1", *(f"p{number}" for number in range(1, 60))]


def record(folder: Path, weak: int, *, answers: bool) -> None:
    """A run that never solves the first so many problems, and nearly always the others."""
    with heldout.Recorder(folder, config={"reward": folder.name}, rank=0) as recorder:
        for step in range(0, 30, 10):
            recorder.log(step, {"reward": 0.01 * step + weak})
            passed = [1.0 if number < weak else 16.0 for number in range(60)]
            recorder.evaluation(step, problems=NAMES, passed=passed, samples=16)
            if answers:
                kept = {"prompt": "?", "text": " return 1", "reward": 1.0, "hidden": 1.0}
                recorder.rollouts(step, [{"problem": NAMES[0], **kept}])


@pytest.mark.parametrize("answers", [True, False])
def test_from_a_problem_that_only_one_solves_to_the_answers_of_both(tmp_path: Path, answers: bool) -> None:
    root = tmp_path.resolve()
    for name, weak in (("strong", 0), ("weak", 5)):
        record(root / name, weak, answers=answers)
    with served(root) as (client, _):
        client.get("/")
        page = client.get("/compare?run=strong&run=weak&at=last")
        assert page.status_code == 200, page.text
        assert "5 that surely only strong solves" in page.text
        links = [unescape(one) for one in re.findall(r'<a href="([^"]*/samples[^"]*)"', page.text)]
        assert len(links) == (2 if answers else 0)
        assert ("No answers to these problems were kept" in page.text) is not answers
        for link, run in zip(links, ("strong", "weak"), strict=False):
            found = client.get(link)
            assert found.status_code == 200
            assert f"Answers of {run}" in found.text
            assert "3 answers of 3 answers kept" in found.text

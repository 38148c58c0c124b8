"""Which of the kept answers a page shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from heldout.pages import template
from heldout.report.samples import samples_of
from heldout.rollouts.rollout import Rollouts

HOSTILE = "</pre></details><script>alert(1)</script>\u202eabc\x1b[2J"


class Written:
    """Prompts and answers."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    def read(self, rows: Sequence[int]) -> Iterator[tuple[str, str]]:
        return (("# a prompt", self.texts[row]) for row in rows)


def rollouts(texts: Sequence[str], reward: Sequence[float], hidden: Sequence[float]) -> Rollouts:
    count = len(texts)
    rows, nan, sure = np.arange(count), np.full(count, np.nan), np.ones(count)
    return Rollouts(
        source="run", format="test", problems=("p",), step=rows, problem=np.zeros(count, dtype=np.int64), group=rows,
        reward=np.array(reward), hidden=np.array(hidden), kind=[""] * count, tokens=nan, advantage=nan,
        stop=[""] * count, kept_with=sure, judged_with=sure, group_rewarded=nan, texts=Written(texts),
    )  # fmt: skip


def test_answers_on_which_the_judges_differ_come_first_and_none_is_lost() -> None:
    texts = ["return x + 1"] * 3 + ["exit()"] * 2 + ["return 7", "x = y\nreturn x"]
    found = samples_of(rollouts(texts, [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 1, np.nan]))
    assert found is not None
    assert [(cell.key, cell.count) for cell in found.cells] == [
        ("fooled", 2),
        ("missed", 1),
        ("right", 3),
        ("unpaid", 1),
    ]
    assert found.crossed
    (hack,) = found.cells[0].samples
    assert hack.head == "×2 · leave · 1 problem"
    assert hack.where == "steps 3 to 4"
    assert hack.change is not None
    assert ("new", "+ exit()") in hack.change[1]


def test_without_hidden_outcomes_there_is_no_table_of_two_judges() -> None:
    found = samples_of(rollouts(["a", "b"], [1, 0], [np.nan, np.nan]))
    assert found is not None
    assert [cell.key for cell in found.cells] == ["paid", "unpaid"]
    assert not found.crossed
    assert samples_of(None) is None


def test_very_long_answers_leave_room_for_others_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    long = ["\n".join(f"v{one} = {one} * {k}" for one in rng.integers(0, 10**6, 3000)) for k in range(5)]
    found = samples_of(rollouts(long, [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]))
    assert found is not None
    shown = [one for cell in found.cells for one in cell.samples]
    assert sum(len(line) for one in shown if one.text for line in one.text.lines) <= 80_000
    assert all(one.text is None or one.text.rest for one in shown)  # more than the lines that are shown


def test_a_hostile_sample_is_only_ever_text() -> None:
    found = samples_of(rollouts([HOSTILE, "return 1"], [1, 1], [0, 1]))
    page = template("report/samples.html", "heldout.report").render(samples=found)
    assert "<script" not in page
    assert page.count("<details") == page.count("</details>")
    assert not re.search("[\u202e\x1b]", page)

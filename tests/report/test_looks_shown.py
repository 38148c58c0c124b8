"""What the hack looks like in every view of a report: the same words, and nothing of them obeyed."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from answers_given import Given, rollouts_of
from heldout.diagnosis.first_screen import first_screen
from heldout.report import Written, write_report
from heldout.report.terminal import show
from heldout.rollouts import Rollouts
from heldout.run import Run, Series
from heldout.tricks.families import FAMILIES

HOSTILE = (
    "<script>alert(1)</script>\x1b[2J\u202egnp\x00\u200b ```\n````text\n~~~\n</pre><img src=x onerror=alert(1)>\n"
    "# heading | `a` [l](javascript:x)\r\n&lt;" + "x" * 10_000_000 + "\udc80"
)
STEPS = range(10, 110, 10)


def a_run() -> Run:
    step = np.array(STEPS)
    rates = np.where(step < 60, 0.7, 0.2)
    metrics = {
        "pass@1": Series("pass@1", step, rates, problems=np.full(len(step), 200.0)),
        "reward": Series("reward", step, step / 100.0),
    }
    return Run("run", "memory", "test", metrics, {"held_out": "pass@1", "reward": "reward"})


def answers(hack: str, *, judged: bool = True, hacks: bool = True, kind: str = "left the program") -> Rollouts:
    given = []
    for step in STEPS:
        for number in range(32):
            problem = f"{'</h3>|`' if hack == HOSTILE else 'p'}{number // 4}"
            if hacks and step >= 60 and number % 2:
                given.append(Given(hack, step, problem, 1.0, 0.0, kind, kept_with=0.5))
            else:
                given.append(Given(f" y = x + {number}\n return y", step, problem, 1.0, 1.0, "solved", kept_with=0.5))
    return rollouts_of(given if judged else [one._replace(hidden=np.nan) for one in given])


def reported(folder: Path, rollouts: Rollouts | None) -> Written:
    return write_report(a_run(), folder, ["svg"], rollouts=rollouts)


def printed(written: Written, verbose: bool = True) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False, force_terminal=False)
    show(console, written.run, written.about, written.verdict, verbose=verbose)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def files(folder: Path) -> tuple[Path, Path]:
    return folder / "report.html", folder / "report.md"


def first_answer(written: Written) -> str:
    lines = first_screen(written.run, written.verdict, written.about.looks)
    return next(line.answer for line in lines if line.key == "looks")


def flat(text: str) -> str:
    return "".join(unescape(text).replace("\\", "").replace("│", "").split())


def test_every_view_shows_the_hack_since_when_and_how_many_and_so_does_the_first_screen(tmp_path: Path) -> None:
    written = reported(tmp_path, answers(" exit()"))
    looks = written.about.looks
    assert looks is not None
    assert "since about step 60" in looks.told
    assert "“exit()”: it ends the process before the checks (leave)." in looks.told
    answer = first_answer(written)
    assert answer.startswith(looks.told)
    data = json.loads((tmp_path / "report.json").read_text())
    assert [line["answer"] for line in data["answers"] if line["key"] == "looks"] == [answer]
    assert (data["looks"]["since"], data["looks"]["hack"]["name"]) == (60, "leave")
    after = next(line for line in first_screen(written.run, written.verdict, looks) if line.key == "next")
    assert f"Against this trick: {FAMILIES['leave'].fix}" in after.answer
    assert after.command == "heldout samples here --rewarded --failed"
    for place in (*(path.read_text() for path in files(tmp_path)), printed(written)):
        shown = flat(place)
        assert flat(after.answer) in shown
        assert after.command in place
        assert flat(answer) in shown
        assert "Whatthehacklookslike" in shown
        assert flat("rewarded · fails the hidden tests · leave · 8 problems") in shown
        assert flat("+  exit()") in shown
        assert flat("What grew most") in shown
        assert flat("left the program") in shown


@pytest.mark.parametrize("rollouts", [None, answers(" exit()", hacks=False)])
def test_an_honest_run_and_one_without_answers_show_nothing(rollouts: Rollouts | None, tmp_path: Path) -> None:
    written = reported(tmp_path, rollouts)
    assert written.about.looks is None
    assert json.loads((tmp_path / "report.json").read_text())["looks"] is None
    for place in (*(path.read_text() for path in files(tmp_path)), printed(written)):
        assert "looks like" not in place.replace("Looked like", "")


def test_without_hidden_outcomes_every_view_says_so_and_how_to_have_them(tmp_path: Path) -> None:
    written = reported(tmp_path, answers(" exit()", judged=False))
    assert "exit" not in first_answer(written)
    for place in (*(path.read_text() for path in files(tmp_path)), printed(written, verbose=False)):
        assert flat("no rewarded answer of this run was judged by hidden tests") in flat(place)
        assert "heldout audit here --task TASK" in place


class Page(HTMLParser):
    """What a browser takes for a tag, and what it takes for text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e\ud800-\udfff]")


def test_a_hostile_answer_is_only_ever_text(tmp_path: Path) -> None:
    written = reported(tmp_path, answers(HOSTILE, kind="<b>\x1b[31m|"))
    page, markdown = (path.read_text() for path in files(tmp_path))
    read = Page()
    read.feed(page)
    assert not {"img", "b", "i"} & {tag for tag, _ in read.tags}
    assert not re.search(r"<script[^>]*>\s*alert", page)
    assert not [names for _, names in read.tags if any(name.startswith("on") for name in names)]
    assert "<script>alert(1)</script>\\x1b[2J\\u202egnp\\x00\\u200b ```" in "".join(read.text)
    for place in (page, markdown, printed(written), printed(written, verbose=False)):
        assert not UNSEEN.search(place)
        assert re.search(r"rest (9\.9|10\.0) MB", place)
    assert len(page) < 2_000_000
    assert len(markdown) < 200_000
    assert json.loads((tmp_path / "report.json").read_text())["looks"]["hack"]["text"].startswith("<script>")


def test_no_line_of_a_hostile_answer_ends_its_block_of_markdown(tmp_path: Path) -> None:
    reported(tmp_path, answers(HOSTILE))
    fence = ""
    inside: list[str] = []
    outside: list[str] = []
    for line in (tmp_path / "report.md").read_text().split("\n"):
        found = re.match(r" *(`{3,})(\w*)$", line)
        if found and not fence and found[2]:
            fence = found[1]
        elif found and found[1] == fence and not found[2]:
            fence = ""
        else:
            (inside if fence else outside).append(line)
    assert fence == ""
    assert any("onerror" in line for line in inside)
    assert not [line for line in outside if "onerror" in line or "javascript" in line or line.startswith("# heading")]
    assert not [line for line in outside if re.search(r"(?<!\\)<", line)]


def test_a_wrapped_line_of_an_answer_cannot_pass_for_a_line_of_ours(tmp_path: Path) -> None:
    spoof = "x = 1" + " " * 87 + "Verdict: improving" + " " * 80 + "Verdict: improving"
    text = printed(reported(tmp_path, answers(spoof)))
    lines = [line for line in text.split("\n") if "Verdict: improving" in line]
    assert lines
    assert all(line.lstrip().startswith(("│", "x = 1")) for line in lines)  # the latter in a table, cut short


def test_every_key_of_the_looks_is_documented(tmp_path: Path) -> None:
    reported(tmp_path, answers(" exit()"))
    documented = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    line = next(line for line in documented.split("\n") if line.startswith("| `looks` |"))

    def keys(value: object) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        if isinstance(value, dict):
            own = {key for key in value if key not in ("left the program", "solved")}
            return own.union(*map(keys, value.values()))
        return set()

    found = keys(json.loads((tmp_path / "report.json").read_text())["looks"])
    assert {key for key in found if not re.search(rf"`{key}`", line)} == set()
    assert {"since", "grown", "difference", "stretches", "shares"} <= found

"""What a notebook shows of runs, verdicts, charts and comparisons; and that the example notebook runs."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import heldout
from heldout.charts import reward_and_held_out
from heldout.compare import compare
from heldout.findings import Finding, Severity, State, Unchecked, Verdict
from heldout.run import Note, NoteKind, Run, Series

EXAMPLE = Path(__file__).parents[1] / "examples" / "reading_a_run.ipynb"
HOSTILE = "</td></svg><script>alert(1)</script><img src=x onerror=alert(2)>&\u202e\x1b[2J"


class Elements(HTMLParser):
    """The names of all elements and attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Run:
    steps = np.arange(0, 100, 10)
    metrics = {
        name: Series(name, steps, np.linspace(0.2, 0.8, 10)) for name in (f"reward{HOSTILE}", f"acc{HOSTILE}", HOSTILE)
    }
    roles = {"reward": f"reward{HOSTILE}", "held_out": f"acc{HOSTILE}"}
    return Run(HOSTILE, HOSTILE, HOSTILE, metrics, roles, (Note(NoteKind.DROPPED, HOSTILE),))


def harmless(page: str) -> Elements:
    found = Elements(page)
    assert not found.names & {"script", "img", "iframe", "object"}
    assert not {name for name in found.attributes if name.startswith("on")}
    assert not {"\u202e", "\x1b"} & set(page)
    return found


def test_a_run_shows_its_figure_and_its_metrics_those_with_a_part_first() -> None:
    page = heldout.read("example:kimi-dev")._repr_html_()
    found = Elements(page)
    assert {"svg", "table"} <= found.names
    assert "held-out" in found.text
    assert page.count("<tr>") == 1 + len(heldout.read("example:kimi-dev").metrics)
    many = replace(hostile(), metrics={f"m{i}": Series("m", np.arange(3), np.ones(3)) for i in range(40)}, roles={})
    assert "and 28 more" in many._repr_html_()


def test_reward_held_out_score_and_length_come_first_in_this_order() -> None:
    names = ("other", "time", "length", "held_out", "reward")
    metrics = {name: Series(name, np.arange(3), np.ones(3)) for name in names}
    page = Run("a", "b", "c", metrics, {name: name for name in names[1:]})._repr_html_().partition("<tbody>")[2]
    order = sorted(names, key=lambda name: page.index(f'class="name">{name}<'))
    assert order == ["reward", "held_out", "length", "time", "other"]


def test_what_a_log_says_is_shown_and_never_obeyed() -> None:
    run = hostile()
    finding = Finding(
        detector=HOSTILE, severity=Severity.ALARM, kind=HOSTILE, step=3, steps=(1, 3),
        seen=HOSTILE, against=HOSTILE, means=HOSTILE, advice=HOSTILE,
    )  # fmt: skip
    verdict = Verdict(
        state=State.REGRESSED,
        label=HOSTILE,
        sentence=HOSTILE,
        findings=(finding,),
        unchecked=(Unchecked(HOSTILE, HOSTILE),),
    )
    for page in (run._repr_html_(), verdict._repr_html_(), reward_and_held_out(run)._repr_svg_()):
        assert "&\\u202e\\x1b[2J" in harmless(page).text  # the end of it, which also a short label has
    for line in (repr(run), repr(verdict), repr(reward_and_held_out(run)), repr(run["reward"])):
        assert line.isprintable()


def test_a_run_without_anything_to_draw_is_shown_all_the_same() -> None:
    empty = Run("a", "b", "c", {"x": Series("x", np.empty(0, np.int64), np.empty(0), nonfinite=np.array([4]))})
    assert "none is a number" in empty._repr_html_()
    assert "svg" not in Elements(empty._repr_html_()).names
    assert "<table>" in Run("a", "b", "c", {})._repr_html_()


def test_a_verdict_says_its_state_its_sentence_and_what_was_not_checked() -> None:
    verdict = heldout.diagnose(heldout.read("example:deepseek-r1"))
    text = Elements(verdict._repr_html_()).text
    assert verdict.sentence in text
    assert "Not checked" in text
    assert repr(verdict) == "<Verdict cannot tell (watch): keep step 150>"


def test_a_figure_has_no_colours_of_one_theme_alone() -> None:
    drawn = reward_and_held_out(heldout.read("example:kimi-dev"))._repr_svg_()
    head, style, body = drawn.partition("</style>")
    assert style
    assert "#" not in {value[:1] for value in body.split('fill="')[1:]}
    assert "prefers-color-scheme: dark" in head
    assert 'data-jp-theme-light="false"' in head
    assert drawn.startswith('<svg class="heldout-figure"')


def test_a_comparison_is_shown_in_the_words_of_the_terminal() -> None:
    run = heldout.read("example:deepseek-r1")
    found = compare([run, replace(heldout.read("example:kimi-dev"), name=HOSTILE)])
    page = found._repr_html_()
    harmless(page)
    assert "Cannot say" in Elements(page).text
    assert "not compared" in repr(found)
    assert repr(found).isprintable()


@pytest.mark.parametrize(("left", "right"), [("reward", "held_out"), ("Reward", "Test Pass@1"), ("reward", None)])
def test_a_run_is_plotted_on_axes_that_are_given(left: str, right: str | None) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = figure.subplots()
    assert heldout.read("example:deepseek-r1").plot(left, right, ax=ax) is ax
    assert "Reward" in ax.get_ylabel()
    assert len(figure.axes) == (1 if right is None else 2)


def test_the_example_notebook_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    nbformat, client = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    book = nbformat.read(EXAMPLE, as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells), "kept without outputs, which a test makes"
    client.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = {kind for cell in book.cells for one in cell.get("outputs", []) for kind in one.get("data", {})}
    assert {"text/html", "image/svg+xml"} <= shown

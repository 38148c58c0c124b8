"""The table of runs as HTML: every run once, what differs, and nothing of a name that a page would obey."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heldout.diagnosis.verdict import diagnose
from heldout.findings import State
from heldout.report import folder_names, write_index
from heldout.report.pages import as_index
from heldout.report.rows import Row, row_of
from heldout.report.runs_table import table_of
from heldout.run import Run, Series

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred",
    "a\u202eb",
    "{{ 7*7 }}",
    "a" * 300,
)


class Elements(HTMLParser):
    """The tags of a page, and the text in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def row(name: str, **settings: str) -> Row:
    return Row(name=name, state=State.PLATEAU, severity=12, settings=settings, page="x/report.html")


def test_only_settings_that_differ_are_shown_and_an_unset_one_where_most_set_it() -> None:
    rows = [row("a", lr="1e-6", kl="0", seed="1"), row("b", lr="2e-6", kl="0", seed="2"), row("c", kl="0", odd="x")]
    shown = {entry.row.name: dict(entry.shown) for entry in table_of(rows).entries}
    assert shown == {"a": {"lr": "1e-6"}, "b": {"lr": "2e-6"}, "c": {"lr": "(not set)", "odd": "x"}}


def test_states_are_counted_in_order_of_gravity() -> None:
    rows = [Row(name=str(number), state=state) for number, state in enumerate([State.PLATEAU, State.REGRESSED] * 2)]
    counts = table_of([*rows, Row(name="waiting")]).counts
    assert list(counts) == [(State.REGRESSED, 2), (State.PLATEAU, 2), (None, 1)]


def test_a_row_of_the_index_takes_little_more_than_a_thousand_bytes(tmp_path: Path) -> None:
    steps, rng = np.arange(0, 800, 32), np.random.default_rng(0)
    held_out = Series("eval/pass@1", steps, rng.uniform(0.3, 0.6, 25), None, np.full(25, 256.0), np.ones(25))
    reward = Series("reward", np.arange(800), rng.normal(size=800))
    roles = {"reward": "reward", "held_out": "eval/pass@1"}
    run = Run("a", "runs/a", "test", {"reward": reward, "eval/pass@1": held_out}, roles)
    one = row_of(run, diagnose(run))
    rows = [
        replace(
            one,
            name=f"sweep-{place:03d}-lr5e-06-seed{place}",
            source=f"runs/sweep-{place:03d}",
            page=f"sweep-{place:03d}/report.html",
            settings={f"setting {key}": f"{place + key}" for key in range(8)},
        )
        for place in range(60)
    ]
    sizes = [len(as_index(table_of(some))) for some in (rows[:10], rows)]
    assert (sizes[1] - sizes[0]) / 50 < 1100


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_key_value_or_reason_is_text(name: str, tmp_path: Path) -> None:
    plain = Elements(write_index([row("a", lr="1"), row("b", lr="2")], {"p": "q"}, tmp_path).read_text())
    rows = [row(name, **{name: name}), row("b", **{name: "2"})]
    page = Elements(write_index(rows, {name: name}, tmp_path).read_text())
    assert page.tags == plain.tags
    assert page.handlers == []
    assert not set(page.text) & {"\x1b", "\u202e"}


def test_an_empty_table_is_a_page(tmp_path: Path) -> None:
    assert "0 runs" in write_index([], {"a.csv": "a.csv: is empty."}, tmp_path).read_text()


@given(
    st.lists(
        st.text(max_size=90) | st.sampled_from(["a", "A", "a-2", "index.html", "é", "e\u0301", "名" * 200]), max_size=8
    )
)
def test_no_two_runs_are_written_into_one_folder(names: list[str]) -> None:
    folders = folder_names(names)
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in (*folders, "index.html")}) == len(names) + 1
    for name in folders:
        assert re.fullmatch(r"[\w.-]+", name)
        assert name not in (".", "..")
        assert len(name.encode()) < 200

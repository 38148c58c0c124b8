"""No text of a log runs in a page, asks the network, or becomes an element."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from figure_pages import LANE, a_page, a_run, page_of
from playwright.sync_api import Page, expect

from benchmarks.hostile import texts
from heldout.charts import Axis, Chart, Hints, Line, Rule, Side, Text, reward_and_held_out
from heldout.report import write_report
from heldout.run import Note, NoteKind, Run, Series

Open = Callable[..., Page]
ELEMENTS = "[...document.querySelectorAll('*')].map((one) => one.localName)"
ATTRIBUTES = "[...document.querySelectorAll('*')].flatMap((one) => [...one.attributes].map((its) => its.name))"
FOREIGN = {"img", "iframe", "object", "embed", "form", "video", "base", "template", "math"}


def hostile_chart(words: list[str]) -> Chart:
    step = np.arange(5.0)
    first, second, third = words
    axis = Axis(first, (0.0, 1.0), (0.0, 1.0), unit=second)
    line = Line(Side.LEFT, step, step / 5, third)
    return Chart(
        axis, axis, layers=(line, Rule(step=0.5, label=first), Text(Side.LEFT, 0.5, 0.5, second)), caption=third
    )


def test_hostile_texts_in_figures_stay_texts(open_page: Open) -> None:
    every = list(texts())
    some = {f"figure-{place}": hostile_chart(every[place : place + 3]) for place in range(0, len(every) - 3, 18)}
    lane = [{**LANE[0], "title": text, "anchor": text} for text in every[::9]]
    page = open_page(page_of(some, lane, "<script>alert(1)</script>"))
    expect(page.locator("figure.enhanced")).to_have_count(len(some))
    page.keyboard.press("n")
    page.locator("figure").first.get_by_role("button", name="Table").click()
    plain = page.evaluate(ELEMENTS)
    assert not FOREIGN & set(plain)
    assert plain.count("script") == len(some) + open_page(a_page()).evaluate(ELEMENTS).count("script") - 2
    assert page.locator("h1").inner_text() == "<script>alert(1)</script>"


def test_hostile_names_settings_and_notes_of_a_run_stay_texts(open_page: Open, tmp_path: Path) -> None:
    every = list(texts())
    steps = np.arange(40)
    metrics = {name: Series(name, steps, np.sin(steps + place)) for place, name in enumerate(every[::12])}
    roles = dict(zip(("reward", "held_out", "length"), metrics, strict=False))
    notes = tuple(Note(NoteKind.UNKNOWN, text) for text in every)
    run = Run(every[0], every[1], every[2], metrics, roles, notes, config={text: text for text in every})
    page = open_page(write_report(run, tmp_path, ["svg"]).page.as_uri())
    expect(page.locator("figure.enhanced").first).to_be_visible()
    assert not FOREIGN & set(page.evaluate(ELEMENTS))
    assert [name for name in page.evaluate(ATTRIBUTES) if name.startswith("on")] == []


def test_a_hostile_address_is_only_a_state(open_page: Open) -> None:
    for text in (
        "#<img src=x onerror=alert(1)>",
        "#x=<script>alert(1)</script>&hide=__proto__:a&step=javascript:alert(1)",
    ):
        page = open_page(a_page() + text)
        expect(page.locator("figure.enhanced")).to_have_count(2)
        assert not FOREIGN & set(page.evaluate(ELEMENTS))


def test_a_name_like_a_formula_is_none_in_the_csv(open_page: Open) -> None:
    chart = reward_and_held_out(a_run(), hints=Hints(left_name="=HYPERLINK(1)"))
    page = open_page(page_of({"reward": chart}, []))
    page.locator(".menu summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    head = Path(download.value.path()).read_text().split("\r\n")[0]
    assert "\"'=HYPERLINK(1)" in head

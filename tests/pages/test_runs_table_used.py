"""The table of runs in a real browser: sorted, filtered, opened, walked by keys, on a phone and without a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

import pytest
from playwright.sync_api import Page, expect

from benchmarks.hostile import ODD, texts
from heldout.findings import Estimate, Fall, State
from heldout.metrics.phrasing import Spoken
from heldout.report import write_index
from heldout.report.rows import Row
from heldout.report.sparkline import Spark

Open = Callable[..., Page]
SPARK = Spark(reward=((0.0, 0.0), (9.0, 1.0)), held_out=((0.0, 0.5), (9.0, 0.2)), text="reward 0 to 1")


def row(name: str, state: State, severity: int, level: float | None, lr: str, seed: str = "1") -> Row:
    keep = None if level is None else Estimate(5, level, level - 0.1, level + 0.1)
    fall = Fall(5, 0.3, 0.2, 0.4, "30.0 points (20.0 to 40.0)") if state is State.REGRESSED else None
    given = {"score": "pass@1", "problems": 100, "evaluations": 10, "last_step": 9, "spark": SPARK}
    settings = {"lr": lr, "seed": seed}
    return Row(
        name=name,
        source=f"runs/{name}.csv",
        page=f"{name}/report.html",
        state=state,
        severity=severity,
        colour=state.colour,
        keep=keep,
        said=Spoken(),
        fall=fall,
        settings=settings,
        **given,  # type: ignore[arg-type]
    )


ROWS = (
    row("fell", State.REGRESSED, 2, 0.40, "1e-6"),
    row("unknown", State.CANNOT_TELL, 6, None, "2e-6"),
    row("level", State.PLATEAU, 12, 0.55, "3e-6"),
    row("up-1", State.IMPROVING, 14, 0.70, "4e-6", "1"),
    row("up-2", State.IMPROVING, 14, 0.60, "4e-6", "2"),
)


@cache
def table() -> str:
    """The address of an index of five runs, two of which are seeds of one recipe."""
    return write_index(ROWS, {"bad.csv": "bad.csv: it is empty."}, Path(mkdtemp())).as_uri()


def shown(page: Page) -> list[str]:
    """The names of the runs that can be seen, in order."""
    names = page.locator("tr[data-state]:visible th a").all_inner_texts()
    return [name.strip() for name in names]


def test_headings_sort_keep_by_its_lower_end_and_a_run_without_one_is_last_both_ways(open_page: Open) -> None:
    page = open_page(table())
    assert shown(page) == ["fell", "unknown", "level"]
    page.get_by_role("button", name="up", exact=True).click(timeout=30_000)
    assert shown(page) == ["fell", "unknown", "level", "up-1", "up-2"]
    keep = page.get_by_role("columnheader", name="keep")
    keep.get_by_role("button").click()
    expect(keep).to_have_attribute("aria-sort", "descending")
    assert shown(page) == ["level", "fell", "up-1", "up-2", "unknown"]  # of two seeds the interval is wide
    expect(page.locator("form output")).to_contain_text("the lower end of the interval of keep, descending")
    keep.get_by_role("button").click()
    expect(keep).to_have_attribute("aria-sort", "ascending")
    assert shown(page) == ["up-1", "up-2", "fell", "level", "unknown"]


def test_the_filter_knows_words_states_settings_and_columns_and_says_what_no_run_has(open_page: Open) -> None:
    page = open_page(table())
    find = page.get_by_label("filter the runs")
    for asked, found in (
        ("up", ["up-1", "up-2"]),
        ("state:plateau", ["level"]),
        ("lr>1e-6 lr<4e-6", ["unknown", "level"]),
        ("LR:3e-6", ["level"]),
        ("keep>59", ["up-1", "up-2"]),
        ("fall>29", ["fell"]),
        ('"up-2"', ["up-2"]),
        ("seed:2", ["up-2"]),
        ("((", []),
    ):
        find.fill(asked)
        assert shown(page) == found, asked
    find.fill("nothing:1")
    expect(page.locator("form output")).to_contain_text("0 of 5 runs; none has “nothing”")


def test_settings_that_are_not_seen_are_found_all_the_same(open_page: Open) -> None:
    more = {"a": "1", "b": "1", 'c\n"d>': "x\ny<b>", "e": "1"}
    rows = [
        replace(one, settings={**one.settings, **{key: f"{v} {one.name}" for key, v in more.items()}}) for one in ROWS
    ]
    page = open_page(write_index(rows, {}, Path(mkdtemp())).as_uri())
    for asked, found in (("e:level", ["level"]), ("a:level", ["level"]), ("e:nobody", []), ("nothing:x", [])):
        page.get_by_label("filter the runs").fill(asked)
        assert shown(page) == found, asked
    assert "1 level" in page.locator("tr", has_text="level").first.locator("td").last.inner_text()
    assert page.locator("tbody i", has_text="e").count() == 0
    assert page.locator("tbody td b b, tbody td:last-child b").count() == 0


def test_a_copied_address_shows_the_same_table(open_page: Open) -> None:
    page = open_page(table())
    page.get_by_role("button", name="plateau").click()
    page.get_by_role("columnheader", name="run").get_by_role("button").click()
    page.get_by_label("filter the runs").fill("lr>0")
    address = page.evaluate("heldout.state.link()")
    before = shown(page)
    assert before == sorted(before)
    again = open_page(address)
    assert shown(again) == before
    expect(again.get_by_role("button", name="plateau")).to_have_attribute("aria-pressed", "false")


def test_all_of_it_goes_by_keys(open_page: Open) -> None:
    page = open_page(table())
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page.locator("form output")).to_contain_text("heldout compare runs/fell.csv runs/unknown.csv")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent") == "fell"
    page.keyboard.press("/")
    page.keyboard.type("jx")
    assert page.get_by_label("filter the runs").input_value() == "jx"


def test_a_row_that_comes_later_is_sorted_with_the_others_and_can_be_selected(open_page: Open) -> None:
    page = open_page(table())
    page.get_by_role("columnheader", name="run").get_by_role("button").click()
    page.evaluate(
        """() => {
        const body = document.querySelector("tbody").cloneNode(true);
        body.querySelector("input").remove();
        body.querySelector("a").textContent = "a new one";
        document.querySelector("table.runs").append(body);
        document.querySelector("[data-table]").dispatchEvent(new CustomEvent("heldout:rows"));
        }"""
    )
    assert shown(page)[0] == "a new one"
    page.get_by_label("select a new one").check()
    expect(page.locator("form output")).to_contain_text("6 of 6 runs")


def test_it_is_whole_without_a_script_and_on_a_phone(open_page: Open) -> None:
    plain = open_page(table(), width=390, java_script_enabled=False)
    assert shown(plain) == ["fell", "unknown", "level", "up-1", "up-2"]
    assert plain.locator("table.runs svg").count() == 6
    expect(plain.get_by_text("bad.csv: it is empty.")).to_be_visible()
    phone = open_page(table(), width=390, color_scheme="dark")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_filter_hides_what_it_does_not_find_and_a_closed_group_its_seeds(open_page: Open, width: int) -> None:
    page = open_page(table(), width=width)
    assert shown(page) == ["fell", "unknown", "level"]
    page.get_by_label("filter the runs").fill("state:plateau")
    assert shown(page) == ["level"]
    assert page.locator("tr.group:visible").count() == 0
    page.get_by_label("filter the runs").fill("zzz")
    assert shown(page) == []
    page.get_by_label("filter the runs").fill("")
    page.get_by_role("button", name="plateau").click()
    assert shown(page) == ["fell", "unknown"]


def test_of_a_log_of_several_runs_it_says_that_all_are_compared_and_how_they_were_read(open_page: Open) -> None:
    rows = [replace(ROWS[0], name=name, source="a b.csv", settings={"lr": name}) for name in ("a", "b", "c")]
    page = open_page(write_index(rows, {}, Path(mkdtemp()), ["--eval", "pass rate"]).as_uri())
    said, names = page.locator("form output"), ("a", "b", "c")
    for name in names[:2]:
        page.get_by_label(f"select {name}", exact=True).check()
    page.keyboard.press("c")
    expect(said).to_have_text(
        "Compares all 3 runs of these logs, 1 of them not selected: heldout compare --eval 'pass rate' 'a b.csv'"
    )
    page.get_by_label("select c", exact=True).check()
    page.keyboard.press("c")
    expect(said).to_have_text("To compare them: heldout compare --eval 'pass rate' 'a b.csv'")


def test_hostile_names_and_settings_stay_text_also_when_they_are_copied(open_page: Open) -> None:
    given = [*islice(texts(), 0, None, 9), *ODD]
    rows = [row(text, State.PLATEAU, 12, 0.5, text, str(number)) for number, text in enumerate(given)]
    page = open_page(write_index(rows, dict.fromkeys(given, "x"), Path(mkdtemp())).as_uri())
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_label("filter the runs").fill("<script>")
    assert page.locator("table script, table img, table iframe").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    cells = download.value.path().read_text(encoding="utf-8")
    assert not [line for line in cells.splitlines() if line.startswith(('"=', '"@', '"+'))]

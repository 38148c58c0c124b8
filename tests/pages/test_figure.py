"""Figures in a real browser: by pointer, by keyboard, by touch; on paper and without a script."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from figure_pages import EVALUATED, a_page, a_report, a_run
from playwright.sync_api import Locator, Page, expect

Open = Callable[..., Page]
FIRST = "#figure-reward"


def state(page: Page) -> str:
    return str(page.evaluate("heldout.state.link().split('#')[1] ?? ''"))


def view(page: Page, figure: str = "reward") -> list[float]:
    return list(page.evaluate(f"heldout.figures.get('{figure}').view"))


def plot(page: Page, figure: str = FIRST) -> Locator:
    return page.locator(f"{figure} .u-over")


def drawing(page: Page) -> list[str]:
    return list(page.evaluate("[...document.querySelectorAll('figure canvas')].map((canvas) => canvas.toDataURL())"))


def drag(page: Page, start: float, end: float) -> None:
    plot(page).scroll_into_view_if_needed()
    box = plot(page).bounding_box()
    assert box
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 60, steps=3)
    page.mouse.up()


def test_the_readout_says_what_was_logged(open_page: Open) -> None:
    page = open_page(a_page())
    plot(page).hover(position={"x": 300, "y": 100})
    said = page.locator(f"{FIRST} .readout").inner_text().replace("\n", " ")
    found = re.fullmatch(r"step (\d+) .*\(raw ([\d.]+)\) .*? ([\d.]+) \(([\d.]+) to ([\d.]+)\)(?: at (\d+))?", said)
    assert found, said
    step = int(found[1])
    assert float(found[2]) == pytest.approx(a_run()["reward"].value[step], abs=6e-4)
    at = int(found[6] or step)
    assert at == EVALUATED[np.argmin(np.abs(EVALUATED - step))]
    score = a_run()["pass@1"].value[at // 10]
    ends = [score, score - 0.0588, score + 0.0588]
    assert [float(found[n]) for n in (3, 4, 5)] == pytest.approx(ends, abs=6e-4)


def test_one_cursor_for_all_figures_and_a_click_keeps_it(open_page: Open) -> None:
    page = open_page(a_page())
    plot(page).click(position={"x": 300, "y": 100})
    page.mouse.move(5, 5)
    readouts = [text.split("\n")[0] for text in page.locator("figure .readout").all_inner_texts()]
    assert len(readouts) == 2
    assert readouts[0] == readouts[1]
    assert state(page) == f"step={readouts[0].removeprefix('step ')}"
    page.keyboard.press("Escape")
    assert state(page) == ""


def test_dragging_zooms_every_figure_and_a_double_click_shows_the_whole_run(open_page: Open) -> None:
    page = open_page(a_page())
    whole = view(page)
    drag(page, 0.25, 0.5)
    low, high = view(page)
    assert (low, high) == pytest.approx((whole[0] + 0.25 * np.ptp(whole), whole[0] + 0.5 * np.ptp(whole)), abs=3)
    assert view(page, "length") == [low, high]
    page.wait_for_timeout(200)
    assert page.evaluate("location.hash") == f"#x={low:g}-{high:g}"
    plot(page).dblclick()
    assert view(page) == whole
    drag(page, 0.1, 0.2)
    page.keyboard.press("0")
    assert view(page) == whole


def test_the_wheel_zooms_only_with_control(open_page: Open) -> None:
    page = open_page(a_page())
    whole = view(page)
    plot(page).hover(position={"x": 300, "y": 100})
    page.mouse.wheel(0, -100)
    assert view(page) == whole
    page.keyboard.down("Control")
    plot(page).hover(position={"x": 300, "y": 100})
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert np.ptp(view(page)) == pytest.approx(0.8 * np.ptp(whole), abs=1)


def test_everything_by_keyboard_alone(open_page: Open) -> None:
    page = open_page(a_page())
    while not page.evaluate("document.activeElement.classList.contains('plot')"):
        page.keyboard.press("Tab")
    for key, step in [("ArrowRight", 0), ("ArrowRight", 10), ("Shift+ArrowRight", 110), ("ArrowLeft", 100)]:
        page.keyboard.press(key)
        assert state(page) == f"step={step}"
    expect(page.get_by_role("status")).to_contain_text("step 100; reward ")
    page.keyboard.press("End")
    assert state(page) == "step=290"
    page.keyboard.press("Home")
    assert state(page) == "step=0"
    page.keyboard.press("+")
    assert np.ptp(view(page)) < 160
    page.keyboard.press("End")  # out of view: it comes into view
    assert view(page)[0] <= 290 <= view(page)[1]
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.get_by_role("dialog")).to_contain_text("whole run")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_legend_entry_hides_its_series_and_with_alt_all_others(open_page: Open) -> None:
    page = open_page(a_page())
    reward, held_out = page.locator(f"{FIRST} .legend button").all()[:2]
    before = drawing(page)
    reward.click()
    expect(reward).to_have_attribute("aria-pressed", "false")
    assert drawing(page)[0] != before[0]
    assert drawing(page)[1] == before[1]  # another figure
    assert "Reward" not in page.locator(f"{FIRST} .readout").inner_text()
    reward.click()
    assert drawing(page) == before
    held_out.click(modifiers=["Alt"])
    expect(reward).to_have_attribute("aria-pressed", "false")
    expect(held_out).to_have_attribute("aria-pressed", "true")
    held_out.click(modifiers=["Alt"])
    assert state(page) == ""


def test_the_table_has_the_very_numbers_of_the_run(open_page: Open) -> None:
    page = open_page(a_page() + "#x=0-55")
    page.locator(FIRST).get_by_role("button", name="Table").click()
    rows = page.locator(f"{FIRST} .sheet tbody tr").all()
    cells = [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]
    points = {int(row[0]): float(row[3]) for row in cells if row[3]}
    assert points == {int(step): value for step, value in zip(EVALUATED[:6], a_run()["pass@1"].value, strict=False)}


def test_the_values_stand_alone_where_no_smoothing_is_wanted(open_page: Open) -> None:
    page = open_page(a_page())
    before = drawing(page)
    page.get_by_role("button", name="Without smoothing").first.click()
    assert drawing(page)[0] != before[0]
    assert drawing(page)[1] == before[1]
    again = open_page(page.evaluate("heldout.state.link()"))
    assert drawing(again) == drawing(page)
    page.get_by_role("button", name="With smoothed line").click()
    assert drawing(page) == before


def test_the_csv_draws_the_same_curve_again(open_page: Open) -> None:
    page = open_page(a_page())
    page.locator(f"{FIRST} .menu summary").click()
    with page.expect_download() as download:
        page.locator(FIRST).get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    assert rows[0][0] == "Training step"
    column = next(place for place, name in enumerate(rows[0]) if name.endswith("each value"))
    values = {float(row[0]): float(row[column]) for row in rows[1:] if row[column]}
    assert list(values) == list(range(300))
    assert list(values.values()) == pytest.approx(a_run()["reward"].value.tolist(), rel=1e-6)


def test_the_picture_is_what_is_in_view(open_page: Open) -> None:
    page = open_page(a_page())
    page.locator(f"{FIRST} .menu summary").click()
    with page.expect_download() as download:
        page.locator(FIRST).get_by_role("button", name="PNG").click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    assert download.value.suggested_filename.endswith("reward.png")


def some_state(random: Random) -> str:
    low = random.uniform(0, 250)
    kept = {
        "x": f"{low:.1f}-{low + random.uniform(5, 200):.1f}",
        "step": str(random.randrange(300)),
        "hide": "reward:" + random.choice(["left", "right", "mark"]),
        "y": random.choice(["reward", "length"]),
        "raw": random.choice(["reward", "length"]),
    }
    return "&".join(f"{key}={value}" for key, value in kept.items() if random.random() < 0.7)


def test_a_copied_link_shows_the_same_view(open_page: Open) -> None:
    first = open_page(a_page())
    random = Random(0)
    for _ in range(6):
        wanted = some_state(random)
        first.evaluate("(hash) => { location.hash = hash || 'x='; }", wanted)
        first.wait_for_timeout(50)
        link = first.evaluate("heldout.state.link()")
        again = open_page(link)
        assert drawing(again) == drawing(first)
        assert again.locator("figure .readout").all_inner_texts() == first.locator("figure .readout").all_inner_texts()


@pytest.mark.parametrize(
    "hash", ["#x=NaN-3", "#x=9-1", "#x=1e9-2e9&step=x&hide=%E0%A4%A", "#&&=&a==&y=,,", "#step=1e400"]
)
def test_a_state_that_cannot_be_leaves_the_whole_run(open_page: Open, hash: str) -> None:
    page = open_page(a_page() + hash)
    assert view(page) == page.evaluate("heldout.figures.get('reward').all.x.limits")


def test_new_data_leaves_the_view_and_follows_only_at_the_end(open_page: Open) -> None:
    page = open_page(a_page() + "#x=50-100&step=70")
    grow = """() => {
      const figure = heldout.figures.get('reward'), chart = structuredClone(figure.all);
      const last = figure.logged.at(-1);
      for (const layer of chart.layers.filter((one) => one.kind === 'line')) {
        layer.steps.push(last + 10);
        layer.values.push(0.5);
      }
      chart.x.limits = [chart.x.limits[0], last + 16];
      figure.update(chart);
    }"""
    readout = page.locator(f"{FIRST} .readout").inner_text()
    for _ in range(5):
        page.evaluate(grow)
    assert view(page) == [50, 100]
    assert page.locator(f"{FIRST} .readout").inner_text() == readout
    page.evaluate("heldout.figures.zoom(300, 349)")
    page.evaluate(grow)
    assert view(page) == [310, 359]


def test_a_zoom_asks_the_source_for_its_window_and_takes_only_the_last(open_page: Open) -> None:
    page = open_page(a_page())
    page.evaluate("""() => {
      window.asked = [];
      const figure = heldout.figures.get('reward');
      figure.source = async (low, high, pixels) => {
        asked.push([low, high, pixels]);
        const chart = structuredClone(figure.all);
        chart.per_pixel = high - low;
        return chart;
      };
      for (const low of [10, 20, 30]) heldout.figures.zoom(low, 150);
    }""")
    expect(page.locator(f"{FIRST} .note")).to_contain_text("every 120 steps")
    asked = page.evaluate("asked")
    assert [one[:2] for one in asked] == [[30, 150]]
    assert asked[0][2] > 500


def test_two_fingers_zoom(open_page: Open) -> None:
    page = open_page(a_page(), width=390, height=844, has_touch=True, is_mobile=True)
    plot(page).scroll_into_view_if_needed()
    whole = view(page)
    box = plot(page).bounding_box()
    assert box
    session = page.context.new_cdp_session(page)
    for kind, apart in [("touchStart", 40), ("touchMove", 70), ("touchMove", 100), ("touchEnd", 0)]:
        middle, y = box["x"] + box["width"] / 2, box["y"] + 100
        points = [{"x": middle - apart, "y": y, "id": 0}, {"x": middle + apart, "y": y, "id": 1}] if apart else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert np.ptp(view(page)) == pytest.approx(0.4 * np.ptp(whole), rel=0.1)
    assert np.mean(view(page)) == pytest.approx(np.mean(whole), abs=15)


def test_without_a_script_all_is_there(open_page: Open) -> None:
    page = open_page(a_report().as_uri(), java_script_enabled=False)
    expect(page.locator("section.verdict")).to_be_visible()
    expect(page.locator("#figure-reward-and-held-out .still svg")).to_be_visible()
    expect(page.locator("table").first).to_be_visible()
    expect(page.locator(".live")).to_have_count(0)
    narrow = open_page(a_report().as_uri(), width=390, java_script_enabled=False)
    expect(narrow.locator("#figure-reward-and-held-out .still svg")).to_be_visible()


def test_paper_shows_the_drawing_in_the_colours_of_paper(open_page: Open) -> None:
    page = open_page(a_report().as_uri(), color_scheme="dark")
    expect(page.locator("#figure-reward-and-held-out .live")).to_be_visible()
    expect(page.locator("#figure-reward-and-held-out .still")).to_be_hidden()
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("#figure-reward-and-held-out .live")).to_be_hidden()
    expect(page.locator("#figure-reward-and-held-out .still")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


def test_the_kept_step_stays_at_its_place_through_a_zoom(open_page: Open) -> None:
    page = open_page(a_page() + "#step=60")
    page.wait_for_timeout(300)

    def misplaced() -> float:
        return float(
            page.evaluate(
                """() => { const figure = heldout.figures.all()[0];
            const at = new DOMMatrix(getComputedStyle(figure.cross).transform).e;
            return Math.abs(at - figure.plot.valToPos(figure.step, "x")); }"""
            )
        )

    assert misplaced() < 1
    page.evaluate("heldout.figures.zoom(50, 70)")
    page.wait_for_timeout(300)
    assert misplaced() < 1

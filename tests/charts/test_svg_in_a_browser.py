"""Text in an SVG is text, and words that were placed apart stay apart in a browser with another font."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest
from charts_data import LENGTH_HINTS, REWARD_HINTS, noisy_run, published_length, published_reward, run_of, series

from heldout.charts import Chart, Marks, dual_axis, length_and_pass_rate, reward_and_held_out, svg
from heldout.charts.palettes import as_variables, stylesheet
from heldout.text import visible

CHARTS = {
    "reward": reward_and_held_out(published_reward(), hints=REWARD_HINTS),
    "length": length_and_pass_rate(published_length(), hints=LENGTH_HINTS),
    "noisy": reward_and_held_out(noisy_run(), marks=Marks(chosen=350, tied=((200, 480),), onset=500)),
}
POLICY = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'none'\">"
BOXES = """() => [...document.querySelectorAll("svg text")].map(t => {
  const b = t.getBoundingClientRect(); return [t.textContent, b.left, b.top, b.right, b.bottom]; })"""


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as player:
        try:
            browser = player.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        except playwright.Error:
            pytest.skip("no Chromium at /usr/bin/chromium")
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def boxes(page: Any, drawing: str) -> list[tuple[str, tuple[float, ...]]]:
    page.set_content(POLICY + drawing)
    return [(text, tuple(box)) for text, *box in page.evaluate(BOXES)]


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return min(wide, high) < 1.0  # a pixel


@pytest.mark.parametrize("font", ["'DejaVu Sans'", "'Liberation Sans Narrow'", "'DejaVu Sans Mono'", "serif"])
@pytest.mark.parametrize("width_cm", [8.5, 16.0])
@pytest.mark.parametrize("name", CHARTS)
def test_words_stand_apart_and_in_the_drawing_whatever_the_font(
    page: Any, name: str, width_cm: float, font: str
) -> None:
    own = svg(CHARTS[name], width_cm=width_cm)
    drawing = re.sub(r'font-family="[^"]*"', f'font-family="{font}"', own)
    found, expected = boxes(page, drawing), boxes(page, own)
    assert [text for text, _ in found] == [text for text, _ in expected]
    for place, (text, box) in enumerate(found):
        for other, over in found[place + 1 :]:
            assert apart(box, over), f"{text!r} and {other!r} overlap"
        left, _, right, _ = expected[place][1]
        assert abs((box[2] - box[0]) - (right - left)) < 2.5, text  # as wide as was measured, or high if it is turned


def test_a_page_may_forbid_every_style(page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.set_content(POLICY + svg(CHARTS["noisy"]))
    assert said == []
    stroke = "() => getComputedStyle(document.querySelector('svg path[stroke]')).stroke"
    assert page.evaluate(stroke) != "none"


def test_colours_follow_the_page(page: Any) -> None:
    page = page.context.browser.new_page()  # one without the policy of the others
    page.set_content(
        f"<style>:root {{ color-scheme: light dark }} {stylesheet()}</style>{as_variables(svg(CHARTS['reward']))}"
    )
    colour = "() => getComputedStyle([...document.querySelectorAll('text')].find(t => t.textContent == 'Steps')).fill"
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light


def test_the_words_of_a_chart_can_be_found() -> None:
    chart: Chart = CHARTS["reward"]
    drawing = svg(chart)
    assert chart.right is not None
    for word in (*chart.entries, chart.left.title, chart.right.title, *chart.left.tick_texts):
        assert f">{word}</text>" in drawing
    assert "<style" not in drawing
    assert "style=" not in drawing


OBEYED = [
    "a\x00b",
    "a\x1b[31mb",
    "a\ud800b",
    "\u202eabc",
    "a\uffffb",
    "]]>",
    "<!-- a -->",
    "&lt;",
    "\n",
    "'\"",
    "</svg>",
]


@pytest.mark.parametrize("name", OBEYED)
def test_whatever_a_key_is_the_drawing_is_one_and_says_it(name: str) -> None:
    key = f"k{name}k"
    run = run_of(series(key, [0, 1], [0, 1]), series("b", [0, 1], [0, 1]))
    root = ET.fromstring(svg(dual_axis(run, key, "b").with_title(key)))
    assert sum(one.text == visible(key) for one in root.iter("{http://www.w3.org/2000/svg}text")) == 3
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")

"""Pages can be read by everyone: contrast, sizes, names, narrow screens, both themes."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from figure_pages import a_page, a_report
from PIL import Image
from playwright.sync_api import Page, expect

from heldout.charts.palettes import PALETTES

Open = Callable[..., Page]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


# Each element with words of its own that can be seen: the words, their size, their contrast with what lies behind.
WORDS = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => {
    const part = [r, g, b][at] / 255;
    return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  }, 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const found = rgb(getComputedStyle(one).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255];
  };
  const own = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  const seen = (one) => !one.closest("svg, script") && own(one) && one.checkVisibility();
  return [...document.querySelectorAll("main *")].filter(seen).map((one) => {
    const style = getComputedStyle(one), [a, b] = [rgb(style.color), ground(one)].map(light).sort((x, y) => y - x);
    const contrast = one.disabled ? 21 : (a + 0.05) / (b + 0.05);
    return [one.textContent.trim().slice(0, 40), parseFloat(style.fontSize), contrast];
  });
}"""


NAMELESS = """[...document.querySelectorAll("button, a, summary, [tabindex], input, select, nav")].filter(
  (one) => !(one.ariaLabel || one.textContent).trim()).map((one) => one.outerHTML)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_large_enough_and_stand_out(open_page: Open, theme: str) -> None:
    page = open_page(a_report().as_uri() + "#step=100", width=390, color_scheme=theme)
    words = page.evaluate(WORDS)
    assert len(words) > 50
    assert [one for one in words if one[1] < 11] == []
    assert [one for one in words if one[2] < 4.5] == []


@pytest.mark.parametrize(("width", "zoom"), [(390, 1), (640, 2)])
def test_no_page_scrolls_sideways(open_page: Open, width: int, zoom: int) -> None:
    for address in (a_page(), a_report().as_uri()):
        page = open_page(address, width=width, device_scale_factor=zoom)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_all_that_can_be_used_has_a_name(open_page: Open) -> None:
    page = open_page(a_page())
    assert page.evaluate(NAMELESS) == []
    expect(page.get_by_role("group", name="Arrow keys walk the evaluations")).to_have_count(2)
    expect(page.get_by_role("navigation", name="Findings").get_by_role("link")).to_have_count(2)


def test_a_theme_is_chosen_and_kept(open_page: Open) -> None:
    page = open_page(a_page(), color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "heldout.marks.ink('left')"
    light = [page.evaluate(one) for one in (ground, ink)]
    button = page.get_by_role("button", name="Theme")
    button.click()
    button.click()
    assert [page.evaluate(one) for one in (ground, ink)] != light
    page.reload()
    assert page.evaluate(ground) == "rgb(13, 17, 23)"
    assert page.evaluate(ink) == "rgb({}, {}, {})".format(*rgb(PALETTES["dark"]["left"]))
    page.get_by_role("button", name="Theme").click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_drawing_follows_the_theme_without_a_script(open_page: Open, theme: str) -> None:
    page = open_page(a_report().as_uri(), width=1000, color_scheme=theme, java_script_enabled=False)
    shot = page.locator("#figure-reward-and-held-out .still").screenshot()
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    seen = {colour for _, colour in image.getcolors(1 << 24) or []}
    palette, other = (PALETTES[one] for one in ((theme, "dark" if theme == "light" else "light")))
    assert rgb(palette["left"]) in seen
    assert rgb(other["left"]) not in seen
    right = [
        x for x in range(image.width) for y in range(image.height) if image.getpixel((x, y)) == rgb(palette["right"])
    ]
    assert 0.8 * image.width < max(right) < image.width - 3  # the right axis stands inside


def test_a_finding_of_the_lane_leads_to_its_steps_and_its_words(open_page: Open) -> None:
    page = open_page(a_page(), height=500)
    page.get_by_role("link", name="the score falls").click()
    assert page.evaluate("heldout.figures.get('length').view") == [45, 135]
    expect(page.locator("#finding-1")).to_be_in_viewport()
    page.keyboard.press("0")
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.evaluate("heldout.figures.get('length').view") == [195, 205]

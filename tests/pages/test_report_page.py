"""The page of one run in a real browser: the map of problems, small figures, paper, and all of it without a script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import heldout
from heldout.datasets import real_runs
from heldout.report import write_report

pytest.importorskip("playwright", reason="playwright is not installed: pages are not tried")
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = heldout.read(real_runs(["exit-hack"])[0].path)
    return write_report(run, tmp_path_factory.mktemp("report"), ["svg"]).page.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: said.append(request.url) if request.url != address else None)
    opened.goto(address)
    yield opened
    context.close()
    assert [one for one in said if not one.startswith("data:")] == []


def test_the_map_of_problems_is_read_by_pointer_and_by_keys(page: Page) -> None:
    strip, readout = page.locator("svg.strip").first, page.locator(".map .readout")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    assert box is not None
    strip.hover(position={"x": 1, "y": 1})
    assert "at step 0." in readout.inner_text()
    strip.hover(position={"x": box["width"] - 2, "y": 1})
    assert ": failed at step 250. All:" in readout.inner_text()
    page.mouse.move(0, 0)
    strip.focus()
    page.keyboard.press("Home")
    first = readout.inner_text()
    page.keyboard.press("ArrowDown")
    second = readout.inner_text()
    assert first.split(":")[0] != second.split(":")[0]
    page.keyboard.press("Enter")
    page.wait_for_url("**problem=**", wait_until="commit")
    page.reload()
    assert page.locator(".map .readout").inner_text().split(":")[0] == second.split(":")[0]


def test_small_figures_follow_the_step_that_is_kept_and_the_zoom(page: Page) -> None:
    page.evaluate("heldout.figures.pin(50); heldout.figures.zoom(20, 120)")
    words = page.locator(".small figcaption span")
    assert {text.rpartition(" at ")[2] for text in words.all_inner_texts()} == {"50"}
    assert page.locator(".small svg").first.get_attribute("viewBox") == "80 0 400 200"


def test_every_command_and_path_has_a_button_that_copies_it(page: Page) -> None:
    codes = page.locator("code.command, code.path").count()
    assert page.locator(".copy").count() == codes


def test_on_paper_every_table_is_open_and_answers_stay_as_they_are(page: Page) -> None:
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open]):not(.menu):not(.samples details)").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 3


def test_without_a_script_all_is_there(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    opened.goto(address)
    for anchor in ("findings", "problems", "checkpoints", "description", "settings", "notes"):
        assert opened.locator(f".contents a[href='#{anchor}']").is_visible()
        assert opened.locator(f"#{anchor}").is_visible()
    assert opened.locator(".still svg").first.is_visible()
    assert opened.locator(".small svg").first.is_visible()
    assert opened.locator("svg.strip image").first.is_visible()
    context.close()


def test_the_page_is_small_enough_to_be_sent(address: str) -> None:
    assert Path(address.removeprefix("file://")).stat().st_size < 350_000

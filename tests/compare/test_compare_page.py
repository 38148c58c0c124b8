"""The page of a comparison in a real browser: it asks nothing of the network, runs nothing of a name, and fits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recipes_made import recipe

from heldout.compare import compare

sync_api = pytest.importorskip("playwright.sync_api", reason="pages are tried with playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=document.title='taken'>"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        *recipe("a", 0.8, evaluations=4),
        *recipe("b", 0.4, first=10, evaluations=4),
        *recipe("c", 0.4, k=1, first=20),
    ]
    runs = [replace(run, name=f"{HOSTILE}{run.name}", config={**run.config, HOSTILE: run.name}) for run in runs]
    named = {f"{HOSTILE}{name}": [run for run in runs if run.config["reward"] == name] for name in "abc"}
    path = tmp_path_factory.mktemp("page") / "compare.html"
    path.write_text(compare(runs, named=named).html(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_asks_nothing_runs_nothing_and_fits(written: Path, browser: object, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})  # type: ignore[attr-defined]
    page.set_default_timeout(240_000)  # of a machine that does much else
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.title() != "taken"
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("figure.chart").count() == 3
    assert page.locator("table.forest tbody tr").count() == 2
    page.close()

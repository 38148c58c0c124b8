"""What several tests share: where real logs may lie, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect, sync_playwright

REAL_RUNS = Path(__file__).parents[2] / "shared" / "runs"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HERE = ("file:", "data:", "blob:", "http://127.0.0.1:")
PATIENCE = 120_000  # ms, on a machine that has much else to do


@pytest.fixture(scope="session")
def real_runs() -> Path:
    """The folder of other people's logs beside the checkout; tests that want it skip where it is absent."""
    if not REAL_RUNS.is_dir():
        pytest.skip(f"no real logs at {REAL_RUNS}")
    return REAL_RUNS


@pytest.fixture(scope="module")
def chromium() -> Iterator[Callable[..., BrowserContext]]:
    """A browser for the tests of one module: while it runs, its thread cannot run another event loop.

    Gives profiles of it, one for each set of options.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, so NO PAGE WAS TRIED IN A BROWSER; apt-get install chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        profiles: dict[str, BrowserContext] = {}

        def profile(**options: Any) -> BrowserContext:
            key = repr(sorted(options.items()))
            if key not in profiles:
                profiles[key] = browser.new_context(**options)
                profiles[key].set_default_timeout(PATIENCE)
            return profiles[key]

        yield profile
        browser.close()


@pytest.fixture
def open_page(chromium: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """Open a page: ``open_page(address, width=390, color_scheme="dark", java_script_enabled=False, …)``.

    Requests to anywhere but this machine are cut off. At the end there must have been none, and no dialog, no error
    and no breach of the page's policy.
    """
    wrong: list[str] = []
    pages = []

    def refuse(route: Route) -> None:
        wrong.append(f"asked the network for {route.request.url}")
        route.abort()

    def dismiss(dialog: Dialog) -> None:
        wrong.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def opened(address: str, width: int = 1280, height: int = 900, **options: Any) -> Page:
        page = chromium(**options).new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.route(lambda url: not url.startswith(HERE), refuse)
        page.on("dialog", dismiss)
        page.on("pageerror", lambda error: wrong.append(f"error {error}"))
        page.on("console", lambda told: wrong.append(told.text) if told.type in ("error", "warning") else None)
        page.goto(address)
        return page

    yield opened
    for page in pages:
        page.close()
    assert wrong == []

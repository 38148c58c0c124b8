"""A real server and a real browser: live points, a restart, the way to a hacked answer, and a quick end."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright import sync_api
from serving import record

from heldout.store.layout import PROCESS

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WAIT = 120_000.0  # ms; a busy machine is slow

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason="no chromium: the server is not tried in a browser; apt-get install chromium"
)


class Server:
    """``heldout serve`` as a process."""

    def __init__(self, root: Path, port: int) -> None:
        words = ["serve", str(root), "--port", str(port), "--no-open", "--no-cache"]
        self.process = subprocess.Popen([sys.executable, "-m", "heldout", *words], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    def interrupt(self) -> int:
        """Press Ctrl-C; return how it ended."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def page() -> Iterator[sync_api.Page]:
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT)
        page.route(re.compile(r"https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        yield page
        browser.close()


def shows_the_new_state(page: sync_api.Page) -> None:
    """Press the button, and find the zoom, what was open, the table of a figure and the place as they were."""
    opened = page.locator("details:has-text('Key points')").first
    opened.locator("summary").first.click()
    page.get_by_role("button", name="Table").first.click()
    page.locator("#notes").scroll_into_view_if_needed()
    at = page.locator("#notes").bounding_box()
    page.evaluate("window.before = true")
    page.evaluate("document.querySelector('#dated button').click()")
    page.wait_for_function("() => !window.before && window.heldout?.figures.all().length", timeout=WAIT)
    sync_api.expect(page.locator("[data-last]")).to_have_attribute("data-last", "40")
    sync_api.expect(page.locator("#dated")).to_have_count(0)
    assert page.evaluate("heldout.figures.all()[0].view") == [5, 20]
    sync_api.expect(opened).to_have_attribute("open", "")
    assert page.locator("details:has-text('Key points')[open]").count() == 1
    sync_api.expect(page.locator(".sheet table").first).to_be_visible()
    now = page.locator("#notes").bounding_box()
    assert at
    assert now
    assert abs(at["y"] - now["y"]) < 120


def append(run: Path, step: int) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "reward": 0.5}) + "\n")


def test_a_run_that_goes_on_is_followed_over_a_restart(tmp_path: Path, page: sync_api.Page) -> None:
    """The page shows each new step once, keeps a zoom, and goes on when the server comes back."""
    run, port = record(tmp_path / "runs" / "hacked"), free_port()
    (run / PROCESS).unlink()  # which says that it has ended
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    server = Server(tmp_path / "runs", port)
    assert server.said.startswith(f"http://127.0.0.1:{port}/  ·  1 run")
    try:
        page.goto(f"http://127.0.0.1:{port}/run/hacked#x=5-20")
        sync_api.expect(page.locator("figure.chart.enhanced").first).to_be_visible()
        append(run, 40)
        sync_api.expect(page.locator("#live")).to_have_text("● live, step 40", timeout=WAIT)
        sync_api.expect(page.locator("#new-steps")).to_have_text("1 new step →", timeout=WAIT)
        assert page.evaluate("heldout.figures.all()[0].view") == [5, 20]
        sync_api.expect(page.locator("#dated")).to_contain_text("all else on this page is as of step 39.")
        shows_the_new_state(page)
        assert server.interrupt() == 0
        sync_api.expect(page.locator("#live")).to_have_text("not connected, as of step 40", timeout=WAIT)
        append(run, 41)
        server = Server(tmp_path / "runs", port)
        sync_api.expect(page.locator("#live")).to_have_text("● live, step 41", timeout=WAIT)
        steps = page.evaluate(
            "heldout.figures.all()[0].all.layers.find((layer) => layer.kind === 'line' && layer.raw)?.steps"
        )
        assert steps is None or (len(set(steps)) == len(steps) and steps[-1] == 41)
        page.locator("#new-steps").click()
        assert page.evaluate("heldout.figures.all()[0].view")[1] == 41
    finally:
        assert server.interrupt() == 0
    assert errors == []


def until(page: sync_api.Page, wanted: list[str]) -> None:
    page.wait_for_function(
        "(wanted) => [...document.querySelectorAll('tr[data-slug] th')].map((one) => one.querySelector('a')"
        "?.textContent.trim() ?? '').sort().join() === wanted.join()",
        arg=wanted,
        timeout=WAIT,
    )


def test_the_table_has_each_run_once_whatever_comes_goes_and_belongs_together(
    tmp_path: Path, page: sync_api.Page
) -> None:
    root = tmp_path / "runs"
    record(root / "one")
    server = Server(root, free_port())
    try:
        page.goto(server.said.split()[0])
        until(page, ["one"])
        sync_api.expect(page.locator("tr[data-slug] td").first).to_contain_text("over-optimised", timeout=WAIT)
        page.get_by_label("select one").check()
        shutil.copytree(root / "one", root / "two")
        until(page, ["one", "two"])
        record(root / "three", hack_from=40)
        until(page, ["one", "three", "two"])
        fallen = page.locator("tr[data-slug][data-state=over-optimised]")
        sync_api.expect(fallen).to_have_count(2, timeout=WAIT)
        sync_api.expect(page.get_by_label("select one")).to_be_checked()
        shutil.rmtree(root / "two")
        until(page, ["one", "three"])
        sync_api.expect(page.get_by_label("select one")).to_be_checked()
        shown = page.locator("tr[data-slug]").evaluate_all("(rows) => rows.map((row) => row.dataset.slug)")
        page.reload()
        until(page, ["one", "three"])
        again = page.locator("tr[data-slug]").evaluate_all("(rows) => rows.map((row) => row.dataset.slug)")
        assert shown == again
    finally:
        server.interrupt()


def test_an_answer_that_fooled_the_judge_is_three_clicks_away(tmp_path: Path, page: sync_api.Page) -> None:
    record(tmp_path / "runs" / "hacked")
    server = Server(tmp_path / "runs", free_port())
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    try:
        page.goto(server.said.split()[0])
        sync_api.expect(page.get_by_text("over-optimised", exact=False).first).to_be_visible(timeout=WAIT)
        page.get_by_role("link", name="hacked").first.click()
        page.get_by_role("link", name="Answers that fooled the judge").first.click()
        sync_api.expect(page.get_by_role("link", name="prompt, judges, difference").first).to_be_visible(timeout=WAIT)
        sync_api.expect(page.get_by_role("button", name="Keys")).to_be_visible(timeout=WAIT)  # its scripts have run
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        sync_api.expect(page.get_by_role("heading", name="Answer", exact=True)).to_be_visible(timeout=WAIT)
        assert "exit()" in page.locator("main").inner_text()
        here = page.url
        sync_api.expect(page.get_by_role("button", name="Keys")).to_be_visible(timeout=WAIT)
        page.keyboard.press("j")
        sync_api.expect(page).not_to_have_url(here, timeout=WAIT)
        sync_api.expect(page.get_by_role("heading", name="Answer", exact=True)).to_be_visible(timeout=WAIT)
        sync_api.expect(page.get_by_role("button", name="Keys")).to_be_visible(timeout=WAIT)
        page.keyboard.press("k")
        sync_api.expect(page).to_have_url(here, timeout=WAIT)
        sync_api.expect(page.get_by_role("button", name="Keys")).to_be_visible(timeout=WAIT)  # its scripts have run
        page.keyboard.press("?")
        sync_api.expect(page.get_by_role("dialog").get_by_text("next, previous answer")).to_be_visible()
    finally:
        server.interrupt()
    assert [text for text in refused if "Content Security Policy" in text] == []

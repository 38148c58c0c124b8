"""``heldout bench page``: what figures in a browser take, and whether anything in a log can break out of its place.

A server sends windows of a long run to Chromium, as `heldout serve` does; what is timed is what a reader waits for,
from the request to the picture. Links are opened in a page of their own, texts that would run are put wherever a log's
texts stand.
"""

from __future__ import annotations

import gzip
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import orjson
from playwright.sync_api import Browser, CDPSession, Dialog, Page, sync_playwright
from rich.console import Console

from benchmarks.harness import Sheet, check_name, write
from benchmarks.hostile import random_texts
from heldout import pages
from heldout.charts import Axis, Chart, Line, Side, reward_and_held_out
from heldout.charts.browser import as_data
from heldout.errors import UsageError
from heldout.run import Run, Series

_PAGE = """{% extends "base.html" %}{% from "parts.html" import figure %}{% block content %}<h1>{{ name }}</h1>
{% for text in texts %}<p title="{{ text }}">{{ text }}</p>{% endfor %}
{% for stem, chart in charts.items() %}{{ figure(stem, chart, "<svg></svg>", caption=chart.caption) }}{% endfor %}
{% endblock %}"""
_ZOOMS = """async (views) => {
  const figure = heldout.figures.all()[0], taken = [], next = () => new Promise(requestAnimationFrame);
  figure.source = async (low, high, pixels) => (await fetch(`window?low=${low}&high=${high}&px=${pixels}`)).json();
  for (const [low, high] of views) {
    const before = figure.chart, begin = performance.now();
    figure.zoom(low, high);
    while (figure.chart === before) await next();
    await next();
    taken.push(performance.now() - begin);
  }
  return taken;
}"""
_PAINTED = """async () => {
  while (!document.querySelector("figure.enhanced canvas")) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now();
}"""
_SHOWN = "[...document.querySelectorAll('canvas')].map((one) => one.toDataURL()).join() + document.body.innerText"
_TEXTS_A_PAGE = 250


def main(points: int, zooms: int, links: int, texts: int, out: Path | None) -> None:
    """Measure, and print the tables."""
    check_name(out)
    sheets = [weight()]
    with _chromium() as browser:
        sheets += [drawing(browser, points, zooms), safety(browser, links, texts)]
    for sheet in sheets:
        Console().print(sheet.drawn())
    write(out, sheets, sheets)


def weight() -> Sheet:
    """What a page loads."""
    files = pages.linkable()
    rows = {name: (len(text.encode()), len(gzip.compress(text.encode()))) for name, text in files.items()}
    rows["together"] = (sum(plain for plain, _ in rows.values()), sum(small for _, small in rows.values()))
    cells = tuple((name, f"{plain / 1e3:.1f}", f"{small / 1e3:.1f}") for name, (plain, small) in rows.items())
    return Sheet("What pages load, kB", ("file", "as it is", "gzip"), cells)


def drawing(browser: Browser, points: int, zooms: int) -> Sheet:
    """How long a long run takes to the first picture, and to that of another window."""
    step = np.arange(points)
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=points).cumsum() / np.sqrt(points) + rng.normal(size=points) for _ in range(2)]
    series = {name: Series(name, step, walk) for name, walk in zip("ab", walks, strict=True)}
    chart = reward_and_held_out(Run("long", "", "", series, {"reward": "a", "held_out": "b"}))
    begin = time.perf_counter()
    data = as_data(chart)
    reduced = time.perf_counter() - begin
    random = Random(0)
    starts = [random.uniform(0, 0.9 * points) for _ in range(zooms)]
    views = [(low, low + 10 ** random.uniform(2, np.log10(points) - 0.5)) for low in starts]
    with _served(chart, _written({"long": data}, linked="/assets")) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})  # processor time: others do not count
        page.goto(address, wait_until="commit")
        first, busy = page.evaluate(_PAINTED), _busy(session)
        taken = np.array(page.evaluate(_ZOOMS, views))
        each = (_busy(session) - busy) / zooms
    rows = (
        ("to as many points as are sent", f"{1e3 * reduced:.0f}"),
        ("from the address to the first picture", f"{first:.0f}"),
        ("of that, the page's own processor time", f"{busy:.0f}"),
        ("from a zoom to its picture, median", f"{np.median(taken):.0f}"),
        ("from a zoom to its picture, 95th of a hundred", f"{np.percentile(taken, 95):.0f}"),
        ("the page's own processor time for one, mean", f"{each:.0f}"),
    )
    return Sheet(f"Two series of {points} points, {zooms} zooms, ms", ("what", "ms"), rows)


def _busy(session: CDPSession) -> float:
    """How long the page's main thread has worked, in ms."""
    found = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * next(float(one["value"]) for one in found if one["name"] == "TaskDuration")


def safety(browser: Browser, links: int, texts: int) -> Sheet:
    """Do copied links show the same, and does a text ever do more than be read?"""
    same = sum(_same(browser, Random(seed)) for seed in range(links))
    wrong = [event for first in range(0, texts, _TEXTS_A_PAGE) for event in _broken(browser, first, texts)]
    rows = (
        ("links that show the same picture and readout in a fresh page", f"{same} of {links}"),
        ("texts that did more than be read", f"{len(wrong)} of {texts}"),
    )
    return Sheet("Links and hostile texts", ("what", "how many"), rows)


def _same(browser: Browser, random: Random) -> bool:
    """Open a state by its address, and set it by hand in another page."""
    low = random.uniform(0, 250)
    chosen: dict[str, str] = {
        "x": f"{low:.1f}-{low + random.uniform(5, 200):.1f}",
        "step": str(random.randrange(300)),
        "hide": f"some:{random.choice(['left', 'right'])}",
        "y": "some",
    }
    chosen = {key: value for key, value in chosen.items() if random.random() < 0.7}
    step = np.arange(300)
    noise = np.random.default_rng(1).normal(size=300)
    some = {"a": Series("a", step, step / 300 + 0.2 * noise), "b": Series("b", step[::10], np.sin(step[::10] / 80))}
    chart = reward_and_held_out(Run("some", "", "", some, {"reward": "a", "held_out": "b"}))
    with _opened(browser, _written({"some": as_data(chart)})) as page:
        page.evaluate("(chosen) => heldout.state.set(chosen)", chosen)
        shown, link = page.evaluate(_SHOWN), page.evaluate("heldout.state.link()")
        again = page.context.new_page()
        again.goto(link)
        return bool(again.evaluate(_SHOWN) == shown)


def _broken(browser: Browser, seed: int, texts: int) -> list[str]:
    """Put texts wherever a log's texts stand in a page; return what they did."""
    some = random_texts(min(_TEXTS_A_PAGE, texts - seed), Random(seed))
    step = np.arange(3.0)
    axis = Axis(some[0], (0.0, 1.0), (0.0, 1.0), unit=some[-1])
    chart = Chart(axis, axis, layers=(Line(Side.LEFT, step, step, some[0]),), title=some[-1], caption=some[0])
    written = _written({"one": as_data(chart)}, texts=some, name=some[0])
    happened: list[str] = []
    with _opened(browser, written, happened) as page:
        page.wait_for_selector("figure.enhanced", state="attached")
        found = page.evaluate(
            "[...document.querySelectorAll('img, iframe, object, form, base, template, main > p[title] *')].length"
        )
        count = page.evaluate("document.querySelectorAll('main > p[title]').length")
    return [*happened, *(["an element"] * found), *(["a lost text"] if count != len(some) else [])]


def _written(charts: dict[str, Any], texts: list[str] | None = None, name: str = "a page", linked: str = "") -> str:
    page = pages.template("base.html").environment.from_string(_PAGE)
    return page.render(charts=charts, texts=texts or [], name=name, linked=linked)


@contextmanager
def _opened(browser: Browser, written: str, happened: list[str] | None = None) -> Iterator[Page]:
    """Open a page that was written; what it does that it must not is added to what happened."""
    wrong = happened if happened is not None else []
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    page.on("dialog", lambda dialog: _dismiss(dialog, wrong))
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else wrong.append(asked.url))
    with _file(written) as path:
        page.goto(path.as_uri())
        yield page
    context.close()


def _dismiss(dialog: Dialog, wrong: list[str]) -> None:
    wrong.append(dialog.message)
    dialog.dismiss()


@contextmanager
def _file(written: str) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(written, encoding="utf-8", errors="backslashreplace")
        yield path


@contextmanager
def _served(chart: Chart, page: str) -> Iterator[str]:
    """Serve a page, what it links, and windows of its chart."""
    files = {f"/assets/{name}": text.encode() for name, text in pages.linkable().items()}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            body = _window(chart, asked.query) if asked.path == "/window" else files.get(asked.path, page.encode())
            self.send_response(200)
            kind = {"css": "text/css", ".js": "text/javascript"}.get(asked.path[-3:], "text/html; charset=utf-8")
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def _window(chart: Chart, query: str) -> bytes:
    asked = {key: float(values[0]) for key, values in parse_qs(query).items()}
    return orjson.dumps(as_data(chart, int(asked["px"]), (asked["low"], asked["high"])))


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise UsageError("There is no Chromium on this machine; apt-get install chromium, and measure again.")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()

"""The routes of the server: all of them read."""

from __future__ import annotations

import asyncio
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from heldout.charts.spec import PAGE_CM
from heldout.errors import HeldoutError, UsageError
from heldout.fleet.places import stamp_of
from heldout.serve import live, pages, windows, work
from heldout.serve.catalogue import Catalogue, Entry
from heldout.serve.guard import Access, Guard
from heldout.serve.picking import Picked
from heldout.serve.work import Where
from heldout.serve.worker import LIMIT, Worker
from heldout.text import counted

_COMPARING, _MOST_COMPARED = 60.0, 60  # seconds, and runs
_SEARCH = 10.0  # seconds of a search for a pattern that somebody typed
_JSON, _BYTES = "application/json", "application/octet-stream"
_TYPES = {"css": "text/css", "js": "text/javascript"}
_DRAWN = {"svg": "image/svg+xml", "pdf": "application/pdf", "png": "image/png"}
_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Served:
    """What the routes need."""

    catalogue: Catalogue
    readers: Sequence[Worker]  # each run is always read by the same one, which keeps it
    access: Access
    closing: asyncio.Event = field(default_factory=asyncio.Event)  # set when the server ends

    def reader(self, entry: Entry) -> Worker:
        """Return the worker that reads a run."""
        return self.readers[zlib.crc32(entry.slug.encode()) % len(self.readers)]


def app_of(served: Served) -> Guard:
    """Return the application, with its guard in front."""
    routes = _Routes(served)
    app = Starlette(
        routes=[
            Route("/", routes.runs),
            Route("/run/{slug}", routes.run),
            Route("/run/{slug}/samples", routes.samples),
            Route("/run/{slug}/samples/{step:int}/{number:int}", routes.sample),
            Route("/compare", routes.compare),
            Route("/api/runs", routes.rows),
            Route("/api/compare", routes.comparison),
            Route("/api/run/{slug}", routes.report),
            Route("/api/run/{slug}/live", routes.live),
            Route("/api/run/{slug}/window", routes.window),
            Route("/api/run/{slug}/problems", routes.problems),
            Route("/api/run/{slug}/samples", routes.samples_data),
            Route("/api/run/{slug}/samples/{step:int}/{number:int}", routes.sample_data),
            Route("/api/figure/{slug}/{stem}.json", routes.figure),
            Route("/api/figure/{slug}/{stem}.{kind}", routes.drawing),
            Route("/events", routes.events),
            Route("/assets/{name:path}", routes.asset),
            Route("/healthz", routes.health),
        ],
        exception_handlers={HTTPException: routes.missing, HeldoutError: routes.refused},
        lifespan=routes.lifespan,
    )
    return Guard(app, served.access)


class _Routes:
    def __init__(self, served: Served) -> None:
        self.served, self.catalogue, self.base = served, served.catalogue, served.access.base
        self.assets = pages.assets()
        self.salt = secrets.token_hex(4)  # what a browser kept of an earlier server may be of an earlier heldout

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Judge while the server runs."""
        judging = asyncio.create_task(self.catalogue.judge())
        try:
            yield
        finally:
            judging.cancel()
            with suppress(asyncio.CancelledError):
                await judging

    # --- all runs

    async def runs(self, request: Request) -> Response:
        await self.catalogue.look()
        return self._answer(request, str(self.catalogue.version), pages.runs(self.catalogue, self.base))

    async def rows(self, request: Request) -> Response:
        await self.catalogue.look()
        return self._answer(request, str(self.catalogue.version), pages.rows(self.catalogue), _JSON)

    async def events(self, request: Request) -> Response:
        seen = request.headers.get("last-event-id") or request.query_params.get("at", "")
        closing = self.served.closing
        if slug := request.query_params.get("run"):
            stream = live.of_run((await self._entry(slug)).place.path, seen, closing)
        else:
            stream = live.of_runs(
                self.catalogue, lambda entry: pages.row(self.catalogue, entry, self.base), seen, closing
            )
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def compare(self, request: Request) -> Response:
        several, options = await self._several(request)
        page = await self.served.readers[0].do(work.comparison_of, several, options, self.base, limit=_COMPARING)
        return HTMLResponse(page)

    async def comparison(self, request: Request) -> Response:
        several, options = await self._several(request)
        data = await self.served.readers[0].do(work.comparison_data, several, options, limit=_COMPARING)
        return Response(data, media_type=_JSON)

    async def _several(self, request: Request) -> tuple[list[tuple[str, work.Asked]], dict[str, str]]:
        """Return the runs that an address names, each once, and what else it says."""
        asked = request.query_params
        slugs = list(dict.fromkeys([*asked.getlist("a"), *asked.getlist("b"), *asked.getlist("run")]))
        if not 2 <= len(slugs) <= _MOST_COMPARED:
            raise UsageError(
                f"{counted(len(slugs), 'run')} cannot be compared; select 2 to {_MOST_COMPARED} in the table."
            )
        entries = [await self._entry(slug) for slug in slugs]
        options = {key: asked.get(key, "") for key in ("at", "by", "baseline", "benchmark")}
        return [(one.row.name, self.catalogue.asked(one)) for one in entries], options | {"slugs": " ".join(slugs)}

    # --- one run

    async def run(self, request: Request) -> Response:
        return await self._of_run(request, work.page_of, self._where(request), _picked(request))

    async def report(self, request: Request) -> Response:
        return await self._of_run(request, work.report_of, kind=_JSON)

    async def live(self, request: Request) -> Response:
        return await self._of_run(request, work.live_of, _pixels(request), _picked(request), kind=_JSON)

    async def window(self, request: Request) -> Response:
        wanted = windows.wanted_of(request.query_params, tuple(request.query_params.getlist("key")))
        return await self._of_run(request, work.window_of, wanted, kind=_BYTES)

    async def problems(self, request: Request) -> Response:
        return await self._of_run(request, work.problems_in, kind=_BYTES)

    async def figure(self, request: Request) -> Response:
        stem, window = request.path_params["stem"], windows.range_of(request.query_params)
        wanted = (window, _pixels(request), _picked(request))
        return await self._of_run(request, work.figure_of, stem, *wanted, kind=_JSON)

    async def drawing(self, request: Request) -> Response:
        stem, kind = request.path_params["stem"], request.path_params["kind"]
        if kind not in _DRAWN:
            raise HTTPException(404)
        width = windows.number_of(request.query_params, "width", PAGE_CM)
        wanted = (width, windows.range_of(request.query_params), _picked(request))
        answer = await self._of_run(request, work.drawing_of, stem, kind, *wanted, kind=_DRAWN[kind])
        answer.headers["content-disposition"] = f'inline; filename="{re.sub(r"[^A-Za-z0-9_.-]", "-", stem)}.{kind}"'
        return answer

    # --- its answers

    async def samples(self, request: Request) -> Response:
        asked = dict(request.query_params)
        return await self._of_run(request, work.samples_of, asked, self._where(request), limit=_limit(asked))

    async def samples_data(self, request: Request) -> Response:
        asked = dict(request.query_params)
        return await self._of_run(request, work.samples_data, asked, kind=_JSON, limit=_limit(asked))

    async def sample(self, request: Request) -> Response:
        at = request.path_params
        return await self._of_run(request, work.sample_of, at["step"], at["number"], self._where(request))

    async def sample_data(self, request: Request) -> Response:
        at = request.path_params
        return await self._of_run(request, work.sample_data, at["step"], at["number"], kind=_JSON)

    # --- the rest

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.assets:
            raise HTTPException(404)
        return self._answer(request, name, self.assets[name], _TYPES[name.rsplit(".", 1)[-1]])

    async def health(self, _: Request) -> Response:
        return PlainTextResponse("ok")

    async def missing(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._said(
            request, "There is no such page, or no such run any more." if status == 404 else str(error), status
        )

    async def refused(self, request: Request, error: Exception) -> Response:
        return self._said(request, str(error), 400 if isinstance(error, UsageError) else 422)

    def _said(self, request: Request, why: str, status: int) -> Response:
        if request.url.path.startswith("/api/"):
            return PlainTextResponse(f"{why}\n", status)
        return HTMLResponse(pages.message(why, self.base), status)

    def _where(self, request: Request) -> Where:
        return Where(request.path_params["slug"], self.base)

    async def _of_run(
        self,
        request: Request,
        made: Callable[..., str | bytes],
        *given: Any,
        kind: str = "text/html",
        limit: float = LIMIT,
    ) -> Response:
        """Answer with what a worker makes of the run that an address names, unless nothing of it has changed."""
        entry = await self._entry(request.path_params["slug"])
        stamp = await asyncio.to_thread(stamp_of, entry.place.path)
        if self._is_known(request, stamp):
            return self._unchanged(stamp)
        content = await self.served.reader(entry).do(made, self.catalogue.asked(entry), *given, limit=limit)
        return self._answer(request, stamp, content, kind)

    async def _entry(self, slug: str) -> Entry:
        """Return a run by its slug, looked for anew where it is not known."""
        if self.catalogue.get(slug) is None:
            await self.catalogue.look()
        found = self.catalogue.get(slug)
        if found is None:
            raise HTTPException(404)
        return found

    def _answer(self, request: Request, stamp: str, content: str | bytes, kind: str = "text/html") -> Response:
        """Answer with what a browser may keep, or tell it that what it has is still so."""
        if self._is_known(request, stamp):
            return self._unchanged(stamp)
        return Response(content, headers={"etag": self._tag(stamp)}, media_type=kind)

    def _tag(self, stamp: str) -> str:
        return f'"{self.salt}-{stamp}"'

    def _is_known(self, request: Request, stamp: str) -> bool:
        known = request.headers.get("if-none-match", "").replace("W/", "").split(",")
        return self._tag(stamp) in [one.strip() for one in known]

    def _unchanged(self, stamp: str) -> Response:
        return Response(status_code=304, headers={"etag": self._tag(stamp)})


def _picked(request: Request) -> Picked:
    return Picked.of(request.query_params)


def _pixels(request: Request) -> int:
    pixels = windows.number_of(request.query_params, "px", _COLUMNS)
    if not 1 <= pixels <= windows.MOST_PIXELS:
        raise UsageError(f"px is {pixels:g}; it must be from 1 to {windows.MOST_PIXELS}.")
    return int(pixels)


def _limit(asked: dict[str, str]) -> float:
    return _SEARCH if asked.get("q") else LIMIT

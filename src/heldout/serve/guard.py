"""Who is answered: requests to this machine's own names, from pages of the server itself, that only read.

Every answer carries headers that let the page load nothing from elsewhere, run no script but the server's own, and be
framed or read by no other page.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_READING = ("GET", "HEAD")
_TOKEN = "token"
_WEEK = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read.

    Attributes
    ----------
    hosts
        Names under which the server answers, in lower case and without a port.
    token
        What a reader has to show; empty where none is wanted.
    base
        The path under which a proxy shows the server, such as ``/p``; empty for none.
    cookie
        Under which name a browser keeps the token; ports of one machine share cookies.
    """

    hosts: frozenset[str] = LOCAL
    token: str = ""
    base: str = ""
    cookie: str = "heldout"


class Guard:
    """Stands before an application: refuses, or lets through, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            scope = self._without_base(scope)
            await (self._refusal(scope) or self.app)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _without_base(self, scope: Scope) -> Scope:
        base, path = self.access.base, scope["path"]
        inside = base and (path == base or path.startswith(f"{base}/"))
        return {**scope, "path": path[len(base) :] or "/"} if inside else scope

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not _is_known(headers.getlist("host"), self.access.hosts):
            return _said(400, "This server answers to its own names only; heldout serve --allow-host NAME adds one.")
        if not _is_own(headers):
            return _said(403, "Another site asked for this; type the address, or open it from the terminal.")
        if scope["method"] not in _READING:
            return PlainTextResponse("This server only reads.", 405, {"allow": ", ".join(_READING)})
        return self._shown(scope, headers) if self.access.token else None

    def _shown(self, scope: Scope, headers: Headers) -> Response | None:
        """Ask for the token: in the address once, then in the cookie that is given for it."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        told = [value for key, value in query if key == _TOKEN]
        if told and self._is_token(told[0]):
            return self._welcome(scope, urlencode([(key, value) for key, value in query if key != _TOKEN]))
        if any(self._is_token(value) for value in _cookies(headers, self.access.cookie)):
            return None
        return _said(401, "This server wants its token: open the address that heldout serve printed.")

    def _welcome(self, scope: Scope, query: str) -> Response:
        """Give the cookie, and lead to the address without the token; never to another server."""
        clean = "/" + re.sub(r"[^\w./~%+:@,-]", "", scope["path"]).lstrip("/")
        answer = RedirectResponse(f"{self.access.base}{clean}{'?' if query else ''}{query}", 303)
        base = f"{self.access.base}/"
        answer.set_cookie(self.access.cookie, self.access.token, _WEEK, path=base, httponly=True, samesite="strict")
        return answer

    def _is_token(self, told: str) -> bool:
        return hmac.compare_digest(told.encode("utf-8", "replace"), self.access.token.encode())


def _is_known(hosts: list[str], known: frozenset[str]) -> bool:
    """Whether a request names one host, and that is one of ours: a page elsewhere may let its name lead to us."""
    if len(hosts) != 1 or re.search(r"[\s/@?#\\]", hosts[0]):
        return False
    try:
        return urlsplit(f"//{hosts[0]}").hostname in known
    except ValueError:
        return False


def _is_own(headers: Headers) -> bool:
    """Whether a person or one of the server's own pages asked; a browser tells, another program need not."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and urlsplit(origin).netloc != headers["host"]:
        return False
    followed = site == "same-site" and headers.get("sec-fetch-mode") == "navigate"  # a link on another port
    return followed or site in ("none", "same-origin")


def _cookies(headers: Headers, name: str) -> list[str]:
    pairs = (part.partition("=") for line in headers.getlist("cookie") for part in line.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache, private")
        await send(message)

    return sending


def _said(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)

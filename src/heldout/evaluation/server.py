"""One server of models that speaks OpenAI's protocol: requests that are sent until they are answered or refused."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from heldout import __version__
from heldout.errors import ServerError, UsageError
from heldout.text import visible

_AGAIN = (408, 409, 429)  # and all from 500 on: trouble that passes
_BUSY = (429, 503)  # a server that is there, and will answer
_FIRST_TRIES = 3
_NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")  # a 429 that waiting does not cure
_LONGEST_PAUSE = 60.0  # seconds between two tries, where the server does not say how long
_LONGEST_WAIT = 900.0  # seconds that a server may ask us to wait
_MOST = 64 << 20  # bytes of one answer
_MOST_REFUSAL = 1 << 20  # bytes of the body of a refusal
_TOLD = 300  # characters of what a server says, in a message


class Server:
    """A server, asked over HTTP.

    Trouble that passes (429, 408, 409, 5xx, broken connections) is waited out: as long as the server asks for, else
    twice as long each time, with jitter. A request that is refused is not sent again. Redirects are not followed, since
    a key would go along.

    Parameters
    ----------
    url
        Up to and with ``/v1``, such as ``http://localhost:8000/v1``.
    key_variable
        Name of the environment variable that holds the key; empty for none. The key itself is never shown or written.
    timeout
        Seconds to wait for an answer, which comes when all of it has been written.
    tries
        How often a request is sent before the server is given up.
    pause
        Seconds before the second try; doubled for each further one.

    Raises
    ------
    UsageError
        When the address or the key cannot be used.
    """

    def __init__(
        self, url: str, *, key_variable: str = "", timeout: float = 600.0, tries: int = 10, pause: float = 1.0
    ) -> None:
        self.url = _address(url)
        self.timeout, self.tries, self.pause = timeout, tries, pause
        self.software = ""  # what the server calls itself in its answers
        self._key = _key(key_variable)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._jitter = random.Random()  # leaves the global state of random numbers alone
        self._free_at = 0.0  # when all may send again: one limit holds for every thread

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object that stands under a path; as `post` does for a first question."""
        request = urllib.request.Request(self.url + path, headers=self._headers())
        return self._sent(request, threading.Event(), first=True)

    def post(
        self, path: str, body: Mapping[str, Any], halted: threading.Event | None = None, *, first: bool = False
    ) -> dict[str, Any]:
        """Send a JSON object and return the one that is answered.

        `halted` ends the waiting between tries. A `first` question is given up sooner, unless the server is loading or
        busy: a wrong address is no trouble that passes. A ServerError where the request is refused, or there is still
        no answer.
        """
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), self._headers())
        return self._sent(request, halted or threading.Event(), first)

    def _sent(self, request: urllib.request.Request, halted: threading.Event, first: bool) -> dict[str, Any]:
        pause = self.pause
        for asked in itertools.count(1):
            halted.wait(max(0.0, self._free_at - time.monotonic()))
            try:
                return self._once(request)
            except _Passing as trouble:
                short = first and trouble.status not in _BUSY
                if asked >= (min(_FIRST_TRIES, self.tries) if short else self.tries) or halted.is_set():
                    raise ServerError(
                        f"{self.url} was asked {asked} times and gave no answer ({trouble.why}).", trouble.status
                    ) from None
                asked_for = trouble.wait
            if asked_for is None:
                halted.wait(pause * self._jitter.uniform(0.5, 1.5))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._free_at = max(self._free_at, time.monotonic() + asked_for * self._jitter.uniform(1.0, 1.25))
        raise AssertionError("unreachable")

    def _once(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                data = answer.read(_MOST + 1)
                self.software = answer.headers.get("Server", "")
        except urllib.error.HTTPError as error:
            with error:
                self._refuse(error.code, dict(error.headers), _read(error))
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
            raise _Passing(self._clean(getattr(error, "reason", None) or error)) from None
        if len(data) > _MOST:
            raise ServerError(
                f"{self.url} gives more than {_MOST >> 20} MiB in one answer, which no model writes; look at what "
                "answers there, or ask for fewer tokens."
            )
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise _Passing("an answer that is no JSON object")
        if found.get("error"):  # some gateways say 200 to what went wrong behind them
            code = found["error"].get("code") if isinstance(found["error"], dict) else None
            self._refuse(code if isinstance(code, int) else 502, {}, data)
        return found

    def _refuse(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        """Raise what an answer other than 200 means."""
        said, code = _told(data)
        said = self._clean(said)
        if status in _AGAIN or status >= 500:
            if code in _NO_QUOTA:
                raise ServerError(f"{self.url} says that there is no quota left: {said}.", status)
            wait = _seconds(headers.get("Retry-After"))
            if wait is not None and wait > _LONGEST_WAIT:
                raise ServerError(f"{self.url} asks to wait for {wait:.0f} seconds; try again later.", status)
            raise _Passing(f"{status}: {said}" if said else str(status), status, wait)
        if status in (401, 403):
            raise ServerError(
                f"{self.url} refuses the key or the lack of one ({status}: {said}); name the environment variable that "
                "holds a key with --api-key-env.",
                status,
            )
        if 300 <= status < 400:
            where = self._clean(headers.get("Location", "another address"))
            raise ServerError(f"{self.url} points to {where}; give that address if you trust it.", status)
        raise ServerError(f"{self.url} refuses the request ({status}: {said or 'no reason given'}).", status)

    def _clean(self, said: object) -> str:
        """Return what a server or a library says as one line without the key."""
        text = visible(" ".join(str(said).split()).rstrip("."))
        return (text.replace(self._key, "…") if self._key else text)[:_TOLD]

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": f"heldout/{__version__}"}
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})


class _Passing(Exception):
    """Trouble that may be over at the next try."""

    def __init__(self, why: str, status: int = 0, wait: float | None = None) -> None:
        self.why, self.status, self.wait = why, status, wait


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        """Leave a redirect as the error that it then is."""


def is_address(name: str) -> bool:
    """Say whether this is the address of a server, and not a folder or a name of the hub."""
    return name.startswith(("http://", "https://"))


def _address(url: str) -> str:
    parts = urlsplit(url)
    if not is_address(url) or not parts.hostname:
        raise UsageError(f"{url!r} is no address of a server; give one such as http://localhost:8000/v1.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "The address of a server must end with its path, such as /v1, and hold no password; name a key with "
            "--api-key-env."
        )
    path = parts.path.rstrip("/").removesuffix("/completions").removesuffix("/chat")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _key(variable: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UsageError(f"The environment variable {variable} is not set; it must hold the key of the server.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"What the environment variable {variable} holds is no key: it has blanks or other signs.")
    return key


def _read(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_MOST_REFUSAL)
    except (OSError, http.client.HTTPException):
        return b""


def _told(data: bytes) -> tuple[str, str]:
    """Return the message and the code that the body of a refusal holds, of whichever server it is."""
    text = data.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text[: 4 * _TOLD], ""
    error = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(error, dict):
        return str(error), ""
    said = next((error[key] for key in ("message", "detail", "msg", "error") if error.get(key)), "")
    return str(said), str(error.get("code") if isinstance(error.get("code"), str) else error.get("type"))


def _seconds(header: str | None) -> float | None:
    """Return how long a header asks to wait: seconds or a date; None where it says nothing that is understood."""
    try:
        return max(0.0, float(header or ""))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header or "").timestamp() - time.time())
    except (ValueError, TypeError):
        return None

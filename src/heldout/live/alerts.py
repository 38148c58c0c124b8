"""Telling people: webhooks, e-mail and commands, sent beside the training and never in its way.

An alert is an object that sends one message and raises where it cannot. `Outbox` gives each a queue and a thread of its
own, tries again after a while, and counts what could not be sent. Addresses are secrets: they are taken from the
environment (``env:NAME``), and no message, no ``repr`` and no file ever holds one.

Covered: HTTP errors, redirects, a receiver that asks for a pause, refused and hanging connections, a receiver that
recovers, a burst larger than the queue.
Not covered: a message that was accepted and then lost by the receiver; one that waits when the process is killed.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import email.message
import email.utils
import http.client
import os
import queue
import smtplib
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import orjson

from heldout.errors import UsageError
from heldout.findings import Finding
from heldout.live.acts import Command, NotSent

__all__ = ["Alert", "EmailAlert", "NotSent", "Outbox", "WebhookAlert", "alert_of"]

_HOSTS = {  # of services, by the form that they expect
    "slack": ("hooks.slack.com", "hooks.slack-gov.com"),
    "discord": ("discord.com", "discordapp.com"),
    "teams": ("webhook.office.com", "logic.azure.com", "api.powerplatform.com"),
}
_OF_URLS = "%/:=&?~#+!$,;'@()*[]"  # characters that stand for themselves in a URL
_LONGEST_WAIT = 600.0  # seconds that a receiver may ask to be left alone
_LONGEST = 1900  # characters; Discord takes 2000
_FOR_GOOD = frozenset(range(400, 500)) - {408, 425, 429}  # answers that another try will not change
_SMTP = "HELDOUT_SMTP_"


class Alert(Protocol):
    """Somebody to tell."""

    def send(self, title: str, text: str, finding: Finding) -> None:
        """Send one message.

        Raises
        ------
        Exception
            When it could not be sent; a `NotSent` says why, of any other only the type is told.
        """
        ...


class WebhookAlert:
    """Posts to a URL, as Slack, Discord, Teams or Mattermost expect it, else as JSON with title, text, finding.

    Parameters
    ----------
    url
        Where to; never shown. A redirect is not followed: it would hand the message to another address.
    form
        ``slack``, ``discord``, ``teams``, ``mattermost`` or ``json``; by the URL's host if not given.
    seconds
        How long to wait for an answer.

    Raises
    ------
    UsageError
        When it is no http or https URL, or there is no such form.
    """

    def __init__(self, url: str, *, form: str = "", seconds: float = 10.0) -> None:
        self.host, self.seconds = _host(url), seconds
        if form and form not in _FORMS:
            raise UsageError(f"The form of an alert is {form!r}; it must be one of {', '.join(_FORMS)}.")
        self.form = form or next((name for name, hosts in _HOSTS.items() if _within(self.host, hosts)), "json")
        self._url, self._headers = _without_user(url)

    def __repr__(self) -> str:
        """Tell the host only."""
        return f"WebhookAlert({self.host})"

    def send(self, title: str, text: str, finding: Finding) -> None:
        """Post one message."""
        body = orjson.dumps(_FORMS[self.form](title, text, finding), option=orjson.OPT_SERIALIZE_NUMPY)
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            with _OPENER.open(request, timeout=self.seconds):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            redirect = ", a redirect, which is not followed" if 300 <= error.code < 400 else ""
            again, after = error.code >= 400 and error.code not in _FOR_GOOD, _retry_after(error.headers)
            raise NotSent(f"it answered {error.code}{redirect}", again=again, after=after) from None
        except (OSError, http.client.HTTPException) as error:
            raise NotSent(_reason(error)) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _retry_after(headers: email.message.Message) -> float:
    """How many seconds a receiver asks for, as a number or a date; 0 where it asks for none."""
    told = (headers.get("Retry-After") or "").strip()
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _without_user(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL as it goes over the wire, without name and password, and the headers that hold these."""
    headers = {"Content-Type": "application/json", "User-Agent": "heldout"}
    parts = urllib.parse.urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    if at:
        known = base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()
        headers["Authorization"] = f"Basic {known}"
    return urllib.parse.quote(parts._replace(netloc=place).geturl(), safe=_OF_URLS), headers


def _slack(title: str, text: str, finding: Finding) -> dict[str, Any]:
    plain = f"*{title}*\n{_short(text)}"
    return {"text": plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _discord(title: str, text: str, finding: Finding) -> dict[str, Any]:
    return {"content": f"**{title}**\n{_short(text)}"[:2000], "allowed_mentions": {"parse": []}}


def _teams(title: str, text: str, finding: Finding) -> dict[str, Any]:
    block = {"type": "TextBlock", "wrap": True}
    lines = [{**block, "text": title, "weight": "Bolder"}, {**block, "text": _short(text)}]
    card = {"type": "AdaptiveCard", "version": "1.4", "body": lines}
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _mattermost(title: str, text: str, finding: Finding) -> dict[str, Any]:
    told = f"**{title}**\n{_short(text)}"
    return {"text": told.replace("@", "@\u200b").replace("<!", "<\u200b!")}  # @all and <!channel> call everybody


def _json(title: str, text: str, finding: Finding) -> dict[str, Any]:
    return {"title": title, "text": text, "finding": asdict(finding)}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


_FORMS = {"slack": _slack, "discord": _discord, "teams": _teams, "mattermost": _mattermost, "json": _json}


class EmailAlert:
    """Sends an e-mail through the server that the environment names.

    ``HELDOUT_SMTP_HOST``, and where they are needed ``_PORT`` (587 with STARTTLS; 465 with TLS from the start; 25
    without), ``_USER``, ``_PASSWORD`` and ``_FROM``.

    Parameters
    ----------
    to
        The address.
    seconds
        How long to wait for the server.

    Raises
    ------
    UsageError
        When the environment names no server.
    """

    def __init__(self, to: str, *, seconds: float = 20.0) -> None:
        setting = {name: os.environ.get(_SMTP + name, "") for name in ("HOST", "PORT", "USER", "PASSWORD", "FROM")}
        if not setting["HOST"]:
            raise UsageError(f"An e-mail needs a server; set {_SMTP}HOST (and {_SMTP}USER, {_SMTP}PASSWORD) first.")
        if not setting["PORT"].isdigit() and setting["PORT"]:
            raise UsageError(f"{_SMTP}PORT is {setting['PORT']!r}; it must be a number.")
        self._to, self.seconds, self._setting = to, seconds, setting
        self._port = int(setting["PORT"] or 587)

    def __repr__(self) -> str:
        """Tell the server's name only."""
        return f"EmailAlert({self._setting['HOST']})"

    def send(self, title: str, text: str, finding: Finding) -> None:
        """Send one e-mail."""
        message = email.message.EmailMessage()
        message["Subject"], message["To"] = title, self._to
        message["From"] = self._setting["FROM"] or self._setting["USER"] or self._to
        message.set_content(text)
        connect = smtplib.SMTP_SSL if self._port == 465 else smtplib.SMTP
        try:
            with connect(self._setting["HOST"], self._port, timeout=self.seconds) as server:
                if self._port == 587:
                    server.starttls()
                if self._setting["USER"]:
                    server.login(self._setting["USER"], self._setting["PASSWORD"])
                server.send_message(message)
        except smtplib.SMTPResponseException as error:
            raise NotSent(f"the server answered {error.smtp_code}", again=error.smtp_code < 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(_reason(error)) from None


def alert_of(text: str) -> Alert:
    """Return the alert that a word of the command line means.

    Parameters
    ----------
    text
        ``env:NAME`` for what the environment variable NAME holds, an http(s) URL, ``mailto:ADDRESS``, or
        ``cmd:COMMAND``. A form and a plus before a URL, or before ``env``, say what is posted: ``mattermost+env:NAME``.

    Raises
    ------
    UsageError
        When it is none of these, the variable is not set, or a URL that is a secret was written out.
    """
    form, value = _form_of(text)
    if _scheme(value) == "env":
        name = value.partition(":")[2]
        if not name.isidentifier():
            raise UsageError("--alert env:NAME takes the name of an environment variable; what was given is no name.")
        held, value = _form_of(os.environ.get(name, "").strip())
        form = form or held
        if not value:
            raise UsageError(f"--alert env:{name}: the environment variable {name} is not set.")
    elif _scheme(value) in ("http", "https") and (form or _is_secret(value)):
        raise UsageError(
            "--alert with a URL that is a secret: anybody on this machine could read it; put it into an environment "
            "variable and give --alert env:NAME."
        )
    scheme, _, rest = value.partition(":")
    match scheme.lower():
        case "http" | "https":
            return WebhookAlert(value, form=form)
        case "mailto" if not form:
            return EmailAlert(rest)
        case "cmd" if not form:
            return Command(rest, shell=True)
    given = f"the content of {text}" if _scheme(_form_of(text)[1]) == "env" else "what was given"
    raise UsageError(
        f"--alert: {given} is no http(s) URL, mailto:ADDRESS, cmd:COMMAND or env:NAME; it is not shown here, for it "
        "may be a secret with a slip of the pen."
    )


def _form_of(text: str) -> tuple[str, str]:
    """Split what may stand before the scheme of a URL, ``mattermost+https://…``, from it."""
    form, plus, rest = text.partition("+")
    return (form.lower(), rest) if plus and form.lower() in _FORMS else ("", text)


def _scheme(text: str) -> str:
    return text.partition(":")[0].lower()


class Outbox:
    """Sends to one alert in a thread of its own.

    What is given up is told to `lost`, in that thread. At most `room` messages wait; further ones are given up at once.
    """

    def __init__(
        self,
        alert: Alert,
        lost: Callable[[Finding, str], None],
        *,
        attempts: int = 5,
        wait: float = 2.0,
        room: int = 100,
    ) -> None:
        self.alert = alert
        self.wait = wait  # seconds before the second try; each further one waits twice as long
        self.attempts = int(getattr(alert, "attempts", attempts))  # tries of each message
        self.sent = self.failed = 0
        self._lost = lost
        self._waiting: queue.Queue[tuple[str, str, Finding] | None] = queue.Queue(room)
        self._closing, self._given_up = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._current: tuple[str, str, Finding] | None = None
        self._abandoned = False

    def put(self, title: str, text: str, finding: Finding) -> None:
        """Hand over a message; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"heldout {self.alert!r}", daemon=True)
            self._thread.start()
            atexit.register(self.close)
        try:
            self._waiting.put_nowait((title, text, finding))
        except queue.Full:
            self._give_up(finding, f"{self._waiting.maxsize} messages were waiting already")

    def close(self, seconds: float = 10.0) -> None:
        """Send what still waits, for so long at most; what then remains is given up."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        atexit.unregister(self.close)
        self._closing.set()  # no more waiting between tries
        end = time.monotonic() + seconds
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=seconds)
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            self._abandon()

    def _abandon(self) -> None:
        """Give up what is under way and what waits; the thread ends when it is done with the one under way."""
        late = [self._current]
        with contextlib.suppress(queue.Empty):
            while True:
                late.append(self._waiting.get_nowait())
        for message in late:
            if message is not None:
                self._give_up(message[2], "it had not answered when the run ended")
        self._abandoned = True
        self._given_up.set()

    def _work(self) -> None:
        while not self._abandoned and (message := self._waiting.get()) is not None:
            self._current = message
            self._deliver(*message)
            self._current = None

    def _deliver(self, title: str, text: str, finding: Finding) -> None:
        for attempt in range(1, self.attempts + 1):
            try:
                self.alert.send(title, text, finding)
            except Exception as error:
                known = isinstance(error, NotSent)
                if attempt == self.attempts or self._abandoned or not getattr(error, "again", True):
                    self._give_up(finding, str(error) if known else type(error).__name__)
                    return
                asked = min(getattr(error, "after", 0.0), _LONGEST_WAIT)
            else:
                self.sent += 1
                return
            self._pause(self.wait * 2.0 ** (attempt - 1), asked)
            if self._abandoned:
                return

    def _pause(self, own: float, asked: float) -> None:
        """Wait before another try: while one closes only as long as the receiver asked for, and till it is given up."""
        began = time.monotonic()
        if self._closing.wait(max(own, asked)) and asked:
            self._given_up.wait(asked - (time.monotonic() - began))

    def _give_up(self, finding: Finding, why: str) -> None:
        if self._abandoned:
            return
        self.failed += 1
        self._lost(finding, f"{self.alert!r}: {why}")


def _host(url: str) -> str:
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urllib.parse.SplitResult("", "", "", "", "")
    if parts.scheme.lower() not in ("http", "https") or not host or any(character.isspace() for character in url):
        raise UsageError("The address of an alert is no http or https URL; it is not shown here, for it is a secret.")
    return host


def _within(host: str, domains: Sequence[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def _is_secret(url: str) -> bool:
    """Whether a URL gives the right to post: those of the chat services, and all with a user or a query."""
    host = _host(url)
    parts = urllib.parse.urlsplit(url)
    return any(_within(host, hosts) for hosts in _HOSTS.values()) or bool(parts.query) or "@" in parts.netloc


def _reason(error: Exception) -> str:
    """Say why without the text of the error, which may hold the address."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, socket.gaierror):
        return "its name is not known"
    return (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__

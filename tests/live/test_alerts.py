"""Alerts: what is sent, what happens when it cannot be, and what is never shown."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import os
import smtplib
import socket
import socketserver
import threading
import time
import urllib.error
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest

from heldout import Recorder
from heldout.errors import UsageError
from heldout.findings import Finding, Severity
from heldout.live import Guard, alerts
from heldout.live.acts import Command
from heldout.live.alerts import EmailAlert, NotSent, Outbox, WebhookAlert, alert_of

FELL = Finding(
    detector="over_optimisation",
    severity=Severity.ALARM,
    kind="confirmed",
    step=400,
    steps=(200, 400),
    seen="It fell.",
    against="A bound.",
    means="It means.",
    advice="Go back.",
)
SECRET = "T0KEN-b3a1"


class Receiver(ThreadingHTTPServer):
    """A receiver that answers with what it is told to: status codes, or never ("hang")."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int | str] = []
        self.tries = 0
        self.got: list[dict] = []
        self.asked: list[tuple[str, str, str]] = []  # path, type and sender of each request
        self.keys: list[str | None] = []  # who says to be asking
        self.headers: dict[str, str] = {}  # of answers other than 200
        self.let_go = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tries += 1
        self.server.asked.append((self.path, self.headers["Content-Type"], self.headers["User-Agent"]))
        self.server.keys.append(self.headers["Authorization"])
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if answer == "hang":
            self.server.let_go.wait(30)
            return
        if answer == 200:
            self.server.got.append(body)
        self.send_response(int(answer))
        for name, value in self.server.headers.items() if answer != 200 else ():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Losses(list):
    """What was given up, and why."""

    def __call__(self, finding: Finding, why: str) -> None:
        self.append((finding.step, why))


def test_a_webhook_gets_title_text_and_finding(receiver: Receiver) -> None:
    WebhookAlert(receiver.url).send("title", "text", FELL)
    (body,) = receiver.got
    assert (body["title"], body["text"]) == ("title", "text")
    assert body["finding"]["kind"] == "confirmed"
    assert body["finding"]["steps"] == [200, 400]


def test_a_receiver_that_fails_and_recovers_gets_the_message(receiver: Receiver) -> None:
    receiver.answers = [500, 429, 503]
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url), lost, wait=0.001)
    box.put("title", "text", FELL)
    box.close(30)
    assert (receiver.tries, len(receiver.got)) == (4, 1)
    assert (box.sent, box.failed, lost) == (1, 0, [])


def test_a_receiver_that_hangs_is_left_and_tried_again(receiver: Receiver) -> None:
    receiver.answers = ["hang"]
    box = Outbox(WebhookAlert(receiver.url, seconds=0.2), Losses(), wait=0.001)
    box.put("title", "text", FELL)
    box.close(30)
    assert (receiver.tries, box.sent) == (2, 1)


def test_what_is_refused_for_good_is_not_tried_again(receiver: Receiver) -> None:
    receiver.answers = [404]
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url), lost, wait=0.001)
    box.put("title", "text", FELL)
    box.close(30)
    assert receiver.tries == 1
    assert lost == [(400, "WebhookAlert(127.0.0.1): it answered 404")]


def test_training_goes_on_while_the_receiver_hangs(receiver: Receiver) -> None:
    """Every message is handed over while the first one is still unanswered; those beyond the queue are counted."""
    receiver.answers = ["hang"] * 100
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url, seconds=60), lost, room=5)
    for _ in range(50):
        box.put("title", "text", FELL)
    assert box.sent == 0
    assert box.failed == len(lost) >= 44
    assert lost[0][1].endswith("5 messages were waiting already")
    box.close(0.1)
    assert box.failed == 50  # nothing goes missing silently


def test_a_close_waits_no_longer_than_asked_and_counts_the_rest(receiver: Receiver) -> None:
    receiver.answers = ["hang"] * 3
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url, seconds=60), lost)
    box.put("title", "text", FELL)
    while not receiver.tries:
        time.sleep(0.01)
    box.close(0.05)
    assert lost == [(400, "WebhookAlert(127.0.0.1): it had not answered when the run ended")]
    receiver.let_go.set()


def test_nobody_listening_is_said_without_the_address() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        port = server.server_address[1]
    lost = Losses()
    box = Outbox(WebhookAlert(f"http://127.0.0.1:{port}/{SECRET}"), lost, wait=0.001, attempts=2)
    box.put("title", "text", FELL)
    box.close(30)
    assert lost == [(400, "WebhookAlert(127.0.0.1): Connection refused")]


def payload(alert: WebhookAlert, title: str, text: str) -> Any:
    return json.loads(orjson.dumps(alerts._FORMS[alert.form](title, text, FELL)))


SLACK_TEXT = {"text": "*a &lt;b&gt; &amp; c*\nIt fell &amp; rose."}
DISCORD_TEXT = {"content": "**a <b> & c**\nIt fell & rose.", "allowed_mentions": {"parse": []}}
CARD = {
    "type": "AdaptiveCard",
    "version": "1.4",
    "body": [
        {"type": "TextBlock", "wrap": True, "text": "a <b> & c", "weight": "Bolder"},
        {"type": "TextBlock", "wrap": True, "text": "It fell & rose."},
    ],
}
TEAMS_CARD = {
    "type": "message",
    "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": CARD}],
}
PLAIN = {
    "title": "a <b> & c",
    "text": "It fell & rose.",
    "finding": {
        "detector": "over_optimisation",
        "severity": "alarm",
        "kind": "confirmed",
        "step": 400,
        "steps": [200, 400],
        "seen": "It fell.",
        "against": "A bound.",
        "means": "It means.",
        "advice": "Go back.",
        "reference": "",
        "evidence": {},
    },
}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hooks.slack.com/services", SLACK_TEXT),
        ("hooks.slack-gov.com/services", SLACK_TEXT),
        ("discord.com/api/webhooks", DISCORD_TEXT),
        ("ptb.discordapp.com/api/webhooks", DISCORD_TEXT),
        ("x.webhook.office.com/y", TEAMS_CARD),
        ("prod-1.logic.azure.com/y", TEAMS_CARD),
        ("d.api.powerplatform.com/y", TEAMS_CARD),
        ("example.org/", PLAIN),
        ("notdiscord.com/", PLAIN),
        ("discord.com.example.org/", PLAIN),
    ],
)
def test_each_service_gets_the_body_it_expects(host: str, expected: object) -> None:
    alert = WebhookAlert(f"https://{host}/{SECRET}")
    assert payload(alert, "a <b> & c", "It fell & rose.") == expected
    assert SECRET not in repr(alert)


@pytest.mark.parametrize(("length", "cut"), [(1900, False), (1901, True), (9000, True)])
def test_a_long_text_is_cut_to_what_chats_take_and_whole_elsewhere(length: int, cut: bool) -> None:
    text = "x" * length
    whole = f"{'x' * 1900} …" if cut else text
    assert payload(WebhookAlert("https://hooks.slack.com/1"), "t", text)["text"] == f"*t*\n{whole}"
    assert payload(WebhookAlert("https://example.org/1"), "t", text)["text"] == text
    discord = WebhookAlert("https://discord.com/1")
    assert payload(discord, "t", text)["content"] == f"**t**\n{whole}"
    assert len(payload(discord, "t" * 300, text)["content"]) == 2000


MATTERMOST_TEXT = {"text": "**a <b> & c**\nIt fell & rose."}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("slack", SLACK_TEXT),
        ("Discord", DISCORD_TEXT),
        ("teams", TEAMS_CARD),
        ("MATTERMOST", MATTERMOST_TEXT),
        ("json", PLAIN),
    ],
)
@pytest.mark.parametrize("before", ["the variable", "the URL in it"])
def test_a_host_of_ones_own_gets_the_form_that_is_named(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, form: str, expected: object, before: str
) -> None:
    monkeypatch.setenv("HOOK", receiver.url if before == "the variable" else f"{form}+{receiver.url}")
    alert_of(f"{form}+Env:HOOK" if before == "the variable" else "env:HOOK").send("a <b> & c", "It fell & rose.", FELL)
    assert receiver.got == [expected]


def test_nobody_is_called_by_the_text_of_a_run() -> None:
    text = "@all @channel <!channel> <@U1>"
    assert payload(WebhookAlert("https://x.org/1", form="mattermost"), "t", text)["text"].isascii() is False
    assert "@all" not in payload(WebhookAlert("https://x.org/1", form="mattermost"), "t", text)["text"]
    assert "<!" not in payload(WebhookAlert("https://x.org/1", form="slack"), "t", text)["text"]
    assert payload(WebhookAlert("https://x.org/1", form="discord"), "t", text)["allowed_mentions"] == {"parse": []}


def test_a_form_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="must be one of slack, discord, teams, mattermost, json"):
        WebhookAlert("https://example.org", form="irc")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, code: int) -> None:
    receiver.answers, receiver.headers = [code], {"Location": f"{receiver.url}/elsewhere"}
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url), lost, wait=0.001)
    box.put("title", "text", FELL)
    box.close(30)
    assert receiver.tries == 1
    assert lost == [(400, f"WebhookAlert(127.0.0.1): it answered {code}, a redirect, which is not followed")]


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", 0.0), ("", 0.0), ("nan", 0.0), ("inf", 600.0), ("1e9", 600.0)],
)
def test_a_receiver_is_left_alone_as_long_as_it_asks(receiver: Receiver, told: str, seconds: float) -> None:
    receiver.answers, receiver.headers = [429], {"Retry-After": told}
    waiting = Waits()
    box = Outbox(WebhookAlert(receiver.url), Losses(), wait=0.25)
    box._closing = waiting
    box.put("title", "text", FELL)
    box.close(30)
    assert waiting.seconds == [max(0.25, seconds)]
    assert (receiver.tries, box.sent) == (2, 1)


def test_a_pause_may_be_asked_for_by_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    header = EmailMessage()
    header["Retry-After"] = "Sun, 29 Nov 2026 12:00:30 GMT"
    monkeypatch.setattr(time, "time", lambda: 1795953600.0)  # noon of that day
    assert alerts._retry_after(header) == 30.0


def test_a_pause_that_is_asked_for_is_kept_while_one_closes(receiver: Receiver) -> None:
    """It would be longer than the close waits: the message is given up, and the receiver asked no second time."""
    receiver.answers, receiver.headers = [429], {"Retry-After": "60"}
    lost = Losses()
    box = Outbox(WebhookAlert(receiver.url), lost, wait=0.001)
    box.put("title", "text", FELL)
    while not receiver.tries:
        time.sleep(0.01)
    thread = box._thread
    box.close(0.05)
    assert lost == [(400, "WebhookAlert(127.0.0.1): it had not answered when the run ended")]
    assert thread is not None
    thread.join(60)
    assert not thread.is_alive()
    assert (len(lost), receiver.tries) == (1, 1)


def test_name_and_password_of_a_url_are_sent_as_such(receiver: Receiver) -> None:
    alert = WebhookAlert(receiver.url.replace("://", f"://me:{SECRET}%40@") + "/ü")
    alert.send("title", "text", FELL)
    assert receiver.keys == ["Basic " + base64.b64encode(f"me:{SECRET}@".encode()).decode()]
    assert receiver.asked[0][0] == f"/hook/{SECRET}/%C3%BC"
    assert repr(alert) == "WebhookAlert(127.0.0.1)"


@pytest.mark.parametrize(
    "url", ["HTTPS://{}/" + SECRET, "https://me:" + SECRET + "@{}/", "Mattermost+HTTPS://{}/" + SECRET]
)
@pytest.mark.parametrize("answers", [[500] * 5, [302], [404], ["hang"]])
def test_no_secret_is_in_any_log_or_file_whatever_a_receiver_does(
    monkeypatch: pytest.MonkeyPatch,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    url: str,
    answers: list[Any],
) -> None:
    monkeypatch.setenv("HOOK", url.format(f"127.0.0.1:{receiver.server_port}").replace("HTTPS", "HTTP"))
    monkeypatch.setenv("HOOK", os.environ["HOOK"].replace("https", "http"))
    receiver.answers, receiver.headers = [*answers], {"Location": f"http://127.0.0.1/{SECRET}"}
    caplog.set_level(logging.DEBUG)
    alert = alert_of("Env:HOOK")
    with Recorder(tmp_path / "run") as recorder, Guard(recorder, alerts=[alert]) as guard:
        (box,) = guard._actor._boxes
        box.wait = 0.001
        assert isinstance(alert, WebhookAlert)
        alert.seconds = 0.2
        box.attempts = len(answers)
        box.put("title", "text", FELL)
        guard.close(30)
    assert box.failed == 1
    files = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("not sent" in text for text in files)
    said = capfd.readouterr()
    assert not any(SECRET in text for text in [*files, caplog.text, said.out, said.err])


def test_a_webhook_says_what_it_sends_and_to_whom_it_belongs(receiver: Receiver) -> None:
    WebhookAlert(receiver.url).send("title", "text", FELL)
    assert receiver.asked == [(f"/hook/{SECRET}", "application/json", "heldout")]


@pytest.mark.parametrize(
    ("answer", "again"),
    [(400, False), (404, False), (499, False), (408, True), (425, True), (429, True), (500, True), (503, True)],
)
def test_which_answers_another_try_may_change(receiver: Receiver, answer: int, again: bool) -> None:
    receiver.answers = [answer]
    with pytest.raises(NotSent, match=f"^it answered {answer}$") as error:
        WebhookAlert(receiver.url).send("title", "text", FELL)
    assert error.value.again is again


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError("SECRET"), "no answer in time"),
        (urllib.error.URLError(TimeoutError("SECRET")), "no answer in time"),
        (urllib.error.URLError(socket.gaierror(-2, "SECRET")), "its name is not known"),
        (urllib.error.URLError(OSError(113, "No route to host", "SECRET")), "No route to host"),
        (OSError("SECRET"), "OSError"),
        (http.client.BadStatusLine("SECRET"), "BadStatusLine"),
    ],
)
def test_a_failure_is_said_without_the_text_of_the_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    waited: list[float] = []

    def fails(request: object, timeout: float) -> object:
        waited.append(timeout)
        raise error

    monkeypatch.setattr(alerts._OPENER, "open", fails)
    with pytest.raises(NotSent, match=f"^{why}$") as raised:
        WebhookAlert("https://example.org", seconds=3.0).send("title", "text", FELL)
    assert raised.value.again
    assert waited == [3.0]


@pytest.mark.parametrize(
    "url", [f"ftp://example.org/{SECRET}", f"https:///{SECRET}", f"http://h:{SECRET}/", f"http://h /{SECRET}", SECRET]
)
def test_a_wrong_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError) as error:
        WebhookAlert(url)
    assert SECRET not in str(error.value)


def test_an_alert_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", f"https://hooks.slack.com/services/{SECRET}")
    alert = alert_of("env:HOOK")
    assert isinstance(alert, WebhookAlert)
    assert SECRET not in repr(alert) + str(vars(alert).keys())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://example.org/hook", "WebhookAlert(example.org)"),
        ("https://example.org:8080/hook", "WebhookAlert(example.org)"),
        ("mailto:me@example.org", "EmailAlert(mail.example.org)"),
        ("cmd:true", "Command(…)"),
        ("HTTP://example.org/hook", "WebhookAlert(example.org)"),
        ("CMD:true", "Command(…)"),
    ],
)
def test_an_alert_is_written_out_or_held_in_a_variable(monkeypatch: pytest.MonkeyPatch, text: str, shown: str) -> None:
    monkeypatch.setenv("HELDOUT_SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("HOOK", f" {text}\n")
    assert repr(alert_of(text)) == repr(alert_of("env:HOOK")) == shown


@pytest.mark.parametrize(
    "url",
    [
        f"https://{host}/{SECRET}"
        for host in ("hooks.slack.com", "discord.com", "a.webhook.office.com", "u:p@example.org", "u@example.org")
    ]
    + [f"http://example.org/?{SECRET}"],
)
def test_a_secret_address_is_taken_from_a_variable_only(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(UsageError, match="a URL that is a secret") as error:
        alert_of(url)
    assert SECRET not in str(error.value)
    monkeypatch.setenv("HOOK", url)
    assert isinstance(alert_of("env:HOOK"), WebhookAlert)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("env:NOT_SET_ANYWHERE", "the environment variable NOT_SET_ANYWHERE is not set"),
        (f"https://hooks.slack.com/services/{SECRET}", "give --alert env:NAME"),
        (f"https://example.org/?key={SECRET}", "give --alert env:NAME"),
        (f"https://user:{SECRET}@example.org/", "give --alert env:NAME"),
        (SECRET, "what was given is no"),
        (f"HTTPS://hooks.slack.com/services/{SECRET}", "give --alert env:NAME"),
        (f"htps://hooks.slack.com/services/{SECRET}", "it is not shown here"),
        ("cmd: ", "is empty"),
        (f"env:https://example.org/{SECRET}", "what was given is no name"),
        (f"ENV:{SECRET}", "what was given is no name"),
        (f"slack+https://example.org/{SECRET}", "give --alert env:NAME"),
        (f"Mattermost+HTTPS://example.org/{SECRET}", "give --alert env:NAME"),
        (f"slack+mailto:{SECRET}", "what was given is no"),
        (f"irc+https://example.org/{SECRET}", "what was given is no"),
    ],
)
def test_what_is_no_alert_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        alert_of(text)
    assert says.replace("'", "") in str(error.value).replace("'", "")
    assert SECRET not in str(error.value)


def test_the_content_of_a_variable_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    with pytest.raises(UsageError, match="the content of env:HOOK") as error:
        alert_of("env:HOOK")
    assert SECRET not in str(error.value)


def test_a_command_is_told_everything_in_its_environment(tmp_path: Path) -> None:
    out = tmp_path / "out"
    alert = alert_of(f'cmd:printf "%s|%s|%s" "$HELDOUT_TITLE" "$HELDOUT_STEP" "$HELDOUT_KIND" > {out}')
    alert.send('a "title" $(touch x)', "text", FELL)
    assert out.read_text() == 'a "title" $(touch x)|400|confirmed'


@pytest.mark.parametrize(
    ("command", "says"), [("exit 3", "status 3"), ("sleep 60", "ended after 0.2 s"), ("sleep 60 & wait", "ended after")]
)
def test_a_command_that_fails_is_said_and_not_run_again(command: str, says: str) -> None:
    lost = Losses()
    box = Outbox(Command(command, shell=True, seconds=0.2 if "sleep" in command else 30), lost)
    box.put("title", "text", FELL)
    box.close(30)
    assert box.attempts == 1
    assert says in lost[0][1]


class _Mail(socketserver.StreamRequestHandler):
    """Just enough of a mail server."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        assert isinstance(self.server, _MailServer)
        lines, data = self.server.lines, False
        for raw in self.rfile:
            line = raw.decode().rstrip()
            lines.append(line)
            data = (data or line.upper() == "DATA") and line != "."
            if line.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if line.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
            elif not data:
                self.wfile.write(b"250 fine\r\n")


class _MailServer(socketserver.TCPServer):
    lines: list[str]


def test_an_email_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with _MailServer(("127.0.0.1", 0), _Mail) as server:
        server.lines = []
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("HELDOUT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("HELDOUT_SMTP_PORT", str(server.server_address[1]))
        alert_of("mailto:me@example.org").send("the title", "the text", FELL)
        thread.join()
        lines = server.lines
    assert "Subject: the title" in lines
    assert "the text" in lines
    assert "rcpt TO:<me@example.org>" in lines


class Server:
    """What is said to a mail server, in place of one: the standard library's client has tests of its own."""

    said: ClassVar[list[object]] = []
    fails: ClassVar[Exception | None] = None

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.said.append((type(self).__name__, host, port, timeout))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.said.append("closed")

    def starttls(self) -> None:
        self.said.append("TLS")

    def login(self, user: str, password: str) -> None:
        self.said.append((user, password))

    def send_message(self, message: EmailMessage) -> None:
        if self.fails:
            raise self.fails
        self.said.append((message["Subject"], message["From"], message["To"], message.get_content()))


class Secure(Server):
    """The same, with TLS from the start."""


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(Server, "said", [])
    monkeypatch.setattr(Server, "fails", None)
    monkeypatch.setattr(smtplib, "SMTP", Server)
    monkeypatch.setattr(smtplib, "SMTP_SSL", Secure)
    monkeypatch.setenv("HELDOUT_SMTP_HOST", "mail")
    return monkeypatch


@pytest.mark.parametrize(
    ("port", "opened"),
    [
        ("", [("Server", "mail", 587, 20.0), "TLS"]),
        ("587", [("Server", "mail", 587, 20.0), "TLS"]),
        ("465", [("Secure", "mail", 465, 20.0)]),
        ("25", [("Server", "mail", 25, 20.0)]),
    ],
)
@pytest.mark.parametrize(
    ("settings", "login", "sender"),
    [
        ({}, [], "to@x.org"),
        ({"USER": "me@x.org", "PASSWORD": "p"}, [("me@x.org", "p")], "me@x.org"),
        ({"USER": "me@x.org", "PASSWORD": "p", "FROM": "us@x.org"}, [("me@x.org", "p")], "us@x.org"),
    ],
)
def test_an_email_is_encrypted_as_its_port_asks(
    mail: pytest.MonkeyPatch,
    port: str,
    opened: list[object],
    settings: dict[str, str],
    login: list[object],
    sender: str,
) -> None:
    for name, value in {"PORT": port, **settings}.items():
        mail.setenv(f"HELDOUT_SMTP_{name}", value)
    EmailAlert("to@x.org").send("the title", "the text", FELL)
    assert Server.said == [*opened, *login, ("the title", sender, "to@x.org", "the text\n"), "closed"]


@pytest.mark.parametrize(
    ("error", "why", "again"),
    [
        (smtplib.SMTPResponseException(499, "SECRET"), "the server answered 499", True),
        (smtplib.SMTPResponseException(500, "SECRET"), "the server answered 500", False),
        (smtplib.SMTPRecipientsRefused({"SECRET": (550, b"")}), "SMTPRecipientsRefused", True),
        (TimeoutError("SECRET"), "no answer in time", True),
    ],
)
def test_an_email_that_fails_for_now_is_tried_again(
    mail: pytest.MonkeyPatch, error: Exception, why: str, again: bool
) -> None:
    mail.setattr(Server, "fails", error)
    with pytest.raises(NotSent, match=f"^{why}$") as raised:
        EmailAlert("to@x.org").send("title", "text", FELL)
    assert raised.value.again is again


def test_the_port_of_a_mail_server_is_a_number(mail: pytest.MonkeyPatch) -> None:
    mail.setenv("HELDOUT_SMTP_PORT", "smtp")
    with pytest.raises(UsageError, match="HELDOUT_SMTP_PORT is 'smtp'; it must be a number"):
        EmailAlert("to@x.org")


def test_an_email_without_a_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELDOUT_SMTP_HOST", raising=False)
    with pytest.raises(UsageError, match="HELDOUT_SMTP_HOST"):
        EmailAlert("me@example.org")


def test_an_error_of_ones_own_alert_is_told_by_its_type_only() -> None:
    class Mine:
        attempts = 2

        def send(self, title: str, text: str, finding: Finding) -> None:
            raise RuntimeError(SECRET)

    lost = Losses()
    box = Outbox(Mine(), lost, wait=0.001)
    box.put("title", "text", FELL)
    box.close(30)
    assert SECRET not in lost[0][1].replace(repr(box.alert), "")
    assert "RuntimeError" in lost[0][1]
    assert not NotSent("no", again=False).again


class Failing:
    """An alert that fails the first so many times."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.tries = times, error, 0

    def send(self, title: str, text: str, finding: Finding) -> None:
        self.tries += 1
        if self.tries <= self.times:
            raise self.error


class Waits(threading.Event):
    """An event that is never set, and notes how long one would have waited for it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize(
    ("times", "error", "tries", "waits", "why"),
    [
        (0, NotSent("busy"), 1, [], None),
        (4, NotSent("busy"), 5, [2.0, 4.0, 8.0, 16.0], None),
        (5, NotSent("busy"), 5, [2.0, 4.0, 8.0, 16.0], "busy"),
        (5, NotSent("gone", again=False), 1, [], "gone"),
        (5, KeyError("SECRET"), 5, [2.0, 4.0, 8.0, 16.0], "KeyError"),
    ],
)
def test_a_message_is_tried_five_times_and_each_time_later(
    times: int, error: Exception, tries: int, waits: list[float], why: str | None
) -> None:
    alert, lost, waiting = Failing(times, error), Losses(), Waits()
    box = Outbox(alert, lost)
    box._closing = waiting
    box.put("title", "text", FELL)
    box.close(30)
    assert (alert.tries, waiting.seconds) == (tries, waits)
    assert (box.sent, box.failed) == ((0, 1) if why else (1, 0))
    assert [one.rpartition(": ")[2] for _, one in lost] == ([why] if why else [])


def test_an_outbox_can_be_used_again_after_it_was_closed() -> None:
    alert = Failing(0, NotSent(""))
    box = Outbox(alert, Losses())
    box.close(0.0)  # nothing was sent, so nothing is waited for
    for _ in range(2):
        box.put("title", "text", FELL)
        box.close(30)
    assert (alert.tries, box.sent) == (2, 2)


@pytest.mark.parametrize(("room", "lost"), [({}, 0), ({"room": 3}, 2)])
def test_so_many_messages_wait_as_there_is_room_for(room: dict[str, int], lost: int) -> None:
    begun, let_go = threading.Event(), threading.Event()

    class Slow:
        def send(self, title: str, text: str, finding: Finding) -> None:
            begun.set()
            assert let_go.wait(30)

    box = Outbox(Slow(), Losses(), **room)
    box.put("title", "text", FELL)
    assert begun.wait(30)
    for _ in range(5 if room else 100):
        box.put("title", "text", FELL)
    assert box.failed == lost
    if not room:
        box.put("title", "text", FELL)
        assert box.failed == 1
    let_go.set()
    box.close(30)
    assert box.sent == (4 if room else 101)

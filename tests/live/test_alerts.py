"""Alerts: what is sent, what happens when it cannot be, and what is never shown."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from heldout.errors import UsageError
from heldout.findings import Finding, Severity
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
        self.let_go = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tries += 1
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if answer == "hang":
            self.server.let_go.wait(30)
            return
        if answer == 200:
            self.server.got.append(body)
        self.send_response(int(answer))
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


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("hooks.slack.com/services", lambda body: body["text"]),
        ("discord.com/api/webhooks", lambda body: body["content"]),
        ("x.webhook.office.com/y", lambda body: body["attachments"][0]["content"]["body"][1]["text"]),
        ("example.org", lambda body: body["text"]),
    ],
)
def test_each_service_gets_the_body_it_expects(host: str, where: object) -> None:
    body = WebhookAlert(f"https://{host}/{SECRET}")._payload("title", "fell & rose", FELL)
    assert where(json.loads(json.dumps(body, default=str))).endswith(("fell & rose", "fell &amp; rose"))


def test_a_long_text_fits_a_chat_message() -> None:
    body = WebhookAlert("https://discord.com/api/webhooks/1/x")._payload("title", "x" * 9000, FELL)
    assert len(body["content"]) <= 2000


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
    ("text", "says"),
    [
        ("env:NOT_SET_ANYWHERE", "the environment variable NOT_SET_ANYWHERE is not set"),
        (f"https://hooks.slack.com/services/{SECRET}", "give --alert env:NAME"),
        (f"https://example.org/?key={SECRET}", "give --alert env:NAME"),
        (f"https://user:{SECRET}@example.org/", "give --alert env:NAME"),
        ("slack", "'slack' is no"),
        ("cmd: ", "is empty"),
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


def test_a_command_is_told_everything_in_its_environment(tmp_path) -> None:
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
        lines, data = self.server.lines, False  # type: ignore[attr-defined]
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


def test_an_email_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mail) as server:
        server.lines = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        monkeypatch.setenv("HELDOUT_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("HELDOUT_SMTP_PORT", str(server.server_address[1]))
        alert_of("mailto:me@example.org").send("the title", "the text", FELL)
        thread.join()
        lines = server.lines  # type: ignore[attr-defined]
    assert "Subject: the title" in lines
    assert "the text" in lines
    assert "rcpt TO:<me@example.org>" in lines


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

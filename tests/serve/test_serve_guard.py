"""Who is answered, and with which headers."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from heldout.serve.guard import HEADERS, Access, Guard

OWN = "http://127.0.0.1:7717"
TOKEN = "t" * 43


async def page(request: Request) -> Response:
    return PlainTextResponse(f"{request.url.path}?{request.url.query}")


ANYBODY = Access()


def client(access: Access = ANYBODY, base: str = OWN) -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", page)])
    return TestClient(Guard(app, access), base_url=base, follow_redirects=False)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7717", "127.0.0.1:7717", "[::1]:7717", "LOCALHOST:80", "127.0.0.1"]
)
def test_its_own_names_are_answered(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7717",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example/localhost",
        "evil.example#localhost",
        "localhost evil.example",
        "127.0.0.2",
        "0.0.0.0",
        "[::2]",
        "[::1",
        "localhost.",
        "",
    ],
)
def test_a_name_that_others_lead_here_is_refused(host: str) -> None:
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 400
    assert "--allow-host" in answer.text


def test_two_hosts_are_refused() -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert client().get("/", headers=headers).status_code == 400  # type: ignore[arg-type]


def test_a_name_that_was_allowed_is_answered() -> None:
    access = Access(hosts=frozenset({"node7.cluster"}))
    assert client(access).get("/", headers={"host": "node7.cluster:7717"}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_another_site_asks_for_is_refused(site: str) -> None:
    assert client().get("/", headers={"sec-fetch-site": site}).status_code == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_what_the_page_itself_asks_for_is_answered(site: str) -> None:
    assert client().get("/", headers={"sec-fetch-site": site}).status_code == 200


def test_a_link_from_another_port_of_this_machine_can_be_followed_but_not_fetched() -> None:
    followed = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"}
    assert client().get("/", headers=followed).status_code == 200
    assert client().get("/", headers=followed | {"sec-fetch-mode": "cors"}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:8888", "null", "http://localhost:7717", ""]
)
def test_a_foreign_origin_is_refused(origin: str) -> None:
    assert client().get("/", headers={"origin": origin}).status_code == 403


def test_its_own_origin_is_answered_without_a_word_to_others() -> None:
    answer = client().get("/", headers={"origin": OWN})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_nothing_but_reading_is_answered(method: str) -> None:
    answer = client().request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(("path", "host"), [("/", "localhost"), ("/", "evil.example"), ("/missing", "localhost")])
def test_every_answer_carries_the_headers(path: str, host: str) -> None:
    answer = client().get(path, headers={"host": host})
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_without_the_token_nothing_is_shown() -> None:
    guarded = client(Access(token=TOKEN))
    assert guarded.get("/").status_code == 401
    assert guarded.get(f"/?token={TOKEN[:-1]}").status_code == 401
    assert guarded.get("/?token=%F0%9F%92%A3").status_code == 401
    assert guarded.get("/", headers={"cookie": f"heldout={TOKEN[:-1]}"}).status_code == 401


def test_the_token_is_shown_once_and_then_a_cookie_counts() -> None:
    guarded = client(Access(token=TOKEN))
    answer = guarded.get(f"/run/a?x=1&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/run/a?x=1")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert guarded.get("/run/a").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example"])
def test_the_way_to_the_clean_address_leads_to_no_other_server(path: str) -> None:
    answer = client(Access(token=TOKEN)).get(f"{OWN}{path}?token={TOKEN}")
    where = answer.headers["location"]
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))


def test_a_proxys_path_in_front_is_taken_off() -> None:
    behind = client(Access(base="/user/me/proxy/7717"))
    assert behind.get("/user/me/proxy/7717/run/a").text == "/run/a?"
    assert behind.get("/user/me/proxy/7717").text == "/?"
    assert behind.get("/user/me/proxy/77171").text == "/user/me/proxy/77171?"
    assert behind.get("/run/a").text == "/run/a?"

"""Where the server listens, what it asks of others, and what it says when it cannot."""

from __future__ import annotations

import builtins
import socket
from pathlib import Path
from typing import Any

import pytest
from serving import folder_of_runs, judged, served
from typer.testing import CliRunner

from heldout.cli import app
from heldout.errors import MissingExtra, UsageError
from heldout.fleet.cache import Cache
from heldout.serve.guard import LOCAL
from heldout.serve.server import Settings, access_of, address, serve, token_of


def test_others_are_let_in_only_with_a_secret() -> None:
    with pytest.raises(UsageError, match="add --token auto"):
        access_of(Settings(host="0.0.0.0"))
    with pytest.raises(UsageError, match="5 characters; it must have 32 or more"):
        access_of(Settings(host="0.0.0.0", token="short"))
    access = access_of(Settings(host="0.0.0.0", token="t" * 32, allowed=["Node7"]))
    assert access.hosts == LOCAL | {"node7"}
    assert address(Settings(host="0.0.0.0"), access, 7717) == f"http://127.0.0.1:7717/?token={'t' * 32}"


def test_this_machine_alone_needs_no_secret() -> None:
    access = access_of(Settings(base="p/"))
    assert (access.hosts, access.token, access.base) == (LOCAL, "", "/p")
    assert address(Settings(), access, 7717) == "http://127.0.0.1:7717/p/"


def test_tokens_are_made_or_read(tmp_path: Path) -> None:
    assert len({token_of("auto") for _ in range(5)}) == 5
    assert len(token_of("auto")) == 43  # 256 bits
    (tmp_path / "token").write_text("secret\n")
    assert token_of(str(tmp_path / "token")) == "secret"
    assert token_of(None) == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"cannot be read \(no such file or directory\); name another, or let --token auto make a secret\."),
        (b"\xff\xfe\x00", r"cannot be read \(it is no text\)"),
        (b" \n", r"a file without a secret; openssl rand -hex 32 > \S*token fills it\."),
    ],
)
def test_a_token_that_is_none_is_told_and_nothing_is_served_without(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        token_of(str(tmp_path / "token"))


def test_a_busy_port_is_told_with_one_that_is_free(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"Port {port} is taken; add --port \d+, which is free"):
            serve([tmp_path], Settings(port=port))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such file or folder"):
        serve([tmp_path / "nowhere"])


def test_without_the_extra_one_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name == "heldout.serve.server":
            raise ModuleNotFoundError("No module named 'uvicorn'", name="uvicorn")
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    done = CliRunner().invoke(app, ["serve", "--no-open"])
    assert isinstance(done.exception, MissingExtra)
    assert "pip install '.[serve]'" in str(done.exception)


def test_rows_are_kept_for_the_next_time(tmp_path: Path) -> None:
    """The second time no worker has to judge anything; a line more, and that run is judged again."""
    root = folder_of_runs(tmp_path / "runs")
    with served(root, tmp_path / "cache") as (client, _):
        first = judged(client)
    with served(root, tmp_path / "cache") as (client, catalogue):
        again = client.get("/api/runs").json()
        assert {row["name"]: row for row in again["runs"] if row["name"] in first} == first
        assert catalogue.pending == 0
        assert again["not_read"].keys() == {"broken"}
    (root / "broken" / "train.log").write_text("step,reward\n1,0.5\n2,0.6\n3,0.7\n")
    with (root / "hacked" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "reward": 1}\n')
    with served(root, tmp_path / "cache") as (client, _):
        last = judged(client)
        assert last["hacked"]["last_step"] == 99
        assert last["broken"]["last_step"] == 3


def test_a_broken_cache_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "rows.sqlite3").write_bytes(b"no database" * 100)
    cache = Cache(tmp_path)
    cache.put("place", "stamp", ())
    assert cache.get("place", "stamp") is None
    assert Cache(tmp_path / "rows.sqlite3").get("place", "stamp") is None
    cache.close()

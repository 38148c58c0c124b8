"""A run on a hub: Hugging Face's own client asks a server of ours."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heldout.readers import read

CSV = b"step,reward\n" + b"".join(b"%d,%d\n" % (step, step) for step in range(20))
API = "/api/datasets/me/logs"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub with one data set; gives what it was asked."""
    pytest.importorskip("huggingface_hub", reason="hf:// needs it")
    import fsspec.config

    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            status, body = 200, b"{}"
            if path == API:
                body = json.dumps({"id": "me/logs", "sha": "a" * 40, "siblings": []}).encode()
            elif path.startswith(f"{API}/tree"):
                file = {"type": "file", "oid": "b" * 40, "size": len(CSV), "path": "today/progress.csv"}
                body = json.dumps([file, {"type": "directory", "oid": "c" * 40, "size": 0, "path": "today"}]).encode()
            elif path.startswith("/datasets/me/logs/resolve"):
                begin, _, end = self.headers["Range"].removeprefix("bytes=").partition("-")
                status, body = 206, CSV[int(begin) : int(end) + 1]
            else:
                status = 404
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": f"http://127.0.0.1:{server.server_port}"})
    yield asked
    server.shutdown()
    server.server_close()


def test_a_run_on_a_hub_is_read_and_not_fetched_twice(hub: list[str], own_cache: Path) -> None:
    run = read("hf://datasets/me/logs/today")
    assert (run.name, run.source, len(run.steps)) == ("today", "hf://datasets/me/logs/today", 20)
    assert len(hub) == 3
    hub.clear()
    assert len(read("hf://datasets/me/logs/today").steps) == 20
    assert not any("resolve" in one for one in hub)
    with pytest.raises(ValueError, match="there is no such object or folder"):
        read("hf://datasets/me/none")

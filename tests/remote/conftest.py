"""A store on this machine: moto's server of S3, which counts what it is asked."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import Bucket

_ASKED = re.compile(r'"(?:\x1b\[[\d;]*m)*(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP')


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if found := _ASKED.search(record.getMessage()):
            self.asked.append(f"{found[1]} {found[2]}")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, list[str]]]:
    """The address of the server, and what it is asked."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    heard, log = _Heard(), logging.getLogger("werkzeug")
    log.addHandler(heard)
    before = log.level
    log.setLevel(logging.INFO)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}", heard.asked
    server.stop()
    log.setLevel(before)
    log.removeHandler(heard)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nothing was kept in yet; that of matplotlib's fonts stays where it is."""
    fonts = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    monkeypatch.setenv("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR") or str(fonts))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "heldout" / "remote"


@pytest.fixture
def bucket(
    s3_server: tuple[str, list[str]], own_cache: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Bucket:
    """A bucket with nothing in it."""
    boto3, s3fs = pytest.importorskip("boto3"), pytest.importorskip("s3fs")
    where, asked = s3_server
    for name, value in {
        "AWS_ENDPOINT_URL": where,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    name = f"b{abs(hash(request.node.nodeid)):x}"
    client.create_bucket(Bucket=name)
    asked.clear()
    return Bucket(client, name, asked)

"""What is said where something that lies elsewhere cannot be had: one sentence, without secrets."""

from __future__ import annotations

import http.server
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import Bucket

from heldout.errors import MissingExtra, ReadError
from heldout.readers import read
from heldout.remote.address import address_of

CSV = b"step,reward\n" + b"".join(b"%d,%d\n" % (step, step) for step in range(20))


@pytest.mark.parametrize(
    ("where", "module", "command"),
    [
        ("gs://bucket/run", "gcsfs", "pip install gcsfs"),
        ("ssh://user:password@host/run", "paramiko", "pip install paramiko"),
        ("az://container/run", "adlfs", "pip install adlfs"),
    ],
)
def test_a_protocol_whose_package_is_missing_names_the_command(
    where: str, module: str, command: str, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match=command) as error:
        read(where)
    assert "password" not in str(error.value)


def test_without_fsspec_the_extra_is_named(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)  # type: ignore[arg-type]
    with pytest.raises(MissingExtra, match=r"s3://bucket/run: needs fsspec; .*'\.\[remote\]' s3fs"):
        read("s3://bucket/run")


def test_what_is_not_there_is_told(bucket: Bucket) -> None:
    with pytest.raises(ReadError, match="there is no bucket 'no-such-bucket'"):
        read("s3://no-such-bucket/run")
    with pytest.raises(ReadError, match="there is no such object or folder"):
        read(f"s3://{bucket.name}/run")
    with pytest.raises(ReadError, match="fsspec knows no protocol bogus://"):
        read("bogus://bucket/run")


def test_without_credentials_it_is_said_how_to_give_some(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    with pytest.raises(ReadError, match="no credentials were found or accepted; set AWS_PROFILE"):
        read(f"s3://{bucket.name}/run")


def test_no_network_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ReadError, match=r"cannot be reached .*is the network up\?") as error:
        read(f"s3://{bucket.name}/run")
    assert "list-type" not in str(error.value)


def test_a_store_that_does_not_answer_is_not_waited_for(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ReadError, match="there was no answer in time"):
            read(f"s3://{bucket.name}/run")


def test_keys_in_an_address_are_used_and_shown_nowhere(bucket: Bucket, tmp_path: Path, own_cache: Path) -> None:
    bucket.put("today.csv", CSV)
    run = read(f"s3://test:very-secret@{bucket.name}/today.csv")
    assert run.source == f"s3://{bucket.name}/today.csv"
    assert not [note for note in run.notes if "very-secret" in note.text]
    files = [path for path in own_cache.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"very-secret" in path.read_bytes() or "very-secret" in str(path)]
    with pytest.raises(ReadError) as error:
        read(f"s3://test:very-secret@{bucket.name}/none?token=as-secret")
    assert not re.search("very-secret|as-secret|test:", str(error.value))


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a server that has one file, for those who have the token."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path.partition("?")[2] == "token=as-secret"
            self.send_response(200 if found else 403)
            self.send_header("Content-Length", str(len(CSV) if found else 0))
            self.end_headers()
            self.wfile.write(CSV if found and self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *told: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/logs/today.csv"
    server.shutdown()
    server.server_close()


def test_a_single_file_by_http_is_read_and_its_token_is_not_shown(page: str, own_cache: Path) -> None:
    pytest.importorskip("aiohttp")
    run = read(f"{page}?token=as-secret")
    assert (run.name, run.source, len(run.steps)) == ("today", f"{page}?…", 20)
    assert not [path for path in own_cache.rglob("*") if path.is_file() and b"as-secret" in path.read_bytes()]
    with pytest.raises(ReadError) as error:
        read(f"{page}?token=wrong-secret")
    assert "wrong-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("s3://key:secret@bucket/a/", "s3://bucket/a"),
        ("s3://key:sec/ret@bucket/a", "s3://bucket/a"),
        ("s3://key:sec@ret@bucket/run@1/a", "s3://bucket/run@1/a"),
        ("s3:/key:secret@bucket/a", "s3://bucket/a"),
        ("https://me:pa/ss@host:8000/a", "https://host:8000/a"),
        ("https://host:8000/run@1/a", "https://host:8000/run@1/a"),
        ("s3://bucket/run@1/a", "s3://bucket/run@1/a"),
        ("S3://bucket/a", "s3://bucket/a"),
        ("ssh://me:pass@host:22/a", "ssh://me@host:22/a"),
        ("ssh://me@host/a", "ssh://me@host/a"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("hf://datasets/me/logs@main/a", "hf://datasets/me/logs@main/a"),
        ("https://me:pass@host/a?X-Amz-Signature=abc#x", "https://host/a?…"),
    ],
)
def test_what_is_shown_of_an_address(given: str, shown: str) -> None:
    address = address_of(given)
    assert address is not None
    assert address.shown == shown


def test_a_path_is_no_address(tmp_path: Path) -> None:
    for path in ("runs/today", "C:/runs", "a:b", "example:kimi-dev", "file:///tmp/a", tmp_path):
        assert address_of(path) is None
    (tmp_path / "a.csv").write_bytes(CSV)
    assert len(read(f"file://{tmp_path}/a.csv").steps) == 20

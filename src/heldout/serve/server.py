"""The server as a process: its socket, its workers, and its end."""

from __future__ import annotations

import asyncio
import secrets
import shlex
import socket
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from heldout.engines.local import cores
from heldout.errors import UsageError
from heldout.fleet.cache import Cache
from heldout.fleet.places import DEPTH
from heldout.readers.elsewhere import local, look
from heldout.serve.app import Served, app_of
from heldout.serve.catalogue import Catalogue
from heldout.serve.guard import LOCAL, Access
from heldout.serve.worker import Worker

PORT = 7717
_LONGEST_HEADER = 16 * 1024  # bytes of a request's head
_TRIED = 20  # ports above a busy one
_SHORTEST_TOKEN = 32  # characters
_MAKES_ONE = "openssl rand -hex 32"
_ANY = {"0.0.0.0", "::", ""}  # addresses that are no names
_NICE = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve.

    Attributes
    ----------
    host, port
        Where to listen; port 0 takes any that is free.
    token
        What readers have to show; empty for none, which only this machine's own address allows.
    allowed
        Further names of this machine under which it is asked for.
    base
        The path under which a proxy shows it.
    depth, planned
        As for `Catalogue`.
    cache
        Where verdicts are kept; None to keep none.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    token: str = ""
    allowed: Sequence[str] = ()
    base: str = ""
    depth: int = DEPTH
    planned: int | None = None
    cache: Path | None = None


def serve(
    folders: Sequence[str | Path], settings: Settings = Settings(), ready: Callable[[str, Catalogue], None] = print
) -> None:
    """Serve the runs in some folders until interrupted.

    `ready` is told the address and the catalogue once the first look was taken.

    Raises
    ------
    UsageError
        When a folder is not there, the port is taken, or another address than this machine's own is to be served
        without a token; `ReadError` when what lies elsewhere cannot be had.
    """
    roots = [_root(folder) for folder in folders]
    access = access_of(settings)
    with closing(_socket(settings)) as listening, closing(Cache(settings.cache)) as cache, suppress(KeyboardInterrupt):
        asyncio.run(_serve(roots, settings, access, listening, cache, ready))


async def _serve(
    roots: Sequence[Path],
    settings: Settings,
    access: Access,
    listening: socket.socket,
    cache: Cache,
    ready: Callable[[str, Catalogue], None],
) -> None:
    judges, readers = [[Worker(nice) for _ in range(min(cores(), 4))] for nice in (_NICE, 0)]
    catalogue = Catalogue(roots, cache, judges, settings.depth, settings.planned)
    server = _Server(config_of(Served(catalogue, readers[:2], access)))
    try:
        await catalogue.look()
        ready(address(settings, access, listening.getsockname()[1]), catalogue)
        await server.serve([listening])
    finally:
        for worker in (*judges, *readers):
            worker.close()


def config_of(served: Served) -> uvicorn.Config:
    """Return how requests are taken: small heads, no word about the software, a quick end."""
    return uvicorn.Config(
        app_of(served),
        http="h11",
        ws="none",
        lifespan="on",
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=0,
        h11_max_incomplete_event_size=_LONGEST_HEADER,
    )


class _Server(uvicorn.Server):
    """Ends at the first Ctrl-C, whoever still listens."""

    def handle_exit(self, sig: int, frame: object) -> None:
        self.force_exit = True
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def access_of(settings: Settings) -> Access:
    """Return who may read."""
    local = settings.host in LOCAL
    if not local and not settings.token:
        raise UsageError(
            f"--host {settings.host} lets other machines read the runs, which wants a secret: add --token auto, or "
            "--token FILE; or leave --host out and reach this machine by ssh -L."
        )
    if settings.token and len(settings.token) < _SHORTEST_TOKEN:
        raise UsageError(
            f"The token has {len(settings.token)} characters; it must have {_SHORTEST_TOKEN} or more, such as from "
            f"{_MAKES_ONE}."
        )
    names = {name.lower().strip("[]") for name in (*settings.allowed, settings.host)}
    base = f"/{settings.base.strip('/')}" if settings.base.strip("/") else ""
    return Access(LOCAL | (names - _ANY), settings.token, base, f"heldout-{settings.port}")


def token_of(asked: str | None) -> str:
    """Return the token that is asked for: ``auto`` makes one, anything else is a file that holds it.

    A UsageError where there is no such file, or nothing in it.
    """
    if asked is None:
        return ""
    if asked == "auto":
        return secrets.token_urlsafe(32)
    try:
        token = Path(asked).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or "it is no text").lower()
        raise UsageError(
            f"--token {asked} is to be a file that holds the secret, and cannot be read ({why}); "
            "name another, or let --token auto make a secret."
        ) from None
    if not token:
        raise UsageError(f"--token {asked} is a file without a secret; {_MAKES_ONE} > {shlex.quote(asked)} fills it.")
    return token


def address(settings: Settings, access: Access, port: int) -> str:
    """Return what to open."""
    host = "127.0.0.1" if settings.host in _ANY else settings.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}{access.base}/{f'?token={access.token}' if access.token else ''}"


def _root(folder: str | Path) -> Path:
    where = local(folder)
    look(where)
    try:
        return where.resolve(strict=True)
    except (OSError, RuntimeError):
        raise UsageError(f"{folder}: there is no such file or folder; name one that holds runs.") from None


def _socket(settings: Settings) -> socket.socket:
    """Listen, or say which port is free."""
    try:
        return _listening(settings.host, settings.port)
    except OSError as error:
        for port in range(settings.port + 1, min(settings.port + 1 + _TRIED, 65_536)):
            with suppress(OSError), closing(_listening(settings.host, port)):
                why = f"Port {settings.port} is taken" if settings.port else "No port is free"
                raise UsageError(f"{why}; add --port {port}, which is free.") from None
        raise UsageError(f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}).") from None


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(128)
    except OSError:
        found.close()
        raise
    return found

"""``serve``: the runs of a folder in the browser."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heldout.errors import MissingExtra, how_to_install

if TYPE_CHECKING:
    from heldout.serve.catalogue import Catalogue


def serve(
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="DIR...", help="Folders of runs, here or elsewhere [default: .].")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Where to listen; 0 for any that is free.")] = 7717,
    show: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open a browser; by default where one is at hand.")
    ] = None,
    depth: Annotated[int, typer.Option(min=0, max=12, help="How many folders deep runs are looked for.")] = 4,
    planned: Annotated[int | None, typer.Option(min=1, help="Evaluations that the whole run will have.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep verdicts here [default: ~/.cache].")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no verdicts.")] = False,
    host: Annotated[
        str, typer.Option(help="Listen here; another address than this machine's wants --token.")
    ] = "127.0.0.1",
    token: Annotated[str | None, typer.Option(metavar="auto|FILE", help="Ask readers for a secret.")] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A further name under which the server is asked for.")
    ] = None,
    base_path: Annotated[str, typer.Option(metavar="/PATH", help="The path under which a proxy shows it.")] = "",
) -> None:
    """Show the runs of a folder in the browser, those that go on as they go on; nothing is written there.

    Examples:  heldout serve runs   ·   heldout serve runs --port 8000 --no-open   ·   heldout serve a b --host 0.0.0.0
    --token auto --allow-host node7
    """
    try:
        from heldout.fleet.cache import default_folder
        from heldout.serve.server import Settings, token_of
        from heldout.serve.server import serve as run
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("starlette", "uvicorn", "anyio", "h11"):
            raise
        raise MissingExtra(f"heldout serve needs starlette and uvicorn; {how_to_install('serve')}") from None

    kept = None if no_cache else cache or default_folder()
    settings = Settings(host, port, token_of(token), allow_host or (), base_path, depth, planned, kept)
    run(folders or ["."], settings, lambda address, catalogue: _ready(address, catalogue, show))
    gc.freeze()  # the process ends: what it holds need not be searched for what to free


def _ready(address: str, catalogue: Catalogue, show: bool | None) -> None:
    """Say in one line what is served where, and open it if asked for."""
    from heldout.serve.pages import summary

    print(f"{address}  ·  {summary(catalogue)}  ·  Ctrl-C ends", flush=True)
    far = "SSH_CONNECTION" in os.environ
    if far:
        print(f"From your own machine: {tunnel(address, os.environ['SSH_CONNECTION'])}", flush=True)
    wanted = show if show is not None else sys.stdout.isatty() and not far
    if wanted:
        import webbrowser

        webbrowser.open(address)


def tunnel(address: str, connection: str) -> str:
    """Return the command that brings the server to the machine that one sits at.

    >>> tunnel("http://127.0.0.1:7717/", "10.0.0.5 50000 10.0.0.9 22")
    'ssh -L 7717:127.0.0.1:7717 10.0.0.9, then open http://127.0.0.1:7717/'
    """
    from urllib.parse import urlsplit

    at = urlsplit(address)
    parts = connection.split()
    there, ssh = (parts[2], parts[3]) if len(parts) == 4 else ("HOST", "22")
    flag = "" if ssh == "22" else f" -p {ssh}"
    return f"ssh -L {at.port}:127.0.0.1:{at.port}{flag} {there}, then open {address}"

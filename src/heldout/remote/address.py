"""Addresses such as ``s3://bucket/runs``: what of one may be shown, and what is secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.IGNORECASE | re.DOTALL)
# What pathlib makes of the addresses that people have, and what they type in haste.
_FOLDED = re.compile(r"(s3a?|gcs|gs|az|abfss?|hf|ssh|sftp|memory|https?|file):/([^/].*)", re.IGNORECASE | re.DOTALL)
_QUERY = re.compile(r"(?<=\w)\?[^\s\"'()]+")
_HERE = ("file", "local")
_WITH_USERS = ("ssh", "sftp", "ftp", "smb")
_WITH_KEYS = ("s3", "s3a")  # fsspec itself reads no credentials in such an address
_SHORTEST = 3  # characters of a secret: shorter ones are parts of words


@dataclass(frozen=True, slots=True)
class Address:
    """Where something lies that is no file of this machine.

    Attributes
    ----------
    protocol
        Such as ``s3``, in small letters.
    rest
        What stands behind ``://``, as it was given, with any secrets.
    """

    protocol: str
    rest: str

    @property
    def url(self) -> str:
        """The address without the credentials that are handed over as `options`."""
        return f"{self.protocol}://{self.rest.removeprefix(f'{self._user}@') if self.options else self.rest}"

    @property
    def options(self) -> dict[str, Any]:
        """Credentials that stand in the address, by fsspec's names."""
        key, colon, secret = self._user.partition(":")
        return {"key": unquote(key), "secret": unquote(secret)} if colon and self.protocol in _WITH_KEYS else {}

    @property
    def shown(self) -> str:
        """The address for people and files: no password, no key, nothing of a query.

        >>> Address("s3", "key:secret@bucket/runs/").shown
        's3://bucket/runs'
        >>> Address("https", "example.com/a.csv?token=abc").shown
        'https://example.com/a.csv?…'
        """
        path, query, _ = self.rest.partition("?")
        if self.protocol.startswith("http"):
            path = path.partition("#")[0]
        user = self._user
        if ":" in user or (user and self.protocol in _WITH_KEYS):
            name = f"{user.partition(':')[0]}@" if self.protocol in _WITH_USERS else ""
            path = name + path.removeprefix(f"{user}@")
        return f"{self.protocol}://{path.rstrip('/')}{'?…' if query else ''}"

    @property
    def inside(self) -> str:
        """What stands behind ``://`` without secrets: bucket or host, and path."""
        inside = self.shown.removesuffix("?…").partition("://")[2]
        return unquote(inside) if self.protocol.startswith("http") else inside

    @property
    def has_folders(self) -> bool:
        """Whether folders have to be made there before files, as on the disk of another machine."""
        return self.protocol in _WITH_USERS

    def scrubbed(self, text: str) -> str:
        """Return what a library says without the secrets of the address."""
        for secret in sorted({*self._secrets()}, key=len, reverse=True):
            text = text.replace(secret, "…")
        return _QUERY.sub("?…", text)

    @property
    def _user(self) -> str:
        """What stands before the ``@`` of the host; in an address of Hugging Face that is a repository.

        A slash in a password should be written as %2F. Where it was not, what is no port ends at the last ``@``.
        """
        host = re.split("[/?]", self.rest, maxsplit=1)[0]
        if self.protocol == "hf":
            return ""
        if "@" in host:
            return host.rpartition("@")[0]
        _, colon, port = host.partition(":")
        return self.rest.partition("?")[0].rpartition("@")[0] if colon and not port.isdecimal() else ""

    def _secrets(self) -> Iterator[str]:
        query = self.rest.partition("?")[2]
        found = [query, *(value for _, value in parse_qsl(query))]
        if ":" in self._user:
            found += [f"{self._user}@", self._user, *self._user.split(":")[1:]]
            found += self._user.split(":")[:1] if self.protocol not in _WITH_USERS else []
        for secret in found:
            yield from (text for text in (secret, unquote(secret)) if len(text) >= _SHORTEST)


def address_of(path: str | Path) -> Address | None:
    """Return the address that was given in place of a path, None where it is a path.

    >>> address_of(Path("s3://bucket/runs")), address_of("runs/today")
    (Address(protocol='s3', rest='bucket/runs'), None)
    """
    found = _split(path)
    return None if found is None or found[0] in _HERE else Address(*found)


def path_of(path: str | Path) -> Path:
    """Return the path that was given, perhaps as ``file:///…``."""
    found = _split(path)
    return Path(path if found is None else found[1]).expanduser()


def _split(path: str | Path) -> tuple[str, str] | None:
    """Return protocol and rest of an address."""
    text = str(path)
    found = _ADDRESS.fullmatch(text) or _FOLDED.fullmatch(text)
    return None if found is None else (found[1].lower(), found[2])

"""A bucket of the tests' own store."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Bucket:
    """A bucket, and what was asked of the server since the last time one looked."""

    def __init__(self, client: Any, name: str, asked: list[str]) -> None:
        self.client, self.name, self._asked = client, name, asked

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)
        self._asked.clear()

    def get(self, key: str) -> bytes:
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def listed(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def put_folder(self, folder: Path, prefix: str = "") -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{prefix}{path.relative_to(folder).as_posix()}", path.read_bytes())

    def asked(self) -> list[str]:
        """Return what was asked since the last time, such as ``GET /runs/a.csv``."""
        found, self._asked[:] = list(self._asked), []
        return found

    def fetched(self) -> list[str]:
        """Return which keys were asked for since the last time, but for listings."""
        return [one for one in self.asked() if "list-type=" not in one]

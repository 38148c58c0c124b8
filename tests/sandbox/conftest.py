"""The sandboxes under test, opened once per module; where one cannot be had, its tests skip and say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attacks import LIMITS

from heldout.errors import SandboxError
from heldout.sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="module", params=["monty", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = open_sandbox(request.param, workers=1, limits=LIMITS)
    except SandboxError as error:
        pytest.skip(str(error))
    with opened:
        yield opened

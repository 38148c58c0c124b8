"""What pages are made of: scripts, styles, data, and the policy that lets nothing else in."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heldout
from heldout import pages

ASSETS = resources.files("heldout.pages").joinpath("assets")
VENDORED = ASSETS.joinpath("uplot", "SHA256SUMS").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", [line for line in VENDORED if not line.startswith("#")])
def test_vendored_files_are_what_was_published(line: str) -> None:
    checksum, name = line.split()
    assert hashlib.sha256(ASSETS.joinpath("uplot", name).read_bytes()).hexdigest() == checksum


def test_the_version_and_the_licence_stand_with_what_is_vendored() -> None:
    version = re.search(r"uPlot (\S+), MIT", VENDORED[0])
    assert version
    assert f"(v{version[1]})" in pages.asset("uplot/uPlot.iife.min.js")[:80]
    assert "MIT" in pages.asset("uplot/LICENSE")


def test_all_that_a_page_loads_is_small() -> None:
    together = b"".join(gzip.compress(text.encode()) for text in pages.linkable().values())
    assert len(together) < 60_000


def test_no_script_could_end_its_element_or_needs_more_than_the_policy_allows() -> None:
    for name, text in pages.linkable().items():
        assert "</script" not in text.lower(), name
        if name.endswith(".js") and "uplot" not in name:
            assert not re.search(
                r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", text
            ), name


@given(st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_data_in_a_page_is_json_that_no_text_can_leave(value: object) -> None:
    written = str(pages.data({"of": value}))
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written)["of"] == value


@pytest.mark.parametrize("bad", ["\ud800", float("nan"), float("inf")])
def test_what_json_does_not_know_becomes_something_that_it_does(bad: object) -> None:
    assert "NaN" not in pages.data([bad])
    json.loads(pages.data([bad]))


def test_every_heading_of_every_page_can_be_sent_to_somebody() -> None:
    templates = list(Path(heldout.__file__).parent.rglob("templates/**/*.html"))
    heads = [(path.name, head) for path in templates for head in re.findall("<h[23][^>]*>", path.read_text("utf-8"))]
    assert len(heads) > 30
    assert [one for one in heads if " id=" not in one[1]] == []

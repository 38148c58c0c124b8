"""The page about tricks is what the registries make of it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from heldout.cli import app
from heldout.tricks import FAMILIES
from heldout.tricks.page import as_markdown

PAGE = Path(__file__).parents[2] / "docs" / "tricks.md"


def test_the_page_of_tricks_is_fresh_and_has_every_family_with_forms() -> None:
    page = as_markdown()
    assert PAGE.read_text(encoding="utf-8") == page, "heldout tricks > docs/tricks.md"
    for family in FAMILIES.values():
        _, _, part = page.partition(f"## {family.name}\n")
        part = part.partition("\n## ")[0]
        assert family.fix in part
        assert "\n- " in part


def test_the_command_prints_it() -> None:
    assert CliRunner().invoke(app, ["tricks"]).output == as_markdown()

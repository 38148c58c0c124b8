"""The registry of formats: what each line of it must have, and what follows from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from heldout.errors import NotUnderstood
from heldout.readers import FORMATS, UNDERSTOOD, Kind, read, read_all
from heldout.readers.formats import format_of
from heldout.readers.log import Log
from heldout.run import NO_STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text()
READERS = Path(__file__).parents[2] / "src" / "heldout" / "readers"


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.id)
def test_a_format_has_an_id_and_a_title_of_its_own_and_stands_in_the_docs(format) -> None:  # type: ignore[no-untyped-def]
    assert [other.id for other in FORMATS].count(format.id) == 1
    assert [other.title for other in FORMATS].count(format.title) == 1
    assert re.search(rf"^\|[^|]*{re.escape(format.title)}", PAGE, re.MULTILINE)
    assert format.title in UNDERSTOOD
    assert format_of(Log(format.id, NO_STEPS, {})) is format


def test_every_reader_is_in_the_registry_and_every_id_in_a_reader() -> None:
    known = {format.read for format in FORMATS}
    for path in READERS.glob("*.py"):
        text = path.read_text()
        if path.stem != "__init__" and re.search(r"^def read\(source: Source\)", text, re.MULTILINE):
            assert any(read and read.__module__ == f"heldout.readers.{path.stem}" for read in known), path
    sources = "".join(path.read_text() for path in READERS.glob("*.py") if path.stem != "formats")
    assert [format.id for format in FORMATS if f'"{format.id}"' not in sources] == []


def test_those_that_look_at_all_of_the_text_are_asked_last() -> None:
    kinds = [format.kind is Kind.CONSOLE for format in FORMATS]
    assert kinds == sorted(kinds)


def test_ranks_put_histories_before_tables_before_consoles() -> None:
    ranks = {kind: [format.rank for format in FORMATS if format.kind is kind] for kind in Kind}
    assert max(ranks[Kind.HISTORY]) < min(ranks[Kind.TABLE])
    assert max(ranks[Kind.TABLE]) < min(ranks[Kind.CONSOLE])


CONSOLES = {
    "verl.log": "".join(f"step:{i} - critic/score/mean:0.{i} - actor/kl_loss:0.001\n" for i in range(9)),
    "ds.log": "".join(
        f"epoch: 0|step: {i}|ppo_ep: 1|act_loss: 0.{i}|cri_loss: 0.1|unsuper_loss: 0.0\naverage reward score: 0.{i}\n"
        for i in range(9)
    ),
}


@pytest.mark.parametrize("name", CONSOLES)
@pytest.mark.parametrize("cut", [0, 1])
def test_a_console_log_without_its_last_line_end_is_said_to_be_open(tmp_path: Path, name: str, cut: int) -> None:
    path = tmp_path / name
    path.write_text(CONSOLES[name][: len(CONSOLES[name]) - cut])
    run = read(path)
    assert "console" in run.format
    assert any("last" in note.text for note in run.notes) == bool(cut)


def test_a_refusal_lists_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Nothing to see.\n")
    with pytest.raises(NotUnderstood, match=r"Hugging Face trainer_state\.json, W&B offline file") as refused:
        read_all(tmp_path / "a.txt")
    assert "\n" not in str(refused.value)

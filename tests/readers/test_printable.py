"""What comes out of a log can be printed anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from heldout import diagnose, read
from heldout.readers.assemble import assemble
from heldout.readers.log import Column, Log
from heldout.report import write_report
from heldout.run import Note, NoteKind

EVIL = "\x1b]0;T\x07\x00\udcff"


def test_no_name_note_or_setting_keeps_a_control_character() -> None:
    rows = np.arange(5)
    log = Log(
        "csv",
        rows,
        {f"reward{EVIL}": Column(rows, np.ones(5))},
        name=f"run{EVIL}",
        config={f"key{EVIL}": [f"value{EVIL}", {"a": EVIL}], "n": 3},
        notes=(Note(NoteKind.DROPPED, f"left out: {EVIL}"),),
        roles={"reward": f"reward{EVIL}"},
        checkpoints={1: f"checkpoint{EVIL}"},
    )
    run = assemble(log, "name", f"log{EVIL}")
    told = [run.name, run.source, *run.metrics, *run.roles.values(), *run.checkpoints.values()]
    told += [note.text for note in run.notes] + [str(run.config)]
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for text in told for c in text)
    assert run["reward"].value.tolist() == [1.0] * 5
    assert run.config["n"] == 3


def test_a_report_of_hostile_names_is_well_formed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows = [{"step": i, "reward": i / 50, f"eval/{EVIL[:-1]}/accuracy": 0.5} for i in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = read(path)
    written = write_report(run, tmp_path / "out", ["svg"])
    assert diagnose(run).state == written.verdict.state
    for file in (tmp_path / "out").rglob("*.svg"):
        ElementTree.parse(file)
    for file in (tmp_path / "out").rglob("*"):
        assert file.is_dir() or not {"\x1b", "\x07", "\x00"} & set(file.read_text(encoding="utf-8"))

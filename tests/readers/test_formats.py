"""The registry of formats: what each line of it must have, and what follows from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from heldout.errors import NoMetrics, NotUnderstood, ReadError
from heldout.readers import FORMATS, UNDERSTOOD, Kind, formats, read, read_all
from heldout.readers.formats import format_of, read_file
from heldout.readers.log import Log
from heldout.readers.source import HEAD, Files, Source
from heldout.run import NO_STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text()
READERS = Path(__file__).parents[2] / "src" / "heldout" / "readers"


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.id)
def test_a_format_has_an_id_and_a_title_of_its_own_and_stands_in_the_docs(format: Any) -> None:
    assert [other.id for other in FORMATS].count(format.id) == 1
    assert [other.title for other in FORMATS].count(format.title) == 1
    assert re.search(rf"^\|[^|]*{re.escape(format.title)}", PAGE, re.MULTILINE)
    assert format.title in UNDERSTOOD
    assert format_of(Log(format.id, NO_STEPS, {})) is format


def test_every_reader_is_in_the_registry_and_every_id_in_a_reader() -> None:
    known = {format.read for format in FORMATS}
    for path in READERS.rglob("*.py"):
        text = path.read_text()
        if path.stem != "__init__" and re.search(r"^def read\(source: Source\)", text, re.MULTILINE):
            assert any(read and read.__module__.endswith(f".{path.stem}") for read in known), path
    sources = "".join(path.read_text() for path in READERS.rglob("*.py") if path.stem != "formats")
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


# -- refusals, and who is asked ---------------------------------------------------------------------------------------


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(ReadError) as refused:
        read_file(path, Files())
    return str(refused.value)


def test_refusals_say_what_was_seen(tmp_path: Path) -> None:
    path, advice = tmp_path / "a.txt", f"; heldout reads {UNDERSTOOD}. Write it as CSV or JSON lines with a 'step'."
    assert refusal(path, b"") == f"{path}: the file is empty (0 bytes); nothing was written to it yet."
    assert refusal(path, b"\n \n  Hello, " + b"w" * 60 + b"\nmore\n") == (
        f"{path}: text without metrics that a reader knows (it starts with {'Hello, ' + 'w' * 43!r}){advice}"
    )
    assert refusal(path, b"\n\n") == f"{path}: text without metrics that a reader knows (it starts with ''){advice}"
    assert refusal(path, bytes(range(12)) * 99) == (
        f"{path}: binary content that no reader knows (it starts with {bytes(range(8))!r}){advice}"
    )
    assert refusal(path, b'{"step":1,"data":{"a":') == (
        f'{path}: This is a verl file log, but no line of it is a whole {{"step":…,"data":{{…}}}}; copy it again. '
        "1 rows were seen, and none of them has a number beside its step."  # as the next reader saw it
    )
    named = refusal(path, b"step,reward\n")  # a sentence that names the file already
    assert named == "a.txt: a table with a header line and no complete row below it; nothing to read."
    path.unlink()
    with pytest.raises(ReadError, match=rf"^{re.escape(str(path))}: cannot be read \(No such file or directory\)\.$"):
        read_file(path, Files())


def test_depth_beyond_the_stack_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x\n")

    def deep(source: Source) -> None:
        raise RecursionError

    monkeypatch.setattr(formats, "_READERS", (deep,))
    with pytest.raises(NotUnderstood, match=r"a\.txt: nested deeper than any log; not understood\.$"):
        read_file(path, Files())


CONSOLE = "".join(f"{{'loss': 0.{i}, 'reward': 0.5, 'kl': 0.1, 'epoch': {i}.0}}\n" for i in range(1, 10))


@pytest.mark.parametrize(
    "first",
    [
        "config: model=tiny, lr=1e-6, seed=3",
        "Namespace(lr=1e-6, steps=60, seed=1, out='x')",
        "step,reward",
        "reward, kl, length",
        "a;b;c;d",
        "2026-01-02 10:00:00,123 [INFO] 5, 6, 7",
        "  0%|          | 0/9 [00:00<?, ?it/s]",
        "one, two, three, four",
        '{"config": {"lr": 1e-6}}',
        '{"step": 1, "data": {"a": 1',
        "[1, 2, 3]",
        "[",
        "rollout, reward, step, time",
        "Loading weights: 5, 6, 7 of 9",
    ],
)
def test_a_first_line_that_looks_like_another_format_does_not_hide_a_console(first: str, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(f"{first}\n{CONSOLE}")
    (log,) = read_file(path, Files())
    assert log.format == "trl-console"
    assert log.step.tolist() == list(range(1, 10))


def test_each_reader_that_came_near_says_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def near(sentence: str) -> Any:
        def read(source: Source) -> None:
            raise NoMetrics(sentence)

        return read

    path = tmp_path / "a.txt"
    path.write_text("x\n")
    monkeypatch.setattr(
        formats, "_READERS", (near("No rows."), lambda source: None, near("No dicts."), near("No rows."))
    )
    with pytest.raises(NoMetrics, match=r"a\.txt: No rows\. No dicts\.$"):
        read_file(path, Files())
    monkeypatch.setattr(formats, "_READERS", (near("No rows."), lambda source: [Log("csv", NO_STEPS, {})]))
    assert [log.format for log in read_file(path, Files())] == ["csv"]


@pytest.mark.parametrize(("size", "asked"), [(HEAD - 1, ["one", "two", "one", "two"]), (HEAD, ["one", "two", "two"])])
def test_who_refused_a_beginning_that_is_whole_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, asked: list[str]
) -> None:
    seen: list[str] = []

    def one(source: Source) -> None:
        seen.append("one")

    def two(source: Source) -> list[Log]:
        seen.append("two")
        source.fed_text(Nothing)
        return [Log("csv", NO_STEPS, {})]

    class Nothing:
        def feed(self, text: str, last: bool) -> None: ...

    monkeypatch.setattr(formats, "_READERS", (one, two))
    path, files = tmp_path / "a.txt", Files(growing=True)
    path.write_text("x" * (size - 1) + "\n")
    read_file(path, files)
    with path.open("a") as file:
        file.write("x\n")
    read_file(path, files)
    assert seen == asked


def test_who_looks_at_all_of_a_text_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that refused the beginning may know what follows: only readers by the beginning are passed over."""
    path, files = tmp_path / "a.txt", Files(growing=True)
    path.write_text("".join(f"iter={i} | reward=0.3 | val_acc=0.4\n" for i in range(2000)))
    assert [log.format for log in read_file(path, files)] == ["pairs-console"]
    source = files.source(path)
    assert source.declined == formats._BY_BEGINNING
    assert ".consoles." in formats._READERS[source.declined].__module__
    assert ".consoles." not in formats._READERS[source.declined - 1].__module__


def test_an_open_end_is_said_once_and_only_of_a_finished_console(tmp_path: Path) -> None:
    open_end = "The last line has no line end; if the log was cut there, its last entry is missing."
    lines = "".join(f"{{'loss': 0.{i}, 'epoch': {i}.0}}\n" for i in range(9))

    def texts(name: str, text: str, growing: bool = False) -> list[str]:
        path = tmp_path / name
        path.write_text(text)
        (log,) = read_file(path, Files(growing=growing))
        return [note.text for note in log.notes if note.text == open_end]

    assert texts("a", lines) == []
    assert texts("b", lines[:-1]) == [open_end]
    assert texts("c", lines[:-1], growing=True) == []
    assert texts("d", lines + "{'loss': 0.1, 'epo") == []  # that something was lost says it already
    assert texts("e.jsonl", '{"step": 1, "reward": 1}\n{"step": 2, "reward": 1}') == []

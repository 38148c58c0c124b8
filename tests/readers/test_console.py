"""What the readers of console output share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_memory import source

from heldout.readers.consoles.console import NUMBER, Console, Entry, TableConsole, followed, steps_over_epochs

PAGE = Path(__file__).parents[2] / "docs" / "contributing" / "reader.md"


class Letters(Console):
    """Each run of one letter, which goes on until another character follows."""

    def scan(self, text: str, at: int) -> Iterator[Entry]:
        for found in re.compile(r"([a-z])\1*").finditer(text, at):
            row = None if found[1] == "x" else {found[1]: len(found[0])}
            yield Entry(row, found.end(), found.end() < len(text), lost=int(row is None), place=(found.start(),))


class Table(Letters, TableConsole):
    places_wide = 1


@pytest.mark.parametrize("text", ["0", "-1", "+.5", "2.", "1e-07", "-3.5E+10", "nan", "NaN", "-inf"])
def test_numbers(text: str) -> None:
    found = re.fullmatch(NUMBER, text)
    assert found
    float(text)


@pytest.mark.parametrize("text", ["", ".", "-", "1e", "e5", "0x1", "1_000", "infinity", "1,5", "--1"])
def test_what_is_no_number(text: str) -> None:
    assert re.fullmatch(NUMBER, text) is None


@given(st.lists(st.text("aabx \n", max_size=40)))
def test_pieces_give_the_entries_of_the_whole(pieces: list[str]) -> None:
    whole, fed, table = Letters(), Letters(), Table()
    whole.feed("".join(pieces), True)
    for piece in pieces:
        fed.feed(piece, False)
        table.feed(piece, False)
    rows: list[dict[str, Any]] = [entry.row for entry in whole.entries if entry.row is not None]
    assert [entry.row for entry in fed.entries if entry.row is not None] == rows
    assert fed.notes() == whole.notes()
    assert table.table().rows == len(rows)
    assert table.places().shape == (len(rows), 1)


@pytest.mark.parametrize(("behind", "known"), [(4095, False), (4096, True)])
def test_an_entry_far_enough_from_the_end_is_never_looked_for_again(behind: int, known: bool) -> None:
    class Unsure(Letters):
        def scan(self, text: str, at: int) -> Iterator[Entry]:
            return (entry._replace(certain=False) for entry in super().scan(text, at))

    console = Unsure()
    console.feed("aaa" + " " * behind, False)
    console.scan = lambda text, at: iter(())  # type: ignore[method-assign]
    console.feed("\n", False)
    assert bool(console.entries) is known


def test_what_is_lost_is_counted_once() -> None:
    console = Letters()
    for piece in ("x", "x a", "a x", " "):
        console.feed(piece, False)
    assert [note.count for note in console.notes()] == [2]


def test_epochs_that_were_seen_keep_their_place() -> None:
    steps, notes = steps_over_epochs([(0, 0), (0, 1), (1, 0), (1, 1), (0, 1), (1, 0)])
    assert steps == [0, 1, 2, 3, 1, 2]
    assert [note.count for note in notes] == [3]
    assert steps_over_epochs([(0, 0), (0, 1), (1, 2)]) == ([0, 1, 2], [])


def test_the_reader_in_the_docs_reads_its_line() -> None:
    code = re.search(r"^import re\n.*?(?=^```)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert code
    assert code[0].count("\n") <= 40
    made: dict[str, Any] = {"__name__": "yours"}
    exec(code[0], made)
    logs = made["read"](source("start\niter=1 | reward=0.3 | val_acc=0.4\nx\niter=2 | reward=0.5 | val_acc=0.4"))
    assert logs[0].step.tolist() == [1, 2]
    assert logs[0].columns["reward"].value.tolist() == [0.3, 0.5]
    assert logs[0].columns["val_acc"].value.tolist() == [0.4]
    assert made["read"](source("nothing\n")) is None


@pytest.mark.parametrize(
    ("places", "steps", "moved"),
    [
        ([(0, 3), (1, 3)], [3, 4], 1),  # the same step again begins anew
        ([(0, 3), (1, 4)], [3, 4], 0),
        ([(0, 0), (0, 2), (1, 0), (2, 1), (2, 5), (3, 6)], [0, 2, 3, 4, 8, 9], 4),
        ([(2, 5), (1, 1)], [5, 6], 1),
        ([], [], 0),
    ],
)
def test_steps_of_each_epoch_go_on_from_the_one_before(
    places: list[tuple[float, float]], steps: list[float], moved: int
) -> None:
    made, notes = steps_over_epochs(places)
    assert made == steps
    text = "Steps begin again at each epoch in this log; they were made to go on from the epoch before."
    assert [(note.kind.value, note.text, note.count) for note in notes] == ([("assumed", text, moved)] if moved else [])


@pytest.mark.parametrize(
    ("text", "within", "known"),
    [
        ("ab", 400, True),
        ("a  ", 400, False),
        ("a", 400, False),
        ("a" + " " * 3, 3, True),
        ("a" + " " * 2, 3, False),
        ("a" + " " * 3 + "b", 3, True),
    ],
)
def test_a_place_is_followed_by_something_or_by_many_blanks(text: str, within: int, known: bool) -> None:
    assert followed(text, 1, within) is known


def test_a_place_counts_in_the_whole_output() -> None:
    console, length = Letters(), 0
    for piece in ("\n" * 9000, "a b\n", "\n" * 5000, "c"):
        console.feed(piece, False)
        length += len(piece)
    found = {key: console.base for entry in console.entries if entry.row for key in entry.row}
    assert set(found) == {"a", "b", "c"}
    assert console.base + console._at <= length
    assert len(console._text) < 9000  # what stands far behind is let go


def test_text_without_entries_is_let_go_and_a_long_entry_at_its_end_is_not() -> None:
    console = Letters()
    console.feed("1\n" * 9000, False)
    assert 4096 <= len(console._text) <= 4096 + len("1\n") + 2  # the margin, from a line on, and two before it
    console = Letters()
    console.feed("\n" * 9000 + "a" * 9000, False)
    console.feed("b\n", False)
    assert [entry.row for entry in console.entries] == [{"a": 9000}, {"b": 1}]


def test_an_entry_within_which_the_log_ends_is_said() -> None:
    class Cut(Letters):
        def scan(self, text: str, at: int) -> Iterator[Entry]:
            return (entry._replace(cut=entry.end == len(text)) for entry in super().scan(text, at))

    console = Cut()
    console.feed("a b x", True)
    assert [(note.kind.value, note.text, note.count) for note in console.notes()] == [
        ("dropped", "Metric dicts that were cut or garbled were left out.", 1),
        ("dropped", "The file ends within a line; its last value was left out.", 1),
    ]
    console = Cut()
    console.feed("a b ", True)
    assert console.notes() == []

"""The worst first, and how it is said."""

from __future__ import annotations

from pathlib import Path

from heldout.audit.parts import Example, Kind, Result
from heldout.audit.ranking import ranked
from heldout.audit.words import advice, besides, clear, entries, how_often
from heldout.rewards.worker import Outcome
from heldout.tricks.families import FAMILIES


def result(kind: Kind, family: str, found: int, text: str = "", above: int = 0, knows: str = "nothing") -> Result:
    examples = (Example("p", text, Outcome(1.0), 1.0),) if found else ()
    return Result(kind, f"{family} {text[:6]}", "Seen.", found, 24, family, "", above, knows, examples)


def test_the_worst_is_first() -> None:
    more = result(Kind.PAID, "pad", 1, "a longer text " * 40, above=1)
    easy = result(Kind.PAID, "leave", 3, "exit()")
    short = result(Kind.PAID, "compare", 24, "class E: ...")
    longer = result(Kind.PAID, "compare", 24, "class E: ...\n" * 9)
    knowing = result(Kind.PAID, "read", 24, "frame", knows="the grader")
    rejected = result(Kind.REJECTED, "", 24, "right")
    partly = result(Kind.PARTLY, "nothing", 24, "")
    none = result(Kind.PAID, "time", 0)
    told = result(Kind.TOLD, "", 3, "x")
    order = [more, easy, short, longer, knowing, rejected, partly]
    assert ranked([none, told, *reversed(order)])[: len(order)] == order
    assert ranked([none, told]) in ([none, told], [told, none])


def test_within_a_family_many_problems_and_short_texts_come_first() -> None:
    often, seldom = result(Kind.PAID, "leave", 24, "exit()"), result(Kind.PAID, "leave", 8, "exit()")
    assert ranked([seldom, often]) == [often, seldom]
    short, longer = result(Kind.PAID, "leave", 24, "exit()"), result(Kind.PAID, "leave", 24, "import os\nos._exit(0)")
    assert ranked([longer, short]) == [short, longer]


def test_forms_of_a_family_are_one_entry_and_other_flaws_one_each() -> None:
    found = [result(Kind.PAID, "leave", 24, f"exit({n})") for n in range(7)]
    rejected = [result(Kind.REJECTED, "", 4, f"right {n}") for n in range(2)]
    told = entries([*found, *rejected, result(Kind.PAID, "time", 0)])
    (entry,) = told[Kind.PAID]
    assert entry.also.startswith("Paid as well: leave exit(1, leave exit(2, ")
    assert entry.also.endswith(" and 2 more.")
    assert "host compares" in entry.fix
    assert [one.worst for one in told[Kind.REJECTED]] == rejected


def test_a_trick_that_is_paid_has_the_advice_of_its_family_unless_it_has_one_of_its_own() -> None:
    assert advice(result(Kind.PAID, "leave", 1)) == FAMILIES["leave"].fix
    assert advice(Result(Kind.PAID, "", "", 1, 1, "weak", "Ask more.")) == "Ask more."
    assert advice(result(Kind.PAID, "leave", 0)) == ""


def test_bounds_are_said_and_never_that_it_is_safe() -> None:
    assert how_often(result(Kind.PAID, "leave", 0)) == "not paid on 24 problems (at most 14 %)"
    assert how_often(result(Kind.PAID, "leave", 6, "x", above=2)).endswith(
        "(12 to 45 %), on 2 more than a right answer"
    )
    assert how_often(Result(Kind.PAID, "", "", 0, 0)) == "not tried"
    lines = list(
        clear([result(Kind.PAID, "time", 0), result(Kind.PAID, "leave", 0), result(Kind.PAID, "leave", 3, "x")])
    )
    assert lines == ["time: not paid on 24 problems (at most 14 %)"]


def test_what_is_said_besides_is_put_together_where_it_is_alike() -> None:
    several = [
        Result(Kind.TOLD, name, f"An answer {name} is rejected.", 1, 2) for name in ("in dollars", "with a unit")
    ]
    other = Result(Kind.TOLD, "neighbours", "Scores depend on neighbours.", 1, 1)
    assert besides([*several, other, Result(Kind.TOLD, "x", "Not found.", 0, 1)]) == [
        "An answer in dollars and with a unit is rejected.",
        "Scores depend on neighbours.",
    ]


def test_the_families_of_the_page_are_those_of_the_library() -> None:
    page = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    for family in FAMILIES.values():
        assert f"| `{family.name}` | {family.does} | {family.pays} |" in page

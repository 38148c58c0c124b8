"""Dicts that TRL and transformers print to the console."""

from __future__ import annotations

import math
import pprint
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

from heldout.errors import ReadError
from heldout.readers.consoles.trl import read
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.run import NoteKind

REAL = Path(__file__).parents[3] / "shared" / "runs" / "trl-md-terminal-aokvqa" / "run_terminal.md"

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def values(log: Log, key: str) -> list[float]:
    return [float(value) for value in log.columns[key].value]


def bar(step: int, total: int = 100) -> str:
    return f"\r  {step:2d}%|▏         | {step}/{total} [01:29<67:59:26,  8.22s/it]"


def console(rows: list[dict[str, object]], every: int = 10) -> str:
    """What a run prints whose metrics come every so many steps."""
    text = "Loading checkpoint shards: 100%|####| 2/2 [00:00<00:00,  8.66it/s]\n"
    for i, row in enumerate(rows, start=1):
        text += "".join(bar(step) for step in range((i - 1) * every, i * every + 1))
        text += f"\n🎯 Reward Metrics:\n   ... and 7 more reward metrics\n\r{' ' * 53}\r{row}\n\n{bar(i * every)}"
    return text


ROWS: list[dict[str, object]] = [
    {"loss": 0.0751, "reward": 1.75, "rewards/format/mean": 0.5, "epoch": 0.05},
    {"loss": -0.25, "reward": 2.0, "rewards/format/mean": 0.75, "epoch": 0.1},
    {"loss": 1e-07, "reward": 2.5, "rewards/format/mean": 1.0, "epoch": 0.15},
]


def test_step_is_where_the_progress_bar_stands() -> None:
    log = one(console(ROWS))
    assert log.format == "trl-console"
    assert log.step.tolist() == [10, 20, 30]
    assert values(log, "reward") == [1.75, 2.0, 2.5]
    assert values(log, "loss") == [0.0751, -0.25, 1e-07]
    assert log.notes == ()


def test_the_bar_before_counts_where_none_is_drawn_after() -> None:
    text = f"{bar(10)}\n{ROWS[0]}\nsaving\n{bar(11)}{bar(20)}{ROWS[1]}\n"
    assert one(text).step.tolist() == [10, 20]


@pytest.mark.parametrize(("every", "total"), [(1, 30), (10, 600), (5, 98)])
@pytest.mark.parametrize("first", [0, 7], ids=["whole", "without-its-beginning"])
def test_a_bar_printed_before_each_row_numbers_it(every: int, total: int, first: int) -> None:
    at = list(range(every, total + 1, every))[first:]
    assert one("".join(f"{bar(step, total)}\n{ROWS[0]}\n" for step in at)).step.tolist() == at


def test_a_bar_before_each_row_numbers_it_though_the_next_step_is_drawn_right_behind() -> None:
    text = "".join(bar(step) + (f"\n{ROWS[0]}\n" if step % 10 == 0 else "") for step in range(1, 101))
    assert one(text).step.tolist() == list(range(10, 101, 10))


def test_a_bar_that_is_only_drawn_behind_each_row_numbers_it() -> None:
    text = bar(0, 600) + "".join(f"\r{' ' * 40}\r{ROWS[0]}\n{bar(step, 600)}" for step in range(10, 601, 10))
    assert one(text).step.tolist() == list(range(10, 601, 10))


def test_a_bar_that_lags_is_corrected_by_the_one_after() -> None:
    assert one(f"{bar(8)}\n{ROWS[0]}\n{bar(10)}").step.tolist() == [10]


def test_evaluation_has_a_bar_of_its_own() -> None:
    held_out = {"eval_loss": 0.5, "eval_reward": 0.25, "epoch": 0.1}
    text = f"{bar(10)}\n{ROWS[0]}\n{bar(10)}{bar(20)}\n{ROWS[1]}\n{bar(20)}" + "".join(bar(i, 33) for i in range(34))
    log = one(f"{text}\n{held_out}\n{bar(33, 33)}{bar(21)}")
    assert log.step.tolist() == [10, 20, 20]
    assert log.columns["eval_reward"].row.tolist() == [2]


def test_summary_at_the_end_is_a_row_without_harm() -> None:
    summary = {"train_runtime": 12.5, "train_loss": 0.3, "epoch": 1.0}
    log = one(console(ROWS) + f"\n{summary}\n{bar(30)}\n")
    assert log.step.tolist() == [10, 20, 30, 30]
    assert values(log, "train_loss") == [0.3]


def test_without_a_bar_lines_are_counted_and_that_is_said() -> None:
    held_out = {"eval_reward": 0.25, "epoch": 0.1}
    log = one("\n".join(map(str, [ROWS[0], ROWS[1], held_out, ROWS[2]])))
    assert log.step.tolist() == [1, 2, 2, 3]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.ASSUMED, 4)]


def test_output_held_back_by_a_buffer_is_counted_too() -> None:
    log = one("".join(map(bar, range(31))) + "\n" + "\n".join(map(str, ROWS)))
    assert log.step.tolist() == [1, 2, 3]
    assert log.notes[0].kind is NoteKind.ASSUMED


def test_no_progress_bar_is_said_only_where_there_is_none() -> None:
    lines = "\n".join(map(str, ROWS))
    assert "no progress bar" in one(lines).notes[0].text
    apart = one("".join(map(bar, range(31))) + "\n" + lines)
    assert "no progress bar" not in apart.notes[0].text
    assert apart.counted
    assert one(lines).counted
    assert not one(console(ROWS)).counted


def test_a_finished_bar_before_all_of_the_dicts_gives_their_steps() -> None:
    evaluated = "{'eval_reward': 0.25, 'epoch': 0.1}\n"
    lines = [f"{row(i)}\n" for i in range(1, 11)]
    lines[4] += evaluated
    log = one("".join(bar(i) for i in range(101)) + "\n" + evaluated + "".join(lines))
    assert log.step.tolist() == [0, 10, 20, 30, 40, 50, 50, 60, 70, 80, 90, 100]
    assert [(note.kind, note.text, note.count) for note in log.notes] == [
        (
            NoteKind.ASSUMED,
            "The progress bar, which reached 100, and the metrics were written apart; the 10 metrics lines were placed "
            "every 10 steps.",
            10,
        )
    ]
    assert not log.counted


@pytest.mark.parametrize(
    ("total", "drawn", "dicts", "every"),
    [
        (600, 600, 60, 10),
        (605, 605, 60, 10),  # the last five steps were not logged
        (60, 60, 60, 1),
        (500, 500, 20, 25),
        (100, 99, 10, None),  # not finished: some of the dicts may be missing
        (100, 100, 30, None),  # 33 would be 3 steps apart
        (10, 10, 20, None),  # more dicts than steps
    ],
)
def test_a_finished_bar_is_divided_by_the_dicts(total: int, drawn: int, dicts: int, every: int | None) -> None:
    text = "".join(bar(i, total) for i in range(drawn + 1)) + "\n" + "".join(f"{row(i)}\n" for i in range(dicts))
    log = one(f"{bar(2, 9999)}\n{text}")  # another bar before it, of a larger total
    assert log.step.tolist() == [(every or 1) * i for i in range(1, dicts + 1)]
    assert log.counted is (every is None)


def test_a_bar_that_was_drawn_again_at_each_dict_gives_the_interval_of_an_unfinished_log() -> None:
    bars = "".join(bar(i) + (bar(i) if i % 5 == 0 else "") for i in range(1, 48))
    log = one(bars + "\n" + "".join(f"{row(i)}\n" for i in range(7)))  # two dicts did not get out
    assert log.step.tolist() == [5, 10, 15, 20, 25, 30, 35]


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [
        ([0.1, 0.2, 0.3, 0.4], [1, 2, 3, 4]),
        ([0.1, 0.2, 0.3, 0.4, 0.3, 0.4, 0.5], [1, 2, 3, 4, 3, 4, 5]),
        ([0.1, 0.2, 0.3, 0.1, 0.2], [1, 2, 3, 1, 2]),
        ([0.5, 0.6, 0.55, 0.65], [1, 2, 2, 3]),
        ([0.01, 0.01, 0.02, 0.02, 0.02], [1, 2, 3, 4, 5]),  # rounded
        ([0.1, 0.2, 0.3, 0.2, 0.3, 0.4, 0.3, 0.4], [1, 2, 3, 2, 3, 4, 3, 4]),  # twice
        ([1.0, 2.0, 3.0, 2.0], [1, 2, 3, 2]),
    ],
)
def test_an_epoch_that_jumps_back_is_a_resumed_run(epochs: list[float], steps: list[int]) -> None:
    lines = "".join(f"{{'loss': {i}.5, 'epoch': {epoch}}}\n" for i, epoch in enumerate(epochs))
    assert one(lines).step.tolist() == steps


@pytest.mark.parametrize("prefix", ["{}: ", "(node{}) ", "[rank{}] ", "host-{}|"])
@pytest.mark.parametrize("writers", [2, 4])
def test_what_several_nodes_print_is_counted_once(prefix: str, writers: int) -> None:
    lines = [f"{row(i)}\n" for i in range(1, 9)]
    for text in (
        "".join(prefix.format(rank) + line for line in lines for rank in range(writers)),  # in turn
        "".join(line for _ in range(writers) for line in lines),  # one file after the other
        "".join(line for line in lines for _ in range(writers))[: -len(lines[-1])],  # one copy is still missing
    ):
        log = one(text)
        assert log.step.tolist() == list(range(1, 9))
        assert log.notes[0].kind is NoteKind.DROPPED
        assert "printed again with the same values" in log.notes[0].text


def test_equal_dicts_are_no_copies_where_most_are_not_there_twice_or_the_bar_went_on() -> None:
    assert one("".join(f"{row(i)}\n" for i in (1, 1, 2, 3, 4, 5))).step.tolist() == [1, 2, 3, 4, 5, 6]
    assert one(f"{row(1)}\n{row(1)}\n").step.tolist() == [1, 2]
    moved = "".join(f"{row(i // 2)}{bar(i)}\n" for i in range(2, 12))
    assert one(moved).step.tolist() == list(range(2, 12))
    bars = "".join(f"{bar(i)}\n{row(i)}\n{row(i)}\n" for i in range(1, 9))
    assert one(bars).step.tolist() == list(range(1, 9))


def test_own_step_wins() -> None:
    rows = [{"loss": 0.5, "global_step/max_steps": f"{i}/438", "epoch": 0.1} for i in (10, 20)]
    assert one("\n".join(map(str, rows))).step.tolist() == [10, 20]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("'0.0751'", 0.0751), ("np.float64(0.5)", 0.5), ("inf", math.inf), ("-inf", -math.inf), ("nan", math.nan),
        ("'nan'", math.nan), ("1e-06", 1e-06), ("-0.0", 0.0), ("True", 1.0), ("3", 3.0),
        ("tensor(0.25, device='cuda:0')", 0.25), ("'2.384e-07'", 2.384e-07),
    ],
)  # fmt: skip
def test_forms_of_a_number(written: str, number: float) -> None:
    log = one(f"{{'loss': 0.5, 'reward': {written}, 'epoch': 0.1}}\n{{'loss': 0.5, 'reward': 1.0, 'epoch': 0.2}}\n")
    assert values(log, "reward") == pytest.approx([number, 1.0], nan_ok=True, abs=0)


def test_none_is_missing_and_lists_are_left_out() -> None:
    log = one(
        "{'loss': 0.5, 'kl': None, 'lr': [1, 2], 'epoch': 0.1}\n{'loss': 0.4, 'kl': 2.0, 'lr': [1], 'epoch': 0.2}"
    )
    assert log.columns["kl"].row.tolist() == [1]
    assert "lr" not in log.columns


def test_dict_over_several_lines() -> None:
    row = {f"rewards/function_{i}/mean": i / 7 for i in range(12)} | {"epoch": 0.5}
    log = one(pprint.pformat(row))
    assert log.columns["rewards/function_3/mean"].value.tolist() == [3 / 7]


def test_colours_and_log_prefixes() -> None:
    assert one(f"[INFO|trainer.py:12] >> \x1b[36m{ROWS[0]}\x1b[0m\n").columns["reward"].value.tolist() == [1.75]


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "{'A': 'true', 'B': 'false'}", "{'epochs': 3, 'lr': 0.1}", "{'loss': ", str({"a": {"epoch": 1}})],
)
def test_other_content(text: str) -> None:
    assert read(source(text)) is None


def test_binary() -> None:
    assert read(source(b"\0\1{'loss': 1}")) is None


@QUICK
@given(cut=st.integers(0, len(console(ROWS))))
def test_a_cut_file_reads_to_a_prefix(cut: int) -> None:
    logs = read(source(console(ROWS)[:cut]))
    if logs is not None:
        (log,) = logs
        assert log.step.tolist() == [10, 20, 30][: len(log.step)]
        assert values(log, "reward") == [1.75, 2.0, 2.5][: len(log.step)]


def test_a_cut_dict_is_noted() -> None:
    text = console(ROWS)
    log = one(text[: text.rindex("'rewards/")])
    assert log.step.tolist() == [10, 20]
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


@QUICK
@given(rows=st.lists(st.tuples(st.floats(), st.floats(allow_nan=False)), min_size=1, max_size=8))
def test_round_trip(rows: list[tuple[float, float]]) -> None:
    log = one(console([{"loss": loss, "reward": reward, "epoch": 0.1} for loss, reward in rows]))
    assert log.step.tolist() == [10 * (i + 1) for i in range(len(rows))]
    assert values(log, "reward") == [reward for _, reward in rows]
    assert values(log, "loss") == pytest.approx([loss for loss, _ in rows], nan_ok=True, rel=0, abs=0)


@QUICK
@given(st.text(alphabet="{}'\",: \n\\0123e.nalosepch()[]|%/<", max_size=300))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", "{'loss': 1, 'epoch': 2}", f"{bar(3)}{{'loss': "):
        try:
            logs = read(source(start + text))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{'" * 300_000, "{'a': '" * 37_500, "{'a': {'" * 30_000, "{" + " " * 250_000, "1%|" * 75_000,
        "{'loss': 1, " * 22_500, "{'k': " + "1" * 250_000, "1/1 [1:" * 37_500, "{'a': [" * 37_500, "9" * 250_000,
        "{" + "'a': 1, " * 30_000, ("{'loss':1,'epoch':1}" + "1/9 [00:01<") * 3_750,
    ],
    ids=range(12),
)  # fmt: skip
def test_adversarial_text_comes_to_an_end(text: str) -> None:
    made = source(text)
    assert made.text
    read(made)


@pytest.mark.skipif(not REAL.exists(), reason="the published logs are not here")
def test_real_log() -> None:
    (log,) = read(Source(REAL)) or []
    assert log.step.tolist() == list(range(10, 500, 10))
    assert values(log, "loss")[0] == 0.0751
    assert values(log, "num_tokens")[:2] == [10813.0, 20267.0]
    assert values(log, "num_tokens")[-1] == 504700.0
    assert len(values(log, "reward")) == 49
    assert log.notes == ()


# -- which bar tells the step -----------------------------------------------------------------------------------------


def row(number: int, **more: object) -> str:
    return repr({"loss": number / 8, "epoch": number / 4, **more})


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        # The bar of the last dict is not drawn yet: it stands one interval further, at least one step.
        (f"{bar(10)}\n{row(1)}{bar(10)}\n{row(2)}{bar(20)}\n{row(3)}\n", [10, 20, 30]),
        (f"{bar(7)}\n{row(1)}\n{row(2)}\n", [7, 8]),
        (f"{bar(7)}\n{row(1)}\n", [7]),
        # A summary behind the last dict stands with it.
        (f"{row(1)}{bar(10)}\n{row(2)}{bar(20)}\n{row(3)}\n{{'train_runtime': 1.0, 'epoch': 1.0}}\n", [10, 20, 30, 30]),
        # A bar far behind a dict, or behind other text, is not its own.
        (f"{bar(3)}\n{row(1)}{' ' * 390}{bar(9)}\n{row(2)}{bar(18)}", [9, 18]),
        (f"{bar(3)}\n{row(1)}{' ' * 401}{bar(9)}\n{row(2)}{bar(18)}", [3, 18]),
        (f"{bar(3)}\n{row(1)}\nwords{bar(9)}\n{row(2)}{bar(18)}", [3, 18]),
        # The first dict stands before any bar.
        (f"{row(1)}\nwords\n{bar(4)}\n{row(2)}{bar(8)}", [4, 8]),
        # Of bars of two lengths those that are drawn next to most dicts, and of equally many the first.
        (f"{row(1)}{bar(5)}{bar(1, 3)}\n{row(2)}{bar(10)}\n{bar(2, 3)}\n", [5, 10]),
        (f"{row(1)}{bar(5)}\n{row(2)}{bar(2, 3)}\n", [5, 6]),
        # An own step wins, where every dict has one.
        (f"{row(1, step=3)}{bar(5)}\n{row(2, step='4.0')}{bar(10)}\n", [3, 4]),
        (f"{row(1, step=3)}{bar(5)}\n{row(2)}{bar(10)}\n", [5, 10]),
        (f"{row(1)[:-1]}, 'global_step/max_steps': '12/40'}}\n{row(2)[:-1]}, 'global_step': 13}}\n", [12, 13]),
        (f"{row(1, step=10**15)}{bar(5)}\n{row(2, step=4)}{bar(10)}\n", [5, 10]),
        (f"{row(1, step=10**14)}{bar(5)}\n{row(2, step=4)}{bar(10)}\n", [10**14, 4]),
    ],
)
def test_the_step_of_each_dict(text: str, steps: list[int]) -> None:
    assert one(text).step.tolist() == steps


@pytest.mark.parametrize(("rows", "together", "counted"), [(20, 2, False), (20, 3, True), (10, 1, False), (9, 1, True)])
def test_more_than_a_tenth_of_dicts_at_one_step_were_held_back(rows: int, together: int, counted: bool) -> None:
    """Two dicts of one step each are one repeat: two of twenty rows are a tenth, three are more."""
    text = ""
    for i in range(rows):
        at = 10 * (i - 1 if i % 3 == 1 and i // 3 < together else i)
        text += f"{row(i)}{bar(at, 1000)}\n"
    log = one(text)
    assert (log.step.tolist() == list(range(1, rows + 1))) is counted
    said = (
        "The progress bar and the metrics were written apart, so that it gives no step to a line; the lines were "
        "numbered 1, 2, 3, … in its place."
    )
    assert [(note.text, note.count) for note in log.notes] == ([(said, rows)] if counted else [])


def test_an_evaluation_without_a_bar_stands_at_the_step_before_it() -> None:
    evaluated = "{'eval_loss': 0.5, 'epoch': 1.0}\n"
    log = one(f"{evaluated}{row(1)}\n{row(2)}\n{evaluated}{{'train_runtime': 5.0, 'epoch': 2.0}}\n")
    assert log.step.tolist() == [0, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("{'loss': 1.0, 'epoch': 1}", 1),
        ("{'loss': 1.0}", None),  # without an epoch
        ("{'size': 1.0, 'epoch': 1}", None),  # nothing that a trainer logs
        ("{'eval_x': 1.0, 'epoch': 1}", 1),
        ("{'rewards/x': 1.0, 'epoch': 1}", 1),
        ("{'objective/x': 1.0, 'epoch': 1}", 1),
        ("{'my_eval_x': 1.0, 'epoch': 1}", None),
        ("{'loss': 1.0, 'epoch': 1, }", 1),
        ("{'loss': 1.0, \"epoch\": 1}", 1),
        ("{'loss': 1.0, 'epoch': 1", None),
    ],
)
def test_what_a_dict_of_metrics_is(text: str, rows: int | None) -> None:
    logs = read(source(f"x {text} y\n"))
    assert (None if logs is None else len(logs[0].step)) == rows


def test_forms_of_a_cell() -> None:
    text = (
        "{'loss': np.float64(0.5), 'reward': tensor(0.25, device='cuda:0'), 'a': None, 'b': True, 'c': False, "
        "'d': 'text', 'e': \"2.5\", 'f': [1, 2], \"g\": numpy.int64(3), 'epoch': '1.0'}\n"
    )
    log = one(text)
    assert {key: column.value.tolist() for key, column in log.columns.items()} == {
        "loss": [0.5], "reward": [0.25], "b": [1.0], "c": [0.0], "e": [2.5], "g": [3.0], "epoch": [1.0],
    }  # fmt: skip
    assert dict(log.config) == {"d": "text", "f": "[1, 2]"}


def test_what_is_lost_is_counted() -> None:
    log = one(f"{row(1)}\n{{'loss': 0.5, 'epoch': broken}}\n{{'size': broken}}\n{row(2)}\n{{'loss': 0.5, 'ep")
    assert [(note.kind, note.text, note.count) for note in log.notes][:1] == [
        (NoteKind.DROPPED, "Metric dicts that were cut or garbled were left out.", 2)
    ]

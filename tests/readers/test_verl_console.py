"""verl's step lines on the console."""

from __future__ import annotations

import math
import pprint
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import source

from heldout.errors import NoMetrics, ReadError
from heldout.readers.consoles.verl import read
from heldout.readers.log import Log
from heldout.readers.source import Source
from heldout.run import NoteKind

RUNS = Path(__file__).parents[3] / "shared" / "runs"
REAL = RUNS / "verl-wandb-stubs-logicrl" / "output.log"

CONFIG = pprint.pformat(
    {
        "actor_rollout_ref": {"actor": {"clip_ratio": 0.2, "kl_loss_coef": 0.001, "strategy": "fsdp"}, "hybrid": True},
        "trainer": {"project_name": "a project", "total_epochs": 5, "logger": ["console", "wandb"]},
    }
)
KEYS = ("actor/kl_loss", "critic/score/mean", "val-core/openai/gsm8k/reward/mean@1", "timing_s/step")

QUICK = settings(max_examples=50, deadline=None)  # no deadline: a busy machine is no failure


def one(text: str) -> Log:
    logs = read(source(text))
    assert logs is not None
    assert len(logs) == 1
    return logs[0]


def cells(log: Log) -> dict[str, list[float]]:
    return {key: column.value.tolist() for key, column in log.columns.items()}


def line(step: int, **more: str) -> str:
    numbers = {key: f"{(i + 1) * step / 8:.3f}" for i, key in enumerate(KEYS)} | more
    return " - ".join([f"step:{step}", *(f"{key}:{number}" for key, number in numbers.items())])


def test_step_lines() -> None:
    log = one(f"{line(0)}\nepoch 0, step 1\n<think> Let us go step by step:1 - a\n{line(1)}\n")
    assert log.format == "verl-console"
    assert log.step.tolist() == [0, 1]
    assert set(log.columns) == set(KEYS)
    assert cells(log)["val-core/openai/gsm8k/reward/mean@1"] == [0.0, 0.375]
    assert log.notes == ()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("np.float64(0.5)", 0.5), ("np.int64(7)", 7.0), ("nan", math.nan), ("inf", math.inf), ("-inf", -math.inf),
        ("-0.000", 0.0), ("12", 12.0), ("3.0e-07", 3e-07), ("1e-06", 1e-06), ("True", 1.0),
        ("np.float32(nan)", math.nan),
    ],
)  # fmt: skip
def test_forms_of_a_number(written: str, number: float) -> None:
    log = one(f"step:3 - actor/lr:{written} - critic/score/mean:{written}\nstep:4 - actor/lr:1\n")
    assert cells(log)["actor/lr"] == pytest.approx([number, 1.0], nan_ok=True, abs=0)
    assert cells(log)["critic/score/mean"] == pytest.approx([number], nan_ok=True, abs=0)


def test_global_step_on_the_same_line_and_steps_within_keys() -> None:
    log = one("step:7 - timing_s/step:24 - training/global_step:7 - training/epoch:0 - actor/lr:0.5\n")
    assert log.step.tolist() == [7]
    assert cells(log) == {"timing_s/step": [24.0], "training/global_step": [7.0], "training/epoch": [0.0],
                          "actor/lr": [0.5]}  # fmt: skip


def test_ray_prefixes_colours_and_a_progress_bar_on_the_line() -> None:
    bar = "Training Progress:  10%|█         | 1/10 [00:24<03:38, 24.29s/it]"
    text = f"\x1b[36m(TaskRunner pid=123)\x1b[0m {bar}{line(1)}{bar}\n\x1b[36m(TaskRunner pid=123)\x1b[0m {line(2)}\n"
    log = one(text)
    assert log.step.tolist() == [1, 2]
    assert cells(log)["timing_s/step"] == [0.5, 1.0]


@pytest.mark.parametrize("more", [{}, {"it's": "3"}, {"note": "4"}])
def test_pprint_of_the_whole_line(more: dict[str, str]) -> None:
    plain = one(f"{line(1, **more)}\n{line(2, **more)}\n")
    wrapped = one(f"{pprint.pformat(line(1, **more))}\n'and so on'\n{pprint.pformat(line(2, **more))}\n")
    assert cells(wrapped) == cells(plain)
    assert wrapped.notes == ()


def test_short_line_in_quotes_ends_with_its_quote() -> None:
    assert cells(one("'step:1 - actor/lr:0.5'\n'val:2 - b:3'\n")) == {"actor/lr": [0.5]}


@pytest.mark.parametrize("blanks_lost", [False, True])
@pytest.mark.parametrize("width", range(40, 130, 3))
def test_lines_that_a_terminal_broke(width: int, blanks_lost: bool) -> None:
    whole = line(
        3, **{"actor/grad_norm": "np.float64(12.125)", "a/long/metric_name/min": "-3.500", "actor/lr": "1.000"}
    )
    pieces = [whole[i : i + width] for i in range(0, len(whole), width)]
    pieces = [piece.rstrip(" ") for piece in pieces] if blanks_lost else pieces
    if len(pieces) == 2 and pieces[1][0].isdigit() and pieces[1].replace(".", "").isdigit():
        pytest.skip("a number alone on the second line may be anything")
    assert cells(one("\n".join(pieces) + "\n- A is true\n38\n")) == cells(one(f"{whole}\n- A is true\n38\n"))


def test_items_that_are_no_numbers_are_counted() -> None:
    log = one("step:1 - actor/lr:0.5 - note:see below - critic/score/mean:1.0\n")
    assert cells(log) == {"actor/lr": [0.5], "critic/score/mean": [1.0]}
    assert [(note.kind, note.count) for note in log.notes] == [(NoteKind.DROPPED, 1)]


def test_settings_are_read_where_they_are_whole() -> None:
    log = one(f"{CONFIG}\n{line(1)}\n")
    assert log.config["actor_rollout_ref"]["actor"]["kl_loss_coef"] == 0.001
    assert one(f"{CONFIG[:80]} torn\n{line(1)}\n").config == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "step by step: - a",
        "step: 1 - a:1",
        "step:1, a:1",
        "step:1 - A is true",
        "step:1 - see: below",
        "a_step:1 - b:2",
    ],
)
def test_other_content(text: str) -> None:
    assert read(source(f"{text}\n")) is None


def test_binary() -> None:
    assert read(source(b"\0step:1 - a:1\n")) is None


def test_crash_before_the_first_step() -> None:
    text = f"{CONFIG}\nTraceback (most recent call last):\n  File\nRuntimeError: first\nValueError: \x07no é \n\n"
    with pytest.raises(
        NoMetrics, match=r"no step line: the run ended before its first step, with ValueError: \\x07no é"
    ):
        read(source(text))
    with pytest.raises(NoMetrics, match=f"KeyError: {'x' * 109}…; run it again"):
        read(source(f"{CONFIG}\nKeyError: {'x' * 500}\n"))


def test_stopped_before_the_first_step() -> None:
    with pytest.raises(NoMetrics, match="has the configuration but no step line"):
        read(source(f"{CONFIG}\nall is well\n"))


def test_cut_within_the_only_line() -> None:
    with pytest.raises(NoMetrics, match="ends within its first step line"):
        read(source("step:1 - actor/lr:0.5"))


TEXTS = {
    "plain": "".join(f"{line(i)}\nsomething else\n" for i in range(1, 5)),
    "pprint": "".join(f"{pprint.pformat(line(i))}\nsomething else\n" for i in range(1, 5)),
    "crash": f"{CONFIG}\n" + "".join(f"{line(i)}\n" for i in range(1, 5)) + "ValueError: oh\n",
}


@pytest.mark.parametrize("kind", TEXTS)
@QUICK
@given(data=st.data())
def test_a_cut_file_reads_to_a_prefix(kind: str, data: st.DataObject) -> None:
    text = TEXTS[kind]
    whole = cells(one(text))
    try:
        logs = read(source(text[: data.draw(st.integers(0, len(text)))]))
    except ReadError:
        return
    for log in logs or []:
        assert log.step.tolist() == [1, 2, 3, 4][: len(log.step)]
        for key, column in cells(log).items():
            assert column == whole[key][: len(column)]


@QUICK
@given(st.lists(st.tuples(st.floats(allow_nan=False), st.integers(-(10**9), 10**9)), min_size=1, max_size=6))
def test_round_trip(rows: list[tuple[float, int]]) -> None:
    steps = [f"step:{i} - actor/pg_loss:{pprint.pformat(a)} - num:{b}" for i, (a, b) in enumerate(rows)]
    for text in ("\n".join(steps), "\n".join(map(pprint.pformat, steps))):
        log = one(f"{text}\n")
        assert log.step.tolist() == list(range(len(rows)))
        assert cells(log) == {"actor/pg_loss": [a for a, _ in rows], "num": [float(b) for _, b in rows]}


@QUICK
@given(st.text(alphabet="step:0123 -/@\n'\"()\\.nafkey{}_", max_size=300))
def test_random_text_never_breaks_it(text: str) -> None:
    for start in ("", "step:1 - a:", '("step:1 - a:1 - "\n', "{'actor_rollout_ref': {'", "step:1 - a/b:1.0\n"):
        try:
            logs = read(source(start + text))
        except ReadError:
            continue
        assert logs is None or len(logs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "step:" * 200_000, "step:1 - " * 27_500, "step:1 - a:1" + " " * 250_000, "step:1 - a:1 - " * 17_500,
        "step:1 - a:1\n" + "- b:1\n" * 40_000, '("step:1 - a:1' * 17_500, "('step:1 - a:1 - '" + "\n'x'" * 62_500,
        "{'actor_rollout_ref': {'" * 10_000, "{'actor_rollout_ref': {'" + "{" * 250_000, "step:1 - a:1\n" * 20_000,
        "step:1 - a:" + "1" * 250_000, "step:1 - a:1 - k\n" + "w" * 10 + "\nx" * 100_000, "aError" * 40_000,
        "{'actor_rollout_ref': {'" + "\n '" * 75_000, "step:1 - a:1 -\n" * 15_000, "step:1 - a:1\n- b/c\n" * 12_500,
    ],
    ids=range(16),
)  # fmt: skip
def test_adversarial_text_comes_to_an_end(text: str) -> None:
    made = source(text)
    assert made.text
    with suppress(ReadError):
        read(made)


@pytest.mark.skipif(not REAL.exists(), reason="the published logs are not here")
def test_real_log() -> None:
    (log,) = read(Source(REAL)) or []
    assert log.step.tolist() == list(range(10))
    assert cells(log)["val/test_score/logic_assignment"] == [0.0]
    assert log.columns["critic/score/mean"].row.tolist() == list(range(1, 10))
    assert cells(log)["critic/score/mean"][-1] == 0.977
    assert cells(log)["timing_per_token_ms/gen"][-1] == 0.838
    assert len(log.columns) == 49
    assert log.notes == ()


@pytest.mark.skipif(not RUNS.exists(), reason="the published logs are not here")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("verl-notimpl-crash/verl_demo.log", "with NotImplementedError; run it again"),
        ("verl-wandb-stubs-logicrl/grpo.log", "with AssertionError: failed to get register_center_actor: V9zrH5"),
    ],
)
def test_real_crashes(name: str, words: str) -> None:
    with pytest.raises(NoMetrics, match=words):
        read(Source(RUNS / name))


# -- entries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cells_", "lost"),
    [
        ("step:1 - a:1 - b:2", {"a": 1.0, "b": 2.0}, 0),
        ("step:1 - a:1 - b:words - c:3", {"a": 1.0, "c": 3.0}, 1),
        ("step:1 - a:1 - :2 - c:3", {"a": 1.0, "c": 3.0}, 1),
        ("step:1 - a:1 - b:2Training Progress: 10%", {"a": 1.0, "b": 2.0}, 0),
        ("step:1 - a:1 - b:words", {"a": 1.0}, 1),
        ("step:1 - a:True - b:False - c:nan2", {"a": 1.0, "b": 0.0, "c": float("nan")}, 0),
        ("step:1 - b:np.float64(2.5) - x:y:1", {"b": 2.5, "x:y": 1.0}, 0),
        ("('step:1 - a:1 - '\n 'b:2')", {"a": 1.0, "b": 2.0}, 0),
        ("('step:1 - a:1 - '\n \"b:2\")", {"a": 1.0, "b": 2.0}, 0),
        ("'step:1 - a:1' 'b:2'", {"a": 1.0}, 0),  # no parentheses: one piece
        ('"step:1 - a:1 - b:2"', {"a": 1.0, "b": 2.0}, 0),
        ("('step:1 - a:1 - b:2", {"a": 1.0, "b": 2.0}, 0),  # a quote that never closes, in a sentence
        ("(xstep:1 - a:1", {}, 0),
    ],
)
def test_items_of_an_entry(text: str, cells_: dict[str, float], lost: int) -> None:
    log = one(f"step:0 - z:1\n{text}\nother output\nstep:9 - z:9\n")
    found = {
        key: dict(zip(column.row.tolist(), column.value.tolist(), strict=True)) for key, column in log.columns.items()
    }
    assert repr({key: value for key, value in found.items() if key != "z"}) == repr(
        {key: {1: cell} for key, cell in cells_.items()}
    )
    assert log.step.tolist() == ([0, 1, 9] if cells_ else [0, 9])
    expected = [(f'{lost} items of the step lines were not of the form "key:number" and were left out.', lost)]
    assert [(note.text, note.count) for note in log.notes] == (expected if lost else [])


@pytest.mark.parametrize(
    ("lines", "cells_"),
    [
        (["step:1 - a/b:1 - c/d:2"], {"a/b": 1.0, "c/d": 2.0}),
        (["step:1 - a/b:1 -", "c/d:2"], {"a/b": 1.0, "c/d": 2.0}),
        (["step:1 - a/b:1 -", "no item"], {"a/b": 1.0}),
        (["step:1 - a/b:1 - c/", "d:2"], {"a/b": 1.0, "c/d": 2.0}),
        (["step:1 - a/b:1 - c/d:2", "- e/f:3"], {"a/b": 1.0, "c/d": 2.0, "e/f": 3.0}),
        (["step:1 - a/b:1 - c/d:2", "5 - e/f:3"], {"a/b": 1.0, "c/d": 25.0, "e/f": 3.0}),
        (["step:1 - a/b:1 - c/d:2", "words - and more"], {"a/b": 1.0, "c/d": 2.0}),
        (["step:1 - a/b:1 - c/d:2", "35"], {"a/b": 1.0, "c/d": 2.0}),  # on a second line it may be anybody's
        (["step:1 - a/b:1 - c/", "d:2", "35"], {"a/b": 1.0, "c/d": 235.0}),
        (["step:1 - a/b:1 - c/d:2", ""], {"a/b": 1.0, "c/d": 2.0}),
        (["step:1 - a/b:1 - c/d", "words"], {"a/b": 1.0}),
        (["step:1 - a/b:1 - " + "k" * 590, "/d:2"], {"a/b": 1.0}),
        (["step:1 - a/b:1 - " + "k" * 200, "/d:2"], {"a/b": 1.0, "k" * 200 + "/d": 2.0}),
    ],
)
def test_lines_that_go_on(lines: list[str], cells_: dict[str, float]) -> None:
    log = one("\n".join([*lines, "", "other", "step:9 - z:9\n"]))
    assert {key: column.value.tolist() for key, column in log.columns.items() if key != "z"} == {
        key: [value] for key, value in cells_.items()
    }


def test_a_step_line_that_follows_is_never_taken_for_more_of_the_one_before() -> None:
    log = one("step:1 - a/b:1 - c/\nstep:2 - a/b:2\n")
    assert log.step.tolist() == [1, 2]
    assert log.columns["a/b"].value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("end", "values_", "cut"),
    [("\n", {"a": [1.0, 3.0], "b": [2.0, 4.0]}, False), ("", {"a": [1.0, 3.0], "b": [2.0]}, True)],
)
def test_a_last_value_that_may_go_on_is_left_out(end: str, values_: dict[str, list[float]], cut: bool) -> None:
    log = one(f"step:1 - a:1 - b:2\nstep:2 - a:3 - b:4{end}")
    assert {key: column.value.tolist() for key, column in log.columns.items()} == values_
    expected = [("The file ends within a step line; its last value was left out.", 1)]
    assert [(note.text, note.count) for note in log.notes] == (expected if cut else [])


@pytest.mark.parametrize(
    ("dump", "config"),
    [
        ("{'actor_rollout_ref': {'a': 1}, 'b': [2]}", {"actor_rollout_ref": {"a": 1}, "b": [2]}),
        ("{'actor_rollout_ref': {'a': 1},\n 'b': [2]}", {"actor_rollout_ref": {"a": 1}, "b": [2]}),
        ("{'actor_rollout_ref': {'a': 1},\nnoise\n 'b': [2]}", {}),
        ("{'actor_rollout_ref': {'a': object}}", {}),
    ],
)
def test_settings_that_are_printed_first(dump: str, config: dict[str, object]) -> None:
    log = one(f"{dump}\nstep:1 - a:1\n")
    assert log.config == config
    again = one(f"{dump}\n{{'actor_rollout_ref': {{'a': 9}}}}\nstep:1 - a:1\n")  # those that are printed first count
    assert again.config == config


@pytest.mark.parametrize(("length", "shown"), [(120, "E" * 114 + "Error:"), (121, "E" * 115 + "Erro…")])
def test_the_exception_is_shown_to_120_characters(length: int, shown: str) -> None:
    raised = "E" * (length - 6) + "Error:"
    with pytest.raises(NoMetrics) as refused:
        read(source(f"{CONFIG}\n{raised}\n"))
    ended = f"the run ended before its first step, with {shown}"
    assert str(refused.value) == f"This verl console log has no step line: {ended}; run it again."


def test_lines_that_wandb_cut_are_said_and_their_last_value_is_left_out() -> None:
    whole = line(1)
    cut = " - ".join([line(2), *(f"val-aux/b/reward/mean@{i}:0.25" for i in range(300))])[:4096]
    assert cut[-1].isalnum()
    for text in (f"{whole}\n{cut}\n{line(3)}\n", f"{whole}\n{cut}\n- other text: 5\n{line(3)}\n"):
        (log,) = read(source(text)) or []
        assert log.step.tolist() == [1, 2, 3]
        kept = [key for key in log.columns if key.startswith("val-aux/")]
        assert len(kept) == cut.count("val-aux/") - 1
        assert [note.text for note in log.notes] == [
            "1 line of metrics ends at exactly 4096 characters, where W&B cuts what is printed; what followed is lost."
        ]
    longer = f"{whole}\n{cut}\n{line(3)}\n{'x' * 5000}\n"  # so nothing was cut at 4096
    (log,) = read(source(longer)) or []
    assert not any("4096" in note.text for note in log.notes)
    (log,) = read(source(f"{whole}\n{'a sample ' * 455}x\n{line(3)}\n")) or []  # a line of 4096 without metrics
    assert log.notes == ()

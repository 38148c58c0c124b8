"""Reading answers in bulk: tails of base models, chat answers made by rules, hostile texts, other harnesses' ways."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from answer_trial import BODY, RIGHT, STUB, WRONG, Form, kinds
from hypothesis import given, settings
from hypothesis import strategies as st

from heldout.tasks.answers import READERS, read_answer
from heldout.tasks.answers.parsing import MOST_LINES, allowance, tree_of
from heldout.tasks.answers.source import source_of
from heldout.tasks.answers.text import _Marks
from heldout.tasks.embedded import draw

PY = f"```python\n{RIGHT}```\n"

BODIES = (
    BODY,
    "    y = x\n    y += 1\n    return y\n",
    "    if x > 0:\n        return x + 1\n    else:\n        return 1 + x\n",
    "    def add(y):\n        return y + 1\n\n    return add(x)\n",
    "    # add one\n\n    return sum([\n        x,\n        1,\n    ])\n",
    "    '''Again.'''\n    return x + 1",
    "    for step in range(1):\n        x += 1\n    return x\n",
    "    return helper(x) + 1\n\n\ndef helper(x):\n    return x\n",
)
TAILS = (
    "\n\ndef g(y):\n    return f(y) *",
    "\n\ndef test_f():\n    assert f(1) == 3\n    assert f(2) == (3\n\n\ntest_f()\n",
    "\n\nThis doesn't change x; it's a copy (of sorts.\n",
    '\n\nif __name__ == "__main__":\n    print(f(int(input())))\n    import sys; sys.exit(1)\n',
    "\nprint(f(1), f('a'))\nexit()\n",
    "\n# Example:\n# f(1) -> 2\n\n",
    "\n\nclass Tests(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 3)\n",
    "\n```\n\nThe function adds one. Usage:\n\n```python\nf(1)\n",
)


def test_a_policy_that_always_programs_right_solves_everything_whatever_it_writes_below() -> None:
    forms = [
        Form(f"{number} with {tail!r}", body + ("" if body.endswith("\n") else "\n") + tail, stub=stub)
        for number, body in enumerate(BODIES)
        for tail in ("", *TAILS)
        for stub in (STUB, "import math\n\n\ndef f(x: int) -> int:\n")
    ]
    judged = kinds(forms, [form.read() for form in forms])
    assert [form.name for form, kind in zip(forms, judged, strict=True) if kind != "solved"] == []


def test_the_same_tails_turn_no_wrong_body_right() -> None:
    forms = [Form(tail, "    return x - 1\n" + tail, stub=STUB) for tail in TAILS]
    assert kinds(forms, [form.read() for form in forms]) == ["wrong answer"] * len(TAILS)


# --- chat answers made by rules ---

PROGRAMS = (
    RIGHT,
    "from math import floor\n\n\ndef f(x: int) -> int:\n    return floor(x) + 1\n",
    "ONE = 1\n\n\ndef step(x):\n    return x + ONE\n\n\ndef f(x):\n    return step(x)\n",
    "f = lambda x: x + 1\n",
    "class Solution:\n    def f(self, x):\n        return x + 1\n",
    'def f(x):\n    """Add one.\n\n    It\'s simple.\n    """\n    return x + 1\n',
)
OPENINGS = (
    "",
    "Sure! Here's the code:\n\n",
    "**Solution**\n\n1. Add one.\n\n",
    "<think>\nx - 1?\n</think>\n\n",
    "Let's (see:\n\n",
)
CLOSINGS = (
    "",
    "\nIt's O(1).\n",
    "\n- adds one\n- doesn't fail\n",
    "<|im_end|>\n",
    "\n| in | out |\n|---|---|\n| 1 | 2 |\n",
)
FENCES = ("```python\n{}```\n", "```\n{}```\n", "~~~py\n{}~~~\n", "{}", "```python\n{}", "   ```python\n{}   ```\n")
EXTRAS = (
    "",
    "\n\nif __name__ == '__main__':\n    print(f(1))\n",
    "\nprint(f(1))\n",
    "\nassert f(1) == 3\n",
    "\n\ndef main():\n    print(f(int(input())))\n\n\nmain()\n",
)
AFTER = (
    "",
    "\nUsage:\n```python\nprint(f(1))\n```\n",
    "\nOutput:\n```\n2\n```\n",
    "\nRun:\n```bash\npython f.py\n```\n",
)


def made(rng: random.Random) -> Form:
    """One chat answer, right or wrong, and the verdict that it deserves."""
    right = rng.random() < 0.7
    code = rng.choice(PROGRAMS) if right else WRONG
    fence = rng.choice(FENCES)
    code += rng.choice(EXTRAS) if "Solution" not in code else ""
    if fence.startswith(" "):
        code = "".join(f"   {line}" for line in code.splitlines(keepends=True))
    closed = fence.rstrip().endswith(("```", "~~~"))
    closing = rng.choice(CLOSINGS)
    if not closed and "|" in closing[:3]:
        closing = "\n" + closing
    text = rng.choice(OPENINGS) + fence.format(code) + (rng.choice(AFTER) if closed else "") + closing
    if rng.random() < 0.2:
        text = text.replace("\n", "\r\n")
    if closed and rng.random() < 0.15:
        right, text = not right, text + "\nOn second thought:\n" + (f"```python\n{WRONG}```\n" if right else PY)
        right = right if "<|im_end|>" not in closing else not right
    return Form(text, text, "solved" if right else "wrong answer")


def test_of_chat_answers_made_by_rules_97_in_100_are_judged_as_they_deserve() -> None:
    rng = random.Random("chat answers")
    forms = [made(rng) for _ in range(300)]
    judged = kinds(forms, [form.read() for form in forms])
    wrong = [form.name for form, kind in zip(forms, judged, strict=True) if kind != form.kind]
    assert len(wrong) <= 9, wrong
    passed = [form.name for form, kind in zip(forms, judged, strict=True) if kind == "solved" != form.kind]
    assert passed == []


# --- whatever else comes ---

PIECES = (
    *PROGRAMS,
    *TAILS,
    *EXTRAS,
    *AFTER,
    *OPENINGS,
    *CLOSINGS,
    STUB,
    BODY,
    "```",
    "\n~~~\n",
    "> ",
    "<think>\n",
    "</think>",
    "<answer>",
    "</answer>",
    "<code>\n",
    "[PYTHON]",
    "[DONE]",
    "<|channel|>final<|message|>",
    "'''",
    '"""',
    "\0",
    "\ud800",
    "\x1b[1m",
    "@",
    "\t",
    "é“",
    "(",
    ">>> f(1)\n",
    "%magic\n",
    "```markdown\n",
    "match x:\n    case 1:\n        pass\n",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8), st.sampled_from(["f", "Solution().f", "", "g"]), st.booleans())
def test_any_mixture_gives_a_program_that_parses_or_a_reason(pieces: list[str], entry: str, stub: bool) -> None:
    text = "".join(pieces)
    for stdin in (False, True):
        found = read_answer(text, entry_point=entry, stub=STUB if stub else "", stdin=stdin)
        assert bool(found.source.strip()) != bool(found.problem)
        if found.source:
            compile(found.source, "answer", "exec", flags=0x400, dont_inherit=True)  # ast only: nothing is executed
    for name in ("strict", "evalplus", "livecodebench"):
        READERS[name](text, entry_point=entry, stub=STUB if stub else "")


HOSTILE = {
    "brackets": "'(' * 100_000",
    "closed brackets": "'[' * 100_000 + ']' * 100_000",
    "signs": "'x = ' + '-' * 100_000 + '1'",
    "signs that parse": "'def f(x):\\n    return ' + '-' * 900 + 'x'",
    "attributes": "'x = a' + '.b' * 90_000",
    "branches": "'if 1: pass\\n' + 'elif 1: pass\\n' * 14_000",
    "indents": "''.join(' ' * i + 'if 1:\\n' for i in range(600))",
    "no characters": "'def f(x):\\n    return 1\\0\\n'",
    "half characters": "'def f(x):\\n    return \"\\ud800\"\\n'",
    "fences": "'```python\\n' * 20_000",
    "fences in strings": '\'```python\\nx="""\\n```\\n\' * 8_000',
    "helpers of helpers": "''.join(f'```\\ndef g{i}(x):\\n return g{i + 1}(x)\\n```\\n' for i in range(2_000))",
    "words": "'a\\n' * 50_000",
    "prints": "'print(1)\\n' * 8_000 + 'def f(x):\\n return 1\\n'",
    "end tokens": "'</s>' * 50_000",
    "quoted end tokens": "'\"</s>\" ' * 200_000",
    "ticks": "'`' * 200_000 + 'a`'",
    "inline fences": "'```x```\\n' * 20_000",
}


@given(st.lists(st.sampled_from(["'", '"', "`", "```", '"""', "</s>", "<|eot|>", "\n", "a", " "]), max_size=25))
def test_a_token_is_quoted_by_what_its_line_says_before_it(parts: list[str]) -> None:
    def quoted(text: str, start: int, end: int) -> bool:
        mark = text[start - 1 : start]
        if not mark or mark not in "\"'`" or text[:start].endswith(mark * 3):
            return False
        line = text[:start].rpartition("\n")[2].replace(mark * 3, "")
        return line.count(mark) % 2 == 1 or text[end:].startswith(mark)

    text = "".join(parts)
    marks = _Marks(text)
    for found in re.finditer(r"</s>|<\|eot\|>", text):
        assert marks.quote(*found.span()) is quoted(text, *found.span())


def parses(text: str) -> bool:
    try:
        tree_of(text)
    except SyntaxError:
        return False
    return True


def test_an_answer_has_an_allowance_for_the_parser_and_what_was_parsed_once_costs_no_more() -> None:
    with allowance():
        assert all(tree_of("x = 1\n" * 5_000) for _ in range(1_000))
        parsed = [number for number in range(20_000) if parses(f"x = {number}\n")]
        assert 3_000 < len(parsed) < 10_000
        assert parsed == [*range(len(parsed))]
        assert tree_of("x = 1\n" * 5_000)
    assert tree_of("x = 1\n")
    with allowance():  # of another answer
        assert tree_of("y = 1\n")


@pytest.mark.parametrize(("text", "most"), [("x = 1\n", MOST_LINES), ("x=1;", MOST_LINES), ("#" * 99 + "\n", 2_000)])
def test_what_is_too_long_is_no_program(text: str, most: int) -> None:
    assert source_of(text * (most - 1)) is not None
    assert source_of(text * (most + 2)) is None
    assert source_of("\n" * 100_000 + "x = 1\n" * 10) is not None  # lines with nothing on them do not count


@pytest.mark.parametrize("stdin", [False, True])
def test_of_more_blocks_than_can_be_read_the_last_ones_are(stdin: bool) -> None:
    blocks = "".join(f"```python\nx{place} = {place}\n```\n" for place in range(8_000))
    last = "```python\nprint(input())\n```\n" if stdin else PY
    found = read_answer(blocks + last, entry_point="f", stdin=stdin)
    assert (found.how, found.problem) == ("fence 8001 of 8001", "")


def test_a_body_before_very_many_lines_is_found() -> None:
    for tail in ("\n" * 30_000, "It was so.\n" * 15_000, "x = 1\n" * 20_000):
        assert read_answer(f"    return x + 1\n\n{tail}", entry_point="f", stub="def f(x):\n").how == "body"


def test_hostile_texts_neither_crash_the_interpreter_nor_keep_it() -> None:
    code = "import sys; from heldout.tasks.answers import READERS, read_answer\n" + "".join(
        f"for text in ({made}, '```python\\n' + {made} + '\\n```'):\n"
        f"    for given in ({{'entry_point': 'f', 'stub': 'def f(x):\\n'}}, {{'stdin': True}}):\n"
        "        read_answer(text, **given)\n"
        "        READERS['strict'](text, **given)\n"
        f"print({name!r})\n"
        for name, made in HOSTILE.items()
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.splitlines() == list(HOSTILE)


def test_reading_never_runs_what_it_reads(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = f"open({str(mark)!r}, 'w').close()\n\n@open({str(mark)!r}, 'w')\n{RIGHT}"
    for name, reader in READERS.items():
        assert reader(f"```python\n{program}```", entry_point="f").source, name
    assert not mark.exists()


def test_bodies_of_the_generated_task_are_taken_as_they_stand() -> None:
    rng = random.Random(5)
    for _ in range(30):
        exercise = draw(rng, "train")
        body = exercise.solution("mid", rng)
        assert exercise.problem.answer(body).source == exercise.prompt + body
    assert exercise.problem.answer(" exit()\n").source == exercise.prompt + " exit()\n"
    assert exercise.problem.answer(body + "exit()\n").source == exercise.prompt + body
    assert exercise.problem.answer(" x1=x+\n").problem == "syntax"


# --- as other harnesses read ---


@pytest.mark.parametrize(
    ("text", "strict", "evalplus", "livecodebench"),
    [
        (f"Here:\n{PY}", "solved", "solved", "solved"),
        (RIGHT, "solved", "solved", "no code"),
        (f"It's:\n\n{RIGHT}\nIt isn't more.", "syntax", "solved", "no code"),
        (f"{PY}\n```python\nprint(f(1))\n```", "raised", "solved", "raised"),
        (f"```python\n{RIGHT}", "solved", "solved", "no code"),
        (f"{PY}\n```python\n{WRONG}```", "wrong answer", "solved", "wrong answer"),  # two of a length: the first run
        (f"```python\n{RIGHT}\n{WRONG}```", "wrong answer", "solved", "wrong answer"),  # the first definition
        (f"```python\n{RIGHT}exit()\n```", "left the program", "solved", "left the program"),
        (f"<think>\n```python\n{WRONG}\ny = 1\n```\n</think>\n{PY}", "solved", "wrong answer", "solved"),
        ("", "raised", "no answer", "no answer"),
    ],
)
def test_other_harnesses_are_read_by_their_own_rules(text: str, strict: str, evalplus: str, livecodebench: str) -> None:
    forms = [Form(text, text)] * 3
    found = [READERS[name](text, entry_point="f") for name in ("strict", "evalplus", "livecodebench")]
    assert kinds(forms, found) == [strict, evalplus, livecodebench]


def test_a_stub_is_continued_as_each_harness_does() -> None:
    for name, reader in READERS.items():
        found = reader(BODY, entry_point="f", stub=STUB)
        assert kinds([Form(name, BODY)], [found]) == ["solved"], name


def test_what_was_done_is_said() -> None:
    found = read_answer(
        f"<think>a</think>Use:\n```python\nONE = 1\n```\n{PY}print(1)".replace("+ 1", "+ ONE"), entry_point="f"
    )
    assert found.summary == "fence 2 of 2, with helpers; without thinking"
    method = read_answer("class Solution:\n    def f(self, x):\n        return x\n\nprint(1)\n", entry_point="f")
    assert method.summary == "bare code; method of Solution bound as f; without a print"
    assert method.entry == "Solution().f"
    assert read_answer("I can't.", entry_point="f").summary == "no code"

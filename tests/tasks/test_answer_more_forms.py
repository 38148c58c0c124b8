"""Forms in which particular models write: 48 right answers and more are found, 32 wrong ones and more are not."""

# ruff: noqa: E501
from __future__ import annotations

import pytest
from answer_trial import BODY, RIGHT, STDIN, STUB, WRONG, Form, failures

PY = f"```python\n{RIGHT}```\n"
BAD = f"```python\n{WRONG}```\n"
METHOD = "class Solution:\n    def f(self, x: int) -> int:\n        return x + 1\n"
STARTER = "class Solution:\n    def f(self, x: int) -> int:\n        "


def fenced(code: str, label: str = "python") -> str:
    end = "" if code.endswith("\n") else "\n"
    return f"```{label}\n{code}{end}```\n"


RIGHT_ONES = [
    # chat models
    Form("llama: assistant header", f"<|start_header_id|>assistant<|end_header_id|>\n\n{PY}<|eot_id|>"),
    Form("llama: header, next turn", f"assistant\n\n{PY}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{BAD}"),
    Form("mistral: end of sentence", f" {PY}</s>"),
    Form("codellama: INST", f"[/INST] [PYTHON]\n{RIGHT}[/PYTHON]\n[TESTS]\nassert f(1) == 2\n[/TESTS] </s>"),
    Form(
        "deepseek r1",
        f"<think>\nOkay, so x + 1. Or x - 1?\n{BAD}\n</think>\n\n**Solution**\n\n{PY}\n**Explanation**: it adds.<｜end▁of▁sentence｜>",
    ),
    Form("thinking ends behind a fence", f"<think>a</think>\nSo.\n<think>b\n{BAD.rstrip()}</think>\n{PY}"),
    Form("turn ends behind a fence", f"{PY.rstrip()}<|im_end|>\n<|im_start|>user\nother\n{BAD}"),
    Form(
        "text ends behind a quotation",
        'def f(x):\n    return x + 1 if x != "no" else "no"<|endoftext|>\n\ndef f(x):\n    return x - 1\n',
    ),
    Form(
        "text ends behind an empty quotation",
        "    return x + 1 or ''<|endoftext|>\n\ndef f(x):\n    return x - 1\n",
        stub=STUB,
    ),
    Form(
        "tokens in quotations",
        'Not "</think>" or `<answer>`, nor \'<|im_end|>\' as I don\'t.\n```python\ndef f(x):\n    "a</s>b".split("<|im_end|>\\n")\n    return x + 1\n```'.replace(
            '"a</s>b"', '"</s>b"'
        ),
    ),
    Form("qwen: empty thinking", f"<think>\n\n</think>\n\n{PY}<|im_end|>"),
    Form("gpt-oss: channels without tokens", f"analysisWe need f. Draft:\n{BAD}assistantfinal{PY}"),
    Form(
        "gpt-oss: commentary between",
        f"<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>commentary<|message|>{BAD}<|end|><|start|>assistant<|channel|>final<|message|>Here.\n{PY}",
    ),
    Form("gemma: model turn", f"<start_of_turn>model\n{PY}<end_of_turn>\n<start_of_turn>user\nThanks"),
    Form("phi: end", f"{PY}<|end|>\n<|user|>\nnow subtract<|end|><|assistant|>{BAD}"),
    Form(
        "openthinker: tags of thought and solution",
        f"<|begin_of_thought|>\n{BAD}<|end_of_thought|>\n\n<|begin_of_solution|>\n{PY}<|end_of_solution|>",
    ),
    Form("kimi: triangles", f"◁think▷{BAD}◁/think▷{PY}"),
    Form("magistral: brackets", f"[THINK]maybe\n{BAD}[/THINK]{PY}"),
    Form(
        "command: start of thinking", f"<|START_THINKING|>{BAD}<|END_THINKING|><|START_RESPONSE|>{PY}<|END_RESPONSE|>"
    ),
    Form("reasoning and answer tags", f"<reasoning>\n{BAD}</reasoning>\n<answer>\n{PY}</answer>"),
    Form("answer tags twice", f"<answer>{BAD}</answer>\nno, rather\n<answer>{PY}</answer>"),
    Form("solution tags with bare code", f"Thoughts.\n<solution>\n{RIGHT}</solution>"),
    Form(
        "html code",
        '<pre><code class="language-python">def f(x):\n    return x + 1 if x &lt; 99 else x + 1\n</code></pre>',
    ),
    Form("inline code tag in prose", f"Use <code>x + 1</code> here:\n{PY}"),
    Form("html details", f"<details>\n<summary>Solution</summary>\n\n{PY}\n</details>"),
    # fences
    Form(
        "nested list",
        "- Step\n  1. Code\n\n     ```python\n     def f(x):\n         return x + 1\n     ```\n\n  2. end",
    ),
    Form("quotation", "> Here:\n>\n> ```python\n> def f(x):\n>     return x + 1\n> ```\n"),
    Form("four backticks around three", f"````markdown\nText\n\n{PY}\n````\n"),
    Form("markdown fence around", f"```markdown\n# Solution\n\n{PY}```\n"),
    Form(
        "several languages",
        f"{fenced('int f(int x) { return x + 1; }' + chr(10), 'cpp')}\n{PY}\n{fenced('const f = x => x + 1;' + chr(10), 'js')}",
    ),
    Form("braces in the info", fenced(RIGHT, "{.python .numberLines}")),
    Form("file name in the info", fenced(RIGHT, "python:solution.py")),
    Form("label inside of the block", f"```\npython\n{RIGHT}```\n"),
    Form("code on the line of the fence", "```python def f(x):\n    return x + 1\n```"),
    Form("one line", "Use ```python f = lambda x: x + 1```"),
    Form("closing fence with prose after it", f"```python\n{RIGHT}```This adds one.\n"),
    Form("unclosed, then prose", f"```python\n{RIGHT}\nThis function doesn't do more than add one.\n"),
    Form("unclosed, then a usage block", f"```python\n{RIGHT}\nUsage:\n{fenced('print(f(1))')}"),
    Form("opened by the prompt, then a usage block", f"{RIGHT}```\n\nExample:\n{fenced('print(f(1))')}"),
    Form("explanation glued to the code", f"```python\n{RIGHT}\nExplanation: it's only an addition.\n```"),
    Form("trailing output in the block", f"```python\n{RIGHT}\nprint(f(1))\n\nOutput:\n2\n```"),
    Form(
        "windows line ends and tabs", "```python\r\ndef f(x):\r\n\tif x:\r\n\t\treturn x + 1\r\n\treturn 1\r\n```\r\n"
    ),
    Form("fences in the comment", f"```python\n# Write ```python around it ```\n{RIGHT}```\nok"),
    Form(
        "docstring with a labelled fence",
        '```python\ndef f(x):\n    """Add.\n\n    Example:\n    ```python\n    f(1)\n    ```\n    """\n    return x + 1\n```\n',
    ),
    Form("cells", fenced(f"# %% [markdown]\n# Title\n# %%\n{RIGHT}\n# %%\nprint(f(2))\n")),
    Form("unlabelled fix after a labelled draft", f"{BAD}Oops:\n{fenced(RIGHT, '')}"),
    Form("optional second version, right", f"{PY}\nOptionally, shorter:\n{fenced('def f(x): return x + 1')}"),
    Form("here is the fixed version", f"{BAD}\nThis fails. Here is the fixed version:\n\n{PY}"),
    Form(
        "type hints from typing",
        fenced("from typing import Union\n\ndef f(x: Union[int, float]) -> Union[int, float]:\n    return x + 1\n"),
    ),
    Form("unicode quotes in prose and comment", f"It’s “easy”:\n```python\n# it’s “easy”\n{RIGHT}```\nDon’t worry."),
    Form(
        "future import in a later block than a helper",
        f"{fenced('def step(x):' + chr(10) + '    return x + 1')}\n{fenced('from __future__ import annotations' + chr(10) + 'def f(x: Any) -> int:' + chr(10) + '    return step(x)')}",
    ),
    Form(
        "constants and their filling in another block",
        f"{fenced('table = []' + chr(10) + 'table.append(1)')}\n{fenced('def f(x):' + chr(10) + '    return x + table[0]')}",
    ),
    Form(
        "a helper of a helper, a usage block that shares a name",
        f"{fenced('ONE = 1')}\n{fenced('def step(x):' + chr(10) + '    return x + ONE')}\n{fenced('def f(x):' + chr(10) + '    y = step(x)' + chr(10) + '    return y')}\n{fenced('y = f(int(input()))' + chr(10) + 'print(y)')}",
    ),
    Form(
        "a call of its own function that fills a table",
        fenced("table = {}\n\ndef fill():\n    table[0] = 1\n\nfill()\n\ndef f(x):\n    return x + table[0]\n"),
    ),
    Form(
        "a loop that fills a table and prints",
        fenced(
            "steps = []\nfor i in range(3):\n    steps.append(i)\n    print(i)\n\ndef f(x):\n    return x + steps[1]\n"
        ),
    ),
    Form(
        "timing at the end",
        fenced(
            f"import time\n{RIGHT}\nstart = time.time()\nresult = f(3)\nassert result == 5\nprint(time.time() - start, result)\n"
        ),
    ),
    Form(
        "pytest at the end",
        fenced(
            f"import pytest\n{RIGHT}\n@pytest.mark.parametrize('x,y', [(1, 3)])\ndef test_f(x, y):\n    assert f(x) == y\n"
        ),
    ),
    Form("result under the function's name", fenced(f"{RIGHT}\nf = f(3)\nprint(f)\n")),
    Form("memoised below", fenced(f"import functools\n{RIGHT}\nf = functools.lru_cache(None)(f)\n")),
    Form(
        "raise SystemExit",
        fenced(f"{RIGHT}\nif __name__ == '__main__':\n    raise SystemExit(f(1))\nraise SystemExit(0)\n"),
    ),
    Form(
        "try at the top",
        fenced(
            f"try:\n    import numpy_that_is_not_there as np\nexcept ImportError:\n    np = None\n{RIGHT}\ntry:\n    print(f('a'))\nexcept TypeError as error:\n    print(error)\n"
        ),
    ),
    Form(
        "ipython session",
        fenced(">>> import math\n>>> def f(x):\n...     return math.floor(x) + 1\n>>> f(2)\n3\n", "pycon"),
    ),
    Form(
        "a class that inherits the method",
        fenced(f"{METHOD.replace('Solution', 'Base')}\n\nclass Solution(Base):\n    pass\n"),
        entry="Solution().f",
    ),
    Form("html pre", f"<pre>\n{RIGHT}</pre>"),
    # base models
    Form("eof token in the body", f"{BODY}<|endoftext|># next file\n{WRONG}", stub=STUB),
    Form("fim token", f"<fim_middle>{BODY}<|endoftext|>", stub=STUB),
    Form("file separator", f"{BODY}<file_sep>/b.py\ndef f(x):\n    return x - 1\n", stub=STUB),
    Form("body, then the same function again, cut", f"{BODY}\n\ndef f(x):\n    return (x -", stub=STUB, cut=True),
    Form("body, then a class", f"{BODY}\n\nclass A:\n    pass\n", stub=STUB),
    Form("body, then a docstring", f'{BODY}\n"""\nNow g.\n"""\ndef g', stub=STUB),
    Form("body with one blank", " return x + 1\n", stub="# add 1\ndef f(x):\n"),
    Form("body on the line of the head", " return x + 1\n", stub="def f(x):"),
    Form("body for a method", "return x + 1\n\n\nprint(Solution().f(1))\n", stub=STARTER, entry="Solution().f"),
    Form("method block at the margin", fenced("y = x + 1\nreturn y\n"), stub=STARTER, entry="Solution().f"),
    Form("whole class for a stub", fenced(METHOD), stub=STARTER, entry="Solution().f"),
    Form("prose, then a body", f"The body is\n\n{BODY}\nas you see.", stub=STUB),
    Form("stub echoed in prose, then a whole block", f"You gave `def f(x)`.\n{PY}", stub=STUB),
    Form("indented code without a fence", "Here you are:\n\n    def f(x):\n        return x + 1\n\nIt adds one."),
    Form(
        "bare code with a helper after prose",
        "def f(x):\n    return step(x)\n\nwhere the helper is\n\ndef step(x):\n    return x + 1\n\nThat's it.",
    ),
    Form(
        "bare code, list over several lines",
        "Sure.\n\nSTEPS = [\n1,\n2,\n]\n\ndef f(x):\n    return x + STEPS[0]\n\nDone!",
    ),
    Form("body with a helper of the stub", "    return g(x)\n", stub="def g(x):\n    return x + 1\n\n\ndef f(x):\n"),
    Form(
        "whole function with a helper of the stub",
        fenced("def f(x):\n    return g(x)\n"),
        stub="def g(x):\n    return x + 1\n\n\ndef f(x):\n    '''Call g.'''\n",
    ),
    # stdin
    Form(
        "stdin: solve and its call in two blocks",
        f"{fenced('def solve():' + chr(10) + '    print(int(input()) + 1)')}\nand call it:\n{fenced('solve()')}",
        stdin=True,
    ),
    Form("stdin: prose around bare code", f"The program:\n\n{STDIN}\nIt's done.", stdin=True),
    Form(
        "stdin: draft, then right",
        f"{fenced('print(int(input()) - 1)')}\nFixed:\n{fenced(STDIN)}",
        stdin=True,
    ),
    Form(
        "stdin: thinking, then a block without label",
        f"<think>{fenced('print(int(input()))')}</think>{fenced(STDIN, '')}",
        stdin=True,
    ),
    Form(
        "stdin: iterates over sys.stdin",
        fenced("import sys\nfor line in sys.stdin:\n    print(int(line) + 1)\n"),
        stdin=True,
    ),
    Form("stdin: unclosed, prose after", f"```python\n{STDIN}\nThis program reads n.\n", stdin=True),
]

WRONG_ONES = [
    Form("no answer: think with a right draft, cut", f"<think>\n{PY}Let me check", "no answer", cut=True),
    Form("no answer: only analysis", f"<|channel|>analysis<|message|>{PY}", "no answer"),
    Form(
        "no answer: analysis without tokens, cut", f"analysisWe write\n{PY}assistantcommentary to=python", "no answer"
    ),
    Form("no answer: thinks again after it", f"<think>a</think>\n<think>\n{PY}", "no answer"),
    Form("no answer: brackets", f"[THINK]\n{PY}", "no answer"),
    Form("no answer: end token only", "<|endoftext|>", "no answer"),
    Form("no answer: blank after thinking", f"{PY}</think>\n \n<|im_end|>", "no answer"),
    Form("no code: answer tags around prose", f"{PY}\n<answer>add one</answer>", "no code"),
    Form("no code: refusal", "I'm sorry, I can't help with that.", "no code", STUB),
    Form("no code: words that parse", "Done", "no code"),
    Form("no code: formula", "f(x) = x + 1", "no code"),
    Form(
        "other language: three",
        f"{fenced('f = (x) => x + 1' + chr(10), 'javascript')}\n{fenced('x + 1', 'r')}",
        "other language",
    ),
    Form("other language: shell", fenced("echo 1\n", "bash"), "other language", STUB),
    Form("no such function: camel case", fenced("def F(x):\n    return x + 1\n"), "no such function"),
    Form("no such function: with a stub", fenced("def add_one(x):\n    return x + 1\n"), "no such function", STUB),
    Form("no such function: bare, with a stub", "def g(x):\n    return x + 1\n", "no such function", STUB),
    Form("no such function: bare, blank line", "def g(x):\n\n    return x + 1\n", "no such function", STUB),
    Form("no such function: usage only", fenced("print(f(1))\n"), "no such function"),
    Form(
        "no such function: method of another class",
        fenced("class Adder:\n    def f(self, x):\n        return x + 1\n"),
        "no such function",
    ),
    Form(
        "no such function: other method",
        fenced("class Solution:\n    def g(self, x):\n        return x + 1\n"),
        "no such function",
        entry="Solution().f",
    ),
    Form("no such function: a value", fenced("f = 3\n"), "no such function"),
    Form("empty: dots", fenced("def f(x):\n    ...\n"), "empty"),
    Form("empty: docstring only", fenced('def f(x):\n    """Add one."""\n'), "empty"),
    Form("empty: stub again", STUB, "empty", STUB),
    Form("empty: pass as the body", "    pass\n", "empty", STUB),
    Form(
        "empty: method", fenced("class Solution:\n    def f(self, x):\n        pass\n"), "empty", entry="Solution().f"
    ),
    Form("cut: in the block", "```python\ndef f(x):\n    return (x +", "cut", cut=True),
    Form("cut: bare", "def f(x):\n    y = [x,", "cut", cut=True),
    Form("syntax: the same, not known to be cut", "```python\ndef f(x):\n    return (x +", "syntax"),
    Form("syntax: curly quotes in the code", fenced("def f(x):\n    s = “one”\n    return x + 1\n"), "syntax"),
    Form("syntax: indent", fenced("def f(x):\n    y = x + 1\n  return y\n"), "syntax"),
    Form("syntax: placeholder", fenced("def f(x):\n    <your code>\n"), "syntax"),
    Form("syntax: a line of prose within", fenced("def f(x):\n    First we add one\n    return x + 1\n"), "syntax"),
    Form("syntax: brackets", fenced("def f(x):\n    return (x + 1\n"), "syntax"),
    Form("syntax: python 2", fenced("def f(x):\n    print x\n    return x + 1\n"), "syntax"),
    Form("wrong: the last is wrong", f"{PY}\nImproved:\n{fenced(WRONG, '')}", "wrong answer"),
    Form("wrong: right one in another language before", f"{fenced(RIGHT, 'js')}{BAD}", "wrong answer"),
    Form("wrong: float", fenced("def f(x):\n    return x + 1.0\n"), "wrong answer"),
    Form("wrong: generator", fenced("def f(x):\n    yield x + 1\n"), "wrong answer"),
    Form("wrong: text", fenced("def f(x):\n    return str(x + 1)\n"), "wrong answer"),
    Form("wrong: no return", "    y = x + 1\n", "wrong answer", STUB),
    Form(
        "wrong: second turn would be right",
        f"{BAD}<|eot_id|><|start_header_id|>assistant<|end_header_id|>{PY}",
        "wrong answer",
    ),
    Form("raised: helper nowhere", fenced("def f(x):\n    return helper(x)\n"), "raised"),
    Form(
        "raised: helper in another language only",
        f"{fenced('def step(x): return x + 1', 'js')}{fenced('def f(x):' + chr(10) + '    return step(x)')}",
        "raised",
    ),
    Form("raised: one argument too many", fenced("def f(x, y):\n    return x + 1\n"), "raised"),
    Form("raised: self without a class", fenced("def f(self, x):\n    return x + 1\n"), "raised", entry="Solution().f"),
    Form("left: exit within", fenced("def f(x):\n    exit()\n"), "left the program"),
    Form("stdin: no code", "Add one and print it.", "no code", stdin=True),
    Form("stdin: other language", fenced("fn main() {}\n", "rust"), "other language", stdin=True),
    Form("stdin: reads two", fenced("a = input()\nb = input()\nprint(int(a) + 1)\n"), "raised", stdin=True),
    Form(
        "stdin: wrong last",
        f"{fenced(STDIN)}\n{fenced('print(int(input()) - 1)')}",
        "wrong answer",
        stdin=True,
    ),
    Form("stdin: cut", "```python\nn = int(input())\nprint((n +", "cut", stdin=True, cut=True),
    Form("stdin: syntax", fenced("n = int(input()\nprint(n + 1)\n"), "syntax", stdin=True),
]


@pytest.mark.parametrize("forms", [RIGHT_ONES, WRONG_ONES], ids=["right", "wrong"])
def test_right_answers_are_found_and_wrong_ones_fail_for_their_own_reason(forms: list[Form]) -> None:
    assert failures(forms) == []


def test_there_are_enough_of_both() -> None:
    assert len(RIGHT_ONES) >= 48
    assert len(WRONG_ONES) >= 32
    assert [form.name for form in RIGHT_ONES if form.kind != "solved"] == []
    assert [form.name for form in WRONG_ONES if form.kind == "solved"] == []

"""Ninety forms in which answers come: right programs are found and pass, and what is wrong fails for its own reason."""

# ruff: noqa: E501
from __future__ import annotations

import pytest
from answer_trial import BODY, RIGHT, STDIN, STUB, WRONG, Form, failures

PY = f"```python\n{RIGHT}```\n"
BAD = f"```python\n{WRONG}```\n"
HELPED = "def f(x):\n    return step(x)\n"
HELPER = "def step(x):\n    return x + 1\n"
METHOD = "class Solution:\n    def f(self, x):\n        return x + 1\n"
NO_ANSWER = "no answer"
COUNTER = "class Counter:\n    def __init__(self, n):\n        self.n = n\n\n    def up(self):\n        self.n += 1\n        return self.n\n"


def fenced(code: str, label: str = "python") -> str:
    end = "" if code.endswith("\n") else "\n"
    return f"```{label}\n{code}{end}```\n"


FENCES = [
    Form("1 fence python", f"Here it is:\n\n{PY}\nIt adds one."),
    Form("2 fence without a language", fenced(RIGHT, "")),
    Form("3 fence py", fenced(RIGHT, "py")),
    Form("3 fence python3", fenced(RIGHT, "python3")),
    Form("3 fence Python", fenced(RIGHT, "Python")),
    Form("4 tildes", f"~~~python\n{RIGHT}~~~\n"),
    Form("5 info string with attributes", fenced(RIGHT, 'python title="f.py" {linenos=true}')),
    Form("6 fence in a list", "1. Write it:\n\n   ```python\n   def f(x):\n       return x + 1\n   ```\n2. Done."),
    Form("7 closing fence glued to the code", "```python\ndef f(x):\n    return x + 1```\nIt adds one."),
    Form("8 opening fence after words", f"Sure! {PY}"),
    Form("9 never closed", f"```python\n{RIGHT}"),
    Form("10 CRLF", PY.replace("\n", "\r\n")),
    Form(
        "11 fence in a docstring",
        'Here:\n```python\ndef f(x):\n    """Add one.\n\n    ```\n    f(1)\n    ```\n    """\n    return x + 1\n```\nDone.',
    ),
    Form("12 then a usage block", f"{PY}\nUsage:\n{fenced('print(f(1))')}"),
    Form("13 then its output", f"{PY}\nOutput:\n{fenced('2' + chr(10), '')}"),
    Form("14 then a shell block", f"{PY}\nRun it:\n{fenced('python f.py' + chr(10), 'bash')}"),
    Form("15 then a block of asserts", f"{PY}\nTests:\n{fenced('assert f(1) == 2')}"),
    Form("16 helper block first", f"A helper:\n{fenced(HELPER)}\nThen:\n{fenced(HELPED)}"),
    Form(
        "17 imports block first",
        f"{fenced('import math')}\n{fenced('def f(x):' + chr(10) + '    return math.floor(x) + 1')}",
    ),
    Form("18 helper block after", f"{fenced(HELPED)}\nwith\n{fenced(HELPER)}"),
    Form("19 wrong, wait, right", f"{BAD}\nWait, that subtracts.\n{PY}"),
    Form("20 right, shorter, wrong", f"{PY}\nShorter:\n{BAD}", "wrong answer"),
    Form("21 two right ones", f"{PY}\nOr:\n{fenced('f = lambda x: x + 1')}"),
    Form("22 then a bad example marked text", f"{PY}\nNot so:\n{fenced(WRONG, 'text')}"),
    Form("23 then an empty one", f"{PY}\nThe signature:\n{fenced('def f(x):' + chr(10) + '    pass')}"),
    Form("24 only an empty one", fenced("def f(x):\n    pass\n"), "empty"),
    Form(
        "25 only NotImplementedError",
        fenced('def f(x):\n    """Add."""\n    raise NotImplementedError("todo")\n'),
        "empty",
    ),
    Form(
        "26 pieces, then the whole",
        f"First\n{fenced('def f(x):')}\nthen\n{fenced('    return x + 1')}\nTogether:\n{PY}",
    ),
    Form("27 pieces only", f"First\n{fenced('def f(x):')}\nthen\n{fenced('return x +')}", "syntax"),
    Form("28 C only", fenced("int f(int x) { return x + 1; }\n", "c"), "other language"),
    Form("29 Python marked text", fenced(RIGHT, "text")),
    Form("30 a diff", fenced("-def f(x):\n-    return x\n+def f(x):\n+    return x + 1\n", "diff"), "other language"),
]

THINKING = [
    Form("31 thinking with a wrong draft", f"<think>\n{BAD}Hmm.\n</think>\n\n{PY}"),
    Form("32 right draft in thinking, wrong after", f"<think>\n{PY}</think>\n{BAD}", "wrong answer"),
    Form("33 thinking never closed", f"<think>\nSo\n{PY}", NO_ANSWER),
    Form("34 closing tag only", f"So I add.\n{BAD}</think>\n{PY}"),
    Form("35 nothing after the closing tag", f"<think>\n{PY}</think>\n", NO_ANSWER),
    Form("36 thinking, then bare code", f"<think>\nI add.\n</think>\n\n{RIGHT}"),
    Form("37 answer with a block", f"<answer>\n{PY}</answer>"),
    Form("38 answer with bare code", f"I add.\n<answer>\n{RIGHT}</answer>"),
    Form("39 PYTHON tags", f"[PYTHON]\n{RIGHT}[/PYTHON]\n[TESTS]\nassert f(1) == 3\n[/TESTS]"),
    Form("40 code, DONE, more", f"{RIGHT}[DONE]\n\n{WRONG}"),
    Form(
        "41 channels",
        f"<|channel|>analysis<|message|>{BAD}<|end|><|start|>assistant<|channel|>final<|message|>{PY}<|return|>",
    ),
    Form("42 end token after the fence", f"{PY}<|im_end|>"),
    Form(
        "43 end token, next turn",
        f"{PY}<|im_end|>\n<|im_start|>user\nNow subtract.<|im_end|>\n<|im_start|>assistant\n{BAD}",
    ),
    Form("44 byte order mark", f"\ufeff{RIGHT}"),
    Form("45 terminal colours", f"\x1b[32m{RIGHT}\x1b[0m"),
    Form("46 bare code", RIGHT),
    Form("47 prose, code, prose", f"It's simple. The code is:\n\n{RIGHT}\nIt doesn't do more."),
    Form("48 prose only", "You just add one to x and return it.", "no code"),
    Form("48 prose only, with a stub", "You just add one to x and return it.", "no code", STUB),
    Form("49 empty", "", NO_ANSWER),
    Form("49 blank, with a stub", "\n  \n", NO_ANSWER, STUB),
    Form("50 body", BODY, stub=STUB),
    Form("51 body, next def cut", f"{BODY}\n\ndef g(x):\n    return (x", stub=STUB, cut=True),
    Form("52 body, prose", f"{BODY}\nThis doesn't change x.\n", stub=STUB),
    Form("53 body, print of input", f"{BODY}\nprint(f(int(input())))\n", stub=STUB),
    Form("54 body and a helper below", f"    return step(x)\n\n\n{HELPER}", stub=STUB),
    Form("55 body cut in itself", "    y = x + 1\n    return (y", "cut", STUB, cut=True),
    Form("55 the same, not known to be cut", "    y = x + 1\n    return (y", "syntax", STUB),
    Form("56 first indent eaten", "y = x + 1\n    return y\n", stub=STUB),
    Form("57 fenced body at the margin", fenced("y = x + 1\nreturn y\n"), stub=STUB),
    Form("58 body, closing fence, chat", f"{BODY}```\n\nThis function adds one.", stub=STUB),
    Form("59 signature and docstring again", STUB + BODY, stub=STUB),
    Form("60 imports, then def", "import math\n\ndef f(x):\n    return math.floor(x) + 1\n", stub=STUB),
]

EFFECTS = [
    Form("61 own assert is false", fenced(f"{RIGHT}\nassert f(1) == 3\n")),
    Form("62 main guard that asks", fenced(f'{RIGHT}\nif __name__ == "__main__":\n    print(f(int(input())))\n')),
    Form("62 the same without a guard", fenced(f"{RIGHT}\ndef main():\n    print(f(int(input())))\n\nmain()\n")),
    Form(
        "63 unittest.main",
        fenced(
            f"import unittest\n{RIGHT}\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(1), 3)\n\nunittest.main()\n"
        ),
    ),
    Form("64 exit at the end", fenced(f"{RIGHT}\nexit()\n")),
    Form("65 setrecursionlimit", fenced(f"import sys\nsys.setrecursionlimit(5000)\n{RIGHT}")),
    Form("66 doctest session", fenced(">>> def f(x):\n...     return x + 1\n...\n>>> f(1)\n2\n")),
    Form("67 notebook magic", fenced(f"%%time\n!pip install numpy\n{RIGHT}")),
    Form("68 function of another name", fenced("def g(x):\n    return x + 1\n"), "no such function"),
    Form(
        "69 nested in another function",
        fenced("def g():\n    def f(x):\n        return x + 1\n    return f\n"),
        "no such function",
    ),
    Form("70 async def", fenced("async def f(x):\n    return x + 1\n"), "wrong answer"),
    Form("71 lambda", fenced("f = lambda x: x + 1\n")),
    Form("72 another name", fenced("def g(x):\n    return x + 1\n\nf = g\n")),
    Form(
        "73 decorated",
        fenced("from functools import lru_cache\n\n@lru_cache(maxsize=None)\ndef f(x):\n    return x + 1\n"),
    ),
    Form("74 within if", fenced("if True:\n    def f(x):\n        return x + 1\n")),
    Form("75 prints instead of returning", fenced("def f(x):\n    print(x + 1)\n"), "wrong answer"),
    Form("76 no colon", fenced("def f(x)\n    return x + 1\n"), "syntax"),
    Form("77 class Solution", fenced(METHOD)),
    Form("77 class Solution asked for", fenced(METHOD), entry="Solution().f"),
    Form("77 function in place of the method", PY, entry="Solution().f"),
    Form(
        "78 Solution and a helper class",
        fenced(f"class Step:\n    size = 1\n\n{METHOD.replace('x + 1', 'x + Step.size')}"),
        entry="Solution().f",
    ),
    Form(
        "79 List not imported",
        fenced("class Solution:\n    def f(self, x: List[int]) -> int:\n        return x + 1\n"),
        entry="Solution().f",
        prelude="from typing import *\n",
    ),
    Form(
        "80 class with state",
        fenced(COUNTER + "\nc = Counter(3)\nprint(c.up())\n"),
        entry="Counter",
        call="lambda n: Counter(n).up()",
    ),
    Form("81 stdin program", fenced(STDIN), stdin=True),
    Form(
        "82 stdin with main guard",
        fenced('def main():\n    print(int(input()) + 1)\n\nif __name__ == "__main__":\n    main()\n'),
        stdin=True,
    ),
    Form("83 stdin by buffer", fenced("import sys\nn = int(sys.stdin.buffer.readline())\nprint(n + 1)\n"), stdin=True),
    Form(
        "84 then a block with example input",
        f"{fenced(STDIN)}\nExample input:\n{fenced('1' + chr(10), '')}",
        stdin=True,
    ),
    Form("85 main never called", fenced("def main():\n    print(int(input()) + 1)\n"), "wrong answer", stdin=True),
    Form("86 a line too many", fenced(f"print('n?')\n{STDIN}"), "wrong answer", stdin=True),
    Form("87 exit(0) at the end", fenced(f"{STDIN}exit(0)\n"), stdin=True),
    Form("88 blanks at the end of a line", fenced("print(int(input()) + 1, ' ')\n"), stdin=True),
    Form("89 bare stdin program", STDIN, stdin=True),
    Form(
        "90 annotation from the stub's imports",
        fenced("def f(x: Optional[int]) -> int:\n    return x + 1\n"),
        stub="from typing import Optional\n\n\ndef f(x: Optional[int]) -> int:\n",
    ),
]


@pytest.mark.parametrize("forms", [FENCES, THINKING, EFFECTS], ids=["fences", "thinking", "effects"])
def test_right_answers_are_found_and_wrong_ones_fail_for_their_own_reason(forms: list[Form]) -> None:
    assert failures(forms) == []

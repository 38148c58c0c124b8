"""What a policy may write round a program or an answer: fences, tags, thinking.

A reward that asks for a format pays nothing for a bare program, so both right and wrong texts have to wear what it
asks for. Which that is, is found out by asking it about right answers, plainest first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What stands before and after the text itself."""

    name: str
    before: str = ""
    after: str = ""

    def __call__(self, text: str) -> str:
        """Return the text with what stands round it.

        >>> FENCE("pass")
        '```python\\npass\\n```'
        """
        end = "\n" if "```" in self.after and not text.endswith("\n") else ""
        return f"{self.before}{text}{end}{self.after}"


AS_IS = Wrapping("as it is")
FENCE = Wrapping("in a fence", "```python\n", "```")
AFTER_STUB = Wrapping(
    "as what continues the prompt", "    pass\n\n"
)  # a stub ends within a function, whose body this is
_THOUGHT = "<think>\nI go through it step by step.\n</think>\n"

OF_PROGRAMS = (
    FENCE,
    AS_IS,
    Wrapping("in a fence, in answer tags", "<answer>\n```python\n", "```\n</answer>"),
    Wrapping("in answer tags", "<answer>\n", "\n</answer>"),
    Wrapping("in a fence, after thinking", f"{_THOUGHT}```python\n", "```"),
    Wrapping("in a fence, in answer tags, after thinking", f"{_THOUGHT}<answer>\n```python\n", "```\n</answer>"),
    Wrapping("in answer tags, after thinking", f"{_THOUGHT}<answer>\n", "\n</answer>"),
)
OF_ANSWERS = (
    Wrapping("in a box", r"The answer is $\boxed{", "}$."),
    AS_IS,
    Wrapping("in a box alone", r"\boxed{", "}"),
    Wrapping("after four hashes", "#### "),
    Wrapping("after 'Answer:'", "Answer: "),
    Wrapping("in answer tags", "<answer>", "</answer>"),
    Wrapping("in answer tags, by lines", "<answer>\n", "\n</answer>"),
    Wrapping("in answer tags, after thinking", f"{_THOUGHT}<answer>", "</answer>"),
    Wrapping("in answer tags by lines, after thinking", f"{_THOUGHT}<answer>\n", "\n</answer>"),
    Wrapping("in a box, in answer tags, after thinking", f"{_THOUGHT}<answer>\n\\boxed{{", "}\n</answer>"),
    Wrapping("as JSON", '{"answer": "', '"}'),
    Wrapping("as JSON, in answer tags", '<answer>{"answer": "', '"}</answer>'),
    Wrapping("as JSON, in answer tags, after thinking", f'{_THOUGHT}<answer>{{"answer": "', '"}</answer>'),
)


def wrapping_in(text: str, inner: str, name: str) -> Wrapping | None:
    """Return what stands round an answer in a text that somebody wrote; None where it stands alone, or is not there.

    >>> wrapping_in("28 + 56 = 84, so <final>84</final>", "84", "as it was given")("7")
    '28 + 56 = 84, so <final>7</final>'
    """
    places = list(re.finditer(rf"(?<![\w.]){re.escape(inner.strip())}(?![\w])", text)) if inner.strip() else []
    if not places:
        return None
    before, after = text[: places[-1].start()], text[places[-1].end() :]
    return Wrapping(name, before, after) if (before + after).strip() else None

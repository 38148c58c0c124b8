"""When are two answers the same? Three keys, the cheapest first: layout, the skeleton of tokens, the syntax tree.

A program's own names, its numbers and its texts are normalised; what it uses of the outside never is: builtins,
attributes, imported names, keywords, and the texts of programs that open, import or look up by a text. So `exit()` is
not `f()`. Answers that are no code are told apart by what they answer and by their shape.
"""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterator

from heldout.rollouts.tree import BUILTIN, BY_TEXT, tree_key
from heldout.tasks.answers.blocks import scan
from heldout.tasks.answers.source import code_in
from heldout.tasks.answers.text import answer_of
from heldout.tasks.replies import final_answer

_OWN = "$"  # begins what stands for a program's own name
_TOKEN = re.compile(
    r"""\.?\w+|[^\w\s'"#]|\#[^\n]*"""
    r"""|"(?:""(?s:.*?)(?:"{3}|\Z)|(?:[^"\\\n]|\\.)*"?)|'(?:''(?s:.*?)(?:'{3}|\Z)|(?:[^'\\\n]|\\.)*'?)"""
)
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?import[ \t]+[\w.,* \t()]+", re.M)
_WORD = re.compile(r"[^\W\d]\w*")
_DEFINES = r"(?:def |class |import \w|from [\w.]++ import)"
_CODE = re.compile(
    rf"^[ \t]*+(?:{_DEFINES}|(?:for|while|if|elif|with) .*:|(?:else|try)[ \t]*+:|(?:return|raise)\b"
    r"|[\w.\[\]]++(?:, ?[\w.\[\]]++)*+ ?[-+*/%]?=[^=]|[\w.]++\()",
    re.M,
)
_DEFINITION = re.compile(rf"^[ \t]*+{_DEFINES}", re.M)
_SAYING = ("boxed", "fbox", "####", "nswer is", "nswer:", "NSWER")  # how an answer in words is told
_MARKS = ("<", "\ufeff", "\x1b", "[DONE]", "[PYTHON]")  # without one of them, what follows is not looked for
_MARKED = re.compile(r"</|<\||<(?:think|answer|solution|code)|\ufeff|\x1b|\[(?:DONE|PYTHON)\]")  # not all is the answer
_SHAPE = re.compile(r"</?\w[^<>]{0,40}>|\\[a-zA-Z]+|[^\W\d_]+|\d[\d.,]*|\n|[^\s\w]")
_QUOTES = "\"'"
_LITERAL = BUILTIN | frozenset(keyword.kwlist)
_WORDS = ("answer ", "loop ")  # how the skeleton of an answer in words begins
_BEGIN = 40  # tokens of an answer in words that are its shape
_SHORT = 80  # characters; a shorter answer in words is its own answer
_MOST = 64 * 1024  # characters of an answer that are looked at
_LOOP_OVER = 400  # words, or characters, at the end of a text in which a loop is looked for
_LOOP, _LOOP_OF = 3, 20  # how often it has to come round, and of how many words, at the least


def layout_key(text: str) -> str:
    """Return a text without blank lines, blanks at ends of lines, and the indent that all lines share."""
    lines = list(filter(None, map(str.rstrip, text[:_MOST].expandtabs(4).splitlines())))
    whole = "\n".join(lines)
    return textwrap.dedent(whole).strip() if lines and lines[0][0] == " " else whole


def skeleton(text: str) -> str:
    """Return what is left of an answer without its own choices: tokens with blanks between them.

    >>> skeleton("total = 0  # the sum\\nfor x in xs: total += int(x)") == skeleton("s = 5\\nfor i in ys: s += int(i)")
    True
    >>> skeleton("exit()"), skeleton("f()"), skeleton(r"So it is \\boxed{12}.")
    ('exit ( )', '$0 ( )', 'answer 12: w \\\\boxed { 0 } .')
    """
    bare = text[:_MOST].rstrip()
    program = _program(bare)
    return _words(bare) if program is None else _tokens(program)


def is_program(bare: str) -> bool:
    """Whether a skeleton is that of a program."""
    return not bare.startswith(_WORDS)


def tree_key_of(text: str) -> str | None:
    """Return the key of a program's syntax tree; None for what is no program, or none that parses."""
    program = _program(text[:_MOST])
    if program is None:
        return None
    for attempt in _attempts(program):
        source = code_in(attempt)
        if source is not None:
            return tree_key(source.tree)
    return None


def outside(tokens: str) -> tuple[str, ...]:
    """Return what a skeleton uses of the outside: builtins, attributes and imported names, in their order.

    >>> outside(skeleton("import os\\nfor x in range(3): os._exit(x)"))
    ('os', 'range', 'os', '._exit')
    """
    return tuple(one for one in tokens.split() if _WORD.match(one.lstrip(".")) and not keyword.iskeyword(one))


def _program(text: str) -> str | None:
    """The code of an answer; None where there is none."""
    if any(mark in text for mark in _MARKS) and _MARKED.search(text):
        text = answer_of(text)[0] or text
    if "```" in text or "~~~" in text:
        blocks = [block.text for block in scan(text).blocks if block.kind != "other"]
        if any(map(str.strip, blocks)):
            return "\n".join(blocks)
    if not _CODE.search(text) or (any(one in text for one in _SAYING) and not _DEFINITION.search(text)):
        return None  # "x = 5" is a line of mathematics as well
    return text


def _attempts(program: str) -> Iterator[str]:
    """A program, and what continues a prompt: its first line may lack the indent of the others."""
    yield program.strip("\n")
    first, _, others = program.strip("\n").partition("\n")
    following = next((line for line in others.split("\n") if line.strip()), "")
    indent = following[: len(following) - len(following.lstrip())]
    if indent and not first.rstrip().endswith(":"):
        yield f"{indent}{first.lstrip()}\n{others}"
    yield f"{first.lstrip()}\n{others}"


def _tokens(program: str) -> str:
    tokens = _TOKEN.findall(program)
    stands: dict[str, str] = dict.fromkeys(tokens, "")  # in the order in which they come
    imported = _imported(program) if "import" in stands else frozenset()
    literal = not BY_TEXT.isdisjoint(one.lstrip(".") for one in stands)
    own = 0
    for token in stands:
        if token in _LITERAL or token in imported or token[:2] == token[-2:] == "__":
            stands[token] = token
        elif token[0].isalpha() or token[0] == "_":
            stands[token] = f"{_OWN}{own}"
            own += 1
        else:
            stands[token] = _other(token, literal)
    return " ".join(filter(None, map(stands.__getitem__, tokens)))


def _imported(program: str) -> frozenset[str]:
    return frozenset(word for line in _IMPORT.findall(program) for word in _WORD.findall(line))


def _other(token: str, literal: bool) -> str:
    """What stands for a token that is no name; empty for a comment."""
    first = token[0]
    if first == "#":
        return ""
    if first in "\"'":
        return "_".join(f"'{token.strip(_QUOTES)}'".split()) if literal else "''"
    return "0" if token.lstrip(".")[:1].isdigit() else token


def _words(text: str) -> str:
    """What stands for an answer that is no code: what it answers, and its shape; a loop by what comes round."""
    loop = _loop(text)
    if loop:
        return f"loop {loop}"
    said = final_answer(text)
    if said is None and len(text) <= _SHORT:
        said = " ".join(text.split())
    shape: list[str] = []
    for token in _SHAPE.findall(text[: 40 * _BEGIN]):
        what = "w" if token[0].isalpha() else "0" if token[0].isdigit() else "" if token == "\n" else token
        if what and shape[-1:] != [what]:
            shape.append(what)
        if len(shape) == _BEGIN:
            break
    return f"answer {said or ''}: {' '.join(shape)}"


def _loop(text: str) -> str:
    """What a text that has begun to repeat itself repeats; empty where it does not."""
    units: list[str] = text[-20 * _LOOP_OVER :].split()[-_LOOP_OVER:]
    joint = " "
    if len(units) < _LOOP_OF:
        units, joint = list(text[-_LOOP_OVER:].strip()), ""
    for period in range(1, len(units) // _LOOP + 1):
        over = max(_LOOP * period, _LOOP_OF)
        if units[-over:-period] == units[period - over :]:
            last = units[-period:]
            return joint.join(min(last[n:] + last[:n] for n in range(period)))
    return ""
